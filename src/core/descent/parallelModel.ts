import { denseMatrix } from '../base/linalg/matrix.ts';
import type { TrainableModel } from './model.ts';
import type { PreparedProblem } from '../problem/prepare.ts';
import type { Rng } from '../base/rng.ts';
import type { SubNetwork } from '../network/threeLayer/subNetwork.ts';

export interface ParallelModel extends TrainableModel {
  initialise(rng: Rng, scale: number): Float64Array;
  branches(theta: Float64Array): SubNetwork[];
}

/**
 * K parallel three-layer branches per output, trained on loss + (beta/3) sum (||W1||_F^3 + ||w2||^3 + |w3|^3): the penalty whose best
 * rescaling is the group norm of the convex program, so that the convex optimum bounds every such run from below.
 * A branch occupies d m1 + m1 + 1 parameters: W1 (row-major d x m1), w2, w3.
 */
export function createParallelModel(problem: PreparedProblem, m1: number, K: number): ParallelModel {
  const { X, datafit, beta, outputs: c } = problem;
  const [n, d] = [X.rows, X.cols];
  const stride = d * m1 + m1 + 1;
  const count = K * c;
  const size = count * stride;
  const F = new Float64Array(n * c);
  const G = new Float64Array(n * c);
  const pre = new Float64Array(n * count);
  return {
    size,
    rows: n,
    flopsPerRow: 4 * count * d * m1,
    addLoss(theta, order, start, rows, gradient) {
      F.fill(0, 0, rows * c);
      for (let r = 0; r < rows; r++) {
        const x = (order === null ? start + r : order[start + r]) * d;
        for (let b = 0; b < count; b++) {
          const at = b * stride;
          let h = 0;
          for (let j = 0; j < m1; j++) {
            let s = 0;
            for (let k = 0; k < d; k++) s += X.data[x + k] * theta[at + k * m1 + j];
            if (s > 0) h += s * theta[at + d * m1 + j];
          }
          pre[r * count + b] = h;
          if (h > 0) F[r * c + (b % c)] += h * theta[at + stride - 1];
        }
      }
      const loss = datafit.lossOfRows(F, order, start, rows, G);
      if (gradient === null) return loss;
      for (let r = 0; r < rows; r++) {
        const x = (order === null ? start + r : order[start + r]) * d;
        for (let b = 0; b < count; b++) {
          const h = pre[r * count + b];
          if (!(h > 0)) continue;
          const at = b * stride;
          const g = G[r * c + (b % c)];
          gradient[at + stride - 1] += g * h;
          const back = g * theta[at + stride - 1];
          for (let j = 0; j < m1; j++) {
            let s = 0;
            for (let k = 0; k < d; k++) s += X.data[x + k] * theta[at + k * m1 + j];
            if (!(s > 0)) continue;
            gradient[at + d * m1 + j] += back * s;
            const w = back * theta[at + d * m1 + j];
            for (let k = 0; k < d; k++) gradient[at + k * m1 + j] += w * X.data[x + k];
          }
        }
      }
      return loss;
    },
    addPenalty(theta, factor, gradient) {
      let sum = 0;
      for (let b = 0; b < count; b++) {
        const at = b * stride;
        for (const [from, to] of [
          [at, at + d * m1],
          [at + d * m1, at + stride - 1],
          [at + stride - 1, at + stride],
        ]) {
          let square = 0;
          for (let i = from; i < to; i++) square += theta[i] * theta[i];
          const norm = Math.sqrt(square);
          sum += norm * square;
          if (gradient !== null) for (let i = from; i < to; i++) gradient[i] += factor * beta * norm * theta[i];
        }
      }
      return (beta / 3) * sum;
    },
    vector: () => new Float64Array(size),
    release: () => undefined,
    dispose: () => undefined,
    initialise(rng, scale) {
      const theta = new Float64Array(size);
      for (let b = 0; b < count; b++) {
        const at = b * stride;
        for (let i = 0; i < d * m1; i++) theta[at + i] = (scale * rng.normal()) / Math.sqrt(d);
        for (let j = 0; j < m1; j++) theta[at + d * m1 + j] = (scale * rng.normal()) / Math.sqrt(m1);
        theta[at + stride - 1] = (scale * rng.normal()) / Math.sqrt(K);
      }
      return theta;
    },
    branches(theta) {
      return Array.from({ length: count }, (_, b) => {
        const at = b * stride;
        return {
          W1: denseMatrix(d, m1, Float64Array.from(theta.subarray(at, at + d * m1))),
          w2: Float64Array.from(theta.subarray(at + d * m1, at + stride - 1)),
          w3: theta[at + stride - 1],
          output: b % c,
        };
      });
    },
  };
}
