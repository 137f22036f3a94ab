import { type Kernels, KernelsInterrupted, type RowOperator, type RowSpan } from '../../base/kernels/kernels.ts';
import { createReferenceKernels } from '../../base/kernels/reference.ts';
import { type DenseMatrix, norm2 } from '../../base/linalg/matrix.ts';
import type { Datafit } from '../../problem/datafits/datafit.ts';
import { Complement } from '../../base/linalg/nullBasis.ts';
import { PairBlocks } from './pairBlocks.ts';
import { rootOf } from './rootOf.ts';
import type { RowClasses } from '../../problem/patterns/rowClasses.ts';

/** One neuron in the coordinates of the convex program: u = |a| w, feeding one output with one sign. */
export interface NeuronSeed {
  readonly u: Float64Array;
  readonly sign: 1 | -1;
  readonly output: number;
  /** Caller's mark (e.g. the index of the gate). */
  readonly tag?: number;
}

/** min over neurons and offset of  l(sum_j sign_j (X u_j)_+ + offset) + beta sum_j ||u_j||. */
export interface LocalProblem {
  /** n x d effective inputs. */
  readonly X: DenseMatrix;
  readonly classes: RowClasses;
  /** Columns in the norm: d, or d - 1. */
  readonly penalizedCols: number;
  readonly datafit: Datafit;
  readonly beta: number;
  readonly offset: boolean;
  /** Where matrix products are done; plain TypeScript when left out. */
  readonly kernels?: Kernels | undefined;
}

export interface Neuron {
  u: Float64Array;
  readonly sign: 1 | -1;
  readonly output: number;
  /** Side of every class: +1, -1, or 0 while it is held on the hyperplane. */
  readonly side: Int8Array;
  /** Held classes, independent; and their multipliers, as far as they are known. */
  held: number[];
  multipliers: Float64Array;
  /** direction_k'u for every class, and the same for the step. */
  readonly t: Float64Array;
  readonly dt: Float64Array;
  readonly du: Float64Array;
  /** Rows that are on, ascending. */
  on: Int32Array;
  /** The directions that keep the held classes; undefined when it has to be made anew. */
  along: Complement | undefined;
  /** Held classes that the next Newton step may let go; the others it keeps. */
  loose: readonly number[];
  /** Place of its coordinates in the Newton system. */
  at: number;
  /** Norm of the penalised part of u, and the unit vector along it. */
  norm: number;
  readonly unit: Float64Array;
  readonly gradient: Float64Array;
}

/** A start within this distance (cosine) of a hyperplane is put onto it. */
const startsOnKink = 1e-11;
/** Squared part of a direction outside the span of held ones below which it depends on them. */
const dependent = 1e-18;
/** Rows nearer to a hyperplane than this, relative to the norm, do not keep two neurons apart. */
const separates = 1e-13;
/** Neurons smaller than this, relative to the mean, are tried at zero. */
const small = 1e-2;
/** The mean counts as this share of the largest that it has been at least: all may vanish together. */
const vanished = 1e-3;
/** Rows whose inner products are made without a look for a stop. */
const rowsAtOnce = 64;
/** Rows whose products with all neurons are held at a time. */
const blockOfRows = 8192;
/** Relative size of what is lost in rounding. */
const rounding = 2 ** -53;

/** The neurons of a network that is being trained, with what depends on them: sides of rows, fit and objective. */
export class ActiveNeurons {
  readonly n: number;
  readonly d: number;
  readonly c: number;
  neurons: Neuron[] = [];
  readonly offset: Float64Array;
  /** Fit, n x c. */
  readonly F: Float64Array;
  objective = Infinity;
  /** Largest mean norm so far. */
  private usual = 0;
  private readonly trial: Float64Array;
  private readonly slopes: Float64Array;
  private readonly onRows: Int32Array;
  /** Sign of the scale of every row, and one over the scale. */
  private readonly orientation: Int8Array;
  private readonly unscale: Float64Array;
  readonly kernels: Kernels;
  private operator: RowOperator | undefined;
  private pairs: PairBlocks | undefined;
  private stacked = new Float64Array(0);
  private scratch: Float64Array | undefined;
  private inner: Float64Array | undefined;

  /** `shouldStop`: looked at between blocks of rows, each way through which may take long; from a stop on only `kept` counts. */
  constructor(
    readonly problem: LocalProblem,
    private readonly shouldStop?: () => boolean,
  ) {
    this.n = problem.X.rows;
    this.d = problem.X.cols;
    this.c = problem.datafit.outputs;
    this.offset = new Float64Array(this.c);
    this.F = new Float64Array(this.n * this.c);
    this.trial = new Float64Array(this.n * this.c);
    this.slopes = new Float64Array(this.n * this.c);
    // one more is written where no row is on any more
    this.onRows = new Int32Array(this.n + 1);
    this.orientation = new Int8Array(this.n);
    for (let i = 0; i < this.n; i++) this.orientation[i] = Math.sign(problem.classes.scale[i]);
    this.unscale = problem.classes.scale.map((scale) => 1 / scale);
    this.kernels = problem.kernels ?? createReferenceKernels();
  }

  /** Products with X while `work` runs. */
  withOperator<T>(work: (operator: RowOperator, kernels: Kernels) => T): T {
    if (this.operator !== undefined) return work(this.operator, this.kernels);
    const operator = this.kernels.createRowOperator(this.problem.X);
    this.operator = operator;
    try {
      return work(operator, this.kernels);
    } finally {
      this.operator = undefined;
      this.pairs?.dispose();
      this.pairs = undefined;
      if (this.scratch !== undefined) this.kernels.free(this.scratch);
      this.scratch = undefined;
      operator.dispose();
    }
  }

  /** X' D_a H D_b X for all pairs of neurons, as `PairBlocks` keeps them from step to step. */
  pairBlocks(H: Float64Array): Float64Array {
    return this.withOperator((operator, kernels) => {
      this.pairs ??= new PairBlocks(this.n, this.d, this.c, kernels);
      return this.pairs.of(this.neurons, H, operator);
    });
  }

  /** Ends what is under way when there is a stop. @throws {KernelsInterrupted} then */
  poll(): void {
    if (this.shouldStop?.() === true) throw new KernelsInterrupted();
  }

  /** X X', n x n, made once; undefined when stopped. */
  innerProducts(shouldStop: () => boolean): Float64Array | undefined {
    if (this.inner !== undefined) return this.inner;
    const { n, d } = this;
    const x = this.problem.X.data;
    const inner = new Float64Array(n * n);
    for (let i = 0; i < n; i += rowsAtOnce) {
      if (shouldStop()) return undefined;
      const count = Math.min(rowsAtOnce, n - i);
      const part = inner.subarray(i * n, (i + count) * n);
      this.withOperator((operator) => operator.products(x.subarray(i * d, (i + count) * d), count, part));
    }
    return (this.inner = inner);
  }

  /** Replaces the neurons; those with u = 0 are left out. */
  set(seeds: readonly NeuronSeed[], offset?: ArrayLike<number>): void {
    this.neurons = [];
    this.usual = 0;
    if (offset !== undefined) this.offset.set(offset);
    this.place(seeds);
    this.refresh();
  }

  seeds(): NeuronSeed[] {
    return this.neurons.map(({ u, sign, output }) => ({ u: u.slice(), sign, output }));
  }

  /** Adds neurons at their starts; those with u = 0 are left out. */
  private place(seeds: readonly NeuronSeed[]): void {
    const { classes } = this.problem;
    const placed = seeds.filter(({ u }) => norm2(u) > 0).map((seed) => this.created(seed));
    this.multiply(placed, ({ u }) => u, ({ t }) => t); // prettier-ignore
    for (const neuron of placed) {
      this.poll();
      const length = norm2(neuron.u);
      const { t, side } = neuron;
      const near = startsOnKink * length;
      for (let k = 0; k < classes.count; k++) {
        side[k] = t[k] > 0 ? 1 : -1;
        if (Math.abs(t[k]) <= near) this.hold(neuron, k);
      }
    }
    this.clean(placed.filter(({ held }) => held.length > 0));
    for (const neuron of placed) {
      if (neuron.held.length === 0) this.settle(neuron);
      if (neuron.norm > 0 || neuron.u.some((value) => value !== 0)) this.neurons.push(neuron);
    }
  }

  private created(seed: NeuronSeed): Neuron {
    const { classes } = this.problem;
    const { d } = this;
    let dt: Float64Array | undefined;
    return {
      u: seed.u.slice(),
      sign: seed.sign,
      output: seed.output,
      side: new Int8Array(classes.count),
      held: [],
      multipliers: new Float64Array(0),
      t: new Float64Array(classes.count),
      // steps that count kinks together do without
      get dt() {
        return (dt ??= new Float64Array(classes.count));
      },
      du: new Float64Array(d),
      on: new Int32Array(0),
      along: undefined,
      loose: [],
      at: 0,
      norm: 0,
      unit: new Float64Array(d),
      gradient: new Float64Array(d),
    };
  }

  /** out(neuron) := direction_k'vector for every class k, for all neurons at once. */
  multiply(
    neurons: readonly Neuron[],
    vector: (neuron: Neuron) => Float64Array,
    out: (neuron: Neuron) => Float64Array,
  ): void {
    const { n, d, unscale } = this;
    const { count, plain, start, rows } = this.problem.classes;
    const m = neurons.length;
    if (m === 0) return;
    if (this.stacked.length < m * d) this.stacked = new Float64Array(m * d);
    const { stacked } = this;
    neurons.forEach((neuron, j) => stacked.set(vector(neuron), j * d));
    const targets = neurons.map(out);
    this.withOperator((operator) => {
      let first = 0;
      for (const span of blocksOfRows(n)) {
        this.poll();
        const { from, to } = span;
        const products = this.room(m * (to - from));
        operator.products(stacked, m, products, span);
        // classes are in the order of their first rows
        let last = first;
        while (last < count && rows[start[last]] < to) last++;
        targets.forEach((target, j) => {
          const at = j * (to - from) - from;
          if (plain) for (let k = first; k < last; k++) target[k] = products[at + k] * unscale[k];
          else for (let k = first; k < last; k++) target[k] = products[at + rows[start[k]]] * unscale[rows[start[k]]];
        });
        first = last;
      }
    });
  }

  /** Room for so many numbers, used again and again, with the kernels as long as they have the data. */
  room(length: number): Float64Array {
    if (this.scratch === undefined || this.scratch.length < length) {
      if (this.scratch !== undefined) this.kernels.free(this.scratch);
      this.scratch = this.kernels.alloc(length);
    }
    return this.scratch;
  }

  /** Holds class k when it does not depend on those held already. */
  hold(neuron: Neuron, k: number): boolean {
    if (neuron.held.includes(k)) return true;
    if (neuron.held.length >= this.d - 1) return false;
    const direction = this.problem.classes.direction(k);
    const along = this.alongHeld(neuron);
    if (along.squares(direction, 0) <= dependent) return false;
    neuron.held.push(k);
    neuron.side[k] = 0;
    along.add(direction, 0);
    return true;
  }

  /** Lets class k go to a side. */
  release(neuron: Neuron, k: number, side: 1 | -1): void {
    neuron.held = neuron.held.filter((other) => other !== k);
    neuron.side[k] = side;
    neuron.along = undefined;
    this.markRows(neuron);
  }

  /** The directions along all hyperplanes that hold a neuron. */
  alongHeld(neuron: Neuron): Complement {
    if (neuron.along === undefined) {
      neuron.along = new Complement(this.d);
      for (const k of neuron.held) neuron.along.add(this.problem.classes.direction(k), 0);
    }
    return neuron.along;
  }

  /** What a Newton step may change of a neuron: it keeps the held classes that are not loose. */
  alongFirm(neuron: Neuron): Complement {
    const { held, loose } = neuron;
    if (loose.length === 0) return this.alongHeld(neuron);
    const along = new Complement(this.d);
    for (const k of held) if (!loose.includes(k)) along.add(this.problem.classes.direction(k), 0);
    return along;
  }

  /** Steps of neurons along their held hyperplanes to the last digit: where kinks depend on each other a step is known less well. */
  straighten(): void {
    const bent = this.neurons.filter(({ held }) => held.length > 0);
    for (const neuron of bent) neuron.du.set(this.alongHeld(neuron).project(neuron.du));
    this.multiply(bent, ({ du }) => du, ({ dt }) => dt); // prettier-ignore
    for (const { held, dt } of bent) for (const k of held) dt[k] = 0;
  }

  /** Puts neurons back onto their held hyperplanes, and brings products, activity and norms up to date. */
  clean(neurons: readonly Neuron[]): void {
    for (const neuron of neurons) if (neuron.held.length > 0) neuron.u = this.alongHeld(neuron).project(neuron.u);
    this.multiply(neurons, ({ u }) => u, ({ t }) => t); // prettier-ignore
    for (const neuron of neurons) this.settle(neuron);
  }

  /** Brings activity and norm of a neuron up to date with its products. */
  private settle(neuron: Neuron): void {
    this.poll();
    const { classes, penalizedCols } = this.problem;
    const { u, unit, t, side } = neuron;
    let squares = 0;
    for (let j = 0; j < penalizedCols; j++) squares += u[j] * u[j];
    neuron.norm = Math.sqrt(squares);
    for (let j = 0; j < penalizedCols; j++) unit[j] = neuron.norm > 0 ? u[j] / neuron.norm : 0;
    for (const k of neuron.held) t[k] = 0;
    for (let k = 0; k < classes.count; k++) if (side[k] * t[k] < 0) side[k] = t[k] > 0 ? 1 : -1;
    this.markRows(neuron);
  }

  private markRows(neuron: Neuron): void {
    const { classOf, plain, scale } = this.problem.classes;
    const { side } = neuron;
    const { n, onRows, orientation } = this;
    let count = 0;
    if (plain) {
      // without a branch that half of the rows take
      for (let i = 0; i < n; i++) {
        onRows[count] = i;
        count += (side[i] * orientation[i] + 1) >> 1;
      }
    } else {
      for (let i = 0; i < n; i++) {
        const k = classOf[i];
        if (k >= 0 && side[k] * scale[i] > 0) onRows[count++] = i;
      }
    }
    if (neuron.on.length !== count) neuron.on = new Int32Array(count);
    neuron.on.set(onRows.subarray(0, count));
  }

  /** Fit and objective from scratch. */
  refresh(): void {
    this.objective = this.evaluate(this.neurons, this.F);
  }

  private evaluate(neurons: readonly Neuron[], F: Float64Array): number {
    const { n, c, offset } = this;
    const { classes, datafit, beta } = this.problem;
    const { classOf, scale } = classes;
    if (this.problem.offset) for (let i = 0; i < n; i++) for (let o = 0; o < c; o++) F[i * c + o] = offset[o];
    else F.fill(0, 0, n * c);
    let penalty = 0;
    for (const { norm } of neurons) penalty += norm;
    // all neurons on one block of rows after the other
    const next = new Int32Array(neurons.length);
    for (const { to } of blocksOfRows(n)) {
      this.poll();
      neurons.forEach(({ on, t, sign, output }, j) => {
        let a = next[j];
        for (; a < on.length && on[a] < to; a++) {
          const i = on[a];
          F[i * c + output] += sign * scale[i] * t[classOf[i]];
        }
        next[j] = a;
      });
    }
    return datafit.value(F) + beta * penalty;
  }

  /** Adds a neuron along `seed.u` with the length that minimises the objective; false when no positive length lowers it. */
  insert(seed: NeuronSeed): boolean {
    const { n, c } = this;
    const { classes, datafit, beta } = this.problem;
    const before = this.neurons.length;
    this.place([seed]);
    if (this.neurons.length === before) return false;
    const neuron = this.neurons[before];
    const phi = new Float64Array(n);
    for (const i of neuron.on) phi[i] = neuron.sign * classes.scale[i] * neuron.t[classes.classOf[i]];
    const derivative = (length: number): number => {
      this.poll();
      this.trial.set(this.F);
      for (let i = 0; i < n; i++) this.trial[i * c + neuron.output] += length * phi[i];
      datafit.gradient(this.trial, this.slopes);
      let s = beta * neuron.norm;
      for (let i = 0; i < n; i++) s += this.slopes[i * c + neuron.output] * phi[i];
      return s;
    };
    if (!(derivative(0) < 0)) {
      this.neurons.pop();
      return false;
    }
    const length = rootOf(derivative);
    for (let j = 0; j < this.d; j++) neuron.u[j] *= length;
    this.clean([neuron]);
    const value = this.objective;
    this.refresh();
    if (this.objective < value) return true;
    this.neurons.pop();
    this.refresh();
    return false;
  }

  /** Removes neurons that are better off at zero and adds up those that no row separates. */
  tidy(): boolean {
    const before = this.neurons.length;
    let total = 0;
    for (const neuron of this.neurons) total += neuron.norm;
    const mean = total / Math.max(1, this.neurons.length);
    this.usual = Math.max(this.usual, mean);
    const trial = small * Math.max(mean, vanished * this.usual);
    for (let a = this.neurons.length - 1; a >= 0; a--) {
      const neuron = this.neurons[a];
      if (neuron.norm > trial && this.problem.beta * neuron.norm > rounding * Math.abs(this.objective)) continue;
      const rest = this.neurons.filter((other) => other !== neuron);
      // a neuron without penalised weights is a constant, which the offset takes over
      const constant = this.problem.offset && this.problem.penalizedCols < this.d && !(neuron.norm > 0);
      // one whose penalty is lost in rounding may go when what it adds to the loss is, too
      const lost = this.problem.beta * neuron.norm <= rounding * Math.abs(this.objective);
      const limit = this.objective + (lost ? 8 * rounding * Math.abs(this.objective) : 0);
      if (constant) this.offset[neuron.output] += this.valueOfConstant(neuron);
      else if (this.evaluate(rest, this.trial) > limit) continue;
      this.neurons = rest;
      this.refresh();
    }
    for (let a = 0; a < this.neurons.length; a++) {
      for (let b = this.neurons.length - 1; b > a; b--) {
        this.poll();
        const [first, second] = [this.neurons[a], this.neurons[b]];
        if (first.sign !== second.sign || first.output !== second.output || !compatible(first, second)) continue;
        this.mergeInto(first, second);
        this.neurons.splice(b, 1);
        this.refresh();
      }
    }
    return this.neurons.length !== before;
  }

  /** What a neuron without penalised weights adds to every row: the free input is the same in all. */
  private valueOfConstant({ on, t, sign }: Neuron): number {
    const { classOf, scale } = this.problem.classes;
    return on.length === 0 ? 0 : sign * scale[on[0]] * t[classOf[on[0]]];
  }

  private mergeInto(first: Neuron, second: Neuron): void {
    first.u = first.u.map((value, j) => value + second.u[j]);
    first.held = first.held.filter((k) => second.held.includes(k));
    first.along = undefined;
    for (let k = 0; k < first.side.length; k++) if (first.side[k] === 0) first.side[k] = second.side[k];
    // classes held by one and dependent in the other keep side 0 only when held
    this.multiply([first], ({ u }) => u, ({ t }) => t); // prettier-ignore
    for (let k = 0; k < first.side.length; k++) {
      if (first.side[k] === 0 && !first.held.includes(k)) first.side[k] = first.t[k] > 0 ? 1 : -1;
    }
    this.clean([first]);
  }
}

/** All rows, so many at a time. */
export function blocksOfRows(n: number): RowSpan[] {
  return Array.from({ length: Math.ceil(n / blockOfRows) }, (_, k) => {
    return { from: k * blockOfRows, to: Math.min(n, (k + 1) * blockOfRows) };
  });
}

/** No row class has the two neurons strictly on different sides. */
function compatible(first: Neuron, second: Neuron): boolean {
  for (let k = 0; k < first.side.length; k++) {
    if (first.side[k] * second.side[k] >= 0) continue;
    if (Math.abs(first.t[k]) > separates * first.norm && Math.abs(second.t[k]) > separates * second.norm) return false;
  }
  return true;
}
