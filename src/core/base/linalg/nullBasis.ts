/** Orthonormal basis of the complement of the chosen rows (unit vectors of length d), by Householder reflections; rows that depend on earlier ones add nothing. */
export function nullBasis(
  directions: Float64Array,
  chosen: readonly number[],
  d: number,
): { readonly basis: Float64Array; readonly dim: number } {
  const reflectors: Float64Array[] = [];
  const work = new Float64Array(d);
  for (const k of chosen) {
    const i = reflectors.length;
    if (i >= d) break;
    for (let j = 0; j < d; j++) work[j] = directions[k * d + j];
    for (let m = 0; m < i; m++) reflect(reflectors[m], work);
    let size = 0;
    for (let j = i; j < d; j++) size += work[j] * work[j];
    size = Math.sqrt(size);
    if (size <= 1e-10) continue;
    const v = new Float64Array(d);
    for (let j = i; j < d; j++) v[j] = work[j];
    v[i] += v[i] >= 0 ? size : -size;
    let vv = 0;
    for (let j = i; j < d; j++) vv += v[j] * v[j];
    vv = Math.sqrt(vv);
    for (let j = i; j < d; j++) v[j] /= vv;
    reflectors.push(v);
  }
  const dim = d - reflectors.length;
  const basis = new Float64Array(dim * d);
  for (let m = 0; m < dim; m++) {
    const column = basis.subarray(m * d, (m + 1) * d);
    column[reflectors.length + m] = 1;
    for (let a = reflectors.length - 1; a >= 0; a--) reflect(reflectors[a], column);
  }
  return { basis, dim };
}

function reflect(v: Float64Array, x: Float64Array): void {
  let s = 0;
  for (let j = 0; j < v.length; j++) s += v[j] * x[j];
  for (let j = 0; j < v.length; j++) x[j] -= 2 * s * v[j];
}
