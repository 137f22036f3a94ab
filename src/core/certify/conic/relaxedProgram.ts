import { unlessStopped } from '../../base/kernels/interrupt.ts';
import type { Kernels } from '../../base/kernels/kernels.ts';
import type { Datafit } from '../../problem/datafits/datafit.ts';
import type { Control } from '../../base/control.ts';
import { type AtomLifts, type AtomSnapshot, RelaxedAtom } from './atom.ts';
import { type NetworkAtom, networkAtom } from './networkAtom.ts';
import type { ConvexNeuron } from '../../network/mapping.ts';
import { jointIsAffordable, JointSystem } from './jointSystem.ts';
import type { UnitLines } from './lines.ts';
import type { MajorantMultipliers } from './majorant.ts';

/** The program that a dual point is made for: min over fits and atoms of l(fit) + beta sum tau. */
export interface RelaxedProblem {
  readonly lines: UnitLines;
  readonly datafit: Datafit;
  readonly beta: number;
  readonly outputs: number;
  /** Whether every output has a free offset. */
  readonly offset: boolean;
}

/** An output, a sign, and the pairs and triangles of lines that are lifted in its atom. */
export interface AtomShape extends AtomLifts {
  readonly output: number;
  readonly sign: 1 | -1;
}

/** Where the iteration stands: a value of the relaxation from above, and what a bound is made from. */
export interface RelaxedIterate {
  readonly iteration: number;
  /** Objective of the relaxed program at a feasible point: no bound from this relaxation is above its least value. */
  readonly objective: number;
  /** Relative size of the dual residual. */
  readonly residual: number;
  /** Fits (n x c) whose negative gradient is the dual point. */
  readonly fit: Float64Array;
  readonly multipliers: (atom: number) => MajorantMultipliers;
  readonly atoms: readonly RelaxedAtom[];
  /** Sum of s'z over all cones. */
  readonly complementarity: number;
  readonly snapshot: () => RelaxedSnapshot;
}

/** A start from no network is given up where the loss of that is above this many objectives of the network at hand. */
const farOff = 5;

/** Share of a network's own size that is added to its point to have it inside of all cones. */
const mixed = 0.3;

/** A copy of an iterate. */
export interface RelaxedSnapshot {
  readonly atoms: readonly AtomSnapshot[];
  readonly offset: Float64Array;
  /** Complementarity: mean of s'z over the degree of the cones. */
  readonly mu: number;
}

export interface RelaxedOptions {
  /** An objective to scale the start by: that of the network at hand. */
  readonly objective: number;
  /** Its neurons, to start near where beta is so small that no network at all is far off. */
  readonly network?: readonly ConvexNeuron[];
  /** An iterate of the same program with fewer pairs and triangles, to go on from. */
  readonly resume?: RelaxedSnapshot;
  readonly kernels: Kernels;
  readonly iterations?: number;
}

/**
 * Primal-dual interior point with Nesterov-Todd scaling and Mehrotra's correction for the joint relaxation. The Newton matrix is
 * factored whole where it is small; else every atom's on its own, loss included, and what joins the atoms (two signs of one output, the outputs of one row) is left
 * to conjugate gradients. `visit` sees every iterate and ends the run
 * by answering false. Ends as well when steps no longer get anywhere, or at a stop.
 */
export function solveRelaxed(
  problem: RelaxedProblem,
  shapes: readonly AtomShape[],
  options: RelaxedOptions,
  control: Control,
  visit: (iterate: RelaxedIterate) => boolean,
): void {
  const shouldStop = (): boolean => control.shouldStop();
  unlessStopped(options.kernels, shouldStop, () => {
    const program = new Iteration(problem, shapes, options, control);
    try {
      program.run(options.iterations ?? 80, visit);
    } finally {
      program.dispose();
    }
  });
}

/** A vector over the variables of all atoms and the offsets. */
interface Vector {
  readonly atoms: readonly Float64Array[];
  readonly offset: Float64Array;
}

class Iteration {
  private readonly atoms: RelaxedAtom[];
  private readonly F: Float64Array;
  private readonly G: Float64Array;
  private readonly H: Float64Array;
  private readonly dF: Float64Array;
  private readonly HdF: Float64Array;
  private readonly offset: Float64Array;
  private readonly gradient: Vector;
  private readonly degree: number;
  /** All atoms factored together, where that is not too much. */
  private readonly joint: JointSystem | undefined;

  constructor(
    private readonly problem: RelaxedProblem,
    shapes: readonly AtomShape[],
    options: RelaxedOptions,
    private readonly control: Control,
  ) {
    const { lines, datafit, outputs } = problem;
    const n = datafit.rows;
    this.atoms = shapes.map((shape) => new RelaxedAtom(lines, shape, shape.output, shape.sign, options.kernels));
    this.F = new Float64Array(n * outputs);
    this.G = new Float64Array(n * outputs);
    this.dF = new Float64Array(n * outputs);
    this.HdF = new Float64Array(n * outputs);
    this.H = new Float64Array(n * outputs * outputs);
    this.offset = new Float64Array(outputs);
    this.gradient = this.vector();
    const coupled = new Set(this.atoms.flatMap(({ newton }) => Array.from(newton.coupledLines)));
    if (jointIsAffordable(lines, this.atoms.length, coupled.size)) {
      const joined = this.atoms.map(({ newton, output, sign }) => ({ system: newton, output, sign }));
      this.joint = new JointSystem(lines, joined, outputs, problem.offset, options.kernels);
    }
    this.degree = this.atoms.reduce((sum, atom) => sum + atom.degree, 0);
    this.start(options);
  }

  dispose(): void {
    this.joint?.dispose();
    for (const atom of this.atoms) atom.dispose();
  }

  private start({ objective, network, resume }: RelaxedOptions): void {
    const { atoms, problem, degree, offset } = this;
    const { lines, datafit, beta } = problem;
    const near = network !== undefined && datafit.value(new Float64Array(this.F.length)) > farOff * objective;
    const points = atoms.map(({ output, sign }): NetworkAtom | undefined =>
      near
        ? networkAtom(
            lines,
            network.filter((n) => n.output === output && n.sign === sign),
          )
        : undefined,
    );
    const total = points.reduce((sum, point) => sum + (point?.tau ?? 0), 0);
    const share = total > 0 ? (mixed * total) / atoms.length : objective / (2 * beta * atoms.length);
    const sizes = points.map((point) => Math.max(share, mixed * (point?.tau ?? 0)));
    if (resume !== undefined && this.resume(resume, points, total > 0 ? sizes : undefined)) return;
    offset.fill(0);
    for (const [k, atom] of atoms.entries()) atom.start(sizes[k], points[k]);
    const most = objective / degree;
    const mu = total > 0 ? Math.max(0.01 * most, Math.min(most, this.centralMu())) : most;
    for (const atom of atoms) for (const cone of atom.cones) cone.centre(mu);
  }

  private resume(
    from: RelaxedSnapshot,
    points: readonly (NetworkAtom | undefined)[],
    sizes?: readonly number[],
  ): boolean {
    this.offset.set(from.offset);
    return this.atoms.every((atom, k) => {
      const kept = from.atoms[k];
      return atom.resume(kept, from.mu, sizes?.[k] ?? atom.trace(kept.x), points[k]);
    });
  }

  /** The mu at which central dual points come closest to what the gradient asks for. */
  private centralMu(): number {
    const { atoms, gradient } = this;
    this.evaluate();
    let along = 0;
    let size = 0;
    for (const [k, atom] of atoms.entries()) {
      for (const cone of atom.cones) cone.centre(1);
      const central = new Float64Array(atom.size);
      atom.addAdjoint(
        atom.cones.map(({ z }) => z),
        1,
        central,
      );
      along += dotOf(central, gradient.atoms[k]);
      size += dotOf(central, central);
    }
    return along / size;
  }

  run(iterations: number, visit: (iterate: RelaxedIterate) => boolean): void {
    const { atoms, control } = this;
    const stop = (): boolean => control.shouldStop();
    for (let iteration = 0; iteration < iterations && !stop(); iteration++) {
      const value = this.evaluate();
      const residual = this.residual();
      let product = 0;
      for (const atom of atoms) for (const { s, z } of atom.cones) product += dotOf(s, z);
      const mu = product / this.degree;
      const objective = value + this.penalty();
      const proceed = visit({
        iteration,
        objective,
        residual: residual.size,
        fit: this.F,
        multipliers: (k) => atoms[k].multipliers(),
        atoms,
        complementarity: product,
        snapshot: () => ({ atoms: atoms.map((atom) => atom.snapshot()), offset: this.offset.slice(), mu }),
      });
      if (!proceed || stop()) return;
      if (!atoms.every((atom) => atom.rescale())) return;
      if (!this.factor(stop)) return;
      const tolerance = Math.min(1e-4, (1e-3 * (mu * this.degree)) / objective);
      // predictor
      const step = this.solve(negated(this.gradient), Math.max(1e-10, tolerance), stop);
      if (step === undefined) return;
      for (const [k, atom] of atoms.entries()) {
        atom.apply(step.atoms[k], atom.ds);
        atom.cones.forEach((cone, m) => {
          cone.inverseSquare(atom.ds[m], atom.dz[m]);
          for (let e = 0; e < cone.z.length; e++) atom.dz[m][e] = -cone.z[e] - atom.dz[m][e];
        });
      }
      const affine = this.longestStep();
      const target = mu * Math.max(1e-3, (1 - affine) ** 3);
      // corrector
      const right = negated(residual.vector);
      for (const [k, atom] of atoms.entries()) {
        atom.cones.forEach((cone, m) => cone.correction(target, atom.ds[m], atom.dz[m], atom.work[m]));
        atom.addAdjoint(atom.work, 1, right.atoms[k]);
      }
      const move = this.solve(right, Math.max(1e-10, tolerance), stop);
      if (move === undefined) return;
      for (const [k, atom] of atoms.entries()) {
        atom.apply(move.atoms[k], atom.ds);
        atom.cones.forEach((cone, m) => {
          cone.inverseSquare(atom.ds[m], atom.dz[m]);
          for (let e = 0; e < cone.z.length; e++) atom.dz[m][e] = atom.work[m][e] - atom.dz[m][e];
        });
      }
      const length = 0.98 * this.longestStep();
      if (!(length > 1e-6)) return;
      for (const [k, atom] of atoms.entries()) {
        for (let e = 0; e < atom.size; e++) atom.x[e] += length * move.atoms[k][e];
        atom.refresh();
        atom.cones.forEach(({ z }, m) => {
          for (let e = 0; e < z.length; e++) z[e] += length * atom.dz[m][e];
        });
      }
      for (let o = 0; o < this.offset.length; o++) this.offset[o] += length * move.offset[o];
    }
  }

  private vector(): Vector {
    return {
      atoms: this.atoms.map(({ size }) => new Float64Array(size)),
      offset: new Float64Array(this.problem.offset ? this.problem.outputs : 0),
    };
  }

  private penalty(): number {
    return this.atoms.reduce((sum, atom) => sum + this.problem.beta * atom.trace(atom.x), 0);
  }

  /** Fits, loss gradient and Hessian, and the gradient of the objective; returns the loss. */
  private evaluate(): number {
    const { problem, F, G, H, gradient, offset } = this;
    const { datafit, outputs, beta } = problem;
    for (let i = 0; i < F.length; i++) F[i] = problem.offset ? offset[i % outputs] : 0;
    for (const atom of this.atoms) atom.addFit(atom.x, F, outputs);
    datafit.gradient(F, G);
    datafit.hessian(F, H);
    this.fitAdjoint(G, gradient);
    for (const [k, atom] of this.atoms.entries()) atom.addTraceGradient(beta, gradient.atoms[k]);
    return datafit.value(F);
  }

  /** out := transposed fit map of G. */
  private fitAdjoint(G: Float64Array, out: Vector): void {
    const { outputs } = this.problem;
    for (const [k, atom] of this.atoms.entries()) {
      out.atoms[k].fill(0);
      atom.addFitAdjoint(G, outputs, out.atoms[k]);
    }
    out.offset.fill(0);
    if (out.offset.length > 0) for (let i = 0; i < G.length; i++) out.offset[i % outputs] += G[i];
  }

  /** Gradient minus A'z, and its size relative to the gradient's parts. */
  private residual(): { readonly vector: Vector; readonly size: number } {
    const vector = this.vector();
    let top = 0;
    let size = 0;
    for (const [k, atom] of this.atoms.entries()) {
      vector.atoms[k].set(this.gradient.atoms[k]);
      atom.addAdjoint(
        atom.cones.map(({ z }) => z),
        -1,
        vector.atoms[k],
      );
      top += dotOf(vector.atoms[k], vector.atoms[k]);
      size += dotOf(this.gradient.atoms[k], this.gradient.atoms[k]);
    }
    vector.offset.set(this.gradient.offset);
    return { vector, size: Math.sqrt(top / Math.max(size, Number.MIN_VALUE)) };
  }

  private factor(stop: () => boolean): boolean {
    const { datafit, outputs } = this.problem;
    const { joint, atoms } = this;
    if (joint !== undefined) {
      return joint.factor(
        atoms.map((atom) => atom.scaling),
        this.H,
        stop,
      );
    }
    const curvature = new Float64Array(datafit.rows);
    for (const atom of this.atoms) {
      for (let i = 0; i < curvature.length; i++)
        curvature[i] = this.H[(i * outputs + atom.output) * outputs + atom.output];
      if (!atom.factor(curvature, stop)) return false;
    }
    return true;
  }

  private longestStep(): number {
    let t = 1;
    for (const atom of this.atoms) {
      atom.cones.forEach((cone, m) => (t = Math.min(t, cone.longestStep(atom.ds[m], atom.dz[m]))));
    }
    return t;
  }

  /** out := (A'W^-2 A + loss) y */
  private multiply(y: Vector, out: Vector): void {
    const { problem, dF, HdF, H } = this;
    const { outputs, datafit } = problem;
    for (let i = 0; i < dF.length; i++) dF[i] = y.offset.length > 0 ? y.offset[i % outputs] : 0;
    for (const [k, atom] of this.atoms.entries()) atom.addFit(y.atoms[k], dF, outputs);
    for (let i = 0; i < datafit.rows; i++) {
      for (let o = 0; o < outputs; o++) {
        let s = 0;
        for (let r = 0; r < outputs; r++) s += H[(i * outputs + o) * outputs + r] * dF[i * outputs + r];
        HdF[i * outputs + o] = s;
      }
    }
    this.fitAdjoint(HdF, out);
    for (const [k, atom] of this.atoms.entries()) {
      atom.apply(y.atoms[k], atom.dz);
      atom.cones.forEach((cone, m) => cone.inverseSquare(atom.dz[m], atom.work[m]));
      atom.addAdjoint(atom.work, 1, out.atoms[k]);
    }
  }

  /** Preconditioned conjugate gradients; `right` is used up. Undefined after a stop. Uses `dz` and `work` of the atoms. */
  private solve(right: Vector, tolerance: number, stop: () => boolean): Vector | undefined {
    // the corrector's right-hand side is in `right` already; dz and work are scratch from here on
    const kept = this.atoms.map(({ work }) => work.map((part) => part.slice()));
    const x = this.vector();
    const z = this.vector();
    const q = this.vector();
    this.precondition(right, z);
    const p = copyOf(z);
    let rz = inner(right, z);
    const first = rz;
    for (let round = 0; round < 60; round++) {
      if (!(rz > tolerance * tolerance * first)) break;
      if (stop()) return undefined;
      this.multiply(p, q);
      const curvature = inner(p, q);
      if (!(curvature > 0)) break;
      const alpha = rz / curvature;
      add(x, alpha, p);
      add(right, -alpha, q);
      this.precondition(right, z);
      const next = inner(right, z);
      const ratio = next / rz;
      rz = next;
      for (const [k, part] of p.atoms.entries())
        for (let e = 0; e < part.length; e++) part[e] = z.atoms[k][e] + ratio * part[e];
      for (let e = 0; e < p.offset.length; e++) p.offset[e] = z.offset[e] + ratio * p.offset[e];
    }
    this.atoms.forEach(({ work }, k) => work.forEach((part, m) => part.set(kept[k][m])));
    return x;
  }

  private precondition(y: Vector, out: Vector): void {
    const { outputs, datafit } = this.problem;
    if (this.joint !== undefined) {
      for (const [k, part] of out.atoms.entries()) part.set(y.atoms[k]);
      out.offset.set(y.offset);
      this.joint.solve(out.atoms, out.offset);
      return;
    }
    for (const [k, atom] of this.atoms.entries()) {
      out.atoms[k].set(y.atoms[k]);
      atom.solve(out.atoms[k]);
    }
    for (let o = 0; o < out.offset.length; o++) {
      let h = 0;
      for (let i = 0; i < datafit.rows; i++) h += this.H[(i * outputs + o) * outputs + o];
      out.offset[o] = y.offset[o] / Math.max(h, Number.MIN_VALUE);
    }
  }
}

function negated(v: Vector): Vector {
  return { atoms: v.atoms.map((part) => part.map((e) => -e)), offset: v.offset.map((e) => -e) };
}

function copyOf(v: Vector): Vector {
  return { atoms: v.atoms.map((part) => part.slice()), offset: v.offset.slice() };
}

function add(x: Vector, factor: number, y: Vector): void {
  for (const [k, part] of x.atoms.entries()) for (let e = 0; e < part.length; e++) part[e] += factor * y.atoms[k][e];
  for (let e = 0; e < x.offset.length; e++) x.offset[e] += factor * y.offset[e];
}

function inner(x: Vector, y: Vector): number {
  let s = dotOf(x.offset, y.offset);
  for (const [k, part] of x.atoms.entries()) s += dotOf(part, y.atoms[k]);
  return s;
}

function dotOf(x: Float64Array, y: Float64Array): number {
  let s = 0;
  for (let k = 0; k < x.length; k++) s += x[k] * y[k];
  return s;
}
