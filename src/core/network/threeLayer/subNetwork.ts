import { denseMatrix, dot, norm2, rowOf, type DenseMatrix } from '../../base/linalg/matrix.ts';
import type { Tuple } from './tuple.ts';

/**
 * One parallel branch of a three-layer ReLU network: x -> ((x W1)_+ w2)_+ w3, feeding one output (Ergen and Pilanci 2021,
 * "Global Optimality Beyond Two Layers").
 */
export interface SubNetwork {
  /** d x m1 */
  readonly W1: DenseMatrix;
  /** m1 */
  readonly w2: Float64Array;
  readonly w3: number;
  readonly output: number;
}

/** A branch as the convex program sees it: u_j = |w3| |w2j| w1j, the sign of each w2j, the sign of w3. */
export interface SubVector {
  /** m1 blocks of d numbers. */
  readonly u: Float64Array;
  readonly inner: Int8Array;
  readonly sign: 1 | -1;
  readonly output: number;
  /** The tuple whose cone it was found in; tidying up may have brought it to the boundary, or apart into its inner neurons. */
  readonly tuple?: Tuple;
}

/** Second-layer pre-activations sum_j s_j (X u_j)_+ of a branch, n numbers. */
export function preActivation(X: DenseMatrix, inner: Int8Array, u: Float64Array): Float64Array {
  const d = X.cols;
  const h = new Float64Array(X.rows);
  for (let j = 0; j < inner.length; j++) {
    const uj = u.subarray(j * d, (j + 1) * d);
    for (let i = 0; i < X.rows; i++) {
      const z = dot(rowOf(X, i), uj);
      if (z > 0) h[i] += inner[j] * z;
    }
  }
  return h;
}

/** sum_j ||u_j||: what the branch pays, times beta. */
export function groupNorm(u: Float64Array, m1: number): number {
  const d = u.length / m1;
  let sum = 0;
  for (let j = 0; j < m1; j++) sum += norm2(u.subarray(j * d, (j + 1) * d));
  return sum;
}

/** n x c outputs of the parallel network on the rows of X. */
export function forward(X: DenseMatrix, branches: readonly SubNetwork[], outputs: number): DenseMatrix {
  const F = denseMatrix(X.rows, outputs);
  for (const { W1, w2, w3, output } of branches) {
    const m1 = w2.length;
    const z = new Float64Array(m1);
    for (let i = 0; i < X.rows; i++) {
      const x = rowOf(X, i);
      // along W1 as it lies in memory
      z.fill(0);
      for (let k = 0, at = 0; k < X.cols; k++) for (let j = 0; j < m1; j++, at++) z[j] += x[k] * W1.data[at];
      let h = 0;
      for (let j = 0; j < m1; j++) if (z[j] > 0) h += z[j] * w2[j];
      if (h > 0) F.data[i * outputs + output] += h * w3;
    }
  }
  return F;
}

/**
 * Weights of a branch with ||W1||_F = 1 and ||w2|| = |w3| (the constraint form), so that half the sum of squares of the last two
 * layers is N = sum_j ||u_j||: w1j = u_j / sqrt(N ||u_j||), w2j = s_j sqrt(||u_j||), w3 = +-sqrt(N).
 */
export function toSubNetwork({ u, inner, sign, output }: SubVector): SubNetwork {
  const m1 = inner.length;
  const d = u.length / m1;
  const N = groupNorm(u, m1);
  const W1 = denseMatrix(d, m1);
  const w2 = new Float64Array(m1);
  for (let j = 0; j < m1; j++) {
    const norm = norm2(u.subarray(j * d, (j + 1) * d));
    if (!(norm > 0)) continue;
    w2[j] = inner[j] * Math.sqrt(norm);
    for (let k = 0; k < d; k++) W1.data[k * m1 + j] = u[j * d + k] / Math.sqrt(N * norm);
  }
  return { W1, w2, w3: sign * Math.sqrt(N), output };
}

/** The same function with all three factors at norm N^(1/3): what the cubic penalty likes best. */
export function toCubicForm(branch: SubNetwork): SubNetwork {
  const a = norm2(branch.W1.data);
  const b = norm2(branch.w2);
  const c = Math.abs(branch.w3);
  const product = a * b * c;
  if (!(product > 0)) return branch;
  const target = Math.cbrt(product);
  return {
    W1: denseMatrix(
      branch.W1.rows,
      branch.W1.cols,
      branch.W1.data.map((w) => (w * target) / a),
    ),
    w2: branch.w2.map((w) => (w * target) / b),
    w3: (branch.w3 * target) / c,
    output: branch.output,
  };
}

/** The convex image of a branch; its group norm never exceeds what the branch pays in either form. */
export function toSubVector(branch: SubNetwork): SubVector {
  const m1 = branch.w2.length;
  const d = branch.W1.rows;
  const u = new Float64Array(m1 * d);
  const inner = new Int8Array(m1);
  for (let j = 0; j < m1; j++) {
    inner[j] = branch.w2[j] < 0 ? -1 : 1;
    const scale = Math.abs(branch.w3 * branch.w2[j]);
    for (let k = 0; k < d; k++) u[j * d + k] = scale * branch.W1.data[k * m1 + j];
  }
  return { u, inner, sign: branch.w3 < 0 ? -1 : 1, output: branch.output };
}

/**
 * The two convex regularisers of a branch, by running over its weights: `constraint` is (||w2||^2 + w3^2)/2 with the excess of ||W1||_F
 * over 1 moved outwards; `cubic` is (||W1||_F^3 + ||w2||^3 + |w3|^3)/3. Both are at least sum_j ||u_j||.
 */
export function penalties(branch: SubNetwork): {
  readonly constraint: number;
  readonly cubic: number;
  readonly decay: number;
} {
  const a = norm2(branch.W1.data);
  const b = norm2(branch.w2);
  const c = Math.abs(branch.w3);
  // ||W1||_F <= 1 can be bought by scaling W1 down and the outer layers up by the same product
  const over = Math.max(1, a);
  return {
    constraint: 0.5 * over * (b * b + c * c),
    cubic: (a ** 3 + b ** 3 + c ** 3) / 3,
    decay: 0.5 * (a * a + b * b + c * c),
  };
}

/**
 * Smallest ordinary weight decay (1/2 of all squares) of a branch with group norm N: (3/2) N^(2/3), attained at equal factors. It is not
 * convex in N, which is why plain weight decay on all three layers is not what the convex program solves.
 */
export function decayOfGroupNorm(N: number): number {
  return 1.5 * Math.cbrt(N) ** 2;
}
