import type { BlockPenalty } from './penalty.ts';

/** Groups that are whole blocks (groups = 1) or their columns (groups = c): prox is block soft-thresholding. */
export function vectorGroups(kind: string, d: number, c: number, groups: number): BlockPenalty {
  const size = d * c;
  const norm = (A: Float64Array, block: number, group: number): number => {
    let s = 0;
    const end = (block + 1) * size;
    for (let i = block * size + group; i < end; i += groups) s += A[i] * A[i];
    return Math.sqrt(s);
  };
  return {
    kind,
    spectral: false,
    features: d,
    outputs: c,
    groups,
    value(U, blocks) {
      let total = 0;
      for (let b = 0; b < blocks; b++) for (let g = 0; g < groups; g++) total += norm(U, b, g);
      return total;
    },
    prox(W, blocks, t, U, sizes) {
      let total = 0;
      for (let b = 0; b < blocks; b++) {
        for (let g = 0; g < groups; g++) {
          const length = norm(W, b, g);
          sizes[b * groups + g] = length;
          const scale = length > t ? 1 - t / length : 0;
          total += length > t ? length - t : 0;
          const end = (b + 1) * size;
          for (let i = b * size + g; i < end; i += groups) U[i] = scale * W[i];
        }
      }
      return total;
    },
    dualNorms(T, blocks, sizes) {
      let top = 0;
      for (let b = 0; b < blocks; b++) {
        for (let g = 0; g < groups; g++) top = Math.max(top, (sizes[b * groups + g] = norm(T, b, g)));
      }
      return top;
    },
    proxDerivative(W, t, H, offset) {
      for (let g = 0; g < groups; g++) {
        let squares = 0;
        let product = 0;
        for (let i = g; i < size; i += groups) {
          squares += W[offset + i] * W[offset + i];
          product += W[offset + i] * H[offset + i];
        }
        const length = Math.sqrt(squares);
        if (length <= t) {
          for (let i = g; i < size; i += groups) H[offset + i] = 0;
          continue;
        }
        const a = 1 - t / length;
        const b = (t / (length * squares)) * product;
        for (let i = g; i < size; i += groups) H[offset + i] = a * H[offset + i] + b * W[offset + i];
      }
    },
  };
}
