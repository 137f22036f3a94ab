import type { Kernels } from '../../base/kernels/kernels.ts';
import { type DenseMatrix, denseMatrix } from '../../base/linalg/matrix.ts';
import { type MlpShape, createMlpNetwork, layersOf } from '../../descent/mlp.ts';

export interface TangentKernel {
  /** n x n */
  readonly kernel: DenseMatrix;
  /** Outputs on the rows. */
  readonly outputs: Float64Array;
  /** For every hidden layer one byte per row and unit, 1 where the pre-activation is positive (ReLU only; else empty). */
  readonly signs: readonly Uint8Array[];
}

/** Bytes the computation needs besides the parameters. */
export function tangentKernelBytes(shape: MlpShape, rows: number): number {
  const width = shape.hidden.reduce((a, b) => a + b, 0);
  return 8 * (3 * rows * width + 3 * rows * rows) + rows * width;
}

/**
 * Empirical tangent kernel J J' without the Jacobian: per layer (B B') o (A A') with A the inputs of the layer and B = df/dz,
 *     Theta = sum_l s_l^2 (B_l B_l') o (A_{l-1} A_{l-1}') + s_b^2 B_l B_l'   (s = 1 in standard parametrisation).
 * n^2 (2 sum of widths + inputs) multiply-adds.
 */
export function tangentKernel(shape: MlpShape, theta: Float64Array, X: DenseMatrix, kernels: Kernels): TangentKernel {
  const n = X.rows;
  const network = createMlpNetwork(shape, kernels, n);
  const gramA = kernels.alloc(n * n);
  const gramB = kernels.alloc(n * n);
  try {
    const rows = { order: null, start: 0, count: n };
    network.begin(theta);
    network.forward(theta, X.data, rows);
    network.outputSignal.fill(1);
    network.backward(theta, rows, null);
    const { layers } = layersOf(shape);
    // dense layers and activations by turns, the activations in place
    const { values, signals } = network;
    const kernel = denseMatrix(n, n);
    const K = kernel.data;
    for (let l = 0; l < layers.length; l++) {
      const { cols, rows, scale, biasStart, biasScale } = layers[l];
      const A = l === 0 ? X.data : values[2 * l - 1];
      kernels.syrk(false, n, cols, scale * scale, A, 0, gramA);
      const last = l === layers.length - 1;
      if (!last) kernels.syrk(false, n, rows, 1, signals[2 * l], 0, gramB);
      const bias = biasStart >= 0 ? biasScale * biasScale : 0;
      for (let i = 0; i < n; i++) {
        for (let j = 0, at = i * n; j <= i; j++, at++) {
          K[at] += last ? gramA[at] : gramB[at] * (gramA[at] + bias);
        }
      }
    }
    for (let i = 0; i < n; i++) for (let j = 0; j < i; j++) K[j * n + i] = K[i * n + j];
    const signs =
      shape.activation === 'relu'
        ? shape.hidden.map((m, l) => Uint8Array.from(values[2 * l].subarray(0, n * m), (h) => (h > 0 ? 1 : 0)))
        : [];
    return { kernel, outputs: Float64Array.from(network.output), signs };
  } finally {
    network.dispose();
    kernels.free(gramA);
    kernels.free(gramB);
  }
}
