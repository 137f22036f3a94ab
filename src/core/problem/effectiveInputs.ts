import { type DenseMatrix, withOnesColumn } from '../base/linalg/matrix.ts';
import { type BiasMode, biasOf } from './problem.ts';

/** Inputs as the neurons see them: n x d, or n x (d + 1) with a last column of ones where they have a bias, at a place that is given or a new one. */
export function effectiveInputs(X: DenseMatrix, bias: BiasMode, place?: Float64Array, poll?: () => void): DenseMatrix {
  return biasOf(bias).column ? withOnesColumn(X, place, poll) : X;
}
