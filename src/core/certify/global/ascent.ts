import type { RowOperator } from '../../base/kernels/kernels.ts';
import { type DenseMatrix, rowNorms } from '../../base/linalg/matrix.ts';
import { rowProducts } from '../../base/linalg/rowProducts.ts';
import { everyRows } from '../../base/polling.ts';

/** A local maximum of a hinge sum on the unit sphere (or the best point when the step limit was reached). */
export interface LocalMaximum {
  /** h at `direction`, evaluated afresh. */
  value: number;
  /** d numbers of norm 1. */
  readonly direction: Float64Array;
}

/** A product that an ascent waits for: out := X vector. */
export interface AwaitedProduct {
  readonly vector: Float64Array;
  readonly out: Float64Array;
}

/**
 * Finds local maxima of the positively homogeneous function
 *     h(u) = a'u + sum_i w_i (x_i'u)_+      over ||u|| = 1
 * by an active-set ascent along great circles, O(nd) per step and finite.
 *
 * Within a cell h is linear with slope g, and the best point of the sphere is g / ||g||. A step runs along the great circle from u
 * towards it, through all kinks in exact order, and stops at the first maximum on the way: inside a cell, or at a kink of a row with
 * w_i < 0 (h is concave there). Such a row is then kept at x_i'u = 0 until its multiplier says that leaving pays. Rows with w_i > 0
 * are never kept: h is convex across them, so that no local maximum lies on one.
 */
export class SphereAscent {
  private readonly n: number;
  private readonly d: number;
  private readonly t: Float64Array;
  private readonly s: Float64Array;
  private readonly on: Uint8Array;
  private readonly held: Uint8Array;
  private readonly heldRows: Int32Array;
  private heldCount = 0;
  /** Orthonormal basis of the held rows, and the triangular factor: row k = sum_l R[k][l] basis_l. */
  private readonly basis: Float64Array;
  private readonly R: Float64Array;
  private readonly g: Float64Array;
  private readonly p: Float64Array;
  private readonly q: Float64Array;
  private readonly u: Float64Array;
  private readonly c: Float64Array;
  private readonly angles: Float64Array;
  private readonly order: Int32Array;
  private norms: Float64Array;
  private readonly weights: Float64Array;
  /** Whether `g` was summed from scratch, not carried along. */
  private fresh = false;

  /** `operator` makes the products with X; without it plain sums do. `norms` are those of the rows. */
  constructor(
    private readonly X: DenseMatrix,
    private readonly operator?: RowOperator,
    norms = rowNorms(X),
  ) {
    const { rows: n, cols: d } = X;
    this.n = n;
    this.d = d;
    this.t = new Float64Array(n);
    this.s = new Float64Array(n);
    this.on = new Uint8Array(n);
    this.held = new Uint8Array(n);
    this.heldRows = new Int32Array(d);
    this.basis = new Float64Array(d * d);
    this.R = new Float64Array(d * d);
    this.g = new Float64Array(d);
    this.p = new Float64Array(d);
    this.q = new Float64Array(d);
    this.u = new Float64Array(d);
    this.c = new Float64Array(d);
    this.angles = new Float64Array(n);
    this.order = new Int32Array(n);
    this.weights = new Float64Array(n);
    this.norms = norms;
  }

  /** To be called when the entries of X have changed. */
  refresh(): void {
    this.norms = rowNorms(this.X);
  }

  /** h(u), for any u. `w` holds n weights, `a` d numbers or nothing. */
  evaluate(w: Float64Array, a: Float64Array | undefined, u: ArrayLike<number>): number {
    const { n, d } = this;
    const x = this.X.data;
    let h = 0;
    if (a !== undefined) for (let k = 0; k < d; k++) h += a[k] * u[k];
    for (let i = 0, at = 0; i < n; i++, at += d) {
      let t = 0;
      for (let k = 0; k < d; k++) t += x[at + k] * u[k];
      if (t > 0) h += w[i] * t;
    }
    return h;
  }

  /** Climbs from `start` (any non-zero vector); `sign` -1 climbs -h. Returns undefined when the climb ends at u = 0 (h <= 0 all along); when stopped, where it has come to. */
  climb(
    w: Float64Array,
    a: Float64Array | undefined,
    start: ArrayLike<number>,
    sign: 1 | -1,
    shouldStop?: () => boolean,
  ): LocalMaximum | undefined {
    const course = this.course(w, a, start, sign, shouldStop);
    for (;;) {
      const next = course.next();
      if (next.done === true) return next.value;
      this.products(next.value.vector, next.value.out);
    }
  }

  /** The same step by step: whoever runs it makes the products that it waits for, of several ascents together. */
  *course(
    w: Float64Array,
    a: Float64Array | undefined,
    start: ArrayLike<number>,
    sign: 1 | -1,
    shouldStop?: () => boolean,
  ): Generator<AwaitedProduct, LocalMaximum | undefined, void> {
    // a bounded number of multiplications per climb: on large data a climb ends a little below its top
    const maxSteps = Math.min(60 + 6 * this.d, Math.max(12, Math.floor(3e8 / (3 * this.n * this.d + 1))));
    const poll = everyRows(3 * this.n * this.d);
    const { n, d, t, s, on, held, q, u } = this;
    let length = 0;
    for (let k = 0; k < d; k++) length += start[k] * start[k];
    length = Math.sqrt(length);
    if (!(length > 0) || !Number.isFinite(length)) return undefined;
    for (let k = 0; k < d; k++) u[k] = start[k] / length;
    held.fill(0);
    this.heldCount = 0;
    yield { vector: u, out: t };
    for (let i = 0; i < n; i++) on[i] = t[i] > 0 ? 1 : 0;
    let stalled = 0;
    this.slope(w, a, sign);
    for (let step = 0; step < maxSteps; step++) {
      if (step % poll === 0 && shouldStop?.() === true) break;
      let { gNorm, pNorm, pu, qNorm } = this.tangent();
      // conclusions are drawn from a slope without the rounding of many updates
      if (!this.fresh && (pNorm <= 1e-6 * gNorm || qNorm <= 1e-6 * pNorm || step % 32 === 31)) {
        this.slope(w, a, sign);
        ({ gNorm, pNorm, pu, qNorm } = this.tangent());
      }
      if (pNorm <= 1e-13 * gNorm || pNorm === 0) {
        // nothing to gain while the held rows stay held; letting one go is the only way on
        if (!this.release(w, sign)) return undefined;
        continue;
      }
      if (qNorm <= 1e-11 * pNorm && pu > 0) {
        if (stalled > 2 * d || !this.release(w, sign)) break;
        stalled++;
        continue;
      }
      if (qNorm === 0) return undefined; // u = -p / ||p||: a minimum with h < 0 all around
      for (let k = 0; k < d; k++) q[k] /= qNorm;
      yield { vector: q, out: s };
      const moved = this.walk(w, sign, Math.min(Math.atan2(qNorm, pu), 1.5));
      if (moved > 1e-12) stalled = 0;
      else if (++stalled > 2 * d + 10) break;
    }
    const direction = u.slice();
    yield { vector: direction, out: t };
    let value = 0;
    if (a !== undefined) for (let k = 0; k < d; k++) value += a[k] * direction[k];
    for (let i = 0; i < n; i++) if (t[i] > 0) value += w[i] * t[i];
    return { value: sign * value, direction };
  }

  /**
   * After a climb of a concave function (all w_i <= 0, sign 1): the distance from `a` to the zonotope {sum_i tau_i |w_i| x_i : 0 <= tau_i <= 1},
   * bounded from above by the point of the zonotope that the climb ended with. It equals max h over the ball, up to rounding.
   */
  dualBound(w: Float64Array, a: Float64Array): number {
    const { d, g, c, basis, R, heldCount, heldRows } = this;
    this.slope(w, a, 1);
    for (let l = 0; l < heldCount; l++) {
      let s = 0;
      for (let k = 0; k < d; k++) s += basis[l * d + k] * g[k];
      c[l] = s;
    }
    for (let l = heldCount - 1; l >= 0; l--) {
      let s = c[l];
      for (let k = l + 1; k < heldCount; k++) s -= R[k * d + l] * c[k];
      c[l] = s / R[l * d + l];
    }
    for (let l = 0; l < heldCount; l++) {
      const i = heldRows[l];
      const tau = Math.min(-w[i], Math.max(0, c[l]));
      for (let k = 0; k < d; k++) g[k] -= tau * this.X.data[i * d + k];
    }
    let s = 0;
    for (let k = 0; k < d; k++) s += g[k] * g[k];
    return Math.sqrt(s);
  }

  /** p := g without the held rows' part, q := its tangent at u (not of norm 1); their norms, and p'u. */
  private tangent(): { gNorm: number; pNorm: number; pu: number; qNorm: number } {
    const { d, g, p, q, u } = this;
    this.projectOut(g, p);
    let gg = 0;
    let pp = 0;
    let pu = 0;
    for (let k = 0; k < d; k++) {
      gg += g[k] * g[k];
      pp += p[k] * p[k];
      pu += p[k] * u[k];
    }
    let qq = 0;
    for (let k = 0; k < d; k++) {
      q[k] = p[k] - pu * u[k];
      qq += q[k] * q[k];
    }
    return { gNorm: Math.sqrt(gg), pNorm: Math.sqrt(pp), pu, qNorm: Math.sqrt(qq) };
  }

  /** Puts row i on or off, and carries the slope along. */
  private set(w: Float64Array, sign: number, i: number, side: number): void {
    const { d, g, on } = this;
    if (on[i] === side) return;
    on[i] = side;
    const change = side === 1 ? sign * w[i] : -sign * w[i];
    const x = this.X.data;
    for (let k = 0, at = i * d; k < d; k++) g[k] += change * x[at + k];
    this.fresh = false;
  }

  /** g := slope of sign * h in the cell of `on`. */
  private slope(w: Float64Array, a: Float64Array | undefined, sign: number): void {
    const { n, d, g, on, weights, operator } = this;
    if (operator === undefined) {
      const x = this.X.data;
      g.fill(0);
      for (let i = 0, at = 0; i < n; i++, at += d) {
        const wi = on[i] === 0 ? 0 : sign * w[i];
        if (wi !== 0) for (let k = 0; k < d; k++) g[k] += wi * x[at + k];
      }
    } else {
      for (let i = 0; i < n; i++) weights[i] = on[i] * sign * w[i];
      operator.sums(weights, 1, g);
    }
    if (a !== undefined) for (let k = 0; k < d; k++) g[k] += sign * a[k];
    this.fresh = true;
  }

  /** out := X u */
  private products(u: Float64Array, out: Float64Array): void {
    if (this.operator === undefined) rowProducts(this.X, u, out);
    else this.operator.products(u, 1, out);
  }

  /** out := z minus its part in the span of the held rows. */
  private projectOut(z: Float64Array, out: Float64Array): void {
    const { d, basis, heldCount } = this;
    out.set(z);
    for (let round = 0; round < 2; round++) {
      for (let l = 0; l < heldCount; l++) {
        let s = 0;
        for (let k = 0; k < d; k++) s += basis[l * d + k] * out[k];
        for (let k = 0; k < d; k++) out[k] -= s * basis[l * d + k];
      }
    }
  }

  /** Moves along u cos phi + q sin phi up to `limit`, or less if h has a maximum before; holds the row that stops it. s = X q. */
  private walk(w: Float64Array, sign: number, limit: number): number {
    const { n, d, t, s, on, held, g, q, u, angles, order } = this;
    const tanLimit = Math.tan(limit);
    let count = 0;
    for (let i = 0; i < n; i++) {
      // most rows stay on their side: told by one comparison, with room for its rounding
      const side = (on[i] << 1) - 1;
      const inside = side * t[i];
      const speed = side * s[i];
      if (inside + speed * tanLimit > 1e-12 * inside) continue;
      // crossing where t + s tan = 0, away from the side the row is on
      if (!(speed < 0) || held[i] !== 0 || w[i] === 0) continue;
      const tan = Math.max(0, -inside / speed);
      if (tan < tanLimit) {
        angles[i] = tan;
        order[count++] = i;
      }
    }
    let gu = 0;
    let gq = 0;
    for (let k = 0; k < d; k++) {
      gu += g[k] * u[k];
      gq += g[k] * q[k];
    }
    let phi = limit;
    let stop = -1;
    // a climb stops after few of the crossings: taken from a heap, the others need not be sorted
    for (let k = (count >> 1) - 1; k >= 0; k--) sink(order, angles, k, count);
    for (;;) {
      const end = count > 0 ? Math.atan(angles[order[0]]) : limit;
      // the slope gq cos - gu sin vanishes at atan2(gq, gu); past it h falls in this cell
      const peak = Math.atan2(gq, gu);
      if (peak <= end) {
        phi = Math.max(0, peak);
        break;
      }
      if (count === 0) break;
      const i = order[0];
      const change = on[i] !== 0 ? -sign * w[i] : sign * w[i];
      if (sign * w[i] < 0) {
        const slope = (gq + change * s[i]) * Math.cos(end) - (gu + change * t[i]) * Math.sin(end);
        if (slope <= 0) {
          phi = end;
          stop = i;
          break;
        }
      }
      gu += change * t[i];
      gq += change * s[i];
      this.set(w, sign, i, on[i] ^ 1);
      order[0] = order[--count];
      sink(order, angles, 0, count);
    }
    const cos = Math.cos(phi);
    const sin = Math.sin(phi);
    let uu = 0;
    for (let k = 0; k < d; k++) {
      u[k] = cos * u[k] + sin * q[k];
      uu += u[k] * u[k];
    }
    uu = 1 / Math.sqrt(uu);
    for (let k = 0; k < d; k++) u[k] *= uu;
    for (let i = 0; i < n; i++) t[i] = held[i] !== 0 ? 0 : cos * t[i] + sin * s[i];
    if (stop >= 0 && this.hold(stop)) {
      t[stop] = 0;
      this.set(w, sign, stop, 0);
      this.projectOut(u, this.c);
      uu = 0;
      for (let k = 0; k < d; k++) uu += this.c[k] * this.c[k];
      if (uu > 0) for (let k = 0; k < d; k++) u[k] = this.c[k] / Math.sqrt(uu);
    }
    return phi;
  }

  /** Adds a row to the held set; false when it depends on those that are held already. */
  private hold(i: number): boolean {
    const { d, basis, R, heldCount } = this;
    if (heldCount >= d - 1) return false;
    const row = this.X.data.subarray(i * d, (i + 1) * d);
    const target = basis.subarray(heldCount * d, (heldCount + 1) * d);
    target.set(row);
    for (let l = 0; l < heldCount; l++) R[heldCount * d + l] = 0;
    for (let round = 0; round < 2; round++) {
      for (let l = 0; l < heldCount; l++) {
        let s = 0;
        for (let k = 0; k < d; k++) s += basis[l * d + k] * target[k];
        R[heldCount * d + l] += s;
        for (let k = 0; k < d; k++) target[k] -= s * basis[l * d + k];
      }
    }
    let length = 0;
    for (let k = 0; k < d; k++) length += target[k] * target[k];
    length = Math.sqrt(length);
    if (length <= 1e-10 * this.norms[i]) return false;
    for (let k = 0; k < d; k++) target[k] /= length;
    R[heldCount * d + heldCount] = length;
    this.heldRows[heldCount] = i;
    this.held[i] = 1;
    this.heldCount++;
    return true;
  }

  /**
   * Lets go of the held row whose multiplier lies furthest outside [0, |w_i|], on the side it pulls to. False when all are inside:
   * u is then a local maximum.
   */
  private release(w: Float64Array, sign: number): boolean {
    const { d, basis, R, g, c, heldCount, heldRows, held } = this;
    if (heldCount === 0) return false;
    // g - p = sum_k c_k x_k over the held rows: back substitution in c' Rows = z', Rows = R basis
    for (let l = 0; l < heldCount; l++) {
      let s = 0;
      for (let k = 0; k < d; k++) s += basis[l * d + k] * g[k];
      c[l] = s;
    }
    let worst = 1e-10;
    let which = -1;
    let side = 0;
    for (let l = heldCount - 1; l >= 0; l--) {
      let s = c[l];
      for (let k = l + 1; k < heldCount; k++) s -= R[k * d + l] * c[k];
      c[l] = s / R[l * d + l];
    }
    for (let l = 0; l < heldCount; l++) {
      const i = heldRows[l];
      const weight = -sign * w[i];
      const tau = c[l] / weight;
      const outside = Math.max(-tau, tau - 1);
      if (outside > worst) {
        worst = outside;
        which = l;
        side = tau > 1 ? 1 : 0;
      }
    }
    if (which < 0) return false;
    const freed = heldRows[which];
    const keep = Array.from(heldRows.subarray(0, heldCount)).filter((i) => i !== freed);
    for (const i of keep) held[i] = 0;
    held[freed] = 0;
    this.set(w, sign, freed, side);
    this.t[freed] = 0;
    this.heldCount = 0;
    for (const i of keep) {
      if (!this.hold(i)) this.set(w, sign, i, 0);
    }
    return true;
  }
}

/** Restores a heap of `count` indices, least key first, below place k. */
function sink(heap: Int32Array, keys: Float64Array, k: number, count: number): void {
  const index = heap[k];
  const key = keys[index];
  for (;;) {
    let child = 2 * k + 1;
    if (child >= count) break;
    if (child + 1 < count && keys[heap[child + 1]] < keys[heap[child]]) child++;
    if (keys[heap[child]] >= key) break;
    heap[k] = heap[child];
    k = child;
  }
  heap[k] = index;
}
