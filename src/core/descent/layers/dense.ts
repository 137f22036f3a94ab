import type { Kernels } from '../../base/kernels/kernels.ts';
import { type Layer, nothingToDispose } from './layer.ts';

export interface DenseOptions {
  readonly inputs: number;
  readonly outputs: number;
  readonly kernels: Kernels;
  /** How the weights lie: one row per output (outputs x inputs, the default) or per input (inputs x outputs). */
  readonly layout?: 'by-output' | 'by-input';
  /** Factor of the weights in the forward pass, default 1. */
  readonly scale?: number;
  /** Factor of the biases in the forward pass; without it the layer has none. */
  readonly biasScale?: number;
}

/** z = scale W x + biasScale b. Parameters: the weights, then the biases. */
export function createDense(options: DenseOptions): Layer {
  const { inputs, outputs, kernels, layout = 'by-output', scale = 1, biasScale } = options;
  const weights = inputs * outputs;
  const byOutput = layout === 'by-output';
  return {
    inputs,
    outputs,
    size: weights + (biasScale === undefined ? 0 : outputs),
    inPlace: false,
    forward(theta, { input, output }, { count }): void {
      if (outputs === 1) kernels.gemv(false, count, inputs, scale, input, theta, 0, output);
      else kernels.gemm(false, byOutput, count, outputs, inputs, scale, input, theta, 0, output);
      if (biasScale === undefined) return;
      for (let r = 0, i = 0; r < count; r++) {
        for (let j = 0; j < outputs; j++, i++) output[i] += biasScale * theta[weights + j];
      }
    },
    backward(theta, { input, signal, back }, { count }, gradient): void {
      if (gradient !== null) {
        if (outputs === 1) kernels.gemv(true, count, inputs, scale, input, signal, 1, gradient);
        else if (byOutput) kernels.gemm(true, false, outputs, inputs, count, scale, signal, input, 1, gradient);
        else kernels.gemm(true, false, inputs, outputs, count, scale, input, signal, 1, gradient);
        if (biasScale !== undefined) {
          for (let r = 0, i = 0; r < count; r++) {
            for (let j = 0; j < outputs; j++, i++) gradient[weights + j] += biasScale * signal[i];
          }
        }
      }
      if (back === null) return;
      if (outputs > 1) {
        kernels.gemm(false, !byOutput, count, inputs, outputs, scale, signal, theta, 0, back);
        return;
      }
      for (let r = 0, i = 0; r < count; r++) {
        const s = scale * signal[r];
        for (let j = 0; j < inputs; j++, i++) back[i] = s * theta[j];
      }
    },
    dispose: nothingToDispose,
  };
}
