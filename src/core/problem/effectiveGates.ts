import { type DenseMatrix, denseMatrix } from '../base/linalg/matrix.ts';
import { ProblemError } from '../base/problemError.ts';

/**
 * Gate vectors brought to the width of the effective inputs of d columns: with a bias in the model, gates of the original width get offset 0.
 * @throws {ProblemError} when the width fits neither
 */
export function effectiveGates(gates: DenseMatrix, inputs: number, withBias: boolean): DenseMatrix {
  const d = inputs + (withBias ? 1 : 0);
  if (gates.cols === d) return gates;
  if (!withBias || gates.cols !== d - 1) {
    throw new ProblemError(
      `expected ${withBias ? `${d - 1} or ${d}` : d} numbers per gate (one per column of X${withBias ? ', and an offset' : ''}), found ${gates.cols}`,
      { field: 'gates' },
    );
  }
  const wide = denseMatrix(gates.rows, d);
  for (let p = 0; p < gates.rows; p++) wide.data.set(gates.data.subarray(p * (d - 1), (p + 1) * (d - 1)), p * d);
  return wide;
}
