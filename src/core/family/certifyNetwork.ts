import { relativeGap } from '../problem/gap.ts';
import { PatternIndex } from '../base/patterns.ts';
import { denseMatrix, norm2, rowOf } from '../base/linalg/matrix.ts';
import { balanceNetwork } from '../network/balance.ts';
import { networkFit, networkObjective, networkPenalty } from '../network/evaluate.ts';
import { NetworkError } from '../network/formats/networkError.ts';
import {
  type ConvexNeuron,
  networkOfNeurons,
  networkOfShared,
  neuronsOfNetwork,
  sharedOfNetwork,
} from '../network/mapping.ts';
import type { TwoLayerNetwork } from '../network/network.ts';
import { couplesOutputs } from '../problem/penalties/penalties.ts';
import type { PreparedProblem } from '../problem/prepare.ts';
import { prepare } from '../problem/prepare.ts';
import { biasOf, type Problem } from '../problem/problem.ts';
import { classifyRows } from '../problem/patterns/rowClasses.ts';
import { mergeShared } from '../engine/sharedRelu/mergeShared.ts';
import type { Kernels } from '../base/kernels/kernels.ts';
import type { ConicBound } from '../certify/conic/conicBound.ts';
import type { Control } from '../base/control.ts';
import { solve } from '../engine/solve.ts';
import { dualPointOf, globalBound, type GlobalBoundDetails } from '../certify/global/globalBound.ts';

/** A neuron whose insertion lowers the objective of a network. */
export interface SuggestedNeuron {
  /** On the inputs, norm 1 together with the bias (without it when the bias is free). */
  readonly direction: Float64Array;
  readonly bias: number;
  /** Outgoing weights, norm 1 (c numbers); `output` is the one of largest size, the only one for the per-output penalty, `sign` its sign. */
  readonly outer: Float64Array;
  readonly sign: 1 | -1;
  readonly output: number;
  /** Dual constraint over beta, |v'(Xu)_+| of that output or ||V'(Xu)_+|| of all: above 1. */
  readonly dualConstraint: number;
  /** Norm that is best for it when nothing else changes, and what the objective falls by then. */
  readonly size: number;
  readonly decrease: number;
}

export interface NetworkCertificate {
  /** As given, then with every neuron balanced, then with neurons of one cell, sign and output merged. */
  readonly objective: { readonly given: number; readonly balanced: number; readonly merged: number };
  readonly neurons: { readonly given: number; readonly merged: number };
  /** Why there may be more neurons after merging than before, a sentence each. */
  readonly notes: readonly string[];
  readonly datafit: number;
  /** The merged network. */
  readonly network: TwoLayerNetwork;
  /** Proven: no network of the family is below. */
  readonly lowerBound: number;
  /** The merged network is at most this fraction of the lower bound above the best possible; Infinity when the bound is 0. */
  readonly excess: number;
  readonly relativeGap: number;
  readonly proof: 'exact' | 'bound' | 'none';
  /** Proven bound and best value found of the dual maximum at the network's own dual point, over beta. */
  readonly maxDualConstraint: number;
  readonly searchEstimate: number;
  readonly suggestion: SuggestedNeuron | undefined;
  /** Objective of the network that our own solver found, when it was run. */
  readonly bestFound: number | undefined;
  readonly reason: string;
  /** What the conic relaxation proved, when it ran: for a proof file. */
  readonly conic: ConicBound | undefined;
  readonly stopped: boolean;
}

export interface CertifyOptions {
  /** Time for everything. */
  readonly seconds: number;
  readonly seed?: number;
  /** Whether the solver may be run for a better dual point when the network's own leaves a gap (default true). */
  readonly solve?: boolean;
  readonly kernels?: Kernels;
}

/**
 * How far a two-layer ReLU network is from the best of its family on a problem (loss, beta, bias mode and output penalty of `problem`; its `model` and
 * `arrangements` play no part): the network is balanced and merged, which never raises the objective, and a lower bound over ALL
 * networks is proven by duality. The dual point is the network's own; when that leaves a gap, the one of a network trained here as well, the better
 * bound counts (a bound over all networks may come from any dual point).
 * @throws {NetworkError} when the network does not belong to the family
 * @throws {ProblemError} when the problem is none
 */
export function certifyNetwork(
  problem: Problem,
  network: TwoLayerNetwork,
  options: CertifyOptions,
  control: Control,
): NetworkCertificate {
  const prepared = prepare(problem);
  const start = control.now();
  const left = (): number => Math.max(0, options.seconds - (control.now() - start));
  const family = intoFamily(problem, network);
  const objectiveOf = (net: TwoLayerNetwork): number =>
    networkObjective(net, problem.X, prepared.datafit, problem.beta, problem.outputPenalty, problem.bias);
  const joint = couplesOutputs(problem.outputPenalty, problem.outputs);
  const balanced = joint ? balanceJoint(family, problem) : balanceNetwork(family, problem.bias);
  const merged = joint ? mergeBlocks(prepared, problem, balanced) : mergeCells(prepared, problem, balanced);
  const objective = { given: objectiveOf(family), balanced: objectiveOf(balanced), merged: objectiveOf(merged) };
  const fit = networkFit(merged, problem.X);
  const V = dualPointOf(prepared, fit);
  const neurons = neuronsOfNetwork(merged, problem.bias);
  const candidates = neurons.map(({ u }) => u);
  const own = globalBound(
    prepared,
    V,
    objective.merged,
    {
      seconds: options.solve === false ? left() : 0.4 * left(),
      candidates,
      network: neurons,
      seed: options.seed,
      kernels: options.kernels,
    },
    control,
  );
  let best: GlobalBoundDetails = own;
  let reason = own.reason;
  let bestFound: number | undefined;
  const solvable = prepared.datafit.smooth;
  if (
    options.solve !== false &&
    solvable &&
    own.relativeGap > problem.tolerance &&
    left() > 0.05 &&
    !control.shouldStop()
  ) {
    const share = 0.5 * left();
    // all penalties that join the outputs are plain weight decay for ReLU networks
    const outputPenalty = joint ? 'nuclear' : problem.outputPenalty;
    const solution = solve(
      { ...problem, model: 'relu', outputPenalty, arrangements: { kind: 'adaptive', seed: options.seed ?? 1 } },
      { timeLimitSeconds: left(), certifySeconds: share, kernels: options.kernels },
      control,
    );
    bestFound = solution.networkObjective;
    if (solution.global !== undefined && solution.global.lowerBound > own.lowerBound) {
      const { lowerBound, proof, conic } = solution.global;
      best = { ...own, lowerBound, proof, conic };
      reason =
        'The bound comes from the dual of a network trained here to objective ' +
        `${bestFound.toPrecision(6)}: ${lowerFirst(solution.global.reason)}`;
    }
  }
  const lowerBound = Math.min(best.lowerBound, objective.merged);
  const above = objective.merged - lowerBound;
  return {
    objective,
    neurons: { given: network.W1.rows, merged: merged.W1.rows },
    notes: notesOn(problem, network, joint),
    datafit: prepared.datafit.value(fit.data),
    network: merged,
    lowerBound,
    excess: lowerBound > 0 ? above / lowerBound : above > 0 ? Infinity : 0,
    relativeGap: relativeGap(objective.merged, lowerBound),
    proof: best.proof,
    maxDualConstraint: own.bracket.upper / problem.beta,
    searchEstimate: own.bracket.lower / problem.beta,
    suggestion: suggest(prepared, problem, fit.data, own),
    bestFound,
    reason,
    conic: best.conic,
    stopped: control.shouldStop(),
  };
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** What makes the compared network look different from the given one. */
function notesOn(problem: Problem, network: TwoLayerNetwork, joint: boolean): string[] {
  const { W2, b2 } = network;
  const notes: string[] = [];
  const shared = Array.from({ length: W2.rows }, (_, j) =>
    W2.data.subarray(j * W2.cols, (j + 1) * W2.cols).reduce((count, a) => count + (a === 0 ? 0 : 1), 0),
  ).some((count) => count > 1);
  if (shared && !joint) {
    notes.push(
      'The penalty treats outputs one by one: a neuron that feeds several outputs counts once for each of them.',
    );
  }
  if (biasOf(problem.bias).counted && b2.some((b) => b !== 0)) {
    notes.push(
      'The bias counts as a weight: an output offset becomes a neuron without slope, and is paid for like one.',
    );
  }
  return notes;
}

/** Checks that the network can be compared on this problem, and brings it into the family where that is exact. */
function intoFamily(problem: Problem, network: TwoLayerNetwork): TwoLayerNetwork {
  const { W1, b1, W2, b2 } = network;
  if (network.gates !== undefined) throw new NetworkError('a gated network has no certificate over ReLU networks');
  const m = W1.rows;
  if (m > 0 && W1.cols !== problem.X.cols) {
    throw new NetworkError(`W1: the network takes ${counted(W1.cols, 'input')}, the problem has ${problem.X.cols}`);
  }
  if (b2.length !== problem.outputs || (m > 0 && W2.cols !== problem.outputs)) {
    throw new NetworkError(`W2: the network has ${counted(b2.length, 'output')}, the problem ${problem.outputs}`);
  }
  if (!biasOf(problem.bias).column) {
    const j = b1.findIndex((b) => b !== 0);
    if (j >= 0) {
      throw new NetworkError(
        `b1: neuron ${j + 1} has a bias, but the problem says bias "none"; use "regularized" (biases count as weights) or "free"`,
      );
    }
  }
  if (biasOf(problem.bias).free || b2.every((b) => b === 0)) return network;
  if (!biasOf(problem.bias).column) {
    throw new NetworkError('b2: the network has an output offset, but the problem says bias "none"');
  }
  // with a regularised bias a constant is a neuron without slope: (sqrt|c|)_+ * sign sqrt|c|, of penalty beta |c|
  const offsets = Array.from(b2, (value, output) => ({ value, output })).filter(({ value }) => value !== 0);
  const c = problem.outputs;
  const out = {
    W1: denseMatrix(m + offsets.length, problem.X.cols),
    b1: new Float64Array(m + offsets.length),
    W2: denseMatrix(m + offsets.length, c),
    b2: new Float64Array(c),
  };
  out.W1.data.set(W1.data);
  out.b1.set(b1);
  out.W2.data.set(W2.data);
  offsets.forEach(({ value, output }, k) => {
    const root = Math.sqrt(Math.abs(value));
    out.b1[m + k] = root;
    out.W2.data[(m + k) * c + output] = Math.sign(value) * root;
  });
  return out;
}

/** Balances ||w|| = ||a||_2, the best scaling when the penalty joins the outputs. */
function balanceJoint(network: TwoLayerNetwork, problem: Problem): TwoLayerNetwork {
  const { W1, b1, W2 } = network;
  const d = W1.cols;
  const c = W2.cols;
  const out = {
    W1: denseMatrix(W1.rows, d),
    b1: new Float64Array(W1.rows),
    W2: denseMatrix(W1.rows, c),
    b2: network.b2.slice(),
  };
  for (let j = 0; j < W1.rows; j++) {
    const w = W1.data.subarray(j * d, (j + 1) * d);
    const a = W2.data.subarray(j * c, (j + 1) * c);
    const inner = Math.hypot(norm2(w), biasOf(problem.bias).free ? 0 : b1[j]);
    const outer = norm2(a);
    const scale = inner > 0 && outer > 0 ? Math.sqrt(outer / inner) : inner > 0 ? 0 : 1;
    for (let k = 0; k < d; k++) out.W1.data[j * d + k] = scale * w[k];
    out.b1[j] = scale * b1[j];
    for (let o = 0; o < c; o++) out.W2.data[j * c + o] = outer > 0 && scale > 0 ? a[o] / scale : 0;
  }
  return out;
}

/** Replaces neurons of one closed cell by the singular pairs of their sum where these are in it: the fit stays, and the penalty does not rise. */
function mergeBlocks(prepared: PreparedProblem, problem: Problem, network: TwoLayerNetwork): TwoLayerNetwork {
  const { X, penalizedCols, datafit, beta, bias } = prepared;
  const local = { X, classes: classifyRows(X), penalizedCols, datafit, beta, offset: biasOf(bias).free };
  const neurons = mergeShared(local, sharedOfNetwork(network, bias));
  const merged = networkOfShared(neurons, problem.X.cols, bias, network.b2);
  return networkPenalty(merged, 'nuclear', bias) <= networkPenalty(network, 'nuclear', bias) * (1 + 1e-12)
    ? merged
    : network;
}

/** Cosine of a row and a neuron up to which it lies on the kink. */
const onKink = 1e-13;

/** Adds up the neurons of one activation pattern, sign and output: the fit stays, and ||u + u'|| <= ||u|| + ||u'||. */
function mergeCells(prepared: PreparedProblem, problem: Problem, network: TwoLayerNetwork): TwoLayerNetwork {
  const { X } = prepared;
  const words = Math.ceil(X.rows / 32);
  const index = new PatternIndex(words + 1);
  const out: (ConvexNeuron & { u: Float64Array })[] = [];
  for (const neuron of neuronsOfNetwork(network, problem.bias)) {
    const key = new Uint32Array(words + 1);
    // a row on the neuron's kink is on neither side, whichever way rounding has it
    const least = onKink * norm2(neuron.u);
    for (let i = 0; i < X.rows; i++) {
      let t = 0;
      for (let k = 0; k < X.cols; k++) t += X.data[i * X.cols + k] * neuron.u[k];
      if (t > least * norm2(rowOf(X, i))) key[i >> 5] |= 1 << (i & 31);
    }
    key[words] = 2 * neuron.output + (neuron.sign > 0 ? 1 : 0);
    const { id, isNew } = index.add(key);
    if (isNew) out.push({ ...neuron, u: neuron.u.slice() });
    else for (let k = 0; k < neuron.u.length; k++) out[id].u[k] += neuron.u[k];
  }
  const merged = networkOfNeurons(out, problem.outputs, problem.X.cols, problem.bias, network.b2);
  // rounding could only matter where nothing was merged
  const kind = problem.outputPenalty;
  return networkPenalty(merged, kind, problem.bias) <= networkPenalty(network, kind, problem.bias) * (1 + 1e-12)
    ? merged
    : network;
}

/** The worst direction as a neuron, with the length that is best when all else stays (golden section on a convex function). */
function suggest(
  prepared: PreparedProblem,
  problem: Problem,
  fit: Float64Array,
  bound: GlobalBoundDetails,
): SuggestedNeuron | undefined {
  const { X, beta, datafit, outputs } = prepared;
  const u = bound.worstDirection;
  const outer = bound.worstOuter;
  if (u === undefined || bound.bracket.lower <= beta * (1 + 1e-9)) return undefined;
  const feature = new Float64Array(X.rows);
  for (let i = 0; i < X.rows; i++) {
    let t = 0;
    for (let k = 0; k < X.cols; k++) t += X.data[i * X.cols + k] * u[k];
    feature[i] = Math.max(0, t);
  }
  const moved = fit.slice();
  const at = (size: number): number => {
    for (let i = 0; i < X.rows; i++) {
      for (let k = i * outputs, o = 0; o < outputs; o++, k++) moved[k] = fit[k] + size * feature[i] * outer[o];
    }
    return datafit.value(moved) + beta * size;
  };
  const from = at(0);
  let high = 1e-6;
  while (at(2 * high) < at(high) && high < 1e12) high *= 2;
  let [low, top] = [0, 2 * high];
  const ratio = (Math.sqrt(5) - 1) / 2;
  for (let round = 0; round < 80; round++) {
    const a = top - ratio * (top - low);
    const b = low + ratio * (top - low);
    if (at(a) <= at(b)) top = b;
    else low = a;
  }
  const size = (low + top) / 2;
  const decrease = from - at(size);
  if (!(decrease > 0)) return undefined;
  const withBias = biasOf(problem.bias).column;
  const output = outer.reduce((best, value, o) => (Math.abs(value) > Math.abs(outer[best]) ? o : best), 0);
  return {
    direction: u.slice(0, problem.X.cols),
    bias: withBias ? u[problem.X.cols] : 0,
    outer,
    sign: outer[output] < 0 ? -1 : 1,
    output,
    dualConstraint: bound.bracket.lower / beta,
    size,
    decrease,
  };
}
