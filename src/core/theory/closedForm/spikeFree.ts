import { largest } from '../../base/extremes.ts';
import { denseMatrix, dot, norm2, rowOf, type DenseMatrix, columnOf } from '../../base/linalg/matrix.ts';
import { numericalRank, svd, type Svd } from '../../base/linalg/svd.ts';
import { createRng } from '../../base/rng.ts';

/** Whether { (Xu)_+ : ||u|| <= 1 } = { Xz : ||z|| <= 1 } with non-negative entries: `null` when that could not be decided. */
export interface SpikeFree {
  readonly spikeFree: boolean | null;
  readonly reason: string;
}

const figures = (value: number): string => value.toPrecision(3);

/**
 * Spike-free data make every ReLU neuron as good as a linear one that is on for all rows. With linearly independent rows they are
 * spike-free exactly when (X X')^-1 has no positive entry off its diagonal: with Xu = q - p, q and p the two parts, it takes
 * q' K^-1 q <= (q - p)' K^-1 (q - p) for all scalings, that is q' K^-1 p <= 0 for all disjoint q, p >= 0. Dependent rows also need
 * (Xu)_+ in the range of X: decided for rank one (all factors of one sign), refuted by a sampled direction, or left open.
 */
export function spikeFreeTest(X: DenseMatrix, { U, s }: Svd = svd(X), seed = 1): SpikeFree {
  const rank = numericalRank(s, 1e-10);
  if (rank === 0) return { spikeFree: null, reason: 'All inputs are zero.' };
  const n = X.rows;
  if (rank === n) {
    // K^-1 = U diag(1 / s^2) U'
    let largest = Number.NEGATIVE_INFINITY;
    let scale = 0;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) {
        let entry = 0;
        for (let k = 0; k < n; k++) entry += (U.data[i * n + k] * U.data[j * n + k]) / (s[k] * s[k]);
        if (i === j) scale = Math.max(scale, entry);
        else largest = Math.max(largest, entry);
      }
    }
    const free = n === 1 || largest <= 1e-10 * scale;
    return {
      spikeFree: free,
      reason: free
        ? 'The rows are independent and the inverse of their Gram matrix has no positive entry off the diagonal.'
        : `The inverse of the Gram matrix of the rows has a positive entry off its diagonal, ${figures(largest / scale)} of its largest.`,
    };
  }
  if (rank === 1) {
    const column = columnOf(U.data, s.length, 0);
    const tiny = 1e-12 * largest(column.map(Math.abs));
    const mixed = column.some((c) => c > tiny) && column.some((c) => c < -tiny);
    return {
      spikeFree: !mixed,
      reason: mixed
        ? 'The rows are multiples of one direction with both signs, so a neuron can cut them apart.'
        : 'The rows are non-negative multiples of one direction.',
    };
  }
  const rng = createRng(seed).fork('spike-free');
  const u = new Float64Array(X.cols);
  const image = new Float64Array(n);
  for (let trial = 0; trial < 64; trial++) {
    for (let k = 0; k < u.length; k++) u[k] = rng.normal();
    const size = norm2(u);
    for (let i = 0; i < n; i++) image[i] = Math.max(0, dot(rowOf(X, i), u) / size);
    // distance of the image from the range of X, and the size of its preimage
    let inside = 0;
    let preimage = 0;
    for (let k = 0; k < rank; k++) {
      let coefficient = 0;
      for (let i = 0; i < n; i++) coefficient += U.data[i * s.length + k] * image[i];
      inside += coefficient * coefficient;
      preimage += (coefficient / s[k]) ** 2;
    }
    const whole = dot(image, image);
    if (whole - inside > 1e-8 * whole) {
      return {
        spikeFree: false,
        reason: `A random direction gives activations that no linear function of the inputs gives (relative distance ${figures(Math.sqrt((whole - inside) / whole))}).`,
      };
    }
    if (preimage > 1 + 1e-8) {
      return {
        spikeFree: false,
        reason: `A random unit direction gives activations that take a linear neuron of norm ${figures(Math.sqrt(preimage))}.`,
      };
    }
  }
  return {
    spikeFree: null,
    reason: 'The rows are dependent and no sampled direction refutes it; this is not a proof.',
  };
}

/** A gate that is on for every row: g with Xg = 1 (rows independent) or the direction of rank-one data; undefined if there is none. */
export function gateOnEverywhere(X: DenseMatrix, { U, s, V }: Svd = svd(X)): DenseMatrix | undefined {
  const rank = numericalRank(s, 1e-10);
  const gate = denseMatrix(1, X.cols);
  for (let k = 0; k < rank; k++) {
    let sum = 0;
    for (let i = 0; i < X.rows; i++) sum += U.data[i * s.length + k];
    for (let j = 0; j < X.cols; j++) gate.data[j] += (V.data[j * s.length + k] * sum) / s[k];
  }
  for (let i = 0; i < X.rows; i++) if (!(dot(rowOf(X, i), gate.data) > 0)) return undefined;
  return gate;
}
