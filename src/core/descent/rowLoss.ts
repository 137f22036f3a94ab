import type { LossName } from '../problem/problem.ts';

/**
 * Sum over rows of the loss and its gradient with respect to the outputs.
 *
 * Row k of the block has outputs `F[k*c .. k*c+c)` and the targets of data row `order[start + k]` (or `start + k` without `order`).
 * `y` holds n x c numbers (squared; -1/+1 for logistic and hinge) or n class ids (softmax). `G` receives dLoss/dF, count x c.
 * Conventions: squared loss is half the sum of squares; nothing is averaged. The subgradient of the hinge at its corner is 0.
 */
export function lossOfRows(
  loss: LossName,
  F: Float64Array,
  y: Float64Array,
  c: number,
  order: Int32Array | null,
  start: number,
  count: number,
  G: Float64Array,
): number {
  let sum = 0;
  for (let k = 0; k < count; k++) {
    const row = order === null ? start + k : order[start + k];
    const f = k * c;
    if (loss === 'softmax') {
      const target = y[row];
      let max = -Infinity;
      for (let o = 0; o < c; o++) if (F[f + o] > max) max = F[f + o];
      let z = 0;
      for (let o = 0; o < c; o++) {
        const e = Math.exp(F[f + o] - max);
        G[f + o] = e;
        z += e;
      }
      for (let o = 0; o < c; o++) G[f + o] /= z;
      sum += max + Math.log(z) - F[f + target];
      G[f + target] -= 1;
      continue;
    }
    const t = row * c;
    for (let o = 0; o < c; o++) {
      const value = F[f + o];
      const target = y[t + o];
      if (loss === 'squared') {
        const r = value - target;
        G[f + o] = r;
        sum += 0.5 * r * r;
      } else if (loss === 'logistic') {
        const q = target * value;
        // ln(1 + exp(-q)) without overflow on either side.
        const e = Math.exp(-Math.abs(q));
        sum += (q < 0 ? -q : 0) + Math.log1p(e);
        G[f + o] = (-target * (q >= 0 ? e : 1)) / (1 + e);
      } else {
        const slack = 1 - target * value;
        if (slack > 0) {
          sum += slack;
          G[f + o] = -target;
        } else {
          G[f + o] = 0;
        }
      }
    }
  }
  return sum;
}
