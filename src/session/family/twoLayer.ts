import type { Kernels } from '../../core/base/kernels/kernels.ts';
import { denseMatrix, type DenseMatrix, norm2, rowOf } from '../../core/base/linalg/matrix.ts';
import { batchNormalised } from '../../core/network/batchNormalised.ts';
import { networkFit, preActivations } from '../../core/network/evaluate.ts';
import type { TwoLayerNetwork } from '../../core/network/network.ts';
import { compareGradient, type GradientResult, type DescentLayer } from '../../core/descent/train.ts';
import { prepare } from '../../core/problem/prepare.ts';
import type { Control } from '../../core/base/control.ts';
import type { Solution } from '../../core/engine/solution/solution.ts';
import { refuseUnlistable } from '../../core/engine/relu/solveRelu.ts';
import { solve } from '../../core/engine/solve.ts';
import { boundOverFamily } from '../../shared/verdict.ts';
import { activityOf } from '../activity.ts';
import { quiet, type TrainingContext } from '../context.ts';
import { landscapeOf } from '../landscape.ts';
import { gateRecord, gatesOfNeurons, neuronRecords } from '../neurons.ts';
import { pickRows } from '../pickRows.ts';
import { networkShape } from '../shape.ts';
import type { Descent, Description, Family, Outcome, Posed } from './family.ts';
import { searching } from './searching.ts';

interface TwoLayerOutcome extends Outcome {
  readonly full: Solution;
}

/** What tells the two-layer families apart. */
interface Kind {
  readonly gated: boolean;
  hiddenLayer(posed: Posed, solution: Solution): DescentLayer;
  /** Lower bound of what descent on that layer can reach. */
  lowerBound(solution: Solution): number | null;
}

function twoLayerFamily(kind: Kind): Family {
  return {
    problemFields: ({ outputPenalty }) => ({ outputPenalty }),
    drawnGates: kind.gated,
    batchNorm: !kind.gated,
    threshold(problem, { kernels, memoryBytes, certifySeconds }, control) {
      const quick = searching(problem);
      if (quick !== problem) refuseUnlistable(prepare(problem), control);
      const { betaMax, betaMaxUpper } = solve(quick, { kernels, memoryBytes, certifySeconds }, control);
      return betaMax === undefined ? undefined : { betaMax, betaMaxUpper };
    },
    solve(posed, { onSolved, ...options }, control) {
      const shown = onSolved && ((solution: Solution) => onSolved(outcomeOf(posed, solution, kind.gated)));
      return outcomeOf(posed, solve(posed.problem, { ...options, onSolved: shown }, control), kind.gated);
    },
    descent: (posed, outcome, context) => descentOf(posed, (outcome as TwoLayerOutcome).full, context, kind),
  };
}

export const gatedRelu = twoLayerFamily({
  gated: true,
  hiddenLayer: (_, solution) => ({ kind: 'gated', gates: activeGates(solution) }),
  lowerBound: ({ dualBound }) => dualBound,
});

export const relu = twoLayerFamily({
  gated: false,
  hiddenLayer({ data, settings }, { network }) {
    const width = network.W1.rows;
    if (settings.batchNorm !== true) return { kind: 'relu', width };
    // with batch normalisation descent sees the inputs before whitening
    return { kind: 'batch-norm', width, inputs: pickRows(data.unwhitened ?? data.X, data.trainRows) };
  },
  lowerBound(solution) {
    const bound = boundOverFamily({ solution });
    return bound === -Infinity ? null : bound;
  },
});

/** A solution in the terms of the session. */
function outcomeOf(posed: Posed, full: Solution, gated: boolean): TwoLayerOutcome {
  const { network } = full;
  const { stationarity, cone, complementarity } = full.kkt;
  return {
    full,
    // a gated program has no cones
    solution: { ...full, kkt: { stationarity, ...(gated ? {} : { cone }), complementarity } },
    active: network.W1.rows,
    predict: (X, giveUp) => networkFit(network, X, giveUp),
    features: (X) => hiddenFeatures(network, X),
    describe: (kernels) => describe(posed, full, kernels),
  };
}

function describe({ problem, data, settings }: Posed, solution: Solution, kernels: Kernels | undefined): Description {
  const { network } = solution;
  const gateOf = gatesOfNeurons(solution);
  const known = gateOf.includes(-1) ? undefined : { patterns: solution.patterns, gateOf };
  const activity = activityOf(network, data.X, data.trainRows, kernels, known);
  const neurons = neuronRecords(solution, data, activity, gateOf);
  const shape = networkShape(network, data);
  const landscape = landscapeOf(problem, data, solution, neurons);
  const offset = Array.from(network.b2);
  return {
    fit: activity.fit,
    neurons,
    gates: gateRecord(solution),
    ...(offset.some((b) => b !== 0) ? { outputOffset: offset } : {}),
    ...(shape === undefined ? {} : { shape }),
    ...(landscape === undefined ? {} : { landscape }),
    ...(settings.batchNorm === true ? { batchNorm: { objective: asBatchNormalised({ problem, data }, network) } } : {}),
  };
}

/** Objective of the network with batch normalisation that a solution stands for, by running it. */
function asBatchNormalised({ problem, data }: Pick<Posed, 'problem' | 'data'>, network: TwoLayerNetwork): number {
  const { scaling, X, unwhitened, trainRows } = data;
  const prepared = prepare(problem);
  const inputs = pickRows(unwhitened ?? X, trainRows);
  const { datafit, beta } = prepared;
  return batchNormalised(network, inputs, scaling.whitening?.matrix, datafit, beta, prepared).objective;
}

/** Activations of the hidden layer, each times the norm of its outgoing weights; a gated neuron is on where its gate is >= 0. */
function hiddenFeatures(network: TwoLayerNetwork, X: DenseMatrix): DenseMatrix {
  const F = preActivations(network, X);
  const { cols: m } = F;
  const { gates } = network;
  const gate =
    gates && preActivations({ ...network, W1: gates, b1: network.gateBias ?? new Float64Array(gates.rows) }, X);
  const on = gate?.data ?? F.data;
  const out = denseMatrix(F.rows, m);
  for (let j = 0; j < m; j++) {
    const scale = norm2(rowOf(network.W2, j));
    for (let i = 0; i < F.rows; i++) if (on[i * m + j] >= 0) out.data[i * m + j] = F.data[i * m + j] * scale;
  }
  return out;
}

/** The gates behind non-zero groups. */
function activeGates(solution: Solution): DenseMatrix {
  const used = [...new Set(solution.groups.filter(({ vector }) => norm2(vector) > 0).map(({ gate }) => gate))].sort(
    (a, b) => a - b,
  );
  const gates = denseMatrix(used.length, solution.gates.cols);
  used.forEach((gate, i) => gates.data.set(rowOf(solution.gates, gate), i * gates.cols));
  return gates;
}

/** Gradient descent with as many hidden units (gated: the same active gates) as the convex solution has, all seeds of a rule together. */
function descentOf(posed: Posed, solution: Solution, { deps }: TrainingContext, kind: Kind): Descent | string {
  if (solution.network.W1.rows === 0)
    return 'the zero network is optimal at this beta, so there is no width to give it';
  const { data, settings } = posed;
  const hidden = kind.hiddenLayer(posed, solution);
  const prepared = prepare(posed.problem);
  return {
    width: hidden.kind === 'gated' ? hidden.gates.rows : hidden.width,
    lowerBound: kind.lowerBound(solution),
    // oxlint-disable-next-line typescript/require-await
    async train(rule, seeds, control: Control, onRun) {
      const { epochs, batchSize } = settings.compare;
      const each = (result: GradientResult): void => {
        const { curve, network, ...facts } = result;
        const { fit } = activityOf(network, data.X, data.trainRows, deps.kernels);
        const { epochs: at, seconds, objective } = curve;
        onRun({ ...facts, optimizer: result.rule, epochs: at, seconds, objective, fit, network: undefined });
      };
      compareGradient(
        prepared,
        hidden,
        { rules: [rule], seeds, epochs, batchSize, kernels: deps.kernels },
        quiet(control),
        each,
      );
    },
  };
}
