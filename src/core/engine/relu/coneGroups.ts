import { norm2 } from '../../base/linalg/matrix.ts';
import type { ConeCell } from './cell.ts';
import type { ProxPoint } from './coneProx.ts';
import type { ConeGroup, ConeProgram, ConeStart } from './coneTypes.ts';

/** A group with its vector, prox and bounds as the method goes on. */
export interface GroupState extends ProxPoint {
  readonly group: ConeGroup;
  /** Index of the cell among those of the program. */
  readonly cell: number;
  /** The multiplier of the outer iteration, and whether it is not zero. */
  readonly center: Float64Array;
  centered: boolean;
  /** Upper bound of the dual norm at V. */
  bound: number;
  /** Lipschitz constant of the dual norm in V. */
  readonly slope: number;
  /** Length of the path of V when the dual norm (of X'D_g V, without sigma) was last known, and its value; for groups at zero. */
  knownAt: number;
  known: number;
  /** Best vector so far. */
  readonly best: Float64Array;
  bestTight: Int32Array;
}

/** The groups at their start. `cells` is filled with the distinct cells; `lengths`: squared lengths of the rows. */
export function groupStates(
  { X, groups, penalizedCols }: ConeProgram,
  start: ConeStart | undefined,
  cells: ConeCell[],
  lengths: Float64Array,
): GroupState[] {
  const d = X.cols;
  const indexOf = new Map<ConeCell, number>();
  // with a free bias, ||w|| <= 1 bounds the bias of a mixed cell by the longest row
  const extra = penalizedCols < d ? Math.sqrt(lengths.reduce((a, b) => Math.max(a, b), 0)) : 0;
  return groups.map((group, g) => {
    let cell = indexOf.get(group.cell);
    if (cell === undefined) {
      cell = cells.length;
      indexOf.set(group.cell, cell);
      cells.push(group.cell);
    }
    let slope = 0;
    for (const i of group.cell.on) slope += (Math.sqrt(lengths[i]) + extra) ** 2;
    const first = start?.vectors[g];
    return {
      group,
      cell,
      u: first?.slice() ?? new Float64Array(d),
      size: 0,
      tight: new Int32Array(0),
      center: first?.slice() ?? new Float64Array(d),
      centered: first !== undefined && norm2(first) > 0,
      dual: new Float64Array(d),
      bound: 0,
      slope: Math.sqrt(slope),
      knownAt: 0,
      known: Infinity,
      best: first?.slice() ?? new Float64Array(d),
      bestTight: new Int32Array(0),
    };
  });
}

/**
 * Upper bound of the dual norm, sup of sign_g V'D_g X u over u in K_g with ||u|| <= 1: the prox has left multipliers rho >= 0 for which X'D V sign_g + X'S rho
 * is (dual - center) / sigma. A free bias asks for zero in its coordinate; one more multiplier sees to that, on a row with the right sign, of which a cell
 * that is not linear has some of either (`longest`: length of the longest row).
 */
export function normBound(
  { dual, center, group }: GroupState,
  {
    program,
    d,
    longest,
    sigma,
  }: { readonly program: ConeProgram; readonly d: number; readonly longest: number; readonly sigma: number },
): number {
  const q = program.penalizedCols;
  let squares = 0;
  for (let j = 0; j < q; j++) squares += (dual[j] - center[j]) ** 2;
  let rest = 0;
  if (!group.cell.linear) for (let j = q; j < d; j++) rest += Math.abs(dual[j] - center[j]);
  return (Math.sqrt(squares) + rest * longest) / sigma;
}
