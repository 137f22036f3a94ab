import { largest } from '../../base/extremes.ts';
import { denseMatrix, dot, norm2, rowOf, type DenseMatrix, unitOf, rowNorms } from '../../base/linalg/matrix.ts';
import type { Datafit } from '../../problem/datafits/datafit.ts';
import { createDatafit } from '../../problem/datafits/losses.ts';

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

/** Objective of unit directions with weights: loss plus beta sum_j ||weight_j||, by running the network. */
function objectiveOf(X: DenseMatrix, datafit: Datafit, beta: number, network: ClosedFormNetwork): number {
  const c = datafit.outputs;
  const fit = new Float64Array(X.rows * c);
  for (let i = 0; i < X.rows; i++) {
    network.directions.forEach((u, j) => {
      const z = Math.max(0, dot(rowOf(X, i), u));
      for (let k = 0; k < c; k++) fit[i * c + k] += z * network.weights[j][k];
    });
  }
  return datafit.value(fit) + beta * network.weights.reduce((sum, w) => sum + norm2(w), 0);
}

/**
 * Several outputs, one group per output: the program splits into one per output. `form` solves output k; the values add up and beta
 * beyond the largest threshold gives zero.
 */
export function perOutput(Y: DenseMatrix, form: (column: DenseMatrix, k: number) => ClosedForm): ClosedForm {
  const directions: Float64Array[] = [];
  const weights: Float64Array[] = [];
  let objective = 0;
  let betaMax = 0;
  for (let k = 0; k < Y.cols; k++) {
    const column = denseMatrix(Y.rows, 1);
    for (let i = 0; i < Y.rows; i++) column.data[i] = Y.data[i * Y.cols + k];
    const one = form(column, k);
    objective += one.objective;
    betaMax = Math.max(betaMax, one.betaMax);
    one.network.directions.forEach((direction, j) => {
      directions.push(direction);
      const weight = new Float64Array(Y.cols);
      weight[k] = one.network.weights[j][0];
      weights.push(weight);
    });
  }
  return { network: { directions, weights }, objective, betaMax };
}

/**
 * X = c a' up to `relative` of its size: the vectors (a of norm 1), or undefined. Two steps of the power method from the longest row: where the
 * rest is that small they are exact to rounding, and anywhere else they do not make it so.
 */
export function rankOneFactors(
  X: DenseMatrix,
  relative = 1e-10,
): { readonly c: Float64Array; readonly a: Float64Array } | undefined {
  const { rows: n, cols: d } = X;
  const unit = unitOf(X.data);
  const scaled = denseMatrix(
    n,
    d,
    X.data.map((value) => value / unit),
  );
  const lengths = rowNorms(scaled);
  const longest = lengths.indexOf(largest(lengths));
  if (!(lengths[longest] > 0)) return undefined;
  let a = rowOf(scaled, longest).map((value) => value / lengths[longest]);
  const c = new Float64Array(n);
  for (let step = 0; step < 2; step++) {
    const next = new Float64Array(d);
    for (let i = 0; i < n; i++) {
      const x = rowOf(scaled, i);
      c[i] = dot(x, a);
      for (let k = 0; k < d; k++) next[k] += c[i] * x[k];
    }
    const size = norm2(next);
    a = next.map((value) => value / size);
  }
  let rest = 0;
  for (let i = 0; i < n; i++) {
    const x = rowOf(scaled, i);
    c[i] = dot(x, a);
    for (let k = 0; k < d; k++) rest += (x[k] - c[i] * a[k]) ** 2;
  }
  if (!(Math.sqrt(rest) <= relative * norm2(c))) return undefined;
  return { c: c.map((value) => value * unit), a };
}

/** Minimiser of t -> loss(t part) + beta |t| for a convex smooth loss of one output: zero, or a root of the derivative by bisection. */
function oneDirection(
  datafit: Datafit,
  part: Float64Array,
  beta: number,
): { readonly t: number; readonly slope: number } {
  const n = part.length;
  const at = new Float64Array(n);
  const gradient = new Float64Array(n);
  const derivative = (t: number): number => {
    for (let i = 0; i < n; i++) at[i] = t * part[i];
    datafit.gradient(at, gradient);
    return dot(gradient, part);
  };
  const slope = derivative(0);
  if (Math.abs(slope) <= beta) return { t: 0, slope };
  const sign = slope > 0 ? -1 : 1;
  // along the descending side: derivative of the whole, from negative to positive
  const whole = (size: number): number => sign * derivative(sign * size) + beta;
  let high = 1 / norm2(part);
  for (let k = 0; k < 200 && whole(high) < 0; k++) high *= 2;
  let low = 0;
  for (let k = 0; k < 200; k++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (whole(middle) < 0) low = middle;
    else high = middle;
  }
  return { t: (sign * (low + high)) / 2, slope };
}

/**
 * Rank-one data X = c a', one output: (Xu)_+ only takes the directions c_+ and c_- = (-c)_+, so two neurons +-a/||a|| are optimal, each
 * solving a problem in one variable because the supports of c_+ and c_- are disjoint. For squared loss the weights are
 * soft(||a|| c_+-'y, beta) / (||a|| ||c_+-||)^2; each neuron dies at its own beta.
 */
export function rankOneForm(
  c: Float64Array,
  a: Float64Array,
  X: DenseMatrix,
  targets: DenseMatrix,
  datafit: Datafit,
  beta: number,
): ClosedForm {
  const norm = norm2(a);
  const directions: Float64Array[] = [];
  const weights: Float64Array[] = [];
  let betaMax = 0;
  for (const sign of [1, -1]) {
    const part = c.map((value) => norm * Math.max(0, sign * value));
    const square = dot(part, part);
    if (!(square > 0)) continue;
    let weight: number;
    if (datafit.quadratic) {
      const correlation = dot(part, targets.data);
      betaMax = Math.max(betaMax, Math.abs(correlation));
      weight = soft(correlation, beta) / square;
    } else {
      const { t, slope } = oneDirection(datafit, part, beta);
      betaMax = Math.max(betaMax, Math.abs(slope));
      weight = t;
    }
    if (weight === 0) continue;
    directions.push(a.map((value) => (sign * value) / norm));
    weights.push(Float64Array.of(weight));
  }
  const network = { directions, weights };
  return { network, betaMax, objective: objectiveOf(X, datafit, beta, network) };
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
 * Whitened rows X X' = s^2 I, one output. Squared loss: directions X'(+-y)_+ / (s ||(+-y)_+||), weights +-(s ||(+-y)_+|| - beta)_+ / s^2;
 * v'(Xu)_+ <= ||v_+|| ||(Xu)_+|| <= s ||v_+|| for unit u, tight at u proportional to X'v_+.
 * Logistic loss: every fit f is reached, at the price beta (||f_+|| + ||f_-||) / s, so rows of one class, which are interchangeable, share
 * one value: with p rows of a class it is +-ln(s sqrt(p) / beta - 1), or 0 from beta = s sqrt(p) / 2 on.
 */
export function whitenedForm(
  X: DenseMatrix,
  scale: number,
  targets: DenseMatrix,
  datafit: Datafit,
  beta: number,
): ClosedForm {
  const { whitenedPart } = datafit;
  if (whitenedPart === undefined) throw new TypeError(`there is no formula for the ${datafit.name} loss`);
  const y = targets.data;
  const directions: Float64Array[] = [];
  const weights: Float64Array[] = [];
  let betaMax = 0;
  for (const sign of [1, -1]) {
    const part = y.map((value) => Math.max(0, sign * value));
    const norm = norm2(part);
    // norm of the part of the fit with this sign, and the beta from which it is zero
    const { dies, size } = whitenedPart(norm, scale, beta);
    betaMax = Math.max(betaMax, dies);
    if (!(dies > beta)) continue;
    const u = new Float64Array(X.cols);
    for (let i = 0; i < X.rows; i++) for (let j = 0; j < X.cols; j++) u[j] += rowOf(X, i)[j] * part[i];
    directions.push(u.map((value) => value / (scale * norm)));
    weights.push(Float64Array.of((sign * size) / scale));
  }
  const network = { directions, weights };
  return { network, betaMax, objective: objectiveOf(X, datafit, beta, network) };
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
  return { network, betaMax, objective: objectiveOf(X, createDatafit('squared', Y, Y.cols), beta, network) };
}
