import type { Kernels } from '../base/kernels/kernels.ts';
import { type DenseMatrix, denseMatrix } from '../base/linalg/matrix.ts';
import { createDatafit, type LossName } from '../problem/datafits/losses.ts';
import { ProblemError } from '../base/problemError.ts';
import type { Rng } from '../base/rng.ts';
import { type ActivationName, erf, erfSlope } from './activation.ts';
import type { TrainableModel } from './model.ts';

/**
 * A fully connected network with one output,
 *     z_1 = s_1 W_1 x + b, h_l = phi(z_l), z_{l+1} = s_{l+1} W_{l+1} h_l + b, f = s_L W_L h_{L-1}   (no offset at the output),
 * s_1 = inputScale, s_l = weightScale / sqrt(width of layer l - 1), b = biasScale times the trained bias.
 *
 * NTK parametrisation: all trained entries start as N(0, 1) and the scales stay in the forward pass (Jacot, Gabriel, Hongler 2018).
 * Standard parametrisation: the scales are the standard deviations of the start values instead. Both are the same function at the
 * start but follow different gradients.
 */
export interface MlpShape {
  readonly inputs: number;
  /** Widths of the hidden layers, at least one. */
  readonly hidden: readonly number[];
  readonly activation: ActivationName;
  readonly parametrization: 'ntk' | 'standard';
  readonly inputScale: number;
  readonly weightScale: number;
  /** 0: no biases. */
  readonly biasScale: number;
}

/** Where a layer's weights (rows x cols, row-major) and biases are in the parameter vector. */
export interface MlpLayer {
  readonly start: number;
  readonly rows: number;
  readonly cols: number;
  /** -1: the layer has no biases. */
  readonly biasStart: number;
  /** Factor in the forward pass; with the standard parametrisation 1, and the start's standard deviation is `spread`. */
  readonly scale: number;
  readonly biasScale: number;
  readonly spread: number;
  readonly biasSpread: number;
}

/** Layers of a shape and the number of its parameters. */
export function layersOf(shape: MlpShape): { readonly layers: readonly MlpLayer[]; readonly size: number } {
  const layers: MlpLayer[] = [];
  let at = 0;
  const ntk = shape.parametrization === 'ntk';
  const depth = shape.hidden.length + 1;
  for (let l = 0; l < depth; l++) {
    const cols = l === 0 ? shape.inputs : shape.hidden[l - 1];
    const rows = l === depth - 1 ? 1 : shape.hidden[l];
    const factor = l === 0 ? shape.inputScale : shape.weightScale / Math.sqrt(cols);
    const biased = shape.biasScale !== 0 && l < depth - 1;
    const start = at;
    at += rows * cols;
    const biasStart = biased ? at : -1;
    if (biased) at += rows;
    layers.push({
      start,
      rows,
      cols,
      biasStart,
      scale: ntk ? factor : 1,
      biasScale: ntk ? shape.biasScale : 1,
      spread: ntk ? 1 : factor,
      biasSpread: ntk ? 1 : shape.biasScale,
    });
  }
  return { layers, size: at };
}

export type MlpStart = 'random' | 'mirrored';

/**
 * Random start. `mirrored` (one hidden layer of even width) makes pairs (w, a), (w, -a), so that the network starts at zero without
 * changing the limit kernel.
 */
export function initialiseMlp(shape: MlpShape, rng: Rng, start: MlpStart = 'random'): Float64Array {
  const { layers, size } = layersOf(shape);
  if (start === 'mirrored' && (shape.hidden.length !== 1 || shape.hidden[0] % 2 !== 0)) {
    throw new RangeError('a mirrored start needs one hidden layer of even width');
  }
  const theta = new Float64Array(size);
  for (const layer of layers) {
    for (let i = layer.start; i < layer.start + layer.rows * layer.cols; i++) theta[i] = layer.spread * rng.normal();
    if (layer.biasStart >= 0) {
      for (let i = layer.biasStart; i < layer.biasStart + layer.rows; i++) theta[i] = layer.biasSpread * rng.normal();
    }
  }
  if (start === 'mirrored') {
    const [first, last] = layers;
    const half = first.rows / 2;
    theta.copyWithin(first.start + half * first.cols, first.start, first.start + half * first.cols);
    if (first.biasStart >= 0) {
      theta.copyWithin(first.biasStart + half, first.biasStart, first.biasStart + half);
    }
    for (let k = 0; k < half; k++) theta[last.start + half + k] = -theta[last.start + k];
  }
  return theta;
}

/** Activations and slopes of all hidden layers for a block of rows, and the signals that come back. */
export interface MlpPass {
  /** h_l, rows x m_l. */
  readonly H: readonly Float64Array[];
  /** phi'(z_l), rows x m_l. */
  readonly slope: readonly Float64Array[];
  /** df/dz_l, rows x m_l, filled by `signals`. */
  readonly B: readonly Float64Array[];
  readonly F: Float64Array;
}

/** Work space for passes over at most `block` rows. */
export class MlpRunner {
  readonly layers: readonly MlpLayer[];
  readonly size: number;
  readonly pass: MlpPass;

  constructor(
    readonly shape: MlpShape,
    private readonly kernels: Kernels,
    readonly block: number,
  ) {
    const { layers, size } = layersOf(shape);
    this.layers = layers;
    this.size = size;
    const perLayer = (): Float64Array[] => shape.hidden.map((m) => kernels.alloc(block * m));
    this.pass = { H: perLayer(), slope: perLayer(), B: perLayer(), F: new Float64Array(block) };
  }

  /** Forward pass of `rows` rows of inputs (rows x d); fills H, slope and F. */
  forward(theta: Float64Array, inputs: Float64Array, rows: number): void {
    const { layers, shape, pass } = this;
    const last = layers.length - 1;
    for (let l = 0; l < last; l++) {
      const { start, rows: m, cols, biasStart, scale, biasScale } = layers[l];
      const H = pass.H[l];
      const slope = pass.slope[l];
      const below = l === 0 ? inputs : pass.H[l - 1].subarray(0, rows * cols);
      this.kernels.gemm(false, true, rows, m, cols, scale, below, theta.subarray(start, start + m * cols), 0, H);
      const biased = biasStart >= 0;
      const relu = shape.activation === 'relu';
      for (let r = 0, i = 0; r < rows; r++) {
        for (let j = 0; j < m; j++, i++) {
          const z = biased ? H[i] + biasScale * theta[biasStart + j] : H[i];
          if (relu) {
            slope[i] = z > 0 ? 1 : 0;
            H[i] = z > 0 ? z : 0;
          } else {
            slope[i] = erfSlope(z);
            H[i] = erf(z);
          }
        }
      }
    }
    const { start, cols, scale } = layers[last];
    const top = pass.H[last - 1];
    for (let r = 0, i = 0; r < rows; r++) {
      let s = 0;
      for (let j = 0; j < cols; j++, i++) s += top[i] * theta[start + j];
      pass.F[r] = scale * s;
    }
  }

  /** After `forward`: B_l = weights(r) df/dz_l, row r multiplied by `weights[r]` (1 without). */
  signals(theta: Float64Array, rows: number, weights: Float64Array | null): void {
    const { layers, pass } = this;
    const last = layers.length - 1;
    for (let l = last - 1; l >= 0; l--) {
      const above = layers[l + 1];
      const B = pass.B[l];
      const slope = pass.slope[l];
      const m = layers[l].rows;
      if (l === last - 1) {
        for (let r = 0, i = 0; r < rows; r++) {
          const w = above.scale * (weights === null ? 1 : weights[r]);
          for (let j = 0; j < m; j++, i++) B[i] = w * theta[above.start + j] * slope[i];
        }
      } else {
        const W = theta.subarray(above.start, above.start + above.rows * above.cols);
        const from = pass.B[l + 1].subarray(0, rows * above.rows);
        this.kernels.gemm(false, false, rows, m, above.rows, above.scale, from, W, 0, B);
        for (let i = 0; i < rows * m; i++) B[i] *= slope[i];
      }
    }
  }

  /** After `signals`: adds sum over rows of weights(r) df/dtheta. */
  addGradient(inputs: Float64Array, rows: number, weights: Float64Array, gradient: Float64Array): void {
    const { layers, pass } = this;
    const last = layers.length - 1;
    for (let l = 0; l < last; l++) {
      const { start, rows: m, cols, biasStart, scale, biasScale } = layers[l];
      const B = pass.B[l];
      const below = l === 0 ? inputs : pass.H[l - 1].subarray(0, rows * cols);
      const target = gradient.subarray(start, start + m * cols);
      this.kernels.gemm(true, false, m, cols, rows, scale, B.subarray(0, rows * m), below, 1, target);
      if (biasStart >= 0) {
        for (let r = 0, i = 0; r < rows; r++)
          for (let j = 0; j < m; j++, i++) gradient[biasStart + j] += biasScale * B[i];
      }
    }
    const { start, cols, scale } = layers[last];
    const top = pass.H[last - 1];
    for (let r = 0, i = 0; r < rows; r++) {
      const w = scale * weights[r];
      for (let j = 0; j < cols; j++, i++) gradient[start + j] += w * top[i];
    }
  }

  dispose(): void {
    for (const array of [...this.pass.H, ...this.pass.slope, ...this.pass.B]) this.kernels.free(array);
  }
}

/** Rows that share one pass: enough for the products to be efficient, few enough to stay in cache. */
function blockSize(shape: MlpShape, rows: number): number {
  const width = shape.hidden.reduce((a, b) => a + b, 0);
  return Math.max(1, Math.min(rows, Math.max(32, Math.min(256, Math.floor(262144 / Math.max(width, 1))))));
}

/** Outputs on the rows of X. */
export function predictMlp(shape: MlpShape, theta: Float64Array, X: DenseMatrix, kernels: Kernels): Float64Array {
  const runner = new MlpRunner(shape, kernels, blockSize(shape, X.rows));
  try {
    const out = new Float64Array(X.rows);
    for (let from = 0; from < X.rows; from += runner.block) {
      const rows = Math.min(runner.block, X.rows - from);
      runner.forward(theta, X.data.subarray(from * X.cols, (from + rows) * X.cols), rows);
      out.set(runner.pass.F.subarray(0, rows), from);
    }
    return out;
  } finally {
    runner.dispose();
  }
}

export interface MlpModel extends TrainableModel {
  readonly shape: MlpShape;
}

/**
 * An unregularised MLP on data: loss(f(X) - offset, y), summed. `offset` (n numbers, default 0) is subtracted from the outputs: with the
 * outputs at the start it centres the network, so that training starts from zero without changing the kernel.
 * @throws {ProblemError} when there is no such loss, or it needs parameters or several outputs
 */
export function createMlpModel(
  shape: MlpShape,
  X: DenseMatrix,
  y: Float64Array,
  loss: LossName,
  kernels: Kernels,
  offset: Float64Array | null = null,
): MlpModel {
  const d = X.cols;
  if (d !== shape.inputs) throw new RangeError(`the network takes ${shape.inputs} inputs, the data have ${d}`);
  const datafit = createDatafit(loss, denseMatrix(X.rows, 1, y), 1);
  if (datafit.targets === 'classes') {
    throw new ProblemError(`needs several outputs for the ${loss} loss, and this network has one`, { field: 'loss' });
  }
  const runner = new MlpRunner(shape, kernels, blockSize(shape, X.rows));
  const G = new Float64Array(runner.block);
  const gathered = kernels.alloc(runner.block * d);
  let flops = 0;
  for (const layer of runner.layers) flops += 6 * layer.rows * layer.cols + 8 * layer.rows;
  return {
    shape,
    size: runner.size,
    rows: X.rows,
    flopsPerRow: flops,
    vector: () => kernels.alloc(runner.size),
    release: (vector) => kernels.free(vector),
    addLoss(theta, order, start, count, gradient): number {
      let sum = 0;
      const { F } = runner.pass;
      for (let from = start; from < start + count; from += runner.block) {
        const rows = Math.min(runner.block, start + count - from);
        let inputs = X.data.subarray(from * d, (from + rows) * d);
        if (order !== null) {
          for (let k = 0; k < rows; k++) {
            const at = order[from + k] * d;
            for (let j = 0; j < d; j++) gathered[k * d + j] = X.data[at + j];
          }
          inputs = gathered.subarray(0, rows * d);
        }
        runner.forward(theta, inputs, rows);
        if (offset !== null) for (let k = 0; k < rows; k++) F[k] -= offset[order === null ? from + k : order[from + k]];
        sum += datafit.lossOfRows(F, order, from, rows, G);
        if (gradient === null) continue;
        runner.signals(theta, rows, G);
        runner.addGradient(inputs, rows, G, gradient);
      }
      return sum;
    },
    addPenalty: () => 0,
    dispose(): void {
      runner.dispose();
      kernels.free(gathered);
    },
  };
}
