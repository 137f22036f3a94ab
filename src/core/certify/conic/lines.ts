import { type DenseMatrix, denseMatrix } from '../../base/linalg/matrix.ts';
import { parallelClasses } from '../../problem/patterns/rowSpace.ts';

/**
 * The rows of a problem as the conic bound sees them: unit vectors along the lines that the rows lie on (parallel and opposite rows share one), and for each
 * row its line, its side of it and its length. With a free bias rows are centred, the bias is measured in units of the longest centred row, and
 * the bound is over ||w|| = 1 and |b| <= 1: for v that sums to zero the maximum over b of v'(Xw + b)_+ is at a kink, and |x'w| is at most that length.
 */
export interface UnitLines {
  /** L x d, each of norm 1. */
  readonly unit: DenseMatrix;
  /** Coordinates that count in the norm of u: d, or d - 1 with a free bias. */
  readonly penalized: number;
  /** For each line the row that it is taken from. */
  readonly first: Int32Array;
  /** For each of the n rows: its line (-1 for a row of zeros), side and length. */
  readonly line: Int32Array;
  readonly side: Float64Array;
  readonly length: Float64Array;
  /** Distance of each row, scaled to norm 1, from its line: rounding of the input at most. */
  readonly distance: Float64Array;
  /** Centre that was taken off (d numbers, zero without a free bias) and the length of the bias unit (1 without). */
  readonly centre: Float64Array;
  readonly biasUnit: number;
}

/** Rows closer than this to one line count as being on it; what that costs is charged to the bound. */
const sameLine = 1e-13;

/** The lines of effective inputs X (n x d, the ones last when there is a bias), of which `penalizedCols` columns count in the norm. */
export function unitLines(X: DenseMatrix, penalizedCols: number): UnitLines {
  const { rows: n, cols: d } = X;
  const free = penalizedCols < d;
  const Z = denseMatrix(n, d, X.data.slice());
  const centre = new Float64Array(d);
  let biasUnit = 1;
  if (free) {
    for (let i = 0; i < n; i++) for (let k = 0; k < penalizedCols; k++) centre[k] += X.data[i * d + k] / n;
    biasUnit = 0;
    for (let i = 0; i < n; i++) {
      let s = 0;
      for (let k = 0; k < penalizedCols; k++) s += (Z.data[i * d + k] -= centre[k]) ** 2;
      biasUnit = Math.max(biasUnit, Math.sqrt(s) * (1 + 1e-14 * d));
    }
    if (biasUnit === 0) biasUnit = 1;
    for (let i = 0; i < n; i++) Z.data[i * d + d - 1] = biasUnit;
  }
  const { classes, unit, norms } = parallelClasses(Z, sameLine);
  const out = denseMatrix(classes.length, d);
  const firsts = Int32Array.from(classes, ([{ row }]) => row);
  const line = new Int32Array(n).fill(-1);
  const side = new Float64Array(n);
  const distance = new Float64Array(n);
  classes.forEach((members, l) => {
    const first = members[0].row;
    out.data.set(unit.subarray(first * d, (first + 1) * d), l * d);
    for (const member of members) {
      line[member.row] = l;
      side[member.row] = member.sign;
      distance[member.row] = member.distance;
    }
  });
  return { unit: out, penalized: penalizedCols, first: firsts, line, side, length: norms, distance, centre, biasUnit };
}
