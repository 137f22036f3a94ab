import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { uncontrolled } from '../../src/core/base/control.ts';
import { createRng } from '../../src/core/base/rng.ts';
import { DataError } from '../../src/core/data/dataError.ts';
import { exportRun } from '../../src/session/exportRun.ts';
import { predictOn } from '../../src/session/predictOn.ts';
import { runFault, runOfJson } from '../../src/shared/runSchema.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { nodeFiles } from '../../src/platform/node/nodeFiles.ts';
import { readRun, RunFileError, writeRun } from '../../src/store/runFiles.ts';
import { memorySource } from '../support/memorySource.ts';

const fixtures = path.join(import.meta.dirname, '../fixtures/runs');
const names = ['penguins', 'diabetes', 'co2_1d', 'xor_2d'];
const textOf = (name: string): string => readFileSync(path.join(fixtures, `${name}.json`), 'utf8');
const load = (name: string): RunRecord => {
  const read = runOfJson(JSON.parse(textOf(name)));
  assert.ok('run' in read, `${name}: ${JSON.stringify(read)}`);
  return read.run;
};
const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-schema-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** A few rows that the network of a run can read. */
function dataFor({ scaling }: RunRecord): string {
  const columns = [...new Map(scaling.inputs.map((input) => [input.column, input])).values()];
  const cell = ({ category, date, mean }: (typeof columns)[number]): string =>
    category ?? (date === true ? '2020-01-02' : String(mean));
  const header = [...columns.map(({ column }) => JSON.stringify(column)), 'more'].join(',');
  const row = [...columns.map(cell), 'x'].join(',');
  return `${header}\n${row}\n${row}\n`;
}

describe('a run record', () => {
  for (const name of names) {
    it(`${name}: is what the schema says, and the network of it predicts`, async () => {
      const run = load(name);
      assert.equal(runFault(run), undefined);
      const predicted = await predictOn(run, memorySource(dataFor(run)), uncontrolled);
      assert.match(predicted!.csv.split('\n')[1], /\d/);
    });
  }

  it('is finite or is not written, and the field is named', async () => {
    for (const value of [NaN, Infinity, -Infinity]) {
      const run = structuredClone(load('penguins'));
      (run.neurons[0].original.weights as number[][])[0][0] = value;
      await assert.rejects(writeRun(folder, run, nodeFiles), (error: unknown) => {
        assert.ok(error instanceof RunFileError);
        assert.match(error.message, /neurons\.0\.original\.weights\.0\.0: is not a finite number/);
        return true;
      });
    }
  });

  it('of another network than the one that was trained is refused, though nothing is missing', () => {
    const damaged: readonly [string, (run: RunRecord) => unknown][] = [
      ['resolved.classes', ({ resolved }) => (resolved.classes as string[]).fill(resolved.classes[0])],
      ['scaling.inputs.1', ({ scaling }) => ((scaling.inputs as unknown[])[1] = structuredClone(scaling.inputs[0]))],
      ['scaling.inputs.0.mean', ({ scaling }) => ((scaling.inputs[0] as { mean: number }).mean = 1e200)],
      ['scaling.target.mean', ({ scaling }) => ((scaling.target as { mean: number }).mean = -1e61)],
      ['neurons', ({ neurons }) => ((neurons as unknown[]).length = 0)],
    ];
    for (const [field, damage] of damaged) {
      const run = structuredClone(load('penguins'));
      damage(run);
      const read = runOfJson(JSON.parse(JSON.stringify(run)));
      assert.equal('fault' in read && read.fault.field, field);
    }
  });

  it('leaves the store without the place of its file, and finite or not at all', () => {
    const run = structuredClone(load('xor_2d'));
    (run.dataset as { uri: string }).uri = 'file:///home/somebody/secret%20project/xor_2d.csv';
    for (const what of ['run', 'predictions', 'onnx', 'json', 'pytorch'] as const) {
      const content = Buffer.from(exportRun(run, what)).toString('latin1');
      assert.doesNotMatch(content, /somebody|secret|file:/, what);
    }
    const read = runOfJson(JSON.parse(exportRun(run, 'run') as string));
    assert.ok('run' in read);
    assert.deepEqual(read.run, { ...run, dataset: { ...run.dataset, uri: 'xor_2d.csv' } });
    (run.neurons[0] as { norm: number }).norm = NaN;
    assert.throws(() => exportRun(run, 'run'), {
      name: 'DataError',
      message: /neurons\.0\.norm: is not a finite number/,
    });
  });

  it('keeps a bound that is not there yet as one', async () => {
    const run = structuredClone(load('penguins'));
    const solution = run.solution as { dualBound: number; relativeGap: number };
    solution.dualBound = -Infinity;
    solution.relativeGap = Infinity;
    assert.deepEqual((await readRun(await writeRun(folder, run, nodeFiles), nodeFiles)).solution, run.solution);
  });

  it('damaged anywhere is refused with the field, or predicts finite numbers', async () => {
    const rng = createRng(8);
    const values = [null, '', '7', -1, 0.5, 1e9, 1e15, 1e308, [], {}, true, [[1]], { kind: 'linear' }];
    let refused = 0;
    for (let trial = 0; trial < 300; trial++) {
      const name = names[trial % names.length];
      const json = JSON.parse(textOf(name)) as Record<string, unknown>;
      // down to a random leaf, in the parts that a prediction reads
      const parts = ['resolved', 'settings', 'scaling', 'neurons', 'outputOffset', 'dataset', 'deep', 'rows'];
      let holder: Record<string, unknown> = json;
      let key = parts[rng.integer(parts.length)];
      while (typeof holder[key] === 'object' && holder[key] !== null && rng.uniform() < 0.85) {
        const keys = Object.keys(holder[key] as object);
        if (keys.length === 0) break;
        holder = holder[key] as Record<string, unknown>;
        key = keys[rng.integer(keys.length)];
      }
      const value = values[rng.integer(values.length + 1)] as unknown;
      if (value === undefined) delete holder[key];
      else holder[key] = value;
      const file = path.join(folder, 'mutant.run.json');
      writeFileSync(file, JSON.stringify(json));
      try {
        const predicted = await predictOn(
          await readRun(file, nodeFiles),
          memorySource(dataFor(load(name))),
          uncontrolled,
        );
        assert.doesNotMatch(predicted!.csv, /NaN|Infinity|undefined/);
      } catch (error) {
        assert.ok(error instanceof RunFileError || error instanceof DataError, String((error as Error).stack));
        assert.match(error.message, /\w+\.\w+|column|deep|line/);
        refused++;
      }
    }
    assert.ok(refused > 100, `${refused} refused`);
  });
});
