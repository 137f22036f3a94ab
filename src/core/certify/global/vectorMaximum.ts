import { type DenseMatrix, denseMatrix, dot, norm2 } from '../../base/linalg/matrix.ts';
import { symmetricEigen } from '../../base/linalg/symmetricEigen.ts';
import type { Control } from '../../base/control.ts';
import { bracketDualMaximum, type BracketOptions, type DualBracket } from './dualMaximum.ts';
import { boundOverSphere } from './outputSphere.ts';
import { combine, imageOf, maximizeVectorConstraint, principalAxes } from './vectorSearch.ts';

/** What is known about M(V) = max over ||u|| <= 1 of ||V'(Xu)_+||_2. */
export interface VectorBracket {
  /** Attained by `direction` (recomputed from X and V). */
  readonly lower: number;
  readonly direction?: Float64Array;
  /** V'(Xu)_+ at `direction`, scaled to norm 1. */
  readonly output?: Float64Array;
  /** Proven: M <= upper, rounding included. */
  readonly upper: number;
  readonly method: DualBracket['method'];
  /** Cells or cones that were visited for the proof, over all outgoing directions. */
  readonly visited: number;
  /** Outgoing directions that were looked at. */
  readonly outputs: number;
}

/** Outputs (rank of V) up to which outgoing directions are subdivided: 2^(r - 1) cones to begin with. */
const mostOutputs = 8;

/**
 * Brackets M(V) for X (n x d, effective inputs) and a dual point V (n x c): the dual constraint of two-layer ReLU networks under plain weight decay. For a
 * fixed outgoing direction s (norm 1) the maximum of |(Vs)'(Xu)_+| over u is the scalar problem that sorting or branch and bound settle
 * (`bracketDualMaximum`), and it is the support function of the set {+-V'(Xu)_+}, whose longest vector is bounded by subdividing
 * the directions s (`boundOverSphere`). Norm bounds where that is too dear. With a free bias every column of V must sum to zero.
 */
export function bracketVectorMaximum(
  X: DenseMatrix,
  V: DenseMatrix,
  penalizedCols: number,
  options: BracketOptions,
  control: Control,
): VectorBracket {
  const start = control.now();
  const c = V.cols;
  const left = (): number => options.seconds - (control.now() - start);
  const search = maximizeVectorConstraint(
    X,
    V,
    {
      penalizedCols,
      candidates: options.candidates,
      seed: options.seed,
      starts: options.starts ?? (options.seconds > 0 ? undefined : 3),
      keep: 1,
    },
    control,
  );
  let best = search.at(0);
  const axes = principalAxes(V);
  const lengths = Array.from({ length: c }, (_, k) => norm2(combine(V, axes.subarray(k * c, (k + 1) * c))));
  const r = lengths.filter((length) => length > 1e-12 * lengths[0]).length;
  if (r === 0) return { lower: 0, upper: 0, method: 'norms', visited: 0, outputs: 0 };
  const rest = outsideSpan(X, V, axes.subarray(0, r * c), penalizedCols) + ofImbalance(X, V, penalizedCols);
  const methods = new Set<DualBracket['method']>();
  let visited = 0;
  let asked = 0;
  const spread = (s: ArrayLike<number>): Float64Array => {
    const out = new Float64Array(c);
    for (let k = 0; k < r; k++) for (let o = 0; o < c; o++) out[o] += s[k] * axes[k * c + o];
    return out;
  };
  const oracle = (s: Float64Array, goal: number): { lower: number; upper: number } => {
    asked++;
    const seconds = goal === Infinity ? 0 : Math.max(0, 0.5 * left());
    const bracket = bracketDualMaximum(
      X,
      balanced(combine(V, spread(s)), penalizedCols < X.cols),
      penalizedCols,
      { ...options, seconds, goal, starts: 1, candidates: best === undefined ? [] : [best.direction] },
      control,
    );
    methods.add(bracket.method);
    visited += bracket.visited;
    if (bracket.direction !== undefined) {
      const z = imageOf(X, V, bracket.direction);
      const value = norm2(z);
      if (value > (best?.value ?? 0)) {
        best = { value, direction: bracket.direction, output: z.map((x) => x / value) };
      }
    }
    return bracket;
  };
  const lower = (): number => best?.value ?? 0;
  let upper = Math.min(spectralBound(X, V, penalizedCols), Infinity);
  const stopped = (): boolean => control.shouldStop();
  if (r > mostOutputs || stopped()) {
    let squares = 0;
    for (let k = 0; k < r; k++) {
      const s = new Float64Array(r);
      s[k] = 1;
      squares += oracle(s, left() > 0 && !stopped() ? lower() / Math.sqrt(r) : Infinity).upper ** 2;
    }
    upper = Math.min(upper, Math.sqrt(squares) * (1 + 4e-16 * (r + 4)) + rest);
  } else {
    // what the first pass finds may raise the value that is attained: once more from there
    for (let pass = 0; pass < 3; pass++) {
      const from = lower();
      const bound = boundOverSphere(r, oracle, {
        lower: from,
        goal: options.goal,
        tolerance: options.tolerance ?? 1e-9,
        evaluations: 5000,
        shouldStop: () => stopped() || (left() <= 0 && !methods.has('sweep')) || left() < -5,
      });
      upper = Math.min(upper, bound + rest);
      if (lower() <= from * (1 + 1e-9) || stopped() || left() <= 0) break;
    }
  }
  return {
    lower: lower(),
    ...(best === undefined ? {} : { direction: best.direction, output: best.output }),
    upper,
    method: methods.has('branch-and-bound') ? 'branch-and-bound' : methods.has('norms') ? 'norms' : 'sweep',
    visited,
    outputs: asked,
  };
}

/**
 * With a free bias: v less its mean. The columns of V sum to zero up to rounding, but a combination that nearly cancels has that rounding for
 * a large part of it; `ofImbalance` charges what is taken off here.
 */
function balanced(v: Float64Array, free: boolean): Float64Array {
  if (!free) return v;
  const mean = v.reduce((s, x) => s + x, 0) / v.length;
  return v.map((x) => x - mean);
}

/** What M(V) may change by when every column of V is moved to a sum of exactly zero: |sums| times the reach of the bias, as in `hingeSum`. */
function ofImbalance(X: DenseMatrix, V: DenseMatrix, penalizedCols: number): number {
  if (penalizedCols === X.cols) return 0;
  const sums = new Float64Array(V.cols);
  for (let i = 0; i < V.data.length; i++) sums[i % V.cols] += V.data[i];
  let longest = 0;
  for (let i = 0; i < X.rows; i++) longest = Math.max(longest, norm2(X.data.subarray(i * X.cols, (i + 1) * X.cols)));
  return 4 * norm2(sums) * longest;
}

/** A bound of ||V'(Xu)_+|| minus its part in the span of the axes (rounding, where V has lower rank than columns). */
function outsideSpan(X: DenseMatrix, V: DenseMatrix, axes: Float64Array, penalizedCols: number): number {
  const c = V.cols;
  const r = axes.length / c;
  const free = penalizedCols < X.cols;
  let longest = 0;
  for (let i = 0; i < X.rows; i++) longest = Math.max(longest, norm2(X.data.subarray(i * X.cols, (i + 1) * X.cols)));
  let total = 0;
  for (let i = 0; i < X.rows; i++) {
    const v = V.data.slice(i * c, (i + 1) * c);
    const size = norm2(v);
    for (let k = 0; k < r; k++) {
      const axis = axes.subarray(k * c, (k + 1) * c);
      const part = dot(V.data.subarray(i * c, (i + 1) * c), axis);
      for (let o = 0; o < c; o++) v[o] -= part * axis[o];
    }
    // the axes are orthonormal to rounding only
    const off = norm2(v) + 1e-15 * c * size;
    total += off * (free ? 2 * longest : norm2(X.data.subarray(i * X.cols, (i + 1) * X.cols)));
  }
  return total;
}

/** From (t)_+ = t / 2 + |t| / 2: at most (sigma(V'X) + sigma(V) sigma(X)) / 2. No bound with a free bias. */
function spectralBound(X: DenseMatrix, V: DenseMatrix, penalizedCols: number): number {
  const { cols: d } = X;
  const c = V.cols;
  if (penalizedCols < d || d > 400) return Infinity;
  const product = denseMatrix(d, c);
  for (let i = 0; i < X.rows; i++) {
    for (let j = 0; j < d; j++) {
      for (let o = 0; o < c; o++) product.data[j * c + o] += X.data[i * d + j] * V.data[i * c + o];
    }
  }
  return 0.5 * (largest(product) + largest(V) * largest(X));
}

/** An upper bound of the largest singular value, from the Gram matrix of the columns. */
function largest(m: DenseMatrix): number {
  const { rows, cols } = m;
  const gram = denseMatrix(cols, cols);
  let trace = 0;
  for (let i = 0, at = 0; i < rows; i++, at += cols) {
    for (let j = 0; j < cols; j++) {
      const x = m.data[at + j];
      if (x === 0) continue;
      for (let k = 0; k < cols; k++) gram.data[j * cols + k] += x * m.data[at + k];
      trace += x * x;
    }
  }
  const values = symmetricEigen(gram).values;
  return Math.sqrt(Math.max(0, values[cols - 1]) + 1e-15 * (rows + cols) * trace);
}
