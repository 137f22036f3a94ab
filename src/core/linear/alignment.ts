import type { DenseMatrix } from '../linalg/matrix.ts';
import { svd } from './svd.ts';

/** How close one layer comes to the rank-one, aligned, balanced structure that convex duality predicts. */
export interface LayerAlignment {
  readonly singularValues: readonly number[];
  /** sigma_2 / sigma_1: 0 for a rank-one layer. */
  readonly rankOneRatio: number;
  /** |cosine| between this layer's leading right vector and the next layer's leading left vector; null for the last layer. */
  readonly alignment: number | null;
  readonly frobenius: number;
}

/** The alignment meter for a chain W_1 (d x m_1), .., W_L (m_{L-1} x c). */
export function alignment(layers: readonly DenseMatrix[]): LayerAlignment[] {
  const decompositions = layers.map((W) => svd(W));
  return decompositions.map((current, l) => {
    const next = decompositions[l + 1];
    let cosine: number | null = null;
    if (next && current.s[0] > 0 && next.s[0] > 0) {
      let c = 0;
      const rows = current.V.rows;
      for (let i = 0; i < rows; i++) c += current.V.data[i * current.s.length] * next.U.data[i * next.s.length];
      cosine = Math.min(1, Math.abs(c));
    }
    let square = 0;
    for (const s of current.s) square += s * s;
    return {
      singularValues: Array.from(current.s),
      rankOneRatio: current.s[0] > 0 && current.s.length > 1 ? current.s[1] / current.s[0] : 0,
      alignment: cosine,
      frobenius: Math.sqrt(square),
    };
  });
}
