import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseOptions } from '../../src/cli/options.ts';
import { settingOptions, settingsOf } from '../../src/cli/trainOptions.ts';
import { settingArguments, shellWord, trainCommandLine } from '../../src/shared/commandLine.ts';
import { defaultSettings, type TrainSettings } from '../../src/shared/settings.ts';

const again = (settings: TrainSettings): TrainSettings =>
  settingsOf(parseOptions(settingArguments(settings), settingOptions).values);

describe('command line of a run', () => {
  it('says nothing where nothing differs from the defaults', () => {
    assert.deepEqual(settingArguments(defaultSettings), []);
  });

  it('asks for the same settings', () => {
    const settings: TrainSettings = {
      ...defaultSettings,
      dialect: { delimiter: '\t', quote: '\\"', decimal: ',', header: false, skip: 2, na: ['-9', 'none'] },
      columnTypes: { 'a=b': 'classes', when: 'date-day-first', row: 'leave-out' },
      target: '-x, y',
      features: ['a, b', "it's", '=c'],
      model: 'three-layer',
      m1: 3,
      loss: 'huber',
      delta: 0.5,
      beta: { kind: 'absolute', value: 0.012 },
      standardize: false,
      whiten: true,
      bias: 'free',
      path: { points: 0, smallest: 0.001 },
      crossValidation: { folds: 7, rule: 'one-standard-error' },
      compare: { ...defaultSettings.compare, enabled: false, optimizers: ['adam'] },
    };
    assert.deepEqual(again(settings), settings);
    for (const kind of ['auto', 'relative'] as const) {
      const beta = { kind, value: kind === 'auto' ? defaultSettings.beta.value : 0.03 };
      assert.deepEqual(again({ ...defaultSettings, beta }).beta, beta);
    }
  });

  it('is read by a shell as it was meant, whatever the names hold', () => {
    const unit = fc.oneof(
      fc.constantFrom(...`'"\\$\`!#&;|<>()*?~ \n\t\u202e\u0007é中😀-=`),
      fc.string({ maxLength: 1 }),
    );
    const name = fc.string({ unit, minLength: 1, maxLength: 12 }).filter((text) => !text.includes('\0'));
    fc.assert(
      fc.property(fc.array(name, { minLength: 1, maxLength: 8 }), (names) => {
        const line = names.map(shellWord).join(' ');
        assert.doesNotMatch(line, /[\n\t\u202e\u0007]/);
        const echoed = execFileSync('bash', ['-c', `printf '%s\\0' ${line}`], {
          encoding: 'utf8',
          env: { LC_ALL: 'C.UTF-8' },
        });
        assert.deepEqual(echoed.split('\0').slice(0, -1), names);
      }),
      { numRuns: 30, seed: 7 },
    );
  });

  it('names the file without its folder, and never as an option', () => {
    const dataset = { name: '--out=x.csv' } as Parameters<typeof trainCommandLine>[0]['dataset'];
    assert.equal(trainCommandLine({ dataset, settings: defaultSettings }), 'convexnet train ./--out=x.csv');
  });
});
