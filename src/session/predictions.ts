import type { PreparedData } from '../core/data/prepareData.ts';
import type { DenseMatrix } from '../core/base/linalg/matrix.ts';
import type { Predictions } from '../core/metrics/scores.ts';
import type { LossName } from '../core/problem/problem.ts';
import type { TrainSettings } from '../shared/settings.ts';
import { classWeightsOf } from './trainingProblem.ts';

/** What scores are computed from: fits (rows x outputs, encoded targets) on all rows, in original units for regression. */
export function predictionsFrom(
  fit: DenseMatrix,
  data: PreparedData,
  loss: LossName,
  settings: Pick<TrainSettings, 'classWeights'>,
  threshold?: number,
): Predictions {
  const { mean, scale } = data.scaling.target;
  return {
    target: data.y,
    prediction: data.task === 'regression' ? fit.data.map((value) => value * scale + mean) : fit.data,
    outputs: fit.cols,
    classes: data.classes.length,
    loss,
    classWeights: classWeightsOf(data, settings),
    threshold,
  };
}
