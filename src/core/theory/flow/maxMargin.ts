import { smallest } from '../../base/extremes.ts';
import { relativeGap } from '../../problem/gap.ts';
import { bracketDualMaximum, type DualBracket } from '../../certify/global/dualMaximum.ts';
import { maximizeDualConstraint } from '../../certify/global/search.ts';
import { type DenseMatrix, norm2, rowNorms } from '../../base/linalg/matrix.ts';
import { solveAdaptive } from '../../engine/relu/adaptive.ts';
import type { NeuronSeed } from '../../engine/relu/activeNeurons.ts';
import { classifyRows } from '../../problem/patterns/rowClasses.ts';
import { type Control, uncontrolled } from '../../base/control.ts';
import { shiftedSquaredHinge } from './marginDatafit.ts';

/** A neuron in convex coordinates: it adds sign * (x'u)_+ and costs ||u||. */
export interface MarginNeuron {
  readonly u: Float64Array;
  readonly sign: 1 | -1;
}

/**
 * The best two-layer ReLU network (any width) in the sense of the maximal margin:
 *     min sum_j ||u_j||  subject to  y_i sum_j s_j (x_i'u_j)_+ >= 1,
 * which equals min ||theta||^2 / 2 subject to y_i f_theta(x_i) >= 1, and its dual
 *     max sum |lambda_i|  subject to  y_i lambda_i >= 0,  M(lambda) = max over ||u|| <= 1 of |lambda'(Xu)_+| <= 1.
 */
export interface MaxMarginResult {
  readonly status: 'optimal' | 'not-separable' | 'stopped' | 'not-converged';
  /** Recomputed by running the neurons and scaling them to margin 1; Infinity when nothing separates. */
  readonly value: number;
  /** Recomputed: sum |lambda| / M(lambda), M by its proven upper bound, so that it holds for every network. */
  readonly lowerBound: number;
  readonly relativeGap: number;
  /** `exact`: M(lambda) is settled to the tolerance; `bound`: its proven upper bound is larger than what search finds. */
  readonly proof: 'exact' | 'bound';
  /** The same bound with M(lambda) as found by search: what the gap would be if the search is right. */
  readonly searchedBound: number;
  readonly neurons: readonly MarginNeuron[];
  /** Dual variable, n numbers with y_i lambda_i >= 0, scaled to M(lambda) = 1 (as found by search). */
  readonly lambda: Float64Array;
  /** Largest margin of any network with ||theta|| = 1: 1 / (2 value). */
  readonly normalizedMargin: number;
  /** Proven upper bound of the same. */
  readonly marginBound: number;
  readonly iterations: number;
  readonly seconds: number;
  readonly reason: string;
}

export interface MaxMarginOptions {
  /** Relative duality gap, default 1e-6 (what comes out is usually far smaller). */
  readonly tolerance?: number;
  readonly seed?: number;
  /** Seconds for proving M(lambda) over all patterns at the end, default 10. */
  readonly certifySeconds?: number;
  /** Neurons known to be useful, e.g. those of a trained network. */
  readonly candidates?: readonly MarginNeuron[];
}

/** The margins y_i f(x_i) of a network in convex coordinates. */
export function marginsOf(X: DenseMatrix, y: Float64Array, neurons: readonly MarginNeuron[]): Float64Array {
  const d = X.cols;
  const out = new Float64Array(X.rows);
  for (const { u, sign } of neurons) {
    for (let i = 0, at = 0; i < X.rows; i++, at += d) {
      let s = 0;
      for (let k = 0; k < d; k++) s += X.data[at + k] * u[k];
      if (s > 0) out[i] += sign * y[i] * s;
    }
  }
  return out;
}

/** Value of a network scaled to margin 1: sum ||u|| / min margin; Infinity when it does not separate. */
export function marginValue(X: DenseMatrix, y: Float64Array, neurons: readonly MarginNeuron[]): number {
  let smallest = Infinity;
  for (const margin of marginsOf(X, y, neurons)) smallest = Math.min(smallest, margin);
  if (!(smallest > 0)) return Infinity;
  return neurons.reduce((s, { u }) => s + norm2(u), 0) / smallest;
}

/** A dual value this many times the inverse of the smallest row means a margin too small to be told from none. */
const separableLimit = 1e8;

/**
 * Solves the max-margin program over all activation patterns by the method of multipliers: every step is a regularised ReLU training
 * problem with a shifted squared hinge, solved by neuron insertion, and its dual point is the next multiplier (always dual feasible).
 * Ends with a bracket of M(lambda) over all directions (exact for rank up to two, branch and bound beyond).
 * X is n x d (effective inputs), y holds -1/+1.
 */
export function solveMaxMargin(
  X: DenseMatrix,
  y: Float64Array,
  options: MaxMarginOptions = {},
  control: Control = uncontrolled,
): MaxMarginResult {
  const begin = control.now();
  const tolerance = options.tolerance ?? 1e-6;
  const found = multiplierMethod(X, y, { ...options, tolerance }, control, begin);
  const { mu, best, stopped, value } = found;
  const lambda = Float64Array.from(mu, (m, i) => y[i] * m);
  const total = mu.reduce((a, b) => a + b, 0);
  const result = (part: MarginBracket, M: number, upper: number): MaxMarginResult => ({
    ...part,
    relativeGap: Number.isFinite(part.value) ? relativeGap(part.value, part.lowerBound) : Infinity,
    neurons: scaled(X, y, best),
    lambda: lambda.map((l) => (M > 0 ? l / M : l)),
    normalizedMargin: Number.isFinite(part.value) ? 1 / (2 * part.value) : 0,
    marginBound: total > 0 ? upper / (2 * total) : Infinity,
    iterations: found.iterations,
    seconds: control.now() - begin,
  });
  if (total === 0) {
    const reason = 'stopped before the first bound';
    return result({ status: 'stopped', value, lowerBound: 0, proof: 'bound', searchedBound: 0, reason }, 0, 0);
  }
  const bracket = bracketDualMaximum(
    X,
    lambda,
    X.cols,
    {
      seconds: stopped ? 0 : (options.certifySeconds ?? 10),
      candidates: best.map(({ u }) => u),
      goal: 1 + tolerance / 4,
    },
    control,
  );
  return result(judge(found, bracket, total, tolerance), bracket.lower, bracket.upper);
}

type MarginBracket = Pick<MaxMarginResult, 'status' | 'value' | 'lowerBound' | 'proof' | 'searchedBound' | 'reason'>;

/** What the neurons found and the bracket of M(lambda) say together; `total` is sum |lambda|. */
function judge(
  { value, stopped, failure }: Multipliers,
  bracket: DualBracket,
  total: number,
  tolerance: number,
): MarginBracket {
  const proven = bracket.upper <= Math.max(1, bracket.lower) * (1 + tolerance);
  const proof = proven ? ('exact' as const) : ('bound' as const);
  const lowerBound = total / bracket.upper;
  const searchedBound = total / Math.max(bracket.lower, 1e-300);
  if (failure !== undefined) {
    const margin = bracket.upper / (2 * total);
    const reason =
      failure === 'zero rows'
        ? 'all rows are zero'
        : `no two-layer ReLU network without further biases separates these labels: the normalised margin is at most ${margin.toExponential(1)}`;
    return { status: 'not-separable', value: Infinity, lowerBound, proof, searchedBound, reason };
  }
  const settled = proven ? lowerBound : searchedBound;
  const closed = Number.isFinite(value) && (value - settled) / value <= tolerance;
  return {
    status: stopped ? 'stopped' : closed ? 'optimal' : 'not-converged',
    value,
    lowerBound,
    proof,
    searchedBound,
    reason: proven
      ? `M(lambda) is settled over all activation patterns (${bracket.method}, ${bracket.visited} visited)`
      : `search finds M(lambda) = ${bracket.lower.toPrecision(8)}, proven is at most ${bracket.upper.toPrecision(6)}: optimal as far as searched, bounded otherwise`,
  };
}

/** Where the method of multipliers ended. */
interface Multipliers {
  /** n numbers, at least 0. */
  readonly mu: Float64Array;
  /** The neurons of the smallest value met, and that value. */
  readonly best: readonly MarginNeuron[];
  readonly value: number;
  readonly iterations: number;
  readonly stopped: boolean;
  /** Why no network separates, if none does. */
  readonly failure: 'zero rows' | 'not separable' | undefined;
}

function multiplierMethod(
  X: DenseMatrix,
  y: Float64Array,
  options: MaxMarginOptions & { readonly tolerance: number },
  control: Control,
  begin: number,
): Multipliers {
  const n = X.rows;
  const { tolerance } = options;
  const norms = rowNorms(X);
  const typical = [...norms].sort((a, b) => a - b)[Math.floor(n / 2)] || 1;
  const shortest = smallest(norms.filter((size) => size > 0));
  const classes = classifyRows(X);

  let seeds: readonly NeuronSeed[] = (options.candidates ?? []).map(({ u, sign }) => ({ u, sign, output: 0 }));
  const mu = new Float64Array(n);
  // A multiplier has the size of an inverse row; sigma larger than that makes the steps superlinear.
  let sigma = 10 / typical;
  const largestSigma = 1e5 / typical;
  let violation = Infinity;
  let iterations = 0;
  let value = Infinity;
  let best: readonly MarginNeuron[] = [];
  const ended = (stopped: boolean, failure?: Multipliers['failure']): Multipliers => ({
    mu,
    best,
    value,
    iterations,
    stopped,
    failure,
  });
  for (let round = 0; round < 60; round++) {
    const shift = mu.map((m) => 1 + m / sigma);
    const before = iterations;
    const step = solveAdaptive(
      { X, classes, penalizedCols: X.cols, datafit: shiftedSquaredHinge(y, shift, sigma), beta: 1, offset: false },
      seeds,
      undefined,
      { seed: options.seed ?? 1, tolerance: Math.max(1e-10, Math.min(1e-4, violation * 1e-3)) },
      control,
      (_objective, _ratio, active, steps) =>
        control.report?.({
          iteration: before + steps,
          seconds: control.now() - begin,
          objective: value,
          dualBound: mu.reduce((a, b) => a + b, 0),
          active,
          phase: 'max-margin program',
        }),
    );
    iterations += step.iterations;
    seeds = step.neurons;
    const neurons = seeds.map(({ u, sign }) => ({ u, sign }));
    const now = marginValue(X, y, neurons);
    if (now < value) {
      value = now;
      best = neurons;
    }
    if (step.stopped) return ended(true);
    const previous = violation;
    violation = 0;
    for (let i = 0; i < n; i++) {
      mu[i] = Math.max(0, sigma * (shift[i] - y[i] * step.fit[i]));
      violation = Math.max(violation, 1 - y[i] * step.fit[i]);
    }
    if (shortest === Infinity) return ended(false, 'zero rows');
    if (violation > 0.5 * previous) {
      // No progress: perhaps no network separates.
      const largest = searchedDualMaximum(X, y, mu, seeds, control);
      if (largest < shortest / separableLimit) return ended(false, 'not separable');
    }
    if (violation <= Math.min(1e-9, 0.01 * tolerance)) break;
    // Enough progress at this sigma: leave its conditioning alone.
    if (violation > 0.05 * previous) sigma = Math.min(largestSigma, 5 * sigma);
    if (round > 20 && violation > 0.5 * previous && violation < 1e-7) break;
  }
  return ended(false);
}

/** M(lambda) by search, sum |lambda| scaled to 1: nearly 0 means lambda is orthogonal to all networks, which proves that none separates. */
function searchedDualMaximum(
  X: DenseMatrix,
  y: Float64Array,
  mu: Float64Array,
  seeds: readonly NeuronSeed[],
  control: Control,
): number {
  const total = mu.reduce((a, b) => a + b, 0);
  const data = Float64Array.from(mu, (m, i) => (y[i] * m) / total);
  const [top] = maximizeDualConstraint(
    X,
    { rows: X.rows, cols: 1, data },
    { starts: 24, keep: 1, candidates: seeds.map(({ u }) => u) },
    control,
  );
  return top?.value ?? 0;
}
/** The neurons scaled to smallest margin 1, largest first; as they are when they do not separate. */
function scaled(X: DenseMatrix, y: Float64Array, neurons: readonly MarginNeuron[]): MarginNeuron[] {
  const margin = smallest(marginsOf(X, y, neurons));
  const factor = margin > 0 && Number.isFinite(margin) ? 1 / margin : 1;
  return neurons
    .map(({ u, sign }) => ({ u: u.map((value) => value * factor), sign }))
    .sort((a, b) => norm2(b.u) - norm2(a.u));
}
