import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as v from 'valibot';
import { parseOptions } from '../../src/cli/options.ts';
import { optionHelp, settingOptions, settingsOf } from '../../src/cli/trainOptions.ts';
import { UsageError } from '../../src/cli/usage.ts';
import { fieldOf, flatSettings, type Setting } from '../../src/shared/settingKinds.ts';
import { defaultSettings, trainingTable, type TrainSettings } from '../../src/shared/settings.ts';
import { trainSettingsSchema } from '../../src/shared/settingsSchema.ts';

const settings = (...args: string[]): TrainSettings => settingsOf(parseOptions(args, settingOptions).values);

/** Texts for an option, and the value that each asks for. */
function samplesOf({ type, fallback, option }: Setting<unknown>): readonly (readonly [string, unknown])[] {
  switch (type.kind) {
    case 'count':
      return [type.least, type.least + 1].map((value) => [String(value), value]);
    case 'range':
      return [[String((type.least + type.most) / 3), (type.least + type.most) / 3]];
    case 'positive':
      return [['0.75', 0.75]];
    case 'choice':
      return type.values.map((value) => {
        const spelled = Object.entries(option?.spellings ?? {}).find(([, meant]) => meant === value);
        return [spelled?.[0] ?? value, value];
      });
    case 'choices':
      return [[type.values.slice(1).join(', '), type.values.slice(1)]];
    case 'counts':
      return [[`${type.least}, ${type.most}`, [type.least, type.most]]];
    case 'delimiter':
      return [...Object.entries(option?.spellings ?? {}), [';', ';'] as const];
    case 'text':
      return [['abc', 'abc']];
    case 'texts':
      return option?.whole === true ? [['a, b', ['a, b']]] : [['a, b', ['a', 'b']]];
    case 'flag':
    case 'choice-by-name':
    case 'positive-by-name':
      throw new Error(`no text says ${String(fallback)}`);
  }
}

describe('options of training', () => {
  it('weights of classes by name', () => {
    assert.deepEqual(settings('--class-weight', 'a=b=3', '--class-weight=no=0.5').classWeights, {
      by: 'given',
      given: { 'a=b': 3, no: 0.5 },
    });
    for (const wrong of ['yes', 'yes=', 'yes=0', 'yes=-1', '=2'])
      assert.throws(() => settings(`--class-weight=${wrong}`), /--class-weight needs CLASS=W/);
    assert.throws(() => settings('--class-weight=a=2', '--class-weights=balanced'), /either/);
    assert.throws(() => settings('--class-weight=a=1e9'), /--class-weight:/);
  });

  it('without any are the defaults, which the schema takes', () => {
    assert.deepEqual(settings(), v.parse(trainSettingsSchema, defaultSettings));
  });

  it('reach the field that they are for, and no other', () => {
    let tried = 0;
    for (const [field, setting] of flatSettings(trainingTable)) {
      const { option, type } = setting;
      if (option === undefined) continue;
      const cases =
        type.kind === 'flag'
          ? [[`--${option.name}`, true] as const, [`--no-${option.name}`, false] as const]
          : samplesOf(setting).map(([text, value]) => [`--${option.name}=${text}`, value] as const);
      for (const [argument, value] of cases) {
        const got = settings(argument);
        assert.deepEqual(fieldOf(got, field), value, argument);
        for (const [other] of flatSettings(trainingTable))
          if (other !== field)
            assert.deepEqual(fieldOf(got, other), fieldOf(defaultSettings, other), `${argument}: ${other}`);
        tried++;
      }
    }
    assert.ok(tried > 60);
  });

  it('that are wrong are named in the message', () => {
    for (const [, { option, type }] of flatSettings(trainingTable)) {
      if (option === undefined || ['flag', 'text', 'texts'].includes(type.kind)) continue;
      assert.throws(
        () => settings(`--${option.name}=no such value`),
        (error: Error) => error instanceof UsageError && error.message.startsWith(`--${option.name}`),
        option.name,
      );
    }
  });

  it('that contradict each other are refused', () => {
    assert.throws(() => settings('--whiten', '--no-whiten'), /contradict/);
    assert.throws(() => settings('--beta', '1', '--beta-rel', '1'), /either --beta or --beta-rel/);
    assert.throws(() => settings('--no-path', '--path-points', '3'), /either --path-points or --no-path/);
    assert.throws(() => settings('--type', 'a=b'), /--type: /);
    assert.throws(() => settings('--beta', '-1'), /--beta/);
    assert.equal(settings('--no-path').path.points, 0);
    assert.deepEqual(settings('--beta', 'auto').beta, { kind: 'auto', value: defaultSettings.beta.value });
    assert.deepEqual(settings('--beta', '2').beta, { kind: 'absolute', value: 2 });
    assert.deepEqual(settings('--type', 'a=b=date', '--exclude', 'c').columnTypes, { 'a=b': 'date', c: 'leave-out' });
  });

  it('are all in the help, within its width', () => {
    const help = (['data', 'network', 'effort'] as const).map((part) => optionHelp(part)).join('\n');
    for (const name of Object.keys(settingOptions)) assert.match(help, new RegExp(`--${name}\\b`), name);
    for (const line of help.split('\n')) assert.ok(line.length <= 120, line);
  });
});
