import { type DenseMatrix, norm2, rowOf } from '../../base/linalg/matrix.ts';

/** (Xu)_+, n numbers. */
export function rectified(X: DenseMatrix, u: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: X.rows }, (_, i) => {
    let s = 0;
    for (let k = 0; k < X.cols; k++) s += X.data[i * X.cols + k] * u[k];
    return Math.max(0, s);
  });
}

/** Orthonormal basis of the span of the rows, at most `most` vectors. */
export function rowBasis(X: DenseMatrix, most: number): Float64Array[] {
  const basis: Float64Array[] = [];
  for (let i = 0; i < X.rows && basis.length < most; i++) {
    const v = rowOf(X, i).slice();
    const before = norm2(v);
    orthogonalise(v, basis);
    const size = norm2(v);
    if (size > 1e-9 * before) basis.push(v.map((value) => value / size));
  }
  return basis;
}

function orthogonalise(v: Float64Array, basis: readonly Float64Array[]): void {
  for (let pass = 0; pass < 2; pass++) {
    for (const q of basis) {
      let s = 0;
      for (let k = 0; k < v.length; k++) s += q[k] * v[k];
      for (let k = 0; k < v.length; k++) v[k] -= s * q[k];
    }
  }
}

/** Unit directions that cover the span of a basis. */
export interface DirectionGrid {
  /** 0: a closed curve; otherwise directions per ring, rings from one pole to the other, the last direction of a ring being its first. */
  readonly columns: number;
  readonly directions: readonly Float64Array[];
}

const curvePoints = 721;
const rings = 36;

/** A circle for up to two vectors, rings of a sphere for three: latitude from the third vector's negative to it. */
export function directionGrid(basis: readonly Float64Array[], d: number): DirectionGrid {
  const combine = (weights: readonly number[]): Float64Array => {
    const u = new Float64Array(d);
    basis.forEach((q, b) => q.forEach((value, k) => (u[k] += (weights[b] ?? 0) * value)));
    return u;
  };
  if (basis.length <= 2) {
    const directions = Array.from({ length: curvePoints }, (_, i) => {
      const t = (2 * Math.PI * i) / (curvePoints - 1);
      return combine([Math.cos(t), Math.sin(t)]);
    });
    return { columns: 0, directions };
  }
  const directions: Float64Array[] = [];
  for (let r = 0; r <= rings; r++) {
    const latitude = -Math.PI / 2 + (Math.PI * r) / rings;
    for (let c = 0; c <= 2 * rings; c++) {
      const longitude = (Math.PI * c) / rings;
      const flat = Math.cos(latitude);
      directions.push(combine([flat * Math.cos(longitude), flat * Math.sin(longitude), Math.sin(latitude)]));
    }
  }
  return { columns: 2 * rings + 1, directions };
}

/**
 * Three orthonormal axes in the space of n outputs on which a set is seen best: the last along lambda, so that the planes lambda'z = +-1 are
 * seen edge-on and the projected hull touches them exactly where the hull does, the others where the points spread most (power iteration
 * on their second moments). Fewer axes where the points do not fill three dimensions.
 */
export function outputAxes(points: readonly Float64Array[], lambda: Float64Array): Float64Array[] {
  const n = lambda.length;
  const size = norm2(lambda);
  const basis: Float64Array[] = size > 0 ? [lambda.map((value) => value / size)] : [];
  while (basis.length < 3) {
    let v = Float64Array.from({ length: n }, (_, i) => 1 + ((i * 0.618034) % 1));
    let spread = 0;
    for (let step = 0; step < 40; step++) {
      orthogonalise(v, basis);
      const length = norm2(v);
      if (!(length > 1e-12)) break;
      v = v.map((value) => value / length);
      const next = new Float64Array(n);
      for (const point of points) {
        let s = 0;
        for (let i = 0; i < n; i++) s += point[i] * v[i];
        for (let i = 0; i < n; i++) next[i] += s * point[i];
      }
      orthogonalise(next, basis);
      spread = norm2(next);
      if (!(spread > 1e-12)) break;
      v = next;
    }
    const length = norm2(v);
    if (!(spread > 1e-12) || !(length > 0)) break;
    basis.push(v.map((value) => value / length));
  }
  return size > 0 ? [...basis.slice(1), basis[0]] : basis;
}
