import { balanceDual, fitConstant } from '../../certify/dual/freeOffset.ts';
import { bracketDualMaximum } from '../../certify/global/dualMaximum.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import type { Control } from '../../base/control.ts';
import type { Threshold } from '../solution/threshold.ts';
import { biasOf } from '../../problem/problem.ts';

/** M at the zero network over all patterns: attained by a direction, and a proven upper bound, tightened in at most `seconds`. */
export function betaMaxOverAll(
  { X, penalizedCols, datafit, outputs, bias }: PreparedProblem,
  seconds: number,
  atLeast: number,
  control: Control,
): Threshold {
  const n = X.rows;
  const fit = new Float64Array(n * outputs);
  if (biasOf(bias).free) fitConstant(datafit, fit);
  const V = new Float64Array(n * outputs);
  datafit.dualPoint(fit, V);
  if (biasOf(bias).free) balanceDual(datafit, fit, V);
  let value = atLeast;
  let upper = atLeast;
  const v = new Float64Array(n);
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < n; i++) v[i] = V[i * outputs + o];
    const bracket = bracketDualMaximum(X, v, penalizedCols, { seconds: seconds / outputs, goal: value }, control);
    value = Math.max(value, bracket.lower);
    upper = Math.max(upper, bracket.upper);
  }
  return { value, upper };
}
