import { denseMatrix, dot, norm2, rowOf, type DenseMatrix } from '../../base/linalg/matrix.ts';
import { factorSpd, solveSpd } from '../../base/linalg/cholesky.ts';
import { findDependency } from '../../network/prune.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import { nullBasis } from '../../base/linalg/nullBasis.ts';
import type { Control } from '../../base/control.ts';
import {
  forward,
  groupNorm,
  preActivation,
  type SubVector,
  toSubNetwork,
} from '../../network/threeLayer/subNetwork.ts';

/** A network in convex form with the objective of the network itself, computed by running it. */
export interface Polished {
  readonly vectors: readonly SubVector[];
  readonly fit: DenseMatrix;
  readonly objective: number;
}

/** Runs the network of the branches: loss plus beta times the sum of group norms. */
export function evaluateBranches(problem: PreparedProblem, m1: number, vectors: readonly SubVector[]): Polished {
  const fit = forward(problem.X, vectors.map(toSubNetwork), problem.outputs);
  const penalty = vectors.reduce((sum, { u }) => sum + groupNorm(u, m1), 0);
  return { vectors, fit, objective: problem.datafit.value(fit.data) + problem.beta * penalty };
}

/**
 * From the interior solution of a master program to a small exact network: drops what carries nothing, splits branches whose inner signs are
 * all positive (there the outer ReLU does nothing, so every inner neuron is a branch of its own), merges collinear branches, removes
 * branches whose fits are linearly dependent without raising the penalty, and ends with Newton steps on the face of the program that the
 * remaining branches lie on (their patterns, rows on a kink held there). Never raises the objective by more than rounding.
 */
export function polishBranches(
  problem: PreparedProblem,
  m1: number,
  start: readonly SubVector[],
  control: Control,
): Polished {
  let best = evaluateBranches(problem, m1, start);
  const slack = 1e-12 * Math.abs(best.objective);
  for (const loose of [1e-7, 1e-5, 1e-4, 1e-3]) {
    if (control.shouldStop()) break;
    const candidate = newtonOnFace(
      problem,
      m1,
      prune(problem, m1, merge(m1, split(m1, thin(m1, best.vectors, loose)), loose)),
      loose,
      control,
    );
    if (candidate.objective <= best.objective + slack) best = candidate;
  }
  return best;
}

/** Without branches and inner neurons below a share of the whole. */
function thin(m1: number, vectors: readonly SubVector[], share: number): SubVector[] {
  const total = vectors.reduce((sum, { u }) => sum + groupNorm(u, m1), 0);
  return vectors
    .filter(({ u }) => groupNorm(u, m1) > share * total)
    .map((vector) => {
      const u = Float64Array.from(vector.u);
      const d = u.length / m1;
      const whole = groupNorm(u, m1);
      for (let j = 0; j < m1; j++)
        if (norm2(u.subarray(j * d, (j + 1) * d)) < share * whole) u.fill(0, j * d, (j + 1) * d);
      return { ...vector, u };
    });
}

/** Branches without an active negative inner neuron, one inner neuron each (in the first place). */
function split(m1: number, vectors: readonly SubVector[]): SubVector[] {
  return vectors.flatMap((vector) => {
    const d = vector.u.length / m1;
    const active = Array.from({ length: m1 }, (_, j) => j).filter((j) =>
      vector.u.subarray(j * d, (j + 1) * d).some((value) => value !== 0),
    );
    if (active.some((j) => vector.inner[j] < 0)) return [vector];
    return active.map((j) => {
      const u = new Float64Array(m1 * d);
      u.set(vector.u.subarray(j * d, (j + 1) * d));
      const inner = new Int8Array(m1).fill(-1);
      inner[0] = 1;
      return { ...vector, u, inner };
    });
  });
}

/** Adds up branches of the same kind that point the same way. */
function merge(m1: number, vectors: readonly SubVector[], loose: number): SubVector[] {
  const out: SubVector[] = [];
  for (const vector of vectors) {
    const twin = out.findIndex(
      (other) =>
        other.sign === vector.sign &&
        other.output === vector.output &&
        other.inner.join() === vector.inner.join() &&
        sameDirection(m1, other.u, vector.u, loose),
    );
    if (twin < 0) out.push(vector);
    else out[twin] = { ...out[twin], u: out[twin].u.map((value, k) => value + vector.u[k]) };
  }
  return out;
}

/** Every block of the two points the same way, in the same proportion. */
function sameDirection(m1: number, a: Float64Array, b: Float64Array, loose: number): boolean {
  return dot(a, b) >= (1 - loose) * norm2(a) * norm2(b) && groupNorm(a, m1) > 0;
}

/** Removes branches of linearly dependent fits, moving along the dependency in the direction in which the penalty does not rise. */
function prune(problem: PreparedProblem, m1: number, vectors: readonly SubVector[]): SubVector[] {
  let list = [...vectors];
  for (;;) {
    if (list.length < 2 || list.length > 400) return list;
    const fits = list.map((vector) => forward(problem.X, [toSubNetwork(vector)], problem.outputs).data);
    const dependency = findDependency(fits);
    if (dependency === undefined) return list;
    const slope = list.reduce((sum, { u }, j) => sum + dependency[j] * groupNorm(u, m1), 0);
    const direction = slope >= 0 ? 1 : -1;
    let t = Infinity;
    let first = -1;
    for (let j = 0; j < list.length; j++) {
      const a = direction * dependency[j];
      if (a > 0 && 1 / a < t) [t, first] = [1 / a, j];
    }
    if (first < 0) return list;
    list = list
      .map((vector, j) => ({ ...vector, u: vector.u.map((value) => value * (1 - t * direction * dependency[j])) }))
      .filter((_, j) => j !== first);
  }
}

/** One branch on its face: the coordinates y with u = N y, and its features F = sign D_2 sum_j s_j D_1j X N on the rows where it is on. */
interface Face {
  readonly vector: SubVector;
  readonly basis: Float64Array;
  readonly dim: number;
  readonly rows: Int32Array;
  readonly F: DenseMatrix;
  /** Inner neurons that are not zero. */
  readonly blocks: readonly number[];
}

/** Newton's method on loss + beta * norms with the patterns fixed and near-kink rows (relative `loose`) held on their kinks. */
function newtonOnFace(
  problem: PreparedProblem,
  m1: number,
  vectors: readonly SubVector[],
  loose: number,
  control: Control,
): Polished {
  const { X, datafit, beta, outputs: c } = problem;
  const d = X.cols;
  const p = m1 * d;
  let best = evaluateBranches(problem, m1, vectors);
  const faces = vectors.map((vector) => faceOf(X, m1, vector, loose));
  const size = faces.reduce((sum, face) => sum + face.dim, 0);
  if (size === 0 || size > 1500) return best;
  const starts = faces.map(() => 0);
  for (let b = 1; b < faces.length; b++) starts[b] = starts[b - 1] + faces[b - 1].dim;
  const G = new Float64Array(X.rows * c);
  const W = new Float64Array(X.rows * c * c);
  // project the start onto the faces
  const y = new Float64Array(size);
  faces.forEach(({ vector, basis, dim }, b) => {
    for (let k = 0; k < dim; k++) y[starts[b] + k] = dot(basis.subarray(k * p, (k + 1) * p), vector.u);
  });
  const expand = (point: Float64Array): SubVector[] =>
    faces.map(({ vector, basis, dim }, b) => {
      const u = new Float64Array(p);
      for (let k = 0; k < dim; k++) for (let i = 0; i < p; i++) u[i] += point[starts[b] + k] * basis[k * p + i];
      return { ...vector, u };
    });
  let current = evaluateBranches(problem, m1, expand(y));
  for (let round = 0; round < 30 && !control.shouldStop(); round++) {
    datafit.gradient(current.fit.data, G);
    datafit.hessian(current.fit.data, W);
    const gradient = new Float64Array(size);
    const H = new Float64Array(size * size);
    const at = new Map<number, { b: number; r: number }[]>();
    faces.forEach(({ rows }, b) => rows.forEach((i, r) => (at.get(i) ?? at.set(i, []).get(i)!).push({ b, r })));
    for (const [i, list] of at) {
      for (const { b, r } of list) {
        const face = faces[b];
        const row = rowOf(face.F, r);
        const g = G[i * c + face.vector.output];
        for (let k = 0; k < face.dim; k++) gradient[starts[b] + k] += g * row[k];
        for (const { b: e, r: q } of list) {
          if (e > b) continue;
          const w = W[(i * c + face.vector.output) * c + faces[e].vector.output];
          const other = rowOf(faces[e].F, q);
          for (let k = 0; k < face.dim; k++) {
            const x = w * row[k];
            for (let l = 0; l < faces[e].dim; l++) H[(starts[b] + k) * size + starts[e] + l] += x * other[l];
          }
        }
      }
    }
    faces.forEach(({ basis, dim, blocks }, b) => {
      const { u } = current.vectors[b];
      for (const j of blocks) {
        const block = u.subarray(j * d, (j + 1) * d);
        const r = norm2(block);
        if (!(r > 0)) continue;
        const projected = Float64Array.from(
          { length: dim },
          (_, k) => dot(basis.subarray(k * p + j * d, k * p + (j + 1) * d), block) / r,
        );
        for (let k = 0; k < dim; k++) {
          gradient[starts[b] + k] += beta * projected[k];
          for (let l = 0; l <= k; l++) {
            const inner = dot(
              basis.subarray(k * p + j * d, k * p + (j + 1) * d),
              basis.subarray(l * p + j * d, l * p + (j + 1) * d),
            );
            H[(starts[b] + k) * size + starts[b] + l] += (beta / r) * (inner - projected[k] * projected[l]);
          }
        }
      }
    });
    let trace = 0;
    for (let k = 0; k < size; k++) trace += H[k * size + k];
    for (let k = 0; k < size; k++) H[k * size + k] += 1e-13 * (trace / size);
    factorSpd(H, size);
    const step = gradient.map((g) => -g);
    solveSpd(H, size, step);
    const decrement = -dot(gradient, step);
    if (!(decrement > 1e-16 * Math.abs(current.objective))) break;
    let moved = false;
    for (let length = 1; length > 1e-6; length *= 0.5) {
      const trial = y.map((value, k) => value + length * step[k]);
      const next = evaluateBranches(problem, m1, expand(trial));
      if (next.objective < current.objective) {
        y.set(trial);
        current = next;
        moved = true;
        break;
      }
    }
    if (!moved) break;
  }
  if (current.objective < best.objective) best = current;
  return best;
}

function faceOf(X: DenseMatrix, m1: number, vector: SubVector, loose: number): Face {
  const [n, d] = [X.rows, X.cols];
  const p = m1 * d;
  const { u, inner, sign } = vector;
  const blocks = Array.from({ length: m1 }, (_, j) => j).filter((j) =>
    u.subarray(j * d, (j + 1) * d).some((value) => value !== 0),
  );
  const held: Float64Array[] = [];
  for (let j = 0; j < m1; j++) {
    if (blocks.includes(j)) continue;
    for (let k = 0; k < d; k++) {
      const unit = new Float64Array(p);
      unit[j * d + k] = 1;
      held.push(unit);
    }
  }
  const on = blocks.map((j) => {
    const block = u.subarray(j * d, (j + 1) * d);
    const size = norm2(block);
    const pattern = new Uint8Array(n);
    for (let i = 0; i < n; i++) {
      const x = rowOf(X, i);
      const z = dot(x, block);
      const scale = norm2(x) * size;
      if (scale > 0 && Math.abs(z) <= loose * scale) {
        const row = new Float64Array(p);
        row.set(
          x.map((value) => value / norm2(x)),
          j * d,
        );
        held.push(row);
      } else if (z > 0) pattern[i] = 1;
    }
    return pattern;
  });
  const h = preActivation(X, inner, u);
  const rows: number[] = [];
  const features: Float64Array[] = [];
  for (let i = 0; i < n; i++) {
    const row = new Float64Array(p);
    let scale = 0;
    blocks.forEach((j, b) => {
      if (!on[b][i]) return;
      for (let k = 0; k < d; k++) row[j * d + k] = inner[j] * X.data[i * d + k];
      scale += norm2(rowOf(X, i)) * norm2(u.subarray(j * d, (j + 1) * d));
    });
    const size = norm2(row);
    if (!(size > 0)) continue;
    const mixed = blocks.some((j) => inner[j] < 0);
    if (mixed && Math.abs(h[i]) <= loose * scale) held.push(row.map((value) => value / size));
    else if (h[i] > 0) {
      rows.push(i);
      features.push(row);
    }
  }
  const { basis, dim } = nullBasis(held, p);
  const F = denseMatrix(rows.length, dim);
  features.forEach((row, r) => {
    for (let k = 0; k < dim; k++) F.data[r * dim + k] = sign * dot(row, basis.subarray(k * p, (k + 1) * p));
  });
  return { vector, basis, dim, rows: Int32Array.from(rows), F, blocks };
}
