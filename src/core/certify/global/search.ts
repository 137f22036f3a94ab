import type { Control } from '../../base/control.ts';
import { pollInterrupt, unlessStopped } from '../../base/kernels/interrupt.ts';
import type { Kernels } from '../../base/kernels/kernels.ts';
import { createReferenceKernels } from '../../base/kernels/reference.ts';
import { type DenseMatrix, denseMatrix, rowOf } from '../../base/linalg/matrix.ts';
import { createRng, type Rng } from '../../base/rng.ts';
import { everyRows } from '../../base/polling.ts';
import { createClimber } from './climber.ts';
import { Ascents } from './sampledAscent.ts';

/** A neuron direction found by search, and what it adds: value = |v_k' (X u)_+| for output k. */
export interface DualMaximizer {
  readonly value: number;
  /** Sign of v_k' (X u)_+: the sign of the output weight that a neuron in this direction would get. */
  readonly sign: 1 | -1;
  /** Column of V. */
  readonly output: number;
  /** Effective inputs; norm 1 over the penalised columns. */
  readonly direction: Float64Array;
}

export interface SearchOptions {
  /** Random starts per output and sign, beside the candidates (default 48, fewer on large data). */
  readonly starts?: number;
  readonly seed?: number;
  /** Directions to start from as well, e.g. the neurons in use. */
  readonly candidates?: readonly ArrayLike<number>[];
  /** Columns in the norm: all of X (default), or all but a last column of ones when the bias is free. */
  readonly penalizedCols?: number;
  /** Distinct maximisers to return (default 8). */
  readonly keep?: number;
  /** Ascents that are taken to the very top, per output and sign (default 24, or `keep` when that is more); the others end near it. */
  readonly climbs?: number;
  /** Values of interest: what ends an ascent well below this is not climbed to its top. */
  readonly above?: number;
  /** Where the matrix products are done; plain TypeScript when left out. */
  readonly kernels?: Kernels | undefined;
}

/** Ascents that come this near to the values of interest are taken to their top: between kinks they may have stopped well below, where rows are many hardly. */
const nearly = { few: 0.5, many: 0.85 } as const;
/** Rows for each column from which on they are many. */
const manyRows = 20;
/** Ascents that end this near to each other (cosine) are on one hill. */
const sameHill = 0.9995;

/**
 * Searches for the largest values of |v_k' (X u)_+| over ||u|| <= 1 and all columns k of V: the constraint of the dual of two-layer ReLU
 * training, whose violations are neurons that would lower the objective. All starts ascend together, as matrix products; the best are then
 * taken to the exact top. Distinct local maxima, best first, at most `keep`; empty when none is positive. A lower estimate of the maximum,
 * not a proof. X is n x d, V is n x c. Deterministic in the seed unless stopped.
 */
export function maximizeDualConstraint(
  X: DenseMatrix,
  V: DenseMatrix,
  options: SearchOptions,
  control: Control,
): DualMaximizer[] {
  if (V.rows !== X.rows) throw new RangeError(`V has ${V.rows} rows, X ${X.rows}`);
  const penalized = options.penalizedCols ?? X.cols;
  const free = penalized < X.cols;
  const kernels = options.kernels ?? createReferenceKernels();
  const starts = options.starts ?? Math.min(48, Math.max(6, Math.floor(1e7 / (X.rows * X.cols + 1))));
  const keep = options.keep ?? 8;
  const found: DualMaximizer[] = [];
  const v = new Float64Array(X.rows);
  const operator = free ? undefined : kernels.createRowOperator(X);
  // a free bias jumps from kink to kink, which ascents along slopes do not
  const together = operator === undefined ? undefined : new Ascents(kernels, X, operator);
  const climber = createClimber(X, penalized, control, kernels, operator);
  try {
    for (let output = 0; output < V.cols; output++) {
      for (let i = 0; i < X.rows; i++) v[i] = V.data[i * V.cols + output];
      if (v.every((value) => value === 0)) continue;
      for (const sign of [1, -1] as const) {
        if (control.shouldStop()) return found;
        const rng = createRng(options.seed ?? 1).fork(`search ${output} ${sign}`);
        const stop = (): boolean => control.shouldStop();
        const drawing = { rng, poll: () => pollInterrupt(kernels) };
        const from = unlessStopped(kernels, stop, () =>
          startsOf(X, v, sign, options.candidates ?? [], starts, drawing),
        );
        if (from === undefined) return found;
        const above = options.above ?? 0;
        const ascents =
          together === undefined
            ? Array.from({ length: from.rows }, (_, k) => ({ value: Infinity, direction: rowOf(from, k) }))
            : unlessStopped(kernels, stop, () =>
                together.climb(v, from, { sign, penalizedCols: penalized, above }, stop),
              );
        if (ascents === undefined) return found;
        const climbs = free ? from.rows : (options.climbs ?? Math.max(24, keep));
        const climbed: Float64Array[] = [];
        for (const { value, direction } of ascents) {
          const onHill = (u: ArrayLike<number>): boolean => cosine(u, direction) > sameHill;
          const settled = value <= above && (options.candidates ?? []).some((u) => cosine(u, direction) > 1 - 1e-9);
          if (climbed.length < climbs && value > near(X) * above && !settled && (free || !climbed.some(onHill)))
            climbed.push(direction);
        }
        const tops = climber.climbAll(v, climbed, sign);
        for (const { value, direction } of ascents) {
          const place = climbed.indexOf(direction);
          const top = place < 0 ? { value, direction } : tops[place];
          if (top !== undefined && top.value > 0)
            remember(found, { ...top, sign, output }, keep, place < 0 ? sameHill : undefined);
        }
      }
    }
  } finally {
    operator?.dispose();
  }
  return found;
}

function near({ rows, cols }: DenseMatrix): number {
  return rows >= manyRows * cols ? nearly.many : nearly.few;
}

function cosine(u: ArrayLike<number>, w: ArrayLike<number>): number {
  let [uu, uw, ww] = [0, 0, 0];
  for (let j = 0; j < u.length; j++) {
    uu += u[j] * u[j];
    uw += u[j] * w[j];
    ww += w[j] * w[j];
  }
  return uw / Math.sqrt(uu * ww);
}

/** What directions are drawn with, and a look for a stop on the way through the data. */
interface Drawing {
  readonly rng: Rng;
  readonly poll?: () => void;
}

/** Candidates and drawn directions, half of these near candidates where there are any, one a row. */
function startsOf(
  X: DenseMatrix,
  v: Float64Array,
  sign: number,
  candidates: readonly ArrayLike<number>[],
  count: number,
  drawing: Drawing,
): DenseMatrix {
  const { rng } = drawing;
  const out = denseMatrix(candidates.length + count, X.cols);
  candidates.forEach((candidate, k) => out.data.set(candidate, k * X.cols));
  for (let k = 0; k < count; k++) {
    const row = out.data.subarray((candidates.length + k) * X.cols, (candidates.length + k + 1) * X.cols);
    if (candidates.length === 0) drawStart(X, v, sign, k, drawing, row);
    else if (k % 2 === 0) drawStart(X, v, sign, k >> 1, drawing, row);
    else drawNear(candidates[rng.integer(candidates.length)], spreads[(k >> 1) % spreads.length], rng, row);
  }
  return out;
}

/** Lengths of what is added to a direction to start near it, relative to its own. */
const spreads = [0.25, 0.5, 1] as const;

/** A known top and something random: from there an ascent often ends on a higher top nearby. */
function drawNear(from: ArrayLike<number>, spread: number, rng: Rng, out: Float64Array): void {
  let size = 0;
  for (let j = 0; j < from.length; j++) size += from[j] * from[j];
  const noise = spread * Math.sqrt(size / from.length);
  for (let j = 0; j < from.length; j++) out[j] = from[j] + noise * rng.normal();
}

/**
 * Starting directions: the slope of the all-on cell, that of the rows that gain, rows of the data and differences of two, and isotropic ones. The
 * first step of an ascent goes to the slope X'D v of the cell it starts in, so that data directions lead where large values live.
 */
export function drawStart(
  X: DenseMatrix,
  v: Float64Array,
  sign: number,
  k: number,
  { rng, poll }: Drawing,
  out: Float64Array,
): void {
  const { rows: n, cols: d, data } = X;
  if (k % 3 === 2) {
    for (let j = 0; j < d; j++) out[j] = rng.normal();
    return;
  }
  if (k > 1) {
    out.set(rowOf(X, rng.integer(n)));
    if (k % 3 === 1) {
      const other = rng.integer(n) * d;
      for (let j = 0; j < d; j++) out[j] -= data[other + j];
    }
    return;
  }
  out.fill(0);
  const look = everyRows(d);
  for (let i = 0, at = 0; i < n; i++, at += d) {
    if (i % look === look - 1) poll?.();
    if (k === 0 || sign * v[i] > 0) for (let j = 0; j < d; j++) out[j] += sign * v[i] * data[at + j];
  }
}

/** Keeps a candidate unless one that is kept is higher and in the same direction (cosine above `same`): of ascents that ended short of a top one a hill is enough. */
function remember(found: DualMaximizer[], candidate: DualMaximizer, keep: number, same = 1 - 1e-9): void {
  if (found.length === keep && candidate.value <= found[keep - 1].value) return;
  const length = (u: Float64Array): number => Math.hypot(...u);
  for (let k = 0; k < found.length; k++) {
    const other = found[k];
    if (other.output !== candidate.output || other.sign !== candidate.sign) continue;
    let s = 0;
    for (let j = 0; j < other.direction.length; j++) s += other.direction[j] * candidate.direction[j];
    if (s > same * length(other.direction) * length(candidate.direction)) {
      if (candidate.value <= other.value) return;
      found.splice(k, 1);
      break;
    }
  }
  let at = found.length;
  while (at > 0 && found[at - 1].value < candidate.value) at--;
  found.splice(at, 0, candidate);
  if (found.length > keep) found.pop();
}
