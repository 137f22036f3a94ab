import { denseMatrix, dot, norm2, rowOf, type DenseMatrix } from '../../base/linalg/matrix.ts';
import { coneInterior } from '../../base/linalg/nnls.ts';
import type { Rng } from '../../base/rng.ts';

/**
 * One cell of the three-layer program: first-layer patterns D_11 .. D_1m1, inner signs s_j, second-layer pattern D_2. Within it a branch
 * is linear, D_2 sum_j s_j D_1j X u_j, and its vectors form the polyhedral cone `C u >= 0`.
 */
export interface Tuple {
  readonly key: string;
  readonly inner: Int8Array;
  /** m1 patterns of n entries 0/1. */
  readonly first: readonly Uint8Array[];
  readonly second: Uint8Array;
  /** A direction strictly inside the cone (m1 d numbers). */
  readonly interior: Float64Array;
  /** On-rows of D_2 with any active inner neuron: rows on which the branch can be non-zero. */
  readonly activeRows: Int32Array;
  /** activeRows.length x m1 d: the features s_j D_1j x on those rows. */
  readonly A: DenseMatrix;
  /** Constraint rows (zero rows left out) x m1 d. */
  readonly C: DenseMatrix;
  /** For each row of C its row of the data, and its layer: j for a pattern of inner neuron j, m1 for the second layer. */
  readonly dataRow: Int32Array;
  readonly layer: Uint8Array;
}

function packBits(pattern: Uint8Array): string {
  let text = '';
  for (let i = 0; i < pattern.length; i += 15) {
    let code = 0;
    for (let b = 0; b < 15 && i + b < pattern.length; b++) code |= pattern[i + b] << b;
    text += String.fromCharCode(code);
  }
  return text;
}

interface Patterns {
  readonly first: readonly Uint8Array[];
  readonly second: Uint8Array;
}

/** Patterns of a direction; undefined when some row with non-zero x lies on a boundary, so that the direction is not interior. */
function patternsOf(X: DenseMatrix, inner: Int8Array, u: Float64Array): Patterns | undefined {
  const [n, d, m1] = [X.rows, X.cols, inner.length];
  const first = Array.from(inner, () => new Uint8Array(n));
  const second = new Uint8Array(n);
  for (let i = 0; i < n; i++) {
    const x = rowOf(X, i);
    let h = 0;
    let any = false;
    for (let j = 0; j < m1; j++) {
      const z = dot(x, u.subarray(j * d, (j + 1) * d));
      if (z === 0 && x.some((value) => value !== 0)) return undefined;
      if (z >= 0) first[j][i] = 1;
      if (!(z > 0)) continue;
      any = true;
      h += inner[j] * z;
    }
    if (any && h === 0) return undefined;
    if (h >= 0) second[i] = 1;
  }
  return { first, second };
}

/** The tuple of a direction; undefined when the direction is not interior. */
export function tupleOf(X: DenseMatrix, inner: Int8Array, u: Float64Array): Tuple | undefined {
  // the cone is large, and most directions that are not interior show it by their patterns
  const patterns = patternsOf(X, inner, u);
  return patterns && buildTuple(X, inner, patterns.first, patterns.second, u);
}

const nudges = [0, 1e-9, 1e-7, 1e-5, 1e-3];

/** What `of` makes of a direction, nudged off its boundaries as far as `of` gives nothing; undefined when that does not help. */
function nudged<T>(u: Float64Array, rng: Rng, of: (u: Float64Array) => T | undefined): T | undefined {
  const size = norm2(u) / Math.sqrt(u.length);
  for (const noise of nudges) {
    const found = of(u.map((value) => value + noise * size * rng.normal()));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The tuple of a direction, nudged off its boundaries when it lies on some. */
export function interiorTuple(X: DenseMatrix, inner: Int8Array, u: Float64Array, rng: Rng): Tuple | undefined {
  return nudged(u, rng, (direction) => tupleOf(X, inner, direction));
}

/** The key of the tuple of a direction, without its cone. */
export function interiorKey(X: DenseMatrix, inner: Int8Array, u: Float64Array, rng: Rng): string | undefined {
  return nudged(u, rng, (direction) => {
    const patterns = patternsOf(X, inner, direction);
    return patterns && keyOf(inner, patterns);
  });
}

function keyOf(inner: Int8Array, { first, second }: Patterns): string {
  const used = second.map((on, i) => (on && first.some((pattern) => pattern[i]) ? 1 : 0));
  return `${inner.join('')}|${first.map(packBits).join('|')}|${packBits(used)}`;
}

/** The cone and features of given patterns; undefined when `interior` is not strictly inside. */
export function buildTuple(
  X: DenseMatrix,
  inner: Int8Array,
  first: readonly Uint8Array[],
  second: Uint8Array,
  interior: Float64Array,
): Tuple | undefined {
  const [n, d, m1] = [X.rows, X.cols, inner.length];
  const p = m1 * d;
  const rows: Float64Array[] = [];
  const dataRow: number[] = [];
  const layer: number[] = [];
  const keep = (row: Float64Array, i: number, of: number): void => {
    rows.push(row);
    dataRow.push(i);
    layer.push(of);
  };
  for (let j = 0; j < m1; j++) {
    for (let i = 0; i < n; i++) {
      const row = new Float64Array(p);
      const sign = first[j][i] ? 1 : -1;
      let any = false;
      for (let k = 0; k < d; k++) {
        row[j * d + k] = sign * X.data[i * d + k];
        any ||= row[j * d + k] !== 0;
      }
      if (any) keep(row, i, j);
    }
  }
  const active: number[] = [];
  const features: Float64Array[] = [];
  for (let i = 0; i < n; i++) {
    const row = new Float64Array(p);
    let any = false;
    for (let j = 0; j < m1; j++) {
      if (!first[j][i]) continue;
      for (let k = 0; k < d; k++) {
        row[j * d + k] = inner[j] * X.data[i * d + k];
        any ||= row[j * d + k] !== 0;
      }
    }
    if (!any) continue;
    if (second[i]) {
      active.push(i);
      features.push(row);
    }
    keep(second[i] ? row : row.map((value) => -value), i, m1);
  }
  for (const row of rows) if (!(dot(row, interior) > 0)) return undefined;
  const stack = (list: readonly Float64Array[]): DenseMatrix => {
    const m = denseMatrix(list.length, p);
    list.forEach((row, i) => m.data.set(row, i * p));
    return m;
  };
  return {
    key: keyOf(inner, { first, second }),
    inner,
    first,
    second,
    interior: Float64Array.from(interior),
    activeRows: Int32Array.from(active),
    A: stack(features),
    C: stack(rows),
    dataRow: Int32Array.from(dataRow),
    layer: Uint8Array.from(layer),
  };
}

/** Distinct tuples by key, in order of arrival. */
export class TupleSet {
  readonly list: Tuple[] = [];
  private readonly keys = new Map<string, number>();

  /** Index of the tuple with a key, or -1. */
  indexOf(key: string | undefined): number {
    return (key === undefined ? undefined : this.keys.get(key)) ?? -1;
  }

  /** True when the tuple is new and was added; undefined tuples and dead ones (no active row) are ignored. */
  add(tuple: Tuple | undefined): boolean {
    if (!tuple || tuple.activeRows.length === 0 || this.keys.has(tuple.key)) return false;
    this.keys.set(tuple.key, this.list.length);
    this.list.push(tuple);
    return true;
  }
}

/**
 * Tuples met by forward passes of random branches: Gaussian first layers (the last coordinate scaled like the data when it is a bias
 * column), Gaussian inner weights. Every tuple met has a non-empty cone, with the branch inside it.
 */
export function sampleTuples(
  X: DenseMatrix,
  m1: number,
  count: number,
  rng: Rng,
  into: TupleSet,
  shouldStop: () => boolean,
): number {
  const d = X.cols;
  const constant = isConstantColumn(X, d - 1);
  const scale = constant ? rootMeanSquare(X, d - 1) : 1;
  let drawn = 0;
  for (; into.list.length < count && drawn < 20 * count && !shouldStop(); drawn++) {
    const u = new Float64Array(m1 * d);
    const inner = new Int8Array(m1);
    for (let j = 0; j < m1; j++) {
      inner[j] = m1 > 1 && rng.uniform() < 0.5 ? -1 : 1;
      const size = Math.abs(rng.normal());
      for (let k = 0; k < d; k++) u[j * d + k] = size * rng.normal();
      if (constant) u[j * d + d - 1] *= scale;
    }
    // all of one sign is a two-layer network or nothing at all
    if (!inner.includes(1)) inner[rng.integer(m1)] = 1;
    if (m1 > 1 && !inner.includes(-1)) inner[rng.integer(m1)] = -1;
    into.add(tupleOf(X, inner, u));
  }
  return drawn;
}

function isConstantColumn(X: DenseMatrix, k: number): boolean {
  for (let i = 0; i < X.rows; i++) if (X.data[i * X.cols + k] !== 1) return false;
  return X.cols > 1;
}

/** Root mean square of a typical projection of the other columns, the scale at which a bias moves a hinge across the data. */
function rootMeanSquare(X: DenseMatrix, skip: number): number {
  let square = 0;
  for (let i = 0; i < X.rows; i++)
    for (let k = 0; k < X.cols; k++) if (k !== skip) square += X.data[i * X.cols + k] ** 2;
  return Math.sqrt(square / X.rows) || 1;
}

const centres = new WeakMap<Tuple, Float64Array>();

/** The direction of largest margin in the tuple's cone: a start near a boundary would make every step short. */
export function centreOf(tuple: Tuple): Float64Array {
  let centre = centres.get(tuple);
  if (!centre) {
    const { C } = tuple;
    const found = coneInterior(C, new Int8Array(C.rows).fill(1)).interior;
    centre = found?.length === C.cols ? found : tuple.interior;
    centres.set(tuple, centre);
  }
  return centre;
}

const supports = new WeakMap<Tuple, { readonly from: Int32Array; readonly to: Int32Array }>();

/** Per row of C the range from..to of columns that holds all its entries that are not zero: a first-layer row sees one block only. */
export function supportOf(tuple: Tuple): { readonly from: Int32Array; readonly to: Int32Array } {
  let support = supports.get(tuple);
  if (!support) {
    const { rows, cols, data } = tuple.C;
    const from = new Int32Array(rows);
    const to = new Int32Array(rows);
    for (let r = 0; r < rows; r++) {
      let begin = 0;
      while (begin < cols && data[r * cols + begin] === 0) begin++;
      let end = cols;
      while (end > begin && data[r * cols + end - 1] === 0) end--;
      from[r] = begin;
      to[r] = end;
    }
    support = { from, to };
    supports.set(tuple, support);
  }
  return support;
}
