import { denseMatrix, type DenseMatrix } from '../base/linalg/matrix.ts';
import { descendMetered } from './metered.ts';
import type { TrainableModel } from './model.ts';
import type { UpdateRule } from './optimizer.ts';
import type { PreparedProblem } from '../problem/prepare.ts';
import { createRng, type Rng } from '../base/rng.ts';
import type { Control } from '../base/control.ts';
import { alignment, type LayerAlignment } from '../network/alignment.ts';

export interface ChainModel extends TrainableModel {
  initialise(rng: Rng, scale: number): Float64Array;
  layers(theta: Float64Array): DenseMatrix[];
}

/** A linear network X W_1 .. W_L of given width as a trainable model: loss + beta/2 times all squared weights. */
export function createChainModel(problem: PreparedProblem, depth: number, width: number): ChainModel {
  const { X, datafit, beta, outputs: c } = problem;
  const sizes = Array.from({ length: depth + 1 }, (_, l) => (l === 0 ? X.cols : l === depth ? c : width));
  const starts = [0];
  for (let l = 0; l < depth; l++) starts.push(starts[l] + sizes[l] * sizes[l + 1]);
  const size = starts[depth];
  const n = X.rows;
  const A = sizes.map((m) => new Float64Array(n * m));
  const B = sizes.map((m) => new Float64Array(n * m));
  return {
    size,
    rows: n,
    flopsPerRow: 6 * size,
    addLoss(theta, order, start, rows, gradient) {
      for (let r = 0; r < rows; r++) {
        const row = order === null ? start + r : order[start + r];
        A[0].set(X.data.subarray(row * X.cols, (row + 1) * X.cols), r * X.cols);
      }
      for (let l = 0; l < depth; l++) {
        const [p, q] = [sizes[l], sizes[l + 1]];
        A[l + 1].fill(0, 0, rows * q);
        for (let r = 0; r < rows; r++) {
          for (let i = 0; i < p; i++) {
            const a = A[l][r * p + i];
            if (a !== 0) for (let j = 0; j < q; j++) A[l + 1][r * q + j] += a * theta[starts[l] + i * q + j];
          }
        }
      }
      const loss = datafit.lossOfRows(A[depth], order, start, rows, B[depth]);
      if (gradient === null) return loss;
      for (let l = depth - 1; l >= 0; l--) {
        const [p, q] = [sizes[l], sizes[l + 1]];
        for (let r = 0; r < rows; r++) {
          for (let i = 0; i < p; i++) {
            const a = A[l][r * p + i];
            let back = 0;
            for (let j = 0; j < q; j++) {
              const b = B[l + 1][r * q + j];
              gradient[starts[l] + i * q + j] += a * b;
              back += b * theta[starts[l] + i * q + j];
            }
            B[l][r * p + i] = back;
          }
        }
      }
      return loss;
    },
    addPenalty(theta, factor, gradient) {
      let square = 0;
      for (let i = 0; i < size; i++) square += theta[i] * theta[i];
      if (gradient !== null) for (let i = 0; i < size; i++) gradient[i] += factor * beta * theta[i];
      return 0.5 * beta * square;
    },
    vector: () => new Float64Array(size),
    release: () => undefined,
    dispose: () => undefined,
    initialise(rng, scale) {
      const theta = new Float64Array(size);
      for (let l = 0; l < depth; l++) {
        const s = scale / Math.sqrt(sizes[l]);
        for (let i = starts[l]; i < starts[l + 1]; i++) theta[i] = s * rng.normal();
      }
      return theta;
    },
    layers: (theta) =>
      Array.from({ length: depth }, (_, l) =>
        denseMatrix(sizes[l], sizes[l + 1], Float64Array.from(theta.subarray(starts[l], starts[l + 1]))),
      ),
  };
}

export interface ChainTraining {
  readonly points: readonly {
    readonly epoch: number;
    readonly objective: number;
    readonly layers: readonly LayerAlignment[];
  }[];
  readonly final: number;
  readonly learningRate: number;
  readonly cancelled: boolean;
}

/** Trains a chain by descent and takes the alignment meter at about `points` moments, equally spaced in log epochs. */
export function trainChain(
  problem: PreparedProblem,
  options: {
    readonly depth: number;
    readonly width: number;
    readonly seed: number;
    readonly rule: Exclude<UpdateRule, 'flow'>;
    readonly epochs: number;
    readonly points: number;
  },
  control: Control,
): ChainTraining {
  const { depth, width, seed, rule, epochs, points } = options;
  const model = createChainModel(problem, depth, width);
  const taken: { epoch: number; objective: number; layers: LayerAlignment[] }[] = [];
  const rates =
    rule === 'adam' ? [0.003, 0.01, 0.03, 0.1] : rule === 'momentum' ? [0.003, 0.01, 0.03, 0.1] : [0.03, 0.1, 0.3, 1];
  const { result, learningRate } = descendMetered(
    model,
    model.initialise(createRng(seed).fork('chain'), 1),
    { rule, rates, epochs, points, curvePoints: 2, seed, stream: 'chain order' },
    (epoch, theta, objective) => taken.push({ epoch, objective, layers: alignment(model.layers(theta)) }),
    () => (taken.length = 0),
    control,
  );
  return { points: taken, final: result.objective, learningRate, cancelled: result.cancelled };
}
