import { denseMatrix, type DenseMatrix, dot } from '../../base/linalg/matrix.ts';
import { scalarPath } from '../../engine/linear/scalarPath.ts';
import { numericalRank, svd, type Svd } from '../../base/linalg/svd.ts';

/** The optimum of a linear network with weight decay on all its layers, on inputs whose singular values are all equal. */
export interface LinearForm {
  readonly objective: number;
  readonly betaMax: number;
  /** Directions of the map that are not zero. */
  readonly rank: number;
}

/** The one non-zero singular value of X to relative accuracy, or undefined when there are several. */
export function equalSingularValues(s: ArrayLike<number>, relative = 1e-10): number | undefined {
  const rank = numericalRank(s, relative);
  return rank > 0 && s[rank - 1] >= (1 - relative) * s[0] ? s[0] : undefined;
}

/**
 * X = s U V' (rows or columns whitened): with Z = V A the loss is s^2/2 ||A - U'Y/s||^2 plus a constant, and weight decay on L layers costs
 * (L/2) sum_i sigma_i(A)^(2/L), so every singular value of U'Y goes through the scalar problem on its own (von Neumann's trace inequality;
 * Ergen and Pilanci 2021, "Revealing the structure", linear networks). Two layers: a soft threshold. `onePerOutput`: one network per column.
 */
export function linearForm(
  { U, s }: Pick<Svd, 'U' | 's'>,
  Y: DenseMatrix,
  beta: number,
  layers: number,
  onePerOutput: boolean,
): LinearForm | undefined {
  const scale = equalSingularValues(s);
  if (scale === undefined) return undefined;
  const rank = numericalRank(s);
  const A = denseMatrix(rank, Y.cols);
  for (let a = 0; a < rank; a++) {
    for (let k = 0; k < Y.cols; k++) {
      for (let i = 0; i < Y.rows; i++) A.data[a * Y.cols + k] += U.data[i * s.length + a] * Y.data[i * Y.cols + k];
    }
  }
  const sizes = onePerOutput
    ? Array.from({ length: Y.cols }, (_, k) =>
        Math.sqrt(A.data.reduce((sum, value, at) => (at % Y.cols === k ? sum + value * value : sum), 0)),
      )
    : Array.from(svd(A).s);
  // what no linear map reaches
  let objective = 0.5 * Math.max(0, dot(Y.data, Y.data) - dot(A.data, A.data));
  let betaMax = 0;
  let active = 0;
  for (const size of sizes) {
    const one = scalarPath(size / scale, beta / scale ** 2, layers);
    objective += scale ** 2 * one.objective;
    betaMax = Math.max(betaMax, scale ** 2 * one.betaCritical);
    if (one.p !== 0) active++;
  }
  return { objective, betaMax, rank: active };
}
