import type { Kernels } from '../../base/kernels/kernels.ts';
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
  { kernels, shouldStop }: { readonly kernels: Kernels; readonly shouldStop: () => boolean },
): ViolatedPair[] {
  const { rows: L, cols: d, data: x } = unit;
  const XU = new Float64Array(L * d);
  const T = new Float64Array(L);
  momentsAlong(unit, U, XU, T);
  const slack = T.map((square, i) => Math.sqrt(Math.max(0, square - a[i] * a[i])));
  const scale = T.map((square) => 1 / Math.sqrt(square));
  const weight = Float64Array.from(loads, Math.abs);
  const found = new Map<number, ViolatedPair>();
  const crosses = new Float64Array(block * L);
  const gains = new Float64Array(perLine);
  const partners = new Int32Array(perLine);
  for (let from = 0; from < L && !shouldStop(); from += block) {
    const count = Math.min(block, L - from);
    kernels.gemm(false, true, count, L, d, 1, XU.subarray(from * d, (from + count) * d), x, 0, crosses);
    for (let i = from; i < from + count; i++) {
      gains.fill(0);
      const [ai, si, wi, row] = [a[i], slack[i], weight[i] * scale[i], (i - from) * L];
      for (let j = 0; j < L; j++) {
        const excess = Math.abs(crosses[row + j]) - ai * a[j] - si * slack[j];
        if (!(excess > 1e-7)) continue;
        const gain = excess * scale[j] * (weight[j] < weight[i] ? weight[j] * scale[i] : wi);
        if (gain <= gains[perLine - 1] || j === i) continue;
        let at = perLine - 1;
        for (; at > 0 && gains[at - 1] < gain; at--) {
          gains[at] = gains[at - 1];
          partners[at] = partners[at - 1];
        }
        gains[at] = gain;
        partners[at] = j;
      }
      for (let k = 0; k < perLine && gains[k] > 0; k++) {
        const j = partners[k];
        const pair = i < j ? { i, j } : { i: j, j: i };
        found.set(pair.i * L + pair.j, { pair, gain: gains[k] });
      }
    }
  }
  return [...found.values()];
}

/** Lines whose products with all others are taken together. */
const block = 64;

/**
 * The kept pairs of every atom and those of its violated ones that gain most over all atoms, within limits; lines in `others` are eliminated densely anyway. `complete`
 * when no violated pair was left out.
 */
export function selectPairs(
  kept: readonly (readonly LinePair[])[],
  violated: readonly (readonly ViolatedPair[])[],
  { most, mostLines }: PairLimits,
  others: readonly number[] = [],
): { readonly pairs: readonly (readonly LinePair[])[]; readonly complete: boolean } {
  const key = ({ i, j }: LinePair): string => `${i},${j}`;
  const taken = kept.map((pairs) => new Set(pairs.map(key)));
  const pairs = kept.map((list) => [...list]);
  const used = new Set([...others, ...kept.flatMap((list) => list.flatMap(({ i, j }) => [i, j]))]);
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
