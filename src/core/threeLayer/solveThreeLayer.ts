import { norm2, type DenseMatrix } from '../linalg/matrix.ts';
import { bracketDualMaximum } from '../global/dualMaximum.ts';
import { bestDualScale } from '../problem/datafit.ts';
import type { PreparedProblem } from '../problem/prepare.ts';
import type { Problem } from '../problem/problem.ts';
import { ProblemError } from '../problem/problemError.ts';
import { createRng } from '../random/rng.ts';
import type { Control, SolveStatus } from '../solver/control.ts';
import { solve } from '../solver/solve.ts';
import type { GlobalBound, SolveOptions } from '../solver/solution.ts';
import { type Block, type GramCache, solveBlocks } from './interiorPoint.ts';
import { allTuples } from './enumerate.ts';
import { evaluateBranches, type Polished, polishBranches } from './polish.ts';
import { exactPrice, linearForm, projectedPrice, relaxedPrice } from './pricing.ts';
import { searchBranches } from './search.ts';
import {
  forward,
  groupNorm,
  penalties,
  type SubNetwork,
  type SubVector,
  toCubicForm,
  toSubNetwork,
  toSubVector,
} from './subNetwork.ts';
import { sampleTuples, type Tuple, tupleOf, TupleSet } from './tuple.ts';

export interface ThreeLayerOptions extends SolveOptions {
  /** Branches whose tuples must be in play (e.g. of a trained network): the result is then never worse than they are. */
  readonly harvest?: readonly SubNetwork[];
}

export interface ThreeLayerSolution {
  readonly status: SolveStatus;
  /** Loss of the network plus beta times the sum of its group norms, by running it. */
  readonly objective: number;
  /** Proven lower bound over the tuples in scope. */
  readonly dualBound: number;
  readonly relativeGap: number;
  readonly scope: 'given-gates' | 'sampled' | 'all-arrangements';
  readonly global: GlobalBound;
  readonly branches: readonly SubNetwork[];
  readonly vectors: readonly SubVector[];
  /** Patterns of each branch: index into `tuples`. */
  readonly tupleOfBranch: readonly number[];
  readonly tuples: number;
  /** Upper bound of each tuple's price over beta (at most 1 at the optimum). */
  readonly prices: Float64Array;
  readonly networkObjective: { readonly constraint: number; readonly cubic: number };
  readonly dual: DenseMatrix;
  readonly fit: DenseMatrix;
  readonly betaMax: number;
  readonly iterations: number;
  readonly seconds: number;
  readonly method: string;
}

const largestTupleProgram = 20_000;
const enoughPerRound = 16;

/**
 * Parallel three-layer ReLU networks as a convex program with a group l1 penalty over tuples (Ergen and Pilanci 2021, "Global
 * Optimality Beyond Two Layers"): working set of tuples, pricing by projections on their cones, interior point master program.
 * The regulariser is beta/2 sum (||w2||^2 + w3^2) with ||W1||_F <= 1, equally the cubic form beta/3 sum of cubed norms.
 * @throws {ProblemError} when m1 or the number of tuples is beyond what fits
 */
export function solveThreeLayer(
  problem: Problem,
  prepared: PreparedProblem,
  options: ThreeLayerOptions,
  control: Control,
): ThreeLayerSolution {
  const { X, datafit, beta, outputs } = prepared;
  const m1 = problem.hidden?.m1 ?? 2;
  if (!Number.isInteger(m1) || m1 < 1 || m1 > 16) {
    throw new ProblemError(`must be a whole number from 1 to 16, not ${m1}`, { field: 'hidden.m1' });
  }
  if (!datafit.smooth)
    throw new ProblemError(`three-layer networks need a smooth loss, not ${datafit.name}`, { field: 'loss' });
  if (prepared.bias === 'free') {
    throw new ProblemError('three-layer networks know the biases "none" and "regularized"', { field: 'bias' });
  }
  if (outputs > 1 && prepared.outputPenalty !== 'per-output') {
    throw new ProblemError('three-layer networks with several outputs are solved per output', {
      field: 'outputPenalty',
    });
  }
  const started = control.now();
  const rng = createRng('seed' in problem.arrangements ? problem.arrangements.seed : 1);
  const stop = (): boolean =>
    control.shouldStop() ||
    (options.timeLimitSeconds !== undefined && control.now() - started > options.timeLimitSeconds);

  // Tuples in play.
  let pool = new TupleSet();
  const kind = problem.arrangements.kind;
  if (kind === 'all') pool = allTuples(X, m1, 2_000_000, stop);
  else if (kind === 'sampled') sampleTuples(X, m1, problem.arrangements.count, rng.fork('tuples'), pool, stop);
  else if (kind === 'given')
    throw new ProblemError('give no gates: three-layer tuples are sampled, harvested or generated', { field: 'gates' });
  for (const branch of options.harvest ?? []) addBranch(X, pool, branch, rng.fork('harvest'));

  const n = X.rows;
  const dual = { rows: n, cols: outputs, data: new Float64Array(n * outputs) };
  const column = (V: Float64Array, k: number): Float64Array =>
    Float64Array.from({ length: n }, (_, i) => V[i * outputs + k]);

  let iterations = 0;
  const keyOf = (block: Block): string => `${block.output}${block.sign}${block.tuple.key}`;
  const finalTolerance = 0.02 * prepared.tolerance;
  const violation = beta * (1 + 0.2 * prepared.tolerance);
  const grams: GramCache = new Map();
  // Prices are sublinear in the linear form: an old proven price plus the relaxed price of the change bounds the new one.
  const known = new Map<string, { readonly g: Float64Array; readonly upper: number }>();
  const boundFrom = (key: string, g: Float64Array): number => {
    const relaxed = relaxedPrice(g, m1);
    const last = known.get(key);
    if (!last) return relaxed;
    return Math.min(
      relaxed,
      last.upper +
        relaxedPrice(
          g.map((value, k) => value - last.g[k]),
          m1,
        ),
    );
  };

  /** The optimum over some tuples by a working set: price, add, solve the master, drop what stays at zero. */
  const optimizeOver = (tuples: readonly Tuple[]): { readonly ended: SolveStatus; readonly interior: SubVector[] } => {
    let blocks: Block[] = [];
    let vectors: Float64Array[] = [];
    let fit: Float64Array = new Float64Array(n * outputs);
    const idle = new Map<string, number>();
    const present = new Set<string>();
    let masterTolerance = 1;
    let ended: SolveStatus = 'iteration-limit';
    let best: { objective: number; blocks: Block[]; vectors: Float64Array[] } | undefined;
    for (let round = 0; round < 300; round++) {
      datafit.dualPoint(fit, dual.data);
      const wanted: { block: Block; price: number }[] = [];
      const unclear: { block: Block; g: Float64Array; upper: number }[] = [];
      for (let k = 0; k < outputs && !stop(); k++) {
        const v = column(dual.data, k);
        // Partial pricing: what was dear last time comes first, and a few sure violations are enough for a round.
        const candidates: { block: Block; g: Float64Array; guess: number }[] = [];
        for (const tuple of tuples) {
          for (const sign of [1, -1] as const) {
            const block: Block = { tuple, sign, output: k };
            if (present.has(keyOf(block))) continue;
            const g = linearForm(tuple, v, sign);
            const guess = boundFrom(keyOf(block), g);
            if (guess > beta) candidates.push({ block, g, guess });
          }
        }
        candidates.sort((a, b) => b.guess - a.guess);
        let sure = 0;
        for (const { block, g } of candidates) {
          if (stop() || sure >= enoughPerRound) break;
          const price = projectedPrice(block.tuple, g, m1);
          known.set(keyOf(block), { g, upper: price.upper });
          if (price.lower > violation) {
            wanted.push({ block, price: price.lower });
            sure++;
          } else if (price.upper > violation) unclear.push({ block, g, upper: price.upper });
        }
      }
      // Only when the cheap bounds leave nothing certain to add are the ones that straddle beta worth their exact price.
      if (wanted.length === 0) {
        unclear.sort((a, b) => b.upper - a.upper);
        for (const { block, g } of unclear) {
          if (stop() || wanted.length >= 8) break;
          const { lower, upper } = exactPrice(block.tuple, g, m1, 0.05 * prepared.tolerance, violation, true);
          known.set(keyOf(block), { g, upper });
          if (lower > violation) wanted.push({ block, price: lower });
        }
      }
      if (stop()) {
        ended = control.shouldStop() ? 'cancelled' : 'time-limit';
        break;
      }
      // The master only needs to be as accurate as the violations that are left; it is solved to the end before stopping.
      if (wanted.length === 0 && masterTolerance <= finalTolerance) {
        ended = 'optimal';
        break;
      }
      wanted.sort((a, b) => b.price - a.price);
      const worst = wanted.length > 0 ? wanted[0].price / beta - 1 : 0;
      masterTolerance = Math.max(finalTolerance, Math.min(1e-2 * worst, 1e-2));
      for (const { block } of wanted.slice(0, Math.max(6, Math.ceil(blocks.length / 2)))) {
        blocks.push(block);
        present.add(keyOf(block));
      }
      if (blocks.length * m1 * X.cols > largestTupleProgram) {
        throw new ProblemError(
          `the program needs more than ${largestTupleProgram} variables at once; raise beta, or lower m1 or the number of tuples`,
          { field: 'hidden.m1' },
        );
      }
      const master = solveBlocks(blocks, datafit, beta, m1, masterTolerance, { ...control, shouldStop: stop }, grams);
      iterations += master.newtonSteps;
      fit = master.fit;
      // Blocks that stay at zero for some rounds leave the working set.
      const norms = master.vectors.map((u) => groupNorm(u, m1));
      const total = norms.reduce((a, b) => a + b, 0);
      const keep: number[] = [];
      blocks.forEach((block, b) => {
        const key = keyOf(block);
        const rounds = norms[b] < 1e-8 * total ? (idle.get(key) ?? 0) + 1 : 0;
        idle.set(key, rounds);
        if (rounds < 3 || master.stopped) keep.push(b);
        else present.delete(key);
      });
      vectors = keep.map((b) => master.vectors[b]);
      blocks = keep.map((b) => blocks[b]);
      if (!best || master.objective < best.objective)
        best = { objective: master.objective, blocks: [...blocks], vectors };
      control.report?.({
        iteration: iterations,
        seconds: control.now() - started,
        objective: best.objective,
        dualBound: 0,
        active: norms.filter((s) => s > 1e-6 * total).length,
        phase: `${tuples.length} tuples, ${blocks.length} in play`,
      });
    }

    const interior = (best?.blocks ?? []).map(({ tuple, sign, output }, b) => ({
      u: best!.vectors[b],
      inner: tuple.inner,
      sign,
      output,
    }));
    return { ended, interior };
  };

  let status: SolveStatus;
  let cleaned: Polished;
  let twoLayerBetaMax = 0;
  if (kind === 'adaptive') {
    const generated = generate({
      problem,
      prepared,
      m1,
      harvest: options.harvest ?? [],
      rng,
      stop,
      control,
      optimizeOver,
      pool,
    });
    cleaned = generated.network;
    twoLayerBetaMax = generated.twoLayerBetaMax;
    status = stop()
      ? control.shouldStop()
        ? 'cancelled'
        : 'time-limit'
      : generated.closed
        ? 'optimal'
        : 'iteration-limit';
  } else {
    const { ended, interior } = optimizeOver(pool.list);
    status = ended;
    // Finishing touches only on a finished solve: a stop is answered at once.
    cleaned =
      ended === 'optimal' ? polishBranches(prepared, m1, interior, control) : evaluateBranches(prepared, m1, interior);
  }
  datafit.dualPoint(cleaned.fit.data, dual.data);
  const prices = new Float64Array(pool.list.length);
  // The dual point is scaled by the largest proven price over the tuples in scope.
  let top = 0;
  pool.list.forEach((tuple, t) => {
    for (let k = 0; k < outputs; k++) {
      const v = column(dual.data, k);
      for (const sign of [1, -1] as const) {
        const g = linearForm(tuple, v, sign);
        const bound = boundFrom(keyOf({ tuple, sign, output: k }), g);
        if (bound <= Math.max(beta, prices[t]) || stop()) {
          prices[t] = Math.max(prices[t], stop() ? bound : Math.min(bound, beta));
          continue;
        }
        const price = status === 'optimal' ? exactPrice(tuple, g, m1, 1e-9, beta) : projectedPrice(tuple, g, m1);
        prices[t] = Math.max(prices[t], price.upper);
      }
    }
    top = Math.max(top, prices[t]);
  });
  const boundOf = (price: number): number => {
    const t = bestDualScale(datafit, dual.data, price > 0 ? beta / price : Number.POSITIVE_INFINITY);
    return datafit.dualValue(dual.data.map((v) => t * v));
  };
  const dualBound = Math.min(boundOf(top), cleaned.objective);
  const relativeGap = (cleaned.objective - dualBound) / Math.max(Math.abs(cleaned.objective), 1e-300);
  const t = bestDualScale(datafit, dual.data, top > 0 ? beta / top : Number.POSITIVE_INFINITY);
  const global = globalBoundOf(
    X,
    dual,
    datafit.name,
    beta,
    cleaned.objective,
    kind === 'all' && status === 'optimal',
    top,
    boundOf,
    options,
    control,
  );
  // the solver's own gap was met, but it is the one recomputed here that counts
  if (status === 'optimal' && relativeGap > prepared.tolerance) {
    status = !stop() ? 'numerical-error' : control.shouldStop() ? 'cancelled' : 'time-limit';
  }
  const betaMax = Math.max(
    zeroThreshold(prepared, pool.list, m1, outputs, stop),
    kind === 'adaptive' ? searchedThreshold(prepared, m1, twoLayerBetaMax, rng, stop) : 0,
  );
  const branches = cleaned.vectors.map(toSubNetwork);
  const branchLoss = datafit.value(forward(X, branches, outputs).data);
  const sums = branches.map(penalties);
  const cubicSum = branches.reduce((sum, branch) => sum + penalties(toCubicForm(branch)).cubic, 0);
  return {
    status,
    objective: cleaned.objective,
    dualBound,
    relativeGap,
    scope: kind === 'all' ? 'all-arrangements' : kind === 'sampled' ? 'sampled' : 'given-gates',
    global,
    branches,
    vectors: cleaned.vectors,
    tupleOfBranch: cleaned.vectors.map(({ inner, u }) =>
      pool.indexOf(interiorTuple(X, inner, u, rng.fork('tuple of branch'))),
    ),
    tuples: pool.list.length,
    prices: prices.map((price) => price / beta),
    networkObjective: {
      constraint: branchLoss + beta * sums.reduce((a, b) => a + b.constraint, 0),
      cubic: branchLoss + beta * cubicSum,
    },
    dual: { rows: n, cols: outputs, data: dual.data.map((v) => t * v) },
    fit: cleaned.fit,
    betaMax,
    iterations,
    seconds: control.now() - started,
    method: `working set of ${pool.list.length} tuples, interior point master, cone pricing`,
  };
}

interface Generated {
  readonly network: Polished;
  readonly closed: boolean;
  readonly twoLayerBetaMax: number;
}

interface Generation {
  readonly problem: Problem;
  readonly prepared: PreparedProblem;
  readonly m1: number;
  readonly harvest: readonly SubNetwork[];
  readonly rng: ReturnType<typeof createRng>;
  readonly stop: () => boolean;
  readonly control: Control;
  readonly optimizeOver: (tuples: readonly Tuple[]) => { readonly ended: SolveStatus; readonly interior: SubVector[] };
  /** Collects every tuple that was in play. */
  readonly pool: TupleSet;
}

const generationRounds = 40;
const newPerRound = 8;

/**
 * Tuples from the dual instead of blind sampling: starts from the two-layer optimum (a special case) and harvested branches; then, as long as
 * search finds a branch that violates the dual constraint, optimises over the tuples of the present branches and of the violators. `closed` when
 * search finds none any more.
 */
function generate(g: Generation): Generated {
  const { problem, prepared, m1, rng, stop, control, pool } = g;
  const { X, datafit, beta, outputs } = prepared;
  const quiet: Control = { shouldStop: stop, now: () => control.now() };
  const two = solve({ ...problem, model: 'relu', hidden: undefined }, { certifySeconds: 0 }, quiet);
  const inner = Int8Array.from({ length: m1 }, (_, j) => (j === 0 ? 1 : -1));
  const plain: SubVector[] = two.groups.map(({ vector, sign, output }) => {
    const u = new Float64Array(m1 * X.cols);
    u.set(vector);
    return { u, inner, sign, output: Math.max(0, output) };
  });
  let network = evaluateBranches(prepared, m1, plain);
  const harvested = evaluateBranches(prepared, m1, g.harvest.map(toSubVector));
  if (g.harvest.length > 0 && harvested.objective < network.objective) network = harvested;
  const V = new Float64Array(X.rows * outputs);
  let idle = 0;
  for (let round = 0; round < generationRounds && !stop(); round++) {
    datafit.dualPoint(network.fit.data, V);
    const set = new TupleSet();
    const play = (vectors: readonly { readonly u: Float64Array; readonly inner: Int8Array }[]): void => {
      for (const { u, inner: signs } of vectors) {
        const tuple = interiorTuple(X, signs, u, rng);
        set.add(tuple);
        pool.add(tuple);
      }
    };
    play(network.vectors);
    const before = set.list.length;
    let worst = 0;
    for (let k = 0; k < outputs; k++) {
      const v = Float64Array.from({ length: X.rows }, (_, i) => V[i * outputs + k]);
      const present = network.vectors.filter(({ output }) => output === k);
      const found = searchBranches(X, v, m1, 30, present, rng.fork(`search ${round} ${k}`), stop);
      worst = Math.max(worst, found[0]?.value ?? 0);
      for (const ascent of found) {
        if (ascent.value <= beta * (1 + 0.5 * prepared.tolerance) || set.list.length - before >= newPerRound * (k + 1))
          break;
        play([ascent]);
      }
    }
    if (stop()) break;
    // Nothing found, or nothing that helped for some rounds: then every tuple seen so far must agree before the search is believed.
    const settled = worst <= beta * (1 + 0.5 * prepared.tolerance) || idle >= 4;
    const { ended, interior } = g.optimizeOver(settled ? pool.list : set.list);
    if (stop()) break;
    const next = polishBranches(prepared, m1, interior, quiet);
    const better = next.objective < network.objective - 1e-9 * Math.abs(network.objective);
    if (next.objective < network.objective) network = next;
    if (settled && !better) return { network, closed: ended === 'optimal', twoLayerBetaMax: two.betaMax };
    idle = better ? 0 : idle + 1;
  }
  return { network, closed: false, twoLayerBetaMax: two.betaMax };
}

/** The tuple of a direction, nudged off its boundaries when it lies on some. */
function interiorTuple(
  X: DenseMatrix,
  inner: Int8Array,
  u: Float64Array,
  rng: ReturnType<typeof createRng>,
): Tuple | undefined {
  for (const noise of [0, 1e-9, 1e-7, 1e-5, 1e-3]) {
    const size = norm2(u) / Math.sqrt(u.length);
    const tuple = tupleOf(
      X,
      inner,
      u.map((value) => value + noise * size * rng.normal()),
    );
    if (tuple) return tuple;
  }
  return undefined;
}

/** Tuples of a trained branch, also of its neighbours across rows where it lies on a boundary. */
function addBranch(X: DenseMatrix, pool: TupleSet, branch: SubNetwork, rng: ReturnType<typeof createRng>): void {
  const { u, inner } = toSubVector(branch);
  pool.add(interiorTuple(X, inner, u, rng));
}

/**
 * What is proven about all such networks. With every tuple in play the bound is exact. Otherwise (v)'(h)_+ <= v_+'(h)_+ and
 * (sum_j s_j (Xu_j)_+)_+ <= sum_{s_j > 0} (Xu_j)_+ give M3(v) <= max of the two-layer maxima of v_+ and of v_-.
 */
function globalBoundOf(
  X: DenseMatrix,
  dual: DenseMatrix,
  loss: string,
  beta: number,
  objective: number,
  exact: boolean,
  top: number,
  boundOf: (price: number) => number,
  options: ThreeLayerOptions,
  control: Control,
): GlobalBound {
  let upper = top;
  let reason = 'every tuple of patterns was priced';
  if (!exact) {
    upper = 0;
    for (let k = 0; k < dual.cols; k++) {
      for (const sign of [1, -1]) {
        const part = Float64Array.from({ length: dual.rows }, (_, i) =>
          Math.max(0, sign * dual.data[i * dual.cols + k]),
        );
        if (!part.some((v) => v > 0)) continue;
        const seconds = (options.certifySeconds ?? 5) / (2 * dual.cols);
        upper = Math.max(upper, bracketDualMaximum(X, part, X.cols, { seconds }, control).upper);
      }
    }
    reason = `M3(v) is at most the larger two-layer maximum of v_+ and v_- (${loss} loss)`;
  }
  const lowerBound = Math.min(boundOf(Math.max(upper, Number.MIN_VALUE)), objective);
  return {
    lowerBound,
    relativeGap: (objective - lowerBound) / Math.max(Math.abs(objective), 1e-300),
    proof: exact ? 'exact' : 'bound',
    maxDualConstraint: upper / beta,
    searchEstimate: top / beta,
    reason,
  };
}

/** Largest value that search finds for the dual point of the zero network, at least the two-layer one (a special case). */
function searchedThreshold(
  { X, datafit, outputs }: PreparedProblem,
  m1: number,
  twoLayer: number,
  rng: ReturnType<typeof createRng>,
  stop: () => boolean,
): number {
  const V = new Float64Array(X.rows * outputs);
  datafit.dualPoint(new Float64Array(X.rows * outputs), V);
  let largest = twoLayer;
  for (let k = 0; k < outputs; k++) {
    const v = Float64Array.from({ length: X.rows }, (_, i) => V[i * outputs + k]);
    for (const { value } of searchBranches(X, v, m1, 40, [], rng.fork(`threshold ${k}`), stop))
      largest = Math.max(largest, value);
  }
  return largest;
}

/** Largest price of the dual point of the zero network over the tuples in play. */
function zeroThreshold(
  prepared: PreparedProblem,
  tuples: readonly Tuple[],
  m1: number,
  outputs: number,
  shouldStop: () => boolean,
): number {
  const n = prepared.X.rows;
  const V = new Float64Array(n * outputs);
  prepared.datafit.dualPoint(new Float64Array(n * outputs), V);
  const forms: { tuple: Tuple; g: Float64Array; upper: number }[] = [];
  let largest = 0;
  for (let k = 0; k < outputs; k++) {
    const v = Float64Array.from({ length: n }, (_, i) => V[i * outputs + k]);
    for (const tuple of tuples) {
      for (const sign of [1, -1]) {
        const g = linearForm(tuple, v, sign);
        if (relaxedPrice(g, m1) <= largest) continue;
        const price = projectedPrice(tuple, g, m1);
        largest = Math.max(largest, price.lower);
        if (price.upper > price.lower) forms.push({ tuple, g, upper: price.upper });
      }
    }
  }
  forms.sort((a, b) => b.upper - a.upper);
  for (const { tuple, g, upper } of forms) {
    if (upper <= largest || shouldStop()) break;
    largest = Math.max(largest, exactPrice(tuple, g, m1, 1e-9, largest).lower);
  }
  return largest;
}
