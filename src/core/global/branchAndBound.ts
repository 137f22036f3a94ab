import type { Control } from '../solver/control.ts';
import { SphereAscent } from './ascent.ts';
import { GeneratorNorm } from './generatorNorm.ts';
import { evaluateHinges, type HingeSum } from './hingeSum.ts';
import { everyRows } from './polling.ts';
import { largestRank } from './rowSpace.ts';
import { SideRows } from './sideRows.ts';

/** Largest number of generators of a cone: one bit each. */
const mostGenerators = 31;
/** With a free bias the search starts from all orthants. */
const mostFreeCoordinates = 16;

/** Whether cones can be split at all: with a free bias every coordinate is resolved, otherwise memory decides. */
export function canSearchCones(h: HingeSum): boolean {
  if (h.dim > h.penalized) return h.dim <= mostFreeCoordinates;
  return h.dim <= largestRank && h.dim * (h.gain.rows + h.loss.rows) <= 2e7;
}

/** What happens to a cone that is not settled: cut in two at an edge, or one more coordinate resolved, into its two signs. */
const cutEdge = 0;
const resolveCoordinate = 1;
type Branch = typeof cutEdge | typeof resolveCoordinate;

/**
 * Proves h(u) <= T over the unit ball by splitting directions into simplicial cones. In a cone with generators u_1..u_r
 *   - the convex part is at most its interpolation: sum_i (gain_i'u)_+ <= sum_k lambda_k sum_i (gain_i'u_k)_+ for u = sum_k lambda_k u_k
 *     (every hinge is sublinear; for a simplicial cone this is its concave envelope among homogeneous functions);
 *   - the concave part is at most any of its linearisations: -sum_j (loss_j'u)_+ <= -zeta'u for zeta = sum_j tau_j loss_j, tau in [0, 1].
 * So with b_k = linear'u_k + sum_i (gain_i'u_k)_+ - zeta'u_k every vector p with p'u_k >= b_k for all k gives h(u) <= p'u <= ||p||:
 * the shortest such p (a small quadratic program) is the bound of the cone. Any p and any tau in [0, 1] give a valid bound, so that the
 * answers of the inner solvers need not be exact; a violation of p'u_k >= b_k by at most e is paid for with e ||m||, where m'u_k >= 1 for all k.
 *
 * A cone resolves the first m coordinates only. Of the others, v, it knows the length rho = ||v||, as one more coordinate. With c_i the norm of
 * row i in v, s_i its product with the resolved part and q_i its product with v: a row whose s_i - c_i rho keeps positive in the cone is linear, one
 * whose s_i + c_i rho keeps negative is 0, and for the rest (s + q)_+ <= (s)_+ + q / 2 + |q| / 2 with, by Cauchy-Schwarz,
 *     sum |q_i| <= rho sqrt(W min(W, Lambda)),  W = sum of their c_i, Lambda = lambda_max(sum_i gain_i,v gain_i,v' / c_i).
 * So b_k gains (||slope in v|| + sqrt(W min(W, Lambda)) / 2) rho_k. A further coordinate is resolved where that is needed: data that hardly vary
 * in v are bounded as a ball, at no exponential price.
 *
 * A cone that is not settled is cut in two at the edge whose hinges are interpolated worst. Once no gain row changes sign within a
 * cone the interpolation is exact, and so is the distance from its slope to the zonotope {sum_j tau_j loss_j}, which is then the
 * bound. Rows that keep their sign within a cone are folded into its slopes, so that small cones cost little. Depth first: memory is
 * one vertex and one list of rows per level, whatever the number of cones.
 */
export class ConeSearch {
  /** Largest value of h met on the way, and where. */
  readonly incumbent: { value: number; at: Float64Array };
  /** Cones bounded so far. */
  nodes = 0;
  /** Coordinates of h, of a generator (rho last, unless the bias is free), and those of a generator that count in the norm. */
  private readonly d: number;
  private readonly width: number;
  private readonly counted: number;
  private readonly free: boolean;
  /** Coordinates that may be resolved. */
  private readonly most: number;
  private readonly levels: number;
  private readonly slack: number;
  private readonly roots: Int32Array[];
  private readonly rootResolved: number;
  /** Slots of the axes: 2 k for +e_k, 2 k + 1 for -e_k, then rho (without a free bias). */
  private readonly radiusSlot: number;
  private readonly fixedSlots: number;
  /** Vertices by slot, fixed ones first, then one per level: coordinates, and the convex part (of the resolved coordinates) there. */
  private readonly U: Float64Array;
  private readonly convex: Float64Array;
  private readonly gain: SideRows;
  private readonly loss: SideRows;
  /** Per level: resolved coordinates, generators, and where among these the axis of rho is (-1: cut off). */
  private readonly resolved: Int32Array;
  private readonly size: Int32Array;
  private readonly radiusAt: Int32Array;
  /** Per level: slope of the convex part less its undecided rows, sum of the decided loss rows, linearisation of the concave part. */
  private readonly convexSlope: Float64Array;
  private readonly lossSlope: Float64Array;
  private readonly zetas: Float64Array;
  private readonly norm: GeneratorNorm;
  private readonly closing: SphereAscent | undefined;
  private readonly minusOnes: Float64Array;
  private readonly zeta: Float64Array;
  private readonly zetaNew: Float64Array;
  private readonly zetaMix: Float64Array;
  private readonly middle: Float64Array;
  private readonly point: Float64Array;
  private readonly radii: Float64Array;
  private readonly b: Float64Array;
  private readonly p: Float64Array;
  private readonly lambda: Float64Array;
  private readonly lambdaNew: Float64Array;
  private readonly scaled: Float64Array;
  private readonly sizes: Float64Array;
  private readonly carriers: Int32Array;

  constructor(private readonly h: HingeSum) {
    const d = h.dim;
    const free = d > h.penalized;
    this.d = d;
    this.free = free;
    this.most = free ? d : Math.min(d, mostGenerators - 1);
    this.width = free ? d : this.most + 1;
    this.counted = free ? h.penalized : this.width;
    if (!canSearchCones(h)) throw new RangeError(`too large to split cones: ${d} coordinates`);
    const n = h.gain.rows + h.loss.rows;
    this.levels = Math.max(30, Math.min(60 + 20 * this.width, Math.floor(8e6 / (n + 1))));
    // covering: a vertex rounded off its edge leaves slivers of relative width epsilon per level uncovered
    this.slack = h.slack + 2 ** -52 * h.size * 8 * this.levels * Math.sqrt(this.width + 1);
    this.incumbent = { value: 0, at: new Float64Array(d) };
    const { generators, roots } = free ? prismRoots(h) : axisRoots(this.most);
    this.roots = roots;
    this.rootResolved = free ? d : 1;
    this.radiusSlot = free ? -1 : generators.length - 1;
    this.fixedSlots = generators.length;
    const slots = this.fixedSlots + this.levels + 1;
    const levels = this.levels + 2;
    this.U = new Float64Array(slots * this.width);
    this.convex = new Float64Array(slots);
    this.gain = new SideRows(h.gain, slots, levels, true);
    this.loss = new SideRows(h.loss, slots, levels, false);
    this.resolved = new Int32Array(levels);
    this.size = new Int32Array(levels);
    this.radiusAt = new Int32Array(levels);
    this.convexSlope = new Float64Array(levels * d);
    this.lossSlope = new Float64Array(levels * d);
    this.zetas = new Float64Array(levels * d);
    this.norm = new GeneratorNorm(this.width, this.width, this.counted);
    this.closing = free ? undefined : new SphereAscent(h.loss);
    this.minusOnes = new Float64Array(h.loss.rows).fill(-1);
    this.zeta = new Float64Array(d);
    this.zetaNew = new Float64Array(d);
    this.zetaMix = new Float64Array(d);
    this.middle = new Float64Array(this.width);
    this.point = new Float64Array(d);
    this.radii = new Float64Array(this.width);
    this.b = new Float64Array(this.width);
    this.p = new Float64Array(this.counted);
    this.lambda = new Float64Array(this.width);
    this.lambdaNew = new Float64Array(this.width);
    this.scaled = new Float64Array(2 * this.width * h.gain.rows);
    this.sizes = new Float64Array(this.width);
    this.carriers = new Int32Array(this.width);
    this.startLevel();
    generators.forEach((u, slot) => {
      this.U.set(u, slot * this.width);
      this.finishVertex(slot, 0, this.most);
    });
  }

  /** Offers a point of norm 1 for the incumbent. */
  offer(z: Float64Array): void {
    const value = evaluateHinges(this.h, z);
    if (value > this.incumbent.value) {
      this.incumbent.value = value;
      this.incumbent.at.set(z);
    }
  }

  /**
   * Tries to prove max h <= T. 'proven': it holds (rounding included). 'exceeded': a direction with h > T was found (see `incumbent`).
   * 'stopped': by the control. 'undecided': after `maxNodes` cones, or because a cone had to be split too often.
   *
   * `patience` in (0, 1): a cone about directions outside the resolved coordinates is cut off from the rest once their bound is below
   * patience * T; until then further coordinates are resolved. The lower, the more coordinates, the tighter the proof can get and the more
   * cones it takes at least.
   */
  prove(
    T: number,
    patience: number,
    maxNodes: number,
    control: Control,
  ): 'proven' | 'exceeded' | 'stopped' | 'undecided' {
    if (this.incumbent.value > T) return 'exceeded';
    const { width, resolved, size, radiusAt } = this;
    const goal = T - this.slack;
    const end = this.nodes + maxNodes;
    const cones = new Int32Array((this.levels + 2) * width);
    // per level: how it branches, which of the two children is due, and the generators that a cut edge joins
    const kind = new Uint8Array(this.levels + 2);
    const due = new Uint8Array(this.levels + 2);
    const edges = new Int32Array(2 * (this.levels + 2));
    // bounding and branching take some passes over the rows of all generators
    const poll = everyRows(4 * width * (this.h.gain.rows + this.h.loss.rows));
    for (const root of this.roots) {
      cones.set(root, 0);
      this.startLevel();
      resolved[0] = this.rootResolved;
      size[0] = root.length;
      radiusAt[0] = this.free || root[root.length - 1] !== this.radiusSlot ? -1 : root.length - 1;
      this.decideAll(0, 0, cones.subarray(0, width));
      let level = 0;
      let enter = true;
      while (level >= 0) {
        const cone = cones.subarray(level * width, (level + 1) * width);
        if (enter) {
          if (this.nodes % poll === 0 && control.shouldStop()) return 'stopped';
          if (this.nodes >= end) return 'undecided';
          this.nodes++;
          const bound = this.bound(cone, level, goal, control);
          if (this.incumbent.value > T) return 'exceeded';
          enter = false;
          if (bound <= goal) {
            level--;
            continue;
          }
          if (level === this.levels) return 'undecided';
          kind[level] = this.branch(cone, level, patience * goal, edges);
          if (this.incumbent.value > T) return 'exceeded';
          due[level] = 0;
        }
        if (due[level] === 2) {
          level--;
          continue;
        }
        const child = cones.subarray((level + 1) * width, (level + 2) * width);
        child.set(cone);
        if (kind[level] === cutEdge) this.cutChild(child, level, edges[2 * level + due[level]]);
        else this.resolveChild(child, level, due[level]);
        due[level]++;
        level++;
        enter = true;
      }
    }
    return 'proven';
  }

  /** Level 0: nothing decided yet. */
  private startLevel(): void {
    this.convexSlope.set(this.h.linear, 0);
    this.lossSlope.fill(0, 0, this.d);
    this.gain.all();
    this.loss.all();
  }

  /** Decides rows at all generators of the cone of level `to`, starting from what is undecided at level `from`. */
  private decideAll(from: number, to: number, cone: Int32Array): void {
    const { radii } = this;
    const count = this.size[to];
    for (let k = 0; k < count; k++) radii[k] = this.radius(cone[k]);
    this.gain.decide(from, to, cone, count, radii, this.resolved[to], this.convexSlope);
    this.loss.decide(from, to, cone, count, radii, this.resolved[to], this.lossSlope);
  }

  private copySlopes(level: number): void {
    const { d, convexSlope, lossSlope } = this;
    convexSlope.copyWithin((level + 1) * d, level * d, (level + 1) * d);
    lossSlope.copyWithin((level + 1) * d, level * d, (level + 1) * d);
  }

  /** The child whose generator at `position` is the vertex of its parent's level. */
  private cutChild(child: Int32Array, level: number, position: number): void {
    const { resolved, size, radiusAt } = this;
    const slot = this.fixedSlots + level;
    const m = resolved[level];
    child[position] = slot;
    resolved[level + 1] = m;
    size[level + 1] = size[level];
    // the other generators keep their radius: only an axis of rho that is still there may be resolved further
    radiusAt[level + 1] = radiusAt[level] === position || this.radius(slot) > 0 ? -1 : radiusAt[level];
    this.copySlopes(level);
    const rho = this.radius(slot);
    this.gain.inherit(level, position, slot, rho, m, this.convexSlope);
    this.loss.inherit(level, position, slot, rho, m, this.lossSlope);
  }

  /** The child in which coordinate m is resolved and has the given sign: (v_m, rho) from rho. */
  private resolveChild(child: Int32Array, level: number, negative: number): void {
    const { resolved, size, radiusAt } = this;
    const m = resolved[level];
    const axis = 2 * m + negative;
    resolved[level + 1] = m + 1;
    if (m + 1 < this.d) {
      child[size[level]] = axis;
      size[level + 1] = size[level] + 1;
      radiusAt[level + 1] = radiusAt[level];
    } else {
      child[radiusAt[level]] = axis;
      size[level + 1] = size[level];
      radiusAt[level + 1] = -1;
    }
    this.copySlopes(level);
    this.decideAll(level, level + 1, child);
  }

  private radius(slot: number): number {
    return this.free ? 0 : this.U[(slot + 1) * this.width - 1];
  }

  /** Upper bound of h over the cone's part of the unit ball; stops improving once it is at most `goal`. Fills lambda. */
  private bound(cone: Int32Array, level: number, goal: number, control: Control): number {
    const { d, width, U, norm, zeta, zetaNew, zetaMix, middle, point, lambda, lambdaNew, p } = this;
    const m = this.resolved[level];
    const count = this.size[level];
    middle.fill(0);
    for (let k = 0; k < count; k++) for (let j = 0; j < width; j++) middle[j] += U[cone[k] * width + j];
    norm.load(U, cone, count, middle);
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
    for (let round = 0; round < 6 && best > goal; round++) {
      // the maximiser of the current bound: linearise the concave part there
      this.maximiser(cone, level);
      const here = this.linearise(level, point, zetaNew);
      if (level > 2 * width) this.consider(level, here);
      let there = 0;
      let length = 0;
      for (let j = 0; j < d; j++) there += zeta[j] * point[j];
      for (let j = 0; j < this.h.penalized; j++) length += point[j] * point[j];
      if (length === 0 || here - there < 0.3 * (best - goal) * Math.sqrt(length)) break;
      let improved = false;
      for (let alpha = 0.5; alpha > 0.05; alpha *= 0.5) {
        for (let j = 0; j < d; j++) zetaMix[j] = zeta[j] + alpha * (zetaNew[j] - zeta[j]);
        this.fillB(cone, level, zetaMix);
        const value = norm.shortest(this.b, lambdaNew, p);
        if (value < best) {
          improved = best - value > 0.05 * (best - goal);
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
    const { d, width, U, b, convex, free } = this;
    const m = this.resolved[level];
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
    for (let k = 0; k < this.size[level]; k++) {
      const at = cone[k] * width;
      let s = convex[cone[k]];
      for (let j = 0; j < m; j++) s -= zeta[j] * U[at + j];
      b[k] = free ? s : s + perRadius * U[at + width - 1];
    }
  }

  /** point := where the bound is attained: sum_k lambda_k u_k, and of length rho along the slope in the other coordinates. */
  private maximiser(cone: Int32Array, level: number): void {
    const { d, width, U, lambda, point, zeta } = this;
    const m = this.resolved[level];
    point.fill(0);
    let rho = 0;
    for (let k = 0; k < this.size[level]; k++) {
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

  /** Offers `point` (not scaled) for the incumbent; `lost` is its concave part. */
  private consider(level: number, lost: number): void {
    const { d, point, convexSlope } = this;
    let value = this.gain.activeSum(level, point) - lost;
    let length = 0;
    for (let j = 0; j < d; j++) value += convexSlope[level * d + j] * point[j];
    for (let j = 0; j < this.h.penalized; j++) length += point[j] * point[j];
    length = Math.sqrt(length);
    if (value <= this.incumbent.value * length) return;
    this.incumbent.value = value / length;
    for (let j = 0; j < d; j++) this.incumbent.at[j] = point[j] / length;
  }

  /** The convex part is linear on the cone: distance from its slope to the zonotope of the loss rows. */
  private closeCone(cone: Int32Array, level: number, control: Control): number {
    if (this.closing === undefined) return Infinity;
    const slope = this.convexSlope.slice(level * this.d, (level + 1) * this.d);
    this.maximiser(cone, level);
    const top = this.closing.climb(this.minusOnes, slope, this.point, 1, () => control.shouldStop());
    if (top !== undefined) this.offer(top.direction);
    return this.closing.dualBound(this.minusOnes, slope);
  }

  /**
   * Chooses how a cone goes on. For an edge the new vertex goes to the level's slot and the edge's positions to `edges`. An edge to the axis
   * of rho is cut only when the directions beyond the resolved coordinates are bounded by `low` on their own.
   */
  private branch(cone: Int32Array, level: number, low: number, edges: Int32Array): Branch {
    const { width, U, b, lambda, scaled, sizes, carriers, gain } = this;
    const m = this.resolved[level];
    const generators = this.size[level];
    const radiusAt = this.radiusAt[level];
    const mayResolve = radiusAt >= 0 && m < this.most;
    let top = 0;
    for (let k = 0; k < generators; k++) top = Math.max(top, lambda[k]);
    const floor = 1e-3 * top;
    // With a free bias many lambdas give the same p, and the one found may leave out the generators that make the bound loose.
    const least = this.free ? 0.1 * top : 0;
    const weight = (k: number): number => Math.max(lambda[k], least);
    // scaled products of the generators that carry the maximiser, and the sums of their sizes
    const terms = (m < this.d ? 2 : 1) * gain.count[level];
    let count = 0;
    for (let k = 0; k < generators; k++) {
      if (weight(k) <= floor) continue;
      sizes[count] = gain.scaledProducts(level, cone[k], this.radius(cone[k]), m, weight(k), scaled, count * terms);
      carriers[count++] = k;
    }
    let worst = 0;
    let a = -1;
    let c = -1;
    for (let k = 0; k < count; k++) {
      const tk = k * terms;
      for (let l = 0; l < k; l++) {
        const tl = l * terms;
        // what interpolating the hinges along the edge adds: sum over rows of opposite signs of min(|x|, |y|) = (|x| + |y| - |x + y|) / 2
        let joint = 0;
        for (let i = 0; i < terms; i++) joint += Math.abs(scaled[tk + i] + scaled[tl + i]);
        const e = sizes[k] + sizes[l] - joint;
        if (e > worst) {
          worst = e;
          a = carriers[k];
          c = carriers[l];
        }
      }
    }
    let share = 0.5;
    if (a >= 0 && worst > 1e-12 * this.h.size * top) {
      if (mayResolve && (a === radiusAt || c === radiusAt) && b[radiusAt] > low) return resolveCoordinate;
      share = Math.min(0.7, Math.max(0.3, weight(a) / (weight(a) + weight(c))));
    } else {
      // nothing to gain for the convex part: the longest edge
      if (mayResolve && lambda[radiusAt] > floor) return resolveCoordinate;
      let shortest = Infinity;
      for (let k = 0; k < generators; k++) {
        for (let l = 0; l < k; l++) {
          const s = this.norm.inner(k, l);
          if (s < shortest) [shortest, a, c] = [s, k, l];
        }
      }
    }
    const slot = this.fixedSlots + level;
    for (let j = 0; j < width; j++) {
      U[slot * width + j] = share * U[cone[a] * width + j] + (1 - share) * U[cone[c] * width + j];
    }
    this.finishVertex(slot, level, m);
    edges[2 * level] = a;
    edges[2 * level + 1] = c;
    return cutEdge;
  }

  /** Scales a vertex in the cone of the level to norm 1, and computes what bounds need of it; its coordinates from m on are 0. */
  private finishVertex(slot: number, level: number, m: number): void {
    const { d, width, counted, U, convexSlope, lossSlope } = this;
    const u = U.subarray(slot * width, (slot + 1) * width);
    let length = 0;
    for (let j = 0; j < counted; j++) length += u[j] * u[j];
    length = Math.sqrt(length);
    for (let j = 0; j < width; j++) u[j] /= length;
    let value = 0;
    let lost = 0;
    for (let j = 0; j < m; j++) {
      value += convexSlope[level * d + j] * u[j];
      lost += lossSlope[level * d + j] * u[j];
    }
    value += this.gain.multiply(level, slot, u, m);
    lost += this.loss.multiply(level, slot, u, m);
    this.convex[slot] = value;
    if (value - lost > this.incumbent.value && this.radius(slot) === 0) {
      this.incumbent.value = value - lost;
      this.incumbent.at.fill(0);
      this.incumbent.at.set(u.subarray(0, m));
    }
  }
}

interface Roots {
  readonly generators: Float64Array[];
  readonly roots: Int32Array[];
}

/** Both signs of every axis that may be resolved, and the axis of rho; at the start only the first coordinate is resolved. */
function axisRoots(most: number): Roots {
  const generators: Float64Array[] = [];
  for (let k = 0; k <= most; k++) {
    for (const sign of k < most ? [1, -1] : [1]) {
      const u = new Float64Array(most + 1);
      u[k] = sign;
      generators.push(u);
    }
  }
  const radius = 2 * most;
  const roots = most === 1 ? [[0], [1]] : [0, 1].map((sign) => [sign, radius]);
  return { generators, roots: roots.map((cone) => Int32Array.from(cone)) };
}

/**
 * With a free bias: directions (w, b) with |b| at most the bias range times the sum of the coordinates of w in its cone, each prism cut
 * into simplices (staircase triangulation).
 */
function prismRoots(h: HingeSum): Roots {
  const m = h.penalized;
  const generators: Float64Array[] = [];
  for (let k = 0; k < m; k++) {
    for (const sign of [1, -1]) {
      for (const b of [h.biasRange, -h.biasRange]) {
        const u = new Float64Array(m + 1);
        u[k] = sign;
        u[m] = b;
        generators.push(u);
      }
    }
  }
  const roots: Int32Array[] = [];
  for (let orthant = 0; orthant < 2 ** m; orthant++) {
    const top = (k: number): number => 4 * k + 2 * ((orthant >> k) & 1);
    for (let k = 0; k < m; k++) {
      const simplex: number[] = [];
      for (let l = 0; l <= k; l++) simplex.push(top(l));
      for (let l = k; l < m; l++) simplex.push(top(l) + 1);
      roots.push(Int32Array.from(simplex));
    }
  }
  return { generators, roots };
}
