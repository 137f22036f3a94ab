import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SphereAscent } from '../../../../src/core/certify/global/ascent.ts';
import { GramAscent } from '../../../../src/core/certify/global/gramAscent.ts';
import { denseMatrix } from '../../../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../../../src/core/base/rng.ts';

it('ascents by inner products end at local maxima, at or above their start, for either sign', () => {
  const rng = createRng(11);
  for (const [n, d] of [
    [12, 9],
    [25, 20],
    [30, 40],
  ]) {
    const X = denseMatrix(n, d);
    for (let i = 0; i < n * d; i++) X.data[i] = rng.normal();
    // a row of zeros, and one twice
    X.data.fill(0, d, 2 * d);
    X.data.copyWithin(2 * d, 3 * d, 4 * d);
    const inner = new Float64Array(n * n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) for (let k = 0; k < d; k++) inner[i * n + j] += X.data[i * d + k] * X.data[j * d + k];
    }
    const [gram, sphere] = [new GramAscent(X, inner), new SphereAscent(X)];
    const v = Float64Array.from({ length: n }, () => rng.normal());
    for (const sign of [1, -1, 1] as const) {
      for (let start = 0; start < 5; start++) {
        const from = Float64Array.from({ length: d }, () => rng.normal());
        const size = Math.hypot(...from);
        const top = gram.climb(v, from, sign, () => false);
        assert.ok(top !== undefined);
        assert.ok(Math.abs(Math.hypot(...top.direction) - 1) < 1e-12);
        const value = sign * sphere.evaluate(v, undefined, top.direction);
        assert.ok(Math.abs(value - top.value) <= 1e-12 * top.value);
        assert.ok(top.value >= (sign * sphere.evaluate(v, undefined, from)) / size - 1e-12);
        const further = sphere.climb(v, undefined, top.direction, sign);
        assert.ok(further !== undefined && further.value <= top.value * (1 + 1e-9), `${further?.value} ${top.value}`);
      }
    }
  }
  const none = new GramAscent(denseMatrix(1, 2, Float64Array.of(1, 0)), Float64Array.of(1));
  assert.equal(
    none.climb(Float64Array.of(-1), [1, 0], 1, () => false),
    undefined,
  );
});
