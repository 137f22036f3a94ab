import type { Control } from '../../base/control.ts';
import { columnOf } from '../../base/linalg/matrix.ts';
import { dualBoundAt, type DualBound } from '../../certify/dual/bound.ts';
import { hingeSum, negated } from '../../certify/global/hingeSum.ts';
import { normBound } from '../../certify/global/normBounds.ts';
import type { ReluCertificate } from '../../certify/reluCertificate.ts';
import { dualMaximumByRowNorms } from '../../certify/rowNormBound.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import { biasOf } from '../../problem/problem.ts';

/** Entries of data, and columns, whose spread is looked at: it takes a decomposition of so many columns, which cannot be stopped. */
const mostEntries = 1e6;
const mostColumns = 100;

/**
 * A bound over all networks by norms alone: `dualMaximumByRowNorms` with the reach of the rows, and where the control leaves time for it and the bias is not free the spread of the rows (`normBound`).
 */
export function boundByNorms(
  prepared: PreparedProblem,
  { objective, dual }: Pick<ReluCertificate, 'objective' | 'dual'>,
  reach: Float64Array | undefined,
  control: Control,
): DualBound {
  const { X, datafit, beta, outputs, bias } = prepared;
  const rows = dualMaximumByRowNorms(reach, dual, outputs);
  const spread = biasOf(bias).free ? Infinity : spreadBound(prepared, dual, control);
  return dualBoundAt(datafit, dual, (Math.min(rows, spread) * (1 + 1e-14 * X.rows * outputs)) / beta, objective);
}

/** Infinity where the time or the size of the data forbids it. */
function spreadBound({ X, penalizedCols, outputs }: PreparedProblem, dual: Float64Array, control: Control): number {
  if (X.rows * X.cols > mostEntries || X.cols > mostColumns) return Infinity;
  let top = 0;
  for (let o = 0; o < outputs; o++) {
    const v = columnOf(dual, outputs, o);
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
