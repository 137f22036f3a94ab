import { denseMatrix, type DenseMatrix, rowOf } from '../base/linalg/matrix.ts';
import { DataError } from './dataError.ts';
import type { InputScaling, Whitening } from './scaling.ts';
import { whitened, whiteningOf, whitenLimit, whitenWork } from './whiten.ts';

/**
 * Whitens on the training rows. Rows that are at most as many as the inputs can be made orthogonal, but not once a mean is taken off
 * (their sum would be zero), so the means are put back first, in `X` and in `inputs`. Batch normalisation takes them off instead. With one
 * input the map is a number, which goes into its scale.
 */
export function whitenInputs(
  X: DenseMatrix,
  inputs: InputScaling[],
  trainRows: Int32Array,
  { batchNorm, file, poll }: { readonly batchNorm: boolean; readonly file: string; readonly poll: () => void },
  warnings: string[],
): { readonly map: Whitening; readonly X: DenseMatrix } | undefined {
  const [n, d] = [trainRows.length, X.cols];
  if (d > whitenLimit || n * d * Math.min(n, d) > whitenWork) {
    throw new DataError(
      'settings',
      batchNorm
        ? `${n} training rows by ${d} inputs are too many to batch-normalise (at most ${whitenLimit} inputs, and rows times inputs squared up to ${whitenWork.toExponential(0)}); choose fewer features or rows, or leave batch normalisation out`
        : `${n} training rows by ${d} inputs are too many to whiten (at most ${whitenLimit} inputs, and rows times inputs squared up to ${whitenWork.toExponential(0)}); choose fewer features or rows, or do not whiten`,
      { file },
    );
  }
  if (batchNorm) {
    inputs.forEach((input, k) => {
      let mean = 0;
      for (const row of trainRows) mean += X.data[row * d + k] / n;
      for (let i = 0; i < X.rows; i++) X.data[i * d + k] -= mean;
      inputs[k] = { ...input, mean: input.mean + mean * input.scale };
    });
  } else if (n <= d) {
    inputs.forEach((input, k) => {
      const shift = input.mean / input.scale;
      for (let i = 0; i < X.rows; i++) X.data[i * d + k] += shift;
      inputs[k] = { ...input, mean: 0 };
    });
  }
  const train = denseMatrix(n, d);
  trainRows.forEach((row, i) => train.data.set(rowOf(X, row), i * d));
  const map = whiteningOf(train, poll);
  if (map === undefined) return undefined;
  if (d === 1) {
    const [[factor]] = map.matrix;
    for (let i = 0; i < X.rows; i++) X.data[i] *= factor;
    inputs[0] = { ...inputs[0], scale: inputs[0].scale / factor };
    return undefined;
  }
  if (batchNorm) {
    if (map.rank < Math.min(n - 1, d)) {
      warnings.push(
        `Batch normalisation: the training rows vary in ${map.rank} dimensions only; directions without variation are left out.`,
      );
    }
  } else if (n <= d && !map.rowsOrthogonal) {
    warnings.push(
      `Whitening: the ${n} training rows span ${map.rank} dimensions only, so they cannot all be made orthogonal.`,
    );
  } else if (map.rank < Math.min(n, d)) {
    warnings.push(
      `Whitening: the ${d} inputs span ${map.rank === 1 ? 'one dimension' : `${map.rank} dimensions`} only; the others are combinations of them.`,
    );
  }
  return { map, X: whitened(X, map, poll) };
}
