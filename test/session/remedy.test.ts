import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as v from 'valibot';
import { remedied, remedies } from '../../src/shared/remedy.ts';
import { defaultSettings, type TrainSettings } from '../../src/shared/settings.ts';
import { trainSettingsSchema } from '../../src/shared/settingsSchema.ts';

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
});
