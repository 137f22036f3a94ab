import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createReferenceKernels } from '../../../../src/core/base/kernels/reference.ts';
import { type DenseMatrix, fromRows } from '../../../../src/core/base/linalg/matrix.ts';
import { erf } from '../../../../src/core/descent/layers/activation.ts';
import { type MlpShape, createMlpModel, initialiseMlp, predictMlp } from '../../../../src/core/descent/mlp.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { limitKernel } from '../../../../src/core/theory/wide/limitKernel.ts';
import { evenMoments, hermiteCoefficients } from '../../../../src/core/theory/wide/moments.ts';
import { dependentRows, kernelSpectrum } from '../../../../src/core/theory/wide/spectrum.ts';
import { tangentKernel } from '../../../../src/core/theory/wide/tangentKernel.ts';

interface AnalyticCase {
  readonly name: string;
  readonly X: number[][];
  readonly expected: Record<string, number & number[] & number[][]>;
}
const cases = JSON.parse(
  readFileSync(new URL('../../../fixtures/analytic_cases.json', import.meta.url), 'utf8'),
) as AnalyticCase[];
const caseOf = (id: string): AnalyticCase => cases.find(({ name }) => name.startsWith(`${id} `))!;

const kernels = createReferenceKernels();
const plain: MlpShape = {
  inputs: 3,
  hidden: [64],
  activation: 'relu',
  parametrization: 'ntk',
  inputScale: 1,
  weightScale: 1,
  biasScale: 0,
};
const close = (a: number, b: number, tolerance: number, what = ''): void =>
  assert.ok(Math.abs(a - b) <= tolerance, `${what}: ${a} is not ${b}`);

function random(rows: number, cols: number, seed: number): DenseMatrix {
  const rng = createRng(seed);
  return { rows, cols, data: Float64Array.from({ length: rows * cols }, () => rng.normal()) };
}

test('infinite width, orthonormal inputs', () => {
  const { X, expected } = caseOf('C2');
  const K = limitKernel(plain, fromRows(X));
  for (let i = 0; i < 3; i++) {
    for (let j = 0; j < 3; j++) close(K.data[i * 3 + j], i === j ? expected.diag : expected.offdiag, 1e-12);
  }
  const { min, max } = kernelSpectrum(K);
  close(min, expected.lambda_min, 1e-9);
  close(max, expected.lambda_max_n3, 1e-9);
  close(2 / max, expected.eta_max_half_sum_loss_n3, 1e-9);
});

test('collinear inputs give a singular kernel, opposite ones do not, and the rows are named', () => {
  const { X, expected } = caseOf('C3');
  const K = limitKernel({ ...plain, inputs: 1 }, fromRows(X));
  expected.ntk.flat().forEach((value, i) => close(K.data[i], value, 1e-9));
  const spectrum = kernelSpectrum(K);
  expected.eigenvalues.forEach((value, i) => close(spectrum.values[i], value, 1e-9));
  assert.equal(spectrum.condition, Infinity);
  const named = dependentRows(fromRows(X), 'relu', false);
  assert.deepEqual(
    named.map(({ kind, rows }) => [kind, rows]),
    [['collinear', [0, 1]]],
  );
  assert.deepEqual(dependentRows(fromRows(X), 'relu', true), []);
  const opposite = limitKernel({ ...plain, inputs: 1 }, fromRows([[1], [-1]]));
  [1, 0, 0, 1].forEach((value, i) => close(opposite.data[i], value, 1e-9));
  assert.deepEqual(dependentRows(fromRows([[1], [-1]]), 'relu', false), []);
  assert.equal(dependentRows(fromRows([[1], [-1]]), 'erf', false)[0].kind, 'opposite');
});

test('duplicates, multiples and zero rows are told apart', () => {
  const X = fromRows([
    [1, 2],
    [3, -1],
    [1, 2],
    [0.1, 0.2],
    [0, 0],
    [3, -1],
  ]);
  const found = dependentRows(X, 'relu', false);
  assert.deepEqual(
    found.map(({ kind, rows }) => [kind, rows]),
    [
      ['zero', [4]],
      ['collinear', [0, 2, 3]],
      ['duplicate', [1, 5]],
    ],
  );
  assert.match(found[1].reason, /rows 1, 3, 4 are positive multiples/);
});

test('even moments', () => {
  const { X, expected } = caseOf('C4');
  const M = evenMoments(fromRows(X), 4);
  ['M2', 'M4', 'M6', 'M8'].forEach((name, k) => close(M[k], expected[name], 1e-12));
});

test('Hermite coefficients, ReLU against the closed values and erf against quadrature', () => {
  const { expected } = caseOf('C5');
  const relu = hermiteCoefficients('relu', 40);
  for (let k = 0; k <= 4; k++) close(relu[k], expected[`mu${k}`], 1e-12, `mu${k}`);
  close(
    hermiteCoefficients('relu', 20001).reduce((s, x) => s + x * x, 0),
    expected.sum_of_squares,
    1e-6,
  );
  const mu = hermiteCoefficients('erf', 9);
  const sums = new Float64Array(9);
  const h = 1e-3;
  for (let x = -12; x <= 12; x += h) {
    const weight = (Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)) * erf(x) * h;
    let before = 0;
    let now = 1;
    for (let k = 0; k < 9; k++) {
      sums[k] += weight * now;
      [before, now] = [now, (x * now - Math.sqrt(k) * before) / Math.sqrt(k + 1)];
    }
  }
  mu.forEach((value, k) => close(value, sums[k], 1e-9, `erf ${k}`));
});

test('deep recursion', () => {
  const { X, expected } = caseOf('C7');
  for (let depth = 1; depth <= 3; depth++) {
    const hidden = Array.from({ length: depth }, () => 1);
    const K = limitKernel({ ...plain, inputs: 2, hidden, weightScale: Math.SQRT2 }, fromRows(X));
    close(K.data[0], expected.diag_T[depth - 1], 1e-9);
    close(K.data[1], expected.T[depth - 1], 1e-9);
    close(kernelSpectrum(K).min, expected.lambda_min[depth - 1], 1e-9);
  }
});

test('erf is accurate', () => {
  for (let x = -6; x <= 6; x += 0.0371) {
    // Series with positive terms only.
    let term = x;
    let sum = x;
    for (let k = 1; k < 200; k++) sum += term *= (2 * x * x) / (2 * k + 1);
    close(erf(x), (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum, 2e-15, `erf ${x}`);
  }
});

for (const activation of ['relu', 'erf'] as const) {
  for (const parametrization of ['ntk', 'standard'] as const) {
    test(`gradient and layer-wise kernel against differences: ${activation}, ${parametrization}`, () => {
      for (const [hidden, biasScale] of [
        [[5], 0],
        [[6, 4], 0.3],
        [[4, 3, 5], 0.2],
      ] as const) {
        const shape: MlpShape = {
          inputs: 3,
          hidden,
          activation,
          parametrization,
          inputScale: 0.7,
          weightScale: 1.3,
          biasScale,
        };
        const X = random(6, 3, 2);
        const y = random(6, 1, 3).data;
        const theta = initialiseMlp(shape, createRng(5));
        const model = createMlpModel(shape, X, y, 'squared', kernels);
        const gradient = new Float64Array(model.size);
        model.addLoss(theta, null, 0, 6, gradient);
        const { kernel, outputs } = tangentKernel(shape, theta, X, kernels);
        const J = Array.from({ length: model.size }, (_, i) => {
          const h = 1e-5;
          const plus = theta.slice();
          const minus = theta.slice();
          plus[i] += h;
          minus[i] -= h;
          const a = predictMlp(shape, plus, X, kernels);
          const b = predictMlp(shape, minus, X, kernels);
          return a.map((value, r) => (value - b[r]) / (2 * h));
        });
        J.forEach((column, i) => {
          let s = 0;
          for (let r = 0; r < 6; r++) s += column[r] * (outputs[r] - y[r]);
          close(gradient[i], s, 1e-7 * (1 + Math.abs(s)), `gradient ${i}`);
        });
        for (let r = 0; r < 6; r++) {
          for (let q = 0; q < 6; q++) {
            const s = J.reduce((total, column) => total + column[r] * column[q], 0);
            close(kernel.data[r * 6 + q], s, 1e-7 * (1 + Math.abs(s)), `kernel ${r} ${q}`);
          }
        }
      }
    });
  }
}

test('the empirical kernel of wide networks approaches the limit', () => {
  for (const [activation, hidden, biasScale] of [
    ['relu', [16384], 0],
    ['erf', [16384], 0.5],
    ['relu', [1024, 1024], 0.2],
  ] as const) {
    const shape: MlpShape = { ...plain, hidden, activation, biasScale, weightScale: Math.SQRT2 };
    const X = random(5, 3, 4);
    const limit = limitKernel(shape, X);
    const { kernel } = tangentKernel(shape, initialiseMlp(shape, createRng(1)), X, kernels);
    let difference = 0;
    let size = 0;
    limit.data.forEach((value, i) => {
      difference += (value - kernel.data[i]) ** 2;
      size += value ** 2;
    });
    const bound = hidden.length === 1 ? 0.05 : 0.15;
    assert.ok(Math.sqrt(difference / size) < bound, `${activation} ${String(hidden)}: ${Math.sqrt(difference / size)}`);
  }
});

test('a mirrored start gives exactly zero outputs', () => {
  const shape = { ...plain, biasScale: 0.5 };
  const theta = initialiseMlp(shape, createRng(1), 'mirrored');
  predictMlp(shape, theta, random(4, 3, 1), kernels).forEach((value) => close(value, 0, 1e-15));
  assert.throws(() => initialiseMlp({ ...shape, hidden: [3] }, createRng(1), 'mirrored'), RangeError);
});
