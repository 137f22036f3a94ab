import { type CellCertificate, type CellProgram, concluded, dotRow, dualPointOf, placeNothing } from './cells.ts';
import { type PlacedPoint, type Priced, signsOf } from './cells.ts';
import { roundingOfProducts } from './dual/bound.ts';
import { boundOverSphere } from './global/outputSphere.ts';
import { type DenseMatrix, denseMatrix, norm2, rowOf, rowNorms } from '../base/linalg/matrix.ts';
import { ConeProjector } from '../base/linalg/nnls.ts';
import { symmetricEigen } from '../base/linalg/symmetricEigen.ts';

/** A ReLU neuron that feeds all outputs, and the gate in whose cell it is: it adds (Xw)_+ a' to the fit. */
export interface GatedSharedNeuron {
  readonly gate: number;
  /** d effective inputs. */
  readonly w: Float64Array;
  /** c outgoing weights. */
  readonly a: Float64Array;
}

/** What is judged. Nothing in here comes from a solver but the point itself. */
export interface SharedClaim extends CellProgram {
  readonly neurons: readonly GatedSharedNeuron[];
  /** How far above the largest value of a gate's dual constraint its bound may be, relatively. */
  readonly tolerance: number;
  /** Bounds dual constraints by singular values instead of solving for them (not with a free bias): valid, only lower, in a fraction of the time. */
  readonly quick?: boolean;
  /** Asked before each of these solves: from a stop on it is as with `quick`. */
  readonly shouldStop?: () => boolean;
}

/** Directions of the outputs that the bound of one gate may look at: so many, and no more than this work allows (gates times entries of X). */
const mostDirections = 3000;
const mostWork = 5e7;

/** Outputs (rank of V'DX) up to which directions are subdivided: 2^(rank - 1) cones to begin with. */
const mostOutputs = 8;

/**
 * Judges a two-layer ReLU network with several outputs under plain weight decay, objective l(sum_j (Xw_j)_+ a_j' + 1 offset') + beta sum_j ||w_j|| ||a_j||:
 * objective, dual bound over the cells of the gates, gap and residuals of the optimality conditions, from X, the targets, the gates and the
 * neurons alone. The dual constraint of a gate is max over u in its cone, ||u|| <= 1, of ||V'DXu||_2 (Sahiner, Ergen, Pauly and Pilanci 2021), a
 * convex maximisation: for an outgoing direction s it is a projection onto the cone (`ConeProjector`), an upper bound as computed, and the
 * directions s are subdivided (`boundOverSphere`) until the bound meets a value that is attained.
 */
export function certifyShared(claim: SharedClaim): CellCertificate {
  const { X, datafit, offset } = claim;
  const point = placed(claim);
  const prices = priceGates(claim, dualPointOf(datafit, point.fit, offset !== undefined));
  const c = datafit.outputs;
  const rounding = roundingOfProducts(rowNorms(X), prices.dual, c, X.rows + X.cols + c + 8);
  return concluded(claim, point, prices, rounding);
}

/** Fit, penalty and cone violation of the neurons. */
function placed(claim: SharedClaim): PlacedPoint {
  const { X, penalizedCols: q, gates, neurons } = claim;
  const c = claim.datafit.outputs;
  const norms = rowNorms(X);
  const point = placeNothing(claim);
  for (const { gate, w, a } of neurons) {
    point.penalty += norm2(w.subarray(0, q)) * norm2(a);
    const size = norm2(w);
    const signs = signsOf(X, rowOf(gates, gate));
    for (let r = 0; r < X.rows; r++) {
      const t = dotRow(X, r, w);
      if (t > 0) for (let o = 0; o < c; o++) point.fit[r * c + o] += t * a[o];
      if (signs[r] * t < 0) point.cone = Math.max(point.cone, -(signs[r] * t) / (norms[r] * size));
    }
  }
  return point;
}

function priceGates(claim: SharedClaim, dual: Float64Array): Priced {
  const { X, penalizedCols: q, gates, beta, neurons } = claim;
  const d = X.cols;
  const c = claim.datafit.outputs;
  const quick = (): boolean => q === d && (claim.quick === true || claim.shouldStop?.() === true);
  const projector = new ConeProjector(X, q);
  const gateConstraint = new Float64Array(gates.rows);
  const point = new Float64Array(d);
  let stationarity = 0;
  for (let p = 0; p < gates.rows; p++) {
    const signs = signsOf(X, rowOf(gates, p));
    const slope = slopeOf(X, dual, c, signs);
    // with a free bias the all-on cell carries any linear function: its constraint is the norm over the penalised columns
    const linear = q < d && signs.every((s) => s > 0);
    /** max over u in the cone of s'V'DXu; the maximiser, with its value as length, goes to `point`. */
    const price = (s: ArrayLike<number>, sign: 1 | -1): number => {
      const g = new Float64Array(d);
      for (let k = 0; k < d; k++) for (let o = 0; o < c; o++) g[k] += sign * slope[k * c + o] * s[o];
      if (!linear) return projector.project(signs, g, point);
      for (let k = 0; k < d; k++) point[k] = k < q ? g[k] : 0;
      return norm2(g.subarray(0, q));
    };
    let attained = 0;
    for (const { gate, w, a } of neurons) {
      if (gate !== p) continue;
      const inner = norm2(w.subarray(0, q));
      const outer = norm2(a);
      const s = a.map((x) => x / outer);
      // the outgoing vector must be V'(Xu)_+ / beta, and the direction the maximiser for it, with value beta
      const image = imageOf(X, dual, c, w, inner);
      attained = Math.max(attained, norm2(image));
      stationarity = Math.max(stationarity, norm2(image.map((x, o) => x / beta - s[o])));
      if (quick()) continue;
      price(s, 1);
      let off = 0;
      for (let k = 0; k < q; k++) off += (point[k] / beta - w[k] / inner) ** 2;
      stationarity = Math.max(stationarity, Math.sqrt(off));
    }
    const bound = quick() ? spectralNorm(slope, d, c) : coneBound({ slope, d, c }, price, attained, claim);
    gateConstraint[p] = bound / beta;
    if (attained === 0) stationarity = Math.max(stationarity, bound / beta - 1);
  }
  return { dual, gateConstraint, stationarity };
}

/** V'(Xw)_+ / inner */
function imageOf(X: DenseMatrix, V: Float64Array, c: number, w: Float64Array, inner: number): Float64Array {
  const image = new Float64Array(c);
  for (let r = 0; r < X.rows; r++) {
    const t = dotRow(X, r, w) / inner;
    if (t > 0) for (let o = 0; o < c; o++) image[o] += t * V[r * c + o];
  }
  return image;
}

/** An upper bound of max over the cone of ||slope'u||, from its values s'slope'u for outgoing directions s. */
function coneBound(
  { slope, d, c }: { readonly slope: Float64Array; readonly d: number; readonly c: number },
  price: (s: Float64Array, sign: 1 | -1) => number,
  attained: number,
  { X, gates, tolerance, beta, shouldStop }: SharedClaim,
): number {
  const { values, vectors } = gramEigen(slope, d, c);
  const largest = Math.max(0, values[c - 1]);
  if (!(largest > 0)) return 0;
  // directions that the slope nearly annihilates: left out of the subdivision, and added by their norm
  const axes: Float64Array[] = [];
  let rest = 0;
  for (let k = c - 1; k >= 0; k--) {
    if (values[k] > 1e-13 * largest) axes.push(vectors.slice(k * c, (k + 1) * c));
    else rest += Math.max(0, values[k]) + 1e-14 * c * largest;
  }
  const spread = (x: ArrayLike<number>): Float64Array => {
    const s = new Float64Array(c);
    axes.forEach((axis, k) => {
      for (let o = 0; o < c; o++) s[o] += x[k] * axis[o];
    });
    return s;
  };
  const all = spectralNorm(slope, d, c);
  if (all <= attained * (1 + tolerance) || axes.length > mostOutputs) return all;
  const bound = boundOverSphere(
    axes.length,
    (x) => {
      const s = spread(x);
      const value = Math.max(price(s, 1), price(s, -1));
      return { lower: value, upper: value * (1 + 1e-15 * d) };
    },
    {
      lower: Math.max(attained, 1e-3 * beta),
      goal: 0.99 * beta,
      tolerance,
      evaluations: Math.max(30, Math.min(mostDirections, mostWork / (gates.rows * X.rows * d))),
      shouldStop: () => shouldStop?.() === true,
    },
  );
  return Math.min(all, Math.hypot(bound, Math.sqrt(rest)));
}

/** V'DX, transposed: d x c. */
function slopeOf(X: DenseMatrix, V: Float64Array, c: number, signs: Int8Array): Float64Array {
  const { rows: n, cols: d } = X;
  const out = new Float64Array(d * c);
  for (let r = 0; r < n; r++) {
    if (signs[r] < 0) continue;
    for (let k = 0; k < d; k++) {
      const x = X.data[r * d + k];
      if (x !== 0) for (let o = 0; o < c; o++) out[k * c + o] += x * V[r * c + o];
    }
  }
  return out;
}

function gramEigen(A: Float64Array, d: number, c: number): { values: Float64Array; vectors: Float64Array } {
  const gram = denseMatrix(c, c);
  for (let k = 0; k < d; k++) {
    for (let o = 0; o < c; o++) for (let p = 0; p < c; p++) gram.data[o * c + p] += A[k * c + o] * A[k * c + p];
  }
  return symmetricEigen(gram);
}

/** The largest singular value of A (d x c), rounded up. */
function spectralNorm(A: Float64Array, d: number, c: number): number {
  const { values } = gramEigen(A, d, c);
  return Math.sqrt(Math.max(0, values[c - 1])) * (1 + 1e-14 * (d + c));
}
