import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { exportRun } from '../../src/session/exportRun.ts';
import { decodeBits } from '../../src/shared/bits.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { naiveRows } from '../core/data/naiveCsv.ts';
import { samplesFolder, sampleSource } from '../support/memorySource.ts';
import { runOnnx } from '../support/onnxRuntime.ts';
import { recompute } from '../support/recompute.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

/** Cells of the rows of a run, by another parser. */
function cellsOf(name: string, run: RunRecord): { header: string[]; cells: string[][] } {
  const rows = naiveRows(readFileSync(path.join(samplesFolder, name), 'utf8'), ',');
  const byLine = new Map(rows.map(({ line, cells }) => [line, cells]));
  return { header: rows[0].cells, cells: run.rows.line.map((line) => byLine.get(line)!) };
}

const score = (run: RunRecord, model: string, measure: string): number =>
  run.metrics.find((row) => row.model === model && row.measure === measure)!.train;

describe('shipped samples', () => {
  const names = readdirSync(samplesFolder).filter((name) => name.endsWith('.csv'));
  it('are there', () => assert.ok(names.length >= 10));

  for (const name of names) {
    it(`${name} trains, and its numbers hold up`, async () => {
      const run = await testSession(sampleSource(name)).train(
        { ...quickSettings, maxRows: 160, beta: { kind: 'relative', value: 0.05 } },
        listen(),
        running,
      );
      const { solution } = run;
      assert.equal(solution.status, 'optimal');
      assert.ok(solution.relativeGap <= 1e-6);
      assert.ok(run.neurons.length > 0);

      // Objective and predictions, from the file and the record by other code.
      const { header, cells } = cellsOf(name, run);
      const { outputs, objective } = recompute(run, cells, header);
      const scale = 1 + Math.abs(objective);
      assert.ok(Math.abs(objective - solution.objective) <= 1e-9 * scale, `${objective} ${solution.objective}`);
      assert.ok(Math.abs(solution.networkObjective - solution.objective) <= 1e-9 * scale);
      const { mean, scale: unit } = run.scaling.target;
      outputs.forEach((f, i) =>
        f.forEach((value, o) => {
          const expected = run.resolved.task === 'regression' ? value * unit + mean : value;
          const found = run.rows.prediction[i * run.resolved.outputs + o];
          assert.ok(Math.abs(found - expected) <= 1e-9 * (1 + Math.abs(expected)), `row ${i}: ${found} ${expected}`);
        }),
      );

      // The exported model, on the original cells.
      const X = Float64Array.from(
        cells.flatMap((row) =>
          run.scaling.inputs.map(({ column, category }) => {
            const cell = row[header.indexOf(column)];
            return category === undefined ? Number(cell) : Number(cell === category);
          }),
        ),
      );
      const exported = (await runOnnx(exportRun(run, 'onnx') as Uint8Array, cells.length, X)).data;
      exported.forEach((value, i) => {
        const expected = run.rows.prediction[i];
        assert.ok(Math.abs(value - expected) <= 1e-9 * (1 + Math.abs(expected)), `ONNX row ${i}: ${value} ${expected}`);
      });

      // Better than knowing nothing, on the training rows.
      if (run.resolved.task === 'regression')
        assert.ok(score(run, 'convex network', 'RMSE') < score(run, 'mean', 'RMSE'));
      else assert.ok(score(run, 'convex network', 'log loss') < score(run, 'majority class', 'log loss'));

      // Shares, bits, dual constraints.
      const share = run.neurons.reduce((sum, neuron) => sum + neuron.share, 0);
      assert.ok(Math.abs(share - 1) < 1e-9);
      for (const neuron of run.neurons) {
        const bits = decodeBits(neuron.on, run.rows.line.length);
        assert.equal(
          bits.reduce((sum, bit) => sum + bit, 0),
          neuron.onCount,
        );
        assert.ok(neuron.gate >= 0, 'a neuron of a gated network knows its gate');
        assert.ok(Math.abs(run.gates.constraint[neuron.gate] - 1) < 1e-3, 'the constraint of an active gate is tight');
      }
      assert.ok(run.gates.constraint.every((value) => value <= 1 + 1e-4));
      assert.equal(run.rows.dual.length, run.resolved.trainRows * run.resolved.outputs);
      assert.equal(
        run.dataset.rowsTotal,
        naiveRows(readFileSync(path.join(samplesFolder, name), 'utf8'), ',').length - 1,
      );
      assert.equal(
        run.dataset.rowsUsed + run.dataset.dropped.reduce((sum, { count }) => sum + count, 0),
        run.dataset.rowsTotal,
        'every row is used or accounted for',
      );
    });
  }
});
