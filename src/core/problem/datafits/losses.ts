import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import type { Datafit, Loss, LossParameters } from './datafit.ts';
import { hinge } from './hinge.ts';
import { huber } from './huber.ts';
import { logistic } from './logistic.ts';
import { softmax } from './softmax.ts';
import { squared } from './squared.ts';
import { weightedDatafit } from './weighted.ts';
import { namedEntry, namesOf } from '../../base/registry.ts';

/** Every loss there is, by the name it has in problem files, settings and records. */
const losses = { squared, logistic, softmax, hinge, huber } as const satisfies Record<string, Loss>;

export type LossName = keyof typeof losses;

export const lossNames = namesOf(losses);

/**
 * A loss by its name.
 * @throws {ProblemError} naming the losses there are, when it is none of them
 */
export function lossOf(name: LossName): Loss {
  return namedEntry(losses, name, 'loss');
}

/**
 * The datafit of a loss. `targets` is n x c numbers (squared, huber), n x c of -1/+1 (logistic, hinge), n x 1 of class ids (softmax, then
 * `outputs` is the number of classes); assumed checked.
 * @throws {ProblemError} when there is no such loss, or a parameter of it is missing or no positive number
 */
export function createDatafit(
  loss: LossName,
  targets: DenseMatrix,
  outputs: number,
  parameters: LossParameters & RowWeights = {},
): Datafit {
  const { weights } = parameters;
  if (weights === undefined || weights.every((weight) => weight === 1))
    return lossOf(loss).create(targets, outputs, parameters);
  return weightedDatafit(lossOf(loss), targets, outputs, parameters, weights);
}

export interface RowWeights {
  /** n positive numbers, the loss of row i counts so many times; left out: all are 1. */
  readonly weights?: Float64Array | undefined;
}
