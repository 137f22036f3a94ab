import { addOuterProducts, factorSpd, solveSpd } from '../base/linalg/cholesky.ts';
import { denseMatrix, type DenseMatrix, dot, rowOf, unitOf } from '../base/linalg/matrix.ts';
import {
  fromTridiagonal,
  solveShifted,
  toTridiagonal,
  traceOfInverse,
  tridiagonalise,
} from '../base/linalg/tridiagonal.ts';
import type { Control } from '../base/control.ts';
import { everyRows } from '../base/polling.ts';

/** A linear model's outputs on all rows, and what was chosen for it. */
export interface LinearBaseline {
  /** rows x outputs */
  readonly prediction: Float64Array;
  readonly ridge: number;
}

/** A matrix with more rows than this takes too long and too much memory (8 bytes times its square). */
export const largestBaseline = 6000;

/** Multiplications between two looks at the stop. */
const workBetweenLooks = 2e7;

/** Ridge regression on the training rows, for any targets: one tridiagonal form of X'X or, with more columns than rows, of X X'. */
interface RidgeSystem {
  readonly rows: ScaledRows;
  /** Weights of the scaled rows for centred targets and a ridge, by default that of smallest generalised cross-validation score. Undefined when stopped. */
  solve(target: Float64Array, ridge?: number): { readonly weights: Float64Array; readonly ridge: number } | undefined;
}

function ridgeSystem(X: DenseMatrix, trainRows: Int32Array, control: Control): RidgeSystem | undefined {
  const rows = scaledRows(X, trainRows, control);
  if (rows === undefined) return undefined;
  const { centered } = rows;
  const { rows: n, cols: d } = centered;
  const wide = d >= n;
  if (Math.min(n, d) > largestBaseline) return undefined;
  const gram = wide ? rowProducts(centered, control) : columnProducts(centered, control);
  if (gram === undefined) return undefined;
  const q = wide ? n : d;
  let trace = 0;
  for (let i = 0; i < q; i++) trace += gram[i * q + i];
  // with rows as unknowns the vector of ones is in the null space; this moves it away from there
  const lift = wide ? trace / (n * n) || 1 / n : 0;
  if (wide) for (let i = 0; i < gram.length; i++) gram[i] += lift;
  const form = tridiagonalise(gram, q, () => control.shouldStop());
  if (form === undefined) return undefined;
  const scale = trace / d || 1;
  const solutionOf = (moment: Float64Array, ridge: number): Float64Array => {
    const solution = solveShifted(form, ridge, moment);
    fromTridiagonal(form, solution);
    return solution;
  };
  const scoreOf = (target: Float64Array, solution: Float64Array, ridge: number): number => {
    const inverse = traceOfInverse(form, ridge);
    // in rows the residual is ridge times the solution; ridge cancels in the score
    if (wide) return dot(solution, solution) / (inverse - 1 / (lift * n + ridge)) ** 2;
    let square = 0;
    for (let i = 0; i < n; i++) square += (target[i] - dot(rowOf(centered, i), solution)) ** 2;
    return square / (n - 1 - d + ridge * inverse) ** 2;
  };
  return {
    rows,
    solve(target, given) {
      const moment = wide ? target.slice() : transposedProduct(centered, target);
      toTridiagonal(form, moment);
      let best = { ridge: given ?? scale, score: Infinity };
      for (let exponent = -6; given === undefined && exponent <= 4; exponent += 0.5) {
        if (control.shouldStop()) return undefined;
        const ridge = scale * 10 ** exponent;
        const score = scoreOf(target, solutionOf(moment, ridge), ridge);
        if (score < best.score) best = { ridge, score };
      }
      const solution = solutionOf(moment, best.ridge);
      return { weights: wide ? transposedProduct(centered, solution) : solution, ridge: best.ridge };
    },
  };
}

/** The training targets over a power of two near their size. */
function scaledTargets(
  y: ArrayLike<number>,
  trainRows: Int32Array,
): { readonly t: Float64Array; readonly unit: number } {
  const given = Float64Array.from(trainRows, (row) => y[row]);
  const unit = unitOf(given);
  return { t: given.map((value) => value / unit), unit };
}

const meanOf = (values: Float64Array): number => values.reduce((sum, value) => sum + value / values.length, 0);

/**
 * Ridge regression with a free intercept, (1/2)||y - b - X w||^2 + (ridge/2)||w||^2, fitted on the training rows with the ridge of smallest
 * generalised cross-validation score ||residual||^2 / (degrees of freedom left)^2 on a grid (Golub, Heath, Wahba 1979) of multiples of the mean
 * square length of a column. All ridges share one tridiagonal form of X'X or, with more columns than rows, of X X': the cost is rows x columns x
 * the smaller of the two. Undefined when stopped, or when the smaller of the two is beyond `largestBaseline`.
 */
export function ridgeRegression(
  X: DenseMatrix,
  y: ArrayLike<number>,
  trainRows: Int32Array,
  control: Control,
): LinearBaseline | undefined {
  const system = ridgeSystem(X, trainRows, control);
  if (system === undefined) return undefined;
  const { t, unit } = scaledTargets(y, trainRows);
  const offset = meanOf(t);
  const found = system.solve(t.map((value) => value - offset));
  if (found === undefined) return undefined;
  const prediction = predictionsOf(system.rows, X, found.weights, Float64Array.of(offset), control);
  return (
    prediction && { prediction: prediction.map((value) => value * unit), ridge: found.ridge * system.rows.unit ** 2 }
  );
}

/** Rounds of Huber regression: those that choose the ridge again, and all. */
const choosingRounds = 10;
const huberRounds = 500;

/**
 * Huber regression with a free intercept, sum of huber(y - b - X w; delta) + (ridge/2)||w||^2, delta in units of y. Its optimum is the ridge
 * regression on its own pseudo-values fit + clip(residual, +-delta) (Huber 1981, section 7), which is what is iterated, from the median: a step
 * of majorisation and minimisation each, with Nesterov's extrapolation and its restarts, until no fit moves by more than a millionth of delta
 * (at most 500 steps). The ridge is that of smallest generalised cross-validation score on the pseudo-values of the first rounds. Undefined as for
 * `ridgeRegression`.
 */
export function huberRegression(
  X: DenseMatrix,
  y: ArrayLike<number>,
  trainRows: Int32Array,
  delta: number,
  control: Control,
): LinearBaseline | undefined {
  const system = ridgeSystem(X, trainRows, control);
  if (system === undefined) return undefined;
  const { centered, unit: rowUnit } = system.rows;
  const { t, unit } = scaledTargets(y, trainRows);
  const n = t.length;
  const limit = delta / unit;
  const clip = (r: number): number => Math.min(limit, Math.max(-limit, r));
  let fit = new Float64Array(n).fill(t.slice().sort()[n >> 1]);
  let ahead = fit;
  let momentum = 1;
  let lastMove = Infinity;
  let ridge: number | undefined;
  let weights = new Float64Array(centered.cols);
  let offset = fit[0];
  for (let round = 0; round < huberRounds; round++) {
    if (control.shouldStop()) return undefined;
    const values = ahead.map((f, i) => f + clip(t[i] - f));
    offset = meanOf(values);
    const found = system.solve(
      values.map((value) => value - offset),
      round < choosingRounds ? undefined : ridge,
    );
    if (found === undefined) return undefined;
    weights = Float64Array.from(found.weights);
    ridge = found.ridge;
    const next = ahead.map((_, i) => offset + dot(rowOf(centered, i), weights));
    let move = 0;
    for (let i = 0; i < n; i++) move = Math.max(move, Math.abs(next[i] - ahead[i]));
    if (round >= choosingRounds && move <= 1e-6 * limit) break;
    // fits that move further than before overshot: on without momentum
    const factor = (1 + Math.sqrt(1 + 4 * momentum * momentum)) / 2;
    const push = round < choosingRounds || move > lastMove ? 0 : (momentum - 1) / factor;
    momentum = push === 0 && move > lastMove ? 1 : factor;
    lastMove = move;
    const before = fit;
    fit = next;
    ahead = next.map((f, i) => f + push * (f - before[i]));
  }
  const prediction = predictionsOf(system.rows, X, weights, Float64Array.of(offset), control);
  return prediction && { prediction: prediction.map((value) => value * unit), ridge: ridge! * rowUnit ** 2 };
}

/** Classes of rows, by id from 0, and how often a row of each counts (left out: once). */
export interface ClassLabels {
  readonly of: ArrayLike<number>;
  readonly classes: number;
  readonly weights?: readonly number[] | undefined;
}

export interface LogisticOptions {
  readonly ridge?: number;
  /** Gain of a step, relative to the objective, that ends the fit. */
  readonly accuracy?: number;
  /** `unknowns` of a fit to the same rows with another ridge. */
  readonly start?: Float64Array;
}

export interface LogisticFit extends LinearBaseline {
  /** What another fit to the same rows may start from. */
  readonly unknowns: Float64Array;
}

/**
 * Logistic regression (two classes: one output, positive for the second) or multinomial logistic regression with a free intercept and
 * (ridge/2)||W||^2, fitted on the training rows to a small gradient: accelerated gradient steps in the metric of the fixed upper bound X'X/4
 * (or X'X/2) of the Hessian (Boehning 1992), restarted when the objective rises. With more columns than rows the weights are X'A, which every
 * optimum is, and the steps are taken in A (rows x outputs). Weights of classes are those of rows in loss, means and metric. It ends when a step gains less than `accuracy` relative to the objective. Undefined when stopped, or when the smaller side is beyond `largestBaseline`.
 */
export function logisticRegression(
  X: DenseMatrix,
  labels: ClassLabels,
  trainRows: Int32Array,
  control: Control,
  { ridge = 1, accuracy = 1e-10, start }: LogisticOptions = {},
): LogisticFit | undefined {
  const outputs = labels.classes === 2 ? 1 : labels.classes;
  const label = Int32Array.from(trainRows, (row) => labels.of[row]);
  const weight = Float64Array.from(label, (k) => labels.weights?.[k] ?? 1);
  const rows = scaledRows(X, trainRows, control, weight);
  if (rows === undefined) return undefined;
  const { centered } = rows;
  const { rows: n, cols: d } = centered;
  const wide = d >= n;
  const q = wide ? n : d;
  if (q > largestBaseline) return undefined;
  const gram = wide ? rowProducts(centered, control) : columnProducts(centered, control, weight);
  if (gram === undefined) return undefined;
  const largest = wide ? weight.reduce((most, w) => Math.max(most, w), 0) : 1;
  // the same penalty on the scaled rows, kept where the factor below is of use
  const size = Math.max(1, ...Array.from({ length: q }, (_, i) => gram[i * q + i]));
  const penalty = Math.min(1e12 * size, Math.max(1e-12 * size, ridge / rows.unit / rows.unit));
  const curvature = outputs === 1 ? 0.25 : 0.5;
  const factor = gram.map((value) => curvature * largest * value);
  for (let i = 0; i < q; i++) factor[i * q + i] += penalty;
  if (!factorSpd(factor, q, () => control.shouldStop())) return undefined;

  // Unknowns: outputs x q, one output after the other; then one intercept per output. Features of row i: row i of K or of X.
  const features = wide ? denseMatrix(n, n, gram) : centered;
  const unknowns = outputs * q;
  const look = Math.max(1, Math.floor(workBetweenLooks / (q * outputs)));
  /** Objective at W; `gradient` gets the loss's derivative by the unknowns: X'G or, in rows, G itself, then the penalty's. */
  const evaluate = (W: Float64Array, gradient: Float64Array): number => {
    gradient.fill(0);
    const logits = new Float64Array(outputs);
    let loss = 0;
    for (let i = 0; i < n; i++) {
      if (i % look === 0 && control.shouldStop()) return NaN;
      const x = rowOf(features, i);
      for (let o = 0; o < outputs; o++) logits[o] = W[unknowns + o] + dot(x, W.subarray(o * q, (o + 1) * q));
      // ||X'a||^2 = a' K a
      if (wide) for (let o = 0; o < outputs; o++) loss += 0.5 * penalty * W[o * q + i] * (logits[o] - W[unknowns + o]);
      loss += weight[i] * rowLoss(logits, label[i]);
      for (let o = 0; o < outputs; o++) {
        const g = weight[i] * logits[o];
        gradient[unknowns + o] += g;
        if (wide) gradient[o * q + i] = g;
        else for (let j = 0, at = o * q; j < d; j++, at++) gradient[at] += g * x[j];
      }
    }
    for (let k = 0; k < unknowns; k++) {
      if (!wide) loss += 0.5 * penalty * W[k] * W[k];
      gradient[k] += penalty * W[k];
    }
    return loss;
  };
  const total = weight.reduce((sum, w) => sum + w, 0);
  const found = accelerated(
    { unknowns, outputs, q, total, curvature, factor, features, wide, accuracy, start },
    evaluate,
    control,
  );
  if (found === undefined) return undefined;
  const weights = new Float64Array(outputs * d);
  for (let o = 0; o < outputs; o++) {
    const part = found.subarray(o * q, (o + 1) * q);
    weights.set(wide ? transposedProduct(centered, part) : part, o * d);
  }
  const prediction = predictionsOf(rows, X, weights, found.subarray(unknowns), control);
  return prediction && { prediction, ridge: penalty * rows.unit ** 2, unknowns: found };
}

interface Metric {
  /** Number of weights; the intercepts follow them. */
  readonly unknowns: number;
  readonly outputs: number;
  readonly q: number;
  /** Rows, each as often as it counts. */
  readonly total: number;
  readonly curvature: number;
  readonly factor: Float64Array;
  readonly features: DenseMatrix;
  readonly wide: boolean;
  readonly accuracy: number;
  readonly start: Float64Array | undefined;
}

/** Nesterov's method with restarts in the given metric; undefined when stopped. */
function accelerated(
  { unknowns, outputs, q, total, curvature, factor, features, wide, accuracy, start }: Metric,
  evaluate: (W: Float64Array, gradient: Float64Array) => number,
  control: Control,
): Float64Array | undefined {
  let weights = start?.slice() ?? new Float64Array(unknowns + outputs);
  let previous = weights;
  let momentum = 1;
  let last = Infinity;
  const gradient = new Float64Array(unknowns + outputs);
  for (let iteration = 0; iteration < 1000; iteration++) {
    const next = (1 + Math.sqrt(1 + 4 * momentum * momentum)) / 2;
    const ahead = weights.map((w, k) => w + ((momentum - 1) / next) * (w - previous[k]));
    const value = evaluate(ahead, gradient);
    if (control.shouldStop()) return undefined;
    if (value > last) {
      // Overshot: start again from the last point without momentum.
      momentum = 1;
      previous = weights;
      last = Infinity;
      continue;
    }
    last = value;
    momentum = next;
    let decrease = 0;
    previous = weights;
    weights = ahead;
    for (let o = 0; o < outputs; o++) {
      if (control.shouldStop()) return undefined;
      const slope = gradient.subarray(o * q, (o + 1) * q);
      const step = slope.slice();
      solveSpd(factor, q, step);
      // in rows the derivative is K times what `gradient` holds
      if (wide) for (let i = 0; i < q; i++) decrease += step[i] * dot(rowOf(features, i), slope);
      else decrease += dot(step, slope);
      for (let j = 0; j < q; j++) weights[o * q + j] -= step[j];
      const shift = gradient[unknowns + o] / (curvature * total);
      decrease += shift * gradient[unknowns + o];
      weights[unknowns + o] -= shift;
    }
    if (decrease <= accuracy * (1 + value)) break;
  }
  return weights;
}

/** Loss of one row; the logits become the gradient. */
function rowLoss(logits: Float64Array, label: number): number {
  if (logits.length === 1) {
    const margin = label === 1 ? logits[0] : -logits[0];
    const wrong = 1 / (1 + Math.exp(margin));
    const loss = margin > 0 ? Math.log1p(Math.exp(-margin)) : Math.log1p(Math.exp(margin)) - margin;
    logits[0] = label === 1 ? -wrong : wrong;
    return loss;
  }
  let top = -Infinity;
  for (const value of logits) top = Math.max(top, value);
  let sum = 0;
  for (const value of logits) sum += Math.exp(value - top);
  const loss = Math.log(sum) + top - logits[label];
  for (let o = 0; o < logits.length; o++) logits[o] = Math.exp(logits[o] - top) / sum - (o === label ? 1 : 0);
  return loss;
}

/** Training rows over `unit`, a power of two, less their (weighted) mean: squares of entries are in range whatever the data. */
interface ScaledRows {
  readonly centered: DenseMatrix;
  /** Of the scaled rows. */
  readonly mean: Float64Array;
  readonly unit: number;
}

/** Undefined when stopped. */
function scaledRows(X: DenseMatrix, rows: Int32Array, control: Control, weight?: Float64Array): ScaledRows | undefined {
  const d = X.cols;
  const look = everyRows(d);
  const unit = unitOf(X.data);
  const mean = new Float64Array(d);
  const total = weight === undefined ? rows.length : weight.reduce((sum, w) => sum + w, 0);
  for (let i = 0; i < rows.length; i++) {
    if (i % look === look - 1 && control.shouldStop()) return undefined;
    const row = rows[i];
    const share = (weight?.[i] ?? 1) / total;
    for (let j = 0; j < d; j++) mean[j] += (X.data[row * d + j] / unit) * share;
  }
  const centered = denseMatrix(rows.length, d);
  for (let i = 0; i < rows.length; i++) {
    if (i % look === look - 1 && control.shouldStop()) return undefined;
    const row = rows[i];
    for (let j = 0; j < d; j++) centered.data[i * d + j] = X.data[row * d + j] / unit - mean[j];
  }
  return { centered, mean, unit };
}

/** X W' + b on all rows; W is outputs x columns, for scaled and centred rows. Undefined when stopped. */
function predictionsOf(
  { mean, unit }: ScaledRows,
  X: DenseMatrix,
  weights: Float64Array,
  intercept: Float64Array,
  control: Control,
): Float64Array | undefined {
  const d = X.cols;
  const outputs = intercept.length;
  const out = new Float64Array(X.rows * outputs);
  const look = Math.max(1, Math.floor(workBetweenLooks / (d * outputs)));
  for (let i = 0; i < X.rows; i++) {
    if (i % look === 0 && control.shouldStop()) return undefined;
    for (let o = 0; o < outputs; o++) {
      let s = intercept[o];
      for (let j = 0; j < d; j++) s += (X.data[i * d + j] / unit - mean[j]) * weights[o * d + j];
      out[i * outputs + o] = s;
    }
  }
  return out;
}

/** X'v */
function transposedProduct(X: DenseMatrix, v: Float64Array): Float64Array {
  const out = new Float64Array(X.cols);
  for (let i = 0; i < X.rows; i++) {
    const x = rowOf(X, i);
    for (let j = 0; j < X.cols; j++) out[j] += v[i] * x[j];
  }
  return out;
}

/** X X', both triangles; undefined when stopped. */
function rowProducts(X: DenseMatrix, control: Control): Float64Array | undefined {
  const { rows: n, cols: d } = X;
  const gram = new Float64Array(n * n);
  const height = Math.min(n, 64);
  // so many rows at a time against all rows up to them, in pieces that a stop can wait for
  const depth = Math.max(64, Math.floor(workBetweenLooks / (height * n)));
  for (let from = 0; from < d; from += depth) {
    const piece = columns(X, from, Math.min(d, from + depth));
    for (let row = 0; row < n; row += height) {
      if (control.shouldStop()) return undefined;
      const p = Math.min(height, n - row);
      const block = piece.data.subarray(row * piece.cols, (row + p) * piece.cols);
      addOuterProducts(block, p, piece.data, row, piece.cols, gram, row, 0, n, false);
      addOuterProducts(block, p, block, p, piece.cols, gram, row, row, n, true);
    }
  }
  for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) gram[j * n + i] = gram[i * n + j];
  return gram;
}

/** X'X, or X'DX with a diagonal D of weights, both triangles; undefined when stopped. */
function columnProducts(X: DenseMatrix, control: Control, weight?: Float64Array): Float64Array | undefined {
  const transposed = denseMatrix(X.cols, X.rows);
  const look = everyRows(X.cols);
  for (let i = 0; i < X.rows; i++) {
    if (i % look === look - 1 && control.shouldStop()) return undefined;
    const root = Math.sqrt(weight?.[i] ?? 1);
    for (let j = 0; j < X.cols; j++) transposed.data[j * X.rows + i] = root * X.data[i * X.cols + j];
  }
  return rowProducts(transposed, control);
}

/** Columns from..to as a matrix of their own. */
function columns(X: DenseMatrix, from: number, to: number): DenseMatrix {
  if (from === 0 && to === X.cols) return X;
  const out = denseMatrix(X.rows, to - from);
  for (let i = 0; i < X.rows; i++) out.data.set(X.data.subarray(i * X.cols + from, i * X.cols + to), i * (to - from));
  return out;
}
