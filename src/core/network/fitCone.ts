import { denseMatrix, dot, norm2 } from '../base/linalg/matrix.ts';
import { ConeProjector } from '../base/linalg/nnls.ts';

/** Fits with less of their length than this outside the span of earlier ones depend on them. */
const dependent = 1e-12;
/** Norm of the inverse triangle above which distances from spans are not taken from it. */
const largestInverse = 1e8;

/**
 * Distances of a target from the cones that some of the given fits span, min over a >= 0 of ||target - sum_j a_j fit_j||. All fits and targets
 * are written once in an orthonormal basis of the span of the fits (modified Gram-Schmidt with reorthogonalisation), so that each distance is
 * one non-negative least squares problem in at most as many coordinates as there are fits.
 */
export class FitCone {
  private readonly basis: Float64Array[] = [];
  private readonly lengths: number[];
  /** Fits of norm 1, in the basis. */
  private readonly parts: Float64Array[] = [];

  /** `fits` have n numbers each. A stop leaves the work unfinished: the caller asks as well, and drops what was found. */
  constructor(
    private readonly fits: readonly Float64Array[],
    private readonly shouldStop: () => boolean,
  ) {
    this.lengths = fits.map((fit) => norm2(fit));
    for (const [j, fit] of fits.entries()) {
      const part = new Float64Array(fits.length);
      this.parts.push(part);
      if (this.lengths[j] === 0) continue;
      if (shouldStop()) continue;
      const rest = fit.map((x) => x / this.lengths[j]);
      this.project(rest, part);
      const left = norm2(rest);
      if (left > dependent && this.basis.length < fit.length) {
        part[this.basis.length] = left;
        this.basis.push(rest.map((x) => x / left));
      }
    }
  }

  /** Distance of `target` (n numbers) from the cone of the fits that `among` names and of those in `both`, of which any multiple may be taken. */
  distance(target: Float64Array, among: readonly number[], both: readonly number[] = []): number {
    const used = [
      ...among.map((j) => [j, 1]),
      ...both.flatMap((j) => [
        [j, 1],
        [j, -1],
      ]),
    ].filter(([j]) => this.lengths[j] > 0);
    if (used.length === 0) return norm2(target);
    const r = this.basis.length;
    const rows = denseMatrix(used.length, r);
    used.forEach(([j, sign], k) => {
      for (let i = 0; i < r; i++) rows.data[k * r + i] = sign * this.parts[j][i];
    });
    const outside = target.map((x) => -x);
    const coordinates = new Float64Array(this.fits.length);
    this.project(outside, coordinates);
    const projector = new ConeProjector(rows);
    projector.shouldStop = this.shouldStop;
    const signs = new Int8Array(used.length).fill(1);
    const inside = projector.project(signs, coordinates.subarray(0, r), new Float64Array(r));
    return Math.hypot(inside, norm2(outside));
  }

  /**
   * Distance of every fit from the span of all others, or undefined when the fits are dependent or too nearly so to tell: one over the length of its row
   * of the inverse triangle.
   */
  distancesFromOthers(): Float64Array | undefined {
    const m = this.fits.length;
    if (this.basis.length < m) return undefined;
    // columns of R^-1, from the top: R column j is part j
    const squares = new Float64Array(m);
    const column = new Float64Array(m);
    let total = 0;
    for (let k = 0; k < m; k++) {
      if ((k & 63) === 0 && this.shouldStop()) return undefined;
      column.fill(0);
      column[k] = 1 / this.parts[k][k];
      for (let i = k; i >= 0; i--) {
        if (i < k) column[i] /= this.parts[i][i];
        const value = column[i];
        squares[i] += value * value;
        total += value * value;
        if (value !== 0) for (let l = 0; l < i; l++) column[l] -= this.parts[i][l] * value;
      }
    }
    if (!(total < largestInverse ** 2)) return undefined;
    return squares.map((s, j) => this.lengths[j] / Math.sqrt(s));
  }

  /** Takes the part in the basis off x and adds its coordinates to `out`. */
  private project(x: Float64Array, out: Float64Array): void {
    for (let round = 0; round < 2; round++) {
      this.basis.forEach((b, k) => {
        const s = dot(b, x);
        out[k] += s;
        for (let i = 0; i < x.length; i++) x[i] -= s * b[i];
      });
    }
  }
}
