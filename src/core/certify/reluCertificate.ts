import { relativeGap } from '../problem/gap.ts';
import { dualBoundAt, roundingOfProducts } from './dual/bound.ts';
import { balanceDual, fitConstant } from './dual/freeOffset.ts';
import { type DenseMatrix, norm2 } from '../base/linalg/matrix.ts';
import { ConeProjector } from '../base/linalg/nnls.ts';
import { type Datafit } from '../problem/datafits/datafit.ts';

/** A vector of the cone program: gate index, output and sign. */
export interface ReluVector {
  readonly gate: number;
  readonly output: number;
  readonly sign: 1 | -1;
  /** d effective inputs. */
  readonly vector: Float64Array;
}

/** What is judged. Nothing in here comes from a solver but the point itself. */
export interface ReluClaim {
  /** n x d effective inputs. */
  readonly X: DenseMatrix;
  /** Columns that count in the norm: d, or d - 1 when the last one is a free bias. */
  readonly penalizedCols: number;
  /** P x d gate vectors: gate i is on at row r where x_r . g_i >= 0; its cone is {u : (2 D_i - I) X u >= 0}. */
  readonly gates: DenseMatrix;
  readonly datafit: Datafit;
  readonly beta: number;
  readonly vectors: readonly ReluVector[];
  /**
   * Bounds dual constraints by the norm of X'D v instead of solving for them (not with a free bias): still a valid dual bound, only a lower
   * one, in a fraction of the time.
   */
  readonly quick?: boolean;
  /** Asked before each of these solves: from a stop on it is as with `quick`. */
  readonly shouldStop?: () => boolean;
  /** Asked for every gate: true ends the judging of gates, and those left are bounded by row norms, as no gate can be above (not with a free bias). */
  readonly giveUp?: () => boolean;
  /** Constant added to every fit (c numbers), free of penalty; given exactly when the bias is free. */
  readonly offset?: Float64Array;
}

/** Values recomputed from the data. */
export interface ReluCertificate {
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
  /** Smallest beta for which no group of these gates is used; an upper bound of it with `quick`. */
  readonly betaMax: number;
  readonly kkt: { readonly stationarity: number; readonly cone: number; readonly complementarity: number };
}

/**
 * Judges a point of the cone-constrained ReLU program (Pilanci and Ergen 2020): objective, cone violation, dual bound, gap and
 * residuals of the optimality conditions, from X, the targets, the gates and the vectors alone. The dual constraint of a gate,
 * max over u in its cone, ||u|| <= 1, of +-v'D X u, equals min over rho >= 0 of ||+-X'D v + X'(2D - I) rho||; any rho >= 0 gives
 * an upper bound, which is what is used.
 */
export function certifyRelu(claim: ReluClaim): ReluCertificate {
  const { X, penalizedCols: q, gates, datafit, beta, vectors, offset } = claim;
  const mayStop = claim.penalizedCols === claim.X.cols;
  const quick = (): boolean => mayStop && (claim.quick === true || claim.shouldStop?.() === true);
  const { rows: n, cols: d } = X;
  const c = datafit.outputs;
  const rowNorms = Float64Array.from({ length: n }, (_, r) => norm2(X.data.subarray(r * d, (r + 1) * d)));

  const fit = new Float64Array(n * c);
  if (offset !== undefined) for (let i = 0; i < n * c; i++) fit[i] = offset[i % c];
  let penalty = 0;
  let cone = 0;
  const norms = vectors.map(({ vector }) => norm2(vector.subarray(0, q)));
  vectors.forEach(({ gate, output, sign, vector }, k) => {
    penalty += norms[k];
    const signs = signsOf(X, gates.data.subarray(gate * d, (gate + 1) * d));
    for (let r = 0; r < n; r++) {
      const t = dotRow(X, r, vector);
      if (signs[r] > 0) fit[r * c + output] += sign * t;
      if (signs[r] * t < 0) cone = Math.max(cone, -(signs[r] * t) / (rowNorms[r] * norm2(vector)));
    }
  });
  const loss = datafit.value(fit);
  const objective = loss + beta * penalty;

  const dual = new Float64Array(n * c);
  datafit.dualPoint(fit, dual);
  if (offset !== undefined) balanceDual(datafit, fit, dual);
  const zeroFit = new Float64Array(n * c);
  const zeroDual = new Float64Array(n * c);
  if (offset !== undefined) fitConstant(datafit, zeroFit);
  datafit.dualPoint(zeroFit, zeroDual);
  if (offset !== undefined) balanceDual(datafit, zeroFit, zeroDual);

  const projector = new ConeProjector(X, q);
  if (mayStop && claim.shouldStop !== undefined) projector.shouldStop = claim.shouldStop;
  const gateConstraint = new Float64Array(gates.rows);
  const slope = new Float64Array(d);
  const point = new Float64Array(d);
  const used = new Map<string, number>();
  vectors.forEach(({ gate, output, sign }, k) => used.set(`${gate} ${output} ${sign}`, k));
  let betaMax = 0;
  let stationarity = 0;
  /** X'D V and X'D V_0 for every output, the dual point at zero behind that of the fit. */
  const slopes = new Float64Array(2 * c * d);
  for (let i = 0; i < gates.rows; i++) {
    if (mayStop && claim.giveUp?.() === true) {
      const left = normBound(rowNorms, dual, c) / beta;
      gateConstraint.fill(left, i);
      betaMax = Math.max(betaMax, normBound(rowNorms, zeroDual, c));
      stationarity = Math.max(stationarity, left - 1);
      break;
    }
    const signs = signsOf(X, gates.data.subarray(i * d, (i + 1) * d));
    slopes.fill(0);
    for (let r = 0; r < n; r++) {
      if (signs[r] < 0) continue;
      for (let o = 0; o < 2 * c; o++) {
        const weight = o < c ? dual[r * c + o] : zeroDual[r * c + o - c];
        for (let k = 0, at = r * d, to = o * d; k < d; k++) slopes[to + k] += weight * X.data[at + k];
      }
    }
    // with a free bias the all-on cell carries any linear function: its constraint is the plain norm
    const linear = q < d && signs.every((s) => s > 0);
    const price = (column: number, sign: number, atMost = 0): number => {
      for (let k = 0; k < d; k++) slope[k] = sign * slopes[column * d + k];
      if (linear) {
        for (let k = 0; k < d; k++) point[k] = k < q ? slope[k] : 0;
        return norm2(slope.subarray(0, q));
      }
      const bound = norm2(slope);
      // no need to solve where the bound settles it
      if (q === d && bound <= atMost) return bound;
      if (quick()) {
        point.set(slope);
        return bound * (1 + 1e-14 * n);
      }
      return projector.project(signs, slope, point);
    };
    for (let output = 0; output < c; output++) {
      for (const sign of [1, -1] as const) {
        betaMax = Math.max(betaMax, price(c + output, sign, Math.max(betaMax, Number.MIN_VALUE)));
        const value = price(output, sign);
        gateConstraint[i] = Math.max(gateConstraint[i], value / beta);
        const k = used.get(`${i} ${output} ${sign}`);
        if (k === undefined) stationarity = Math.max(stationarity, value / beta - 1);
        else {
          // the maximiser must point along the vector, with value beta
          let s = 0;
          for (let j = 0; j < q; j++) s += (point[j] / beta - vectors[k].vector[j] / norms[k]) ** 2;
          stationarity = Math.max(stationarity, Math.sqrt(s));
        }
      }
    }
  }
  let top = 0;
  for (const value of gateConstraint) top = Math.max(top, value);
  const rounding = roundingOfProducts(rowNorms, dual, c, n + d + 8) / beta;
  const proven = dualBoundAt(datafit, dual, top + rounding, objective);
  let pairing = 0;
  for (let i = 0; i < n * c; i++) pairing += dual[i] * (fit[i] - (offset?.[i % c] ?? 0));
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
    betaMax,
    kkt: {
      stationarity,
      cone,
      complementarity: Math.abs(beta * penalty - pairing) / Math.max(Math.abs(objective), Number.MIN_VALUE),
    },
  };
}

/** No direction has a larger |v'(Xu)_+|: largest over columns of V and signs of sum_i (+-v_i)_+ ||x_i||. */
function normBound(rowNorms: Float64Array, V: Float64Array, c: number): number {
  const sums = new Float64Array(2 * c);
  rowNorms.forEach((norm, r) => {
    for (let o = 0; o < c; o++) sums[2 * o + (V[r * c + o] > 0 ? 0 : 1)] += Math.abs(V[r * c + o]) * norm;
  });
  return Math.max(...sums) * (1 + 1e-14 * rowNorms.length);
}

function signsOf(X: DenseMatrix, g: Float64Array): Int8Array {
  const signs = new Int8Array(X.rows);
  for (let r = 0; r < X.rows; r++) signs[r] = dotRow(X, r, g) >= 0 ? 1 : -1;
  return signs;
}

function dotRow(X: DenseMatrix, r: number, u: Float64Array): number {
  let s = 0;
  for (let k = 0, at = r * X.cols; k < X.cols; k++) s += X.data[at + k] * u[k];
  return s;
}
