import { CholeskyDecomposition, EigenvalueDecomposition, Matrix } from 'ml-matrix';
import { denseMatrix, type DenseMatrix, rowOf } from '../linalg/matrix.ts';
import type { Control } from '../solver/control.ts';

/** A linear model's outputs on all rows, and what was chosen for it. */
export interface LinearBaseline {
  /** rows x outputs */
  readonly prediction: Float64Array;
  readonly ridge: number;
}

/**
 * Ridge regression with a free intercept, (1/2)||y - b - X w||^2 + (ridge/2)||w||^2, fitted on the training rows with the ridge
 * of smallest leave-one-out error on a grid (closed form by the eigenvectors of X'X: Golub, Heath, Wahba 1979).
 */
export function ridgeRegression(
  X: DenseMatrix,
  y: ArrayLike<number>,
  trainRows: Int32Array,
  control: Control,
): LinearBaseline {
  const n = trainRows.length;
  const d = X.cols;
  const { centered, mean } = centeredRows(X, trainRows);
  let offset = 0;
  for (const row of trainRows) offset += y[row] / n;
  const target = Float64Array.from(trainRows, (row) => y[row] - offset);
  const gram = gramMatrix(centered, control);
  if (gram === undefined) return { prediction: new Float64Array(X.rows).fill(offset), ridge: Infinity };
  const eigen = new EigenvalueDecomposition(gram, { assumeSymmetric: true });
  const values = eigen.realEigenvalues.map((value) => Math.max(0, value));
  // Z = X V, the data in the basis of the eigenvectors; coefficients there are independent.
  const basis = eigen.eigenvectorMatrix;
  const Z = denseMatrix(n, d);
  for (let i = 0; i < n; i++) {
    if ((i & 255) === 0 && control.shouldStop())
      return { prediction: new Float64Array(X.rows).fill(offset), ridge: Infinity };
    for (let k = 0; k < d; k++) {
      let s = 0;
      for (let j = 0; j < d; j++) s += centered.data[i * d + j] * basis.get(j, k);
      Z.data[i * d + k] = s;
    }
  }
  const moment = new Float64Array(d);
  for (let i = 0; i < n; i++) for (let k = 0; k < d; k++) moment[k] += Z.data[i * d + k] * target[i];
  let best = { ridge: n, error: Infinity };
  for (let exponent = -6; exponent <= 4 && !control.shouldStop(); exponent += 0.5) {
    const ridge = n * 10 ** exponent;
    let error = 0;
    for (let i = 0; i < n; i++) {
      let fit = 0;
      let leverage = 1 / n;
      for (let k = 0; k < d; k++) {
        const z = Z.data[i * d + k] / (values[k] + ridge);
        fit += z * moment[k];
        leverage += z * Z.data[i * d + k];
      }
      error += ((target[i] - fit) / Math.max(1e-12, 1 - leverage)) ** 2;
    }
    if (error < best.error) best = { ridge, error };
  }
  const weights = new Float64Array(d);
  for (let k = 0; k < d; k++) {
    const coefficient = moment[k] / (values[k] + best.ridge);
    for (let j = 0; j < d; j++) weights[j] += coefficient * basis.get(j, k);
  }
  const prediction = new Float64Array(X.rows);
  for (let i = 0; i < X.rows; i++) {
    let s = offset;
    for (let j = 0; j < d; j++) s += (X.data[i * d + j] - mean[j]) * weights[j];
    prediction[i] = s;
  }
  return { prediction, ridge: best.ridge };
}

/**
 * Logistic regression (two classes: one output, positive for the second) or multinomial logistic regression with a free
 * intercept and (ridge/2)||W||^2, fitted on the training rows to a small gradient: accelerated gradient steps in the metric of
 * the fixed upper bound X'X/4 (or X'X/2) of the Hessian (Boehning 1992), restarted when the objective rises.
 */
export function logisticRegression(
  X: DenseMatrix,
  labels: ArrayLike<number>,
  classes: number,
  trainRows: Int32Array,
  control: Control,
  ridge = 1,
): LinearBaseline {
  const n = trainRows.length;
  const d = X.cols;
  const outputs = classes === 2 ? 1 : classes;
  const { centered, mean } = centeredRows(X, trainRows);
  const p = d + 1;
  const bound = new Matrix(p, p);
  const gram = gramMatrix(centered, control);
  if (gram === undefined) return { prediction: new Float64Array(X.rows * outputs), ridge };
  const curvature = outputs === 1 ? 0.25 : 0.5;
  for (let j = 0; j < d; j++) {
    for (let k = 0; k < d; k++) bound.set(j, k, curvature * gram.get(j, k));
    bound.set(j, j, bound.get(j, j) + ridge);
  }
  bound.set(d, d, curvature * n);
  const factor = new CholeskyDecomposition(bound);
  let weights = new Float64Array(p * outputs);
  let previous = weights;
  let momentum = 1;
  let last = Infinity;
  const gradient = new Float64Array(p * outputs);
  const logits = new Float64Array(outputs);
  const evaluate = (W: Float64Array): number => {
    gradient.fill(0);
    let loss = 0;
    for (let i = 0; i < n; i++) {
      const x = rowOf(centered, i);
      for (let o = 0; o < outputs; o++) {
        let s = W[d * outputs + o];
        for (let j = 0; j < d; j++) s += x[j] * W[j * outputs + o];
        logits[o] = s;
      }
      loss += rowLoss(logits, labels[trainRows[i]]);
      for (let o = 0; o < outputs; o++) {
        const g = logits[o];
        for (let j = 0; j < d; j++) gradient[j * outputs + o] += g * x[j];
        gradient[d * outputs + o] += g;
      }
    }
    for (let k = 0; k < d * outputs; k++) {
      loss += 0.5 * ridge * W[k] * W[k];
      gradient[k] += ridge * W[k];
    }
    return loss;
  };
  for (let iteration = 0; iteration < 1000 && !control.shouldStop(); iteration++) {
    const next = (1 + Math.sqrt(1 + 4 * momentum * momentum)) / 2;
    const ahead = weights.map((w, k) => w + ((momentum - 1) / next) * (w - previous[k]));
    const value = evaluate(ahead);
    if (value > last) {
      // Overshot: start again from the last point without momentum.
      momentum = 1;
      previous = weights;
      last = Infinity;
      continue;
    }
    last = value;
    momentum = next;
    const step = factor.solve(
      new Matrix(Array.from({ length: p }, (_, j) => Array.from(gradient.subarray(j * outputs, (j + 1) * outputs)))),
    );
    let decrease = 0;
    previous = weights;
    weights = ahead;
    for (let j = 0; j < p; j++) {
      for (let o = 0; o < outputs; o++) {
        decrease += step.get(j, o) * gradient[j * outputs + o];
        weights[j * outputs + o] -= step.get(j, o);
      }
    }
    if (decrease <= 1e-10 * (1 + value)) break;
  }
  const prediction = new Float64Array(X.rows * outputs);
  for (let i = 0; i < X.rows; i++) {
    for (let o = 0; o < outputs; o++) {
      let s = weights[d * outputs + o];
      for (let j = 0; j < d; j++) s += (X.data[i * d + j] - mean[j]) * weights[j * outputs + o];
      prediction[i * outputs + o] = s;
    }
  }
  return { prediction, ridge };
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

function centeredRows(X: DenseMatrix, rows: Int32Array): { centered: DenseMatrix; mean: Float64Array } {
  const d = X.cols;
  const mean = new Float64Array(d);
  for (const row of rows) for (let j = 0; j < d; j++) mean[j] += X.data[row * d + j] / rows.length;
  const centered = denseMatrix(rows.length, d);
  rows.forEach((row, i) => {
    for (let j = 0; j < d; j++) centered.data[i * d + j] = X.data[row * d + j] - mean[j];
  });
  return { centered, mean };
}

/** X'X; undefined when stopped. */
function gramMatrix(X: DenseMatrix, control: Control): Matrix | undefined {
  const d = X.cols;
  const gram = new Matrix(d, d);
  const sums = new Float64Array(d * d);
  for (let i = 0; i < X.rows; i++) {
    if ((i & 255) === 0 && control.shouldStop()) return undefined;
    const x = rowOf(X, i);
    for (let j = 0; j < d; j++) {
      const xj = x[j];
      for (let k = j; k < d; k++) sums[j * d + k] += xj * x[k];
    }
  }
  for (let j = 0; j < d; j++) {
    for (let k = j; k < d; k++) {
      gram.set(j, k, sums[j * d + k]);
      gram.set(k, j, sums[j * d + k]);
    }
  }
  return gram;
}
