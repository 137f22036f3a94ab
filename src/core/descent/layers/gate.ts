import { type PatternSet, isOn } from '../../base/patterns.ts';
import { type Layer, nothingToDispose } from './layer.ts';

/** One byte per row and gate (n x P), the order in which the passes read them. */
function bytesByRow(patterns: PatternSet): Uint8Array {
  const out = new Uint8Array(patterns.rows * patterns.count);
  for (let p = 0; p < patterns.count; p++) {
    for (let r = 0; r < patterns.rows; r++) if (isOn(patterns, p, r)) out[r * patterns.count + p] = 1;
  }
  return out;
}

/** Fixed gates: `perGate` units in a row pass where the pattern of their gate is on for the data row, and are zero elsewhere. */
export function createGate(patterns: PatternSet, perGate: number): Layer {
  const gates = patterns.count;
  const on = bytesByRow(patterns);
  const mask = (values: Float64Array, order: Int32Array | null, start: number, count: number): void => {
    for (let k = 0, i = 0; k < count; k++) {
      const g = (order === null ? start + k : order[start + k]) * gates;
      for (let p = 0; p < gates; p++) {
        if (on[g + p] === 1) i += perGate;
        else for (let q = 0; q < perGate; q++, i++) values[i] = 0;
      }
    }
  };
  return {
    inputs: gates * perGate,
    outputs: gates * perGate,
    size: 0,
    inPlace: true,
    forward: (_, { output }, { order, start, count }) => mask(output, order, start, count),
    backward: (_, { signal }, { order, start, count }) => mask(signal, order, start, count),
    dispose: nothingToDispose,
  };
}
