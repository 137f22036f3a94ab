import type { Control } from '../../base/control.ts';
import { ConeBound, type ConeStack } from './coneBound.ts';
import { GeneratorNorm } from './generatorNorm.ts';
import { evaluateHinges, type HingeSum } from './hingeSum.ts';
import { normBound } from './normBounds.ts';
import { pairedHinges } from './pairedHinges.ts';
import { everyRows } from '../../base/polling.ts';
import { largestRank } from '../../problem/patterns/rowSpace.ts';

/** Largest number of generators of a cone: one bit each. */
const mostGenerators = 31;
/** With a free bias the search starts from all orthants. */
const mostFreeCoordinates = 16;

/** Values that levels hold in all: with many rows they are fewer, of which there is no time for many either. */
const levelEntries = 2e6;

/** Distance up to which rows are paired for the bounds of wide cones. */
const pairReach = 0.6;

/** Pairing is given up for thresholds below this part of the paired function's norm bound: there cones are so small that h itself does better. */
const pairingPays = 0.76;

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
 * bound. Gain and loss that nearly cancel are bounded apart by all this, which costs most where cones are wide: there `pairedHinges`, a function
 * above h in which they have been cancelled, is bounded as well, and the lesser bound counts. Rows that keep their sign within a cone are folded into its slopes, so that small cones cost little. Depth first: memory is
 * one vertex and one list of rows per level, whatever the number of cones.
 */
export class ConeSearch implements ConeStack {
  /** Largest value of h met on the way, and where. */
  readonly incumbent: { value: number; at: Float64Array };
  /** Cones bounded so far. */
  nodes = 0;
  /** Coordinates of h, of a generator (rho last, unless the bias is free), and those of a generator that count in the norm. */
  readonly d: number;
  readonly width: number;
  private readonly counted: number;
  readonly free: boolean;
  /** Coordinates that may be resolved. */
  private readonly most: number;
  private readonly levels: number;
  private readonly slack: number;
  private readonly roots: Int32Array[];
  private readonly rootResolved: number;
  /** Slots of the axes: 2 k for +e_k, 2 k + 1 for -e_k, then rho (without a free bias). */
  private readonly radiusSlot: number;
  private readonly fixedSlots: number;
  /** Vertices by slot, fixed ones first, then one per level. */
  readonly U: Float64Array;
  /** Per level: resolved coordinates, generators, and where among these the axis of rho is (-1: cut off). */
  readonly resolved: Int32Array;
  readonly size: Int32Array;
  private readonly radiusAt: Int32Array;
  readonly norm: GeneratorNorm;
  /** h itself first, then functions above it; per level, which of them are still followed, and which gave the least bound. */
  private readonly bounds: readonly ConeBound[];
  private readonly followed: Uint8Array;
  /** Norm bounds of the functions. */
  private readonly norms: readonly number[];
  private readonly chosen: Uint8Array;
  private readonly middle: Float64Array;
  private readonly scaled: Float64Array;
  private readonly sizes: Float64Array;
  private readonly carriers: Int32Array;

  constructor(
    private readonly h: HingeSum,
    shouldStop: () => boolean = () => false,
  ) {
    const d = h.dim;
    const free = d > h.penalized;
    this.d = d;
    this.free = free;
    this.most = free ? d : Math.min(d, mostGenerators - 1);
    this.width = free ? d : this.most + 1;
    this.counted = free ? h.penalized : this.width;
    if (!canSearchCones(h)) throw new RangeError(`too large to split cones: ${d} coordinates`);
    const n = h.gain.rows + h.loss.rows;
    this.levels = Math.max(30, Math.min(60 + 20 * this.width, Math.floor(levelEntries / (n + 1))));
    // covering: a vertex rounded off its edge leaves slivers of relative width epsilon per level uncovered; pairing: rounding of each piece
    this.slack = h.slack + 2 ** -52 * h.size * (8 * this.levels * Math.sqrt(this.width + 1) + 2 * n);
    this.incumbent = { value: 0, at: new Float64Array(d) };
    const { generators, roots } = free ? prismRoots(h) : axisRoots(this.most);
    this.roots = roots;
    this.rootResolved = free ? d : 1;
    this.radiusSlot = free ? -1 : generators.length - 1;
    this.fixedSlots = generators.length;
    const slots = this.fixedSlots + this.levels + 1;
    const levels = this.levels + 2;
    this.U = new Float64Array(slots * this.width);
    this.resolved = new Int32Array(levels);
    this.size = new Int32Array(levels);
    this.radiusAt = new Int32Array(levels);
    this.norm = new GeneratorNorm(this.width, this.width, this.counted);
    this.middle = new Float64Array(this.width);
    const consider = (level: number, point: Float64Array, lost: number): void => {
      this.consider(level, point, lost);
    };
    const room = { slots, levels, counted: this.counted };
    const own = new ConeBound(h, this, room, consider, (z) => {
      this.offer(z);
    });
    // the prisms of a free bias are laid out for the biases at which h itself is largest
    const above = free ? undefined : pairedHinges(h, pairReach, shouldStop);
    this.bounds = above === undefined ? [own] : [own, new ConeBound(above, this, room)];
    this.followed = new Uint8Array(levels * this.bounds.length);
    this.chosen = new Uint8Array(levels);
    this.norms = this.bounds.map((bound) => normBound(bound.h));
    this.scaled = new Float64Array(2 * this.width * Math.max(...this.bounds.map(({ gain }) => gain.total)));
    this.sizes = new Float64Array(this.width);
    this.carriers = new Int32Array(this.width);
    this.start(Infinity);
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
      this.start(T);
      resolved[0] = this.rootResolved;
      size[0] = root.length;
      radiusAt[0] = this.free || root[root.length - 1] !== this.radiusSlot ? -1 : root.length - 1;
      this.bounds.forEach((bound, q) => {
        if (this.followed[q] !== 0) bound.decide(0, 0, cones.subarray(0, width));
      });
      let level = 0;
      let enter = true;
      while (level >= 0) {
        const cone = cones.subarray(level * width, (level + 1) * width);
        if (enter) {
          if (this.nodes % poll === 0 && control.shouldStop()) return 'stopped';
          if (this.nodes >= end) return 'undecided';
          this.nodes++;
          const bound = this.boundCone(cone, level, goal, control);
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
    this.follow(level, (bound) => {
      bound.copySlopes(level);
      bound.inherit(level, position, slot);
    });
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
    this.follow(level, (bound) => {
      bound.copySlopes(level);
      bound.decide(level, level + 1, child);
    });
  }

  private radius(slot: number): number {
    return this.free ? 0 : this.U[(slot + 1) * this.width - 1];
  }

  /** Level 0 of a root: the functions that may help to prove T. */
  private start(T: number): void {
    this.bounds.forEach((bound, q) => {
      const follow = q === 0 || T >= pairingPays * this.norms[q];
      this.followed[q] = follow ? 1 : 0;
      if (follow) this.chosen[0] = q;
      bound.start();
    });
  }

  /** Does something for every bound followed at a level, and follows the same ones at the next. */
  private follow(level: number, action: (bound: ConeBound) => void): void {
    const { bounds, followed, chosen } = this;
    const count = bounds.length;
    chosen[level + 1] = chosen[level];
    for (let q = 0; q < count; q++) {
      followed[(level + 1) * count + q] = followed[level * count + q];
      if (followed[level * count + q] !== 0) action(bounds[q]);
    }
  }

  /**
   * Least of the bounds, or the first that is at most `goal`; the one that did best one level up goes first. A function above h is given up within
   * a cone once h itself is bounded lower there: cones only get smaller.
   */
  private boundCone(cone: Int32Array, level: number, goal: number, control: Control): number {
    const { bounds, followed, chosen, width, U, middle } = this;
    const count = this.size[level];
    middle.fill(0);
    for (let k = 0; k < count; k++) for (let j = 0; j < width; j++) middle[j] += U[cone[k] * width + j];
    this.norm.load(U, cone, count, middle);
    const total = bounds.length;
    const first = chosen[level];
    let best = bounds[first].bound(cone, level, goal, middle, control);
    let own = first === 0 ? best : Infinity;
    for (let q = 0; q < total && best > goal; q++) {
      if (q === first || followed[level * total + q] === 0) continue;
      const value = bounds[q].bound(cone, level, goal, middle, control);
      if (q === 0) own = value;
      else if (value >= own) followed[level * total + q] = 0;
      if (value >= best) continue;
      best = value;
      chosen[level] = q;
    }
    if (first !== 0 && chosen[level] !== first && own < Infinity && chosen[level] === 0)
      followed[level * total + first] = 0;
    return best;
  }

  /** Offers `point` (not scaled) for the incumbent; `lost` is its concave part. */
  private consider(level: number, point: Float64Array, lost: number): void {
    const value = this.bounds[0].valueAt(level, point, lost);
    let length = 0;
    for (let j = 0; j < this.h.penalized; j++) length += point[j] * point[j];
    length = Math.sqrt(length);
    if (value <= this.incumbent.value * length) return;
    this.incumbent.value = value / length;
    for (let j = 0; j < this.d; j++) this.incumbent.at[j] = point[j] / length;
  }

  /**
   * Chooses how a cone goes on. For an edge the new vertex goes to the level's slot and the edge's positions to `edges`. An edge to the axis
   * of rho is cut only when the directions beyond the resolved coordinates are bounded by `low` on their own.
   */
  private branch(cone: Int32Array, level: number, low: number, edges: Int32Array): Branch {
    const { width, U, scaled, sizes, carriers } = this;
    const { b, lambda, gain } = this.bounds[this.chosen[level]];
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
      sizes[count] = gain.scaledProducts(level, cone[k], this.radius(cone[k]), weight(k), scaled, count * terms);
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
    const { width, counted, U } = this;
    const u = U.subarray(slot * width, (slot + 1) * width);
    let length = 0;
    for (let j = 0; j < counted; j++) length += u[j] * u[j];
    length = Math.sqrt(length);
    for (let j = 0; j < width; j++) u[j] /= length;
    let value = 0;
    for (let q = this.bounds.length - 1; q >= 0; q--) {
      if (this.followed[level * this.bounds.length + q] !== 0) value = this.bounds[q].finishVertex(slot, level, m);
    }
    if (value > this.incumbent.value && this.radius(slot) === 0) {
      this.incumbent.value = value;
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
