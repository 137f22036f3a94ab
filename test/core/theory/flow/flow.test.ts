import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import {
  type FlowCertificate,
  certifyFlow,
  withSuggestedNeuron,
} from '../../../../src/core/theory/flow/flowCertificate.ts';
import {
  type FlowNetwork,
  type FlowOptions,
  defaultFlowOptions,
  gradientFlow,
} from '../../../../src/core/theory/flow/gradientFlow.ts';
import { marginsOf, marginValue, solveMaxMargin } from '../../../../src/core/theory/flow/maxMargin.ts';
import { separabilityReport } from '../../../../src/core/theory/flow/separability.ts';
import { bracketDualMaximum } from '../../../../src/core/certify/global/dualMaximum.ts';
import { type DenseMatrix, fromRows, norm2 } from '../../../../src/core/base/linalg/matrix.ts';
import { ConeProjector } from '../../../../src/core/base/linalg/nnls.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';
import { solve } from '../../../../src/core/engine/solve.ts';

interface Expected {
  readonly optimal_value: number;
  readonly normalised_margin: number;
  readonly dual_lambda: number[];
  readonly orthogonal_separable: boolean;
  readonly neurons_u: number[][];
  readonly u_plus: number[];
  readonly u_minus: number[];
  readonly u: number[][];
  readonly objective: number;
  readonly f: number[];
  readonly spike_free: boolean;
  readonly counter_example: {
    readonly X: number[][];
    readonly inverse_gram_offdiag: number;
    readonly witness_u: number[];
    readonly witness_norm: number;
  };
  readonly spurious_kkt: { readonly value: number; readonly dual_max: number; readonly lower_bound: number };
  readonly primal: number;
  readonly dual_max: number;
  readonly lower_bound: number;
  readonly lambda_: number[];
}
interface AnalyticCase {
  readonly name: string;
  readonly X: number[][];
  readonly y: number[];
  readonly beta: number;
  readonly expected: Expected;
}
const cases = JSON.parse(
  readFileSync(new URL('../../../fixtures/analytic_cases.json', import.meta.url), 'utf8'),
) as AnalyticCase[];
const caseOf = (id: string): AnalyticCase => cases.find(({ name }) => name.startsWith(`${id} `))!;
const close = (a: number, b: number, tolerance: number, what = ''): void =>
  assert.ok(Math.abs(a - b) <= tolerance, `${what}: ${a} is not ${b}`);
const labels = (y: readonly number[]): Float64Array => Float64Array.from(y);

function gaussian(rows: number, cols: number, seed: number): DenseMatrix {
  const rng = createRng(seed);
  return { rows, cols, data: Float64Array.from({ length: rows * cols }, () => rng.normal()) };
}

function flowOf(X: DenseMatrix, y: Float64Array, options: Partial<FlowOptions> = {}): ReturnType<typeof gradientFlow> {
  return gradientFlow(X, y, { ...defaultFlowOptions, ...options });
}

test('max-margin: closed-form values, margins and multipliers, proven over all networks', () => {
  for (const id of ['D1', 'D2', 'D3']) {
    const { X, y, expected } = caseOf(id);
    const result = solveMaxMargin(fromRows(X), labels(y));
    assert.equal(result.status, 'optimal');
    assert.equal(result.proof, 'exact');
    close(result.value, expected.optimal_value, 1e-6, id);
    close(result.lowerBound, expected.optimal_value, 1e-6, id);
    assert.ok(result.relativeGap < 1e-6);
    expected.dual_lambda.forEach((value, i) => close(result.lambda[i], value, 1e-6, `${id} lambda ${i}`));
    if (id !== 'D3') close(result.normalizedMargin, expected.normalised_margin, 1e-6, id);
    const wanted =
      id === 'D1'
        ? [
            { u: expected.neurons_u[0], sign: 1 },
            { u: expected.neurons_u[1], sign: -1 },
          ]
        : id === 'D2'
          ? [
              { u: expected.u_plus, sign: 1 },
              { u: expected.u_minus, sign: -1 },
            ]
          : [{ u: expected.u[0], sign: 1 }];
    assert.equal(result.neurons.length, wanted.length);
    for (const { u, sign } of wanted) {
      const found = result.neurons.find((neuron) => neuron.sign === sign)!;
      u.forEach((value, k) => close(found.u[k], value, 1e-6, `${id} neuron`));
    }
  }
});

test('max-margin: gap below 1e-6, value and bound recomputed by other code, on random labelings', () => {
  for (const [n, d, seed] of [
    [20, 2, 1],
    [24, 3, 2],
    [24, 4, 3],
  ]) {
    const X = gaussian(n, d, seed);
    const y = Float64Array.from({ length: n }, (_, i) => (X.data[i * d] * X.data[i * d + 1] > 0 ? 1 : -1));
    const result = solveMaxMargin(X, y, { certifySeconds: 60 });
    assert.equal(result.status, 'optimal', result.reason);
    assert.ok(result.relativeGap >= -1e-12 && result.relativeGap < 1e-6, String(result.relativeGap));
    close(Math.min(...marginsOf(X, y, result.neurons)), 1, 1e-9);
    close(
      result.neurons.reduce((s, { u }) => s + norm2(u), 0),
      result.value,
      1e-9 * result.value,
    );
    result.lambda.forEach((value, i) => assert.ok(value * y[i] >= 0));
    const { upper } = bracketDualMaximum(X, result.lambda, d, { seconds: 10 }, uncontrolled);
    const bound = result.lambda.reduce((s, value) => s + Math.abs(value), 0) / upper;
    assert.ok(bound <= result.value * (1 + 1e-12) && bound > result.value * (1 - 1e-5));
    // Scaling the rows scales the value inversely.
    const twice = solveMaxMargin({ ...X, data: X.data.map((x) => 2 * x) }, y, { certifySeconds: 0 });
    close(2 * twice.value, result.value, 1e-6 * result.value);
  }
});

test('labels that no network separates: named rows, or a proof by multipliers', () => {
  const same = separabilityReport(
    fromRows([
      [1, 2],
      [2, 4],
      [0, 0],
    ]),
    labels([1, -1, 1]),
  );
  assert.deepEqual(
    same.conflicts.map(({ rows }) => rows),
    [[2], [0, 1]],
  );
  // f(x) - f(-x) is linear in x, which these labels contradict.
  const X = fromRows([
    [1, 0],
    [0, 1],
    [1, 1],
    [-1, 0],
    [0, -1],
    [-1, -1],
  ]);
  const y = labels([1, 1, -1, -1, -1, 1]);
  assert.deepEqual(separabilityReport(X, y).conflicts, []);
  const result = solveMaxMargin(X, y);
  assert.equal(result.status, 'not-separable');
  assert.ok(result.marginBound < 1e-6, String(result.marginBound));
});

test('data report: orthogonal separability and spike-free data with offending pairs', () => {
  for (const id of ['D1', 'D2', 'D3']) {
    const { X, y, expected } = caseOf(id);
    const report = separabilityReport(fromRows(X), labels(y));
    assert.equal(report.orthogonalSeparable, expected.orthogonal_separable, id);
    assert.equal(report.theorem === 'orthogonal-separable', expected.orthogonal_separable);
  }
  const { X, expected } = caseOf('D5');
  assert.equal(separabilityReport(fromRows(X), labels([1, 1])).spikeFree, true);
  const counter = separabilityReport(fromRows(expected.counter_example.X), labels([1, 1]));
  assert.equal(counter.spikeFree, false);
  assert.equal(
    separabilityReport(fromRows(caseOf('D3').X), labels([1, 1])).spikeFree,
    caseOf('D3').expected.spike_free,
  );
  // The witness: (Xu)_+ = Xz needs a z longer than u.
  const { X: bent, witness_u: u, witness_norm: length } = expected.counter_example;
  const q = Float64Array.from(bent, (row) => Math.max(0, row[0] * u[0] + row[1] * u[1]));
  close(norm2(leastNorm(fromRows(bent), q)!), length, 1e-9);
  assert.deepEqual(counter.spikeFreeOffenders[0].rows, [0, 1]);
  close(counter.spikeFreeOffenders[0].value, expected.counter_example.inverse_gram_offdiag, 1e-9);
  assert.deepEqual(counter.orthogonalOffenders[0].rows, [0, 1]);
  close(counter.orthogonalOffenders[0].cosine, -0.28, 1e-12);
  assert.equal(
    separabilityReport(
      fromRows([
        [1, 0],
        [0, 1],
      ]),
      labels([1, 1]),
    ).spikeFree,
    true,
  );
});

test('spike-free verdicts against the definition, also for repeated, parallel and dependent rows', () => {
  const rng = createRng(3);
  let free = 0;
  for (let trial = 0; trial < 120; trial++) {
    const n = 2 + rng.integer(2);
    const d = 2 + rng.integer(2);
    const X = gaussian(n, d, 100 + trial);
    if (trial % 3 === 0) X.data.forEach((x, i) => (X.data[i] = Math.abs(x)));
    if (trial % 4 === 0) for (let k = 0; k < d; k++) X.data[k] = 2 * X.data[d + k];
    const { spikeFree } = separabilityReport(X, labels(new Array<number>(n).fill(1)));
    if (spikeFree) free++;
    // The shortest z with Xz = (Xu)_+ must exist and be at most as long as u: distance to the range, and NNLS-free least squares by
    // projecting onto the rows' span with many directions.
    let violated = false;
    for (let t = 0; t < 300 && !violated; t++) {
      // Directions outside the span of the rows only make u longer; the rows themselves are where thin violations show.
      const c = Float64Array.from({ length: n }, (_, i) => (t < n ? (t === i ? 1 : 0) : rng.normal()));
      const u = new Float64Array(d);
      for (let i = 0; i < n; i++) for (let k = 0; k < d; k++) u[k] += c[i] * X.data[i * d + k];
      const q = Float64Array.from({ length: n }, (_, i) => {
        let s = 0;
        for (let k = 0; k < d; k++) s += X.data[i * d + k] * u[k];
        return Math.max(0, s);
      });
      const z = leastNorm(X, q);
      violated = z === undefined || norm2(z) > norm2(u) * (1 + 1e-7);
    }
    if (spikeFree) assert.ok(!violated, `trial ${trial}: called spike-free, but a direction refutes it`);
    // The converse is only sampled: a refutation must exist, though 300 directions may miss a thin one.
    else if (!violated) assert.ok(n === 3, `trial ${trial}: not refuted by any direction`);
  }
  assert.ok(free > 10);
});

/** Least-norm solution of Xz = q by Gram-Schmidt on the rows; undefined when there is none. */
function leastNorm(X: DenseMatrix, q: Float64Array): Float64Array | undefined {
  const d = X.cols;
  const basis: Float64Array[] = [];
  const coordinates: number[] = [];
  for (let i = 0; i < X.rows; i++) {
    const v = X.data.slice(i * d, (i + 1) * d);
    let value = q[i];
    const before = norm2(v);
    basis.forEach((b, j) => {
      let s = 0;
      for (let k = 0; k < d; k++) s += b[k] * v[k];
      for (let k = 0; k < d; k++) v[k] -= s * b[k];
      value -= s * coordinates[j];
    });
    const size = norm2(v);
    if (size < 1e-9 * before) {
      if (Math.abs(value) > 1e-7 * (1 + norm2(q))) return undefined;
      continue;
    }
    basis.push(v.map((x) => x / size));
    coordinates.push(value / size);
  }
  const z = new Float64Array(d);
  basis.forEach((b, j) => b.forEach((x, k) => (z[k] += coordinates[j] * x)));
  return z;
}

test('spike-free data: the regularised optimum, and the dual maximum by two non-negative least squares problems', () => {
  const { X, y, beta, expected } = caseOf('D6');
  const data = fromRows(X);
  const solution = solve({
    X: data,
    y: fromRows(y.map((value) => [value])),
    outputs: 1,
    model: 'relu',
    loss: 'squared',
    beta,
    arrangements: { kind: 'all' },
    outputPenalty: 'per-output',
    bias: 'none',
    tolerance: 1e-9,
  });
  close(solution.objective, expected.objective, 5e-6);
  expected.f.forEach((value, i) => close(solution.fit.data[i], value, 5e-5));
  const projector = new ConeProjector(data);
  const two = [1, -1].map((sign) => {
    const g = new Float64Array(2);
    for (let i = 0; i < 2; i++) for (let k = 0; k < 2; k++) g[k] += sign * solution.dual.data[i] * data.data[i * 2 + k];
    return projector.project(new Int8Array([1, 1]), g, new Float64Array(2));
  });
  close(Math.max(...two), beta, 1e-6);
});

test('gradient flow on orthogonally separable rows ends in the two support vector machines, certified', () => {
  const { X, y, expected } = caseOf('D4');
  const flow = flowOf(fromRows(X), labels(y));
  assert.ok(flow.separated && flow.settled);
  const certificate = certifyFlow(fromRows(X), labels(y), flow.network);
  assert.equal(certificate.verdict, 'global', certificate.sentence);
  close(certificate.primal, expected.primal, 0.002);
  close(certificate.nu, expected.dual_max, 0.002);
  close(certificate.lowerBound, expected.lower_bound, 0.002);
  expected.lambda_.forEach((value, i) => close(certificate.lambda[i], value, 0.002));
  assert.ok(certificate.residual < 1e-3);
  for (const { value } of certificate.touching) close(value, 1, 1e-3);
  const last = flow.snapshots[flow.snapshots.length - 1];
  assert.ok(last.balanceDrift < 1e-3);
  assert.ok(flow.smoothedMarginDrop < 1e-3, String(flow.smoothedMarginDrop));
});

/** Two small neurons along the two samples of case D3. */
const spurious: FlowNetwork = {
  inputs: 2,
  W: Float64Array.from([1e-3, 0, -0.28e-3, 0.96e-3]),
  a: Float64Array.from([1e-3, 1e-3]),
};

test('two neurons on rows at an obtuse angle: stationary but not global, and the suggested neuron repairs it', () => {
  const { X, y, expected } = caseOf('D3');
  const data = fromRows(X);
  const flow = flowOf(data, labels(y), { start: spurious });
  const certificate = certifyFlow(data, labels(y), flow.network);
  assert.equal(certificate.verdict, 'stationary-only', certificate.sentence);
  close(certificate.primal, expected.spurious_kkt.value, 0.002);
  close(certificate.nu, expected.spurious_kkt.dual_max, 0.002);
  close(certificate.lowerBound, expected.spurious_kkt.lower_bound, 0.002);
  const start = withSuggestedNeuron(data, flow.network, {
    suggestion: certificate.suggestion!,
    margin: certificate.margin,
  });
  const again = certifyFlow(data, labels(y), flowOf(data, labels(y), { start, maxSteps: 100_000 }).network);
  assert.equal(again.verdict, 'global', again.sentence);
  close(again.primal, expected.optimal_value, 0.002);
});

test('a row on the kinks of two neurons may count for each with another share (Clarke)', () => {
  // Row 0 is orthogonal to neurons 1 and 2, which need the shares 0.2 c and 0.9 c of it; by hand, lambda = (1, c, c).
  const q = 0.5;
  const c = 1 / Math.hypot(1, q);
  const X = fromRows([
    [0, 0, 1],
    [1, -q, -0.2],
    [-q, 1, -0.9],
  ]);
  const y = labels([1, 1, 1]);
  const directions = [
    [0, 0, 1],
    [c, -q * c, 0],
    [-q * c, c, 0],
  ];
  const a = [1, Math.sqrt(c), Math.sqrt(c)];
  const network: FlowNetwork = {
    inputs: 3,
    W: Float64Array.from(directions.flatMap((u, j) => u.map((value) => a[j] * value))),
    a: Float64Array.from(a),
  };
  const certificate = certifyFlow(X, y, network);
  close(certificate.margin, 1, 1e-12);
  assert.ok(certificate.residual < 1e-9, String(certificate.residual));
  assert.ok(certificate.complementarity < 1e-9);
  [1, c, c].forEach((value, i) => close(certificate.lambda[i], value, 1e-9));
  assert.equal(certificate.onKink, 2);
  assert.ok(certificate.primal >= certificate.lowerBound - 1e-12);
  // Away from the kink the same weights are not stationary.
  const off = { ...network, W: network.W.map((value, k) => value + (k === 5 ? 0.05 : 0)) };
  assert.ok(certifyFlow(X, y, off).residual > 0.02);
});

test('a flow that slides along kinks is recognised as stationary, and its bound is below the convex optimum', () => {
  for (const [n, d, seed] of [
    [5, 2, 507],
    [6, 3, 605],
  ]) {
    const X = gaussian(n, d, seed);
    const y = Float64Array.from({ length: n }, (_, i) => (i % 2 ? 1 : -1));
    const flow = flowOf(X, y, { seed: seed % 100, width: 8, maxSteps: 40_000 });
    const certificate = certifyFlow(X, y, flow.network, { tolerance: 1e-2 });
    assert.ok(certificate.onKink > 0);
    assert.ok(certificate.residual < 1e-2, String(certificate.residual));
    assert.equal(certificate.verdict, 'global', certificate.sentence);
    const best = solveMaxMargin(X, y);
    assert.equal(best.status, 'optimal');
    assert.ok(certificate.lowerBound <= best.value * (1 + 1e-9) && certificate.primal >= best.lowerBound * (1 - 1e-9));
  }
});

test('every flow obeys weak duality, is balanced, and is the same for the same seed', () => {
  const X = gaussian(16, 2, 7);
  const y = Float64Array.from({ length: 16 }, (_, i) => (X.data[2 * i] > 0.3 * X.data[2 * i + 1] ? 1 : -1));
  const best = solveMaxMargin(X, y);
  assert.equal(best.status, 'optimal');
  const certificates: FlowCertificate[] = [];
  for (const seed of [1, 2, 3]) {
    const flow = flowOf(X, y, { seed, maxSteps: 8000, width: 12 });
    assert.ok(flow.separated);
    const certificate = certifyFlow(X, y, flow.network);
    certificates.push(certificate);
    assert.ok(certificate.primal >= best.lowerBound - 1e-9, 'no network is below the bound');
    assert.ok(certificate.lowerBound <= best.value + 1e-9, 'no bound is above a network');
    assert.ok(certificate.balanced <= certificate.primal + 1e-12);
    const neurons = Array.from(flow.network.a, (a, j) => ({
      u: Float64Array.from(flow.network.W.subarray(2 * j, 2 * j + 2), (w) => Math.abs(a) * w),
      sign: a < 0 ? (-1 as const) : (1 as const),
    }));
    close(marginValue(X, y, neurons), certificate.balanced, 1e-9 * certificate.balanced);
    assert.ok(flow.snapshots.every(({ balanceDrift }) => balanceDrift < 1e-2));
  }
  const again = flowOf(X, y, { seed: 2, maxSteps: 8000, width: 12 });
  assert.deepEqual(certifyFlow(X, y, again.network), certificates[1]);
});

test('a network that does not separate is not certified, and a stop is obeyed at once', () => {
  const X = fromRows([
    [1, 0],
    [0, 1],
  ]);
  const y = labels([1, -1]);
  const certificate = certifyFlow(X, y, { inputs: 2, W: Float64Array.of(1, 1), a: Float64Array.of(1) });
  assert.equal(certificate.verdict, 'not-separated');
  assert.equal(certificate.lowerBound, 0);
  let polls = 0;
  const flow = gradientFlow(X, y, defaultFlowOptions, { ...uncontrolled, shouldStop: () => ++polls > 3 });
  assert.ok(flow.stopped && flow.steps <= 64);
  const early = solveMaxMargin(
    gaussian(60, 4, 1),
    labels(Array.from({ length: 60 }, (_, i) => (i % 2 ? 1 : -1))),
    {},
    {
      ...uncontrolled,
      shouldStop: () => true,
    },
  );
  assert.equal(early.status, 'stopped');
});

test('deep in the late phase nothing underflows', () => {
  const { X, y } = caseOf('D2');
  const flow = flowOf(fromRows(X), labels(y), { targetMargin: 5000, maxSteps: 30_000 });
  const last = flow.snapshots[flow.snapshots.length - 1];
  assert.ok(last.margin >= 4900 && last.logLoss < -4900 && Number.isFinite(last.logLoss));
  assert.equal(certifyFlow(fromRows(X), labels(y), flow.network).verdict, 'global');
});
