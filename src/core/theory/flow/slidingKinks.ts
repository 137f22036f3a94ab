import { parallelClasses } from '../../problem/patterns/rowSpace.ts';
import { factorSpd, solveSpd } from '../../base/linalg/cholesky.ts';
import { type DenseMatrix, dot, norm2 } from '../../base/linalg/matrix.ts';

/** Rows of one direction share their kink {w : normal'w = 0}; row i is `along[r]` times the unit normal. */
interface Facet {
  readonly normal: Float64Array;
  readonly rows: readonly number[];
  readonly along: readonly number[];
}

/** Neurons this much smaller than the network are not worth holding on a kink. */
const negligible = 1e-9;
/** Sine of the angle to a kink up to which a neuron is put on it. */
const nearKink = 1e-2;
/** A normal whose part outside the span of others is this short lies in it. */
const dependent = 1e-8;
/** Looks at the kinks within which a second crossing of the same one counts as going to and fro. */
const toAndFro = 12;
/** Distance from the kink, relative to the neuron, with which a neuron leaves it. */
const nudge = 1e-12;

/**
 * Sliding along kinks (Filippov 1960). Across the kink of a row the velocity w_j' = a_j sum_i s_ij p_i y_i x_i jumps, since s_ij goes from 0
 * to 1. Where the jump points against the direction of crossing and both one-sided velocities point into the kink, the flow stays on it
 * with a share s in [0, 1] such that x_i'w_j' = 0. On several kinks at once the shares solve
 *     min ||v - sum_g t_g nu_g||,  0 <= t_g <= size of the jump at g,
 * with unit normals nu_g and v the velocity without them: the conditions of this least squares problem say of every kink that its velocity is
 * zero, or that t_g is at a bound and the velocity points away on that side, in which case the neuron leaves the kink. Neurons are looked at one
 * by one: where several go to and fro over different kinks because the weights of rows answer each of them, the steps stay small.
 */
export class SlidingKinks {
  /** n x m: 1 where row i is on a kink that neuron j slides along. */
  readonly held: Uint8Array;
  /** Per neuron an orthonormal basis of the normals of its kinks: its velocity is orthogonal to them. */
  readonly bases: Float64Array[][];
  /** Pairs of a neuron and a kink at present. */
  count = 0;
  private readonly facets: readonly Facet[];
  /** Kinks per neuron, and for every neuron and facet the side it was last seen on. */
  private readonly kinks: number[][];
  private readonly side: Uint8Array;
  /** Looks so far, and for every neuron and facet the one at which it was last seen to pass. */
  private looks = 0;
  private readonly passed: Float64Array;

  constructor(
    private readonly X: DenseMatrix,
    private readonly y: Float64Array,
    readonly neurons: number,
  ) {
    const d = X.cols;
    const { classes, norms, unit } = parallelClasses(X, 1e-12);
    this.facets = classes.map((members) => ({
      normal: unit.slice(members[0].row * d, (members[0].row + 1) * d),
      rows: members.map(({ row }) => row),
      along: members.map(({ row, sign }) => sign * members[0].sign * norms[row]),
    }));
    this.held = new Uint8Array(X.rows * neurons);
    this.bases = Array.from({ length: neurons }, () => []);
    this.kinks = Array.from({ length: neurons }, () => []);
    this.side = new Uint8Array(neurons * this.facets.length);
    this.passed = new Float64Array(neurons * this.facets.length).fill(-Infinity);
  }

  /** Takes the present point as the start: which side every neuron is on. */
  begin(H: Float64Array): void {
    for (let j = 0; j < this.neurons; j++) {
      for (let g = 0; g < this.facets.length; g++) {
        this.side[j * this.facets.length + g] = this.sideOf(H, j, g);
      }
    }
  }

  /** Takes the components off a velocity that would leave the kinks neurons slide along; `velocity` begins with the weights W, m x d. */
  project(velocity: Float64Array): void {
    const d = this.X.cols;
    this.bases.forEach((basis, j) => {
      if (basis.length > 0) removeParts(velocity.subarray(j * d, (j + 1) * d), basis);
    });
  }

  /**
   * Looks at the point reached by a step: neurons that crossed a kink into which both sides point are put on it, those whose share would
   * leave [0, 1] are let go. `raw` is the field there without projection, for the weights `p` of the rows; `H` and `tried` are the
   * pre-activations there and at the end of the step's first stage, which may touch a kink and bounce back. True when `theta` or the kinks
   * changed, so that the field has to be computed again.
   */
  update(theta: Float64Array, raw: Float64Array, H: Float64Array, p: Float64Array, tried: Float64Array): boolean {
    const d = this.X.cols;
    const least = negligible * norm2(theta);
    let changed = false;
    this.looks++;
    for (let j = 0; j < this.neurons; j++) {
      const w = theta.subarray(j * d, (j + 1) * d);
      const velocity = raw.subarray(j * d, (j + 1) * d);
      const small = norm2(w) <= least;
      if (!small && this.enter(j, theta, velocity, H, p, tried)) {
        removeParts(w, this.bases[j]);
        changed = true;
        // Its raw velocity still holds the part of the row just met; shares are looked at once that is computed again.
      } else if (this.kinks[j].length > 0) {
        changed = this.leave(j, w, theta[this.neurons * d + j], velocity, p, small) || changed;
      }
    }
    return changed;
  }

  private sideOf(H: Float64Array, j: number, g: number): 0 | 1 {
    const { rows, along } = this.facets[g];
    return along[0] * H[rows[0] * this.neurons + j] > 0 ? 1 : 0;
  }

  /** The force along the normal on the negative side, and what it grows by on the positive one. */
  private forces(g: number, a: number, p: Float64Array): { readonly minus: number; readonly jump: number } {
    const { rows, along } = this.facets[g];
    let minus = 0;
    let jump = 0;
    rows.forEach((row, r) => {
      const force = a * p[row] * this.y[row];
      if (along[r] < 0) minus += force * along[r];
      jump += force * Math.abs(along[r]);
    });
    return { minus, jump };
  }

  private enter(
    j: number,
    theta: Float64Array,
    velocity: Float64Array,
    H: Float64Array,
    p: Float64Array,
    tried: Float64Array,
  ): boolean {
    const facets = this.facets.length;
    const a = theta[this.neurons * this.X.cols + j];
    const w = theta.subarray(j * this.X.cols, (j + 1) * this.X.cols);
    let entered = false;
    for (let g = 0; g < facets; g++) {
      if (this.held[this.facets[g].rows[0] * this.neurons + j] !== 0) continue;
      const now = this.sideOf(H, j, g);
      const before = this.side[j * facets + g];
      if (now === before && this.sideOf(tried, j, g) === before) continue;
      this.side[j * facets + g] = now;
      // Steps are measured by the whole network: a neuron that is small in it may have jumped across rather than come to the kink.
      const { normal } = this.facets[g];
      if (Math.abs(dot(normal, w)) > nearKink * norm2(w)) continue;
      // In the late phase the weights of rows follow the side a neuron is on, so the field seen from one side need not tell of the other: a
      // neuron that goes to and fro is put on the kink to see whether the share it needs there lies in [0, 1].
      const last = this.passed[j * facets + g];
      const restless = this.looks - last <= toAndFro;
      this.passed[j * facets + g] = this.looks;
      const { jump } = this.forces(g, a, p);
      if (!restless && !(jump < 0)) continue;
      const rest = normal.slice();
      removeParts(rest, this.bases[j]);
      const free = dot(rest, rest);
      // Where the kinks a neuron is on already hold it on this one, this one only takes part of the force.
      if (free >= dependent) {
        // The whole space would leave it no direction.
        if (this.bases[j].length + 1 >= this.X.cols) continue;
        const speed = dot(rest, velocity);
        const plus = now === 1 ? speed : speed + jump * free;
        const minus = now === 0 ? speed : speed - jump * free;
        if (!restless && !(plus < 0 && minus > 0)) continue;
      }
      this.kinks[j].push(g);
      this.hold(j, g, 1);
      this.rebuild(j);
      entered = true;
    }
    return entered;
  }

  /** Lets go of kinks whose share is at a bound; all of them when `all`. */
  private leave(j: number, w: Float64Array, a: number, velocity: Float64Array, p: Float64Array, all: boolean): boolean {
    const kinks = this.kinks[j];
    const v = velocity.slice();
    const most = kinks.map((g) => {
      const { minus, jump } = this.forces(g, a, p);
      this.facets[g].normal.forEach((value, k) => (v[k] += minus * value));
      return -jump;
    });
    const scale = norm2(v);
    const t = all
      ? []
      : boundedLeastSquares(
          kinks.map((g) => this.facets[g].normal),
          v,
          most,
        );
    const released: { readonly g: number; readonly side: 0 | 1 }[] = [];
    kinks.forEach((g, r) => {
      const speed = dot(this.facets[g].normal, v);
      if (all || most[r] <= 0) released.push({ g, side: speed > 0 ? 1 : 0 });
      else if (t[r] <= 0 && speed < -1e-10 * scale) released.push({ g, side: 0 });
      else if (t[r] >= most[r] && speed > 1e-10 * scale) released.push({ g, side: 1 });
    });
    if (released.length === 0) return false;
    for (const { g } of released) {
      kinks.splice(kinks.indexOf(g), 1);
      this.hold(j, g, 0);
    }
    this.rebuild(j);
    const size = nudge * norm2(w);
    for (const { g, side } of released) {
      this.side[j * this.facets.length + g] = side;
      const step = this.facets[g].normal.slice();
      removeParts(step, this.bases[j]);
      for (let k = 0; k < w.length; k++) w[k] += (side === 1 ? size : -size) * step[k];
    }
    return true;
  }

  private hold(j: number, g: number, value: 0 | 1): void {
    for (const row of this.facets[g].rows) this.held[row * this.neurons + j] = value;
    this.count += value === 1 ? 1 : -1;
  }

  private rebuild(j: number): void {
    const basis: Float64Array[] = [];
    for (const g of this.kinks[j]) {
      const rest = this.facets[g].normal.slice();
      removeParts(rest, basis);
      const size = norm2(rest);
      if (size * size >= dependent) basis.push(rest.map((value) => value / size));
    }
    this.bases[j] = basis;
  }
}

/** v := v without its components along an orthonormal basis; twice, against rounding. */
function removeParts(v: Float64Array, basis: readonly Float64Array[]): void {
  for (let pass = 0; pass < 2; pass++) {
    for (const q of basis) {
      const s = dot(q, v);
      for (let k = 0; k < v.length; k++) v[k] -= s * q[k];
    }
  }
}

const mostSweeps = 400;

/**
 * min over 0 <= t <= most of ||v - sum_r t_r N_r|| for unit vectors N_r: solved outright where no bound is active, otherwise by cyclic coordinate
 * descent. v becomes the remainder.
 */
export function boundedLeastSquares(N: readonly Float64Array[], v: Float64Array, most: readonly number[]): number[] {
  const r = N.length;
  const gram = new Float64Array(r * r);
  const t = new Float64Array(r);
  for (let p = 0; p < r; p++) {
    for (let q = 0; q <= p; q++) gram[p * r + q] = dot(N[p], N[q]);
    t[p] = dot(N[p], v);
  }
  const size = norm2(v);
  factorSpd(gram, r);
  solveSpd(gram, r, t);
  if (t.some((value, p) => !(value >= 0 && value <= most[p]))) {
    t.fill(0);
    const rest = v.slice();
    for (let sweep = 0; sweep < mostSweeps; sweep++) {
      let moved = 0;
      for (let p = 0; p < r; p++) {
        const next = Math.min(Math.max(most[p], 0), Math.max(0, t[p] + dot(N[p], rest)));
        const change = next - t[p];
        if (change === 0) continue;
        t[p] = next;
        for (let k = 0; k < rest.length; k++) rest[k] -= change * N[p][k];
        moved = Math.max(moved, Math.abs(change));
      }
      if (moved <= 1e-14 * size) break;
    }
  }
  for (let p = 0; p < r; p++) for (let k = 0; k < v.length; k++) v[k] -= t[p] * N[p][k];
  return Array.from(t);
}
