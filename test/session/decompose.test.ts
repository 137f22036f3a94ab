import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { networkFit } from '../../src/core/network/evaluate.ts';
import { fromRows } from '../../src/core/base/linalg/matrix.ts';
import { exportDecomposition } from '../../src/session/exportRun.ts';
import { clock, listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';
import { memorySource, sampleSource } from '../support/memorySource.ts';
import { decodeOnnx } from '../support/onnxDecoder.ts';

interface NetworkJson {
  readonly model: string;
  readonly W1: number[][];
  readonly b1: number[];
  readonly W2: number[][];
  readonly b2: number[];
  readonly gates?: unknown;
  readonly decomposition: { readonly of: string; readonly objective: number; readonly gatedObjective: number };
}

interface ProblemJson {
  readonly X: number[][];
  readonly y: number[] | number[][];
  readonly beta: number;
}

describe('a gated run as a ReLU network', () => {
  for (const [name, settings] of [
    ['diabetes.csv', { maxRows: 80 }],
    ['iris.csv', {}],
  ] as const) {
    it(`${name}: has the fit of the gated network, and the objective that its file says, computed from file and data`, async () => {
      const session = testSession(sampleSource(name));
      const run = await session.train({ ...quickSettings, target: 'target', ...settings }, listen(), running);
      const decomposition = await session.decompose(null, running);
      const { objective, gatedObjective, fitDifference } = decomposition;
      assert.ok(Math.abs(gatedObjective - run.solution.objective) <= 1e-8 * gatedObjective);
      assert.ok(objective >= gatedObjective * (1 - 1e-9), 'a ReLU network with that fit costs at least as much');
      assert.ok(fitDifference < 1e-7, String(fitDifference));

      const file = JSON.parse(exportDecomposition(run, decomposition, 'json') as string) as NetworkJson;
      assert.equal(file.model, 'relu');
      assert.equal(file.gates, undefined);
      assert.equal(file.W1.length, decomposition.neurons);
      assert.deepEqual(file.decomposition, { of: run.id, objective, gatedObjective, fitDifference });
      // from the definition: loss + beta/2 (||W1||^2 + ||b1||^2 + sum_j ||a_j||_1^2)
      const problem = JSON.parse(await session.exportProblem()) as ProblemJson;
      const network = {
        W1: fromRows(file.W1),
        b1: Float64Array.from(file.b1),
        W2: fromRows(file.W2),
        b2: Float64Array.from(file.b2),
      };
      const fit = networkFit(network, fromRows(problem.X));
      let loss = 0;
      if (run.resolved.loss === 'squared') problem.y.flat().forEach((y, i) => (loss += 0.5 * (fit.data[i] - y) ** 2));
      else {
        problem.y.flat().forEach((label, i) => {
          const row = fit.data.subarray(i * fit.cols, (i + 1) * fit.cols);
          const top = Math.max(...row);
          loss += top + Math.log(row.reduce((sum, z) => sum + Math.exp(z - top), 0)) - row[label];
        });
      }
      const square = (values: number[]): number => values.reduce((sum, value) => sum + value * value, 0);
      const outer = file.W2.map((a) => a.reduce((sum, value) => sum + Math.abs(value), 0));
      const decay = square(file.W1.flat()) + square(file.b1) + square(outer);
      const expected = loss + (problem.beta / 2) * decay;
      assert.ok(Math.abs(objective - expected) <= 1e-9 * expected, `${objective} ${expected}`);

      const { columns } = decodeOnnx(exportDecomposition(run, decomposition, 'onnx') as Uint8Array).input;
      assert.equal(columns, run.resolved.inputs);
      assert.match(exportDecomposition(run, decomposition, 'pytorch') as string, /cone decomposition/);
    });
  }

  it('is refused for other models and changed files, and can be stopped', async () => {
    const source = memorySource('a,b,target\n1,2,3\n2,1,4\n4,4,1\n5,3,2\n3,3,3\n2,5,1\n');
    const session = testSession(source);
    const relu = await session.train({ ...quickSettings, model: 'relu' }, listen(), running);
    await assert.rejects(session.decompose(relu, running), /only a gated ReLU network/);
    const gated = await session.train(quickSettings, listen(), running);
    await assert.rejects(
      session.decompose(gated, { shouldStop: () => true, now: clock }),
      (error: Error) => error.name === 'TrainStopped',
    );
    source.bytes = new TextEncoder().encode('a,b,target\n1,2,3\n2,1,4\n');
    source.stamp = { size: 1, mtime: 2 };
    await assert.rejects(session.decompose(gated, running), /changed since the run/);
  });
});
