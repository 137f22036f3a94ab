import { type CellCertificate, type CellProgram, concluded, dualPointOf, placeNothing } from './cells.ts';
import { dualAtZero, type PlacedPoint, type Priced, signsOf } from './cells.ts';
import { roundingOfProducts } from './dual/bound.ts';
import { norm2, rowNorms, rowOf, rowsOf } from '../base/linalg/matrix.ts';
import { ConeProjector } from '../base/linalg/nnls.ts';
import { rowProducts } from '../base/linalg/rowProducts.ts';
import { boundableByNorms, dualMaximumByRowNorms, reachOfRows } from './rowNormBound.ts';

/** A vector of the cone program: gate index, output and sign. */
export interface ReluVector {
  readonly gate: number;
  readonly output: number;
  readonly sign: 1 | -1;
  /** d effective inputs. */
  readonly vector: Float64Array;
}

/** What is judged. Nothing in here comes from a solver but the point itself. */
export interface ReluClaim extends CellProgram {
  readonly vectors: readonly ReluVector[];
  /**
   * Bounds dual constraints by the norm of X'D v, with a free bias of X'D v less the mean row of the side that holds the bias, instead of solving for
   * them: still a valid dual bound, only a lower one, in a fraction of the time.
   */
  readonly quick?: boolean;
  /** Asked before each of these solves: from a stop on it is as with `quick`. */
  readonly shouldStop?: () => boolean;
  /** Asked for every gate: true ends the judging of gates, and those left are bounded by row norms, as no gate can be above. */
  readonly giveUp?: () => boolean;
}

export interface ReluCertificate extends CellCertificate {
  /** Smallest beta for which no group of these gates is used; an upper bound of it with `quick`. */
  readonly betaMax: number;
}

/**
 * Judges a point of the cone-constrained ReLU program (Pilanci and Ergen 2020): objective, cone violation, dual bound, gap and
 * residuals of the optimality conditions, from X, the targets, the gates and the vectors alone. The dual constraint of a gate,
 * max over u in its cone, ||u|| <= 1, of +-v'D X u, equals min over rho >= 0 of ||+-X'D v + X'(2D - I) rho||; any rho >= 0 gives
 * an upper bound, which is what is used.
 */
export function certifyRelu(claim: ReluClaim): ReluCertificate;
/** Undefined when abandoned, which is asked for every block of rows while the vectors are placed. */
export function certifyRelu(claim: ReluClaim, abandon: (() => boolean) | undefined): ReluCertificate | undefined;
export function certifyRelu(claim: ReluClaim, abandon?: () => boolean): ReluCertificate | undefined {
  const { X, datafit, offset } = claim;
  const free = offset !== undefined;
  if (abandon?.() === true) return undefined;
  const norms = rowNorms(X);
  const point = placed(claim, norms, abandon);
  if (point === undefined) return undefined;
  const prices = priceGates(claim, norms, dualPointOf(datafit, point.fit, free), dualAtZero(datafit, free));
  const rounding = roundingOfProducts(norms, prices.dual, datafit.outputs, X.rows + X.cols + 8);
  // once judging was given up there is no time for the best bound either
  const quick = claim.giveUp?.() === true;
  return { ...concluded(claim, point, prices, rounding, quick), betaMax: prices.betaMax };
}

/** Rows of a block. */
const rowsTogether = 2048;

/** Fit, penalty and cone violation of the vectors; undefined when abandoned. */
function placed(claim: ReluClaim, norms: Float64Array, abandon: (() => boolean) | undefined): PlacedPoint | undefined {
  const { X, penalizedCols: q, gates, vectors } = claim;
  const c = claim.datafit.outputs;
  const point = placeNothing(claim);
  const sides = new Float64Array(Math.min(X.rows, rowsTogether));
  const products = new Float64Array(sides.length);
  const members = vectors.map(({ gate, vector, ...rest }) => {
    const direction = rowOf(gates, gate);
    const own = direction.every((value, k) => value === vector[k]);
    return { ...rest, vector, direction: own ? undefined : direction, length: norm2(vector) };
  });
  for (const { vector } of vectors) point.penalty += norm2(vector.subarray(0, q));
  // all vectors on one block of rows after the other, which stays in a cache
  for (let first = 0; first < X.rows; first += rowsTogether) {
    if (abandon?.() === true) return undefined;
    const block = rowsOf(X, first, Math.min(X.rows, first + rowsTogether));
    for (const { output, sign, vector, direction, length } of members) {
      rowProducts(block, vector, products);
      if (direction !== undefined) rowProducts(block, direction, sides);
      const side = direction === undefined ? products : sides;
      for (let r = 0, at = first * c + output; r < block.rows; r++, at += c) {
        const t = products[r];
        const on = side[r] >= 0;
        if (on) point.fit[at] += sign * t;
        if (on ? t < 0 : t > 0) point.cone = Math.max(point.cone, Math.abs(t) / (norms[first + r] * length));
      }
    }
  }
  return point;
}

/** The constraints of all gates at the dual point of the fit, and at that of the best constant fit (`zeroDual`), which gives betaMax. */
function priceGates(
  claim: ReluClaim,
  norms: Float64Array,
  dual: Float64Array,
  zeroDual: Float64Array,
): Priced & { readonly betaMax: number } {
  const { X, penalizedCols: q, gates, beta, vectors } = claim;
  const c = claim.datafit.outputs;
  const boundable = boundableByNorms(X, q);
  const gateConstraint = new Float64Array(gates.rows);
  const pricer = new GatePricer(claim, [dual, zeroDual]);
  const used = new Map(vectors.map(({ gate, output, sign, vector }) => [`${gate} ${output} ${sign}`, vector]));
  let betaMax = 0;
  let stationarity = 0;
  for (let i = 0; i < gates.rows; i++) {
    if (boundable && claim.giveUp?.() === true) {
      const reach = reachOfRows(X, q, norms);
      const left = dualMaximumByRowNorms(reach, dual, c) / beta;
      gateConstraint.fill(left, i);
      betaMax = Math.max(betaMax, dualMaximumByRowNorms(reach, zeroDual, c));
      stationarity = Math.max(stationarity, left - 1);
      break;
    }
    pricer.enter(i);
    for (let output = 0; output < c; output++) {
      // that of a vector first: the other constraint is mostly well below it, which a few rows show
      const signs = used.has(`${i} ${output} -1`) ? ([-1, 1] as const) : ([1, -1] as const);
      for (const sign of signs) {
        betaMax = Math.max(betaMax, pricer.price(c + output, sign, Math.max(betaMax, Number.MIN_VALUE)));
        const vector = used.get(`${i} ${output} ${sign}`);
        const value = pricer.price(output, sign, vector === undefined ? beta * gateConstraint[i] : 0);
        gateConstraint[i] = Math.max(gateConstraint[i], value / beta);
        const off = vector === undefined ? value / beta - 1 : pricer.distanceTo(vector);
        stationarity = Math.max(stationarity, off);
      }
    }
  }
  return { dual, gateConstraint, stationarity, betaMax };
}

/** The dual constraint of one gate after the other, for the columns of several dual points. */
class GatePricer {
  /** Holds a copy of the rows: made when there is something to solve for. */
  private projector: ConeProjector | undefined;
  private readonly boundable: boolean;
  private readonly quick: () => boolean;
  /** With a free bias: the mean of the rows that are on, and of those that are off, over their entry of the bias; penalised columns. */
  private readonly sides: { readonly on: Float64Array; readonly off: Float64Array };
  /** X'D v for every column. */
  private readonly slopes: Float64Array;
  private readonly slope: Float64Array;
  /** The maximiser of the last price, with the price as its length. */
  private readonly point: Float64Array;
  private signs: Int8Array = new Int8Array();
  private linear = false;

  /** `duals` are n x c each: column o of dual point p is number p c + o. */
  constructor(
    private readonly claim: ReluClaim,
    private readonly duals: readonly Float64Array[],
  ) {
    const { X, penalizedCols: q, datafit, shouldStop } = claim;
    const boundable = boundableByNorms(X, q);
    this.boundable = boundable;
    this.quick = () => boundable && (claim.quick === true || shouldStop?.() === true);
    this.sides = { on: new Float64Array(q), off: new Float64Array(q) };
    this.slopes = new Float64Array(duals.length * datafit.outputs * X.cols);
    this.slope = new Float64Array(X.cols);
    this.point = new Float64Array(X.cols);
  }

  enter(gate: number): void {
    const { slopes, duals } = this;
    const { X, penalizedCols: q, gates, datafit } = this.claim;
    const { cols: d, data } = X;
    const c = datafit.outputs;
    const signs = signsOf(X, rowOf(gates, gate));
    this.signs = signs;
    // with a free bias the all-on cell carries any linear function: its constraint is the plain norm
    this.linear = q < d && signs.every((s) => s > 0);
    if (q < d) this.enterSides(signs);
    slopes.fill(0);
    for (let r = 0; r < X.rows; r++) {
      if (signs[r] < 0) continue;
      for (let p = 0, to = 0; p < duals.length; p++) {
        for (let o = 0; o < c; o++) {
          const weight = duals[p][r * c + o];
          for (let k = 0, at = r * d; k < d; k++, at++, to++) slopes[to] += weight * data[at];
        }
      }
    }
  }

  /** max over u in the cone, ||u|| <= 1, of sign v'DXu, from above; anything up to `atMost` where that settles it. */
  price(column: number, sign: 1 | -1, atMost = 0): number {
    const { slope, slopes, point, signs } = this;
    const { X, penalizedCols: q } = this.claim;
    const d = X.cols;
    for (let k = 0; k < d; k++) slope[k] = sign * slopes[column * d + k];
    if (this.linear) {
      for (let k = 0; k < d; k++) point[k] = k < q ? slope[k] : 0;
      return norm2(slope.subarray(0, q));
    }
    // no need to solve where the bound settles it
    if (q === d && norm2(slope) <= atMost) return norm2(slope);
    if (!this.quick()) {
      const value = this.project(signs, slope, point, atMost);
      // a stop on the way leaves a free coordinate unbalanced, which makes it no bound
      if (q === d || !this.quick()) return value;
    }
    return this.quickBound();
  }

  private project(signs: Int8Array, slope: Float64Array, point: Float64Array, enough: number): number {
    const { X, penalizedCols, shouldStop } = this.claim;
    if (this.projector === undefined) {
      this.projector = new ConeProjector(X, penalizedCols);
      if (this.boundable) this.projector.shouldStop = shouldStop;
    }
    return this.projector.project(signs, slope, point, enough);
  }

  /**
   * From above without solving, for the slope at hand. With a free bias b its part s b of v'D X u, where s is the slope in b, is bounded by
   * x'w + b <= 0 for rows that are off (s > 0) or x'w + b >= 0 for rows that are on: s b <= -s m'w for the mean m of those rows.
   */
  private quickBound(): number {
    const { slope, point, sides } = this;
    const { X, penalizedCols: q } = this.claim;
    point.set(slope);
    const rounding = 1e-14 * X.rows;
    if (q === X.cols) return norm2(slope) * (1 + rounding);
    const s = slope[q];
    const mean = s > 0 ? sides.off : sides.on;
    point[q] = 0;
    for (let k = 0; k < q; k++) point[k] -= s * mean[k];
    return norm2(point) + rounding * (norm2(slope.subarray(0, q)) + Math.abs(s) * norm2(mean));
  }

  private enterSides(signs: Int8Array): void {
    const { X, penalizedCols: q } = this.claim;
    const { on, off } = this.sides;
    const counts = { on: 0, off: 0 };
    for (const s of signs) counts[s > 0 ? 'on' : 'off']++;
    on.fill(0);
    off.fill(0);
    for (let r = 0; r < X.rows; r++) {
      const [mean, count] = signs[r] > 0 ? [on, counts.on] : [off, counts.off];
      const share = 1 / (count * X.data[r * X.cols + q]);
      for (let k = 0, at = r * X.cols; k < q; k++) mean[k] += share * X.data[at + k];
    }
  }

  /** How far the maximiser of the last price is from a vector of the point, which it must be along with value beta. */
  distanceTo(vector: Float64Array): number {
    const { penalizedCols: q, beta } = this.claim;
    const norm = norm2(vector.subarray(0, q));
    let s = 0;
    for (let j = 0; j < q; j++) s += (this.point[j] / beta - vector[j] / norm) ** 2;
    return Math.sqrt(s);
  }
}
