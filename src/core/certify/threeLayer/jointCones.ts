import { principalBasis } from '../../problem/patterns/rowSpace.ts';
import { denseMatrix, dot, norm2, rowOf, type DenseMatrix } from '../../base/linalg/matrix.ts';

/** Cones kept at once; beyond that the bound stays where it is. */
const mostCones = 250_000;

/** Twice as many coordinates are searched: beyond this rank of the data seconds prove nothing. */
const highestRank = 3;

/** Rounds of choosing per cone. */
const rounds = 3;

/**
 * Proven upper bound of M3(v) = max of v'((Xu)_+ - (Xw)_+)_+ over ||u|| + ||w|| <= 1, for m1 = 2 and the columns v of several sides together
 * (each with its sign), by branch and bound over simplicial cones of joint directions (u, w). On a cone with generators (u_k, w_k) every row
 * has a bound that is linear in the weights of the generators: with (a - b_+)_+ = min(a_+, (a - b)_+) a row that gains is at most either of these
 * convex functions, interpolated at the generators; a row that loses is charged nothing or a - b_+, which is concave. The sum of
 * those, c'lambda, is at most max_k c_k / (y_u'u_k + y_w'w_k) for any y_u, y_w of norm 1. The cone with the largest bound is halved
 * across its longest edge.
 *
 * `enough`: no need to prove less; `upper`: what is proven already. Rounding is allowed for. `basis` is that of
 * `jointBasis`.
 */
export function boundJointMaximum(
  X: DenseMatrix,
  basis: DenseMatrix,
  sides: readonly Float64Array[],
  limits: { readonly enough: number; readonly upper: number },
  shouldStop: () => boolean,
): { readonly upper: number; readonly cones: number } {
  const search = new JointCones(X, basis, sides);
  const upper = search.run(limits, shouldStop);
  return { upper, cones: search.cones };
}

/** Orthonormal rows that span the rows of X; undefined where the rank is too high for a search, or when stopped. */
export function jointBasis(X: DenseMatrix, shouldStop: () => boolean): DenseMatrix | undefined {
  const basis = principalBasis(X, undefined, shouldStop);
  return basis !== undefined && basis.rows > 0 && basis.rows <= highestRank ? basis : undefined;
}

class JointCones {
  cones = 0;
  private readonly d: number;
  /** Generators per cone, coordinates of each. */
  private readonly size: number;
  private readonly rows: readonly { readonly X: Float64Array; readonly v: Float64Array }[];
  /** Generators of the cones, their sides and bounds; they grow together. */
  private store = new Float64Array(0);
  private sideOf = new Uint16Array(0);
  private bounds = new Float64Array(0);
  private heap = new Int32Array(0);
  private count = 0;
  private used = 0;
  private readonly free: number[] = [];
  private readonly c: Float64Array;
  private readonly settled: Float64Array;
  private readonly lean: Float64Array;
  private readonly ratio: Float64Array;
  private readonly gain: Float64Array;
  private readonly y: Float64Array;
  /** Of the open rows: both choices at every generator. */
  private readonly options: Float64Array;
  private readonly slack: number;

  constructor(X: DenseMatrix, basis: DenseMatrix, sides: readonly Float64Array[]) {
    const d = basis.rows;
    this.d = d;
    this.size = 2 * d;
    const k = this.size;
    // norms are kept by an orthonormal basis of the rows; what it misses of a row is bounded by its length
    const Z = denseMatrix(X.rows, d);
    const reach = new Float64Array(X.rows);
    const missed = new Float64Array(X.rows);
    for (let i = 0; i < X.rows; i++) {
      const x = rowOf(X, i);
      const rest = Float64Array.from(x);
      for (let l = 0; l < d; l++) {
        const e = rowOf(basis, l);
        const z = dot(x, e);
        Z.data[i * d + l] = z;
        for (let j = 0; j < rest.length; j++) rest[j] -= z * e[j];
      }
      reach[i] = norm2(x);
      missed[i] = norm2(rest);
    }
    this.rows = sides.map((v) => {
      const at = Array.from(v.keys()).filter((i) => v[i] !== 0);
      const part = new Float64Array(at.length * d);
      at.forEach((i, r) => part.set(rowOf(Z, i), r * d));
      return { X: part, v: Float64Array.from(at, (i) => v[i]) };
    });
    let slack = 0;
    for (const v of sides) {
      let s = 0;
      for (let i = 0; i < X.rows; i++)
        s += Math.abs(v[i]) * (missed[i] + 4 * (X.rows + X.cols + k) * 2 ** -52 * reach[i]);
      slack = Math.max(slack, s);
    }
    this.slack = slack;
    this.reserve(sides.length << k);
    this.c = new Float64Array(k);
    this.settled = new Float64Array(k);
    this.lean = new Float64Array(k);
    this.ratio = new Float64Array(k);
    this.gain = new Float64Array(k);
    this.y = new Float64Array(k);
    this.options = new Float64Array(2 * k * (X.rows + 1));
  }

  run({ enough, upper }: { enough: number; upper: number }, shouldStop: () => boolean): number {
    const { size } = this;
    for (let side = 0; side < this.rows.length; side++) {
      for (let signs = 0; signs < 1 << size; signs++) {
        const id = this.used++;
        this.sideOf[id] = side;
        const G = this.store.subarray(id * size * size, (id + 1) * size * size);
        for (let k = 0; k < size; k++) G[k * size + k] = signs & (1 << k) ? -1 : 1;
        this.push(id, this.boundOf(id), enough);
      }
    }
    while (this.count > 0) {
      const top = this.bounds[this.heap[0]];
      if (top <= enough || shouldStop() || this.count + 2 > mostCones) return Math.min(upper, top + this.slack);
      this.split(this.pop(), enough);
    }
    return Math.min(upper, enough + this.slack);
  }

  private reserve(cones: number): void {
    if (this.bounds.length >= cones) return;
    const room = Math.min(mostCones + 2, Math.max(cones, 2 * this.bounds.length));
    const { store, sideOf, bounds, heap } = this;
    (this.store = new Float64Array(room * this.size * this.size)).set(store);
    (this.sideOf = new Uint16Array(room)).set(sideOf);
    (this.bounds = new Float64Array(room)).set(bounds);
    (this.heap = new Int32Array(room)).set(heap);
  }

  private split(id: number, enough: number): void {
    const other = this.free.pop() ?? this.used++;
    this.reserve(other + 1);
    const { size, store } = this;
    const at = id * size * size;
    let [p, q, longest] = [0, 1, -1];
    for (let k = 1; k < size; k++) {
      for (let l = 0; l < k; l++) {
        let s = 0;
        for (let t = 0; t < size; t++) s += (store[at + k * size + t] - store[at + l * size + t]) ** 2;
        if (s > longest) [p, q, longest] = [k, l, s];
      }
    }
    store.copyWithin(other * size * size, at, at + size * size);
    this.sideOf[other] = this.sideOf[id];
    const middle = new Float64Array(size);
    for (let t = 0; t < size; t++) middle[t] = store[at + p * size + t] + store[at + q * size + t];
    const length = norm2(middle.subarray(0, this.d)) + norm2(middle.subarray(this.d));
    for (let t = 0; t < size; t++) middle[t] /= length;
    const before = this.bounds[id];
    store.set(middle, at + p * size);
    store.set(middle, other * size * size + q * size);
    this.push(id, Math.min(before, this.boundOf(id)), enough);
    this.push(other, Math.min(before, this.boundOf(other)), enough);
  }

  /**
   * Upper bound of the value on a cone, per unit of ||u|| + ||w||. Rows on which one choice is best at every generator are settled at once; for the
   * others the choice leans towards the generators that set the bound, in a few rounds.
   */
  private boundOf(id: number): number {
    const { d, size, store, c, settled, lean, ratio, options } = this;
    this.cones++;
    const at = id * size * size;
    const { X, v } = this.rows[this.sideOf[id]];
    settled.fill(0);
    let open = 0;
    for (let i = 0, x = 0; i < v.length; i++, x += d) {
      const weight = v[i];
      const place = open * 2 * size;
      let less = false;
      let more = false;
      for (let k = 0; k < size; k++) {
        const g = at + k * size;
        let s = 0;
        let t = 0;
        for (let j = 0; j < d; j++) {
          s += X[x + j] * store[g + j];
          t += X[x + j] * store[g + d + j];
        }
        const first = weight > 0 ? (s > 0 ? weight * s : 0) : 0;
        const second = weight * (weight > 0 ? (s > t ? s - t : 0) : t > 0 ? s - t : s);
        options[place + k] = first;
        options[place + size + k] = second;
        if (first < second) less = true;
        else if (first > second) more = true;
      }
      if (less && more) open++;
      else for (let k = 0, from = more ? place + size : place; k < size; k++) settled[k] += options[from + k];
    }
    this.setDirections(at);
    lean.fill(1);
    let bound = Number.POSITIVE_INFINITY;
    for (let round = 0; round < rounds; round++) {
      c.set(settled);
      for (let r = 0; r < open; r++) {
        const place = r * 2 * size;
        let difference = 0;
        for (let k = 0; k < size; k++) difference += lean[k] * (options[place + k] - options[place + size + k]);
        const from = difference <= 0 ? place : place + size;
        for (let k = 0; k < size; k++) c[k] += options[from + k];
      }
      let top = 0;
      for (let k = 0; k < size; k++) {
        ratio[k] = c[k] <= 0 ? 0 : this.gain[k] > 0 ? c[k] / this.gain[k] : Number.POSITIVE_INFINITY;
        if (ratio[k] > top) top = ratio[k];
      }
      if (top < bound) bound = top;
      if (open === 0 || !(top > 0) || top === Number.POSITIVE_INFINITY) break;
      for (let k = 0; k < size; k++) lean[k] = 0.5 * (lean[k] + (ratio[k] / top) ** 6);
    }
    if (open === 0 && bound > 0) bound = Math.min(bound, this.linearBound(at));
    return bound * (1 + 1e-14);
  }

  /** c'lambda as one linear form y of (u, w): at most max(||y_u||, ||y_w||), without the factor for the width of the cone. */
  private linearBound(at: number): number {
    const { d, size, store, c, gain } = this;
    const y = Float64Array.from(c);
    if (!solveSquare(store.slice(at, at + size * size), size, y)) return Number.POSITIVE_INFINITY;
    let excess = 0;
    for (let k = 0; k < size; k++) {
      let s = c[k];
      for (let t = 0; t < size; t++) s -= y[t] * store[at + k * size + t];
      if (s > 0) excess = Math.max(excess, gain[k] > 0 ? s / gain[k] : Number.POSITIVE_INFINITY);
    }
    return Math.max(norm2(y.subarray(0, d)), norm2(y.subarray(d))) + excess;
  }

  /** gain_k = y_u'u_k + y_w'w_k for y_u and y_w along the sums of the parts of the generators. */
  private setDirections(at: number): void {
    const { d, size, store, y, gain } = this;
    y.fill(0);
    for (let k = 0; k < size; k++) for (let t = 0; t < size; t++) y[t] += store[at + k * size + t];
    for (let from = 0; from < size; from += d) {
      const length = norm2(y.subarray(from, from + d));
      for (let t = from; t < from + d; t++) y[t] /= length > 0 ? length : 1;
    }
    for (let k = 0; k < size; k++) {
      let g = 0;
      for (let t = 0; t < size; t++) g += y[t] * store[at + k * size + t];
      gain[k] = g;
    }
  }

  private push(id: number, bound: number, enough: number): void {
    if (bound <= enough) {
      this.free.push(id);
      return;
    }
    const { heap, bounds } = this;
    bounds[id] = bound;
    let at = this.count++;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (bounds[heap[parent]] >= bound) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = id;
  }

  private pop(): number {
    const { heap, bounds } = this;
    const top = heap[0];
    const last = heap[--this.count];
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= this.count) break;
      if (child + 1 < this.count && bounds[heap[child + 1]] > bounds[heap[child]]) child++;
      if (bounds[heap[child]] <= bounds[last]) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
    return top;
  }
}

/** Solves A x = b in place of b by elimination with pivots; A (row-major, size x size) is overwritten. False when A is close to singular. */
function solveSquare(A: Float64Array, size: number, b: Float64Array): boolean {
  for (let p = 0; p < size; p++) {
    let best = p;
    for (let r = p + 1; r < size; r++) if (Math.abs(A[r * size + p]) > Math.abs(A[best * size + p])) best = r;
    if (!(Math.abs(A[best * size + p]) > 1e-12)) return false;
    if (best !== p) {
      for (let t = p; t < size; t++) [A[p * size + t], A[best * size + t]] = [A[best * size + t], A[p * size + t]];
      [b[p], b[best]] = [b[best], b[p]];
    }
    for (let r = 0; r < size; r++) {
      const factor = r === p ? 0 : A[r * size + p] / A[p * size + p];
      if (factor === 0) continue;
      for (let t = p; t < size; t++) A[r * size + t] -= factor * A[p * size + t];
      b[r] -= factor * b[p];
    }
  }
  for (let p = 0; p < size; p++) b[p] /= A[p * size + p];
  return true;
}
