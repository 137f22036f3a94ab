import type { DenseMatrix } from '../base/linalg/matrix.ts';
import { rowProducts } from '../base/linalg/rowProducts.ts';
import { type Datafit } from '../problem/datafits/datafit.ts';
import { relativeGap } from '../problem/gap.ts';
import { dualBoundAt } from './dual/bound.ts';
import { balanceDual, fitConstant } from './dual/freeOffset.ts';

/** A program over the cells of some gates, whatever its groups are. */
export interface CellProgram {
  /** n x d effective inputs. */
  readonly X: DenseMatrix;
  /** Columns that count in the norm: d, or d - 1 when the last one is a free bias. */
  readonly penalizedCols: number;
  /** P x d gate vectors: gate i is on at row r where x_r . g_i >= 0; its cone is {u : (2 D_i - I) X u >= 0}. */
  readonly gates: DenseMatrix;
  readonly datafit: Datafit;
  readonly beta: number;
  /** Constant added to every fit (c numbers), free of penalty; given exactly when the bias is free. */
  readonly offset?: Float64Array;
}

/** Where a point of the program has been placed: its fit (n x c), the sum of its group norms, and how far it leaves its cones. */
export interface PlacedPoint {
  readonly fit: Float64Array;
  penalty: number;
  /** Largest s_r x_r'u < 0 over vectors u and rows r, relative to ||x_r|| ||u||. */
  cone: number;
}

/** What the dual point of the fit was found to be worth. */
export interface Priced {
  /** -gradient of the datafit at the fit (`dualPointOf`), n x c. */
  readonly dual: Float64Array;
  /** Upper bound of the largest dual constraint of every gate, divided by beta. */
  readonly gateConstraint: Float64Array;
  readonly stationarity: number;
}

/** Values recomputed from the data. */
export interface CellCertificate {
  readonly objective: number;
  readonly datafit: number;
  /** Sum of group norms. */
  readonly penalty: number;
  /** n x c */
  readonly fit: Float64Array;
  /** Lower bound of the optimal value over the gates, by weak duality. */
  readonly dualBound: number;
  /** n x c: the dual point that proves `dualBound` over these gates. */
  readonly boundDual: Float64Array;
  readonly relativeGap: number;
  /** -gradient of the datafit at the fit, balanced to sum to zero per output when there is an offset; n x c. */
  readonly dual: Float64Array;
  /** Largest dual constraint over signs and outputs, for every gate, divided by beta. */
  readonly gateConstraint: Float64Array;
  readonly kkt: { readonly stationarity: number; readonly cone: number; readonly complementarity: number };
}

/** The fit of no vectors: the offset. */
export function placeNothing({ X, datafit, offset }: CellProgram): PlacedPoint {
  const c = datafit.outputs;
  const fit = new Float64Array(X.rows * c);
  if (offset !== undefined) for (let i = 0; i < fit.length; i++) fit[i] = offset[i % c];
  return { fit, penalty: 0, cone: 0 };
}

/** The dual point of a fit; its columns sum to zero when `balanced`, as a free offset asks. */
export function dualPointOf(datafit: Datafit, fit: Float64Array, balanced: boolean): Float64Array {
  const dual = new Float64Array(fit.length);
  datafit.dualPoint(fit, dual);
  if (balanced) balanceDual(datafit, fit, dual);
  return dual;
}

/** The dual point of the zero network: of fit 0, or of the best constant fit where there is a `free` offset. */
export function dualAtZero(datafit: Datafit, free: boolean, poll?: () => void): Float64Array {
  const fit = new Float64Array(datafit.rows * datafit.outputs);
  if (free) fitConstant(datafit, fit, poll);
  poll?.();
  return dualPointOf(datafit, fit, free);
}

/**
 * Objective, dual bound, gap and residuals of a placed point.
 * @param rounding what the constraints of gates may be off by (`roundingOfProducts`)
 * @param quick as with `dualBoundAt`
 */
export function concluded(
  { datafit, beta, offset }: CellProgram,
  { fit, penalty, cone }: PlacedPoint,
  { dual, gateConstraint, stationarity }: Priced,
  rounding: number,
  quick = false,
): CellCertificate {
  const c = datafit.outputs;
  const loss = datafit.value(fit);
  const objective = loss + beta * penalty;
  let top = 0;
  for (const value of gateConstraint) top = Math.max(top, value);
  const proven = dualBoundAt(datafit, dual, top + rounding / beta, objective, quick);
  const off = offset === undefined ? 0 : offsetResidual(datafit, fit);
  let pairing = 0;
  for (let i = 0; i < fit.length; i++) pairing += dual[i] * (fit[i] - (offset?.[i % c] ?? 0));
  const scale = Math.max(Math.abs(objective), Number.MIN_VALUE);
  return {
    objective,
    datafit: loss,
    penalty,
    fit,
    dualBound: proven.value,
    boundDual: proven.point,
    relativeGap: relativeGap(objective, proven.value),
    dual,
    gateConstraint,
    kkt: {
      stationarity: Math.max(stationarity, off),
      cone,
      complementarity: Math.abs(beta * penalty - pairing) / scale,
    },
  };
}

/** Stationarity in the free offset: how far each column of the gradient is from summing to zero, relative to the sum of sizes. */
function offsetResidual(datafit: Datafit, fit: Float64Array): number {
  const c = datafit.outputs;
  const raw = dualPointOf(datafit, fit, false);
  let worst = 0;
  for (let o = 0; o < c; o++) {
    let [sum, size] = [0, 0];
    for (let i = o; i < raw.length; i += c) {
      sum += raw[i];
      size += Math.abs(raw[i]);
    }
    if (size > 0) worst = Math.max(worst, Math.abs(sum) / size);
  }
  return worst;
}

/** +1 for the rows where the gate is on, -1 elsewhere. */
export function signsOf(X: DenseMatrix, gate: Float64Array): Int8Array {
  const products = new Float64Array(X.rows);
  rowProducts(X, gate, products);
  const signs = new Int8Array(X.rows);
  for (let r = 0; r < X.rows; r++) signs[r] = products[r] >= 0 ? 1 : -1;
  return signs;
}

/** x_r'u */
export function dotRow(X: DenseMatrix, r: number, u: Float64Array): number {
  let s = 0;
  for (let k = 0, at = r * X.cols; k < X.cols; k++) s += X.data[at + k] * u[k];
  return s;
}
