import type { TrainableModel } from './model.ts';

/** Parameters `from .. to - 1` of a vector. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Weight decay: the penalty beta/2 times the sum of the squares of the parameters in the ranges. */
export function weightDecay(beta: number, ranges: readonly Range[]): TrainableModel['addPenalty'] {
  return (theta, factor, gradient) => {
    let sum = 0;
    for (const { from, to } of ranges) {
      for (let i = from; i < to; i++) sum += theta[i] * theta[i];
      if (gradient !== null) for (let i = from; i < to; i++) gradient[i] += factor * beta * theta[i];
    }
    return 0.5 * beta * sum;
  };
}

/**
 * (beta / L) times the sum over the ranges (the layers of networks of L layers) of their norm to the power L: whatever the scaling of the layers,
 * at least beta times the product of the norms of a network's layers, and that for layers of equal norm.
 */
export function normPowers(beta: number, depth: number, ranges: readonly Range[]): TrainableModel['addPenalty'] {
  return (theta, factor, gradient) => {
    let sum = 0;
    for (const { from, to } of ranges) {
      let square = 0;
      for (let i = from; i < to; i++) square += theta[i] * theta[i];
      const norm = Math.sqrt(square);
      sum += norm ** depth;
      if (gradient === null || norm === 0) continue;
      const pull = factor * beta * norm ** (depth - 2);
      for (let i = from; i < to; i++) gradient[i] += pull * theta[i];
    }
    return (beta / depth) * sum;
  };
}
