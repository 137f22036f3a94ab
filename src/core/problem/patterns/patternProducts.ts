import type { Kernels } from '../../base/kernels/kernels.ts';
import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import { emptyPatterns, type PatternSet } from '../../base/patterns.ts';

/** Rows of X multiplied at a time: whole words of a pattern. */
const blockRows = 512;
/** Multiply-adds from which preparing a fast product pays. */
const worthwhile = 2e7;

/**
 * The patterns of `patternsOfGates`, bit for bit, from one fast matrix product: only where its rounding could have changed the sign is the product summed
 * again in the order that defines the pattern. Undefined when that would not be faster, or when stopped.
 */
export function patternsByProduct(
  X: DenseMatrix,
  gates: DenseMatrix,
  kernels: Kernels,
  shouldStop: () => boolean,
): PatternSet | undefined {
  const { rows: n, cols: d } = X;
  const P = gates.rows;
  if (kernels.name === 'typescript' || n * d * P < worthwhile) return undefined;
  const patterns = emptyPatterns(P, n);
  const { wordsPerPattern, words } = patterns;
  const lengths = rowLengths(gates);
  const xLengths = rowLengths(X);
  // Either sum of d products is within d 2^-53 |x| |g| (1 + ...) of the true one, and within d 2^-1074 where products underflow.
  const relative = 4 * d * 2 ** -53;
  const underflow = Number.MIN_VALUE * 4 * d;
  const G = kernels.alloc(P * d);
  const Z = kernels.alloc(P * blockRows);
  try {
    G.set(gates.data);
    for (let start = 0; start < n; start += blockRows) {
      if (shouldStop()) return undefined;
      const rows = Math.min(blockRows, n - start);
      kernels.gemm(false, true, P, rows, d, 1, G, X.data.subarray(start * d, (start + rows) * d), 0, Z);
      for (let p = 0; p < P; p++) {
        const slack = relative * lengths[p];
        const at = p * wordsPerPattern + (start >> 5);
        for (let w = 0; w << 5 < rows; w++) {
          const last = Math.min(32, rows - (w << 5));
          let bits = 0;
          for (let b = 0; b < last; b++) {
            const i = (w << 5) + b;
            const r = start + i;
            let z = Z[p * rows + i];
            // written so that a NaN is summed again, too
            if (!(Math.abs(z) > slack * xLengths[r] + underflow)) {
              z = 0;
              for (let k = 0; k < d; k++) z += X.data[r * d + k] * gates.data[p * d + k];
            }
            // without a branch: the sign is as good as random
            bits |= Number(z >= 0) << b;
          }
          words[at + w] = bits;
        }
      }
    }
  } finally {
    kernels.free(G);
    kernels.free(Z);
  }
  return patterns;
}

function rowLengths({ rows, cols, data }: DenseMatrix): Float64Array {
  const out = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    let s = 0;
    for (let k = 0; k < cols; k++) s += data[i * cols + k] ** 2;
    out[i] = Math.sqrt(s);
  }
  return out;
}
