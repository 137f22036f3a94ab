import { everyRows } from '../../base/polling.ts';
import type { UnitLines } from './lines.ts';
import { momentsAlong } from './moments.ts';

/** Two lines, i < j, whose half-widths are lifted together. */
export interface LinePair {
  readonly i: number;
  readonly j: number;
}

/** A relaxed atom over tau: second moments U (d x d) and half-widths a (L). */
export interface AtomPoint {
  readonly U: Float64Array;
  readonly a: Float64Array;
}

export interface PairLimits {
  /** New pairs for each line at most. */
  readonly perLine: number;
  /** Pairs kept and added, at most. */
  readonly most: number;
  /** Lines that may be in pairs at all: they are eliminated densely. */
  readonly mostLines: number;
}

/**
 * `kept` and, for each line, the pairs that the point violates most: A_ij >= |x_i'U x_j| with [1 a_i a_j; a_i x_i'U x_i A_ij; a_j A_ij x_j'U x_j] psd is possible just when
 *     |x_i'U x_j| <= a_i a_j + sqrt((x_i'U x_i - a_i^2) (x_j'U x_j - a_j^2)).
 * `loads` says how much each line matters. O(L^2 d); what there is after a stop.
 */
export function choosePairs(
  { U, a }: AtomPoint,
  { unit }: UnitLines,
  loads: ArrayLike<number>,
  kept: readonly LinePair[],
  { perLine, most, mostLines }: PairLimits,
  shouldStop: () => boolean,
): LinePair[] {
  const { rows: L, cols: d, data: x } = unit;
  const XU = new Float64Array(L * d);
  const T = new Float64Array(L);
  momentsAlong(unit, U, XU, T);
  const slack = T.map((square, i) => Math.sqrt(Math.max(0, square - a[i] * a[i])));
  const found: { readonly pair: LinePair; readonly gain: number }[] = [];
  const poll = everyRows(L * d);
  for (let i = 0; i < L; i++) {
    if (i % poll === 0 && shouldStop()) break;
    const near: { readonly pair: LinePair; readonly gain: number }[] = [];
    for (let j = 0; j < L; j++) {
      if (j === i) continue;
      let cross = 0;
      for (let k = 0; k < d; k++) cross += XU[i * d + k] * x[j * d + k];
      const excess = Math.abs(cross) - a[i] * a[j] - slack[i] * slack[j];
      if (!(excess > 1e-7)) continue;
      const gain = (excess / Math.sqrt(T[i] * T[j])) * Math.min(Math.abs(loads[i]), Math.abs(loads[j]));
      if (near.length === perLine && gain <= near[perLine - 1].gain) continue;
      near.push({ pair: i < j ? { i, j } : { i: j, j: i }, gain });
      near.sort((p, q) => q.gain - p.gain);
      if (near.length > perLine) near.pop();
    }
    found.push(...near);
  }
  found.sort((p, q) => q.gain - p.gain);
  const chosen = new Map<number, LinePair>();
  const used = new Set<number>();
  const add = (p: LinePair): void => {
    const key = p.i * L + p.j;
    if (chosen.has(key) || chosen.size >= most) return;
    if (used.size + 2 > mostLines && !(used.has(p.i) && used.has(p.j))) return;
    used.add(p.i).add(p.j);
    chosen.set(key, p);
  };
  kept.forEach(add);
  for (const { pair } of found) add(pair);
  return [...chosen.values()];
}
