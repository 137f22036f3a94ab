import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import { symmetricEigen } from '../../base/linalg/symmetricEigen.ts';
import type { ActivationName } from '../../descent/layers/activation.ts';

/** Rows that no network of the family can tell apart, or fit independently. Row numbers from 0. */
export interface DependentRows {
  readonly kind: 'zero' | 'duplicate' | 'collinear' | 'opposite';
  readonly rows: readonly number[];
  /** In words, with row numbers from 1. */
  readonly reason: string;
}

/**
 * Rows that make the tangent kernel singular for a reason one can see: zero rows; equal rows; for the ReLU without biases also
 * positive multiples, for erf (odd) without biases opposite rows. With biases only equal rows matter.
 */
export function dependentRows(X: DenseMatrix, activation: ActivationName, biased: boolean): readonly DependentRows[] {
  const out: DependentRows[] = [];
  const n = X.rows;
  const d = X.cols;
  const byDirection = activation === 'relu' && !biased;
  const zero: number[] = [];
  const groups = new Map<string, number[]>();
  const key = (row: number, sign: number): string => {
    let size = 0;
    if (byDirection) for (let k = 0; k < d; k++) size = Math.max(size, Math.abs(X.data[row * d + k]));
    const parts: string[] = [];
    for (let k = 0; k < d; k++) {
      const value = (sign * X.data[row * d + k]) / (size || 1);
      // 12 digits: equal up to rounding of the division. Adding 0 turns -0 into 0.
      parts.push((Number(value.toPrecision(12)) + 0).toString());
    }
    return parts.join(' ');
  };
  for (let i = 0; i < n; i++) {
    let isZero = true;
    for (let k = 0; k < d; k++) if (X.data[i * d + k] !== 0) isZero = false;
    if (isZero && !biased) {
      zero.push(i);
      continue;
    }
    const own = key(i, 1);
    const group = groups.get(own);
    if (group === undefined) groups.set(own, [i]);
    else group.push(i);
  }
  if (zero.length > 0) {
    out.push({ kind: 'zero', rows: zero, reason: `${list(zero)} all zero: without a bias the network is 0 there` });
  }
  for (const [own, rows] of groups) {
    if (rows.length > 1) {
      let equal = true;
      for (const row of rows)
        for (let k = 0; k < d; k++) if (X.data[row * d + k] !== X.data[rows[0] * d + k]) equal = false;
      out.push(
        equal
          ? { kind: 'duplicate', rows, reason: `${list(rows)} equal` }
          : {
              kind: byDirection ? 'collinear' : 'duplicate',
              rows,
              reason: byDirection
                ? `${list(rows)} positive multiples of one another: without a bias the outputs are multiples, too`
                : `${list(rows)} equal to 12 digits`,
            },
      );
    }
    if (activation === 'erf' && !biased) {
      const opposite = groups.get(key(rows[0], -1));
      if (opposite !== undefined && rows[0] < opposite[0] && key(rows[0], -1) !== own) {
        out.push({
          kind: 'opposite',
          rows: [...rows, ...opposite],
          reason: `${list([...rows, ...opposite])} opposite: an odd network without biases takes opposite values there`,
        });
      }
    }
  }
  return out;
}

function list(rows: readonly number[]): string {
  const shown = rows.slice(0, 6).map((row) => String(row + 1));
  const rest = rows.length > shown.length ? ` and ${rows.length - shown.length} more` : '';
  return `${rows.length === 1 ? 'row' : 'rows'} ${shown.join(', ')}${rest} ${rows.length === 1 ? 'is' : 'are'}`;
}

export interface KernelSpectrum {
  /** Ascending eigenvalues. */
  readonly values: Float64Array;
  /** Row i: eigenvector of `values[i]`. */
  readonly vectors: Float64Array;
  readonly min: number;
  readonly max: number;
  readonly trace: number;
  /** max / min; Infinity when the kernel is singular to working precision. */
  readonly condition: number;
  /** Eigenvalues at most n eps max: zero as far as double precision can tell. */
  readonly numericallyZero: number;
}

export function kernelSpectrum(kernel: DenseMatrix): KernelSpectrum {
  const { values, vectors } = symmetricEigen(kernel);
  const n = values.length;
  const max = values[n - 1];
  const threshold = n * Number.EPSILON * Math.max(0, max);
  let numericallyZero = 0;
  let trace = 0;
  for (const value of values) {
    if (value <= threshold) numericallyZero++;
    trace += value;
  }
  const min = values[0];
  return {
    values,
    vectors,
    min,
    max,
    trace,
    condition: numericallyZero > 0 ? Infinity : max / min,
    numericallyZero,
  };
}

/** The rows with the largest weight in the eigenvector of the smallest eigenvalue: where independence is weakest. */
export function weakestRows(spectrum: KernelSpectrum, count = 4): readonly { row: number; weight: number }[] {
  const n = spectrum.values.length;
  return Array.from({ length: n }, (_, row) => ({ row, weight: spectrum.vectors[row] }))
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
    .slice(0, count);
}
