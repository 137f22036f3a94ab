import { DataError } from '../core/data/dataError.ts';
import type { PreparedData } from '../core/data/prepareData.ts';
import { rowOf } from '../core/base/linalg/matrix.ts';
import { decomposeGated, type GatedVector } from '../core/network/coneDecomposition.ts';
import { networkFit, networkObjective } from '../core/network/evaluate.ts';
import { networkOfNeurons } from '../core/network/mapping.ts';
import type { TwoLayerNetwork } from '../core/network/network.ts';
import { prepare } from '../core/problem/prepare.ts';
import { biasOf, type Problem } from '../core/problem/problem.ts';
import type { Control } from '../core/base/control.ts';
import { modelTraits } from '../shared/models.ts';
import type { RunRecord } from '../shared/run.ts';
import { networkOfRun } from './runNetwork.ts';
import { trainingProblem } from './trainingProblem.ts';

/** A ReLU network with the fit of a gated one on the training rows, and what both cost; all numbers by running the two networks. */
export interface Decomposition {
  /** On encoded inputs. */
  readonly network: TwoLayerNetwork;
  readonly neurons: number;
  readonly gatedNeurons: number;
  readonly objective: number;
  readonly gatedObjective: number;
  /** Largest difference of the two fits on the training rows, over the largest fit (or 1). */
  readonly fitDifference: number;
}

/**
 * The ReLU network of a gated run by cone decomposition (Mishkin, Sahiner and Pilanci 2022): the same fit on the training rows at a higher penalty,
 * so an upper bound of what a ReLU network reaches and not its optimum. On other rows the two networks may differ. With several outputs
 * every output gets neurons of its own, and the ReLU objective has the per-output penalty.
 * @throws {DataError} when the run is not gated, or a gate has no interior to its cone
 */
export function decomposeRun(run: RunRecord, data: PreparedData, control: Control): Decomposition | null {
  if (modelTraits(run.settings.model).patterns !== 'own') {
    throw new DataError('settings', 'only a gated ReLU network can be turned into a ReLU network');
  }
  const gated = networkOfRun(run);
  const problem: Problem = { ...trainingProblem(data, run.settings), beta: run.resolved.beta };
  const prepared = prepare(problem);
  const { bias, outputs, datafit, beta } = prepared;
  const parts = decomposeGated(prepared.X, vectorsOf(gated, biasOf(bias).column), control);
  if (control.shouldStop()) return null;
  if (parts === undefined) {
    throw new DataError(
      'settings',
      'a gate of this run holds on a boundary only, so its weights have no cone decomposition',
    );
  }
  const network = networkOfNeurons(parts.neurons, outputs, problem.X.cols, bias, gated.b2);
  const before = networkFit(gated, problem.X).data;
  const after = networkFit(network, problem.X).data;
  let size = 1;
  let difference = 0;
  for (let i = 0; i < before.length; i++) {
    size = Math.max(size, Math.abs(before[i]));
    difference = Math.max(difference, Math.abs(before[i] - after[i]));
  }
  return {
    network,
    neurons: network.W1.rows,
    gatedNeurons: gated.W1.rows,
    objective: networkObjective(network, problem.X, datafit, beta, 'per-output', bias),
    gatedObjective: networkObjective(gated, problem.X, datafit, beta, run.resolved.outputPenalty, bias),
    fitDifference: difference / size,
  };
}

/** One vector per neuron and output that it feeds, the outgoing weight folded in. */
function vectorsOf(gated: TwoLayerNetwork, withBias: boolean): GatedVector[] {
  const effective = (weights: ArrayLike<number>, bias: number, factor: number): Float64Array =>
    Float64Array.from([...Array.from(weights), ...(withBias ? [bias] : [])], (value) => factor * value);
  const c = gated.W2.cols;
  return Array.from({ length: gated.W1.rows }, (_, j) => j).flatMap((j) => {
    const gate = effective(rowOf(gated.gates!, j), gated.gateBias?.[j] ?? 0, 1);
    return Array.from({ length: c }, (_, output) => output)
      .filter((output) => gated.W2.data[j * c + output] !== 0)
      .map((output) => ({
        gate,
        vector: effective(rowOf(gated.W1, j), gated.b1[j], gated.W2.data[j * c + output]),
        output,
      }));
  });
}
