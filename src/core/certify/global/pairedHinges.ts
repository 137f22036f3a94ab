import { type DenseMatrix, denseMatrix } from '../../base/linalg/matrix.ts';
import type { HingeSum } from './hingeSum.ts';

/** Pairs looked at: the matching is quadratic in the rows. */
const mostPairs = 4e6;

/**
 * A function that is nowhere below h and has shorter rows: pieces of gain rows a and loss rows b of equal length and similar direction are paired,
 *     (a'z)_+ - (b'z)_+ <= ((a - b)'z)_+ ,
 * nearest directions first, up to a distance `reach` of the unit rows. What h gains and loses at about the same place cancels before it is
 * bounded. That pays where bounds are taken over wide ranges of directions; close up h itself is the better one. Undefined when nothing can be paired.
 */
export function pairedHinges(
  h: HingeSum,
  reach: number,
  shouldStop: () => boolean = () => false,
): HingeSum | undefined {
  const { gain, loss, dim: d } = h;
  if (gain.rows * loss.rows === 0 || gain.rows * loss.rows > mostPairs) return undefined;
  const gainLeft = lengths(gain);
  const lossLeft = lengths(loss);
  const gainUnit = unitRows(gain, gainLeft);
  const lossUnit = unitRows(loss, lossLeft);
  const pairs: { readonly distance: number; readonly i: number; readonly j: number }[] = [];
  const far = reach * reach;
  for (let i = 0; i < gain.rows; i++) {
    if (shouldStop()) return undefined;
    for (let j = 0; j < loss.rows; j++) {
      let distance = 0;
      for (let k = 0; k < d && distance < far; k++) distance += (gainUnit[i * d + k] - lossUnit[j * d + k]) ** 2;
      if (distance < far) pairs.push({ distance, i, j });
    }
  }
  if (pairs.length === 0) return undefined;
  pairs.sort((p, q) => p.distance - q.distance || p.i - q.i || p.j - q.j);
  const rows: Float64Array[] = [];
  for (const { i, j } of pairs) {
    const length = Math.min(gainLeft[i], lossLeft[j]);
    if (length <= 0) continue;
    gainLeft[i] -= length;
    lossLeft[j] -= length;
    rows.push(Float64Array.from({ length: d }, (_, k) => length * (gainUnit[i * d + k] - lossUnit[j * d + k])));
  }
  return {
    ...h,
    gain: pack([...remaining(gainUnit, gainLeft, d), ...rows], d),
    loss: pack(remaining(lossUnit, lossLeft, d), d),
  };
}

function lengths(m: DenseMatrix): Float64Array {
  return Float64Array.from({ length: m.rows }, (_, i) => {
    let s = 0;
    for (let k = 0; k < m.cols; k++) s += m.data[i * m.cols + k] ** 2;
    return Math.sqrt(s);
  });
}

function unitRows(m: DenseMatrix, norms: Float64Array): Float64Array {
  return m.data.map((x, at) => x / norms[Math.floor(at / m.cols)]);
}

function remaining(unit: Float64Array, left: Float64Array, d: number): Float64Array[] {
  const out: Float64Array[] = [];
  left.forEach((length, i) => {
    if (length > 0) out.push(unit.subarray(i * d, (i + 1) * d).map((x) => length * x));
  });
  return out;
}

function pack(rows: readonly Float64Array[], d: number): DenseMatrix {
  const out = denseMatrix(rows.length, d);
  rows.forEach((row, i) => out.data.set(row, i * d));
  return out;
}
