import { factorSpd, solveSpd } from '../linalg/cholesky.ts';

/** A cone {u : s_r a_r'u >= 0 for the rows listed}; the norm counts the first q of k coordinates. */
interface Cone {
  readonly A: Float64Array;
  readonly k: number;
  readonly q: number;
  readonly signs: Int8Array;
  readonly coneRows: Int32Array;
}

/**
 * Analytic centre of a cone within the unit ball: the minimum of -sum log(s_r a_r'u) - log(1 - ||u||^2), by damped Newton steps from a point
 * strictly inside the cone (Boyd and Vandenberghe 2004, section 8.5.3). An interior point method that starts from
 * a multiple of it starts on the central path of the cones. Newton stops early: nearly central is enough.
 */
export function cellCentre({ A, k, q, signs, coneRows }: Cone, inside: Float64Array): Float64Array {
  let size = 0;
  for (let j = 0; j < q; j++) size += inside[j] * inside[j];
  if (!(size > 0)) return inside;
  const u = inside.map((x) => (0.5 * x) / Math.sqrt(size));
  const m = coneRows.length;
  const slack = new Float64Array(m);
  const dslack = new Float64Array(m);
  const g = new Float64Array(k);
  const H = new Float64Array(k * k);
  const products = (x: Float64Array, out: Float64Array): void => {
    for (let a = 0; a < m; a++) {
      let s = 0;
      for (let j = 0, at = coneRows[a] * k; j < k; j++) s += A[at + j] * x[j];
      out[a] = signs[coneRows[a]] * s;
    }
  };
  products(u, slack);
  for (let round = 0; round < 30; round++) {
    let room = 1;
    for (let j = 0; j < q; j++) room -= u[j] * u[j];
    g.fill(0);
    H.fill(0);
    for (let a = 0; a < m; a++) {
      const at = coneRows[a] * k;
      const inverse = signs[coneRows[a]] / slack[a];
      for (let i = 0; i < k; i++) {
        const value = A[at + i] * inverse;
        g[i] += value;
        const scaled = value * inverse;
        for (let j = 0; j <= i; j++) H[i * k + j] += scaled * A[at + j];
      }
    }
    for (let i = 0; i < q; i++) {
      g[i] -= (2 * u[i]) / room;
      H[i * k + i] += 2 / room;
      for (let j = 0; j <= i; j++) H[i * k + j] += (4 * u[i] * u[j]) / (room * room);
    }
    factorSpd(H, k);
    const step = g.slice();
    solveSpd(H, k, step);
    let decrement = 0;
    for (let j = 0; j < k; j++) decrement += g[j] * step[j];
    if (!(decrement > 0.01)) break;
    // the longest step that stays well inside, at most the full one
    products(step, dslack);
    let length = 1;
    for (let a = 0; a < m; a++) if (dslack[a] < 0) length = Math.min(length, (-0.9 * slack[a]) / dslack[a]);
    let along = 0;
    let square = 0;
    for (let j = 0; j < q; j++) {
      along += u[j] * step[j];
      square += step[j] * step[j];
    }
    const edge = (-along + Math.sqrt(along * along + square * room)) / Math.max(square, 1e-300);
    length = Math.min(length, 0.9 * edge);
    if (length < 1) length = Math.max(Math.min(length, 1 / (1 + Math.sqrt(decrement))), 0.5 * length);
    for (let j = 0; j < k; j++) u[j] += length * step[j];
    for (let a = 0; a < m; a++) slack[a] += length * dslack[a];
  }
  return u;
}
