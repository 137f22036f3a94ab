import type { Control } from '../../base/control.ts';
import { interruptible, untilInterrupted } from '../../base/kernels/interrupt.ts';
import { type Kernels, KernelsInterrupted, type RowOperator } from '../../base/kernels/kernels.ts';
import { createReferenceKernels } from '../../base/kernels/reference.ts';
import { type DenseMatrix, denseMatrix, rowNorms } from '../../base/linalg/matrix.ts';
import { type AwaitedProduct, type LocalMaximum, SphereAscent } from './ascent.ts';
import { GramAscent } from './gramAscent.ts';

/** Climbs to a local maximum of sign * v'(Xu)_+ over the unit ball of the penalised columns. */
export interface Climber {
  climb(v: Float64Array, start: Float64Array, sign: 1 | -1): LocalMaximum | undefined;
  /** The same from several starts, in their order; none of those that a stop leaves undone. */
  climbAll(v: Float64Array, starts: readonly Float64Array[], sign: 1 | -1): (LocalMaximum | undefined)[];
}

/** A climber for X (n x d), whose products `operator` makes where it is given; with `penalizedCols` = d - 1 the last coordinate is free, and v must sum to zero. */
export function createClimber(
  X: DenseMatrix,
  penalizedCols: number,
  control: Control,
  kernels: Kernels = createReferenceKernels(),
  operator?: RowOperator,
): Climber {
  if (penalizedCols === X.cols) return new PlainClimber(X, control, kernels, operator);
  if (penalizedCols !== X.cols - 1) throw new RangeError('only the last column may be free');
  return new FreeBiasClimber(X, control);
}

function oneByOne(
  starts: readonly Float64Array[],
  stop: () => boolean,
  climb: (start: Float64Array) => LocalMaximum | undefined,
): (LocalMaximum | undefined)[] {
  const tops: (LocalMaximum | undefined)[] = [];
  for (const start of starts) {
    if (stop()) break;
    tops.push(climb(start));
  }
  return tops;
}

/** Inner products of the rows are worth having up to so many rows, in all and over the number of columns: steps of an ascent then cost less by them. */
const mostInner = { rows: 1500, overColumns: 2 } as const;

/** Ascents that go side by side, and the rows of all of them at most. */
const mostTogether = 32;
const rowsTogether = 2 ** 18;

/** One of the ascents that go side by side, from the start at `place`. */
interface Course {
  readonly ascent: SphereAscent;
  readonly place: number;
  readonly steps: ReturnType<SphereAscent['course']>;
}

class PlainClimber implements Climber {
  private ascent: SphereAscent | GramAscent | undefined;
  private readonly side: SphereAscent[] = [];
  private norms: Float64Array | undefined;

  constructor(
    private readonly X: DenseMatrix,
    private readonly control: Control,
    private readonly kernels: Kernels,
    private readonly operator: RowOperator | undefined,
  ) {}

  climb(v: Float64Array, start: Float64Array, sign: 1 | -1): LocalMaximum | undefined {
    const stop = (): boolean => this.control.shouldStop();
    const ascent = (this.ascent ??= this.created(stop));
    return ascent instanceof GramAscent
      ? ascent.climb(v, start, sign, stop)
      : ascent.climb(v, undefined, start, sign, stop);
  }

  climbAll(v: Float64Array, starts: readonly Float64Array[], sign: 1 | -1): (LocalMaximum | undefined)[] {
    const stop = (): boolean => this.control.shouldStop();
    const ascent = (this.ascent ??= this.created(stop));
    const { operator } = this;
    if (ascent instanceof GramAscent || operator === undefined)
      return oneByOne(starts, stop, (start) => this.climb(v, start, sign));
    const tops: (LocalMaximum | undefined)[] = starts.map(() => undefined);
    const { kernels } = this;
    interruptible(kernels, stop, () =>
      untilInterrupted(
        () => this.together(v, starts, { sign, operator, stop }, tops),
        () => undefined,
      ),
    );
    return tops;
  }

  /** Ascents side by side, one step of all after another: one product of matrices for all of them. Where one has ended the next begins. */
  private together(
    v: Float64Array,
    starts: readonly Float64Array[],
    { sign, operator, stop }: { readonly sign: 1 | -1; readonly operator: RowOperator; readonly stop: () => boolean },
    tops: (LocalMaximum | undefined)[],
  ): void {
    const { X, side } = this;
    const most = Math.max(1, Math.min(mostTogether, starts.length, Math.floor(rowsTogether / X.rows)));
    for (let k = side.length; k < most; k++) side.push(new SphereAscent(X, operator, (this.norms ??= rowNorms(X))));
    const [U, T] = [new Float64Array(most * X.cols), new Float64Array(most * X.rows)];
    let begun = 0;
    const begin = (ascent: SphereAscent): Course | undefined =>
      begun === starts.length || stop()
        ? undefined
        : { ascent, place: begun, steps: ascent.course(v, undefined, starts[begun++], sign, stop) };
    let courses = side.slice(0, most).flatMap((ascent) => begin(ascent) ?? []);
    while (courses.length > 0) {
      const awaited: AwaitedProduct[] = [];
      const going: Course[] = [];
      for (const before of courses) {
        for (let course: Course | undefined = before; course !== undefined;) {
          const { ascent, place, steps } = course;
          const next = steps.next();
          if (next.done !== true) {
            awaited.push(next.value);
            going.push(course);
            break;
          }
          tops[place] = next.value;
          course = begin(ascent);
        }
      }
      awaited.forEach(({ vector }, k) => U.set(vector, k * X.cols));
      if (awaited.length > 0) operator.products(U, awaited.length, T);
      awaited.forEach(({ out }, k) => out.set(T.subarray(k * X.rows, (k + 1) * X.rows)));
      courses = going;
    }
  }

  private created(stop: () => boolean): SphereAscent | GramAscent {
    const { X, kernels } = this;
    const { rows: n, cols: d } = X;
    const sphere = (): SphereAscent => new SphereAscent(X, this.operator);
    if (n > mostInner.rows || n > mostInner.overColumns * d) return sphere();
    const inner = new Float64Array(n * n);
    try {
      interruptible(kernels, stop, () => kernels.syrk(false, n, d, 1, X.data, 0, inner));
    } catch (error) {
      if (error instanceof KernelsInterrupted) return sphere();
      throw error;
    }
    for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) inner[j * n + i] = inner[i * n + j];
    return new GramAscent(X, inner);
  }
}

/**
 * With a free bias b the value is piecewise linear in b for a fixed slope vector w, so that (as sum v = 0) its maximum over b lies at a
 * kink b = -w'x_k: alternate between the best kink k for w and a climb in w with the rows x_i - x_k.
 */
class FreeBiasClimber implements Climber {
  private readonly shifted: DenseMatrix;
  private readonly ascent: SphereAscent;
  private readonly t: Float64Array;
  private readonly order: Int32Array;

  constructor(
    private readonly X: DenseMatrix,
    private readonly control: Control,
  ) {
    this.shifted = denseMatrix(X.rows, X.cols - 1);
    this.ascent = new SphereAscent(this.shifted);
    this.t = new Float64Array(X.rows);
    this.order = new Int32Array(X.rows);
  }

  climb(v: Float64Array, start: Float64Array, sign: 1 | -1): LocalMaximum | undefined {
    const { X, shifted, ascent } = this;
    const d = X.cols - 1;
    let w: Float64Array = start.slice(0, d);
    let best: LocalMaximum | undefined;
    for (let round = 0; round < 30; round++) {
      const k = this.bestKink(v, w, sign);
      for (let i = 0; i < X.rows; i++) {
        for (let j = 0; j < d; j++) shifted.data[i * d + j] = X.data[i * (d + 1) + j] - X.data[k * (d + 1) + j];
      }
      ascent.refresh();
      const top = ascent.climb(v, undefined, w, sign, () => this.control.shouldStop());
      if (top === undefined || (best !== undefined && top.value <= best.value * (1 + 1e-12))) break;
      w = top.direction;
      const direction = new Float64Array(d + 1);
      direction.set(w);
      for (let j = 0; j < d; j++) direction[d] -= w[j] * X.data[k * (d + 1) + j];
      best = { value: top.value, direction };
    }
    return best;
  }

  climbAll(v: Float64Array, starts: readonly Float64Array[], sign: 1 | -1): (LocalMaximum | undefined)[] {
    const stop = (): boolean => this.control.shouldStop();
    return oneByOne(starts, stop, (start) => this.climb(v, start, sign));
  }

  /** The row k for which b = -w'x_k maximises sign * sum_i v_i (w'x_i + b)_+. */
  private bestKink(v: Float64Array, w: Float64Array, sign: number): number {
    const { X, t, order } = this;
    const d = X.cols - 1;
    for (let i = 0; i < X.rows; i++) {
      let s = 0;
      for (let j = 0; j < d; j++) s += w[j] * X.data[i * (d + 1) + j];
      t[i] = s;
      order[i] = i;
    }
    order.sort((i, j) => t[j] - t[i]);
    // going down in w'x: value grows by (sum of v so far) times the distance
    let value = 0;
    let mass = 0;
    let best = -Infinity;
    let where = order[0];
    for (let k = 0; k < order.length; k++) {
      if (k > 0) value += sign * mass * (t[order[k - 1]] - t[order[k]]);
      if (value > best) [best, where] = [value, order[k]];
      mass += v[order[k]];
    }
    return where;
  }
}
