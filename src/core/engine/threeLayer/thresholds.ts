import { columnOf } from '../../base/linalg/matrix.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import type { Rng } from '../../base/rng.ts';
import { exactPrice, linearForm, projectedPrice, relaxedPrice } from './pricing.ts';
import { searchBranches } from './search.ts';
import type { Tuple } from '../../network/threeLayer/tuple.ts';

/** Largest value that search finds for the dual point of the zero network, at least the two-layer one (a special case). */
export function searchedThreshold(
  { X, datafit, outputs }: PreparedProblem,
  m1: number,
  twoLayer: number,
  rng: Rng,
  stop: () => boolean,
): number {
  const V = new Float64Array(X.rows * outputs);
  datafit.dualPoint(new Float64Array(X.rows * outputs), V);
  let largest = twoLayer;
  for (let k = 0; k < outputs; k++) {
    const v = columnOf(V, outputs, k);
    for (const { value } of searchBranches(X, v, m1, { starts: 40, present: [] }, rng.fork(`threshold ${k}`), stop))
      largest = Math.max(largest, value);
  }
  return largest;
}

/** Largest price of the dual point of the zero network over the tuples in play. */
export function zeroThreshold(
  prepared: PreparedProblem,
  tuples: readonly Tuple[],
  m1: number,
  outputs: number,
  shouldStop: () => boolean,
): number {
  const n = prepared.X.rows;
  const V = new Float64Array(n * outputs);
  prepared.datafit.dualPoint(new Float64Array(n * outputs), V);
  // Dearest without the cone first: once one is attained that others cannot reach even so, they need no projection.
  const loose: { tuple: Tuple; g: Float64Array; relaxed: number }[] = [];
  for (let k = 0; k < outputs; k++) {
    const v = columnOf(V, outputs, k);
    for (const tuple of tuples) {
      for (const sign of [1, -1]) {
        const g = linearForm(tuple, v, sign);
        loose.push({ tuple, g, relaxed: relaxedPrice(g, m1) });
      }
    }
  }
  loose.sort((a, b) => b.relaxed - a.relaxed);
  const forms: { tuple: Tuple; g: Float64Array; upper: number }[] = [];
  let largest = 0;
  for (const { tuple, g, relaxed } of loose) {
    if (relaxed <= largest || shouldStop()) break;
    const price = projectedPrice(tuple, g, m1);
    largest = Math.max(largest, price.lower);
    if (price.upper > price.lower) forms.push({ tuple, g, upper: price.upper });
  }
  forms.sort((a, b) => b.upper - a.upper);
  for (const { tuple, g, upper } of forms) {
    if (upper <= largest || shouldStop()) break;
    largest = Math.max(largest, exactPrice(tuple, g, m1, 1e-9, largest).lower);
  }
  return largest;
}
