import { factorSpd } from '../../base/linalg/cholesky.ts';
import { type DenseMatrix, norm2 } from '../../base/linalg/matrix.ts';
import { ConeProjector } from '../../base/linalg/nnls.ts';
import type { ConeCell } from './cell.ts';
import { nullBasis } from '../../base/linalg/nullBasis.ts';

/** What the prox of one group leaves for the next call and for its derivative. */
export interface ProxPoint {
  /** The prox, d numbers. */
  readonly u: Float64Array;
  /** The argument plus the multipliers times the normals of the cone, d numbers: its projection when all coordinates are in the norm. */
  readonly dual: Float64Array;
  /** Dual norm of the argument over the cone, sup u'x over ||u|| <= 1: the prox is zero exactly when it is at most the threshold. */
  size: number;
  /** Rows with a multiplier: they span the normals of the face that `u` is in the interior of. */
  tight: Int32Array;
}

/** Smallest norm of a prox, over that of its argument, that counts when the bias is free. */
const smallestNorm = 1e-11;

/**
 * The proximal map of tau ||u|| on the closed cone of a cell, argmin over u in K of  ||u - x||^2 / 2 + tau ||u||, and its generalised derivative. When all
 * coordinates are in the norm, u is the projection of x onto K, shortened by tau, because K is a cone (Moreau 1962; Parikh and Boyd 2014,
 * section 6.5). With a free bias (the last coordinate is outside the norm, `penalizedCols` = d - 1), ||w|| = min over r of (||w||^2 / r + r) / 2 turns
 * it into a projection in a stretched metric for each r, and r = ||w|| is found by a secant iteration.
 */
export class ConeProx {
  private readonly projector: ConeProjector;
  private readonly d: number;
  private readonly free: boolean;
  private readonly p: Float64Array;

  /** `poll` is called every few milliseconds of work and leaves by an exception. */
  constructor(
    private readonly X: DenseMatrix,
    private readonly penalizedCols: number,
    poll: () => void,
  ) {
    this.projector = new ConeProjector(X);
    this.projector.shouldStop = () => {
      poll();
      return false;
    };
    this.d = X.cols;
    this.free = penalizedCols < X.cols;
    this.p = new Float64Array(X.cols);
  }

  /** Sets `out` to the prox of x with threshold tau > 0; what `out` held before is the first guess of the face. */
  apply(cell: ConeCell, x: Float64Array, tau: number, out: ProxPoint): void {
    const { d, p, projector } = this;
    if (this.free && !cell.linear) {
      this.applyFree(cell, x, tau, out);
      return;
    }
    if (cell.linear) {
      p.set(x);
      p.fill(0, cell.q);
    } else {
      projector.nearest(cell.signs, x, p, out.tight);
      out.tight = projector.tightRows.slice(0, projector.tightCount);
    }
    out.dual.set(p);
    out.size = norm2(p);
    const shrink = out.size > tau ? 1 - tau / out.size : 0;
    for (let j = 0; j < d; j++) out.u[j] = shrink * p[j];
  }

  /** With r = ||w||: h(r) = (1 + tau / r) ||w(r)|| is the dual norm at the root of h(r) = r + tau, and above it to the left of the root. */
  private applyFree(cell: ConeCell, x: Float64Array, tau: number, out: ProxPoint): void {
    const { p, projector, penalizedCols: q } = this;
    let { tight } = out;
    let last = 0;
    const excess = (r: number): number => {
      last = r;
      projector.nearest(cell.signs, x, p, tight, 1 / Math.sqrt(1 + tau / r));
      tight = projector.tightRows.slice(0, projector.tightCount);
      return (1 + tau / r) * norm2(p.subarray(0, q)) - tau - r;
    };
    const scale = norm2(x);
    const least = smallestNorm * scale;
    const guess = norm2(out.u.subarray(0, q));
    let r = guess > least ? guess : 0.1 * scale;
    let value = excess(r);
    let low = 0;
    let high = Infinity;
    if (value > 0) low = r;
    else if (value < 0) {
      high = r;
      const atLeast = excess(least);
      if (!(atLeast > 0)) {
        out.size = Math.max(0, atLeast + tau + least);
        this.leave(last, tau, tight, out);
        out.u.fill(0);
        return;
      }
      low = least;
    }
    let before = r;
    let valueBefore = value;
    r = value + r > low ? value + r : 0.5 * (low + r);
    for (let round = 0; round < 60 && value !== 0; round++) {
      if (!(r > low && r < high)) r = high < Infinity ? Math.sqrt(low * high) : 2 * low;
      value = excess(r);
      if (Math.abs(value) <= 1e-14 * (tau + r)) break;
      if (value > 0) low = r;
      else high = r;
      const next = r - (value * (r - before)) / (value - valueBefore);
      [before, valueBefore] = [r, value];
      if (Math.abs(next - r) <= 1e-15 * r || high - low <= 1e-15 * high) break;
      r = next;
    }
    out.u.set(p);
    out.size = tau + norm2(p.subarray(0, q));
    this.leave(last, tau, tight, out);
  }

  /** What the projection for r leaves: x plus the normals is (1 + tau / r) w and the bias. */
  private leave(r: number, tau: number, tight: Int32Array, out: ProxPoint): void {
    const { p, penalizedCols: q } = this;
    out.tight = tight;
    for (let j = 0; j < q; j++) out.dual[j] = (1 + tau / r) * p[j];
    out.dual[q] = p[q];
  }

  /**
   * Columns c_1 .. c_m (one after the other, d numbers each) with sum_k c_k c_k' an element of the generalised derivative of the prox at a point whose
   * size exceeds tau: the inverse of 1 + tau times the Hessian of the norm, on the subspace that contains the face of `point.u`.
   */
  derivativeFactor(cell: ConeCell, point: ProxPoint, tau: number): Float64Array {
    const { X, d, penalizedCols: q } = this;
    const bound = cell.linear && q < d;
    const normals = new Float64Array((point.tight.length + 2) * d);
    let count = 0;
    for (const row of point.tight) {
      const x = X.data.subarray(row * d, (row + 1) * d);
      const size = norm2(x);
      for (let j = 0; j < d; j++) normals[count * d + j] = x[j] / size;
      count++;
    }
    if (bound) normals[count++ * d + d - 1] = 1;
    const first = (m: number): Float64Array[] =>
      Array.from({ length: m }, (_, k) => normals.subarray(k * d, (k + 1) * d));
    const length = norm2(point.u.subarray(0, q));
    const along = normals.subarray(count * d, (count + 1) * d);
    for (let j = 0; j < q; j++) along[j] = point.u[j] / length;
    if (!this.free || bound) {
      // the norm is curved across u only
      const { basis, dim } = nullBasis(first(count + 1), d);
      const C = new Float64Array((dim + 1) * d);
      C.set(along);
      const root = Math.sqrt(1 - tau / point.size);
      for (let k = 0; k < dim * d; k++) C[d + k] = root * basis[k];
      return C;
    }
    const { basis, dim } = nullBasis(first(count), d);
    const M = new Float64Array(dim * dim);
    const slope = new Float64Array(dim);
    for (let a = 0; a < dim; a++) for (let j = 0; j < q; j++) slope[a] += along[j] * basis[a * d + j];
    for (let a = 0; a < dim; a++) {
      for (let b = 0; b <= a; b++) {
        let s = -slope[a] * slope[b];
        for (let j = 0; j < q; j++) s += basis[a * d + j] * basis[b * d + j];
        M[a * dim + b] = (tau / length) * s;
      }
      M[a * dim + a] += 1;
    }
    factorSpd(M, dim);
    // rows of L^-1 N'
    for (let a = 0; a < dim; a++) {
      for (let b = 0; b < a; b++) {
        for (let j = 0; j < d; j++) basis[a * d + j] -= M[a * dim + b] * basis[b * d + j];
      }
      for (let j = 0; j < d; j++) basis[a * d + j] /= M[a * dim + a];
    }
    return basis;
  }
}
