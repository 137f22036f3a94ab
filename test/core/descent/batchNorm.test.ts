import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { prepareData } from '../../../src/core/data/prepareData.ts';
import { readTable } from '../../../src/core/data/reader.ts';
import { createReferenceKernels } from '../../../src/core/base/kernels/reference.ts';
import { denseMatrix, type DenseMatrix } from '../../../src/core/base/linalg/matrix.ts';
import { createBatchNormModel } from '../../../src/core/descent/batchNorm.ts';
import { compareGradient } from '../../../src/core/descent/train.ts';
import { createTwoLayerModel } from '../../../src/core/descent/twoLayer.ts';
import { type PreparedProblem, prepare } from '../../../src/core/problem/prepare.ts';
import type { BiasMode } from '../../../src/core/problem/problem.ts';
import { createRng } from '../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../src/core/base/control.ts';
import { pickRows } from '../../../src/session/pickRows.ts';
import { memorySource } from '../../support/memorySource.ts';

const kernels = createReferenceKernels();
const rng = createRng(12);

/** Correlated inputs before and after whitening, as a run with batch normalisation has them. */
async function inputs(rows: number): Promise<{ readonly raw: DenseMatrix; readonly whitened: DenseMatrix }> {
  const lines = Array.from({ length: rows }, () => {
    const common = rng.normal();
    return [0, 1, 2].map((k) => ((k + 1) * (common + rng.normal()) + 5 * k).toFixed(6)).join(',');
  });
  const csv = `a,b,c,y\n${lines.map((line, i) => `${line},${i % 5}`).join('\n')}\n`;
  const options = { target: 'y', task: 'regression', features: [], missing: 'drop', standardize: true } as const;
  const table = await readTable(memorySource(csv), {}, uncontrolled);
  const data = prepareData(table, { ...options, batchNorm: true, testFraction: 0, seed: 1 });
  return { raw: pickRows(data.unwhitened!, data.trainRows), whitened: pickRows(data.X, data.trainRows) };
}

const targets: Record<'squared' | 'logistic' | 'softmax', (i: number) => number[]> = {
  squared: (i) => [Math.sin(i), Math.cos(2 * i)],
  logistic: (i) => [i % 3 === 0 ? 1 : -1],
  softmax: (i) => [i % 3],
};

function problemOf(X: DenseMatrix, loss: keyof typeof targets, bias: BiasMode, beta = 0.4): PreparedProblem {
  const rows = Array.from({ length: X.rows }, (_, i) => targets[loss](i));
  const outputs = loss === 'softmax' ? 3 : rows[0].length;
  const y = denseMatrix(X.rows, rows[0].length, Float64Array.from(rows.flat()));
  const common = { model: 'relu', outputPenalty: 'per-output', tolerance: 1e-6 } as const;
  return prepare({ ...common, X, y, outputs, loss: loss, beta, bias, arrangements: { kind: 'all' } });
}

const biases: BiasMode[] = ['none', 'regularized', 'free'];

describe('a network with batch normalisation', () => {
  it('normalises with mean and deviation of its own pre-activations', async () => {
    const { raw, whitened } = await inputs(17);
    const problem = problemOf(whitened, 'squared', 'regularized');
    const model = createBatchNormModel(problem, raw, 4, kernels);
    const theta = model.initialise(createRng(1), 1).map((value) => value + 0.1);
    const [n, d, m] = [17, 3, 4];
    const found = model.predict(theta);

    const wanted = new Float64Array(n * 2);
    for (let j = 0; j < m; j++) {
      const h = Array.from({ length: n }, (_, i) =>
        [0, 1, 2].reduce((sum, a) => sum + raw.data[i * d + a] * theta[j * d + a], 0),
      );
      const mean = h.reduce((a, b) => a + b, 0) / n;
      const deviation = Math.sqrt(h.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n);
      h.forEach((value, i) => {
        const normalised = (theta[m * d + j] * (value - mean)) / deviation + theta[m * d + m + j];
        wanted[i * 2 + (j % 2)] += Math.max(0, normalised) * theta[m * d + 2 * m + j];
      });
    }
    found.forEach((value, i) => assert.ok(Math.abs(value - wanted[i]) < 1e-10, `${value}, expected ${wanted[i]}`));
  });

  it('has gradients that agree with central differences for every loss and bias', async () => {
    const { raw, whitened } = await inputs(23);
    const order = Int32Array.from({ length: 11 }, (_, i) => (i * 7) % 23);
    for (const loss of ['squared', 'logistic', 'softmax'] as const) {
      for (const bias of biases) {
        const model = createBatchNormModel(problemOf(whitened, loss, bias), raw, 5, kernels);
        const theta = model.initialise(createRng(2), 1).map((value, i) => value + 0.05 * Math.sin(i));
        for (const rows of [null, order]) {
          const count = rows === null ? 23 : 11;
          const value = (t: Float64Array): number =>
            model.addLoss(t, rows, 0, count, null) + model.addPenalty(t, 1, null);
          const gradient = new Float64Array(model.size);
          model.addLoss(theta, rows, 0, count, gradient);
          model.addPenalty(theta, 1, gradient);
          for (let i = 0; i < model.size; i++) {
            const [plus, minus] = [theta.slice(), theta.slice()];
            plus[i] += 1e-6;
            minus[i] -= 1e-6;
            const numeric = (value(plus) - value(minus)) / 2e-6;
            assert.ok(Math.abs(numeric - gradient[i]) < 1e-5 * (1 + Math.abs(gradient[i])), `${loss} ${bias} ${i}`);
          }
        }
      }
    }
  });

  it('is a ReLU network on whitened inputs with the same outputs and penalty', async () => {
    const { raw, whitened } = await inputs(29);
    for (const loss of ['squared', 'softmax'] as const) {
      for (const bias of biases) {
        const problem = problemOf(whitened, loss, bias);
        const model = createBatchNormModel(problem, raw, 6, kernels);
        const plain = createTwoLayerModel(problem, { kind: 'relu', width: 6 }, kernels);
        const theta = model.initialise(createRng(3), 1).map((value, i) => value + 0.2 * Math.cos(i));
        const image = model.onWhitened(theta);
        const outputs = plain.predict(image);
        model.predict(theta).forEach((value, i) => assert.ok(Math.abs(value - outputs[i]) < 1e-9));
        const [one, two] = [model.addPenalty(theta, 1, null), plain.addPenalty(image, 1, null)];
        assert.ok(Math.abs(one - two) < 1e-9 * one, `${loss} ${bias}: ${one} ${two}`);
      }
    }
  });

  it('trains without leaving its image in the convex program', async () => {
    const { raw, whitened } = await inputs(31);
    const problem = problemOf(whitened, 'squared', 'regularized', 1);
    const layer = { kind: 'batch-norm', width: 8, inputs: raw } as const;
    for (const batchSize of [0, 8]) {
      const runs = compareGradient(problem, layer, { rules: ['adam'], seeds: [1, 2], epochs: 150, batchSize });
      for (const run of runs) {
        assert.ok(run.final < 0.9 * run.curve.objective[0], `${run.final} from ${run.curve.objective[0]}`);
        assert.ok(run.merged <= run.final * (1 + 1e-9), `${run.merged} above ${run.final}`);
      }
    }
  });
});
