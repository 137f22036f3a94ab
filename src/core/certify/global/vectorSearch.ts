import { type DenseMatrix, denseMatrix, dot, norm2, rowOf } from '../../base/linalg/matrix.ts';
import { symmetricEigen } from '../../base/linalg/symmetricEigen.ts';
import { createRng } from '../../base/rng.ts';
import { nullBasis } from '../../base/linalg/nullBasis.ts';
import { classifyRows, type RowClasses } from '../../problem/patterns/rowClasses.ts';
import type { Control } from '../../base/control.ts';
import { createClimber } from './climber.ts';
import { drawStart, type SearchOptions } from './search.ts';

/** A neuron direction found by search for all outputs together, and what it adds: value = ||V'(Xu)_+||. */
export interface VectorMaximizer {
  readonly value: number;
  /** V'(Xu)_+ scaled to norm 1: the outgoing direction that a neuron along u would get. */
  readonly output: Float64Array;
  /** Effective inputs; norm 1 over the penalised columns. */
  readonly direction: Float64Array;
}

/**
 * Searches for the largest values of ||V'(Xu)_+||_2 over ||u|| <= 1, the dual constraint of two-layer ReLU training with plain weight decay and several
 * outputs (Sahiner, Ergen, Pauly and Pilanci 2021). From a start, the outgoing direction s = V'(Xu)_+ / ||.|| and a climb of
 * (Vs)'(Xu)_+ in u take turns, neither ever lowering the value; at the end the singular pair of X'DV within the cell and its kinks is taken
 * where it is better. Distinct local maxima, best first, at most `keep`: a lower estimate, not a proof. V is n x c.
 */
export function maximizeVectorConstraint(
  X: DenseMatrix,
  V: DenseMatrix,
  options: SearchOptions,
  control: Control,
): VectorMaximizer[] {
  if (V.rows !== X.rows) throw new RangeError(`V has ${V.rows} rows, X ${X.rows}`);
  const search = new VectorSearch(X, options.penalizedCols ?? X.cols, control);
  const starts = options.starts ?? Math.min(24, Math.max(3, Math.floor(1e7 / (X.rows * X.cols * 2 + 1))));
  const keep = options.keep ?? 8;
  const found: VectorMaximizer[] = [];
  if (V.data.every((value) => value === 0)) return found;
  for (const candidate of options.candidates ?? []) {
    if (control.shouldStop()) return found;
    const s = search.image(V, candidate);
    if (norm2(s) > 0) remember(found, search.climb(V, s, candidate), keep);
  }
  const c = V.cols;
  const axes = principalAxes(V);
  const start = new Float64Array(X.cols);
  const rng = createRng(options.seed ?? 1).fork('search of all outputs');
  for (let k = 0; k < starts * Math.min(2 * c, 6); k++) {
    if (control.shouldStop()) return found;
    const s = new Float64Array(c);
    if (k < 2 * c) s.set(axes.subarray((k >> 1) * c, ((k >> 1) + 1) * c));
    else for (let o = 0; o < c; o++) s[o] = rng.normal();
    if (k < 2 * c && k % 2 === 1) for (let o = 0; o < c; o++) s[o] = -s[o];
    const v = combine(V, s);
    drawStart(X, v, 1, Math.floor(k / (2 * c)), { rng }, start);
    remember(found, search.climb(V, s, start), keep);
  }
  return found;
}

/** V s, n numbers. */
export function combine(V: DenseMatrix, s: ArrayLike<number>): Float64Array {
  const v = new Float64Array(V.rows);
  for (let i = 0, at = 0; i < V.rows; i++, at += V.cols) {
    let sum = 0;
    for (let o = 0; o < V.cols; o++) sum += V.data[at + o] * s[o];
    v[i] = sum;
  }
  return v;
}

/** Eigenvectors of V'V, largest first, c rows of c. */
export function principalAxes(V: DenseMatrix): Float64Array {
  const c = V.cols;
  const gram = denseMatrix(c, c);
  for (let i = 0, at = 0; i < V.rows; i++, at += c) {
    for (let o = 0; o < c; o++) {
      for (let p = 0; p < c; p++) gram.data[o * c + p] += V.data[at + o] * V.data[at + p];
    }
  }
  const { vectors } = symmetricEigen(gram);
  const out = new Float64Array(c * c);
  for (let k = 0; k < c; k++) out.set(vectors.subarray((c - 1 - k) * c, (c - k) * c), k * c);
  return out;
}

class VectorSearch {
  private readonly climber;
  private readonly classes: RowClasses;

  constructor(
    private readonly X: DenseMatrix,
    private readonly penalized: number,
    private readonly control: Control,
  ) {
    this.climber = createClimber(X, penalized, control);
    this.classes = classifyRows(X);
  }

  /** V'(Xu)_+ */
  image(V: DenseMatrix, u: ArrayLike<number>): Float64Array {
    return imageOf(this.X, V, u);
  }

  climb(V: DenseMatrix, start: Float64Array, from: ArrayLike<number>): VectorMaximizer | undefined {
    let s: Float64Array = start;
    let u: Float64Array = Float64Array.from(from);
    let best: VectorMaximizer | undefined;
    const offer = (direction: Float64Array): boolean => {
      const z = this.image(V, direction);
      const value = norm2(z);
      if (!(value > (best?.value ?? 0) * (1 + 1e-13))) return false;
      best = { value, output: z.map((x) => x / value), direction };
      return true;
    };
    for (let round = 0; round < 40 && !this.control.shouldStop(); round++) {
      const before = best?.value ?? 0;
      const top = this.climber.climb(combine(V, s), u, 1);
      if (top === undefined || !(top.value > 0)) break;
      if (!offer(top.direction)) {
        const pair = best === undefined ? undefined : this.singular(V, best.direction);
        if (pair === undefined || !offer(pair)) break;
      }
      s = best!.output;
      u = best!.direction;
      if (best!.value > before * (1 + 1e-3)) continue;
      const pair = this.singular(V, u);
      if (pair !== undefined && offer(pair)) {
        s = best!.output;
        u = best!.direction;
      }
    }
    return best;
  }

  /** The left singular vector of X'DV (D the pattern of u) within the kinks that u is on; undefined with a free bias. */
  private singular(V: DenseMatrix, u: Float64Array): Float64Array | undefined {
    const { X, classes } = this;
    if (this.penalized < X.cols) return undefined;
    const { cols: d } = X;
    const c = V.cols;
    const tiny = 1e-9 * norm2(u);
    const held: number[] = [];
    const side = new Int8Array(classes.count);
    for (let k = 0; k < classes.count; k++) {
      const row = classes.rows[classes.start[k]];
      const t = dot(rowOf(X, row), u) / classes.scale[row];
      side[k] = Math.abs(t) <= tiny ? 0 : Math.sign(t);
      if (side[k] === 0) held.push(k);
    }
    const G = new Float64Array(d * c);
    for (let i = 0; i < X.rows; i++) {
      const k = classes.classOf[i];
      if (k < 0 || side[k] * classes.scale[i] <= 0) continue;
      for (let j = 0; j < d; j++) {
        for (let o = 0; o < c; o++) G[j * c + o] += X.data[i * d + j] * V.data[i * c + o];
      }
    }
    const { basis, dim } = nullBasis(held.map(classes.direction), d);
    const reduced = denseMatrix(dim, c);
    for (let m = 0; m < dim; m++) {
      for (let o = 0; o < c; o++) {
        let s = 0;
        for (let j = 0; j < d; j++) s += basis[m * d + j] * G[j * c + o];
        reduced.data[m * c + o] = s;
      }
    }
    const right = principalAxes(reduced).subarray(0, c);
    const out = new Float64Array(d);
    for (let m = 0; m < dim; m++) {
      let s = 0;
      for (let o = 0; o < c; o++) s += reduced.data[m * c + o] * right[o];
      for (let j = 0; j < d; j++) out[j] += s * basis[m * d + j];
    }
    const size = norm2(out);
    if (!(size > 0)) return undefined;
    const sign = dot(out, u) >= 0 ? 1 / size : -1 / size;
    return out.map((x) => sign * x);
  }
}

/** V'(Xu)_+ for V n x c: c numbers. */
export function imageOf(X: DenseMatrix, V: DenseMatrix, u: ArrayLike<number>): Float64Array {
  const z = new Float64Array(V.cols);
  for (let i = 0, at = 0; i < X.rows; i++, at += X.cols) {
    let t = 0;
    for (let j = 0; j < X.cols; j++) t += X.data[at + j] * u[j];
    if (t > 0) for (let o = 0; o < V.cols; o++) z[o] += t * V.data[i * V.cols + o];
  }
  return z;
}

function remember(found: VectorMaximizer[], candidate: VectorMaximizer | undefined, keep: number): void {
  if (candidate === undefined || (found.length === keep && candidate.value <= found[keep - 1].value)) return;
  for (let k = 0; k < found.length; k++) {
    const other = found[k];
    const cosine = dot(other.direction, candidate.direction) / (norm2(other.direction) * norm2(candidate.direction));
    if (cosine > 1 - 1e-9 && dot(other.output, candidate.output) > 1 - 1e-9) {
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
