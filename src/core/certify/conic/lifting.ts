import type { Kernels } from '../../base/kernels/kernels.ts';
import { jointIsAffordable } from './jointSystem.ts';
import type { UnitLines } from './lines.ts';
import { type AtomPoint, type PairLimits, selectPairs, violatedPairs } from './pairs.ts';
import type { AtomShape } from './relaxedProgram.ts';
import { type LineTriangle, selectTriangles, violatedTriangles } from './triangles.ts';

/** Lines from which on fewer pairs are taken of each. */
const manyLines = 500;

/** Multiplications that a step may take for pairs and triangles, in the last rounds. */
export const mostWork = 6e9;

/** Multiplications of a step without pairs and triangles. */
export function stepWork({ unit: { rows: L, cols: d } }: UnitLines, atoms: number): number {
  const p = d + (d * (d + 1)) / 2;
  return atoms * (1.5 * L * p * p + p ** 3 / 6);
}

export interface LiftRequest {
  readonly lines: UnitLines;
  readonly shapes: readonly AtomShape[];
  /** Points of the atoms over tau; undefined for those that are zero. */
  readonly points: readonly (AtomPoint | undefined)[];
  /** What each line carries in each atom's own sum, sign included. */
  readonly loads: readonly Float64Array[];
  /** Multiplications that all pairs and triangles may take in a step. */
  readonly work: number;
  readonly kernels: Kernels;
  readonly shouldStop: () => boolean;
}

/** The atoms with the triangles and pairs that their points violate most; `complete` when no violated one was left out. */
export function liftMore(request: LiftRequest): { readonly shapes: AtomShape[]; readonly complete: boolean } {
  const { lines, shapes, points, loads, work, kernels, shouldStop } = request;
  const limits = liftLimits(lines, shapes.length, work);
  const among = linesFor(request, limits.mostLines);
  const corners = shapes.map((_, k) => {
    const point = points[k];
    return point === undefined ? [] : violatedTriangles(point, lines, { loads: loads[k], among, shouldStop });
  });
  const kept = shapes.map((shape) => shape.triangles);
  const triangles = selectTriangles(kept, corners, Math.floor(triangleShare * 2 * limits.most));
  const all = triangles.reduce((sum, list) => sum + list.length, 0);
  const perLine = lines.unit.rows > manyLines ? 5 : 10;
  const violated = shapes.map((_, k) => {
    const point = points[k];
    return point === undefined ? [] : violatedPairs(point, lines, loads[k], perLine, { kernels, shouldStop });
  });
  const before = shapes.map((shape) => shape.pairs);
  const used = triangles.flatMap((list) => list.flatMap((triangle) => linesOf(triangle)));
  const chosen = selectPairs(before, violated, { ...limits, most: limits.most - Math.ceil(all / 2) }, used);
  const asked = corners.reduce((sum, list) => sum + list.length, 0);
  const added = all - kept.reduce((sum, list) => sum + list.length, 0);
  return {
    shapes: shapes.map((shape, k) => ({ ...shape, pairs: chosen.pairs[k], triangles: triangles[k] })),
    complete: chosen.complete && added === asked,
  };
}

/** Part of the work for triangles, which gain more than pairs. */
const triangleShare = 0.5;

function linesOf({ line, others }: LineTriangle): number[] {
  return [line, ...others];
}

/** Lines that may be in triangles: all where that is not too many, else those that are in pairs or triangles already and those that carry most. */
function linesFor({ lines, shapes, loads }: LiftRequest, most: number): Int32Array {
  const L = lines.unit.rows;
  const all = Int32Array.from({ length: L }, (_, l) => l);
  if (L <= most) return all;
  const weight = new Float64Array(L);
  for (const list of loads) for (let l = 0; l < L; l++) weight[l] = Math.max(weight[l], Math.abs(list[l]));
  for (const { pairs, triangles } of shapes) {
    for (const { i, j } of pairs) weight[i] = weight[j] = Infinity;
    for (const triangle of triangles) for (const line of linesOf(triangle)) weight[line] = Infinity;
  }
  // differences of infinities are no numbers
  all.sort((a, b) => (weight[a] === weight[b] ? a - b : weight[b] - weight[a]));
  return all.subarray(0, most).sort((a, b) => a - b);
}

/** How many pairs and lines `work` multiplications in a step are enough for: four rows of the shape for each pair (two for a triangle) and what its cones take, and lines eliminated densely. */
function liftLimits(unit: UnitLines, atoms: number, work: number): PairLimits {
  const { rows: L, cols: d } = unit.unit;
  const p = d + (d * (d + 1)) / 2;
  const bounded = Math.min(work, mostWork);
  let mostLines = Math.min(L, 1500);
  while (mostLines > 2 && linesWork(unit, mostLines, atoms) > bounded) mostLines -= Math.ceil(mostLines / 32);
  let together = mostLines;
  while (together > 2 && !jointIsAffordable(unit, atoms, together)) together -= Math.ceil(together / 32);
  if (together > worthJoining * mostLines) mostLines = together;
  // conjugate gradients over atoms on their own pass over all pairs again and again
  const each = 2 * p * p + (jointIsAffordable(unit, atoms, mostLines) ? 4e4 : 2e5);
  return { most: Math.min(8000 * atoms, Math.max(100 * atoms, Math.floor(bounded / each))), mostLines };
}

/** Part of the lines with which all atoms factored together are worth more than all lines without. */
const worthJoining = 0.6;

/** What conjugate gradients between atoms take for each entry of a dense block, in multiplications of a factorisation: they wait for memory. */
const passes = 500;

/** Multiplications for eliminating the half-widths of lines in pairs, of all atoms together where that is how it is done. */
function linesWork(unit: UnitLines, lines: number, atoms: number): number {
  const d = unit.unit.cols;
  const p = d + (d * (d + 1)) / 2;
  const of = (m: number, order: number): number => m ** 3 / 6 + (m * m * order) / 2;
  if (jointIsAffordable(unit, atoms, lines)) return of(atoms * lines, atoms * p);
  return atoms * (of(lines, p) + passes * lines * lines);
}
