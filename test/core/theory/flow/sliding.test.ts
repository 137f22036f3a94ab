import assert from 'node:assert/strict';
import { test } from 'node:test';
import { certifyFlow, withSuggestedNeuron } from '../../../../src/core/theory/flow/flowCertificate.ts';
import { type FlowOptions, defaultFlowOptions, gradientFlow } from '../../../../src/core/theory/flow/gradientFlow.ts';
import { boundedLeastSquares } from '../../../../src/core/theory/flow/slidingKinks.ts';
import { type DenseMatrix, dot, fromRows } from '../../../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../../../src/core/base/rng.ts';

/**
 * Row A = (1, 0) of class +1 and row B = (1, 1)/sqrt 2 of class -1. A positive neuron that B does not see is pushed towards B's kink by A, one
 * that B sees is pushed back by B as long as B weighs more than A / sqrt 2: it slides along t = (1, -1)/sqrt 2. Balanced, with f = f(A), it has
 *     f' = sqrt 2 f sigmoid(-f) / (ln 2 + ln(1 + e^-f)),
 * and B's margin stays 0, so that the flow comes to rest at the loss ln 2 without separating.
 */
const X = fromRows([
  [1, 0],
  [Math.SQRT1_2, Math.SQRT1_2],
]);
const y = Float64Array.of(1, -1);
const start = (neurons: readonly (readonly [number, number, 1 | -1])[]): Partial<FlowOptions> => ({
  start: {
    inputs: 2,
    W: Float64Array.from(neurons.flatMap(([u, v]) => [u, v])),
    a: Float64Array.from(neurons, ([u, v, sign]) => sign * Math.hypot(u, v)),
  },
});
const sigmoid = (q: number): number => 1 / (1 + Math.exp(-q));

test('one neuron slides along a kink as the solution by hand does, and comes to rest', () => {
  const flow = gradientFlow(X, y, { ...defaultFlowOptions, ...start([[0.1, -0.12, 1]]) });
  const sliding = flow.snapshots.filter(({ onKinks }) => onKinks === 1);
  assert.ok(sliding.length > 20);
  const outputOf = ({ network: { W, a } }: (typeof sliding)[number]): number => a[0] * Math.max(0, W[0]);
  const slope = (f: number): number => (Math.SQRT2 * f * sigmoid(-f)) / (Math.LN2 + Math.log1p(Math.exp(-f)));
  let f = outputOf(sliding[0]);
  let time = sliding[0].time;
  let compared = 0;
  for (const snapshot of sliding) {
    const { W, a } = snapshot.network;
    const length = Math.hypot(W[0], W[1]);
    assert.ok(Math.abs(W[0] + W[1]) <= 1e-12 * length, 'on the kink of row B');
    assert.ok(Math.abs(a[0] - length) <= 1e-6 * length, 'balanced');
    if (snapshot.time > 50) continue;
    // Runge-Kutta with steps far below those of the flow.
    const steps = Math.max(1, Math.ceil((snapshot.time - time) / 1e-3));
    const h = (snapshot.time - time) / steps;
    for (let k = 0; k < steps; k++) {
      const k1 = slope(f);
      const k2 = slope(f + 0.5 * h * k1);
      const k3 = slope(f + 0.5 * h * k2);
      f += (h / 6) * (k1 + 2 * k2 + 2 * k3 + slope(f + h * k3));
    }
    time = snapshot.time;
    compared++;
    assert.ok(Math.abs(outputOf(snapshot) - f) < 2e-3 * f, `${outputOf(snapshot)} is not ${f}`);
  }
  assert.ok(compared > 20);
  assert.ok(flow.atRest && !flow.separated && !flow.settled);
  assert.equal(flow.onKinks, 1);
  assert.ok(Math.abs(Math.exp(flow.snapshots.at(-1)!.logLoss) - Math.LN2) < 1e-6);
});

test('a neuron leaves its kink when the rows have traded enough weight, and comes back to the limit known by hand', () => {
  // A negative neuron that only B sees comes to A's kink: A pushes it back while p_A > p_B / sqrt 2. In the limit both margins are 1 with neurons
  // of half squared norm sqrt 2 each, and it is on A's kink again.
  const flow = gradientFlow(X, y, {
    ...defaultFlowOptions,
    ...start([
      [0.1, -0.12, 1],
      [-0.003, 0.01, -1],
    ]),
  });
  const along = flow.snapshots.map(({ network: { W, a } }) => {
    const f = [0, 1].map((i) =>
      [0, 1].reduce((s, j) => s + a[j] * Math.max(0, X.data[2 * i] * W[2 * j] + X.data[2 * i + 1] * W[2 * j + 1]), 0),
    );
    return { held: Math.abs(W[2]) <= 1e-12 * Math.abs(W[3]), ratio: sigmoid(-f[0]) / sigmoid(f[1]) };
  });
  const first = along.findIndex(({ held }) => held);
  const left = along.findIndex(({ held }, i) => i > first && !held);
  const back = along.findIndex(({ held }, i) => i > left && held);
  assert.ok(first > 0 && left > first && back > left, `${first}, ${left}, ${back}`);
  for (let i = first; i < left; i++) assert.ok(along[i].ratio > Math.SQRT1_2 - 0.05, `held at ${along[i].ratio}`);
  assert.ok(along[left].ratio < Math.SQRT1_2 + 0.05, `let go at ${along[left].ratio}`);
  assert.ok(flow.separated && flow.settled && flow.onKinks === 2);
  const certificate = certifyFlow(X, y, flow.network);
  assert.equal(certificate.verdict, 'global', certificate.sentence);
  assert.ok(Math.abs(certificate.primal - 2 * Math.SQRT2) < 1e-4, String(certificate.primal));
});

test('on random labels flows end: at rest, or with a direction that is stationary for the largest margin', () => {
  let separated = 0;
  let slid = 0;
  for (const [n, d] of [
    [5, 2],
    [6, 3],
    [8, 2],
    [8, 3],
  ]) {
    for (let seed = 1; seed <= 4; seed++) {
      const rng = createRng(100 * n + seed);
      const data: DenseMatrix = { rows: n, cols: d, data: Float64Array.from({ length: n * d }, () => rng.normal()) };
      const sides = Float64Array.from({ length: n }, (_, i) => (i % 2 ? 1 : -1));
      const flow = gradientFlow(data, sides, { ...defaultFlowOptions, width: 12, seed, maxSteps: 20_000 });
      const name = `${n} x ${d}, seed ${seed}`;
      slid += Number(flow.onKinks > 0);
      assert.ok(flow.separated ? flow.settled : flow.atRest, `${name}: ${flow.steps} steps`);
      assert.ok(flow.smoothedMarginDrop < 1e-3, name);
      if (!flow.separated) continue;
      separated++;
      const certificate = certifyFlow(data, sides, flow.network, { tolerance: 1e-2, certifySeconds: 60 });
      assert.ok(certificate.residual < 1e-3, `${name}: ${certificate.residual}`);
      assert.ok(certificate.verdict === 'global' || certificate.verdict === 'stationary-only', certificate.sentence);
      assert.ok(certificate.lowerBound <= certificate.primal * (1 + 1e-9));
    }
  }
  assert.ok(separated >= 8 && slid >= 8, `${separated} separated, ${slid} on kinks`);
});

/** Trains on with suggested neurons until the rows are separated; the losses on the way, and the end. */
function insertUntilSeparated(
  data: DenseMatrix,
  sides: Float64Array,
  first: ReturnType<typeof gradientFlow>,
  most: number,
): { readonly losses: readonly number[]; readonly flow: ReturnType<typeof gradientFlow> } {
  const losses = [first.snapshots.at(-1)!.logLoss];
  let flow = first;
  for (let round = 0; round < most && !flow.separated; round++) {
    const { verdict, suggestion, margin } = certifyFlow(data, sides, flow.network);
    assert.equal(verdict, 'not-separated');
    if (suggestion === null) break;
    const network = withSuggestedNeuron(data, flow.network, { suggestion, margin });
    assert.equal(network.a.length, flow.network.a.length + 1);
    flow = gradientFlow(data, sides, { ...defaultFlowOptions, start: network, maxSteps: 20_000 });
    // Lower at once, and along the flow.
    assert.ok(flow.snapshots[0].logLoss < losses.at(-1)! && flow.snapshots.at(-1)!.logLoss < flow.snapshots[0].logLoss);
    losses.push(flow.snapshots.at(-1)!.logLoss);
  }
  return { losses, flow };
}

test('a flow at rest gets the neuron that lowers its loss, and with it reaches the limit known by hand', () => {
  const rest = gradientFlow(X, y, { ...defaultFlowOptions, ...start([[0.1, -0.12, 1]]) });
  const { suggestion, sentence } = certifyFlow(X, y, rest.network);
  // Only B pulls, with half its weight: a negative neuron along it, A's part being what is left of A's force.
  assert.equal(suggestion!.sign, -1);
  suggestion!.direction.forEach((value) => assert.ok(Math.abs(value - Math.SQRT1_2) < 1e-4));
  assert.ok(Math.abs(suggestion!.value - 0.5) < 1e-4);
  assert.match(sentence, /1 of 2 on the wrong side/);
  const { losses, flow } = insertUntilSeparated(X, y, rest, 1);
  assert.equal(losses.length, 2);
  const certificate = certifyFlow(X, y, flow.network);
  assert.equal(certificate.verdict, 'global', certificate.sentence);
  assert.ok(Math.abs(certificate.primal - 2 * Math.SQRT2) < 1e-4, String(certificate.primal));
});

test('suggested neurons lower the loss of every flow at rest until the rows are separated', () => {
  let repaired = 0;
  for (const [n, d, seed] of [
    [5, 2, 2],
    [5, 2, 3],
    [6, 3, 1],
    [8, 2, 3],
    [8, 2, 4],
    [8, 3, 5],
  ]) {
    const rng = createRng(100 * n + seed);
    const data: DenseMatrix = { rows: n, cols: d, data: Float64Array.from({ length: n * d }, () => rng.normal()) };
    const sides = Float64Array.from({ length: n }, (_, i) => (i % 2 ? 1 : -1));
    const first = gradientFlow(data, sides, { ...defaultFlowOptions, width: 12, seed, maxSteps: 20_000 });
    if (first.separated) continue;
    const { losses, flow } = insertUntilSeparated(data, sides, first, 8);
    assert.ok(flow.separated, `${n} x ${d}, seed ${seed}: ${losses.join(', ')}`);
    repaired++;
  }
  assert.ok(repaired >= 5, `${repaired} started at rest`);
});

test('rows that no network separates: no neuron is suggested where none would help', () => {
  const data = fromRows([
    [1, 2],
    [1, 2],
    [2, -1],
  ]);
  const sides = Float64Array.of(1, -1, -1);
  const flow = gradientFlow(data, sides, defaultFlowOptions);
  assert.ok(flow.atRest && !flow.separated);
  assert.ok(Math.abs(flow.snapshots.at(-1)!.logLoss - Math.log(2 * Math.LN2)) < 1e-4);
  const { suggestion, sentence, verdict } = certifyFlow(data, sides, flow.network);
  assert.equal(verdict, 'not-separated');
  assert.equal(suggestion, null, sentence);
});

test('bounded least squares meets its conditions of optimality', () => {
  const rng = createRng(11);
  let bounded = 0;
  for (let trial = 0; trial < 200; trial++) {
    const d = 4;
    const normals = Array.from({ length: 3 }, () => {
      const v = Float64Array.from({ length: d }, () => rng.normal());
      const size = Math.sqrt(dot(v, v));
      return v.map((value) => value / size);
    });
    const most = normals.map(() => Math.abs(rng.normal()));
    const target = Float64Array.from({ length: d }, () => rng.normal());
    const rest = target.slice();
    const t = boundedLeastSquares(normals, rest, most);
    const again = target.slice();
    normals.forEach((normal, r) => {
      for (let k = 0; k < d; k++) again[k] -= t[r] * normal[k];
    });
    again.forEach((value, k) => assert.ok(Math.abs(value - rest[k]) < 1e-12));
    normals.forEach((normal, r) => {
      const slope = dot(normal, rest);
      assert.ok(t[r] >= 0 && t[r] <= most[r]);
      if (t[r] > 0 && t[r] < most[r]) assert.ok(Math.abs(slope) < 1e-9, `trial ${trial}: ${slope}`);
      else if (t[r] === 0) assert.ok(slope < 1e-9);
      else assert.ok(slope > -1e-9);
      bounded += Number(t[r] === 0 || t[r] === most[r]);
    });
  }
  assert.ok(bounded > 100);
});
