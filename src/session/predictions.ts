import type { PreparedData } from '../core/data/prepareData.ts';
import type { DenseMatrix } from '../core/base/linalg/matrix.ts';
import type { Predictions } from '../core/metrics/scores.ts';
import { networkFit } from '../core/network/evaluate.ts';
import type { TwoLayerNetwork } from '../core/network/network.ts';
import type { LossName } from '../core/problem/problem.ts';

/** Outputs of a network (on encoded inputs) on all rows, in original units for regression; undefined when given up. */
export function predictionsOf(
  network: TwoLayerNetwork,
  data: PreparedData,
  loss: LossName,
  giveUp: () => boolean,
): Predictions | undefined {
  const fit = networkFit(network, data.X, giveUp);
  return fit && predictionsFrom(fit, data, loss);
}

/** The same from fits (rows x outputs) on the encoded inputs. */
export function predictionsFrom(fit: DenseMatrix, data: PreparedData, loss: LossName): Predictions {
  const { mean, scale } = data.scaling.target;
  return {
    target: data.y,
    prediction: data.task === 'regression' ? fit.data.map((value) => value * scale + mean) : fit.data,
    outputs: fit.cols,
    classes: data.classes.length,
    loss,
  };
}
