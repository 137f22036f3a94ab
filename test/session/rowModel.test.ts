import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { boundaryDistance, rowFields, rowOutput, rowValues, typicalCell } from '../../src/shared/rowModel.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { naiveRows } from '../core/data/naiveCsv.ts';
import { samplesFolder, sampleSource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

async function trained(
  name: string,
  more: object,
): Promise<{ run: RunRecord; cell: (row: number) => (c: string) => string }> {
  const run = await testSession(sampleSource(name)).train({ ...quickSettings, ...more }, listen(), running);
  const [head, ...lines] = naiveRows(readFileSync(path.join(samplesFolder, name), 'utf8'), ',');
  const byLine = new Map(lines.map(({ line, cells }) => [line, cells]));
  return { run, cell: (row) => (column) => byLine.get(run.rows.line[row])![head.cells.indexOf(column)] };
}

describe('one row, taken apart', () => {
  for (const [name, more] of [
    ['diabetes.csv', { target: 'target', maxRows: 80, whiten: true }],
    ['penguins.csv', { maxRows: 90 }],
    ['xor_2d.csv', { model: 'relu', maxRows: 40 }],
    ['xor_2d.csv', { model: 'relu', maxRows: 40, bias: 'free', loss: 'squared' }],
  ] as const) {
    it(`${name} ${JSON.stringify(more)}: cells give the recorded prediction, which base and neurons add up to`, async () => {
      const { run, cell } = await trained(name, more);
      const c = run.resolved.outputs;
      for (let row = 0; row < run.rows.line.length; row += 7) {
        const read = rowValues(run, (column) => cell(row)(column), '.');
        assert.ok('values' in read);
        const found = rowOutput(run, read.values);
        found.outputs.forEach((value, o) => {
          const recorded = run.rows.prediction[row * c + o];
          assert.ok(Math.abs(value - recorded) <= 1e-8 * (1 + Math.abs(recorded)), `${row}: ${value} ${recorded}`);
          const sum = found.neurons.reduce((total, { adds }) => total + adds[o], found.base[o]);
          assert.ok(Math.abs(sum - value) <= 1e-9 * (1 + Math.abs(value)));
        });
        // the slopes are those of the outputs
        const k = 0;
        const step = 1e-6 * run.scaling.inputs[k].scale;
        const moved = rowOutput(
          run,
          read.values.map((v, i) => (i === k ? v + step : v)),
        );
        if (moved.neurons.every(({ on }, j) => on === found.neurons[j].on)) {
          const slope = (moved.outputs[0] - found.outputs[0]) / step;
          assert.ok(Math.abs(slope - found.slopes[0][k]) <= 1e-3 * (1e-3 + Math.abs(slope)));
        }
      }
    });
  }

  it('the boundary is where the distance says, while the same neurons are on', async () => {
    const { run, cell } = await trained('xor_2d.csv', {
      model: 'relu',
      maxRows: 60,
      beta: { kind: 'relative', value: 0.02 },
    });
    let met = 0;
    for (let row = 0; row < run.rows.line.length; row++) {
      const read = rowValues(run, cell(row), '.');
      assert.ok('values' in read);
      const here = rowOutput(run, read.values);
      const distance = boundaryDistance(run, here)!;
      const { inputs } = run.scaling;
      const gradient = here.slopes[0].map((s, k) => s * inputs[k].scale);
      const size = Math.hypot(...gradient);
      const way = (distance * -Math.sign(here.outputs[0])) / size;
      const at = rowOutput(
        run,
        read.values.map((v, k) => v + way * gradient[k] * inputs[k].scale),
      );
      if (at.neurons.some(({ on }, j) => on !== here.neurons[j].on)) continue;
      met++;
      assert.ok(Math.abs(at.outputs[0]) < 1e-9);
    }
    assert.ok(met > 0);
  });

  it('asks for columns as they are, fills a typical row, and says what cannot be read', async () => {
    const { run } = await trained('penguins.csv', { maxRows: 90 });
    const fields = rowFields(run);
    assert.ok(fields.some(({ column, kind }) => column === 'island' && kind === 'category'));
    const cells = new Map(fields.map((field) => [field.column, typicalCell(run, field)]));
    assert.ok('values' in rowValues(run, (column) => cells.get(column)!, '.'));
    const number = fields.find(({ kind }) => kind === 'number')!.column;
    const wrong = rowValues(run, (column) => (column === number ? 'long' : cells.get(column)!), '.');
    assert.deepEqual(wrong, { column: number, problem: 'needs a number, not “long”' });
  });
});
