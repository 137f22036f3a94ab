import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as v from 'valibot';
import { defaultLabSettings, labPages, type LabRecordOf, labSettingsSchemas, labTables } from '../../src/shared/lab.ts';
import type { Setting } from '../../src/shared/settingKinds.ts';
import { dataFields, pageFields, rateFields } from '../../webview/lab/fields.ts';
import { expectedSeconds, presetChanges, presetOf, restSeconds } from '../../webview/lab/presets.ts';

/** A complete result of the sweep with these settings, of 10 s, on 35 rows of 4 inputs (as far as the duration looks at it). */
function sweep(seeds: number): LabRecordOf<'sweep'> {
  const lines = Array.from({ length: 35 }, (_, i) => i + 2);
  return {
    status: 'complete',
    seconds: 10,
    settings: { ...defaultLabSettings.sweep, maxRows: 50, seeds },
    data: { features: ['a', 'b', 'c', 'd'], lines, rowsInFile: 150 },
  } as unknown as LabRecordOf<'sweep'>;
}

describe('presets of the Lab', () => {
  it('are settings of their page, and are known again; other values are of one’s own', () => {
    for (const page of labPages) {
      assert.equal(presetOf(page, defaultLabSettings[page]), 'default');
      for (const name of ['quick', 'careful'] as const) {
        const settings = { ...defaultLabSettings[page], ...presetChanges(page, name) };
        assert.ok(v.is(labSettingsSchemas[page], settings), `${page} ${name}`);
        assert.equal(presetOf(page, settings), name);
        assert.equal(presetOf(page, { ...settings, maxRows: 7 }), null);
      }
    }
  });

  it('every setting of a page has a field in its form, and every field is one of a setting', () => {
    for (const page of labPages) {
      const rates = page === 'mlp' ? rateFields : [];
      const fields = [...pageFields[page], ...rates, ...dataFields([], defaultLabSettings[page])];
      const keys = (list: readonly string[]): string[] => [...list].sort();
      assert.deepEqual(keys(fields.map(({ key }) => key)), keys(Object.keys(labTables[page])), page);
      for (const { key, choices } of fields) {
        const { type } = (labTables[page] as Readonly<Record<string, Setting<unknown>>>)[key];
        if (type.kind === 'choice' || type.kind === 'choices')
          assert.deepEqual(keys(choices!.map(({ value }) => value)), keys(type.values), key);
        else assert.equal(choices, undefined, key);
      }
    }
  });

  it('target and classes are chosen from those of the file, of more than two one against another', () => {
    const columns = [
      { name: 'kind', classes: ['a', 'b', 'c'], inferred: true },
      { name: 'size', classes: [], inferred: false },
      { name: 'side', classes: ['l', 'r'], inferred: false },
    ];
    const of = (settings: { target: string; positive: string; negative: string }): Record<string, unknown> =>
      Object.fromEntries(
        dataFields(columns, settings).map(({ key, choices }) => [key, choices?.map(({ value }) => value)]),
      );
    const inferred = of({ target: '', positive: 'b', negative: '' });
    assert.deepEqual(inferred.target, ['', 'kind', 'size', 'side']);
    assert.deepEqual(
      [inferred.positive, inferred.negative],
      [
        ['', 'a', 'b', 'c'],
        ['', 'a', 'c'],
      ],
    );
    const two = of({ target: 'side', positive: '', negative: '' });
    assert.deepEqual([two.positive, 'negative' in two], [['', 'l', 'r'], false]);
    assert.equal(
      of({ target: 'size', positive: '', negative: '' }).positive,
      undefined,
      'a number: its value is written',
    );
  });

  it('what a run will take follows the last complete one: the same for the same, more for more, nothing where nothing is known', () => {
    const record = sweep(2);
    const same = expectedSeconds(record, 'sweep', record.settings)!;
    assert.ok(Math.abs(same - 10) < 1e-9);
    const more = expectedSeconds(record, 'sweep', { ...record.settings, widths: [...record.settings.widths, 4096] })!;
    assert.ok(more > 2 * same);
    const rows = expectedSeconds(record, 'sweep', { ...record.settings, maxRows: 100 })!;
    assert.ok(rows > 1.9 * same && rows < 16 * same);
    assert.equal(expectedSeconds(undefined, 'sweep', record.settings), null);
    assert.equal(expectedSeconds({ ...record, status: 'cancelled' }, 'sweep', record.settings), null);
  });

  it('the rest is what is left at the pace so far', () => {
    const at = (fraction: number, milliseconds: number): { fraction: number; milliseconds: number } => ({
      fraction,
      milliseconds,
    });
    assert.equal(restSeconds(at(0.1, 0), at(0.1, 9000)), null);
    assert.equal(restSeconds(null, at(0.5, 9000)), null);
    assert.equal(restSeconds(at(0, 1000), at(0.25, 11_000)), 30);
    assert.equal(restSeconds(at(0.5, 0), at(1, 10_000)), 0);
  });
});
