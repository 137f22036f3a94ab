import { type DenseMatrix, denseMatrix } from '../../base/linalg/matrix.ts';
import { bestDualScale } from '../../problem/datafit.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import type { Control } from '../../base/control.ts';
import type { GlobalBound } from './bound.ts';
import { bracketDualMaximum, type DualBracket } from './dualMaximum.ts';
import { bracketVectorMaximum } from './vectorMaximum.ts';

export interface GlobalBoundOptions {
  /** Time for the proof, all outputs together. */
  readonly seconds: number;
  /** Directions to start the search from, on effective inputs: the neurons of the network at hand. */
  readonly candidates?: readonly ArrayLike<number>[];
  readonly seed?: number;
}

/** A bound, and what it was found from. */
export interface GlobalBoundDetails extends GlobalBound {
  readonly worstOuter: Float64Array;
  /** Proven bracket of the dual maximum over all outputs, at the dual point as given (before scaling). */
  readonly bracket: { readonly lower: number; readonly upper: number };
}

/** What is known of the dual maximum over all outputs. */
interface Bracket {
  readonly lower: number;
  readonly upper: number;
  readonly direction: Float64Array | undefined;
  readonly outer: Float64Array;
  readonly methods: ReadonlySet<DualBracket['method']>;
  /** Patterns or cones that were visited, over all outputs. */
  readonly visited: number;
  /** Outgoing directions between which the bound was subdivided; 0 when outputs stand alone. */
  readonly outerDirections: number;
}

/**
 * A proven lower bound of the objective over ALL two-layer ReLU networks of the family of `prepared` (any width), from one dual point V
 * (n x c), usually -gradient of the datafit at some fit. Weak duality (Pilanci and Ergen 2020): if M(V) is at most beta then -l*(-V) is a lower bound;
 * M is positively homogeneous, so tV with t = beta / M(V) is feasible for every V, and the best smaller t is taken too. M(V) is the maximum over
 * ||u|| <= 1 of |v_k'(Xu)_+| and outputs k for the per-output penalty, and of ||V'(Xu)_+||_2 for plain weight decay (Sahiner, Ergen, Pauly and Pilanci
 * 2021), which `nuclear` and `frobenius` both are for ReLU networks. It is not known but bounded from above by proof, which is all that is needed.
 *
 * `proof`: 'exact' when the bound of M is attained by a direction (to 1e-8 relative), 'bound' when it is proven but not tight. A poor V
 * gives a valid bound as well, just a low one. `objective` is that of the network the gap is for. 'none': nothing beyond the loss being non-negative.
 */
export function globalBound(
  prepared: PreparedProblem,
  V: DenseMatrix,
  objective: number,
  options: GlobalBoundOptions,
  control: Control,
): GlobalBoundDetails {
  const { X, beta, datafit, outputs, outputPenalty } = prepared;
  if (V.rows !== X.rows || V.cols !== outputs) {
    throw new RangeError(`the dual is ${V.rows} x ${V.cols}, the problem ${X.rows} x ${outputs}`);
  }
  const point = usablePoint(prepared, V);
  const joint = outputs > 1 && outputPenalty !== 'per-output';
  const bracket = (joint ? bracketJointly : bracketOutputs)(prepared, point, options, control);
  const { lower, upper, methods } = bracket;

  const limit = upper > 0 ? (beta / upper) * (1 - 4e-16) : Infinity;
  const scaled = new Float64Array(point.length);
  const dualAt = (t: number): number => {
    for (let i = 0; i < point.length; i++) scaled[i] = t * point[i];
    return datafit.dualValue(scaled);
  };
  const t =
    datafit.name === 'squared' ? Math.min(limit, squaredScale(prepared, point)) : bestDualScale(datafit, point, limit);
  // zero is feasible and gives the infimum of the loss, 0 for every loss here
  const proven = Math.max(0, dualAt(t) - roundingOfDual(prepared, scaled));
  const exact = upper <= lower * (1 + 1e-8) + Number.MIN_VALUE;
  const relativeGap = Math.max(0, (objective - proven) / Math.max(Math.abs(objective), Number.MIN_VALUE));
  return {
    lowerBound: proven,
    relativeGap,
    proof: proven <= 0 && objective > 0 ? 'none' : exact ? 'exact' : 'bound',
    maxDualConstraint: upper,
    searchEstimate: lower,
    worstDirection: bracket.direction,
    worstOuter: bracket.outer,
    // between outgoing directions, patterns are visited again and again: their number is no count of cells
    cells: !joint && methods.size === 1 && methods.has('sweep') ? bracket.visited : undefined,
    bracket: { lower, upper },
    reason: reasonFor(bracket, exact, relativeGap, beta),
  };
}

/** Every output on its own: the largest of their maxima. */
function bracketOutputs(
  { X, penalizedCols, outputs }: PreparedProblem,
  point: Float64Array,
  options: GlobalBoundOptions,
  control: Control,
): Bracket {
  const started = control.now();
  const brackets: DualBracket[] = [];
  const v = new Float64Array(X.rows);
  for (let k = 0; k < outputs; k++) {
    for (let i = 0; i < X.rows; i++) v[i] = point[i * outputs + k];
    const left = Math.max(0, options.seconds - (control.now() - started)) / (outputs - k);
    const { candidates, seed } = options;
    // one output's bound below another's changes nothing
    const goal = Math.max(0, ...brackets.map((b) => b.upper));
    brackets.push(bracketDualMaximum(X, v, penalizedCols, { seconds: left, candidates, seed, goal }, control));
  }
  const worst = brackets.reduce((a, b, k) => (b.lower > brackets[a].lower ? k : a), 0);
  const outer = new Float64Array(outputs);
  outer[worst] = brackets[worst].sign;
  return {
    lower: brackets[worst].lower,
    upper: Math.max(...brackets.map((b) => b.upper)) * (1 + 4e-16 * outputs),
    direction: brackets[worst].direction,
    outer,
    methods: new Set(brackets.map(({ method }) => method)),
    visited: brackets.reduce((s, b) => s + b.visited, 0),
    outerDirections: 0,
  };
}

/** All outputs together. */
function bracketJointly(
  { X, penalizedCols, outputs }: PreparedProblem,
  point: Float64Array,
  { seconds, candidates, seed }: GlobalBoundOptions,
  control: Control,
): Bracket {
  const V = denseMatrix(X.rows, outputs, point);
  const found = bracketVectorMaximum(X, V, penalizedCols, { seconds, candidates, seed }, control);
  return {
    lower: found.lower,
    upper: found.upper,
    direction: found.direction,
    outer: found.output ?? new Float64Array(outputs),
    methods: new Set([found.method]),
    visited: found.visited,
    outerDirections: found.outputs,
  };
}

/** V inside the domain of the conjugate; with a free bias every column must sum to zero as well. */
function usablePoint(prepared: PreparedProblem, V: DenseMatrix): Float64Array {
  const { datafit, penalizedCols, X } = prepared;
  const point = V.data.slice();
  datafit.projectDual(point);
  if (penalizedCols === X.cols) return point;
  switch (datafit.name) {
    case 'squared':
      centreColumns(point, V.rows, V.cols);
      break;
    case 'logistic':
    case 'hinge':
      balanceSigns(point, V.rows, V.cols);
      break;
    case 'softmax':
      balanceClasses(point, prepared.targets, V.cols);
      break;
  }
  return point;
}

function centreColumns(point: Float64Array, n: number, c: number): void {
  for (let k = 0; k < c; k++) {
    let mean = 0;
    for (let i = 0; i < n; i++) mean += point[i * c + k] / n;
    for (let i = 0; i < n; i++) point[i * c + k] -= mean;
  }
}

/** Scales the heavier sign of each column down to the other: signs stay, and with them the domain. */
function balanceSigns(point: Float64Array, n: number, c: number): void {
  for (let k = 0; k < c; k++) {
    let gain = 0;
    let loss = 0;
    for (let i = 0; i < n; i++) {
      const value = point[i * c + k];
      if (value > 0) gain += value;
      else loss -= value;
    }
    const target = Math.min(gain, loss);
    for (let i = 0; i < n; i++) {
      const value = point[i * c + k];
      if (value !== 0) point[i * c + k] *= target / (value > 0 ? gain : loss);
    }
  }
}

/** V = e_class - p with p a distribution in each row and, over rows, as much of each class as there is (Sinkhorn scaling of p). */
function balanceClasses(point: Float64Array, classes: DenseMatrix, c: number): void {
  const n = classes.rows;
  const counts = new Float64Array(c);
  const p = new Float64Array(n * c);
  for (let i = 0; i < n; i++) {
    counts[classes.data[i]]++;
    for (let k = 0; k < c; k++) p[i * c + k] = Math.max(1e-12, (k === classes.data[i] ? 1 : 0) - point[i * c + k]);
  }
  for (let round = 0; round < 2000; round++) {
    let worst = 0;
    for (let k = 0; k < c; k++) {
      let s = 0;
      for (let i = 0; i < n; i++) s += p[i * c + k];
      worst = Math.max(worst, Math.abs(s - counts[k]));
      // a class that does not occur gets no mass at all
      const scale = s > 0 ? counts[k] / s : 0;
      for (let i = 0; i < n; i++) p[i * c + k] *= scale;
    }
    for (let i = 0; i < n; i++) {
      let s = 0;
      for (let k = 0; k < c; k++) s += p[i * c + k];
      for (let k = 0; k < c; k++) p[i * c + k] /= s;
    }
    if (worst <= 1e-11) break;
  }
  for (let i = 0; i < n; i++) {
    let others = 0;
    const own = classes.data[i];
    for (let k = 0; k < c; k++) {
      if (k === own) continue;
      point[i * c + k] = -p[i * c + k];
      others += p[i * c + k];
    }
    point[i * c + own] = others;
  }
}

/** Maximiser of t v'y - t^2 ||v||^2 / 2. */
function squaredScale(prepared: PreparedProblem, point: Float64Array): number {
  let vy = 0;
  let vv = 0;
  for (let i = 0; i < point.length; i++) {
    vy += point[i] * prepared.targets.data[i];
    vv += point[i] * point[i];
  }
  return vv > 0 ? Math.max(0, vy / vv) : 0;
}

/** What the sum of the conjugate's terms may be off by: count times epsilon times the sum of their sizes. */
function roundingOfDual(prepared: PreparedProblem, V: Float64Array): number {
  let size = 0;
  if (prepared.datafit.name === 'squared') {
    for (let i = 0; i < V.length; i++) size += Math.abs(V[i]) * (Math.abs(prepared.targets.data[i]) + Math.abs(V[i]));
  } else size = V.length;
  return (V.length + 8) * 2 ** -52 * size;
}

function reasonFor(bracket: Bracket, exact: boolean, gap: number, beta: number): string {
  const { lower, upper, methods, visited, outerDirections } = bracket;
  const patterns = methods.has('norms')
    ? 'norm bounds only'
    : methods.has('branch-and-bound')
      ? `branch and bound over ${visited} cones of directions`
      : outerDirections > 0
        ? 'all activation patterns'
        : `all ${visited} activation patterns`;
  const how = outerDirections > 0 ? `${patterns}, ${outerDirections} directions of the outputs` : patterns;
  const percent = `${(100 * gap).toPrecision(3)} %`;
  if (exact && gap < 1e-6)
    return `Proven globally optimal to a relative gap of ${gap.toExponential(1)}: ${how} found no neuron above the penalty.`;
  if (exact)
    return `Proven within ${percent}: the dual maximum is exact (${how}), the rest of the gap is in the network.`;
  const search = lower <= beta * (1 + 1e-6) ? 'search found no better neuron' : 'search found a better neuron';
  return (
    `Proven within ${percent} (${how}): the dual maximum is at most ${(upper / beta).toPrecision(4)} times the penalty, ` +
    `and at least ${(lower / beta).toPrecision(4)} times; ${search}.`
  );
}

/** The dual point of a fit F (n x c): V = -gradient of the datafit. */
export function dualPointOf(prepared: PreparedProblem, F: DenseMatrix): DenseMatrix {
  const V = denseMatrix(F.rows, F.cols);
  prepared.datafit.dualPoint(F.data, V.data);
  return V;
}
