/**
 * The complement of vectors of length d, as the Householder reflections that map their span onto the first coordinates: what is asked of it costs
 * the number of vectors times d, never d^2.
 */
export class Complement {
  private readonly reflectors: Float64Array[] = [];
  private readonly work: Float64Array;

  constructor(readonly d: number) {
    this.work = new Float64Array(d);
  }

  /** Dimensions that are left. */
  get dim(): number {
    return this.d - this.reflectors.length;
  }

  /** Takes another unit vector out, the d numbers from `at` on; one that depends on those before adds nothing. */
  add(vectors: Float64Array, at: number): void {
    const { d, work, reflectors } = this;
    const i = reflectors.length;
    if (i >= d) return;
    this.turn(vectors, at);
    let size = 0;
    for (let j = i; j < d; j++) size += work[j] * work[j];
    size = Math.sqrt(size);
    if (size <= 1e-10) return;
    const v = new Float64Array(d);
    for (let j = i; j < d; j++) v[j] = work[j];
    v[i] += v[i] >= 0 ? size : -size;
    let vv = 0;
    for (let j = i; j < d; j++) vv += v[j] * v[j];
    vv = Math.sqrt(vv);
    for (let j = i; j < d; j++) v[j] /= vv;
    reflectors.push(v);
  }

  /** Squared norm of the part of a vector that lies in the complement. */
  squares(vectors: ArrayLike<number>, at: number): number {
    const { d, work, reflectors } = this;
    this.turn(vectors, at);
    let sum = 0;
    for (let j = reflectors.length; j < d; j++) sum += work[j] * work[j];
    return sum;
  }

  /** That part itself. */
  project(vector: Float64Array): Float64Array {
    this.turn(vector, 0);
    const out = this.work.slice();
    out.fill(0, 0, this.reflectors.length);
    for (let a = this.reflectors.length - 1; a >= 0; a--) reflect(this.reflectors[a], out, a);
    return out;
  }

  /** Orthonormal basis of the complement, dim x d. */
  basis(): Float64Array {
    return this.images(this.reflectors.length, this.d);
  }

  /** Orthonormal basis of the span of the vectors, d - dim rows of d. */
  span(): Float64Array {
    return this.images(0, this.reflectors.length);
  }

  /** The turned coordinates `from` to `to` as vectors. */
  private images(from: number, to: number): Float64Array {
    const { d, reflectors } = this;
    const images = new Float64Array((to - from) * d);
    for (let m = from; m < to; m++) {
      const row = images.subarray((m - from) * d, (m - from + 1) * d);
      row[m] = 1;
      for (let a = reflectors.length - 1; a >= 0; a--) reflect(reflectors[a], row, a);
    }
    return images;
  }

  /** work := the vector in turned coordinates. */
  private turn(vectors: ArrayLike<number>, at: number): void {
    const { d, work, reflectors } = this;
    for (let j = 0; j < d; j++) work[j] = vectors[at + j];
    for (let a = 0; a < reflectors.length; a++) reflect(reflectors[a], work, a);
  }
}

/** Orthonormal basis of the complement of unit vectors of length d; those that depend on earlier ones add nothing. */
export function nullBasis(
  vectors: readonly Float64Array[],
  d: number,
): { readonly basis: Float64Array; readonly dim: number } {
  const complement = new Complement(d);
  for (const vector of vectors) complement.add(vector, 0);
  return { basis: complement.basis(), dim: complement.dim };
}

/** The first entries of v are zero. */
function reflect(v: Float64Array, x: Float64Array, from: number): void {
  let s = 0;
  for (let j = from; j < v.length; j++) s += v[j] * x[j];
  for (let j = from; j < v.length; j++) x[j] -= 2 * s * v[j];
}
