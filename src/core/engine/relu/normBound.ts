import type { Control } from '../../base/control.ts';
import { norm2 } from '../../base/linalg/matrix.ts';
import { dualBoundAt, type DualBound } from '../../certify/dual/bound.ts';
import { hingeSum, negated } from '../../certify/global/hingeSum.ts';
import { normBound } from '../../certify/global/normBounds.ts';
import type { ReluCertificate } from '../../certify/reluCertificate.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import { biasOf } from '../../problem/problem.ts';

/** Entries of data, and columns, whose spread is looked at: it takes a decomposition of so many columns, which cannot be stopped. */
const mostEntries = 1e6;
const mostColumns = 100;

/**
 * A bound over all networks by norms alone: |v'(Xu)_+| <= max over signs of sum_i (+-v_i)_+ ||x_i||, and where the control leaves time for it by the
 * spread of the rows (`normBound`).
 */
export function boundByNorms(
  prepared: PreparedProblem,
  { objective, dual }: Pick<ReluCertificate, 'objective' | 'dual'>,
  control: Control,
): DualBound {
  const { X, datafit, beta, outputs, bias } = prepared;
  // a free bias is not bounded by the norm: only v = 0 remains
  if (biasOf(bias).free) return dualBoundAt(datafit, dual, Infinity, objective);
  const top = Math.min(rowNormBound(prepared, dual), spreadBound(prepared, dual, control));
  return dualBoundAt(datafit, dual, (top * (1 + 1e-14 * X.rows * outputs)) / beta, objective);
}

function rowNormBound({ X, outputs }: PreparedProblem, dual: Float64Array): number {
  const bounds = new Float64Array(2 * outputs);
  for (let i = 0; i < X.rows; i++) {
    const size = norm2(X.data.subarray(i * X.cols, (i + 1) * X.cols));
    for (let o = 0; o < outputs; o++) {
      const v = dual[i * outputs + o];
      bounds[2 * o + (v > 0 ? 0 : 1)] += Math.abs(v) * size;
    }
  }
  return Math.max(...bounds);
}

/** Infinity where the time or the size of the data forbids it. */
function spreadBound({ X, penalizedCols, outputs }: PreparedProblem, dual: Float64Array, control: Control): number {
  if (X.rows * X.cols > mostEntries || X.cols > mostColumns) return Infinity;
  let top = 0;
  for (let o = 0; o < outputs; o++) {
    const v = Float64Array.from({ length: X.rows }, (_, i) => dual[i * outputs + o]);
    // no rotation of the rows, which norms do not depend on
    const h = hingeSum(X, v, penalizedCols, () => true);
    for (const side of [h, negated(h)]) {
      if (control.shouldStop()) return Infinity;
      top = Math.max(
        top,
        normBound(side, () => control.shouldStop()),
      );
    }
  }
  return top;
}
