import { denseMatrix, dot, norm2, rowOf, type DenseMatrix } from '../linalg/matrix.ts';
import { numericalRank, svd } from '../linear/svd.ts';

/** A two-layer ReLU network given by unit directions and signed weights: f(x) = sum_j weight_j (x . direction_j)_+ . */
export interface ClosedFormNetwork {
  readonly directions: readonly Float64Array[];
  /** One weight per output for each direction. */
  readonly weights: readonly Float64Array[];
}

/** What a closed form gives for squared loss (sum-half) and beta/2 times the sum of squared weights. */
export interface ClosedForm {
  readonly network: ClosedFormNetwork;
  readonly objective: number;
  readonly betaMax: number;
}

function soft(value: number, threshold: number): number {
  return Math.sign(value) * Math.max(0, Math.abs(value) - threshold);
}

/** Objective of unit directions with weights: 1/2 ||f(X) - Y||^2 + beta sum_j ||weight_j||. */
function objectiveOf(X: DenseMatrix, Y: DenseMatrix, beta: number, network: ClosedFormNetwork): number {
  let value = 0;
  for (let i = 0; i < X.rows; i++) {
    const residual = Float64Array.from(rowOf(Y, i));
    network.directions.forEach((u, j) => {
      const z = Math.max(0, dot(rowOf(X, i), u));
      for (let k = 0; k < Y.cols; k++) residual[k] -= z * network.weights[j][k];
    });
    value += 0.5 * dot(residual, residual);
  }
  return value + beta * network.weights.reduce((sum, w) => sum + norm2(w), 0);
}

/** X = c a' up to `relative` in the second singular value: the vectors, or undefined. */
export function rankOneFactors(
  X: DenseMatrix,
  relative = 1e-10,
): { readonly c: Float64Array; readonly a: Float64Array } | undefined {
  const { U, s, V } = svd(X);
  if (!(s[0] > 0) || numericalRank(s, relative) !== 1) return undefined;
  const k = s.length;
  return {
    c: Float64Array.from({ length: X.rows }, (_, i) => s[0] * U.data[i * k]),
    a: Float64Array.from({ length: X.cols }, (_, i) => V.data[i * k]),
  };
}

/**
 * Rank-one data X = c a': (Xu)_+ only takes the directions c_+ and c_- = (-c)_+, so two neurons +-a/||a|| with soft-thresholded
 * weights soft(||a|| c_+-'y, beta) / (||a|| ||c_+-||)^2 are optimal; each dies at its own beta.
 */
export function rankOneForm(
  c: Float64Array,
  a: Float64Array,
  X: DenseMatrix,
  y: Float64Array,
  beta: number,
): ClosedForm {
  const norm = norm2(a);
  const directions: Float64Array[] = [];
  const weights: Float64Array[] = [];
  let betaMax = 0;
  for (const sign of [1, -1]) {
    const part = c.map((value) => Math.max(0, sign * value));
    const square = dot(part, part);
    if (!(square > 0)) continue;
    const correlation = norm * dot(part, y);
    betaMax = Math.max(betaMax, Math.abs(correlation));
    const weight = soft(correlation, beta) / (norm * norm * square);
    if (weight === 0) continue;
    directions.push(a.map((value) => (sign * value) / norm));
    weights.push(Float64Array.of(weight));
  }
  const network = { directions, weights };
  return { network, betaMax, objective: objectiveOf(X, { rows: y.length, cols: 1, data: y }, beta, network) };
}

/** s > 0 with X X' = s^2 I to relative accuracy, or undefined. */
export function whitenedScale(X: DenseMatrix, relative = 1e-10): number | undefined {
  if (X.rows > X.cols) return undefined;
  const square = dot(rowOf(X, 0), rowOf(X, 0));
  for (let i = 0; i < X.rows; i++) {
    for (let j = 0; j <= i; j++) {
      const product = dot(rowOf(X, i), rowOf(X, j));
      if (Math.abs(product - (i === j ? square : 0)) > relative * square) return undefined;
    }
  }
  return square > 0 ? Math.sqrt(square) : undefined;
}

/**
 * Whitened rows X X' = s^2 I, one output: directions X'(+-y)_+ / (s ||(+-y)_+||), weights +-(s ||(+-y)_+|| - beta)_+ / s^2.
 * Proof: v'(Xu)_+ <= ||v_+|| ||(Xu)_+|| <= s ||v_+|| for unit u, tight at u proportional to X'v_+.
 */
export function whitenedForm(X: DenseMatrix, scale: number, y: Float64Array, beta: number): ClosedForm {
  const directions: Float64Array[] = [];
  const weights: Float64Array[] = [];
  let betaMax = 0;
  for (const sign of [1, -1]) {
    const part = y.map((value) => Math.max(0, sign * value));
    const norm = norm2(part);
    betaMax = Math.max(betaMax, scale * norm);
    if (!(scale * norm > beta)) continue;
    const u = new Float64Array(X.cols);
    for (let i = 0; i < X.rows; i++) for (let j = 0; j < X.cols; j++) u[j] += rowOf(X, i)[j] * part[i];
    directions.push(u.map((value) => value / (scale * norm)));
    weights.push(Float64Array.of((sign * (scale * norm - beta)) / scale ** 2));
  }
  const network = { directions, weights };
  return { network, betaMax, objective: objectiveOf(X, { rows: y.length, cols: 1, data: y }, beta, network) };
}

/** True when the columns of Y are non-negative, non-zero and have disjoint supports (one-hot up to scale). */
export function hasDisjointColumns(Y: DenseMatrix): boolean {
  for (let i = 0; i < Y.rows; i++) {
    let positive = 0;
    for (const value of rowOf(Y, i)) {
      if (value < 0) return false;
      if (value > 0) positive++;
    }
    if (positive > 1) return false;
  }
  for (let k = 0; k < Y.cols; k++) {
    let any = false;
    for (let i = 0; i < Y.rows; i++) any ||= Y.data[i * Y.cols + k] > 0;
    if (!any) return false;
  }
  return true;
}

/**
 * Whitened rows and one-hot targets, weight decay on both layers: one neuron per class, direction X'y_k / (s ||y_k||), outgoing weight
 * (s ||y_k|| - beta)_+ / s^2 on its own output. Optimal because max_u ||V'(Xu)_+|| = s sigma_max(V) for V >= 0.
 */
export function oneHotForm(X: DenseMatrix, scale: number, Y: DenseMatrix, beta: number): ClosedForm {
  const directions: Float64Array[] = [];
  const weights: Float64Array[] = [];
  let betaMax = 0;
  for (let k = 0; k < Y.cols; k++) {
    const column = Float64Array.from({ length: Y.rows }, (_, i) => Y.data[i * Y.cols + k]);
    const norm = norm2(column);
    betaMax = Math.max(betaMax, scale * norm);
    if (!(scale * norm > beta)) continue;
    const u = new Float64Array(X.cols);
    for (let i = 0; i < X.rows; i++) for (let j = 0; j < X.cols; j++) u[j] += rowOf(X, i)[j] * column[i];
    directions.push(u.map((value) => value / (scale * norm)));
    const weight = new Float64Array(Y.cols);
    weight[k] = (scale * norm - beta) / scale ** 2;
    weights.push(weight);
  }
  const network = { directions, weights };
  return { network, betaMax, objective: objectiveOf(X, Y, beta, network) };
}

/**
 * Rows transformed so that X X' = I: X~ = (X X')^(-1/2) X, the option "whiten" (needs linearly independent rows).
 * Returns undefined when the rows are dependent.
 */
export function whitenRows(X: DenseMatrix): DenseMatrix | undefined {
  const { U, s, V } = svd(X);
  if (X.rows > X.cols || numericalRank(s, 1e-12) < X.rows) return undefined;
  const k = s.length;
  const out = denseMatrix(X.rows, X.cols);
  for (let i = 0; i < X.rows; i++) {
    for (let j = 0; j < X.cols; j++) {
      let sum = 0;
      for (let t = 0; t < k; t++) sum += U.data[i * k + t] * V.data[j * k + t];
      out.data[i * X.cols + j] = sum;
    }
  }
  return out;
}
