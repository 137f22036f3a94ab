import type { Control } from '../../base/control.ts';
import { SphereAscent } from './ascent.ts';
import type { GeneratorNorm } from './generatorNorm.ts';
import type { HingeSum } from './hingeSum.ts';
import { SideRows } from './sideRows.ts';

/** The cones of a depth-first search: one vertex and one cone per level. */
export interface ConeStack {
  /** Coordinates of h; of a generator (rho last, unless the bias is free). */
  readonly d: number;
  readonly width: number;
  readonly free: boolean;
  /** Vertices by slot, norm 1. */
  readonly U: Float64Array;
  /** Per level: resolved coordinates, and generators. */
  readonly resolved: Int32Array;
  readonly size: Int32Array;
  /** The generators of the cone whose bound is asked for. */
  readonly norm: GeneratorNorm;
}

/** How much a search may hold: vertices, levels, and generator coordinates that count in the norm. */
export interface SearchRoom {
  readonly slots: number;
  readonly levels: number;
  readonly counted: number;
}

/** Takes a point where a bound was attained, not scaled, and the sum of the loss rows there. */
type Consider = (level: number, point: Float64Array, lost: number) => void;

/**
 * Upper bounds of one hinge sum over the cones of a search; see `ConeSearch` for how they come about. Rows are followed from level to
 * level, so that a bound costs what the rows cost that still change sign within its cone.
 */
export class ConeBound {
  readonly gain: SideRows;
  readonly loss: SideRows;
  /** Per slot: the convex part (of the resolved coordinates) there. */
  readonly convex: Float64Array;
  /** Where the last bound was attained: weights of the generators; and b_k of the generators. */
  readonly lambda: Float64Array;
  readonly b: Float64Array;
  /** Per level: slope of the convex part less its undecided rows, sum of the decided loss rows, linearisation of the concave part. */
  readonly convexSlope: Float64Array;
  readonly lossSlope: Float64Array;
  private readonly zetas: Float64Array;
  private readonly d: number;
  private readonly closing: SphereAscent | undefined;
  private readonly minusOnes: Float64Array;
  private readonly zeta: Float64Array;
  private readonly zetaNew: Float64Array;
  private readonly zetaMix: Float64Array;
  private readonly point: Float64Array;
  private readonly radii: Float64Array;
  private readonly p: Float64Array;
  private readonly lambdaNew: Float64Array;

  constructor(
    readonly h: HingeSum,
    private readonly stack: ConeStack,
    { slots, levels, counted }: SearchRoom,
    /** Called with points that may be better than any before; left out where h is only a bound of the function in question. */
    private readonly consider?: Consider,
    private readonly offer?: (z: Float64Array) => void,
  ) {
    const { d, width, free } = stack;
    this.d = d;
    this.gain = new SideRows(h.gain, slots, stack, true);
    this.loss = new SideRows(h.loss, slots, stack, false);
    this.convex = new Float64Array(slots);
    this.lambda = new Float64Array(width);
    this.b = new Float64Array(width);
    this.convexSlope = new Float64Array(levels * d);
    this.lossSlope = new Float64Array(levels * d);
    this.zetas = new Float64Array(levels * d);
    this.closing = free ? undefined : new SphereAscent(h.loss);
    this.minusOnes = new Float64Array(h.loss.rows).fill(-1);
    this.zeta = new Float64Array(d);
    this.zetaNew = new Float64Array(d);
    this.zetaMix = new Float64Array(d);
    this.point = new Float64Array(d);
    this.radii = new Float64Array(width);
    this.p = new Float64Array(counted);
    this.lambdaNew = new Float64Array(width);
  }

  /** Level 0: nothing decided yet. */
  start(): void {
    this.convexSlope.set(this.h.linear, 0);
    this.lossSlope.fill(0, 0, this.d);
    this.gain.all();
    this.loss.all();
  }

  /** Decides rows at all generators of the cone of level `to`, starting from what is undecided at level `from`. */
  decide(from: number, to: number, cone: Int32Array): void {
    const { radii, stack } = this;
    const count = stack.size[to];
    for (let k = 0; k < count; k++) radii[k] = this.radius(cone[k]);
    this.gain.decide(from, to, cone, radii, this.convexSlope);
    this.loss.decide(from, to, cone, radii, this.lossSlope);
  }

  /** The level below takes over the slopes, before rows are decided there. */
  copySlopes(level: number): void {
    const { d, convexSlope, lossSlope } = this;
    convexSlope.copyWithin((level + 1) * d, level * d, (level + 1) * d);
    lossSlope.copyWithin((level + 1) * d, level * d, (level + 1) * d);
  }

  /** The next level from this one, its generator at `position` replaced by the vertex in `slot`. */
  inherit(level: number, position: number, slot: number): void {
    const rho = this.radius(slot);
    this.gain.inherit(level, position, slot, rho, this.convexSlope);
    this.loss.inherit(level, position, slot, rho, this.lossSlope);
  }

  /** Computes what bounds need of the vertex in a slot, which lies in the cone of the level; returns h there without the axis of rho. */
  finishVertex(slot: number, level: number, m: number): number {
    const { d, convexSlope, lossSlope, stack } = this;
    const u = stack.U.subarray(slot * stack.width, (slot + 1) * stack.width);
    let value = 0;
    let lost = 0;
    for (let j = 0; j < m; j++) {
      value += convexSlope[level * d + j] * u[j];
      lost += lossSlope[level * d + j] * u[j];
    }
    value += this.gain.multiply(level, slot, u, m);
    lost += this.loss.multiply(level, slot, u, m);
    this.convex[slot] = value;
    return value - lost;
  }

  /** h at a point of the cone of the level whose loss rows sum to `lost`. */
  valueAt(level: number, point: Float64Array, lost: number): number {
    let value = this.gain.activeSum(level, point) - lost;
    for (let j = 0; j < this.d; j++) value += this.convexSlope[level * this.d + j] * point[j];
    return value;
  }

  private radius(slot: number): number {
    const { free, U, width } = this.stack;
    return free ? 0 : U[(slot + 1) * width - 1];
  }

  /**
   * Upper bound of h over the part of a cone in the unit ball; stops improving once it is at most `goal`. `middle` is the sum of the generators,
   * which `stack.norm` holds. Fills lambda and b.
   */
  bound(cone: Int32Array, level: number, goal: number, middle: Float64Array, control: Control): number {
    const { d, zeta, zetaNew, zetaMix, point, lambda, lambdaNew, p } = this;
    const { width, norm } = this.stack;
    const m = this.stack.resolved[level];
    // the parent's linearisation is as valid here; better ones are mixed in where it does not do
    if (level === 0) {
      point.fill(0);
      for (let j = 0; j < m; j++) point[j] = middle[j];
      this.linearise(level, point, zeta);
    } else zeta.set(this.zetas.subarray((level - 1) * d, level * d));
    this.fillB(cone, level, zeta);
    let best = norm.shortest(this.b, lambda, p);
    if (best > goal && m < d && this.gain.tightenSpread(level, m)) {
      this.fillB(cone, level, zeta);
      best = norm.shortest(this.b, lambda, p);
    }
    if (best > goal && this.gain.count[level] === 0) {
      best = Math.min(best, this.closeCone(cone, level, control));
    }
    for (let round = 0; round < 12 && best > goal; round++) {
      // the maximiser of the current bound: linearise the concave part there
      this.maximiser(cone, level);
      const here = this.linearise(level, point, zetaNew);
      if (level > 2 * width) this.consider?.(level, point, here);
      let there = 0;
      let length = 0;
      for (let j = 0; j < d; j++) there += zeta[j] * point[j];
      for (let j = 0; j < this.h.penalized; j++) length += point[j] * point[j];
      if (length === 0 || here - there < 0.3 * (best - goal) * Math.sqrt(length)) break;
      let improved = false;
      for (let alpha = 0.6; alpha > 0.05; alpha *= 0.3) {
        for (let j = 0; j < d; j++) zetaMix[j] = zeta[j] + alpha * (zetaNew[j] - zeta[j]);
        this.fillB(cone, level, zetaMix);
        const value = norm.shortest(this.b, lambdaNew, p);
        if (value < best) {
          improved = best - value > 0.02 * (best - goal);
          best = value;
          zeta.set(zetaMix);
          lambda.set(lambdaNew);
          break;
        }
      }
      if (!improved) break;
    }
    this.zetas.set(zeta, level * d);
    return best;
  }

  private fillB(cone: Int32Array, level: number, zeta: Float64Array): void {
    const { d, b, convex } = this;
    const { width, U, free, resolved, size } = this.stack;
    const m = resolved[level];
    let perRadius = 0;
    if (m < d) {
      let slope = 0;
      for (let j = m; j < d; j++) {
        const s = this.convexSlope[level * d + j] + 0.5 * this.gain.undecidedSum[level * d + j] - zeta[j];
        slope += s * s;
      }
      const W = this.gain.undecidedNorm[level];
      perRadius = Math.sqrt(slope) + 0.5 * Math.sqrt(W * Math.min(W, this.gain.spread[level]));
    }
    for (let k = 0; k < size[level]; k++) {
      const at = cone[k] * width;
      let s = convex[cone[k]];
      for (let j = 0; j < m; j++) s -= zeta[j] * U[at + j];
      b[k] = free ? s : s + perRadius * U[at + width - 1];
    }
  }

  /** point := where the bound is attained: sum_k lambda_k u_k, and of length rho along the slope in the other coordinates. */
  private maximiser(cone: Int32Array, level: number): void {
    const { d, lambda, point, zeta } = this;
    const { width, U, resolved, size } = this.stack;
    const m = resolved[level];
    point.fill(0);
    let rho = 0;
    for (let k = 0; k < size[level]; k++) {
      if (lambda[k] === 0) continue;
      for (let j = 0; j < m; j++) point[j] += lambda[k] * U[cone[k] * width + j];
      rho += lambda[k] * this.radius(cone[k]);
    }
    if (m === d || rho === 0) return;
    let length = 0;
    for (let j = m; j < d; j++) {
      point[j] = this.convexSlope[level * d + j] + 0.5 * this.gain.undecidedSum[level * d + j] - zeta[j];
      length += point[j] * point[j];
    }
    if (length === 0) return;
    length = rho / Math.sqrt(length);
    for (let j = m; j < d; j++) point[j] *= length;
  }

  /** zeta := sum of the loss rows that are on at z; returns sum_j (loss_j'z)_+. For z in the cone of the level. */
  private linearise(level: number, z: Float64Array, zeta: Float64Array): number {
    const { d, lossSlope } = this;
    let sum = 0;
    for (let j = 0; j < d; j++) {
      zeta[j] = lossSlope[level * d + j];
      sum += zeta[j] * z[j];
    }
    return sum + this.loss.addActive(level, z, zeta);
  }

  /** The convex part is linear on the cone: distance from its slope to the zonotope of the loss rows. */
  private closeCone(cone: Int32Array, level: number, control: Control): number {
    if (this.closing === undefined) return Infinity;
    const slope = this.convexSlope.slice(level * this.d, (level + 1) * this.d);
    this.maximiser(cone, level);
    const top = this.closing.climb(this.minusOnes, slope, this.point, 1, () => control.shouldStop());
    if (top !== undefined) this.offer?.(top.direction);
    return this.closing.dualBound(this.minusOnes, slope);
  }
}
