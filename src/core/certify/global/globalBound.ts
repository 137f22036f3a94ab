import { dualBoundAt } from '../dual/bound.ts';
import { relativeGap } from '../../problem/gap.ts';
import { type DenseMatrix, denseMatrix } from '../../base/linalg/matrix.ts';
import { couplesOutputs } from '../../problem/penalties/penalties.ts';
import type { Control } from '../../base/control.ts';
import type { Kernels } from '../../base/kernels/kernels.ts';
import type { ConvexNeuron } from '../../network/mapping.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import {
  canBoundConically,
  type ConicBound,
  type ConicOptions,
  ConicSearch,
  usablePoint,
} from '../conic/conicBound.ts';
import type { GlobalBound, MethodBound, OnBound } from './bound.ts';
import { type DualBracket, openBracket, type OpenBracket } from './dualMaximum.ts';
import { bracketVectorMaximum } from './vectorMaximum.ts';

export interface GlobalBoundOptions {
  /** Time for the proof, all outputs together. */
  readonly seconds: number;
  /** Directions to start the search from, on effective inputs: the neurons of the network at hand. */
  readonly candidates?: readonly ArrayLike<number>[];
  /** The network at hand as convex neurons, one output each: where the relaxation may start. */
  readonly network?: readonly ConvexNeuron[];
  readonly seed?: number;
  readonly kernels?: Kernels;
  /** The caller goes on from a neuron that improves the network: once one is found, no more is proven. */
  readonly untilImproved?: boolean;
  readonly onBound?: OnBound;
}

/** A bound, and what it was found from. */
export interface GlobalBoundDetails extends GlobalBound {
  /** n x c: the dual point that proves the bound, feasible over all networks. */
  readonly dual: Float64Array;
  readonly worstOuter: Float64Array;
  readonly methods: readonly MethodBound[];
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
 * A proven lower bound of the objective over ALL two-layer ReLU networks of the family of `prepared` (any width). Weak duality (Pilanci and Ergen 2020): for any
 * V (n x c), if M(V) is at most beta then -l*(-V) is a lower bound; M is positively homogeneous, so tV with t = beta / M(V) is feasible for every V,
 * and the best smaller t is taken too. M(V) is the maximum over ||u|| <= 1 of |v_k'(Xu)_+| and outputs k for the per-output penalty, and of
 * ||V'(Xu)_+||_2 for plain weight decay (Sahiner, Ergen, Pauly and Pilanci 2021), which `nuclear` and `frobenius` both are for ReLU networks. It is not
 * known but bounded from above by proof, which is all that is needed. Two methods: cones of directions at the given V, usually -gradient of the datafit
 * at some fit; and a conic relaxation with a dual point of its own, which goes further from about eight inputs on. Cones begin with a time that
 * depends on the number of inputs, the relaxation follows, for a part of the time where cones are likely to get further, and the rest goes to the one that is expected to gain
 * more from it; each goes on from where it was. The better bound counts.
 *
 * `proof`: 'exact' when cones bound M by a value that a direction attains (to 1e-8 relative) or the relative gap is within the tolerance, 'bound' when it is
 * proven but not tight. `objective` is that of the network the gap is for. 'none': nothing beyond the loss being non-negative.
 */
export function globalBound(
  prepared: PreparedProblem,
  V: DenseMatrix,
  objective: number,
  options: GlobalBoundOptions,
  control: Control,
): GlobalBoundDetails {
  const { X, outputs } = prepared;
  if (V.rows !== X.rows || V.cols !== outputs) {
    throw new RangeError(`the dual is ${V.rows} x ${V.cols}, the problem ${X.rows} x ${outputs}`);
  }
  const started = control.now();
  const left = (): number => Math.max(0, options.seconds - (control.now() - started));
  const point = usablePoint(prepared, V.data);
  const both = options.seconds > 0 && canBoundConically(prepared);
  const seconds = both ? firstSeconds(X.cols, options.seconds) : options.seconds;
  const search = new Cones(prepared, point, objective, { ...options, seconds }, control);
  const cones = search.proven();
  const improves = cones.bracket.lower > prepared.beta * (1 + 1e-9);
  const enough = Math.min(1e-6, prepared.tolerance);
  if (!both || cones.proof === 'exact' || cones.relativeGap <= 0.1 * enough || control.shouldStop()) return cones;
  if (improves && options.untilImproved === true) return cones;

  // where cones may get further than they are, the relaxation has to leave time for that
  const few = X.cols <= fewInputs && search.expectedGap(0.6 * left()) < 0.5 * cones.relativeGap;
  const relaxed = { ...options, seconds: (few ? 0.25 : 1) * left() };
  const relaxation = new ConicSearch(prepared, conicOptions(relaxed, objective, 0.1 * enough));
  const conic = byRelaxation(prepared, cones, objective, relaxation, relaxed, control);
  if (conic === undefined) return cones;
  const rest = left();
  const best = conic.lowerBound > cones.lowerBound ? conic : cones;
  if (best.proof === 'exact' || rest < 0.2 * options.seconds || control.shouldStop()) return best;
  if (few && search.expectedGap(rest) > conic.relativeGap) {
    const longer = { ...options, seconds: rest };
    return byRelaxation(prepared, cones, objective, relaxation, longer, control) ?? conic;
  }
  if (!few && cones.relativeGap >= 4 * conic.relativeGap && X.cols > fewInputs) return best;
  search.goOn(rest, options.onBound);
  const further = search.proven();
  return further.lowerBound > best.lowerBound
    ? { ...further, methods: [...further.methods, ...conic.methods.slice(0, 1)], conic: conic.conic }
    : best;
}

/** Inputs up to which cones may get further than the relaxation in the end. */
const fewInputs = 8;

/** Seconds that cones begin with: they close low dimensions in no time, and in high ones the first second shows that they will not. */
function firstSeconds(inputs: number, seconds: number): number {
  if (inputs > manyInputs) return Math.min(1, 0.05 * seconds);
  return (inputs <= 4 ? 0.5 : inputs <= 7 ? 0.2 : 0.05) * seconds;
}

/** Inputs above which cones are not expected to get anywhere near the relaxation. */
const manyInputs = 10;

/** What branch and bound over cones, or a sweep over all patterns, proves at the given dual point. */
class Cones {
  private readonly joint: boolean;
  private readonly brackets: readonly OpenBracket[];
  private readonly jointly: Bracket | undefined;
  private seconds: number;

  constructor(
    private readonly prepared: PreparedProblem,
    private readonly point: Float64Array,
    private readonly objective: number,
    options: GlobalBoundOptions,
    private readonly control: Control,
  ) {
    const started = control.now();
    this.joint = couplesOutputs(prepared.outputPenalty, prepared.outputs);
    this.jointly = this.joint ? bracketJointly(prepared, point, options, control) : undefined;
    this.brackets = this.joint
      ? []
      : bracketOutputs(prepared, point, { ...options, onUpper: this.teller(options.onBound) }, control);
    this.seconds = control.now() - started;
  }

  private gapAt(upper: number): number {
    const { prepared, point, objective } = this;
    const { value } = dualBoundAt(prepared.datafit, point, upper / prepared.beta, objective);
    return relativeGap(objective, Math.max(0, value));
  }

  private teller(told: OnBound | undefined): (upper: number) => void {
    const { prepared, point, objective } = this;
    return (upper) =>
      told?.(Math.max(0, dualBoundAt(prepared.datafit, point, upper / prepared.beta, objective).value), 'cones');
  }

  /** The gap that may be left after so many seconds more; a guess. */
  expectedGap(seconds: number): number {
    const { brackets } = this;
    return this.gapAt(Math.max(0, ...brackets.map((bracket) => bracket.expected(seconds / brackets.length))));
  }

  /** Goes on where the time was up, always with the output that the bound is of. */
  goOn(seconds: number, told: OnBound | undefined): void {
    const { brackets, control } = this;
    const started = control.now();
    const onUpper = this.teller(told);
    for (let turn = 0; turn < brackets.length; turn++) {
      const left = seconds - (control.now() - started);
      if (left <= 0 || control.shouldStop()) break;
      const order = brackets.toSorted((a, b) => b.bracket.upper - a.bracket.upper);
      const next = order.length > 1 ? order[1].bracket.upper : 0;
      order[0].goOn(left / (brackets.length - turn), next, (upper) => {
        onUpper(Math.max(next, upper));
      });
    }
    this.seconds += control.now() - started;
  }

  proven(): GlobalBoundDetails {
    const { joint, prepared, point, objective } = this;
    const { beta, datafit, outputs } = prepared;
    const bracket = this.jointly ?? together(this.brackets, outputs);
    const { lower, upper, methods } = bracket;
    // no loss is negative
    const bound = dualBoundAt(datafit, point, upper / beta, objective);
    const proven = Math.max(0, bound.value);
    const exact = upper <= lower * (1 + 1e-8) + Number.MIN_VALUE;
    const gap = relativeGap(objective, proven);
    const method = methods.has('norms') ? 'norms' : methods.has('branch-and-bound') ? 'cones' : 'patterns';
    return {
      lowerBound: proven,
      relativeGap: gap,
      dual: bound.point,
      proof: proven <= 0 && objective > 0 ? 'none' : exact ? 'exact' : 'bound',
      maxDualConstraint: upper,
      searchEstimate: lower,
      searchedBound: Math.max(0, dualBoundAt(datafit, point, lower / beta, objective).value),
      worstDirection: bracket.direction,
      worstOuter: bracket.outer,
      // between outgoing directions, patterns are visited again and again: their number is no count of cells
      cells: !joint && methods.size === 1 && methods.has('sweep') ? bracket.visited : undefined,
      bracket: { lower, upper },
      methods: [{ method, lowerBound: proven, seconds: this.seconds, steps: bracket.visited }],
      reason: reasonFor(bracket, exact, gap, beta),
    };
  }
}

function conicOptions(
  { seconds, network, kernels, onBound: told }: GlobalBoundOptions,
  objective: number,
  tolerance: number,
): ConicOptions {
  const onBound = (bound: number): void => told?.(Math.max(0, bound), 'conic');
  return { seconds, objective, tolerance, network, kernels, onBound };
}

/** What the conic relaxation proves; figures about the given dual point stay those of the cones. Undefined when it was stopped too early. */
function byRelaxation(
  prepared: PreparedProblem,
  cones: GlobalBoundDetails,
  objective: number,
  search: ConicSearch,
  { seconds }: GlobalBoundOptions,
  control: Control,
): GlobalBoundDetails | undefined {
  search.run(control, seconds);
  const conic = search.best;
  if (conic === undefined) return undefined;
  const bound = dualBoundAt(prepared.datafit, conic.V, conic.top / prepared.beta, objective);
  const proven = Math.max(0, bound.value);
  const gap = relativeGap(objective, proven);
  const exact = gap <= Math.min(1e-6, prepared.tolerance);
  const own: MethodBound = {
    method: 'conic',
    lowerBound: proven,
    seconds: search.seconds,
    steps: conic.steps,
  };
  return {
    ...cones,
    lowerBound: proven,
    relativeGap: gap,
    dual: bound.point,
    proof: proven <= 0 && objective > 0 ? 'none' : exact ? 'exact' : 'bound',
    methods: [own, ...cones.methods],
    conic,
    reason: relaxationReason(conic, exact, gap),
  };
}

function relaxationReason({ pairs, steps }: ConicBound, exact: boolean, gap: number): string {
  const cuts = pairs > 0 ? ` with ${pairs} lifted pairs of rows` : '';
  const how = `a conic relaxation${cuts} gave a dual point and, in ${steps} steps, multipliers that bound its constraint`;
  return exact
    ? `Proven globally optimal to a relative gap of ${gap.toExponential(1)}: ${how}.`
    : `Proven within ${(100 * gap).toPrecision(3)} %: ${how}; the rest is open between a better network and a tighter relaxation.`;
}

/** A bound beside another objective than the one it was found for: neurons may have been added since. */
export function boundBeside(bound: GlobalBoundDetails, objective: number): GlobalBoundDetails {
  const lowerBound = Math.min(bound.lowerBound, objective);
  return { ...bound, lowerBound, relativeGap: relativeGap(objective, lowerBound) };
}

/** Every output on its own. */
function bracketOutputs(
  { X, penalizedCols, outputs }: PreparedProblem,
  point: Float64Array,
  options: GlobalBoundOptions & { readonly onUpper: (upper: number) => void },
  control: Control,
): OpenBracket[] {
  const started = control.now();
  const brackets: OpenBracket[] = [];
  const v = new Float64Array(X.rows);
  for (let k = 0; k < outputs; k++) {
    for (let i = 0; i < X.rows; i++) v[i] = point[i * outputs + k];
    const left = Math.max(0, options.seconds - (control.now() - started)) / (outputs - k);
    const { candidates, seed, kernels } = options;
    // one output's bound below another's changes nothing
    const goal = Math.max(0, ...brackets.map(({ bracket }) => bracket.upper));
    // an output that has not been looked at yet may be the worst one
    const last = k === outputs - 1;
    const onUpper = last ? (upper: number): void => options.onUpper(Math.max(goal, upper)) : undefined;
    brackets.push(
      // a copy: the bracket holds on to it
      openBracket(X, v.slice(), penalizedCols, { seconds: left, candidates, seed, goal, onUpper, kernels }, control),
    );
  }
  return brackets;
}

/** The largest of the maxima of all outputs. */
function together(open: readonly OpenBracket[], outputs: number): Bracket {
  const brackets = open.map(({ bracket }) => bracket);
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
