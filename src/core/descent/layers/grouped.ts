import { type Layer, nothingToDispose } from './layer.ts';

/**
 * Parallel linear maps: group g sends its own `inputs` numbers to its own `outputs` numbers, z_g = W_g' x_g. Parameters: W_g (inputs x outputs,
 * row-major), group after group. Meant for small groups, where a call per product would cost more than the product.
 */
export function createGrouped(groups: number, inputs: number, outputs: number): Layer {
  const own = inputs * outputs;
  return {
    inputs: groups * inputs,
    outputs: groups * outputs,
    size: groups * own,
    inPlace: false,
    forward(theta, { input, output }, { count }): void {
      output.fill(0, 0, count * groups * outputs);
      for (let r = 0, x = 0, z = 0; r < count; r++) {
        for (let g = 0, w = 0; g < groups; g++, z += outputs) {
          for (let i = 0; i < inputs; i++, x++, w += outputs) {
            const value = input[x];
            if (value !== 0) for (let j = 0; j < outputs; j++) output[z + j] += value * theta[w + j];
          }
        }
      }
    },
    backward(theta, { input, signal, back }, { count }, gradient): void {
      for (let r = 0, x = 0, z = 0; r < count; r++) {
        for (let g = 0, w = 0; g < groups; g++, z += outputs) {
          for (let i = 0; i < inputs; i++, x++, w += outputs) {
            const value = input[x];
            let s = 0;
            for (let j = 0; j < outputs; j++) {
              if (gradient !== null) gradient[w + j] += value * signal[z + j];
              s += signal[z + j] * theta[w + j];
            }
            if (back !== null) back[x] = s;
          }
        }
      }
    },
    dispose: nothingToDispose,
  };
}
