import { denseMatrix, dot, norm2, type DenseMatrix } from '../base/linalg/matrix.ts';
import { svd } from '../base/linalg/svd.ts';

/** How close one layer comes to the low-rank, aligned, balanced structure that convex duality predicts. */
export interface LayerAlignment {
  readonly singularValues: readonly number[];
  /** sigma_2 / sigma_1: 0 for a rank-one layer. */
  readonly rankOneRatio: number;
  /**
   * Agreement of this layer's right singular vectors with the next layer's left ones: the square root of the cosine between W_l'W_l and
   * W_(l+1) W_(l+1)'. For layers of rank one it is |cosine| of the two vectors; 1 at the optimum of any rank, also where singular values are
   * close and single vectors mean nothing. Null for the last layer and next to a zero layer.
   */
  readonly alignment: number | null;
  readonly frobenius: number;
}

/** The alignment meter for a chain W_1 (d x m_1), .., W_L (m_{L-1} x c). */
export function alignment(layers: readonly DenseMatrix[]): LayerAlignment[] {
  return layers.map((W, l) => {
    const { s } = svd(W);
    return {
      singularValues: Array.from(s),
      rankOneRatio: s[0] > 0 && s.length > 1 ? s[1] / s[0] : 0,
      alignment: l + 1 < layers.length ? agreement(W, layers[l + 1]) : null,
      frobenius: norm2(s),
    };
  });
}

function agreement(W: DenseMatrix, next: DenseMatrix): number | null {
  const right = gram(W, true);
  const left = gram(next, false);
  const scale = norm2(right.data) * norm2(left.data);
  return scale > 0 ? Math.sqrt(Math.min(1, Math.max(0, dot(right.data, left.data) / scale))) : null;
}

/** W'W (columns) or W W'. */
function gram({ rows, cols, data }: DenseMatrix, columns: boolean): DenseMatrix {
  const [m, inner] = columns ? [cols, rows] : [rows, cols];
  const [step, along] = columns ? [1, cols] : [cols, 1];
  const out = denseMatrix(m, m);
  for (let a = 0; a < m; a++) {
    for (let b = 0; b <= a; b++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += data[a * step + k * along] * data[b * step + k * along];
      out.data[a * m + b] = out.data[b * m + a] = sum;
    }
  }
  return out;
}
