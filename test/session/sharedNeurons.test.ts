import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readNetwork } from '../../src/core/network/formats/readNetwork.ts';
import { exportRun } from '../../src/session/exportRun.ts';
import { networkOfRun } from '../../src/session/runNetwork.ts';
import { outputPenaltyWords, sharesNeurons } from '../../src/shared/outputs.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { runOnnx } from '../support/onnxRuntime.ts';
import { sampleSource } from '../support/memorySource.ts';
import { recompute } from '../support/recompute.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

const settings = {
  ...quickSettings,
  model: 'relu',
  arrangements: 'adaptive',
  target: 'target',
  outputPenalty: 'nuclear',
} as const;

/** Trains, and recomputes objective and outputs from the record and the cells of the file. */
async function train(
  name: string,
  change: object,
): Promise<{
  readonly run: RunRecord;
  readonly outputs: number[][];
  readonly objective: number;
  readonly cells: readonly (readonly string[])[];
}> {
  const session = testSession(sampleSource(name));
  const run = await session.train({ ...settings, ...change }, listen(), running);
  const { header, rows } = await session.rows(run.rows.line.map((_, i) => i));
  const cells = rows.map((row) => row.cells);
  return { run, cells, ...recompute(run, cells, header) };
}

describe('classes with plain weight decay', () => {
  it('iris: one network of neurons that feed all outputs, below the per-output one, and ahead of or level with descent', async () => {
    const compare = { enabled: true, optimizers: ['momentum', 'adam'], seeds: 1, epochs: 200, batchSize: 0 } as const;
    const { run, objective } = await train('iris.csv', { certifySeconds: 0.5, compare });
    const { solution, resolved } = run;
    assert.equal(resolved.outputPenalty, 'nuclear');
    assert.equal(solution.status, 'optimal');
    assert.ok(sharesNeurons(run));
    assert.ok(Math.abs(objective - solution.objective) <= 1e-9 * objective);
    assert.ok(Math.abs(solution.networkObjective - solution.objective) <= 1e-9 * objective);
    assert.ok(solution.global!.lowerBound <= objective);
    assert.ok(run.neurons.every(({ output, gate, outer }) => output === -1 && gate >= 0 && outer.length === 3));
    // balanced: what a neuron costs is the product of its norms
    const total = run.neurons.reduce((sum, { norm }) => sum + norm, 0);
    assert.ok(Math.abs(total - solution.penalty) <= 1e-9 * total);
    assert.equal(solution.global!.worstOuter!.length, 3);
    assert.equal(run.compare!.runs.length, 2);
    for (const { merged } of run.compare!.runs) assert.ok(solution.objective <= merged * (1 + 1e-9));
    assert.match(outputPenaltyWords('relu', resolved.outputPenalty), /plain weight decay/);

    const beta = { kind: 'absolute', value: resolved.beta } as const;
    const apart = await train('iris.csv', { outputPenalty: 'per-output', beta });
    assert.ok(!sharesNeurons(apart.run));
    assert.ok(solution.objective < apart.run.solution.objective);
  });

  it('squared loss on classes, and a free bias: the record holds what was solved, and exports run alike', async () => {
    for (const change of [{ loss: 'squared' }, { bias: 'free' }]) {
      const { run, outputs, objective, cells } = await train('iris.csv', { ...change, maxRows: 60 });
      assert.equal(run.solution.status, 'optimal', JSON.stringify(change));
      assert.ok(Math.abs(objective - run.solution.objective) <= 1e-8 * objective);
      const predicts = (values: ArrayLike<number>, tolerance: number): void =>
        run.rows.prediction.forEach((value, k) =>
          assert.ok(Math.abs(values[k] - value) <= tolerance, `${k}: ${values[k]} ${value}`),
        );
      predicts(outputs.flat(), 1e-9);
      const raw = Float64Array.from(cells.flatMap((row) => row.slice(0, 4).map(Number)));
      predicts((await runOnnx(exportRun(run, 'onnx') as Uint8Array, cells.length, raw)).data, 1e-3);
      const json = readNetwork(new TextEncoder().encode(exportRun(run, 'json') as string), 'model.json');
      assert.deepEqual(Array.from(json.W2.data), Array.from(networkOfRun(run).W2.data));
      const python = exportRun(run, 'pytorch') as string;
      assert.match(python, /with weight_decay = /);
      assert.doesNotMatch(python, /feeds one output only/);
    }
  });

  it('penguins: optimal on mixed columns', async () => {
    const { run, objective } = await train('penguins.csv', { maxRows: 150 });
    assert.equal(run.solution.status, 'optimal');
    assert.ok(Math.abs(objective - run.solution.objective) <= 1e-8 * objective);
  });

  it('what has no such program is refused with the reason', async () => {
    for (const [change, reason] of [
      [{ outputPenalty: 'frobenius' }, /iris\.csv: outputPenalty: Frobenius blocks exist for gated networks only/],
      [{ arrangements: 'sampled' }, /iris\.csv: arrangements: with plain weight decay .* copositive/],
    ] as const) {
      await assert.rejects(train('iris.csv', change), (error: Error) => reason.test(String(error)));
    }
  });
});
