import type { Kernels } from '../../base/kernels/kernels.ts';
import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import { type Control, withDeadline } from '../../base/control.ts';
import { canSearchCones, ConeSearch } from './branchAndBound.ts';
import { type HingeSum, hingeSum, negated } from './hingeSum.ts';
import { normBound } from './normBounds.ts';
import { type DualMaximizer, maximizeDualConstraint, type SearchOptions } from './search.ts';
import { sweepMaximum } from './sweep.ts';

/** What is known about M(v) = max over ||u|| <= 1 of |v'(Xu)_+|, for one column v. */
export interface DualBracket {
  /** Attained by `direction` (recomputed from X and v): M >= lower. 0 without a direction when nothing is positive. */
  readonly lower: number;
  readonly direction?: Float64Array;
  readonly sign: 1 | -1;
  /** Proven: M <= upper, rounding included. */
  readonly upper: number;
  readonly method: 'sweep' | 'branch-and-bound' | 'norms';
  /** Cells or cones that were visited for the proof. */
  readonly visited: number;
}

export interface BracketOptions {
  /** Time for tightening the upper bound; the search before it takes at most half of it. */
  readonly seconds: number;
  readonly kernels?: Kernels;
  readonly candidates?: readonly ArrayLike<number>[];
  readonly seed?: number;
  readonly starts?: number;
  /** No need to prove less than this. */
  readonly goal?: number;
  /** Relative width at which the bracket counts as closed (default 1e-9). */
  readonly tolerance?: number;
  /** Told every time `upper` has come down. */
  readonly onUpper?: (upper: number) => void;
}

/**
 * Brackets M(v) for X (n x d, effective inputs) and one dual column v. Rank up to 2 is exact by sorting; otherwise local search gives
 * `lower` and a branch and bound over cones of directions lowers `upper` until it meets `lower`, `goal`, or the time is up. With a free bias
 * (`penalizedCols` = d - 1) v must sum to zero.
 */
export function bracketDualMaximum(
  X: DenseMatrix,
  v: Float64Array,
  penalizedCols: number,
  options: BracketOptions,
  control: Control,
): DualBracket {
  return openBracket(X, v, penalizedCols, options, control).bracket;
}

/** A bracket that can be tightened further. */
export interface OpenBracket {
  readonly bracket: DualBracket;
  /** Goes on for so many seconds where the time was up; `goal` and `onUpper` as in the options. */
  goOn(seconds: number, goal: number, onUpper?: (upper: number) => void): void;
  /** What `upper` may be after so many seconds more, by what it took so far; no proof. */
  expected(seconds: number): number;
}

/** As `bracketDualMaximum`, to go on from. */
export function openBracket(
  X: DenseMatrix,
  v: Float64Array,
  penalizedCols: number,
  options: BracketOptions,
  control: Control,
): OpenBracket {
  const start = control.now();
  const shouldStop = (): boolean => control.shouldStop();
  const h = hingeSum(X, v, penalizedCols, shouldStop);
  const both = [h, negated(h)] as const;
  const { candidates, seed, seconds, kernels } = options;
  const starts = options.starts ?? (seconds > 0 ? undefined : 3);
  const best = new Highest(X, v, penalizedCols, control, kernels);
  for (const candidate of candidates ?? []) for (const sign of [1, -1] as const) best.offer(candidate, sign);
  best.search({ candidates, seed, starts }, seconds > 0 ? withDeadline(control, seconds * searchShare) : control);
  const upper = Math.max(normBound(both[0], shouldStop), normBound(both[1], shouldStop));
  const swept = both.map((side) => sweepMaximum(side, control));
  if (swept[0] !== undefined && swept[1] !== undefined) {
    swept.forEach((top, k) => {
      if (top !== undefined && top.value > 0) best.offer(h.direction(top.at), k === 0 ? 1 : -1);
    });
    const value = Math.max(swept[0].value, swept[1].value);
    return closed(best.bracket(Math.min(upper, value + h.slack), 'sweep', Math.max(swept[0].cells, swept[1].cells)));
  }
  if (!both.every(canSearchCones) || options.seconds <= 0 || control.shouldStop()) {
    return closed(best.bracket(upper, 'norms', 0));
  }
  const lowering = new ConeLowering(both, best, upper, options.tolerance ?? 1e-9, control);
  lowering.run(start + options.seconds, options.goal ?? 0, options.onUpper);
  return {
    get bracket() {
      return best.bracket(lowering.upper, lowering.upper < upper ? 'branch-and-bound' : 'norms', lowering.visited);
    },
    goOn: (more, goal, onUpper) => {
      lowering.run(control.now() + more, goal, onUpper);
    },
    expected: (more) => lowering.expected(more),
  };
}

function closed(bracket: DualBracket): OpenBracket {
  return { bracket, goOn: () => undefined, expected: () => bracket.upper };
}

/** Share of the time of a proof that the search before it may take. */
const searchShare = 0.5;

/** The largest |v'(Xu)_+| seen. */
class Highest {
  private top: DualMaximizer | undefined;

  constructor(
    private readonly X: DenseMatrix,
    private readonly v: Float64Array,
    private readonly penalizedCols: number,
    private readonly control: Control,
    private readonly kernels: Kernels | undefined,
  ) {}

  get lower(): number {
    return this.top?.value ?? 0;
  }

  /** Looks by ascents. */
  search(options: Pick<SearchOptions, 'candidates' | 'seed' | 'starts'>, control: Control): void {
    const top = this.climb(options, control);
    if (top !== undefined && top.value > this.lower) this.top = top;
  }

  /** Takes a direction when it is higher. */
  offer(given: ArrayLike<number>, sign: 1 | -1): void {
    const direction = unitLength(Float64Array.from(given), this.penalizedCols);
    const value = sign * hingeValue(this.X, this.v, direction);
    if (value <= this.lower) return;
    this.top = { value, sign, output: 0, direction };
  }

  /** A direction, and the top of the hill it stands on. */
  offerHill(direction: Float64Array, sign: 1 | -1): void {
    this.offer(direction, sign);
    const top = this.climb({ candidates: [direction], starts: 0 }, this.control);
    if (top?.sign === sign) this.offer(top.direction, sign);
  }

  bracket(upper: number, method: DualBracket['method'], visited: number): DualBracket {
    return { lower: this.lower, direction: this.top?.direction, sign: this.top?.sign ?? 1, upper, method, visited };
  }

  private climb(
    options: Pick<SearchOptions, 'candidates' | 'seed' | 'starts'>,
    control: Control,
  ): DualMaximizer | undefined {
    const { X, v, penalizedCols, kernels } = this;
    const V = { rows: X.rows, cols: 1, data: v };
    return maximizeDualConstraint(X, V, { penalizedCols, keep: 1, kernels, ...options }, control)[0];
  }
}

/** What a step may cost, as a multiple of the one before it, and the smallest factor by which it lowers the excess. */
const dearer = 4;
const boldest = 0.1;

/** Cones up to which it is worth a try to close what is left at once, and the power below which a lower threshold costs next to nothing. */
const cheap = 20_000;
const flat = 0.15;

/**
 * Lowers the upper bound by cones. What a threshold lower * (1 + excess) costs grows like a power of 1 / excess that depends on the data: from well
 * below 1, where only the cones around the maxima get smaller, to 4 and more. So: steps as long as that power allows, smaller steps and a larger
 * budget after a failure, and none that the time left will not do.
 */
class ConeLowering {
  private readonly provers: ThresholdProver[] = [];
  private excess: number;
  private shrink = 0.5;
  private budget = 4000;
  private lastCost = 0;
  private lastCones = 0;
  private power = 4;
  /** Whether the last attempt was given up, and whether one to close what is left was. */
  private failed = false;
  private stuckAtFloor = false;

  constructor(
    private readonly both: readonly [HingeSum, HingeSum],
    private readonly best: Highest,
    public upper: number,
    private readonly tolerance: number,
    private readonly control: Control,
  ) {
    this.excess = upper / Math.max(best.lower, 1e-300) - 1;
  }

  get visited(): number {
    return this.provers.reduce((sum, { search }) => sum + search.nodes, 0);
  }

  expected(seconds: number): number {
    const { lastCost, excess, power, best, upper } = this;
    // half of the time goes into thresholds on the way and into the attempt that does not end
    const times = lastCost > 0 ? (0.5 * seconds) / lastCost : 1;
    return Math.min(upper, best.lower * (1 + excess * Math.max(1, times) ** (-1 / Math.max(power, 2 * flat))));
  }

  private collect(): void {
    this.provers.forEach(({ search }, k) => {
      if (search.incumbent.value > this.best.lower) {
        this.best.offerHill(this.both[0].direction(search.incumbent.at), k === 0 ? 1 : -1);
      }
    });
  }

  run(deadline: number, goal: number, onUpper?: (upper: number) => void): void {
    const { best, provers, control, tolerance } = this;
    const timed = withDeadline(control, deadline - control.now());
    const shouldStop = (): boolean => timed.shouldStop();
    for (const side of this.both.slice(provers.length)) {
      if (shouldStop()) return;
      provers.push(new ThresholdProver(new ConeSearch(side, () => control.shouldStop())));
    }
    while (!shouldStop()) {
      this.collect();
      const floor = Math.max(best.lower * (1 + tolerance) + 2 * this.both[0].slack, goal);
      if (this.upper <= floor) break;
      const T = this.next(floor, Math.max(0, deadline - control.now()));
      const outcome = provePair(provers, T, this.budget, timed);
      this.collect();
      if (outcome === 'stopped') break;
      if (outcome === 'undecided') {
        if (provers.some((prover) => prover.stuck)) {
          if (this.shrink >= 0.97) break;
          this.shrink **= 0.25;
        } else this.shrink **= 0.5;
        this.failed = true;
        if (T === floor) {
          this.stuckAtFloor = true;
          this.power = Math.max(this.power, 2 * flat);
        }
        this.budget *= 2;
        continue;
      }
      if (outcome === 'exceeded') {
        this.excess = this.upper / best.lower - 1;
        continue;
      }
      this.reached(T);
      onUpper?.(T);
    }
  }

  /** The threshold to try next, `left` seconds before the time is up. */
  private next(floor: number, left: number): number {
    // the step whose predicted cost is some of what is left, or most of it when it will be the last one; never a smaller one than is worth the while
    if (this.lastCost > 0.02 * left) {
      const affordable = (part: number): number => ((part * left) / this.lastCost) ** (-1 / this.power);
      const step = affordable(0.4) < 0.8 ? affordable(0.4) : affordable(0.8);
      this.shrink = Math.min(0.93, Math.max(this.shrink, step));
    }
    const target = this.excess * Math.min(this.shrink, 0.97);
    const cheaply = this.power < flat || (this.lastCones < cheap && !this.stuckAtFloor);
    if (target < 1e-3 && cheaply) return floor;
    return Math.min(this.upper, Math.max(floor, this.best.lower * (1 + target)));
  }

  private reached(T: number): void {
    const { provers, best } = this;
    this.upper = T;
    const reached = T / best.lower - 1;
    const cones = provers[0].cones + provers[1].cones;
    if (this.lastCones > 500 && reached < 0.9 * this.excess) {
      const power = Math.log(cones / this.lastCones) / Math.log(this.excess / reached);
      this.power = Math.min(12, Math.max(0.05, power));
    }
    this.excess = reached;
    this.lastCost = provers[0].seconds + provers[1].seconds;
    this.lastCones = cones;
    const step = Math.max(boldest, Math.min(0.5, dearer ** (-1 / this.power)));
    this.shrink = this.failed ? Math.max(step, this.shrink ** 1.5) : step;
    this.failed = false;
    this.budget = Math.max(this.budget, 8 * Math.max(provers[0].cones, provers[1].cones));
  }
}

function provePair(provers: readonly ThresholdProver[], T: number, budget: number, control: Control): Outcome {
  for (const prover of provers) {
    const outcome = prover.prove(T, budget, control);
    if (outcome !== 'proven') return outcome;
  }
  return 'proven';
}

type Outcome = ReturnType<ConeSearch['prove']>;

/** Values of `patience` to choose from; with few coordinates all of them are resolved in the end, and sooner is cheaper. */
const ladder = [0.9, 0.7, 0.45, 0.1];
const ladderOfFew = [0.1];
const fewCoordinates = 8;

/**
 * Proves thresholds with whatever patience is cheapest: what worked last goes first, then its neighbours. A patience that got stuck
 * without using up its budget will not do for lower thresholds either, and is not tried again.
 */
class ThresholdProver {
  /** What the last proof took, without attempts that failed. */
  seconds = 0;
  cones = 0;
  private best = 0;
  private readonly ladder: readonly number[];
  private readonly dead = new Set<number>();

  constructor(readonly search: ConeSearch) {
    this.ladder = search.d <= fewCoordinates ? ladderOfFew : ladder;
  }

  /** Whether every patience got stuck. */
  get stuck(): boolean {
    return this.dead.size === this.ladder.length;
  }

  prove(T: number, budget: number, control: Control): Outcome {
    if (this.stuck) this.dead.clear();
    const order = this.ladder
      .map((_, k) => k)
      .sort((a, b) => Math.abs(a - this.best) - Math.abs(b - this.best) || b - a);
    for (const k of order) {
      if (this.dead.has(k)) continue;
      const before = this.search.nodes;
      const started = control.now();
      const outcome = this.search.prove(T, this.ladder[k], budget, control);
      const used = this.search.nodes - before;
      if (outcome === 'proven') {
        this.best = k;
        this.cones = used;
        this.seconds = control.now() - started;
      }
      if (outcome !== 'undecided') return outcome;
      if (used < budget) this.dead.add(k);
    }
    return 'undecided';
  }
}

/** v'(Xu)_+ for u scaled to norm 1 over the penalised columns. */
function hingeValue(X: DenseMatrix, v: ArrayLike<number>, unit: Float64Array): number {
  let value = 0;
  for (let i = 0, at = 0; i < X.rows; i++, at += X.cols) {
    let t = 0;
    for (let k = 0; k < X.cols; k++) t += X.data[at + k] * unit[k];
    if (t > 0) value += v[i] * t;
  }
  return value;
}

function unitLength(u: Float64Array, penalizedCols: number): Float64Array {
  let s = 0;
  for (let k = 0; k < penalizedCols; k++) s += u[k] * u[k];
  s = Math.sqrt(s);
  return s > 0 ? u.map((x) => x / s) : u;
}
