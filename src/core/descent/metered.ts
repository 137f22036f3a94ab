import { createRng } from '../base/rng.ts';
import type { Control } from '../base/control.ts';
import { descend, type DescentResult } from './descend.ts';
import type { TrainableModel } from './model.ts';
import type { UpdateRule } from './optimizer.ts';

export interface MeteredOptions {
  readonly rule: Exclude<UpdateRule, 'flow'>;
  /** Learning rates to choose from, ascending. */
  readonly rates: readonly number[];
  readonly epochs: number;
  /** Moments at which `observe` looks, equally spaced in the logarithm of the epoch. */
  readonly points: number;
  /** Points on the curve, which are those moments as soon as there are any. */
  readonly curvePoints: number;
  readonly seed: number;
  /** Name of the random stream for the order of rows. */
  readonly stream: string;
}

/**
 * Full-batch descent with the learning rate that is lowest after a twentieth of the epochs, looked at by `observe` along the way. `restart` is
 * called when a run diverged and begins anew at a third of the rate: what was observed is void.
 */
export function descendMetered(
  model: TrainableModel,
  start: Float64Array,
  { rule, rates, epochs, points, curvePoints, seed, stream }: MeteredOptions,
  observe: (epoch: number, theta: Float64Array, objective: number) => void,
  restart: () => void,
  control: Control,
): { readonly result: DescentResult; readonly learningRate: number } {
  const recordAt = [
    ...new Set(
      Array.from({ length: points }, (_, k) => Math.round(Math.exp((Math.log(epochs + 1) * k) / (points - 1))) - 1),
    ),
  ];
  const run = (learningRate: number, length: number, observed: boolean): DescentResult =>
    descend(
      model,
      start,
      {
        rule,
        learningRate,
        schedule: 'cosine',
        epochs: length,
        batchSize: 0,
        curvePoints,
        ...(observed ? { recordAt, observe } : {}),
      },
      createRng(seed).fork(stream),
      control,
    );
  let learningRate = rates[0];
  let lowest = Infinity;
  for (const rate of rates) {
    const probe = run(rate, Math.max(20, Math.round(epochs / 20)), false);
    if (probe.diverged || probe.cancelled) break;
    if (probe.objective < lowest) [lowest, learningRate] = [probe.objective, rate];
  }
  let result = run(learningRate, epochs, true);
  for (let k = 0; k < 3 && result.diverged; k++) {
    restart();
    result = run((learningRate /= 3), epochs, true);
  }
  return { result, learningRate };
}
