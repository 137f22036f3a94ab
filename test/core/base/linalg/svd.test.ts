import assert from 'node:assert/strict';
import { it } from 'node:test';
import { denseMatrix, type DenseMatrix } from '../../../../src/core/base/linalg/matrix.ts';
import { numericalRank, svd, svdUnlessStopped } from '../../../../src/core/base/linalg/svd.ts';
import { createRng } from '../../../../src/core/base/rng.ts';

const rng = createRng(8);
const gaussian = (rows: number, cols: number): DenseMatrix =>
  denseMatrix(
    rows,
    cols,
    Float64Array.from({ length: rows * cols }, () => rng.normal()),
  );

function product(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  const out = denseMatrix(a.rows, b.cols);
  for (let i = 0; i < a.rows; i++)
    for (let k = 0; k < a.cols; k++)
      for (let j = 0; j < b.cols; j++) out.data[i * b.cols + j] += a.data[i * a.cols + k] * b.data[k * b.cols + j];
  return out;
}

const scaled = (a: DenseMatrix, factor: number): DenseMatrix => denseMatrix(a.rows, a.cols, a.data.map((x) => factor * x)); // prettier-ignore
const cases: readonly (readonly [string, DenseMatrix, number])[] = [
  ['tall, decomposed at once', gaussian(20, 12), 12],
  ['square', gaussian(110, 110), 110],
  ['a little wide', gaussian(105, 130), 105],
  ['a little tall, of low rank', product(gaussian(140, 7), gaussian(7, 101)), 7],
  ['much wider than tall', gaussian(30, 300), 30],
  ['zero', denseMatrix(100, 100), 0],
  ['one value 110 times', denseMatrix(110, 110, Float64Array.from({ length: 110 * 110 }, (_, i) => (i % 111 === 0 ? 3 : 0))), 110], // prettier-ignore
  ['near the ends of the range', scaled(gaussian(100, 102), 1e-180), 100],
];

for (const [name, A, rank] of cases) {
  it(`svdUnlessStopped: ${name}: A = U diag(s) V', orthonormal, the singular values of the library`, () => {
    const { U, s, V } = svdUnlessStopped(A, () => false)!;
    const k = Math.min(A.rows, A.cols);
    const top = Math.max(s[0], Number.MIN_VALUE);
    assert.equal(numericalRank(s), rank);
    svd(A).s.forEach((value, j) => assert.ok(Math.abs(value - s[j]) <= 1e-12 * top, `${j}: ${value} ${s[j]}`));
    for (let i = 0; i < A.rows; i += 7) {
      for (let j = 0; j < A.cols; j += 5) {
        let sum = 0;
        for (let t = 0; t < k; t++) sum += U.data[i * k + t] * s[t] * V.data[j * k + t];
        assert.ok(Math.abs(sum - A.data[i * A.cols + j]) <= 1e-11 * top, `entry ${i}, ${j}`);
      }
    }
    for (const Q of [U, V]) {
      for (let a = 0; a < rank; a += 3) {
        for (let b = 0; b <= a; b++) {
          let sum = 0;
          for (let i = 0; i < Q.rows; i++) sum += Q.data[i * k + a] * Q.data[i * k + b];
          assert.ok(Math.abs(sum - (a === b ? 1 : 0)) <= 1e-12, `columns ${a}, ${b}: ${sum}`);
        }
      }
    }
  });
}

it('is left when asked to, whatever the shape', () => {
  for (const [rows, cols] of [
    [150, 150],
    [150, 120],
    [40, 500],
  ] as const) {
    // prettier-ignore
    let looks = 0;
    assert.equal(
      svdUnlessStopped(gaussian(rows, cols), () => ++looks > 20),
      undefined,
    );
    assert.equal(looks, 21);
  }
});
