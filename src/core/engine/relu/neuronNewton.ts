import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import type { Kernels } from '../../base/kernels/kernels.ts';
import type { Datafit } from '../../problem/datafits/datafit.ts';
import type { Control } from '../../base/control.ts';
import { nullBasis } from '../../base/linalg/nullBasis.ts';
import { PositiveSystem } from './positiveSystem.ts';
import type { RowClasses } from '../../problem/patterns/rowClasses.ts';
import { addOuterProducts, factorSpd, solveSpd } from '../../base/linalg/cholesky.ts';

/** One neuron in the coordinates of the convex program: u = |a| w, feeding one output with one sign. */
export interface NeuronSeed {
  readonly u: Float64Array;
  readonly sign: 1 | -1;
  readonly output: number;
  /**
   * Restricts the neuron to a closed cell: for every row class +1 or -1, the side of its hyperplane that the cell is on, or 0 when the
   * cell lies in the hyperplane. Left out: the neuron may cross.
   */
  readonly cell?: Int8Array;
  /** With a free bias: a linear function, on for all rows whatever its sign, with its bias coordinate left at 0. */
  readonly linear?: boolean;
  /** Row classes to be held on their hyperplane from the start. */
  readonly held?: readonly number[];
  /** Caller's mark, carried along (e.g. the index of the gate). */
  readonly tag?: number;
}

export interface LocalResult {
  readonly neurons: readonly NeuronSeed[];
  readonly offset: Float64Array;
  /** n x c */
  readonly fit: Float64Array;
  readonly objective: number;
  readonly iterations: number;
  /** Largest violation of the local optimality conditions, over beta. */
  readonly residual: number;
  readonly converged: boolean;
}

export interface LocalProblem {
  readonly X: DenseMatrix;
  readonly classes: RowClasses;
  /** Columns in the norm: d, or d - 1. */
  readonly penalizedCols: number;
  readonly datafit: Datafit;
  readonly beta: number;
  readonly offset: boolean;
  /** Large systems are factored by these; plain TypeScript when left out. */
  readonly kernels?: Kernels | undefined;
}

interface Neuron {
  u: Float64Array;
  readonly sign: 1 | -1;
  readonly output: number;
  readonly cell: Int8Array | undefined;
  readonly linear: boolean;
  readonly tag: number | undefined;
  /** Side of every class: +1, -1, or 0 while it is held on the hyperplane. */
  readonly side: Int8Array;
  /** Held classes, independent. */
  held: number[];
  /** directions_k'u for every class. */
  readonly t: Float64Array;
  readonly dt: Float64Array;
  readonly rowOn: Uint8Array;
  readonly du: Float64Array;
  /** Orthonormal basis of the directions that keep the held classes, d x dim column by column. */
  basis: Float64Array | undefined;
  dim: number;
  /** Reduced features on the on-rows: dim x on.length, and what they were made from. */
  on: Int32Array;
  features: Float64Array;
  featuresBasis: Float64Array | undefined;
  featuresOn: Int32Array | undefined;
  at: number;
  norm: number;
  /** Unit vector along the penalised part of u. */
  readonly q: Float64Array;
  readonly gradient: Float64Array;
}

/**
 * Minimises  l(sum_j sign_j (X u_j)_+ + offset) + beta sum_j ||u_j||  locally over the neurons given, by Newton steps on the manifold of
 * held kinks: within the current activation patterns the objective is smooth and convex. A step runs along the Newton direction
 * through all kinks in exact order; where the minimum along it lies on a kink, the row is held there (x_r'u_j = 0) until its
 * multiplier says that leaving pays. Neurons that no row separates are added up (never dearer, by the triangle inequality), and those that are better
 * off at zero are removed. The objective never rises. With cells given, kinks are walls, and the result is the optimum of
 * the convex program on these cells.
 */
export class NeuronNewton {
  private readonly n: number;
  private readonly d: number;
  private readonly c: number;
  private readonly q: number;
  private neurons: Neuron[] = [];
  readonly offset: Float64Array;
  private readonly F: Float64Array;
  private readonly V: Float64Array;
  private readonly H: Float64Array;
  private readonly F1: Float64Array;
  private readonly trial: Float64Array;
  private readonly trialV: Float64Array;
  private objective = Infinity;
  private readonly doffset: Float64Array;
  private readonly singleOutput: boolean;

  constructor(private readonly problem: LocalProblem) {
    this.n = problem.X.rows;
    this.d = problem.X.cols;
    this.c = problem.datafit.outputs;
    this.q = problem.penalizedCols;
    const size = this.n * this.c;
    this.F = new Float64Array(size);
    this.V = new Float64Array(size);
    this.H = new Float64Array(size * this.c);
    this.F1 = new Float64Array(size);
    this.trial = new Float64Array(size);
    this.trialV = new Float64Array(size);
    this.offset = new Float64Array(this.c);
    this.doffset = new Float64Array(this.c);
    this.singleOutput = this.c === 1;
  }

  /** Replaces the neurons; those with u = 0 are left out. */
  setNeurons(seeds: readonly NeuronSeed[], offset?: ArrayLike<number>): void {
    this.neurons = [];
    if (offset !== undefined) this.offset.set(offset);
    for (const seed of seeds) this.push(seed);
    this.refresh();
  }

  private push(seed: NeuronSeed): Neuron | undefined {
    const { classes } = this.problem;
    const { d, n } = this;
    let norm = 0;
    for (let j = 0; j < d; j++) norm += seed.u[j] * seed.u[j];
    norm = Math.sqrt(norm);
    if (!(norm > 0)) return undefined;
    const neuron: Neuron = {
      u: seed.u.slice(),
      sign: seed.sign,
      output: seed.output,
      cell: seed.cell,
      linear: seed.linear === true,
      tag: seed.tag,
      side: new Int8Array(classes.count),
      held: [],
      t: new Float64Array(classes.count),
      dt: new Float64Array(classes.count),
      rowOn: new Uint8Array(n),
      du: new Float64Array(d),
      basis: undefined,
      dim: d,
      on: new Int32Array(0),
      features: new Float64Array(0),
      featuresBasis: undefined,
      featuresOn: undefined,
      at: 0,
      norm: 0,
      q: new Float64Array(d),
      gradient: new Float64Array(d),
    };
    if (neuron.linear) {
      for (let k = 0; k < classes.count; k++)
        neuron.side[k] = classes.scale[classes.rows[classes.start[k]]] > 0 ? 1 : -1;
      this.clean(neuron);
      this.neurons.push(neuron);
      return neuron;
    }
    for (const k of seed.held ?? []) this.hold(neuron, k);
    if (neuron.held.length > 0) this.clean(neuron);
    this.products(neuron, neuron.u, neuron.t);
    const tiny = 1e-11 * norm;
    for (let k = 0; k < classes.count; k++) {
      if (neuron.held.includes(k)) continue;
      const side = seed.cell === undefined ? (neuron.t[k] > 0 ? 1 : -1) : seed.cell[k];
      neuron.side[k] = side;
      if (side === 0 || Math.abs(neuron.t[k]) <= tiny || side * neuron.t[k] < 0) this.hold(neuron, k);
    }
    // a cell that is violated by more than rounding cannot be started in
    this.clean(neuron);
    if (!(neuron.norm > 0) && neuron.u.every((value) => value === 0)) return undefined;
    this.neurons.push(neuron);
    return neuron;
  }

  /** Holds class k when it does not depend on those held already. */
  private hold(neuron: Neuron, k: number): boolean {
    if (neuron.held.includes(k)) return true;
    if (neuron.held.length >= this.d - 1 && neuron.cell === undefined) return false;
    const { d } = this;
    const { directions } = this.problem.classes;
    this.ensureBasis(neuron);
    // dependent when the direction has no part in the null space
    let part = 0;
    const Z = neuron.basis!;
    for (let m = 0; m < neuron.dim; m++) {
      let s = 0;
      for (let j = 0; j < d; j++) s += Z[m * d + j] * directions[k * d + j];
      part += s * s;
    }
    if (part <= 1e-18) return false;
    neuron.held.push(k);
    neuron.side[k] = 0;
    neuron.basis = undefined;
    return true;
  }

  private ensureBasis(neuron: Neuron): void {
    if (neuron.basis !== undefined) return;
    if (neuron.linear) {
      neuron.dim = this.q;
      neuron.basis = new Float64Array(this.q * this.d);
      for (let m = 0; m < this.q; m++) neuron.basis[m * this.d + m] = 1;
      return;
    }
    const made = nullBasis(this.problem.classes.directions, neuron.held, this.d);
    neuron.basis = made.basis;
    neuron.dim = made.dim;
  }

  /** Puts u back onto the held hyperplanes, and brings products, activity and norm up to date. */
  private clean(neuron: Neuron): void {
    const { d, q } = this;
    const { classes } = this.problem;
    if (neuron.held.length > 0) {
      this.ensureBasis(neuron);
      const Z = neuron.basis!;
      const projected = new Float64Array(d);
      for (let m = 0; m < neuron.dim; m++) {
        let s = 0;
        for (let j = 0; j < d; j++) s += Z[m * d + j] * neuron.u[j];
        for (let j = 0; j < d; j++) projected[j] += s * Z[m * d + j];
      }
      neuron.u = projected;
    }
    this.products(neuron, neuron.u, neuron.t);
    let size = 0;
    for (let j = 0; j < q; j++) size += neuron.u[j] * neuron.u[j];
    neuron.norm = Math.sqrt(size);
    for (let j = 0; j < q; j++) neuron.q[j] = neuron.norm > 0 ? neuron.u[j] / neuron.norm : 0;
    for (const k of neuron.held) neuron.t[k] = 0;
    if (neuron.cell === undefined) {
      for (let k = 0; k < classes.count; k++) {
        if (neuron.side[k] !== 0 && neuron.side[k] * neuron.t[k] < 0) neuron.side[k] = neuron.t[k] > 0 ? 1 : -1;
      }
    }
    this.markRows(neuron);
  }

  private markRows(neuron: Neuron): void {
    const { classes } = this.problem;
    const { rowOn } = neuron;
    let count = 0;
    let changed = false;
    for (let i = 0; i < this.n; i++) {
      const k = classes.classOf[i];
      const active = k >= 0 && neuron.side[k] * classes.scale[i] > 0 ? 1 : 0;
      if (rowOn[i] !== active) changed = true;
      rowOn[i] = active;
      count += active;
    }
    if (!changed) return;
    const on = new Int32Array(count);
    for (let i = 0, at = 0; i < this.n; i++) if (rowOn[i] !== 0) on[at++] = i;
    neuron.on = on;
  }

  private products(_neuron: Neuron, u: Float64Array, out: Float64Array): void {
    const { count, directions } = this.problem.classes;
    const { d } = this;
    for (let k = 0, at = 0; k < count; k++, at += d) {
      let s = 0;
      for (let j = 0; j < d; j++) s += directions[at + j] * u[j];
      out[k] = s;
    }
  }

  /** Fit and objective from scratch. */
  private refresh(): void {
    this.objective = this.evaluate(this.neurons, this.offset, this.F);
  }

  private evaluate(neurons: readonly Neuron[], offset: Float64Array, F: Float64Array): number {
    const { n, c } = this;
    const { classes, datafit, beta } = this.problem;
    for (let i = 0; i < n; i++) for (let o = 0; o < c; o++) F[i * c + o] = offset[o];
    let penalty = 0;
    for (const neuron of neurons) {
      const { on, t, sign, output } = neuron;
      for (const i of on) F[i * c + output] += sign * classes.scale[i] * t[classes.classOf[i]];
      penalty += neuron.norm;
    }
    return datafit.value(F) + beta * penalty;
  }

  get value(): number {
    return this.objective;
  }

  get count(): number {
    return this.neurons.length;
  }

  seeds(): NeuronSeed[] {
    return this.neurons.map(({ u, sign, output, cell, linear, tag }) => ({
      u: u.slice(),
      sign,
      output,
      ...(cell === undefined ? {} : { cell }),
      ...(linear ? { linear } : {}),
      ...(tag === undefined ? {} : { tag }),
    }));
  }

  fit(): Float64Array {
    return this.F.slice();
  }

  /** v = -gradient of the loss at the current fit, n x c. */
  dual(): Float64Array {
    this.problem.datafit.dualPoint(this.F, this.V);
    return this.V.slice();
  }

  /** Adds a neuron along `seed.u` with the length that minimises the objective; false when no positive length lowers it. */
  insert(seed: NeuronSeed): boolean {
    const { n, c } = this;
    const { classes, datafit, beta } = this.problem;
    const neuron = this.push(seed);
    if (neuron === undefined) return false;
    const phi = new Float64Array(n);
    for (const i of neuron.on) phi[i] = neuron.sign * classes.scale[i] * neuron.t[classes.classOf[i]];
    const derivative = (a: number): number => {
      this.trial.set(this.F);
      for (let i = 0; i < n; i++) this.trial[i * c + neuron.output] += a * phi[i];
      datafit.gradient(this.trial, this.trialV);
      let s = beta * neuron.norm;
      for (let i = 0; i < n; i++) s += this.trialV[i * c + neuron.output] * phi[i];
      return s;
    };
    if (!(derivative(0) < 0)) {
      this.neurons.pop();
      return false;
    }
    let low = 0;
    let high = 1;
    for (let k = 0; k < 60 && derivative(high) < 0; k++) {
      low = high;
      high *= 4;
    }
    for (let k = 0; k < 60 && high - low > 1e-4 * high; k++) {
      const middle = low === 0 && k < 30 ? 0.25 * high : 0.5 * (low + high);
      if (derivative(middle) < 0) low = middle;
      else high = middle;
    }
    const length = 0.5 * (low + high);
    for (let j = 0; j < this.d; j++) neuron.u[j] *= length;
    this.clean(neuron);
    const before = this.objective;
    this.refresh();
    if (!(this.objective < before)) {
      this.neurons.pop();
      this.refresh();
      return false;
    }
    return true;
  }

  /** Runs to local optimality (residual below `tolerance` times beta), the iteration limit, or a stop. */
  run(tolerance: number, maxIterations: number, control: Control): LocalResult {
    const { beta, datafit } = this.problem;
    this.stop = () => control.shouldStop();
    let iterations = 0;
    let converged = false;
    let residual = Infinity;
    let damping = 1e-12;
    let quiet = 0;
    this.tidy();
    for (; iterations < maxIterations; iterations++) {
      if (control.shouldStop()) break;
      datafit.dualPoint(this.F, this.V);
      datafit.hessian(this.F, this.H);
      const reduced = this.gradients();
      const slack = this.worstMultiplier();
      residual = Math.max(reduced, slack) / beta;
      if (residual <= tolerance) {
        converged = true;
        break;
      }
      let released = false;
      if (reduced <= 0.3 * slack || reduced <= 0.1 * tolerance * beta) released = this.release(quiet > 3, slack);
      if (this.neurons.length === 0 && !this.problem.offset) {
        converged = true;
        residual = 0;
        break;
      }
      if (!this.newtonDirection(damping)) {
        damping = Math.max(1e-8, damping * 100);
        if (damping > 1e6) break;
        continue;
      }
      const before = this.objective;
      const snapped = this.lineSearch();
      const removed = this.tidy();
      const gain = before - this.objective;
      if (gain <= 1e-15 * Math.abs(before) && !snapped && !removed && !released) {
        quiet++;
        damping = Math.max(1e-10, damping * 100);
        if (quiet > 6) break;
      } else if (gain <= 1e-15 * Math.abs(before)) {
        if (++quiet > 40 + 4 * this.d) break;
      } else {
        quiet = 0;
        damping = Math.max(1e-12, damping * 0.1);
      }
    }
    return {
      neurons: this.seeds(),
      offset: this.offset.slice(),
      fit: this.F.slice(),
      objective: this.objective,
      iterations,
      residual,
      converged,
    };
  }

  /** Gradient of every neuron without its held rows; returns the largest norm within the held manifold. */
  private gradients(): number {
    const { d, q, c, V, n } = this;
    const { beta, X } = this.problem;
    let worst = 0;
    for (const neuron of this.neurons) {
      const g = neuron.gradient;
      g.fill(0);
      for (const i of neuron.on) {
        const value = -neuron.sign * V[i * c + neuron.output];
        for (let j = 0, at = i * d; j < d; j++) g[j] += value * X.data[at + j];
      }
      for (let j = 0; j < q; j++) g[j] += beta * neuron.q[j];
      this.ensureBasis(neuron);
      const Z = neuron.basis!;
      let size = 0;
      for (let m = 0; m < neuron.dim; m++) {
        let s = 0;
        for (let j = 0; j < d; j++) s += Z[m * d + j] * g[j];
        size += s * s;
      }
      worst = Math.max(worst, Math.sqrt(size));
    }
    if (this.problem.offset) {
      for (let o = 0; o < c; o++) {
        let s = 0;
        for (let i = 0; i < n; i++) s += V[i * c + o];
        worst = Math.max(worst, Math.abs(s));
      }
    }
    return worst;
  }

  /** Multipliers kappa of the held classes: gradient = sum kappa_k direction_k, least squares. */
  private multipliers(neuron: Neuron): Float64Array {
    const { d } = this;
    const { directions } = this.problem.classes;
    const m = neuron.held.length;
    const G = new Float64Array(m * m);
    const b = new Float64Array(m);
    for (let a = 0; a < m; a++) {
      const from = neuron.held[a] * d;
      for (let e = 0; e <= a; e++) {
        const other = neuron.held[e] * d;
        let s = 0;
        for (let j = 0; j < d; j++) s += directions[from + j] * directions[other + j];
        G[a * m + e] = s;
      }
      let s = 0;
      for (let j = 0; j < d; j++) s += directions[from + j] * neuron.gradient[j];
      b[a] = s;
    }
    factorSpd(G, m);
    solveSpd(G, m, b);
    return b;
  }

  /** Slopes that the two sides of class k offer: kappa must lie in [plus, minus] for the kink to hold the neuron. */
  private interval(neuron: Neuron, k: number): { low: number; high: number } {
    const { start, rows, scale } = this.problem.classes;
    const { c, V } = this;
    const side = neuron.cell?.[k];
    if (side === 0) return { low: -Infinity, high: Infinity };
    let plus = 0;
    let minus = 0;
    for (let m = start[k]; m < start[k + 1]; m++) {
      const i = rows[m];
      const value = neuron.sign * V[i * c + neuron.output] * scale[i];
      if (scale[i] > 0) plus += value;
      else minus += value;
    }
    if (side === undefined) return { low: plus, high: minus };
    return side > 0 ? { low: plus, high: Infinity } : { low: -Infinity, high: minus };
  }

  private stop: () => boolean = () => false;

  private violations: { neuron: Neuron; k: number; size: number; side: 1 | -1 }[] = [];

  /** Collects the held classes whose multiplier asks for release; returns the largest violation. */
  private worstMultiplier(): number {
    this.violations = [];
    let worst = 0;
    for (const neuron of this.neurons) {
      if (neuron.held.length === 0) continue;
      const kappa = this.multipliers(neuron);
      neuron.held.forEach((k, a) => {
        const { low, high } = this.interval(neuron, k);
        const below = low - kappa[a];
        const above = kappa[a] - high;
        const size = Math.max(below, above);
        if (size > 0) {
          this.violations.push({ neuron, k, size, side: below >= above ? 1 : -1 });
          worst = Math.max(worst, size);
        }
      });
    }
    return worst;
  }

  /** Lets go of the worst class of each neuron (or of the very worst only), to the side that pays. */
  private release(single: boolean, worst: number): boolean {
    const best = new Map<Neuron, { k: number; size: number; side: 1 | -1 }>();
    for (const { neuron, k, size, side } of this.violations) {
      if (size < (single ? worst : 0.05 * worst)) continue;
      const known = best.get(neuron);
      if (known === undefined || size > known.size) best.set(neuron, { k, size, side });
    }
    let any = false;
    for (const [neuron, { k, side }] of best) {
      neuron.held = neuron.held.filter((other) => other !== k);
      neuron.side[k] = side;
      neuron.basis = undefined;
      this.markRows(neuron);
      any = true;
      if (single) break;
    }
    if (any) this.gradients();
    return any;
  }

  /** Newton direction in the held manifolds, into du and doffset; false when the system could not be solved. */
  private newtonDirection(damping: number): boolean {
    const { d, c, n, V } = this;
    const { offset } = this.problem;
    let size = 0;
    for (const neuron of this.neurons) {
      this.ensureBasis(neuron);
      neuron.at = size;
      size += neuron.dim;
      this.ensureFeatures(neuron);
    }
    const stacked = size;
    if (offset) size += c;
    const rhs = new Float64Array(size);
    for (const neuron of this.neurons) {
      const Z = neuron.basis!;
      for (let m = 0; m < neuron.dim; m++) {
        let s = 0;
        for (let j = 0; j < d; j++) s += Z[m * d + j] * neuron.gradient[j];
        rhs[neuron.at + m] = -s;
      }
    }
    if (offset) for (let i = 0; i < n; i++) for (let o = 0; o < c; o++) rhs[stacked + o] += V[i * c + o];
    if (size === 0) return false;
    if (this.singleOutput && !offset && this.q === d && size > 1.2 * n) {
      this.solveByRows(rhs, damping);
    } else {
      const system = new PositiveSystem(size, this.problem.kernels);
      try {
        system.clear();
        if (!this.assemble(system.matrix, size, stacked, damping) || !system.factor(this.stop)) return false;
        system.solve(rhs);
      } finally {
        system.dispose();
      }
    }
    for (const neuron of this.neurons) {
      const Z = neuron.basis!;
      neuron.du.fill(0);
      for (let m = 0; m < neuron.dim; m++) {
        const value = rhs[neuron.at + m];
        for (let j = 0; j < d; j++) neuron.du[j] += value * Z[m * d + j];
      }
    }
    this.doffset.fill(0);
    if (offset) for (let o = 0; o < c; o++) this.doffset[o] = rhs[stacked + o];
    for (let i = 0; i < size; i++) if (!Number.isFinite(rhs[i])) return false;
    return true;
  }

  /** The Newton system (lower triangle, order `size`, offsets from `stacked` on) with its damping into A, which is zero; false when stopped. */
  private assemble(A: Float64Array, size: number, stacked: number, damping: number): boolean {
    const { c, n, H } = this;
    const { beta, offset } = this.problem;
    let widest = 0;
    for (const { dim } of this.neurons) widest = Math.max(widest, dim);
    const P = new Float64Array(widest * n);
    const Q = new Float64Array(widest * n);
    const mine = new Int32Array(n);
    const theirs = new Int32Array(n);
    const weights = new Float64Array(n);
    for (let a = 0; a < this.neurons.length; a++) {
      const g = this.neurons[a];
      if (this.stop()) return false;
      for (let b = 0; b <= a; b++) {
        const h = this.neurons[b];
        // rows that both are on for: both lists ascend
        let common = 0;
        for (let r = 0, s = 0; r < g.on.length && s < h.on.length;) {
          const difference = g.on[r] - h.on[s];
          if (difference === 0) {
            mine[common] = r;
            theirs[common++] = s;
          }
          if (difference <= 0) r++;
          if (difference >= 0) s++;
        }
        for (let k = 0; k < common; k++) weights[k] = H[(g.on[mine[k]] * c + g.output) * c + h.output];
        for (let x = 0; x < g.dim; x++) {
          const from = x * g.on.length;
          const to = x * common;
          for (let k = 0; k < common; k++) P[to + k] = weights[k] * g.features[from + mine[k]];
        }
        for (let y = 0; y < h.dim; y++) {
          const from = y * h.on.length;
          const to = y * common;
          for (let k = 0; k < common; k++) Q[to + k] = h.features[from + theirs[k]];
        }
        addOuterProducts(P, g.dim, Q, h.dim, common, A, g.at, h.at, size, a === b);
      }
      if (offset) {
        for (let r = 0; r < g.on.length; r++) {
          const i = g.on[r];
          for (let o = 0; o < c; o++) {
            const weight = H[(i * c + o) * c + g.output];
            const row = (stacked + o) * size + g.at;
            for (let x = 0; x < g.dim; x++) A[row + x] += weight * g.features[x * g.on.length + r];
          }
        }
      }
      this.addCurvature(g, A, size, beta);
    }
    if (offset) {
      for (let i = 0; i < n; i++) {
        for (let o = 0; o < c; o++) {
          for (let p = 0; p <= o; p++) A[(stacked + o) * size + stacked + p] += H[(i * c + o) * c + p];
        }
      }
    }
    let trace = 0;
    for (let i = 0; i < size; i++) trace += A[i * size + i];
    const shift = Math.max(damping, 1e-14) * (trace / size);
    for (let i = 0; i < size; i++) A[i * size + i] += shift;
    return true;
  }

  /** sign X Z on the on-rows, dim x on.length; kept while neither basis nor activity changes. */
  private ensureFeatures(neuron: Neuron): void {
    const { dim, on } = neuron;
    const Z = neuron.basis!;
    if (neuron.featuresBasis === Z && neuron.featuresOn === on) return;
    const { d } = this;
    const x = this.problem.X.data;
    const features = new Float64Array(on.length * dim);
    for (let m = 0; m < dim; m++) {
      const column = m * d;
      for (let a = 0; a < on.length; a++) {
        const from = on[a] * d;
        let s = 0;
        for (let j = 0; j < d; j++) s += x[from + j] * Z[column + j];
        features[m * on.length + a] = neuron.sign * s;
      }
    }
    neuron.features = features;
    neuron.featuresBasis = Z;
    neuron.featuresOn = on;
  }

  /** A += Z' (beta / ||u||) (P - q q') Z on the neuron's diagonal block, lower triangle; P drops an unpenalised coordinate. */
  private addCurvature(neuron: Neuron, A: Float64Array, size: number, beta: number): void {
    const { d, q } = this;
    const { dim, at, norm } = neuron;
    if (!(norm > 0)) return;
    const Z = neuron.basis!;
    const zq = new Float64Array(dim);
    for (let m = 0; m < dim; m++) {
      let s = 0;
      for (let j = 0; j < q; j++) s += Z[m * d + j] * neuron.q[j];
      zq[m] = s;
    }
    const curvature = beta / norm;
    for (let x = 0; x < dim; x++) {
      for (let y = 0; y <= x; y++) {
        let s = x === y ? 1 : 0;
        if (q < d) s -= Z[x * d + d - 1] * Z[y * d + d - 1];
        A[(at + x) * size + at + y] += curvature * (s - zq[x] * zq[y]);
      }
    }
  }

  /**
   * The same system when it is larger than n: with K' = diag(beta / ||u||) + F'HF by the Woodbury formula (n x n), and the missing
   * -(beta / ||u||) q q' of every neuron as a correction of rank m.
   */
  private solveByRows(rhs: Float64Array, damping: number): void {
    const { n, H, d } = this;
    const { beta } = this.problem;
    const { neurons } = this;
    const m = neurons.length;
    const root = new Float64Array(n);
    for (let i = 0; i < n; i++) root[i] = Math.sqrt(Math.max(0, H[i]));
    const weight = neurons.map(({ norm }) => beta / norm);
    const M = new Float64Array(n * n);
    neurons.forEach((g, a) => {
      const inverse = 1 / weight[a];
      const { dim, on, features } = g;
      const byRow = new Float64Array(on.length * dim);
      for (let x = 0; x < dim; x++)
        for (let r = 0; r < on.length; r++) byRow[r * dim + x] = features[x * on.length + r];
      const block = new Float64Array(on.length * on.length);
      addOuterProducts(byRow, on.length, byRow, on.length, dim, block, 0, 0, on.length, true);
      for (let r = 0; r < on.length; r++) {
        const row = on[r] * n;
        for (let s = 0; s <= r; s++) M[row + on[s]] += inverse * block[r * on.length + s];
      }
    });
    for (let i = 0; i < n; i++) {
      for (let j = 0; j <= i; j++) M[i * n + j] *= root[i] * root[j];
      M[i * n + i] += 1;
    }
    if (!factorSpd(M, n, this.stop)) {
      rhs.fill(NaN);
      return;
    }
    const rows = new Float64Array(n);
    const solve = (x: Float64Array): void => {
      rows.fill(0);
      neurons.forEach((g, a) => {
        for (let y = 0; y < g.dim; y++) x[g.at + y] /= weight[a];
        for (let y = 0; y < g.dim; y++) {
          const value = x[g.at + y];
          for (let r = 0, at = y * g.on.length; r < g.on.length; r++) rows[g.on[r]] += value * g.features[at + r];
        }
      });
      for (let i = 0; i < n; i++) rows[i] *= root[i];
      solveSpd(M, n, rows);
      for (let i = 0; i < n; i++) rows[i] *= root[i];
      neurons.forEach((g, a) => {
        for (let y = 0; y < g.dim; y++) {
          let s = 0;
          for (let r = 0, at = y * g.on.length; r < g.on.length; r++) s += rows[g.on[r]] * g.features[at + r];
          x[g.at + y] -= s / weight[a];
        }
      });
    };
    const radial = neurons.map((g, a) => {
      const column = new Float64Array(rhs.length);
      for (let y = 0; y < g.dim; y++) {
        let s = 0;
        for (let j = 0; j < d; j++) s += g.basis![y * d + j] * g.q[j];
        column[g.at + y] = s;
      }
      const solved = column.slice();
      solve(solved);
      return { column, solved, weight: weight[a] };
    });
    const S = new Float64Array(m * m);
    for (let a = 0; a < m; a++) {
      for (let b = 0; b <= a; b++) {
        let s = 0;
        const g = neurons[a];
        for (let y = 0; y < g.dim; y++) s += radial[a].column[g.at + y] * radial[b].solved[g.at + y];
        S[a * m + b] = -s;
      }
      S[a * m + a] += (1 / weight[a]) * (1 + damping);
    }
    factorSpd(S, m);
    solve(rhs);
    const inner = new Float64Array(m);
    for (let a = 0; a < m; a++) {
      const g = neurons[a];
      for (let y = 0; y < g.dim; y++) inner[a] += radial[a].column[g.at + y] * rhs[g.at + y];
    }
    solveSpd(S, m, inner);
    for (let a = 0; a < m; a++) {
      const { solved } = radial[a];
      for (let y = 0; y < rhs.length; y++) rhs[y] += inner[a] * solved[y];
    }
  }

  /** Derivative of the objective along (du, doffset) at step tau, with the fit and its slope there. */
  private slope(tau: number, F: Float64Array, F1: Float64Array): number {
    const { beta, datafit } = this.problem;
    datafit.gradient(F, this.trialV);
    let s = 0;
    for (let i = 0; i < F.length; i++) s += this.trialV[i] * F1[i];
    for (const neuron of this.neurons) {
      let uu = 0;
      let ud = 0;
      for (let j = 0; j < this.q; j++) {
        const value = neuron.u[j] + tau * neuron.du[j];
        uu += value * value;
        ud += value * neuron.du[j];
      }
      if (uu > 0) s += (beta * ud) / Math.sqrt(uu);
    }
    return s;
  }

  /** Moves along the direction to the first minimum, at most one full step; true when the step ends on a kink that is now held. */
  private lineSearch(): boolean {
    const { n, c, d, F, F1, trial } = this;
    const { classes } = this.problem;
    for (let i = 0; i < n; i++) for (let o = 0; o < c; o++) F1[i * c + o] = this.doffset[o];
    interface Break {
      tau: number;
      neuron: Neuron;
      k: number;
    }
    const breaks: Break[] = [];
    let scale = 0;
    for (const neuron of this.neurons) {
      this.products(neuron, neuron.du, neuron.dt);
      let length = 0;
      for (let j = 0; j < d; j++) length += neuron.du[j] * neuron.du[j];
      length = Math.sqrt(length);
      scale = Math.max(scale, length);
      for (const k of neuron.held) neuron.dt[k] = 0;
      for (const i of neuron.on) {
        F1[i * c + neuron.output] += neuron.sign * classes.scale[i] * neuron.dt[classes.classOf[i]];
      }
      for (let k = 0; k < classes.count && !neuron.linear; k++) {
        const side = neuron.side[k];
        if (side === 0) continue;
        if (side * neuron.dt[k] >= -1e-13 * length) continue;
        const tau = Math.max(0, -neuron.t[k] / neuron.dt[k]);
        if (tau <= 1) breaks.push({ tau, neuron, k });
      }
    }
    if (!(scale > 0) && this.doffset.every((value) => value === 0)) return false;
    breaks.sort((a, b) => a.tau - b.tau);
    trial.set(F);
    let tau = 0;
    let held: Break | undefined;
    const advance = (to: number): void => {
      const step = to - tau;
      if (step !== 0) for (let i = 0; i < trial.length; i++) trial[i] += step * F1[i];
      tau = to;
    };
    const flips: Break[] = [];
    for (let b = 0; ; b++) {
      const end = b < breaks.length ? breaks[b].tau : 1;
      // look at the slope just before the end of this piece
      const from = tau;
      advance(end);
      if (end > from && this.slope(end, trial, F1) > 0) {
        // the minimum lies inside the piece: regula falsi with bisection (Illinois)
        let low = from;
        let high = end;
        advance(from);
        let sLow = this.slope(low, trial, F1);
        if (sLow >= 0) break;
        advance(end);
        let sHigh = this.slope(high, trial, F1);
        for (let round = 0; round < 60 && high - low > 1e-15 * high; round++) {
          let middle = low - (sLow * (high - low)) / (sHigh - sLow);
          if (!(middle > low && middle < high)) middle = 0.5 * (low + high);
          advance(middle);
          const s = this.slope(middle, trial, F1);
          if (Math.abs(s) <= 1e-14 * Math.abs(sLow)) break;
          if (s < 0) {
            low = middle;
            sLow = s;
            sHigh *= 0.5;
          } else {
            high = middle;
            sHigh = s;
            sLow *= 0.5;
          }
        }
        break;
      }
      if (b >= breaks.length) break;
      const { neuron, k } = breaks[b];
      if (neuron.cell !== undefined) {
        held = breaks[b];
        break;
      }
      // cross: rows of the class switch
      for (let m = classes.start[k]; m < classes.start[k + 1]; m++) {
        const i = classes.rows[m];
        const change = neuron.sign * classes.scale[i] * neuron.dt[k];
        F1[i * c + neuron.output] += neuron.side[k] * classes.scale[i] > 0 ? -change : change;
      }
      if (this.slope(tau, trial, F1) >= 0) {
        held = breaks[b];
        break;
      }
      neuron.side[k] = neuron.side[k] > 0 ? -1 : 1;
      flips.push(breaks[b]);
    }
    const before = this.objective;
    const saved = this.neurons.map(({ u }) => u);
    for (const neuron of this.neurons) {
      const u = neuron.u.slice();
      for (let j = 0; j < d; j++) u[j] += tau * neuron.du[j];
      neuron.u = u;
    }
    for (let o = 0; o < c; o++) this.offset[o] += tau * this.doffset[o];
    if (held !== undefined) this.hold(held.neuron, held.k);
    for (const neuron of this.neurons) this.clean(neuron);
    this.refresh();
    if (this.objective > before + 1e-13 * Math.abs(before)) {
      // rounding only, but the objective must never rise
      this.neurons.forEach((neuron, a) => {
        neuron.u = saved[a];
      });
      for (let o = 0; o < c; o++) this.offset[o] -= tau * this.doffset[o];
      for (const { neuron, k } of flips) neuron.side[k] = neuron.side[k] > 0 ? -1 : 1;
      for (const neuron of this.neurons) this.clean(neuron);
      this.refresh();
      return held !== undefined;
    }
    return held !== undefined;
  }

  /** Removes neurons that are better off at zero and adds up those that no row separates. */
  private tidy(): boolean {
    let changed = false;
    let total = 0;
    for (const neuron of this.neurons) total += neuron.norm;
    for (let a = this.neurons.length - 1; a >= 0; a--) {
      const neuron = this.neurons[a];
      if (neuron.norm > 1e-2 * (total / this.neurons.length) && neuron.norm > 0) continue;
      const rest = this.neurons.filter((other) => other !== neuron);
      if (this.q < this.d && !(neuron.norm > 0)) {
        this.neurons = rest;
        this.refresh();
        changed = true;
        continue;
      }
      const value = this.evaluate(rest, this.offset, this.trial);
      if (value <= this.objective) {
        this.neurons = rest;
        this.refresh();
        changed = true;
      }
    }
    for (let a = 0; a < this.neurons.length; a++) {
      for (let b = this.neurons.length - 1; b > a; b--) {
        const first = this.neurons[a];
        const second = this.neurons[b];
        if (first.sign !== second.sign || first.output !== second.output) continue;
        if (first.cell !== second.cell || (first.cell !== undefined && first.tag !== second.tag)) continue;
        if (!compatible(first, second)) continue;
        this.mergeInto(first, second);
        this.neurons.splice(b, 1);
        this.refresh();
        changed = true;
      }
    }
    return changed;
  }

  private mergeInto(first: Neuron, second: Neuron): void {
    const u = first.u.slice();
    for (let j = 0; j < this.d; j++) u[j] += second.u[j];
    first.u = u;
    first.held = first.held.filter((k) => second.held.includes(k));
    first.basis = undefined;
    for (let k = 0; k < first.side.length; k++) if (first.side[k] === 0) first.side[k] = second.side[k];
    // classes held by one and dependent in the other keep side 0 only when held
    this.products(first, u, first.t);
    for (let k = 0; k < first.side.length; k++) {
      if (first.side[k] === 0 && !first.held.includes(k)) first.side[k] = first.t[k] > 0 ? 1 : -1;
    }
    this.clean(first);
  }
}

/** No row class has the two neurons strictly on different sides. */
function compatible(first: Neuron, second: Neuron): boolean {
  const near = 1e-13;
  for (let k = 0; k < first.side.length; k++) {
    if (first.side[k] * second.side[k] < 0) {
      if (Math.abs(first.t[k]) > near * first.norm && Math.abs(second.t[k]) > near * second.norm) return false;
    }
  }
  return true;
}
