/**
 * Class that outputs stand for: the largest of several; with one output (two classes) the second where it is above the threshold, zero unless one was
 * chosen. Of equal outputs, which an output of exactly the threshold is for two classes, the class that comes first is taken. Scores, panel, predictions
 * and exports all use this.
 */
export function predictedClass(prediction: ArrayLike<number>, row: number, outputs: number, threshold = 0): number {
  if (outputs === 1) return prediction[row] > threshold ? 1 : 0;
  let best = 0;
  for (let k = 1; k < outputs; k++) {
    if (prediction[row * outputs + k] > prediction[row * outputs + best]) best = k;
  }
  return best;
}
