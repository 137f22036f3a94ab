import type { PreparedData } from '../core/data/prepareData.ts';
import type { Predictions } from '../core/metrics/scores.ts';
import { networkFit } from '../core/network/evaluate.ts';
import type { TwoLayerNetwork } from '../core/network/network.ts';
import type { LossName } from '../core/problem/problem.ts';

/** Outputs of a network (on encoded inputs) on all rows, in original units for regression. */
export function predictionsOf(network: TwoLayerNetwork, data: PreparedData, loss: LossName): Predictions {
  const { mean, scale } = data.scaling.target;
  const fit = networkFit(network, data.X);
  return {
    target: data.y,
    prediction: data.task === 'regression' ? fit.data.map((value) => value * scale + mean) : fit.data,
    outputs: fit.cols,
    classes: data.classes.length,
    loss,
  };
}
