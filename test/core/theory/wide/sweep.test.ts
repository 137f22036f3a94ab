import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { KernelMemoryError } from '../../../../src/core/base/kernels/kernels.ts';
import { createReferenceKernels } from '../../../../src/core/base/kernels/reference.ts';
import { type DenseMatrix, fromRows } from '../../../../src/core/base/linalg/matrix.ts';
import { descend } from '../../../../src/core/descent/descend.ts';
import type { MlpShape } from '../../../../src/core/descent/mlp.ts';
import type { TrainableModel } from '../../../../src/core/descent/model.ts';
import { ProblemError } from '../../../../src/core/base/problemError.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';
import { exponent } from '../../../../src/core/theory/wide/claims.ts';
import { kernelReport } from '../../../../src/core/theory/wide/kernelReport.ts';
import { inEigenbasis, lazyRun, linearizedDisplacement } from '../../../../src/core/theory/wide/lazyRun.ts';
import { limitKernel } from '../../../../src/core/theory/wide/limitKernel.ts';
import { kernelSpectrum } from '../../../../src/core/theory/wide/spectrum.ts';
import { type SweepOptions, generalizationBound, widthSweep } from '../../../../src/core/theory/wide/sweep.ts';

interface AnalyticCase {
  readonly name: string;
  readonly X: number[][];
  readonly y: number[];
  readonly expected: Record<string, number> & { readonly ntk: number[][]; readonly theta_inf: number[] };
}
const cases = JSON.parse(
  readFileSync(new URL('../../../fixtures/analytic_cases.json', import.meta.url), 'utf8'),
) as AnalyticCase[];
const caseOf = (id: string): AnalyticCase => cases.find(({ name }) => name.startsWith(`${id} `))!;
const close = (a: number, b: number, tolerance: number, what = ''): void =>
  assert.ok(Math.abs(a - b) <= tolerance, `${what}: ${a} is not ${b}`);

const kernels = createReferenceKernels();
const plain: MlpShape = {
  inputs: 3,
  hidden: [1],
  activation: 'relu',
  parametrization: 'ntk',
  inputScale: 1,
  weightScale: 1,
  biasScale: 0,
};

/** f = X theta with half the summed squared error. */
function linearModel(X: DenseMatrix, y: readonly number[]): TrainableModel {
  return {
    size: X.cols,
    rows: X.rows,
    flopsPerRow: 4 * X.cols,
    vector: () => new Float64Array(X.cols),
    release: () => undefined,
    dispose: () => undefined,
    addPenalty: () => 0,
    addLoss(theta, _order, start, count, gradient): number {
      let sum = 0;
      for (let i = start; i < start + count; i++) {
        let r = -y[i];
        for (let k = 0; k < X.cols; k++) r += X.data[i * X.cols + k] * theta[k];
        sum += 0.5 * r * r;
        if (gradient !== null) for (let k = 0; k < X.cols; k++) gradient[k] += r * X.data[i * X.cols + k];
      }
      return sum;
    },
  };
}

test('a linear model: exact rate, displacement, path and nearest interpolant', () => {
  const { X, y, expected } = caseOf('C1');
  const data = fromRows(X);
  const kernel = fromRows(expected.ntk);
  const spectrum = kernelSpectrum(kernel);
  close(spectrum.min, expected.lambda_min, 1e-12);
  close(2 / spectrum.max, expected.eta_max, 1e-12);
  const loss: number[] = [];
  const run = descend(
    linearModel(data, y),
    new Float64Array(2),
    {
      rule: 'sgd',
      learningRate: 0.25 * 2,
      schedule: 'constant',
      epochs: 400,
      batchSize: 0,
      curvePoints: 0,
      recordAt: Array.from({ length: 31 }, (_, k) => k),
      trackPath: true,
      observe: (_step, _theta, objective) => loss.push(objective),
    },
    createRng(1),
    uncontrolled,
  );
  expected.theta_inf.forEach((value, k) => close(run.theta[k], value, 1e-9));
  close(run.pathLength!, expected.path_length, 1e-9);
  close(Math.hypot(...run.theta), expected.displacement, 1e-9);
  close(loss[30] / loss[29], expected.loss_factor_per_step_late, 1e-9);
  const c = inEigenbasis(
    spectrum,
    Float64Array.from(y, (value) => -value),
  );
  close(linearizedDisplacement(spectrum, c, 0.25, 400), expected.displacement, 1e-9);
  close(linearizedDisplacement(spectrum, c, 0.25, 1e9), expected.displacement, 1e-9);
});

test('lazy training: displacement tends to its limit, relative displacement falls like the root of the width', () => {
  const { X, y, expected } = caseOf('C6');
  const data = { X: fromRows(X), y: Float64Array.from(y), test: null };
  const limit = kernelSpectrum(limitKernel(plain, data.X));
  const c = inEigenbasis(
    limit,
    Float64Array.from(y, (value) => -value),
  );
  close(linearizedDisplacement(limit, c, 0.5, 1e6), expected.displacement_limit, 1e-9);
  const widths = [256, 1024, 4096];
  const runs = widths.map((width) => {
    const run = lazyRun(
      data,
      {
        shape: { ...plain, hidden: [width] },
        start: 'mirrored',
        seed: 1,
        rate: { kind: 'absolute', value: 0.5 },
        steps: 60,
      },
      kernels,
      uncontrolled,
    )!;
    close(run.displacement / run.predictedDisplacement, 1, 0.05, `width ${width}`);
    close(run.predictedDisplacement, run.interpolantDisplacement!, 1e-6);
    assert.ok(run.pathLength >= run.displacement);
    return run;
  });
  close(runs[2].displacement / expected.displacement_limit, 1, 0.05);
  const slope = exponent(
    widths,
    runs.map((run) => run.relativeDisplacement),
  )!;
  assert.ok(slope > -0.65 && slope < -0.35, String(slope));
  const at = runs[2].at;
  const [a, b] = [at.indexOf(10), at.indexOf(20)];
  close((runs[2].loss[b] / runs[2].loss[a]) ** 0.1, expected.loss_factor_per_step_late, 0.05);
});

function dataset(n: number, seed: number): { X: DenseMatrix; y: Float64Array } {
  const rng = createRng(seed);
  const d = 3;
  const X = { rows: n, cols: d, data: Float64Array.from({ length: n * d }, () => rng.normal()) };
  return { X, y: Float64Array.from({ length: n }, (_, i) => Math.tanh(X.data[i * d]) + 0.1 * rng.normal()) };
}

const options: SweepOptions = {
  shape: { ...plain, inputScale: 1 / Math.sqrt(3), weightScale: Math.SQRT2, biasScale: 0.3 },
  start: 'centered',
  widths: [64, 256, 1024],
  seeds: [1, 2],
  steps: 40,
  rate: { kind: 'edge', fraction: 0.5 },
  noise: [0.5],
  binary: false,
  rateFactors: [0.25, 0.5, 1, 2],
  rateSteps: 25,
  rateSeeds: 1,
  delta: 0.05,
};

test('the width study: predictions hold on easy data, cell by cell, and the record is plain JSON', () => {
  const train = dataset(20, 1);
  const seen: string[] = [];
  const result = widthSweep({ ...train, test: dataset(30, 2) }, options, uncontrolled, (_cell, done, total) =>
    seen.push(`${done}/${total}`),
  );
  assert.equal(result.status, 'complete');
  assert.equal(result.cells.length, 3 * 2 + 2);
  assert.equal(result.rateCells.length, 3 * 4);
  assert.equal(seen[seen.length - 1], '20/20');
  assert.deepEqual(JSON.parse(JSON.stringify(result)), result);
  const verdicts = new Map(result.claims.map((claim) => [claim.id, claim]));
  assert.equal(verdicts.size, 6);
  for (const id of ['linear-rate', 'nearest-interpolant', 'generalization', 'lazy', 'rate-transfer'] as const) {
    const claim = verdicts.get(id)!;
    assert.equal(claim.verdict, 'agrees', claim.sentence);
    assert.ok(claim.value! >= claim.tolerance[0] && claim.value! <= claim.tolerance[1]);
  }
  for (const cell of result.cells) {
    assert.ok(cell.gap! <= cell.bound);
    assert.ok(cell.loss[cell.loss.length - 1] < cell.loss[0]);
  }
  // A step beyond the edge of stability is not monotone, whatever becomes of it.
  assert.ok(result.rateCells.filter(({ rate }) => rate > 1.9 * result.limit!.edge).every(({ monotone }) => !monotone));
});

test('a stop keeps the finished cells and the claims that follow from them', () => {
  let stop = false;
  const result = widthSweep(
    { ...dataset(12, 1), test: null },
    options,
    { ...uncontrolled, shouldStop: () => stop },
    (_cell, done) => (stop = done >= 3),
  );
  assert.equal(result.status, 'cancelled');
  assert.equal(result.cells.length, 3);
  assert.equal(result.claims.find(({ id }) => id === 'generalization')!.verdict, 'not tested');
  assert.equal(result.claims.find(({ id }) => id === 'rate-transfer')!.verdict, 'not tested');
});

test('standard parametrisation has no limit, and step sizes do not carry over', () => {
  const result = widthSweep(
    { ...dataset(12, 1), test: null },
    {
      ...options,
      shape: { ...options.shape, parametrization: 'standard' },
      noise: [],
      seeds: [1],
      rateFactors: Array.from({ length: 13 }, (_, k) => 2 ** ((k - 11) / 2)),
    },
  );
  assert.equal(result.limit, null);
  const claim = result.claims.find(({ id }) => id === 'rate-transfer')!;
  assert.equal(claim.verdict, 'disagrees', claim.sentence);
});

test('the generalisation bound pays for rounding its radius up to a power of two', () => {
  const value = generalizationBound(3, 50, 100, 0.05);
  const paid = 0.05 / (3.16 * (1 + 4));
  close(value, (2 * 4 * Math.sqrt(50)) / 100 + 3 * Math.sqrt(Math.log(2 / paid) / 200), 1e-12);
  let sum = 0;
  for (let k = -100_000; k <= 100_000; k++) sum += 1 / (3.16 * (1 + k * k));
  assert.ok(sum <= 1, 'the probabilities spent add up to at most delta');
});

test('too many rows and too wide networks are refused with what fits', () => {
  const big = dataset(501, 1);
  const report = { shape: options.shape, widths: [16], seeds: [1] };
  assert.throws(
    () => kernelReport(big.X, report),
    (error: unknown) => error instanceof ProblemError && /501 rows.*limit is 500 rows.*sample/.test(error.message),
  );
  assert.equal(kernelReport(dataset(40, 1).X, report).samples.length, 1);
  assert.throws(
    () => kernelReport(dataset(40, 1).X, { ...report, widths: [16, 1_000_000], budgetBytes: 2 ** 26 }),
    (error: unknown) =>
      error instanceof KernelMemoryError && /width 1000000 is too large, width \d+ fits/.test(error.message),
  );
});

test('the kernel report: samples approach the limit, singular rows are named', () => {
  const { X } = dataset(20, 3);
  const result = kernelReport(X, { shape: options.shape, widths: [64, 2048], seeds: [1, 2, 3], matrices: true });
  assert.equal(result.samples.length, 6);
  const error = (width: number): number =>
    result.samples.filter((s) => s.width === width).reduce((s, { relativeError }) => s + relativeError! / 3, 0);
  assert.ok(error(2048) < 0.4 * error(64));
  assert.match(result.verdict, /positive definite/);
  assert.equal(result.matrices!.limit!.length, 400);
  const doubled = kernelReport(
    { ...X, data: Float64Array.from([...X.data.subarray(0, 57), ...X.data.subarray(0, 3)]) },
    { shape: options.shape, widths: [64], seeds: [1] },
  );
  assert.equal(doubled.limit!.condition, null);
  assert.match(doubled.verdict, /singular.*rows 1, 20 are equal/);
});
