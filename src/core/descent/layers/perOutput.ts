import { type Layer, nothingToDispose } from './layer.ts';

/**
 * Every input feeds one output, input j output j mod `outputs`: F_o = sum of a_j x_j over those j. `sharedBy` inputs in a row share one weight:
 * 1, or `outputs` for units with one output each that are scaled together. Parameters: the inputs / sharedBy weights.
 */
export function createPerOutput(inputs: number, outputs: number, sharedBy: 1 | 'outputs' = 1): Layer {
  const run = sharedBy === 1 ? 1 : outputs;
  return {
    inputs,
    outputs,
    size: inputs / run,
    inPlace: false,
    forward(theta, { input, output }, { count }): void {
      output.fill(0, 0, count * outputs);
      for (let r = 0, x = 0, f = 0; r < count; r++, f += outputs) {
        for (let j = 0, o = 0, a = 0, used = 0; j < inputs; j++, x++) {
          output[f + o] += input[x] * theta[a];
          if (++o === outputs) o = 0;
          if (++used === run) [used, a] = [0, a + 1];
        }
      }
    },
    backward(theta, { input, signal, back }, { count }, gradient): void {
      for (let r = 0, x = 0, f = 0; r < count; r++, f += outputs) {
        for (let j = 0, o = 0, a = 0, used = 0; j < inputs; j++, x++) {
          const out = signal[f + o];
          if (gradient !== null) gradient[a] += input[x] * out;
          if (back !== null) back[x] = theta[a] * out;
          if (++o === outputs) o = 0;
          if (++used === run) [used, a] = [0, a + 1];
        }
      }
    },
    dispose: nothingToDispose,
  };
}

/** Adds one trained number to each output. */
export function createOffset(outputs: number): Layer {
  return {
    inputs: outputs,
    outputs,
    size: outputs,
    inPlace: true,
    forward(theta, { output }, { count }): void {
      for (let r = 0, i = 0; r < count; r++) for (let o = 0; o < outputs; o++, i++) output[i] += theta[o];
    },
    backward(_, { signal }, { count }, gradient): void {
      if (gradient === null) return;
      for (let r = 0, i = 0; r < count; r++) for (let o = 0; o < outputs; o++, i++) gradient[o] += signal[i];
    },
    dispose: nothingToDispose,
  };
}
