import { dualAtZero } from '../../certify/cells.ts';
import { bracketDualMaximum } from '../../certify/global/dualMaximum.ts';
import { normBoundOfRows } from '../../certify/global/normBounds.ts';
import { manyRows } from '../../certify/global/sampledAscent.ts';
import { createClimber } from '../../certify/global/climber.ts';
import { maximizeDualConstraint } from '../../certify/global/search.ts';
import type { Kernels } from '../../base/kernels/kernels.ts';
import { columnOf, denseMatrix, norm2, rowsOf } from '../../base/linalg/matrix.ts';
import { rowProducts } from '../../base/linalg/rowProducts.ts';
import { dualMaximumByRowNorms } from '../../certify/rowNormBound.ts';
import { everyRows } from '../../base/polling.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import type { Control } from '../../base/control.ts';
import type { Threshold } from '../solution/threshold.ts';
import { biasOf } from '../../problem/problem.ts';

/** Starts of the quick search, per output and sign, fewer on large data; with a free bias each costs many exact climbs. */
const quickStarts = 24;
const fewestStarts = 3;
const startWork = 1e7;
/** What ends this near to the largest, relative, is climbed to its exact top. */
const nearTop = 0.05;

/** How far a threshold is looked for. */
export interface ThresholdOptions {
  /** Time for lowering the upper bound; 0: a quick search, and norms. */
  readonly seconds: number;
  /** No value below this is wanted. */
  readonly atLeast: number;
  /** Where the matrix products are done; plain TypeScript when left out. */
  readonly kernels?: Kernels | undefined;
  /** Asked for after a stop: `reachOfRows`. */
  readonly reach: () => Float64Array | undefined;
}

/** M at the zero network over all patterns: attained by a direction, and a proven upper bound, tightened in at most `seconds`. */
export function betaMaxOverAll(
  prepared: PreparedProblem,
  { seconds, atLeast, kernels, reach }: ThresholdOptions,
  control: Control,
): Threshold {
  const { X, penalizedCols, datafit, outputs, bias } = prepared;
  const V = dualAtZero(datafit, biasOf(bias).free);
  // after a stop: what norms say
  if (control.shouldStop()) {
    return { value: atLeast, upper: Math.max(atLeast, dualMaximumByRowNorms(reach(), V, outputs)) };
  }
  const column = (o: number): Float64Array => columnOf(V, outputs, o);
  let value = atLeast;
  let upper = atLeast;
  if (!(seconds > 0)) value = Math.max(value, quickMaximum(prepared, V, column, kernels, control));
  // exact where directions are few, and on many rows without the copies that this takes
  const copies = seconds > 0 || X.rows < manyRows || X.cols <= 2;
  for (let o = 0; o < outputs; o++) {
    if (!copies) {
      upper = Math.max(
        upper,
        normBoundOfRows(X, column(o), penalizedCols, () => control.shouldStop()),
      );
      continue;
    }
    const options = seconds > 0 ? { seconds: seconds / outputs, goal: value } : { seconds: 0, starts: 0 };
    const bracket = bracketDualMaximum(X, column(o), penalizedCols, options, control);
    value = Math.max(value, bracket.lower);
    upper = Math.max(upper, bracket.upper);
  }
  return { value, upper: Math.max(value, upper) };
}

/** The largest |v_k'(Xu)_+| that ascents on the kernels find, the best of them taken to their exact tops. */
function quickMaximum(
  { X, penalizedCols, outputs }: PreparedProblem,
  V: Float64Array,
  column: (output: number) => Float64Array,
  kernels: Kernels | undefined,
  control: Control,
): number {
  const many = Math.min(quickStarts, Math.floor(startWork / (X.rows * X.cols + 1)));
  const starts = penalizedCols < X.cols ? fewestStarts : Math.max(fewestStarts, many);
  const found = maximizeDualConstraint(
    X,
    denseMatrix(X.rows, outputs, V),
    { starts, keep: 2 * outputs, climbs: 0, penalizedCols, kernels },
    control,
  );
  let best = found.length > 0 ? found[0].value : 0;
  const climber = createClimber(X, penalizedCols, control, kernels);
  for (const { value, direction, sign, output } of found) {
    if (value < (1 - nearTop) * best || control.shouldStop()) break;
    best = Math.max(best, climber.climb(column(output), direction, sign)?.value ?? 0);
  }
  return best;
}

/**
 * Largest |v_k'(Xu)_+| at the zero network over a direction for each output and sign, the slope of the rows that gain: a lower limit of betaMax at the cost of some
 * passes over the data.
 */
export function betaMaxAtLeast(
  { X, penalizedCols, datafit, outputs, bias }: PreparedProblem,
  poll: () => void = () => undefined,
): number {
  const { rows: n, cols: d, data } = X;
  const V = dualAtZero(datafit, biasOf(bias).free, poll);
  const look = everyRows(d);
  const products = new Float64Array(Math.min(n, look));
  let best = 0;
  for (let o = 0; o < outputs; o++) {
    // slopes of the rows that gain, of both signs on the way through the data
    const rising = new Float64Array(d);
    const falling = new Float64Array(d);
    for (let i = 0; i < n; i++) {
      if (i % look === look - 1) poll();
      const v = V[i * outputs + o];
      if (v !== 0) addRow(v > 0 ? rising : falling, Math.abs(v), data, i * d);
    }
    let [up, down] = [0, 0];
    for (let from = 0; from < n; from += look) {
      if (from > 0) poll();
      const block = rowsOf(X, from, Math.min(n, from + look));
      rowProducts(block, rising, products);
      for (let i = 0, at = from * outputs + o; i < block.rows; i++, at += outputs)
        up += V[at] * Math.max(0, products[i]);
      rowProducts(block, falling, products);
      for (let i = 0, at = from * outputs + o; i < block.rows; i++, at += outputs)
        down -= V[at] * Math.max(0, products[i]);
    }
    const length = (u: Float64Array): number => norm2(u.subarray(0, penalizedCols));
    for (const [value, u] of [
      [up, rising],
      [down, falling],
    ] as const) {
      if (length(u) > 0) best = Math.max(best, value / length(u));
    }
  }
  return best;
}

/** On its own, as many rows are gone through before the loop over them is compiled. */
function addRow(u: Float64Array, share: number, data: Float64Array, at: number): void {
  for (let j = 0; j < u.length; j++) u[j] += share * data[at + j];
}
