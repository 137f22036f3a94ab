import assert from 'node:assert/strict';
import { test } from 'node:test';
import { denseMatrix, fromRows } from '../../../src/core/linalg/matrix.ts';
import { symmetricEigen } from '../../../src/core/linalg/symmetricEigen.ts';
import { createRng } from '../../../src/core/random/rng.ts';

test('residuals, orthogonality and order on random, repeated, diagonal and rank-one matrices', () => {
  const rng = createRng(1);
  for (const n of [1, 2, 3, 7, 40]) {
    for (const kind of ['random', 'gram', 'identity', 'diagonal', 'graded']) {
      const a = denseMatrix(n, n);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j <= i; j++) {
          let value = rng.normal();
          if (kind === 'gram') value = (i + 1) * (j + 1);
          if (kind === 'identity') value = i === j ? 1 : 0;
          if (kind === 'diagonal') value = i === j ? i % 3 : 0;
          if (kind === 'graded') value *= 10 ** (-i - j);
          a.data[i * n + j] = a.data[j * n + i] = value;
        }
      }
      const { values, vectors } = symmetricEigen(a);
      const scale = Math.max(1e-300, ...values.map(Math.abs));
      for (let k = 0; k < n; k++) {
        if (k > 0) assert.ok(values[k] >= values[k - 1]);
        for (let i = 0; i < n; i++) {
          let s = 0;
          for (let j = 0; j < n; j++) s += a.data[i * n + j] * vectors[k * n + j];
          assert.ok(Math.abs(s - values[k] * vectors[k * n + i]) < 1e-13 * n * scale, `${kind} ${n}`);
        }
        for (let l = 0; l <= k; l++) {
          let s = 0;
          for (let j = 0; j < n; j++) s += vectors[k * n + j] * vectors[l * n + j];
          assert.ok(Math.abs(s - (k === l ? 1 : 0)) < 1e-13 * n);
        }
      }
      const only = symmetricEigen(a, false);
      only.values.forEach((x, i) => assert.ok(Math.abs(x - values[i]) < 1e-13 * n * scale));
    }
  }
});

test('a matrix with known eigenvalues', () => {
  const { values } = symmetricEigen(
    fromRows([
      [2, -1, 0],
      [-1, 2, -1],
      [0, -1, 2],
    ]),
  );
  [2 - Math.SQRT2, 2, 2 + Math.SQRT2].forEach((x, i) => assert.ok(Math.abs(values[i] - x) < 1e-14));
  assert.throws(() => symmetricEigen(fromRows([[NaN]])), RangeError);
});
