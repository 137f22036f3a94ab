import { relativeGap } from '../problem/gap.ts';
import { dot } from '../base/linalg/matrix.ts';
import { solveLinear } from '../engine/linear/solveLinear.ts';
import {
  byKind,
  type DeepNetwork,
  deepNetworkFit,
  joinBias,
  type LinearNetwork,
  type ThreeLayerNetwork,
} from '../network/deepNetwork.ts';
import { NetworkError } from '../network/formats/networkError.ts';
import { couplesOutputs } from '../problem/penalties/penalties.ts';
import { prepare } from '../problem/prepare.ts';
import { biasOf, checkNames, type Problem } from '../problem/problem.ts';
import type { Control } from '../base/control.ts';
import { solveThreeLayer } from '../engine/threeLayer/solveThreeLayer.ts';
import { groupNorm, penalties, type SubNetwork, toSubVector } from '../network/threeLayer/subNetwork.ts';

export interface DeepCertificate {
  readonly kind: DeepNetwork['kind'];
  /**
   * Three layers: with the weights as they are, in the constraint form (the excess of ||W1||_F over 1 moved outwards). Linear: loss plus beta/2
   * times all squared weights.
   */
  readonly objective: number;
  /** After the best rescaling of each branch (three layers); the same as `objective` for linear networks. */
  readonly balanced: number;
  readonly datafit: number;
  /** No network of this kind, of any number of branches or width, is below. */
  readonly lowerBound: number;
  readonly relativeGap: number;
  readonly proof: 'exact' | 'bound' | 'none';
  /** The optimum found here; for three layers the tuples of the network are among those it starts from. */
  readonly bestFound: number;
  readonly penalty: string;
  readonly reason: string;
  readonly stopped: boolean;
}

/**
 * How far a three-layer parallel network or a linear network is from the best of its family, on the loss, beta, bias and outputs of `problem`; m1 and
 * depth are the network's.
 * @throws {NetworkError} when the network does not fit the problem
 * @throws {ProblemError} when the problem is not one of the family
 */
export function certifyDeepNetwork(
  problem: Problem,
  network: DeepNetwork,
  { seconds }: { readonly seconds: number },
  control: Control,
): DeepCertificate {
  checkNames(problem);
  if (network.inputs !== problem.X.cols)
    throw new NetworkError(`the network takes ${network.inputs} inputs, the problem has ${problem.X.cols}`);
  if (network.outputs !== problem.outputs)
    throw new NetworkError(`the network has ${network.outputs} outputs, the problem ${problem.outputs}`);
  if (network.offset.some((value) => value !== 0))
    throw new NetworkError('offset: networks of this family have no output offset');
  const parts = byKind<readonly { readonly b1: Float64Array }[]>(network, {
    threeLayer: ({ branches }) => branches,
    linear: ({ chains }) => chains,
  });
  if (!biasOf(problem.bias).column && parts.some(({ b1 }) => b1.some((b) => b !== 0)))
    throw new NetworkError('b1: there is a bias, but the problem says bias "none"');
  const certificate = byKind(network, {
    threeLayer: (given) => certifyThreeLayer(problem, given, seconds, control),
    linear: (given) => certifyLinear(problem, given, control),
  });
  if (!Number.isFinite(certificate.balanced) || !Number.isFinite(certificate.objective))
    throw new NetworkError('its weights are too large to compute with: the objective is not a finite number');
  return certificate;
}

function certifyThreeLayer(
  given: Problem,
  network: ThreeLayerNetwork,
  seconds: number,
  control: Control,
): DeepCertificate {
  const problem: Problem = {
    ...given,
    model: 'three-layer',
    hidden: { m1: network.m1 },
    // the bound is over all networks, whatever tuples the problem names
    arrangements: given.arrangements.kind === 'all' ? given.arrangements : { kind: 'adaptive', seed: 1 },
  };
  const prepared = prepare(problem);
  const branches = network.branches.map(({ W1, b1, w2, w3, output }): SubNetwork => ({
    W1: biasOf(problem.bias).column ? joinBias(W1, b1) : W1,
    w2,
    w3,
    output,
  }));
  const datafit = prepared.datafit.value(deepNetworkFit(network, problem.X).data);
  const paid = branches.reduce((sum, branch) => sum + penalties(branch).constraint, 0);
  const norms = branches.reduce((sum, branch) => sum + groupNorm(toSubVector(branch).u, network.m1), 0);
  const solution = solveThreeLayer(
    problem,
    prepared,
    { timeLimitSeconds: 0.6 * seconds, certifySeconds: 0.4 * seconds, harvest: [branches] },
    control,
  );
  const balanced = datafit + prepared.beta * norms;
  const lowerBound = Math.min(solution.global?.lowerBound ?? 0, balanced);
  return {
    kind: 'three-layer',
    objective: datafit + prepared.beta * paid,
    balanced,
    datafit,
    lowerBound,
    relativeGap: relativeGap(balanced, lowerBound),
    proof: solution.global?.proof ?? 'none',
    bestFound: solution.objective,
    penalty: 'beta/2 times the sum over branches of ||w2||² + w3², with ||W1||_F ≤ 1',
    reason: solution.global?.reason ?? 'No time was given for a bound over all networks.',
    stopped: control.shouldStop(),
  };
}

function certifyLinear(given: Problem, network: LinearNetwork, control: Control): DeepCertificate {
  const several = given.outputs > 1;
  const perOutput = network.chains.some(({ output }) => output >= 0);
  if (several && network.chains.length > 0 && perOutput === couplesOutputs(given.outputPenalty, given.outputs)) {
    throw new NetworkError(
      `chains: ${perOutput ? 'one chain per output' : 'one chain for all outputs'}, but the problem says outputPenalty "${given.outputPenalty}"`,
    );
  }
  const problem: Problem = { ...given, model: 'linear', depth: network.depth };
  const prepared = prepare(problem);
  const datafit = prepared.datafit.value(deepNetworkFit(network, problem.X).data);
  let squares = 0;
  for (const { layers, b1 } of network.chains) {
    squares += dot(b1, b1);
    for (const { data } of layers) squares += dot(data, data);
  }
  const objective = datafit + 0.5 * prepared.beta * squares;
  const solution = solveLinear(problem, prepared, control);
  const lowerBound = Math.min(solution.dualBound, objective);
  return {
    kind: 'linear',
    objective,
    balanced: objective,
    datafit,
    lowerBound,
    relativeGap: relativeGap(objective, lowerBound),
    proof: solution.status === 'optimal' ? 'exact' : 'bound',
    bestFound: solution.objective,
    penalty: 'beta/2 times the sum of squared weights of all layers',
    reason: solution.method,
    stopped: control.shouldStop(),
  };
}
