import assert from 'node:assert/strict';
import { test } from 'node:test';
import { denseMatrix, type DenseMatrix, dot, fromRows, norm2 } from '../../../../src/core/base/linalg/matrix.ts';
import { symmetricEigen } from '../../../../src/core/base/linalg/symmetricEigen.ts';
import { svd } from '../../../../src/core/base/linalg/svd.ts';
import { createRng } from '../../../../src/core/base/rng.ts';

test('residuals, orthogonality and order on random, repeated, diagonal and rank-one matrices', () => {
  const rng = createRng(1);
  assert.equal(symmetricEigen(denseMatrix(0, 0)).values.length, 0);
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

/** Largest residual |A v - lambda v| over the largest eigenvalue, and largest departure of the vectors from orthonormality. */
function faults(a: DenseMatrix): { residual: number; orthogonality: number } {
  const n = a.rows;
  const { values, vectors } = symmetricEigen(a);
  const scale = Math.max(Math.abs(values[0]), Math.abs(values[n - 1]), Number.MIN_VALUE);
  let residual = 0;
  let orthogonality = 0;
  for (let k = 0; k < n; k++) {
    const v = vectors.subarray(k * n, (k + 1) * n);
    if (k > 0) assert.ok(values[k] >= values[k - 1]);
    for (let i = 0; i < n; i++) {
      residual = Math.max(
        residual,
        Math.abs(dot(a.data.subarray(i * n, (i + 1) * n), v) / scale - (values[k] / scale) * v[i]),
      );
    }
    for (let l = 0; l <= k; l++) {
      const product = dot(vectors.subarray(l * n, (l + 1) * n), v);
      orthogonality = Math.max(orthogonality, Math.abs(product - (k === l ? 1 : 0)));
    }
  }
  return { residual, orthogonality };
}

test('every rank at sizes up to 120, also where a null space has half of the dimensions', () => {
  const rng = createRng(2);
  for (const n of [5, 37, 120]) {
    for (const rank of [0, 1, Math.floor(n / 2), n - 1, n]) {
      const factor = Float64Array.from({ length: n * rank }, () => rng.normal());
      const a = denseMatrix(n, n);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          a.data[i * n + j] = dot(factor.subarray(i * rank, (i + 1) * rank), factor.subarray(j * rank, (j + 1) * rank));
        }
      }
      const { residual, orthogonality } = faults(a);
      assert.ok(residual < 1e-13 * n && orthogonality < 1e-13 * n, `${n}, rank ${rank}: ${residual}, ${orthogonality}`);
      const { values } = symmetricEigen(a);
      const zero = values.filter((value) => Math.abs(value) <= 1e-12 * n * Math.max(values[n - 1], 1)).length;
      assert.equal(zero, n - rank);
    }
  }
});

test('clusters of eigenvalues, graded ones and ones near the ends of the range of doubles', () => {
  const rng = createRng(3);
  const n = 40;
  const spectra: Record<string, (k: number) => number> = {
    'two clusters': (k) => (k % 2 === 0 ? 1 : -1) * (1 + 1e-15 * k),
    'one cluster and an outlier': (k) => (k === 0 ? 1e8 : 1 + 1e-12 * k),
    graded: (k) => 10 ** (-k / 2),
    'tiny beside zero': (k) => (k < 3 ? 1e-300 : k < 30 ? 0 : 1),
    small: () => 1e-290 * (1 + rng.uniform()),
    denormal: () => 1e-310,
    'graded from nothing': (k) => (k < 30 ? 10 ** (-12 * (30 - k)) : 1),
    large: (k) => 1e300 * (k % 3),
  };
  for (const [name, spectrum] of Object.entries(spectra)) {
    // H diag H with a reflection H = I - 2 v v'
    const v = Float64Array.from({ length: n }, () => rng.normal());
    const length = norm2(v);
    const H = denseMatrix(n, n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) H.data[i * n + j] = (i === j ? 1 : 0) - (2 * v[i] * v[j]) / length ** 2;
    }
    const values = Float64Array.from({ length: n }, (_, k) => spectrum(k));
    const a = denseMatrix(n, n);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < n; j++) {
        for (let k = 0; k < n; k++) a.data[i * n + j] += H.data[i * n + k] * values[k] * H.data[j * n + k];
      }
    }
    const { residual, orthogonality } = faults(a);
    assert.ok(orthogonality < 1e-12 * n, `${name}: ${orthogonality}`);
    assert.ok(residual < (name === 'denormal' ? 1e-10 : 1e-13 * n), `${name}: ${residual}`);
  }
});

test('what is not finite is refused at once, also by the singular value decomposition', () => {
  for (const bad of [NaN, Infinity, -Infinity]) {
    assert.throws(() => symmetricEigen(fromRows([[1, bad], [bad, 1]])), RangeError); // prettier-ignore
    assert.throws(() => svd(fromRows([[1, bad, 2], [0, 1, 1]])), RangeError); // prettier-ignore
  }
  const { s } = svd(fromRows([[3e200, 0], [0, 4e-200]])); // prettier-ignore
  assert.ok(Math.abs(s[0] / 3e200 - 1) < 1e-15 && s[1] < 1e-15 * s[0]);
});

test('singular values of long and wide matrices, of every rank', () => {
  const rng = createRng(6);
  for (const [rows, cols] of [
    [6, 90],
    [90, 6],
    [1, 40],
    [40, 1],
    [12, 30],
  ]) {
    // prettier-ignore
    for (const rank of [0, 1, 3, Math.min(rows, cols)]) {
      const left = Float64Array.from({ length: rows * rank }, () => rng.normal());
      const right = Float64Array.from({ length: cols * rank }, () => rng.normal());
      const a = denseMatrix(rows, cols);
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < cols; j++) a.data[i * cols + j] = dot(left.subarray(i * rank, (i + 1) * rank), right.subarray(j * rank, (j + 1) * rank)); // prettier-ignore
      }
      const { U, s, V } = svd(a);
      const k = s.length;
      const top = Math.max(s[0], 1);
      for (let i = 0; i < rows; i++) {
        for (let j = 0; j < cols; j++) {
          let sum = 0;
          for (let t = 0; t < k; t++) sum += U.data[i * k + t] * s[t] * V.data[j * k + t];
          assert.ok(Math.abs(sum - a.data[i * cols + j]) < 1e-12 * top);
        }
      }
      let found = 0;
      for (let t = 0; t < k; t++) {
        if (t > 0) assert.ok(s[t] <= s[t - 1]);
        if (s[t] <= 1e-10 * top) continue;
        found++;
        for (const M of [U, V]) {
          for (let u = 0; u <= t; u++) {
            let product = 0;
            for (let i = 0; i < M.rows; i++) product += M.data[i * k + t] * M.data[i * k + u];
            assert.ok(Math.abs(product - (t === u ? 1 : 0)) < 1e-12);
          }
        }
      }
      assert.equal(found, Math.min(rank, k));
    }
  }
});
