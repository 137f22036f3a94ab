import { denseMatrix, dot, type DenseMatrix } from '../../base/linalg/matrix.ts';
import { symmetricEigen } from '../../base/linalg/symmetricEigen.ts';
import { bestDualScale, type Datafit } from '../../problem/datafits/datafit.ts';
import type { Control, SolveStatus } from '../../base/control.ts';
import { numericalRank, svd } from '../../base/linalg/svd.ts';

/**
 * Two-layer linear network with several outputs and weight decay on both layers:
 *   min_{W1, W2} l(X W1 W2) + beta/2 (||W1||_F^2 + ||W2||_F^2) = min_Z l(X Z) + beta ||Z||_*,
 * with dual max -l*(-V) subject to the spectral norm of X'V being at most beta (Ergen and Pilanci 2021, "Revealing the structure").
 * One output is the special case of the Euclidean norm.
 */
export interface NuclearSolution {
  /** d x c */
  readonly Z: DenseMatrix;
  readonly singularValues: Float64Array;
  readonly rank: number;
  readonly objective: number;
  readonly dualBound: number;
  readonly datafit: number;
  readonly penalty: number;
  /** n x c, feasible. */
  readonly dual: DenseMatrix;
  readonly fit: DenseMatrix;
  readonly betaMax: number;
  readonly iterations: number;
  readonly status: SolveStatus;
}

/** C := A B (n x k times k x m). */
function multiply(A: DenseMatrix, B: DenseMatrix, C: Float64Array): void {
  C.fill(0);
  const { rows, cols } = A;
  const m = B.cols;
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < cols; k++) {
      const a = A.data[i * cols + k];
      if (a !== 0) for (let j = 0; j < m; j++) C[i * m + j] += a * B.data[k * m + j];
    }
  }
}

/** C := A' B (n x k, n x m) -> k x m. */
function transposeMultiply(A: DenseMatrix, B: Float64Array, m: number, C: Float64Array): void {
  C.fill(0);
  const { rows, cols } = A;
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < cols; k++) {
      const a = A.data[i * cols + k];
      if (a !== 0) for (let j = 0; j < m; j++) C[k * m + j] += a * B[i * m + j];
    }
  }
}

/** Singular values of a d x c matrix and its product with (1 - tau / sigma)_+ on the right singular directions. */
function softThreshold(Z: DenseMatrix, tau: number, out: Float64Array): number {
  const { rows, cols } = Z;
  if (cols === 1) {
    const norm = Math.sqrt(dot(Z.data, Z.data));
    const factor = norm > tau ? 1 - tau / norm : 0;
    for (let i = 0; i < rows; i++) out[i] = factor * Z.data[i];
    return Math.max(0, norm - tau);
  }
  const gram = denseMatrix(cols, cols);
  for (let a = 0; a < cols; a++) {
    for (let b = 0; b <= a; b++) {
      let s = 0;
      for (let i = 0; i < rows; i++) s += Z.data[i * cols + a] * Z.data[i * cols + b];
      gram.data[a * cols + b] = gram.data[b * cols + a] = s;
    }
  }
  const { values, vectors } = symmetricEigen(gram);
  let sum = 0;
  const map = new Float64Array(cols * cols);
  values.forEach((value, k) => {
    const sigma = Math.sqrt(Math.max(0, value));
    if (!(sigma > tau)) return;
    sum += sigma - tau;
    const factor = 1 - tau / sigma;
    const v = vectors.subarray(k * cols, (k + 1) * cols);
    for (let a = 0; a < cols; a++) for (let b = 0; b < cols; b++) map[a * cols + b] += factor * v[a] * v[b];
  });
  multiply(Z, { rows: cols, cols, data: map }, out);
  return sum;
}

/** Largest eigenvalue of X'X by power iteration with a margin. */
function largestSquaredSingularValue(X: DenseMatrix): number {
  let v = new Float64Array(X.cols).fill(1 / Math.sqrt(X.cols));
  let value = 0;
  const Xv = new Float64Array(X.rows);
  for (let k = 0; k < 60; k++) {
    multiply(X, { rows: X.cols, cols: 1, data: v }, Xv);
    const next = new Float64Array(X.cols);
    transposeMultiply(X, Xv, 1, next);
    value = Math.sqrt(dot(next, next));
    if (!(value > 0)) return 1;
    v = next.map((t) => t / value);
  }
  return 1.05 * value;
}

/** A map Z with its fit, and the best bound that any of its dual points has given. */
class NuclearPoint {
  readonly Z: DenseMatrix;
  readonly fit: DenseMatrix;
  readonly betaMax: number;
  /** Best lower bound so far, and the feasible dual point (n x c) that proves it. */
  bound = 0;
  dual: Float64Array;
  private judgedOnce = false;

  constructor(
    private readonly X: DenseMatrix,
    private readonly datafit: Datafit,
    private readonly beta: number,
  ) {
    this.Z = denseMatrix(X.cols, datafit.outputs);
    this.fit = denseMatrix(X.rows, datafit.outputs);
    this.dual = new Float64Array(X.rows * datafit.outputs);
    this.betaMax = this.spectralAt(this.dualPoint());
  }

  private dualPoint(): Float64Array {
    const V = new Float64Array(this.fit.data.length);
    this.datafit.dualPoint(this.fit.data, V);
    return V;
  }

  /** Largest singular value of X'V. */
  private spectralAt(V: Float64Array): number {
    const products = denseMatrix(this.Z.rows, this.Z.cols);
    transposeMultiply(this.X, V, this.Z.cols, products.data);
    return svd(products).s[0] ?? 0;
  }

  judge(): { readonly objective: number; readonly loss: number; readonly penalty: number } {
    const { X, Z, fit, datafit, beta } = this;
    multiply(X, Z, fit.data);
    const penalty = svd(Z).s.reduce((a, b) => a + b, 0);
    const loss = datafit.value(fit.data);
    const V = this.dualPoint();
    const scale = bestDualScale(datafit, V, beta / Math.max(this.spectralAt(V), Number.MIN_VALUE));
    const scaled = V.map((v) => scale * v);
    const bound = datafit.dualValue(scaled);
    if (bound > this.bound || !this.judgedOnce) [this.bound, this.dual, this.judgedOnce] = [bound, scaled, true];
    return { objective: loss + beta * penalty, loss, penalty };
  }
}

/**
 * Accelerated proximal gradient with backtracking and restart, stopped by the duality gap of a scaled dual point.
 * X is n x d (effective inputs), the datafit has c outputs and must be smooth.
 */
export function solveNuclear(
  X: DenseMatrix,
  datafit: Datafit,
  beta: number,
  tolerance: number,
  control: Control,
  start?: DenseMatrix,
): NuclearSolution {
  const [n, d, c] = [X.rows, X.cols, datafit.outputs];
  const G = new Float64Array(n * c);
  const gradient = new Float64Array(d * c);
  const point = new NuclearPoint(X, datafit, beta);
  const { betaMax, Z, fit } = point;
  if (start && beta < betaMax) Z.data.set(start.data);
  let momentumPoint = denseMatrix(d, c, Float64Array.from(Z.data));
  const trial = denseMatrix(d, c);
  const forward = denseMatrix(d, c);
  const pointFit = new Float64Array(n * c);
  const lipschitz = datafit.lipschitz * largestSquaredSingularValue(X);
  let t = 1;
  let iterations = 0;
  let status: SolveStatus = 'iteration-limit';
  let current = point.judge();
  const maxIterations = 200_000;
  for (; iterations < maxIterations && beta < betaMax; iterations++) {
    if (iterations % 20 === 0) {
      current = point.judge();
      if (current.objective - point.bound <= tolerance * Math.abs(current.objective)) {
        status = 'optimal';
        break;
      }
      control.report?.({
        iteration: iterations,
        seconds: control.now(),
        objective: current.objective,
        dualBound: point.bound,
        active: svd(Z).s.filter((s) => s > 0).length,
        phase: 'proximal gradient',
      });
    }
    if (control.shouldStop()) {
      status = 'cancelled';
      break;
    }
    multiply(X, momentumPoint, pointFit);
    datafit.gradient(pointFit, G);
    transposeMultiply(X, G, c, gradient);
    for (let i = 0; i < d * c; i++) forward.data[i] = momentumPoint.data[i] - gradient[i] / lipschitz;
    softThreshold(forward, beta / lipschitz, trial.data);
    // Restart when the momentum points uphill (O'Donoghue and Candes 2015).
    let uphill = 0;
    for (let i = 0; i < d * c; i++) uphill += (momentumPoint.data[i] - trial.data[i]) * (trial.data[i] - Z.data[i]);
    const tNext = uphill > 0 ? 1 : 0.5 * (1 + Math.sqrt(1 + 4 * t * t));
    const weight = uphill > 0 ? 0 : (t - 1) / tNext;
    const nextPoint = denseMatrix(d, c);
    for (let i = 0; i < d * c; i++) nextPoint.data[i] = trial.data[i] + weight * (trial.data[i] - Z.data[i]);
    Z.data.set(trial.data);
    momentumPoint = nextPoint;
    t = tNext;
  }
  if (beta >= betaMax) {
    Z.data.fill(0);
    status = 'optimal';
  }
  current = point.judge();
  const s = svd(Z).s;
  return {
    Z,
    singularValues: s,
    rank: s.filter((value) => value > 1e-9 * Math.max(s[0], Number.MIN_VALUE)).length,
    objective: current.objective,
    dualBound: point.bound,
    datafit: current.loss,
    penalty: current.penalty,
    dual: denseMatrix(n, c, point.dual),
    fit,
    betaMax,
    iterations,
    status,
  };
}

/**
 * Layers W_1 (d x r), W_2 .. W_{L-1} (r x r), W_L (r x c) with product Z of rank r and the least sum of squares, L sum_i sigma_i^(2/L): every
 * layer carries the L-th roots of the singular values, and its right singular vectors are the next layer's left ones.
 */
export function balancedLayers(Z: DenseMatrix, layers: number): DenseMatrix[] {
  const { U, s, V } = svd(Z);
  const k = s.length;
  const rank = numericalRank(s, 1e-12);
  return Array.from({ length: layers }, (_, l) => {
    const W = denseMatrix(l === 0 ? Z.rows : rank, l === layers - 1 ? Z.cols : rank);
    for (let j = 0; j < rank; j++) {
      const root = s[j] ** (1 / layers);
      if (l === 0) for (let i = 0; i < Z.rows; i++) W.data[i * rank + j] = root * U.data[i * k + j];
      else if (l === layers - 1) for (let i = 0; i < Z.cols; i++) W.data[j * Z.cols + i] = root * V.data[i * k + j];
      else W.data[j * rank + j] = root;
    }
    return W;
  });
}

/**
 * Minimum-norm fits of an L-layer serial linear network with several outputs, inner layers constrained to Frobenius norm t:
 * primal t^-(L-2) (sum sigma^(2/L))^(L/2) over the singular values of the least squares map, dual t^-(L-2) sum sigma. They agree only
 * when at most one singular value is non-zero; parallel branches (one per direction) close the gap.
 */
export function serialGap(
  sigma: ArrayLike<number>,
  layers: number,
  t = 1,
): { readonly primal: number; readonly dual: number; readonly rank: number } {
  let power = 0;
  let sum = 0;
  let rank = 0;
  for (let i = 0; i < sigma.length; i++) {
    if (!(sigma[i] > 1e-12 * sigma[0])) continue;
    power += sigma[i] ** (2 / layers);
    sum += sigma[i];
    rank++;
  }
  const scale = t ** -(layers - 2);
  return { primal: scale * power ** (layers / 2), dual: scale * sum, rank };
}
