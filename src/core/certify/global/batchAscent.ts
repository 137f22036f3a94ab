import { pollInterrupt } from '../../base/kernels/interrupt.ts';
import { type Kernels, KernelsInterrupted, type ReluLayer } from '../../base/kernels/kernels.ts';
import { type DenseMatrix, rowOf } from '../../base/linalg/matrix.ts';

/** Where an ascent of one direction has come to. */
export interface Ascended {
  /** sign * v'(Xu)_+ at the direction. */
  readonly value: number;
  /** Effective inputs, norm 1 over the penalised columns. */
  readonly direction: Float64Array;
  /** How many of the starts ended here. */
  readonly starts: number;
}

export interface AscentOptions {
  readonly sign: 1 | -1;
  /** Columns in the norm. */
  readonly penalizedCols: number;
  /** Values of interest. */
  readonly above: number;
}

/** Directions whose cosine is above this on the way have met, and go on as one. */
const met = 1 - 1e-6;
/** Steps after which those that have met are looked for, and the share of the value of interest below which the others are given up. */
const meetings: ReadonlyMap<number, number> = new Map([
  [3, 0],
  [6, 0.4],
  [10, 0.6],
  [16, 0.8],
]);
/** A direction rests when a step gained less than this, relative to its value. */
const smallGain = 1e-5;
/** Factors of the step length after a step that climbed and one that did not; steps shorter than the smallest end an ascent. */
const longer = 1.6;
const shorter = 0.35;
const smallest = 1e-4;
const maxSteps = 24;
/** Entries of the data, of many rows, that are held in single precision at a time. */
const heldEntries = 2 ** 18;

/** Rows that directions are looked at on: all of X, or those at the places of `order`, which are few. */
export interface AscentRows {
  readonly kernels: Kernels;
  readonly X: DenseMatrix;
  readonly order: Int32Array | null;
}

/**
 * Ascends h(u) = sign * v'(Xu)_+ over norm 1 in the penalised columns from many starts at once, two matrix products a step. From u a step goes along
 * the gradient g within the tangent space: with the length 1 / h(u) to g / ||g||, which never falls where h is convex (the fixed-point iteration
 * for support functions); other lengths are shortened until they climb. Near kinks of rows that lose it comes close to a maximum only: `SphereAscent` ends there.
 * `starts` are rows of d numbers; those that cannot climb above 0 are left out, and those that stay well below `above`, unless all do. Best first; undefined when stopped.
 * Sums over rows are of single precision, and so are the values.
 */
export function ascendTogether(
  rows: AscentRows,
  v: Float64Array,
  starts: DenseMatrix,
  { sign, penalizedCols, above }: AscentOptions,
  shouldStop: () => boolean,
): Ascended[] | undefined {
  const d = starts.cols;
  let climbers = Array.from({ length: starts.rows }, (_, k) => new Direction(rowOf(starts, k).slice(), penalizedCols));
  climbers = climbers.filter((climber) => climber.valid);
  const U = new Float64Array(climbers.length * d);
  const G = new Float64Array(climbers.length * d);
  const slopes = new Slopes(rows, sign === 1 ? v : v.map((value) => -value), climbers.length);
  try {
    for (let step = 0; step < maxSteps; step++) {
      const moving = climbers.filter(({ resting }) => !resting);
      if (moving.length === 0) break;
      moving.forEach((climber, k) => climber.propose(U, k * d));
      slopes.of(U, moving.length, G);
      if (shouldStop()) return undefined;
      moving.forEach((climber, k) => climber.judge(G.subarray(k * d, (k + 1) * d)));
      const share = meetings.get(step);
      if (share !== undefined) climbers = unite(climbers).filter(({ value }, k) => k === 0 || value >= share * above);
    }
  } catch (error) {
    if (error instanceof KernelsInterrupted) return undefined;
    throw error;
  } finally {
    slopes.dispose();
  }
  return unite(climbers)
    .filter(({ value }) => value > 0)
    .map(({ value, u, starts: from }) => ({ value, direction: u, starts: from }))
    .sort((a, b) => b.value - a.value);
}

/** Slopes X'D v of directions u, D being the rows where X u > 0: neurons of a layer, whose output nobody asks for. */
class Slopes {
  private readonly layer: ReluLayer;
  private readonly rows: number;
  private readonly block: number;
  private readonly ones: Float64Array;
  private readonly fit: Float64Array;
  private readonly part: Float64Array;

  constructor(
    private readonly source: AscentRows,
    private readonly v: Float64Array,
    count: number,
  ) {
    const { kernels, X, order } = source;
    this.rows = v.length;
    this.block = order === null ? Math.min(this.rows, Math.max(1, Math.floor(heldEntries / X.cols))) : this.rows;
    this.ones = new Float64Array(count).fill(1);
    this.fit = new Float64Array(this.block);
    this.part = new Float64Array(count * X.cols);
    this.layer = kernels.createReluLayer(this.block, X.cols, new Int32Array(count), 1);
    if (this.block === this.rows) this.layer.load(X, order, 0, this.rows);
  }

  dispose(): void {
    this.layer.dispose();
  }

  /** Row k of `out` := the slope of row k of U, both of `count` rows. */
  of(U: Float64Array, count: number, out: Float64Array): void {
    const { layer, rows, block, v, ones, fit, part, source } = this;
    const whole = block === rows;
    const size = count * source.X.cols;
    if (!whole) out.fill(0, 0, size);
    for (let from = 0; from < rows; from += block) {
      pollInterrupt(source.kernels);
      const to = Math.min(rows, from + block);
      if (!whole) layer.load(source.X, source.order, from, to - from);
      layer.forward(U, ones, fit, count);
      layer.backward(v.subarray(from, to), whole ? out : part);
      if (!whole) for (let k = 0; k < size; k++) out[k] += part[k];
    }
  }
}

/** One of the directions on its way. */
class Direction {
  value = -Infinity;
  resting = false;
  starts = 1;
  readonly valid: boolean;
  readonly u: Float64Array;
  private readonly gradient: Float64Array;
  private readonly trial: Float64Array;
  private scale = 1;

  constructor(
    start: Float64Array,
    private readonly penalized: number,
  ) {
    this.trial = start;
    this.u = start.slice();
    this.gradient = new Float64Array(start.length);
    this.valid = this.normalise(start);
  }

  private normalise(u: Float64Array): boolean {
    let size = 0;
    for (let j = 0; j < this.penalized; j++) size += u[j] * u[j];
    size = Math.sqrt(size);
    if (!(size > 0) || !Number.isFinite(size)) return false;
    for (let j = 0; j < u.length; j++) u[j] /= size;
    return true;
  }

  /** Writes the next point to be looked at. */
  propose(U: Float64Array, at: number): void {
    const { u, trial, gradient, value, scale, penalized } = this;
    if (value > -Infinity) {
      let size = 0;
      for (let j = 0; j < penalized; j++) size += gradient[j] * gradient[j];
      // from a negative value straight to the best point of the cell
      const step = value > 0 ? scale / value : scale / Math.max(Math.sqrt(size), Number.MIN_VALUE);
      for (let j = 0; j < u.length; j++) trial[j] = u[j] + step * (gradient[j] - (j < penalized ? value * u[j] : 0));
      if (!this.normalise(trial)) trial.set(u);
    }
    U.set(trial, at);
  }

  /** Takes the point when it is higher: its value is u'g. */
  judge(gradient: Float64Array): void {
    let value = 0;
    for (let j = 0; j < gradient.length; j++) value += this.trial[j] * gradient[j];
    if (value > this.value) {
      const gain = value - this.value;
      this.u.set(this.trial);
      this.gradient.set(gradient);
      this.value = value;
      this.scale *= longer;
      if (gain <= smallGain * Math.abs(value)) this.resting = true;
    } else {
      this.scale *= shorter;
      if (this.scale < smallest) this.resting = true;
    }
  }
}

/** Of directions that have met, the highest stays. */
function unite(climbers: readonly Direction[]): Direction[] {
  const sorted = [...climbers].sort((a, b) => b.value - a.value);
  const kept: Direction[] = [];
  const lengths: number[] = [];
  let first = 0;
  for (const climber of sorted) {
    const { u } = climber;
    const length = Math.hypot(...u);
    // values of the same maximum agree to second order, so that those before are too high
    while (first < kept.length && kept[first].value - climber.value > 1e-3 * Math.abs(kept[first].value)) first++;
    let twin: Direction | undefined;
    for (let k = first; k < kept.length && twin === undefined; k++) {
      const other = kept[k].u;
      let s = 0;
      for (let j = 0; j < u.length; j++) s += u[j] * other[j];
      if (s > met * length * lengths[k]) twin = kept[k];
    }
    if (twin !== undefined) {
      twin.starts += climber.starts;
      continue;
    }
    kept.push(climber);
    lengths.push(length);
  }
  return kept;
}
