import type { Kernels } from '../../base/kernels/kernels.ts';
import { type AtomCones, AtomSystem } from './atomSystem.ts';
import { LiftedPairs } from './liftedPairs.ts';
import type { UnitLines } from './lines.ts';
import type { NetworkAtom } from './networkAtom.ts';
import { momentMatrix, momentsAlong } from './moments.ts';
import type { AtomPoint, LinePair } from './pairs.ts';
import type { MajorantMultipliers } from './majorant.ts';
import { rootSizes } from './rootCones.ts';
import { LinearCone, type ScaledCone, SecondOrderCones, SemidefiniteCone } from './scaledCones.ts';
import { TriangleCones } from './triangleCones.ts';
import type { LineTriangle } from './triangles.ts';

/** What an atom lifts beyond the lines themselves. */
export interface AtomLifts {
  readonly pairs: readonly LinePair[];
  readonly triangles: readonly LineTriangle[];
}

/** Variables and dual points of an atom at one iterate, and how many pairs and triangles it had. */
export interface AtomSnapshot {
  readonly x: Float64Array;
  readonly z: readonly Float64Array[];
  readonly pairs: number;
  readonly triangles: number;
}

/** Points of the cones of one atom, or directions there: as in `RelaxedAtom.cones`. */
type ConePoint = readonly Float64Array[];

/**
 * One relaxed atom: tau times a convex combination of (u, U, a) with ||u|| = 1, U = uu' and a = |Xu| on unit lines, relaxed to
 *     [tau u'; u U] psd with tau = tr U,  a >= |Xu|,  a_i >= ||U x_i||,  a_i^2 <= tau x_i'U x_i
 * (with a free bias: the trace and the norm over penalised coordinates, and U_bb <= tau), for pairs of lines what `LiftedPairs` says, and for
 * combinations of lines what `TriangleCones` says. All constraints are homogeneous cones: their primal points are linear in the variables. Variables are one flat array: u (d), the lower triangle of U (d (d + 1) / 2, row by
 * row), a (L), a product A for each pair, and a b for each triangle.
 */
export class RelaxedAtom {
  /** Numbers for u and U, and all of them. */
  readonly shape: number;
  readonly size: number;
  readonly x: Float64Array;
  readonly cones: readonly ScaledCone[];
  readonly ds: ConePoint;
  readonly dz: ConePoint;
  readonly work: ConePoint;
  private readonly side: LinearCone;
  private readonly inner: SecondOrderCones;
  private readonly upper: SecondOrderCones;
  private readonly psd: SemidefiniteCone;
  private readonly lifted: LiftedPairs;
  private readonly triangles: TriangleCones;
  private readonly squares: Float64Array;
  private readonly U: Float64Array;
  private readonly XU: Float64Array;
  private readonly R: Float64Array;
  private readonly d: number;
  private readonly L: number;
  private readonly q: number;
  readonly newton: AtomSystem;

  constructor(
    private readonly lines: UnitLines,
    readonly lifts: AtomLifts,
    /** Output that the atom feeds, and the sign with which it does. */
    readonly output: number,
    readonly sign: 1 | -1,
    kernels: Kernels,
  ) {
    const { rows: L, cols: d } = lines.unit;
    this.d = d;
    this.L = L;
    this.q = lines.penalized;
    this.shape = d + (d * (d + 1)) / 2;
    const { pairs, triangles } = lifts;
    const first = this.shape + L;
    this.size = first + pairs.length + triangles.length;
    this.lifted = new LiftedPairs(lines, pairs, this.shape, first);
    this.triangles = new TriangleCones(lines, triangles, this.shape, first + pairs.length);
    this.squares = new Float64Array(L);
    this.x = new Float64Array(this.size);
    this.side = new LinearCone(2 * L + (this.q < d ? 1 : 0));
    this.inner = new SecondOrderCones(L, 1 + this.q);
    this.upper = new SecondOrderCones(L, 3);
    this.psd = new SemidefiniteCone(d + 1);
    const own = [this.side, this.inner, this.upper, this.psd];
    this.cones = [...own, this.lifted.psd, this.lifted.sides, this.triangles.sides, this.triangles.upper];
    const like = (): ConePoint => this.cones.map(({ s }) => new Float64Array(s.length));
    [this.ds, this.dz, this.work] = [like(), like(), like()];
    this.U = new Float64Array(d * d);
    this.XU = new Float64Array(L * d);
    this.R = new Float64Array(L * d);
    this.newton = new AtomSystem(lines, this.lifted, this.triangles, kernels);
  }

  get degree(): number {
    return this.cones.reduce((sum, cone) => sum + cone.degree, 0);
  }

  /** tau of variables x: the trace of U over penalised coordinates. */
  trace(x: Float64Array): number {
    let tau = 0;
    for (let k = 0, at = this.d; k < this.q; k++, at += k + 1) tau += x[at];
    return tau;
  }

  /** Variables strictly inside all cones: those of a network (on the boundary) and tau times u = 0, U a multiple of the identity, a the same on all lines. */
  start(tau: number, network?: NetworkAtom): void {
    const { d, L, q, x, shape } = this;
    x.fill(0);
    if (network !== undefined) {
      x.set(network.u);
      for (let k = 0, at = d; k < d; k++) for (let l = 0; l <= k; l++, at++) x[at] = network.U[k * d + l];
      x.set(network.a, shape);
    }
    for (let k = 0, at = d; k < d; k++, at += k + 1) x[at] += k < q ? tau / q : tau / 2;
    const halfWidth = tau * Math.min(q ** -0.75, 0.95 * Math.sqrt(2 / (Math.PI * q)));
    for (let i = 0; i < L; i++) x[shape + i] += halfWidth;
    this.refresh();
    this.lifted.start(x, this.XU, this.squares, this.trace(x));
    this.triangles.start(x, this.U, this.trace(x));
    this.refresh();
  }

  /** A copy of the variables and dual points, to go on from with more pairs and triangles. */
  snapshot(): AtomSnapshot {
    const { pairs, triangles } = this.lifts;
    const z = this.cones.map((cone) => cone.z.slice());
    return { x: this.x.slice(), z, pairs: pairs.length, triangles: triangles.length };
  }

  /**
   * Goes on from an atom with fewer pairs and triangles, moved towards the start (of size `tau`, about `network`) as far as gives the new ones some of the room that they have
   * there; new ones are central for mu. False when they would need too much.
   */
  resume(from: AtomSnapshot, mu: number, tau: number, network?: NetworkAtom): boolean {
    const { x, shape, L, lifts, lifted, triangles } = this;
    const first = shape + L;
    const last = first + lifts.pairs.length;
    this.start(tau, network);
    const middle = x.slice();
    const kept = middle.slice();
    kept.set(from.x.subarray(0, first + from.pairs));
    kept.set(from.x.subarray(first + from.pairs), last);
    const most = lifted.start(x, this.XU, this.squares, this.trace(x), from.pairs);
    const mostB = triangles.start(x, this.U, this.trace(x), from.triangles);
    for (const share of [0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95]) {
      for (let e = 0; e < x.length; e++) x[e] = (1 - share) * kept[e] + share * middle[e];
      this.refresh();
      const room = lifted.start(x, this.XU, this.squares, this.trace(x), from.pairs);
      if (!room.every((value, p) => value > 0.02 * most[p])) continue;
      const roomB = triangles.start(x, this.U, this.trace(x), from.triangles);
      if (!roomB.every((value, t) => value > 0.02 * mostB[t])) continue;
      this.refresh();
      const [side, inner, upper, psd] = this.cones;
      [side, inner, upper, psd].forEach((cone, m) => cone.z.set(from.z[m]));
      lifted.resume(from.z[4], from.z[5], from.pairs, mu);
      triangles.resume(from.z[6], from.z[7], mu);
      return true;
    }
    return false;
  }

  /** Primal points of the cones from the variables. */
  refresh(): void {
    this.apply(
      this.x,
      this.cones.map(({ s }) => s),
    );
  }

  /** out := the points of the cones at variables (or a direction) y. */
  apply(y: Float64Array, out: ConePoint): void {
    const { d, L, q, U, XU, lines, shape } = this;
    const x = lines.unit.data;
    const [side, inner, upper, psd, pairs, pairSides, triangleSides, triangleUpper] = out;
    momentMatrix(y, d, U);
    momentsAlong(lines.unit, U, XU, this.squares);
    const tau = this.trace(y);
    for (let i = 0; i < L; i++) {
      const at = i * d;
      const a = y[shape + i];
      const T = this.squares[i];
      let t = 0;
      for (let k = 0; k < d; k++) t += x[at + k] * y[k];
      side[i] = a - t;
      side[L + i] = a + t;
      const g = i * (1 + q);
      inner[g] = a;
      for (let k = 0; k < q; k++) inner[g + 1 + k] = XU[at + k];
      upper[3 * i] = tau + T;
      upper[3 * i + 1] = tau - T;
      upper[3 * i + 2] = 2 * a;
    }
    if (q < d) side[2 * L] = tau - U[d * d - 1];
    this.lifted.apply(y, XU, this.squares, tau, pairs, pairSides);
    this.triangles.apply(y, U, tau, triangleSides, triangleUpper);
    const n = d + 1;
    psd[0] = tau;
    for (let k = 0; k < d; k++) {
      psd[k + 1] = psd[(k + 1) * n] = y[k];
      for (let l = 0; l < d; l++) psd[(k + 1) * n + l + 1] = U[k * d + l];
    }
  }

  /** out += factor * A'c for points c of the cones: the adjoint of `apply`. */
  addAdjoint(c: ConePoint, factor: number, out: Float64Array): void {
    const { d, L, q, R, U, lines, shape } = this;
    const x = lines.unit.data;
    const [side, inner, upper, psd, pairs, pairSides, triangleSides, triangleUpper] = c;
    const n = d + 1;
    let tau = psd[0];
    R.fill(0);
    for (let i = 0; i < L; i++) {
      const at = i * d;
      const t = side[L + i] - side[i];
      const T = upper[3 * i] - upper[3 * i + 1];
      tau += upper[3 * i] + upper[3 * i + 1];
      const g = i * (1 + q);
      out[shape + i] += factor * (side[i] + side[L + i] + inner[g] + 2 * upper[3 * i + 2]);
      for (let k = 0; k < d; k++) {
        out[k] += factor * t * x[at + k];
        R[at + k] += T * x[at + k] + (k < q ? inner[g + 1 + k] : 0);
      }
    }
    let bias = 0;
    if (q < d) {
      tau += side[2 * L];
      bias = -side[2 * L];
    }
    tau += this.lifted.adjoint(pairs, pairSides, factor, out, R);
    // gradient with respect to U as a full matrix
    for (let k = 0; k < d; k++) for (let l = 0; l < d; l++) U[k * d + l] = psd[(k + 1) * n + l + 1];
    tau += this.triangles.adjoint(triangleSides, triangleUpper, factor, out, U);
    for (let i = 0; i < L; i++) {
      for (let k = 0; k < d; k++) {
        const r = R[i * d + k];
        if (r !== 0) for (let l = 0; l < d; l++) U[k * d + l] += r * x[i * d + l];
      }
    }
    U[d * d - 1] += bias;
    for (let k = 0; k < q; k++) U[k * d + k] += tau;
    for (let k = 0, at = d; k < d; k++) {
      out[k] += factor * (psd[k + 1] + psd[(k + 1) * n]);
      for (let l = 0; l <= k; l++, at++) out[at] += factor * (k === l ? U[k * d + k] : U[k * d + l] + U[l * d + k]);
    }
  }

  /** Adds what the atom contributes to the fits: sign length (side x'u + a) / 2 on each row. */
  addFit(y: Float64Array, F: Float64Array, outputs: number): void {
    const { d, lines, shape, sign, output } = this;
    const x = lines.unit.data;
    for (let i = 0; i < lines.line.length; i++) {
      const l = lines.line[i];
      if (l < 0) continue;
      let t = 0;
      for (let k = 0; k < d; k++) t += x[l * d + k] * y[k];
      F[i * outputs + output] += 0.5 * sign * lines.length[i] * (lines.side[i] * t + y[shape + l]);
    }
  }

  /** out += gradient with respect to the variables of G'fit, G one number per row and output. */
  addFitAdjoint(G: Float64Array, outputs: number, out: Float64Array): void {
    const { d, lines, shape, sign, output } = this;
    const x = lines.unit.data;
    for (let i = 0; i < lines.line.length; i++) {
      const l = lines.line[i];
      if (l < 0) continue;
      const value = 0.5 * sign * lines.length[i] * G[i * outputs + output];
      out[shape + l] += value;
      for (let k = 0; k < d; k++) out[k] += value * lines.side[i] * x[l * d + k];
    }
  }

  /** out += beta times the gradient of tau. */
  addTraceGradient(beta: number, out: Float64Array): void {
    for (let k = 0, at = this.d; k < this.q; k++, at += k + 1) out[at] += beta;
  }

  rescale(): boolean {
    return this.cones.every((cone) => cone.rescale());
  }

  /** Factors the Newton matrix at the present scaling; `curvature` is that of the loss in each row, for this output. */
  factor(curvature: Float64Array, shouldStop: () => boolean): boolean {
    return this.newton.factor(this.scaling, curvature, shouldStop);
  }

  /** The cones at their present scaling, for the Newton matrix. */
  get scaling(): AtomCones {
    const { side, inner, upper, psd } = this;
    return { side, inner, upper, psd };
  }

  /** y := (Newton matrix)^-1 y. */
  solve(y: Float64Array): void {
    this.newton.solve(y);
  }

  /** U (d x d) and a (L) of the atom divided by tau. */
  normalised(): AtomPoint {
    const { d, L, shape, x } = this;
    const tau = this.trace(x);
    return {
      U: momentMatrix(x, d, new Float64Array(d * d), tau),
      a: x.slice(shape, shape + L).map((value) => value / tau),
    };
  }

  /** Multipliers for the bound from the dual points. */
  multipliers(): MajorantMultipliers {
    const { L, q, lines } = this;
    const z = this.side.z;
    const w = new Float64Array(L * q);
    for (let i = 0, at = 0; i < L; i++, at += 1 + q) {
      for (let k = 0; k < q; k++) w[i * q + k] = -this.inner.z[at + k + 1] / this.inner.z[at];
    }
    return {
      w,
      size: rootSizes(this.upper),
      plus: z.slice(0, L),
      minus: z.slice(L, 2 * L),
      inner: Float64Array.from({ length: L }, (_, i) => this.inner.z[i * (1 + q)]),
      lifted: this.lifted.multipliers(),
      triangles: this.triangles.multipliers(),
      bias: q < lines.unit.cols ? z[2 * L] : 0,
    };
  }

  dispose(): void {
    this.newton.dispose();
  }
}
