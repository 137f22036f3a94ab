import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dot } from '../../../src/core/base/linalg/matrix.ts';
import { createPenalty } from '../../../src/core/problem/penalties/penalties.ts';
import type { OutputPenalty } from '../../../src/core/problem/problem.ts';
import { createRng } from '../../../src/core/base/rng.ts';

const kinds: readonly OutputPenalty[] = ['per-output', 'frobenius', 'nuclear'];
const shapes = [
  [1, 1],
  [4, 1],
  [4, 3],
  [2, 3],
  [5, 5],
] as const;

for (const kind of kinds) {
  for (const [d, c] of shapes) {
    const name = `${kind}, ${d} x ${c}`;
    const penalty = createPenalty(kind, d, c);
    const size = d * c;
    const rng = createRng(d * 100 + c);
    const random = (): Float64Array => Float64Array.from({ length: 3 * size }, () => rng.normal());
    const sizes = new Float64Array(3 * penalty.groups);

    test(`${name}: Moreau: W = prox + a point of the dual ball that pairs with it`, () => {
      for (let round = 0; round < 20; round++) {
        const W = random();
        const t = 0.1 + 2 * rng.uniform();
        const U = new Float64Array(W.length);
        const value = penalty.prox(W, 3, t, U, sizes);
        const rest = W.map((w, i) => w - U[i]);
        assert.ok(penalty.dualNorms(rest, 3, sizes) <= t * (1 + 1e-12), 'dual ball');
        assert.ok(Math.abs(dot(rest, U) - t * value) <= 1e-11 * (1 + value), 'pairing');
        assert.ok(Math.abs(penalty.value(U, 3) - value) <= 1e-12 * (1 + value), 'value');
      }
    });

    test(`${name}: Hoelder, and the derivative of the prox by differences`, () => {
      for (let round = 0; round < 20; round++) {
        const W = random();
        const other = random();
        assert.ok(dot(W, other) <= penalty.value(W, 3) * penalty.dualNorms(other, 3, sizes) * (1 + 1e-12));
        const t = 0.5 + rng.uniform();
        const H = other.slice();
        for (let b = 0; b < 3; b++) penalty.proxDerivative(W, t, H, b * size);
        const h = 1e-6;
        const [up, down] = [new Float64Array(W.length), new Float64Array(W.length)];
        penalty.prox(
          W.map((w, i) => w + h * other[i]),
          3,
          t,
          up,
          sizes,
        );
        penalty.prox(
          W.map((w, i) => w - h * other[i]),
          3,
          t,
          down,
          sizes,
        );
        for (let i = 0; i < W.length; i++) {
          assert.ok(Math.abs((up[i] - down[i]) / (2 * h) - H[i]) < 1e-5 * (1 + Math.abs(H[i])), `entry ${i}`);
        }
      }
    });
  }
}

test('with one output the three penalties are one', () => {
  const U = Float64Array.from([3, 4]);
  for (const kind of kinds) assert.equal(createPenalty(kind, 2, 1).value(U, 1), 5);
});

test('known norms of a 2 x 2 block', () => {
  // [[3, 0], [0, 4]]: columns 3 and 4, Frobenius 5, singular values 3 and 4
  const U = Float64Array.from([3, 0, 0, 4]);
  assert.equal(createPenalty('per-output', 2, 2).value(U, 1), 7);
  assert.equal(createPenalty('frobenius', 2, 2).value(U, 1), 5);
  assert.ok(Math.abs(createPenalty('nuclear', 2, 2).value(U, 1) - 7) < 1e-14);
});
