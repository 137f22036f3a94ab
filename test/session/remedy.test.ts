import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import * as v from 'valibot';
import { remarksOf } from '../../src/shared/remarks.ts';
import { remedied, remedies } from '../../src/shared/remedy.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { defaultSettings, type TrainSettings } from '../../src/shared/settings.ts';
import { trainSettingsSchema } from '../../src/shared/settingsSchema.ts';

const diabetes = JSON.parse(readFileSync('test/fixtures/runs/diabetes.json', 'utf8')) as RunRecord;

describe('remedies', () => {
  it('are settings that hold, at the ends of their ranges too', () => {
    const ends: TrainSettings[] = [
      defaultSettings,
      { ...defaultSettings, timeLimitSeconds: 86_400, path: { points: 5, smallest: 1e-6 } },
    ];
    for (const settings of ends) {
      for (const remedy of remedies) {
        assert.ok(v.safeParse(trainSettingsSchema, remedied(settings, remedy)).success, remedy);
      }
    }
  });

  it('mend one thing each', () => {
    const base: TrainSettings = { ...defaultSettings, beta: { kind: 'absolute', value: 3 }, timeLimitSeconds: 10 };
    assert.equal(remedied(base, 'choose-beta').beta.kind, 'auto');
    assert.equal(remedied(base, 'longer').timeLimitSeconds, 30);
    assert.equal(remedied(base, 'smaller-beta').path.smallest, base.path.smallest / 10);
    assert.deepEqual(remedied(base, 'impute'), { ...base, missing: 'impute' });
  });

  it('of a better simple model: beta by the data, then other networks, then the one they say, or none', () => {
    const evaluation: RunRecord['evaluation'] = {
      ...{ measure: 'squared error', rows: 88, network: 3100, baseline: 2900, baselineModel: 'ridge regression' },
      ...{ difference: 200, standardError: 50 },
    };
    const run: RunRecord = { ...diabetes, evaluation };
    const automatic: RunRecord = { ...run, settings: { ...run.settings, beta: { kind: 'auto', value: 0.1 } } };
    const point = (mean: number) => ({ beta: 0.5, mean, standardError: 0.1, active: 3, folds: [mean] });
    const compared = (relu: number, linear: number, complete = true): RunRecord => ({
      ...automatic,
      models: {
        ...{ measure: 'squared error', rule: 'smallest', folds: 1, seconds: 1, complete },
        models: [
          { network: 'relu', point: point(relu) },
          { network: 'linear', depth: 2, point: point(linear) },
        ],
      },
    });
    const remark = (of: RunRecord) => remarksOf(of).find(({ code }) => code === 'baseline-better')!;
    assert.equal(remark(run).remedy, 'choose-beta');
    assert.equal(remark(automatic).remedy, 'compare-models');
    assert.equal(remark(compared(2, 1, false)).remedy, 'compare-models');
    assert.equal(remark(compared(1, 2)).remedy, 'baseline');
    assert.equal(remark(compared(2, 1)).remedy, 'best-model');
    assert.match(remark(compared(2, 1)).text, /; cross-validation prefers another network: deep linear\.$/);
  });
});
