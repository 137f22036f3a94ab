import { balanceDual } from '../../certify/dual/freeOffset.ts';
import { manyRows } from '../../certify/global/sampledAscent.ts';
import { type DualMaximizer, maximizeDualConstraint } from '../../certify/global/search.ts';
import { untilInterrupted } from '../../base/kernels/interrupt.ts';
import { denseMatrix } from '../../base/linalg/matrix.ts';
import type { Control } from '../../base/control.ts';
import type { LocalProblem, NeuronSeed } from './activeNeurons.ts';
import { annealedSteps, burst, type BurstResult, descendAgain, drawnNeurons, sampleOf, scaled } from './burst.ts';
import { looseAccuracy, type LooseGoals, looseGoals } from './looseGap.ts';
import { type LocalGoal, NeuronNewton } from './neuronNewton.ts';
import { noGain, rescue } from './rescue.ts';

export interface AdaptiveOptions {
  readonly seed: number;
  /** A direction counts as improving when its dual constraint exceeds beta by this relative amount. */
  readonly tolerance: number;
  /** Relative gap of the program that is enough; a loose one ends before the largest search and the last Newton steps (default: to rounding). */
  readonly accuracy?: number;
  /** Only settle the neurons given: nothing is searched for. */
  readonly settle?: boolean;
  /** The dual constraint at the zero network (with the best offset) is at least this, where it is known. */
  readonly zeroTop?: number | undefined;
  /** Directions to try first (effective inputs), e.g. one found by a proof. */
  readonly suggestions?: readonly {
    readonly direction: Float64Array;
    readonly sign: 1 | -1;
    readonly output: number;
  }[];
}

export interface AdaptiveSolution {
  readonly neurons: readonly NeuronSeed[];
  readonly offset: Float64Array;
  /** n x c; after a stop it may be that of a point on the way. */
  readonly fit: Float64Array;
  readonly objective: number;
  readonly iterations: number;
  readonly rounds: number;
  /** Largest dual constraint that the last search found, over beta: at most 1 + tolerance unless stopped. A lower estimate. */
  readonly ratio: number;
  /** Local optimality residual over beta. */
  readonly residual: number;
  readonly stopped: boolean;
}

/** What a generation is doing, for those who watch. */
export type AdaptiveStage = 'descent' | 'sliding neurons' | 'search';

export type AdaptiveProgress = (
  objective: number,
  ratio: number,
  active: number,
  iterations: number,
  stage: AdaptiveStage,
) => void;

/** Neurons of the burst per output: several times what most optima need, so that narrow local minima are passed. */
const burstWidth = 32;
const burstOutputs = 4;
/** Local optimality asked for between insertions: a share of the violation of the last search, within these. */
const loosest = 1e-2;
const tightest = 1e-11;
const inexact = 0.05;
/** Newton steps between insertions, and of a slide that must be settled. */
const roughSteps = 30;
const settledSteps = 400;
/** Multiplications of the largest search, and its starts per output and sign; the smaller ones before it, where the largest is cheap and where it is dear. */
const searchWork = 2e9;
/** Starts that twice as many may be spent on. */
const enoughStarts = 192;
const largestSearch = 1024;
const smallestSearch = 64;
const firstSearches = { cheap: [128, 384], dear: [32, 128] } as const;
const looseSearches = [48, 192];
/** Multiplications of the first of these, which on small data has more starts: there a search costs less than a Newton step. */
const looseWork = 1e8;
/** Largest searches more, from other starts, after one that found nothing where the gap is tight. */
const moreLooks = { cheap: 3, dear: 2 } as const;
/** Gaps asked for above this are rough: the first of these searches will do, and a shorter burst. */
const roughAccuracy = 3e-4;
/** Ascents that the last search takes to the exact top, per output and sign: between these, as many as take so many multiplications. */
const fewestClimbs = 64;
const mostClimbs = 1024;
const climbWork = 5e8;
/** Directions kept of a search, per output. */
const kept = 16;
/** A search this far above beta need not end at exact tops. */
const clearViolation = 1.02;
/** Exact tops per output and sign in loose searches, and directions that the next search starts from again. */
const looseClimbs = 4;
const remembered = 16;
/** Without neurons to start from, the burst pays where directions are worth this many times beta; nearer to betaMax they are few. */
const burstPays = 1.5;
/** A round that gains less than this share of the gap asked for is taken for one that found nothing: a larger search follows, or none. Where the gap is tight, more is asked of a round on data so large that its searches are dear. */
const worthARound = { loose: 0.3, tight: 0.03, dear: 0.5 } as const;
/** Steps of a loose slide, or of one between insertions on such data, that gain less than this share of the gap asked for end it. */
const worthASlide = { loose: 0.05, tight: 0.01 } as const;
/** Newton steps from where quasi-Newton descent has come to, on small data (rows times squared coordinates): often they are there at once; descent goes on all the same. */
const earlySteps = 12;
const earlyWork = 2e7;
/** Multiplications of a Newton step from which on warm neurons first go through rounds of search and descent where the gap is loose, and from which on Newton's method does no more than settle them. */
const dearStep = { first: 5e8, alone: 2e9 } as const;
/** And up to which Newton's method goes straight on from the first burst of descent: rounds would only come before its quick steps. */
const cheapStep = 4e6;
/** Starts of these searches, directions kept of one per output, new neurons per output beside two for each that is there, their size relative to the mean of the others, rounds at most, and a relative gain below which none follows. */
const descentRounds = { starts: 128, kept: 64, fresh: 8, size: 0.2, most: 12, leastGain: 1e-5 } as const;

/**
 * Two-layer ReLU training over all activation patterns. A burst of descent on the non-convex objective with more neurons than needed finds the neighbourhood of a good network;
 * rounds of search and descent bring it nearer where a Newton step costs enough; from there sliding Frank-Wolfe (Denoyelle, Duval, Peyre, Soubies 2019) on neurons: directions that violate the dual constraint |v'(Xu)_+| <= beta are searched for,
 * several are inserted, all neurons slide by Newton's method (`NeuronNewton`), only as far as the next search needs, and so on until no violation
 * is found. Then every kink condition is settled. The objective never rises.
 */
export function solveAdaptive(
  problem: LocalProblem,
  start: readonly NeuronSeed[],
  startOffset: ArrayLike<number> | undefined,
  options: AdaptiveOptions,
  control: Control,
  onProgress?: AdaptiveProgress,
): AdaptiveSolution {
  const generation = new Generation(problem, options, control, onProgress);
  return generation.run(start, startOffset);
}

/** When so many rounds gain no more than this, relative, and leave the conditions this far open, the program on the cells in use gets further; on small data. */
const crawl = { rounds: 10, gain: 1e-5, residual: 0.01, size: 1500 };

class Generation {
  private readonly newton: NeuronNewton;
  private iterations = 0;
  private residual = Infinity;
  /** The last slide ended as more of it was not worth it. */
  private little = false;
  private ratio = Infinity;
  private rounds = 0;
  /** Directions of the last search. */
  private known: readonly Float64Array[] = [];
  /** Neurons are as rounds of descent have left them. */
  private afterDescent = false;
  /** Where descent has come to, until the neurons are set to it. */
  private descended: BurstResult | undefined;

  constructor(
    private readonly problem: LocalProblem,
    private readonly options: AdaptiveOptions,
    private readonly control: Control,
    private readonly onProgress: AdaptiveProgress | undefined,
  ) {
    this.newton = new NeuronNewton(problem, this.many ? () => control.shouldStop() : undefined);
  }

  /** Ways through the data are so long that a stop is looked for on each. */
  private get many(): boolean {
    return this.problem.X.rows >= manyRows;
  }

  run(start: readonly NeuronSeed[], startOffset: ArrayLike<number> | undefined): AdaptiveSolution {
    const { newton, control, many } = this;
    const from = Float64Array.from(startOffset ?? newton.offset);
    if (many) newton.kept = { neurons: start, offset: from, objective: Infinity };
    newton.session(() => {
      // what was under way when a stop came is lost, not what steps had come to before
      untilInterrupted(
        () => this.toTheEnd(start, startOffset),
        () => undefined,
      );
      if (many && control.shouldStop() && this.descended !== undefined) newton.keepIfLower(this.descended);
    });
    const stopped = control.shouldStop();
    const { iterations, rounds, ratio, residual } = this;
    const found =
      many && stopped
        ? newton.kept
        : { neurons: newton.seeds(), offset: newton.offset.slice(), objective: newton.value };
    return { ...found, fit: newton.fit, iterations, rounds, ratio, residual, stopped };
  }

  private toTheEnd(start: readonly NeuronSeed[], startOffset: ArrayLike<number> | undefined): void {
    const { newton, options } = this;
    newton.setNeurons(start, startOffset);
    if (options.settle === true) {
      this.settle();
      return;
    }
    if (start.length > 0 && this.byDescent) {
      this.descendInRounds();
      if (this.stepWork > dearStep.alone) {
        this.slide(this.goals().local, settledSteps);
        return;
      }
    }
    if (start.length > 0 || this.problem.offset) this.slide(loosest, roughSteps);
    if (start.length === 0) {
      this.begin();
      if (!this.many && !this.rough && this.stepWork > cheapStep) this.descendInRounds();
    }
    for (const { direction, sign, output } of options.suggestions ?? []) {
      if (newton.insert({ u: direction, sign, output })) this.slide(loosest, roughSteps);
    }
    this.generate();
  }

  /** Newton steps are dear. */
  private get byDescent(): boolean {
    const { accuracy = 0, suggestions = [] } = this.options;
    return accuracy > looseAccuracy && suggestions.length === 0 && !this.many && this.stepWork > dearStep.first;
  }

  /** Multiplications of a Newton step, but for a factor. */
  private get stepWork(): number {
    const { rows: n, cols: d } = this.problem.X;
    return n * Math.min(n, this.newton.count * d) ** 2;
  }

  /** All neurons to where the conditions of the gap asked for hold, whatever the steps gain; many rows, whose kinks lie too close for that, as far as steps gain something. */
  private settle(): void {
    const { newton, options, problem } = this;
    const { accuracy = 0 } = options;
    const { local } = looseGoals(accuracy, newton.value, problem.beta * newton.penalty);
    const worth = this.many ? worthASlide.loose * accuracy * Math.abs(newton.value) : 0;
    this.newtonSteps({ tolerance: Math.max(tightest, local), maxIterations: settledSteps, worth });
  }

  private get rough(): boolean {
    return (this.options.accuracy ?? 0) > roughAccuracy;
  }

  private slide(tolerance: number, steps: number): void {
    const { accuracy = 0 } = this.options;
    const loose = accuracy > looseAccuracy;
    const ends = loose || (this.dear && steps < settledSteps);
    const worth = ends ? worthASlide[loose ? 'loose' : 'tight'] * accuracy * Math.abs(this.newton.value) : 0;
    const little = this.newtonSteps({ tolerance, maxIterations: steps, worth });
    // where the gap is tight every condition is settled in the end
    this.little = loose && little;
  }

  /** True when they ended as more is not worth it. */
  private newtonSteps(goal: LocalGoal): boolean {
    const before = this.iterations;
    const { afterDescent } = this;
    this.afterDescent = false;
    const { iterations, residual, little } = this.newton.run(
      { ...goal, afterDescent },
      this.control,
      (objective, active, step) => this.onProgress?.(objective, this.ratio, active, before + step, 'sliding neurons'),
    );
    this.iterations += iterations;
    this.residual = residual;
    return little;
  }

  /** Local residual and violations of the dual constraint that may be left, over beta. */
  private goals(): LooseGoals {
    const { newton, options, problem } = this;
    const { accuracy = 0, tolerance } = options;
    return accuracy > looseAccuracy
      ? looseGoals(accuracy, newton.value, problem.beta * newton.penalty)
      : { local: Math.min(tightest, tolerance), violation: tolerance };
  }

  /** A wide network along directions that the data favour, brought near a local optimum by descent. */
  private begin(): void {
    const { newton, problem, control } = this;
    const width = burstWidth * Math.min(problem.datafit.outputs, burstOutputs);
    // where no direction is worth a neuron, the burst would only lead back to zero
    const worth = burstPays * problem.beta;
    const pays = (this.options.zeroTop ?? 0) > worth || this.search(24, 1, 0)[0]?.value > worth;
    if (control.shouldStop() || !pays) return;
    const { seed } = this.options;
    const sample = sampleOf(problem, seed);
    const V = newton.dual();
    const seeds = drawnNeurons(problem, sample, V, width, seed, () => control.shouldStop());
    const offset = newton.offset.slice();
    const before = newton.value;
    let early: BurstResult | undefined;
    let reached = before;
    const onStep = (objective: number, steps: number): void => {
      if (objective < reached)
        this.onProgress?.(objective, this.ratio, seeds.length, this.iterations + steps, 'descent');
    };
    const how = { annealed: this.rough ? annealedSteps.rough : annealedSteps.full, seed };
    const start = { neurons: scaled(problem, sample, V, seeds), offset };
    const onNear = (near: BurstResult): void => {
      if (problem.X.rows * (near.neurons.length * problem.X.cols) ** 2 > earlyWork) return;
      newton.setNeurons(near.neurons, near.offset);
      this.slide(loosest, earlySteps);
      early = { ...near, neurons: newton.seeds(), offset: newton.offset.slice() };
      reached = Math.min(reached, newton.value);
    };
    const result = burst(problem, sample, start, how, control, { onStep, onNear });
    this.iterations += result.steps;
    this.descended = result;
    if (this.many && control.shouldStop()) return;
    newton.setNeurons(result.neurons, result.offset);
    this.descended = undefined;
    if (newton.value > before) newton.setNeurons([], offset);
    this.onProgress?.(newton.value, this.ratio, newton.count, this.iterations, 'descent');
    this.slide(loosest, roughSteps);
    if (early !== undefined && reached < newton.value) newton.setNeurons(early.neurons, early.offset);
  }

  /** Searches, adds small neurons along what is found and descends with all of them, until a round gains little of the gap asked for. */
  private descendInRounds(): void {
    const { newton, problem, control, options } = this;
    const { starts, kept: keep, fresh: few, size, most, leastGain } = descentRounds;
    const { accuracy = 0 } = options;
    for (let round = 0; round < most && !control.shouldStop(); round++) {
      const before = newton.value;
      const found = this.search(starts, keep * problem.datafit.outputs, 0);
      this.ratio = (found[0]?.value ?? 0) / problem.beta;
      const known = newton.seeds();
      const offset = newton.offset.slice();
      const length = (size * newton.penalty) / Math.max(1, known.length);
      const { violation } = this.goals();
      const fresh = found
        .filter(({ value }) => value > problem.beta * (1 + violation))
        .slice(0, few * problem.datafit.outputs + 2 * known.length)
        .map(({ direction, sign, output }) => ({ u: direction.map((x) => length * x), sign, output }));
      const start = { neurons: [...known, ...fresh], offset };
      let reached = before;
      const result = descendAgain(problem, start, control, (objective, steps) => {
        if (!(objective < reached)) return;
        reached = objective;
        this.onProgress?.(objective, this.ratio, start.neurons.length, this.iterations + steps, 'descent');
      });
      this.iterations += result.steps;
      newton.setNeurons(result.neurons, result.offset);
      if (newton.value > before) newton.setNeurons(known, offset);
      else this.afterDescent = true;
      if (before - newton.value < Math.max(leastGain, worthARound.loose * accuracy) * Math.abs(before)) return;
    }
  }

  private search(starts: number, keep: number, climbs: number): DualMaximizer[] {
    const { problem, options, control, newton } = this;
    const { X, penalizedCols, kernels, datafit, beta } = problem;
    this.rounds++;
    this.onProgress?.(newton.value, this.ratio, newton.count, this.iterations, 'search');
    const V = newton.dual();
    if (problem.offset) balanceDual(datafit, newton.fit, V);
    const found = maximizeDualConstraint(
      X,
      denseMatrix(X.rows, datafit.outputs, V),
      {
        candidates: [...newton.seeds().map(({ u }) => u), ...this.known],
        starts,
        seed: options.seed + this.rounds,
        penalizedCols,
        keep,
        // kinks that many rows make close together are no matter
        climbs: (options.accuracy ?? 0) > looseAccuracy && X.rows >= manyRows ? 0 : climbs,
        above: beta,
        kernels,
      },
      control,
    );
    this.known = found.slice(0, remembered).map(({ direction }) => direction);
    return found;
  }

  /** Searches, inserts and slides until the largest search finds nothing more. */
  private generate(): void {
    const { newton, problem, options, control } = this;
    const { X, beta, datafit } = problem;
    const c = datafit.outputs;
    const accuracy = options.accuracy ?? 0;
    const loose = accuracy > looseAccuracy;
    const efforts = loose ? this.looseEfforts() : this.tightEfforts();
    const share = worthARound[loose ? 'loose' : this.dear ? 'dear' : 'tight'];
    const climbed = Math.round(climbWork / (X.rows * X.cols * (60 + 6 * X.cols)));
    const lastClimbs = Math.min(mostClimbs, Math.max(fewestClimbs, climbed));
    const fewClimbs = loose ? looseClimbs : 8;
    let effort = 0;
    let idle = 0;
    const recent: number[] = [];
    // neurons that crawl along kinks which they cannot leave one at a time: many rounds, little gain, and never settled
    const crawls = (): boolean =>
      recent.length === crawl.rounds &&
      this.residual > crawl.residual &&
      X.rows * newton.count <= crawl.size &&
      recent.reduce((sum, gain) => sum + gain, 0) <= crawl.gain * Math.abs(newton.value);
    let rescued = false;
    let looksAgain = loose ? 0 : moreLooks[this.dear ? 'dear' : 'cheap'];
    while (!control.shouldStop()) {
      const { local: goal, violation: least } = this.goals();
      const climbs =
        !loose && effort === efforts.length - 1
          ? lastClimbs
          : loose || effort > 0 || this.ratio < clearViolation
            ? fewClimbs
            : 0;
      const found = this.search(efforts[effort], kept * c, climbs);
      if (control.shouldStop()) return;
      this.ratio = (found[0]?.value ?? 0) / beta;
      const before = newton.value;
      const worth = share * accuracy * Math.abs(before);
      let gained = true;
      if (this.insert(found, least) > 0) {
        const enough = Math.max(goal, Math.min(loosest, inexact * (this.ratio - 1)));
        this.slide(enough, enough > goal ? roughSteps : settledSteps);
        idle = before - newton.value <= noGain * Math.abs(before) ? idle + 1 : 0;
        recent.push(before - newton.value);
        if (recent.length > crawl.rounds) recent.shift();
        if (crawls()) {
          recent.length = 0;
          if (rescue(problem, newton, options.tolerance, control)) this.slide(goal, settledSteps);
        }
        gained = before - newton.value >= worth;
        if (idle < 3 && gained) {
          effort = Math.min(effort, Math.max(0, efforts.length - 2));
          continue;
        }
      }
      if (this.residual > goal && !this.little) {
        // nothing more in sight: now every condition is settled, and looked at again if that changed anything
        this.slide(goal, settledSteps);
        if (gained && !loose && before - newton.value > 1e-12 * Math.abs(before)) continue;
      }
      const ended = effort === efforts.length - 1 || idle >= 3;
      if (ended && this.residual > Math.max(goal, 1e-9) && !this.little && !rescued && newton.count > 0) {
        // sliding is stuck (dependent kinks): the exact program on the cells in use settles it
        rescued = true;
        const reached = newton.value;
        if (!rescue(problem, newton, options.tolerance, control)) return;
        // no lower, its fit is the better known one: sliding on would only stir it up
        if (reached - newton.value <= noGain * Math.abs(reached)) return;
        this.slide(goal, settledSteps);
        idle = 0;
        continue;
      }
      if (ended && idle < 3 && looksAgain-- > 0) continue;
      if (ended) return;
      effort++;
    }
  }

  /** Starts of the searches that a loose gap asks for, one after another. */
  private looseEfforts(): number[] {
    const [first, ...more] = looseSearches;
    if (this.rough) return [first];
    const cheap = Math.round(looseWork / workOfStart(this.problem));
    return [Math.min(largestSearch / 2, Math.max(first, cheap)), ...more.filter((starts) => starts > cheap)];
  }

  /** Starts that the largest search has the multiplications for. */
  private get affordable(): number {
    return Math.round(searchWork / workOfStart(this.problem));
  }

  private get dear(): boolean {
    return this.affordable < largestSearch;
  }

  /** Those that a tight gap asks for. */
  private tightEfforts(): number[] {
    const { affordable, dear } = this;
    const most = Math.max(affordable, Math.min(enoughStarts, 2 * affordable));
    const last = Math.min(largestSearch, Math.max(smallestSearch, most));
    return [...firstSearches[dear ? 'dear' : 'cheap'].filter((starts) => starts <= last / 2), last];
  }

  private insert(found: readonly DualMaximizer[], least: number): number {
    const { newton, problem } = this;
    const limit = Math.max(8, Math.ceil(newton.count / 3)) * Math.min(problem.datafit.outputs, 3);
    let inserted = 0;
    for (const { value, direction, sign, output } of found) {
      if (value <= problem.beta * (1 + least) || inserted >= limit || this.control.shouldStop()) break;
      if (newton.insert({ u: direction, sign, output })) inserted++;
    }
    return inserted;
  }
}

/** Multiplications that the ascents from one start take, of both signs. */
function workOfStart({ X }: LocalProblem): number {
  return 96 * X.rows * X.cols;
}
