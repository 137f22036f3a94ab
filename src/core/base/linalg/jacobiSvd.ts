/**
 * One-sided Jacobi singular value decomposition of many small blocks: reuses its buffers, allocates nothing per call.
 * A = Q diag(s) R' for a d x c block; Q is d x c (columns of zeros where s is 0), R is c x c, s is not sorted.
 * Hestenes 1958; relative accuracy even for small singular values.
 */
export interface SmallSvd {
  readonly s: Float64Array;
  /** d x c row-major; the left vectors times the singular values, i.e. A R. */
  readonly scaledLeft: Float64Array;
  /** c x c row-major */
  readonly R: Float64Array;
  /** Decomposes the block that starts at `offset` of `A`. */
  decompose(A: Float64Array, offset: number): void;
}

/** A decomposer for d x c blocks. */
export function createSmallSvd(d: number, c: number): SmallSvd {
  const B = new Float64Array(d * c);
  const R = new Float64Array(c * c);
  const s = new Float64Array(c);
  /** Cosine and sine of the rotation at hand. */
  const turn = new Float64Array(2);
  return {
    s,
    scaledLeft: B,
    R,
    decompose(A, offset) {
      for (let i = 0; i < d * c; i++) B[i] = A[offset + i];
      R.fill(0);
      for (let j = 0; j < c; j++) R[j * c + j] = 1;
      for (let sweep = 0; sweep < 40; sweep++) {
        let rotated = false;
        for (let p = 0; p < c - 1; p++) {
          for (let q = p + 1; q < c; q++) {
            let [pp, qq, pq] = [0, 0, 0];
            for (let i = 0; i < d; i++) {
              const x = B[i * c + p];
              const y = B[i * c + q];
              pp += x * x;
              qq += y * y;
              pq += x * y;
            }
            if (Math.abs(pq) <= 1e-15 * Math.sqrt(pp * qq) || pq === 0) continue;
            rotated = true;
            const zeta = (qq - pp) / (2 * pq);
            const t = (zeta >= 0 ? 1 : -1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
            turn[0] = 1 / Math.sqrt(1 + t * t);
            turn[1] = turn[0] * t;
            rotate(B, d, c, p, q, turn);
            rotate(R, c, c, p, q, turn);
          }
        }
        if (!rotated) break;
      }
      for (let j = 0; j < c; j++) {
        let sum = 0;
        for (let i = 0; i < d; i++) sum += B[i * c + j] * B[i * c + j];
        s[j] = Math.sqrt(sum);
      }
    },
  };
}

/** The plane rotation (cosine, sine) on columns p and q of the row-major rows x c matrix M. */
function rotate(M: Float64Array, rows: number, c: number, p: number, q: number, turn: Float64Array): void {
  const [cosine, sine] = [turn[0], turn[1]];
  for (let i = 0; i < rows; i++) {
    const x = M[i * c + p];
    const y = M[i * c + q];
    M[i * c + p] = cosine * x - sine * y;
    M[i * c + q] = sine * x + cosine * y;
  }
}
