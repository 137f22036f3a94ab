import type { RelaxedAtom } from './atom.ts';
import type { LinePair, UnitLines } from './lines.ts';
import { everyRows } from '../../base/polling.ts';

export interface CutOptions {
  /** New pairs for each line at most. */
  readonly perLine: number;
  /** Pairs kept and added, at most. */
  readonly most: number;
  /** Lines that may be in pairs at all: they are eliminated densely. */
  readonly mostLines: number;
}

/**
 * Pairs for the next round at an atom: those it has whose multiplier is not negligible, and for each line those that the point violates most,
 * | |t_i| - |t_j| | <= |d'u| relaxed to (a_i - a_j)^2 <= tau d'U d. `loads` says how much each line matters. O(L^2 d).
 */
export function choosePairs(
  atom: RelaxedAtom,
  lines: UnitLines,
  loads: ArrayLike<number>,
  { perLine, most, mostLines }: CutOptions,
  shouldStop: () => boolean,
): LinePair[] {
  const { rows: L, cols: d, data: x } = lines.unit;
  const tau = atom.trace(atom.x);
  const { U, a } = atom.normalised();
  const XU = new Float64Array(L * d);
  const T = new Float64Array(L);
  for (let i = 0; i < L; i++) {
    for (let k = 0; k < d; k++) {
      let s = 0;
      for (let l = 0; l < d; l++) s += U[k * d + l] * x[i * d + l];
      XU[i * d + k] = s;
      T[i] += x[i * d + k] * s;
    }
  }
  if (!(tau > 0)) return [...atom.pairs];
  const found: { readonly pair: LinePair; readonly gain: number }[] = [];
  const poll = everyRows(L * d);
  for (let i = 0; i < L; i++) {
    if (i % poll === 0 && shouldStop()) break;
    const near: { readonly pair: LinePair; readonly gain: number }[] = [];
    for (let j = 0; j < L; j++) {
      if (j === i) continue;
      let cross = 0;
      for (let k = 0; k < d; k++) cross += XU[i * d + k] * x[j * d + k];
      const side = cross >= 0 ? 1 : -1;
      const excess = Math.abs(a[i] - a[j]) - Math.sqrt(Math.max(0, T[i] + T[j] - 2 * Math.abs(cross)));
      if (!(excess > 1e-7)) continue;
      const gain = excess * Math.min(Math.abs(loads[i]), Math.abs(loads[j]));
      if (near.length === perLine && gain <= near[perLine - 1].gain) continue;
      near.push({ pair: i < j ? { i, j, side } : { i: j, j: i, side }, gain });
      near.sort((p, q) => q.gain - p.gain);
      if (near.length > perLine) near.pop();
    }
    found.push(...near);
  }
  found.sort((p, q) => q.gain - p.gain);
  const { pairs, pair } = atom.multipliers();
  const largest = pair.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
  const chosen = new Map<string, LinePair>();
  const used = new Set<number>();
  const add = (p: LinePair): void => {
    const key = `${p.i} ${p.j} ${p.side}`;
    if (chosen.has(key) || chosen.size >= most) return;
    if (used.size + 2 > mostLines && !(used.has(p.i) && used.has(p.j))) return;
    used.add(p.i).add(p.j);
    chosen.set(key, p);
  };
  pairs.forEach((p, k) => {
    if (Math.abs(pair[k]) > 1e-5 * largest) add(p);
  });
  for (const { pair: p } of found) add(p);
  return [...chosen.values()];
}
