import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { denseMatrix, fromRows, norm2, withOnesColumn } from '../../../src/core/base/linalg/matrix.ts';
import { balanceNetwork } from '../../../src/core/network/balance.ts';
import { decomposeGated } from '../../../src/core/network/coneDecomposition.ts';
import { fitDistances } from '../../../src/core/network/fitAngles.ts';
import { FitCone } from '../../../src/core/network/fitCone.ts';
import { networkFit, networkPenalty } from '../../../src/core/network/evaluate.ts';
import {
  type ConvexNeuron,
  mergeCollinear,
  networkOfNeurons,
  neuronsOfNetwork,
} from '../../../src/core/network/mapping.ts';
import type { TwoLayerNetwork } from '../../../src/core/network/network.ts';
import { fitsOf, pruneNeurons } from '../../../src/core/network/prune.ts';
import { createRng, type Rng } from '../../../src/core/base/rng.ts';

function gaussian(rng: Rng, rows: number, cols: number) {
  const m = denseMatrix(rows, cols);
  for (let i = 0; i < m.data.length; i++) m.data[i] = rng.normal();
  return m;
}

function randomNetwork(rng: Rng, m: number, d: number, c: number, bias: boolean): TwoLayerNetwork {
  return {
    W1: gaussian(rng, m, d),
    b1: bias ? gaussian(rng, 1, m).data : new Float64Array(m),
    W2: gaussian(rng, m, c),
    b2: new Float64Array(c),
  };
}

function close(a: ArrayLike<number>, b: ArrayLike<number>, tolerance: number): void {
  assert.equal(a.length, b.length);
  for (let i = 0; i < a.length; i++)
    assert.ok(Math.abs(a[i] - b[i]) <= tolerance * (1 + Math.abs(b[i])), `${a[i]} ${b[i]}`);
}

void test('network to convex neurons and back: same predictions, penalty never higher, equal to the sum of norms', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: 1, max: 8 }),
      fc.integer({ min: 1, max: 3 }),
      fc.constantFrom('none' as const, 'regularized' as const, 'free' as const),
      (seed, m, c, bias) => {
        const rng = createRng(seed);
        const X = gaussian(rng, 15, 3);
        const network = randomNetwork(rng, m, 3, c, bias !== 'none');
        const before = networkPenalty(network, 'per-output', bias);
        const balanced = balanceNetwork(network, bias);
        close(networkFit(balanced, X).data, networkFit(network, X).data, 1e-11);
        const after = networkPenalty(balanced, 'per-output', bias);
        assert.ok(after <= before * (1 + 1e-12));
        const neurons = neuronsOfNetwork(network, bias);
        const q = bias === 'regularized' ? 4 : 3;
        const norms = neurons.reduce((s, { u }) => s + norm2(u.subarray(0, q)), 0);
        assert.ok(Math.abs(norms - after) <= 1e-10 * after);
        const effective = bias === 'none' ? X : withOnesColumn(X);
        const merged = mergeCollinear(effective, q, neurons);
        const back = networkOfNeurons(merged, c, 3, bias);
        close(networkFit(back, X).data, networkFit(network, X).data, 1e-11);
        assert.ok(networkPenalty(back, 'per-output', bias) <= after * (1 + 1e-10));
      },
    ),
    { seed: 3, numRuns: 200 },
  );
});

void test('collinear neurons of one sign and output become one, others stay', () => {
  const X = fromRows([
    [1, 0],
    [0, 1],
    [-1, 1],
  ]);
  const u = Float64Array.of(1, 2);
  const merged = mergeCollinear(X, 2, [
    { u, sign: 1, output: 0 },
    { u: u.map((x) => 3 * x), sign: 1, output: 0 },
    { u, sign: -1, output: 0 },
    { u, sign: 1, output: 1 },
  ]);
  assert.deepEqual(
    merged.map(({ u: w }) => [...w]),
    [
      [4, 8],
      [1, 2],
      [1, 2],
    ],
  );
});

void test('pruning leaves at most n neurons, the fit unchanged and the penalty no higher', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 2, max: 6 }), (seed, n) => {
      const rng = createRng(seed);
      const X = gaussian(rng, n, 3);
      const neurons = Array.from({ length: 2 * n + 3 }, () => ({
        u: gaussian(rng, 1, 3).data,
        sign: rng.uniform() < 0.5 ? (1 as const) : (-1 as const),
        output: 0,
      }));
      const pruned = pruneNeurons(X, 3, neurons, 1);
      assert.ok(pruned.length <= n);
      close(
        networkFit(networkOfNeurons(pruned, 1, 3, 'none'), X).data,
        networkFit(networkOfNeurons(neurons, 1, 3, 'none'), X).data,
        1e-8,
      );
      const size = (list: readonly { u: Float64Array }[]): number => list.reduce((s, { u }) => s + norm2(u), 0);
      assert.ok(size(pruned) <= size(neurons) * (1 + 1e-10));
    }),
    { seed: 4, numRuns: 200 },
  );
});

void test('cone decomposition of the gated minimum: (1, 0) = (1, -0.75) - (0, -0.75), cost 2', () => {
  const X = fromRows([
    [1, 0],
    [0.6, 0.8],
  ]);
  const parts = decomposeGated(X, [{ gate: Float64Array.of(1, -1), vector: Float64Array.of(1, 0), output: 0 }]);
  assert.ok(parts !== undefined);
  assert.ok(Math.abs(parts.penalty - 2) <= 1e-7, `${parts.penalty}`);
  assert.equal(parts.gatedPenalty, 1);
  close(parts.neurons[0].u, [1, -0.75], 1e-4);
  const fit = networkFit(networkOfNeurons(parts.neurons, 1, 2, 'none'), X).data;
  close(fit, [1, 0], 1e-9);
});

void test('cone decomposition keeps the gated fit and costs at least as much', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 2, max: 20 }), fc.integer({ min: 1, max: 4 }), (seed, n, d) => {
      const rng = createRng(seed);
      const X = gaussian(rng, n, d);
      const gates = gaussian(rng, 4, d);
      const vectors = Array.from({ length: 4 }, (_, i) => ({
        gate: gates.data.slice(i * d, (i + 1) * d),
        vector: gaussian(rng, 1, d).data,
        output: 0,
      }));
      const expected = new Float64Array(n);
      for (const { gate, vector } of vectors) {
        for (let r = 0; r < n; r++) {
          const row = X.data.subarray(r * d, (r + 1) * d);
          if (row.reduce((s, x, k) => s + x * gate[k], 0) < 0) continue;
          expected[r] += row.reduce((s, x, k) => s + x * vector[k], 0);
        }
      }
      const parts = decomposeGated(X, vectors);
      assert.ok(parts !== undefined);
      assert.ok(parts.penalty >= parts.gatedPenalty * (1 - 1e-9));
      const size = parts.neurons.reduce((s, { u }) => Math.max(s, norm2(u)), 1);
      close(networkFit(networkOfNeurons(parts.neurons, 1, d, 'none'), X).data, expected, 1e-10 * size);
    }),
    { seed: 5, numRuns: 60 },
  );
});

void test('distances between fits from their inner products are those of orthogonalised fits; nearly dependent ones are not told', () => {
  const rng = createRng(21);
  const [n, d] = [2500, 4];
  const X = denseMatrix(n, d);
  X.data.forEach((_, k) => (X.data[k] = rng.normal()));
  const neurons = Array.from({ length: 5 }, (_, j): ConvexNeuron => {
    const sign = j % 2 === 0 ? 1 : -1;
    return { u: Float64Array.from({ length: d }, () => rng.normal()), sign, output: 0 };
  });
  const never = (): boolean => false;
  for (const offset of [false, true]) {
    const found = fitDistances(X, neurons, offset, never)!;
    const fits = [...fitsOf(X, neurons), ...(offset ? [new Float64Array(n).fill(1)] : [])];
    const expected = new FitCone(fits, never).distancesFromOthers()!;
    assert.equal(found.fromOthers.length, fits.length);
    found.fromOthers.forEach((distance, j) => {
      assert.ok(Math.abs(distance - expected[j]) <= 1e-10 * expected[j], `${distance}, not ${expected[j]}`);
    });
    const sum = fits[0].map((_, i) => neurons.reduce((s, _neuron, j) => s + fits[j][i], 0));
    assert.ok(Math.abs(found.whole - norm2(sum)) <= 1e-10 * found.whole);
  }
  const twin: ConvexNeuron = { ...neurons[0], u: neurons[0].u.map((x, k) => x * (k === 0 ? 2 + 1e-6 : 2)) };
  assert.equal(fitDistances(X, [...neurons, twin], false, never), undefined);
  const zero: ConvexNeuron = { ...neurons[0], u: new Float64Array(d) };
  assert.equal(fitDistances(X, [...neurons, zero], false, never), undefined);
  assert.equal(
    fitDistances(X, neurons, false, () => true),
    undefined,
  );
});
