import { lossOf } from '../problem/datafits/losses.ts';
import type { Predictions } from './scores.ts';

/** Probability of class `label` that the outputs of a row stand for; undefined where the loss gives none (hinge, squared loss on classes). */
export function probabilityOfClass(
  { prediction, outputs, loss }: Pick<Predictions, 'prediction' | 'outputs' | 'loss'>,
  row: number,
  label: number,
): number | undefined {
  const minusLog = lossOf(loss).logLoss?.(prediction, row, outputs, label);
  return minusLog === undefined ? undefined : Math.exp(-minusLog);
}

/**
 * What ranks rows by how much they look like class `label`: its probability where there is one, else its output (of two classes with one output:
 * the output for the second, minus the output for the first).
 */
export function scoreOfClass(
  predictions: Pick<Predictions, 'prediction' | 'outputs' | 'loss'>,
  row: number,
  label: number,
): number {
  const probability = probabilityOfClass(predictions, row, label);
  if (probability !== undefined) return probability;
  const { prediction, outputs } = predictions;
  if (outputs === 1) return label === 1 ? prediction[row] : -prediction[row];
  return prediction[row * outputs + label];
}
