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

/** A pair that a point violates; `gain` says by how much, weighed by what its lines carry. */
export interface ViolatedPair {
  readonly pair: LinePair;
  readonly gain: number;
}

export interface PairLimits {
  /** Pairs kept and added, at most, over all atoms. */
  readonly most: number;
  /** Lines that may be in pairs at all, over all atoms: they are eliminated densely. */
  readonly mostLines: number;
}

/**
 * For each line the `perLine` pairs that the point violates most: A_ij >= |x_i'U x_j| with [1 a_i a_j; a_i x_i'U x_i A_ij; a_j A_ij x_j'U x_j] psd is possible just when
 *     |x_i'U x_j| <= a_i a_j + sqrt((x_i'U x_i - a_i^2) (x_j'U x_j - a_j^2)).
 * `loads` says how much each line matters. O(L^2 d); what there is after a stop.
 */
export function violatedPairs(
  { U, a }: AtomPoint,
  { unit }: UnitLines,
  loads: ArrayLike<number>,
  perLine: number,
  shouldStop: () => boolean,
): ViolatedPair[] {
  const { rows: L, cols: d, data: x } = unit;
  const XU = new Float64Array(L * d);
  const T = new Float64Array(L);
  momentsAlong(unit, U, XU, T);
  const slack = T.map((square, i) => Math.sqrt(Math.max(0, square - a[i] * a[i])));
  const found = new Map<number, ViolatedPair>();
  const poll = everyRows(L * d);
  for (let i = 0; i < L; i++) {
    if (i % poll === 0 && shouldStop()) break;
    const near: ViolatedPair[] = [];
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
    for (const one of near) found.set(one.pair.i * L + one.pair.j, one);
  }
  return [...found.values()];
}

/**
 * The kept pairs of every atom and those of its violated ones that gain most over all atoms, within limits. `complete` when no violated pair was left out.
 */
export function selectPairs(
  kept: readonly (readonly LinePair[])[],
  violated: readonly (readonly ViolatedPair[])[],
  { most, mostLines }: PairLimits,
): { readonly pairs: readonly (readonly LinePair[])[]; readonly complete: boolean } {
  const key = ({ i, j }: LinePair): string => `${i},${j}`;
  const taken = kept.map((pairs) => new Set(pairs.map(key)));
  const pairs = kept.map((list) => [...list]);
  const used = new Set(kept.flatMap((list) => list.flatMap(({ i, j }) => [i, j])));
  let count = kept.reduce((sum, list) => sum + list.length, 0);
  let complete = true;
  const all = violated.flatMap((list, atom) => list.map(({ pair, gain }) => ({ pair, gain, atom })));
  for (const { pair, atom } of all.sort((p, q) => q.gain - p.gain)) {
    if (taken[atom].has(key(pair))) continue;
    const fresh = [pair.i, pair.j].filter((line) => !used.has(line)).length;
    if (count >= most || used.size + fresh > mostLines) {
      complete = false;
      continue;
    }
    used.add(pair.i).add(pair.j);
    taken[atom].add(key(pair));
    pairs[atom].push(pair);
    count++;
  }
  return { pairs, complete };
}
