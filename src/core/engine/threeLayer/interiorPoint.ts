import { type DenseMatrix, dot, norm2 } from '../../base/linalg/matrix.ts';
import type { Datafit } from '../../problem/datafits/datafit.ts';
import type { Control } from '../../base/control.ts';
import { addOuterProducts, factorSpd, solveSpd } from '../../base/linalg/cholesky.ts';
import { centreOf, supportOf, type Tuple } from '../../network/threeLayer/tuple.ts';

/** A tuple in play with the sign of its output weight and the output it feeds. */
export interface Block {
  readonly tuple: Tuple;
  readonly sign: 1 | -1;
  readonly output: number;
}

/** A_b'A_e of pairs of tuples, kept across programs: with squared loss the coupling of blocks never changes. */
export type GramCache = Map<Tuple, Map<Tuple, Float64Array>>;

export interface BlockSolution {
  /** Strictly inside the cones, one vector of m1 d numbers per block. */
  readonly vectors: Float64Array[];
  /** n x c */
  readonly fit: Float64Array;
  readonly objective: number;
  readonly newtonSteps: number;
  readonly stopped: boolean;
}

/** One second-order cone ||u_j|| <= t with its dual (beta, z) and Nesterov-Todd scaling. */
interface Norm {
  /** Place of u_j in the stacked vector. */
  readonly at: number;
  t: number;
  dt: number;
  readonly z: Float64Array;
  readonly dz: Float64Array;
  eta: number;
  /** Scaling point w, its root v, and the scaled variable W z (d + 1 numbers each). */
  readonly w: Float64Array;
  readonly v: Float64Array;
  readonly l: Float64Array;
  /** W^-1 of the right-hand side of the complementarity equation. */
  readonly e: Float64Array;
}

/**
 * Minimises l(sum_b sign_b A_b u_b) + beta sum_b sum_j ||u_bj|| over the cones C_b u_b >= 0 by a primal-dual interior point method with
 * Nesterov-Todd scaling and Mehrotra's corrector (Nesterov and Todd 1998; Vandenberghe 2010). The epigraph variables are eliminated, the
 * Newton system in the stacked u is dense; one factorisation serves predictor and corrector. Iterates stay strictly inside the cones.
 */
export function solveBlocks(
  X: DenseMatrix,
  blocks: readonly Block[],
  datafit: Datafit,
  beta: number,
  m1: number,
  tolerance: number,
  control: Control,
  grams: GramCache = new Map(),
): BlockSolution {
  const [n, c] = [datafit.rows, datafit.outputs];
  const p = blocks.length > 0 ? blocks[0].tuple.interior.length : 0;
  const d = p / m1;
  const N = blocks.length * p;
  const rowsBefore = new Int32Array(blocks.length + 1);
  blocks.forEach(({ tuple }, b) => (rowsBefore[b + 1] = rowsBefore[b] + tuple.C.rows));
  const rows = rowsBefore[blocks.length];
  const loss0 = datafit.value(new Float64Array(n * c));
  const budget = Math.max(loss0, 1e-12) / beta / Math.max(1, blocks.length * m1);

  const u = new Float64Array(N);
  blocks.forEach(({ tuple }, b) => {
    const centre = centreOf(tuple);
    const size = (0.3 * budget) / Math.max(norm2(centre), 1e-300);
    for (let k = 0; k < p; k++) u[b * p + k] = size * centre[k];
  });
  const norms: Norm[] = Array.from({ length: blocks.length * m1 }, (_, g) => ({
    at: g * d,
    t: budget,
    dt: 0,
    z: new Float64Array(d),
    dz: new Float64Array(d),
    eta: 1,
    w: new Float64Array(d + 1),
    v: new Float64Array(d + 1),
    l: new Float64Array(d + 1),
    e: new Float64Array(d + 1),
  }));
  const slack = new Float64Array(rows);
  const lambda = new Float64Array(rows);
  const dSlack = new Float64Array(rows);
  const dLambda = new Float64Array(rows);
  const eLin = new Float64Array(rows);
  const fit = new Float64Array(n * c);
  const G = new Float64Array(n * c);
  const W = new Float64Array(n * c * c);
  const H = new Float64Array(N * N);
  const residual = new Float64Array(N);
  const step = new Float64Array(N);
  let best = Float64Array.from(u);

  const timesC = (x: Float64Array, out: Float64Array): void => {
    blocks.forEach(({ tuple }, b) => {
      const { C } = tuple;
      const { from, to } = supportOf(tuple);
      for (let r = 0; r < C.rows; r++) {
        let s = 0;
        for (let k = from[r], at = r * p, end = to[r]; k < end; k++) s += C.data[at + k] * x[b * p + k];
        out[rowsBefore[b] + r] = s;
      }
    });
  };
  const computeFit = (): void => {
    fit.fill(0);
    blocks.forEach(({ tuple: { A, activeRows }, sign, output }, b) => {
      for (let r = 0; r < A.rows; r++) {
        let s = 0;
        for (let k = 0; k < p; k++) s += A.data[r * p + k] * u[b * p + k];
        fit[activeRows[r] * c + output] += sign * s;
      }
    });
  };
  const penalty = (): number => norms.reduce((sum, { at }) => sum + norm2(u.subarray(at, at + d)), 0);
  const computeResidual = (): void => {
    for (const { at, z } of norms) for (let k = 0; k < d; k++) residual[at + k] = -z[k];
    blocks.forEach(({ tuple, sign, output }, b) => {
      const { A, C, activeRows } = tuple;
      const { from, to } = supportOf(tuple);
      for (let r = 0; r < A.rows; r++) {
        const g = sign * G[activeRows[r] * c + output];
        for (let k = 0; k < p; k++) residual[b * p + k] += g * A.data[r * p + k];
      }
      for (let r = 0; r < C.rows; r++) {
        const weight = lambda[rowsBefore[b] + r];
        for (let k = from[r], end = to[r]; k < end; k++) residual[b * p + k] -= weight * C.data[r * p + k];
      }
    });
  };

  timesC(u, slack);
  for (let b = 0; b < blocks.length; b++) {
    const count = rowsBefore[b + 1] - rowsBefore[b];
    const share = (0.5 * beta * budget) / Math.max(1, Math.sqrt(count));
    for (let i = rowsBefore[b]; i < rowsBefore[b + 1]; i++) lambda[i] = share / slack[i];
  }
  const degree = rows + 2 * norms.length;
  let newtonSteps = 0;
  let stopped = false;
  let lowest = Number.POSITIVE_INFINITY;
  let idle = 0;
  for (; newtonSteps < 100 && N > 0; newtonSteps++) {
    computeFit();
    datafit.gradient(fit, G);
    computeResidual();
    let gap = dot(lambda, slack);
    for (const { at, t, z } of norms) gap += beta * t + dot(u.subarray(at, at + d), z);
    let rough = 0;
    for (const { at } of norms) rough = Math.max(rough, norm2(residual.subarray(at, at + d)) / beta);
    const objective = datafit.value(fit) + beta * penalty();
    const error = gap / Math.max(Math.abs(objective), 1e-300);
    const merit = error + rough;
    if (!Number.isFinite(merit)) break;
    if (merit < 0.9 * lowest) {
      lowest = merit;
      idle = 0;
      best = Float64Array.from(u);
    } else if (++idle >= (lowest < 1e-5 ? 2 : 12)) break;
    if (error <= tolerance && rough <= tolerance) break;
    if (control.shouldStop()) {
      stopped = true;
      break;
    }
    for (const norm of norms) scalingPoint(norm, u, beta);
    assembleBlocks(X, blocks, norms, slack, lambda, m1, rowsBefore, H);
    datafit.hessian(fit, W);
    if (datafit.quadratic) addConstantCoupling(blocks, 1, grams, H);
    else addCoupling(blocks, W, c, 1, H);
    if (!factorSpd(H, N, () => control.shouldStop())) {
      stopped = true;
      break;
    }
    const direction = (): void => {
      for (let k = 0; k < N; k++) step[k] = -residual[k];
      for (const { at, e, w } of norms) {
        // E_u - m E_0 / m_00 with W^-2 = eta^-2 (2 Jw w'J - J)
        const m00 = 2 * w[0] * w[0] - 1;
        for (let k = 0; k < d; k++) step[at + k] += e[k + 1] + ((2 * w[0] * w[k + 1]) / m00) * e[0];
      }
      blocks.forEach(({ tuple }, b) => {
        const { C } = tuple;
        const { from, to } = supportOf(tuple);
        for (let r = 0; r < C.rows; r++) {
          const weight = eLin[rowsBefore[b] + r];
          for (let k = from[r], end = to[r]; k < end; k++) step[b * p + k] += weight * C.data[r * p + k];
        }
      });
      solveSpd(H, N, step);
      timesC(step, dSlack);
      for (let i = 0; i < rows; i++) dLambda[i] = eLin[i] - (lambda[i] / slack[i]) * dSlack[i];
      for (const norm of norms) recoverNorm(norm, step);
    };
    // predictor
    for (const { e, z } of norms) {
      e[0] = -beta;
      for (let k = 0; k < d; k++) e[k + 1] = -z[k];
    }
    for (let i = 0; i < rows; i++) eLin[i] = -lambda[i];
    direction();
    const affine = Math.min(1, stepLength(norms, u, step, beta, slack, dSlack, lambda, dLambda));
    const mu = ((1 - affine) ** 3 * gap) / degree;
    // corrector
    for (const norm of norms) correct(norm, step, mu);
    for (let i = 0; i < rows; i++) eLin[i] = (mu - dSlack[i] * dLambda[i]) / slack[i] - lambda[i];
    direction();
    let length = Math.min(1, 0.99 * stepLength(norms, u, step, beta, slack, dSlack, lambda, dLambda));
    if (!datafit.quadratic) {
      // Newton steps of a curved loss must not overshoot: stay where the fit moves by a few units of the logits.
      const before = Float64Array.from(u);
      const moved = Float64Array.from(fit);
      for (let k = 0; k < N; k++) u[k] += step[k];
      computeFit();
      let largest = 0;
      for (let i = 0; i < fit.length; i++) largest = Math.max(largest, Math.abs(fit[i] - moved[i]));
      u.set(before);
      length = Math.min(length, 4 / Math.max(largest, 1e-300));
    }
    for (let k = 0; k < N; k++) u[k] += length * step[k];
    for (const norm of norms) {
      norm.t += length * norm.dt;
      for (let k = 0; k < d; k++) norm.z[k] += length * norm.dz[k];
    }
    for (let i = 0; i < rows; i++) lambda[i] += length * dLambda[i];
    timesC(u, slack);
  }
  u.set(best);
  computeFit();
  return {
    vectors: blocks.map((_, b) => Float64Array.from(u.subarray(b * p, (b + 1) * p))),
    fit,
    objective: datafit.value(fit) + beta * penalty(),
    newtonSteps,
    stopped,
  };
}

/** Nesterov-Todd scaling of (t, u) and (beta, z): W^2 = eta^2 (2 w w' - J), l = W z. */
function scalingPoint(norm: Norm, u: Float64Array, beta: number): void {
  const { at, t, z, w, v, l } = norm;
  const d = z.length;
  const part = u.subarray(at, at + d);
  const a = Math.sqrt(Math.max((t - norm2(part)) * (t + norm2(part)), 1e-300));
  const b = Math.sqrt(Math.max((beta - norm2(z)) * (beta + norm2(z)), 1e-300));
  const gamma = Math.sqrt(0.5 * (1 + (t * beta + dot(part, z)) / (a * b)));
  w[0] = (t / a + beta / b) / (2 * gamma);
  for (let k = 0; k < d; k++) w[k + 1] = (part[k] / a - z[k] / b) / (2 * gamma);
  norm.eta = Math.sqrt(a / b);
  const root = Math.sqrt(2 * (w[0] + 1));
  v[0] = (w[0] + 1) / root;
  for (let k = 0; k < d; k++) v[k + 1] = w[k + 1] / root;
  let vz = v[0] * beta;
  for (let k = 0; k < d; k++) vz += v[k + 1] * z[k];
  l[0] = norm.eta * (2 * v[0] * vz - beta);
  for (let k = 0; k < d; k++) l[k + 1] = norm.eta * (2 * v[k + 1] * vz + z[k]);
}

/** dt and dz of a cone from the step in u: dz = E - W^-2 (dt, du) with dz_0 = 0. */
function recoverNorm(norm: Norm, step: Float64Array): void {
  const { at, e, eta, w, dz } = norm;
  const d = dz.length;
  const e2 = 1 / (eta * eta);
  const m00 = e2 * (2 * w[0] * w[0] - 1);
  let wu = 0;
  for (let k = 0; k < d; k++) wu += w[k + 1] * step[at + k];
  norm.dt = (e[0] + 2 * e2 * w[0] * wu) / m00;
  // W^-2 (dt, du) = eta^-2 (2 Jw (w'J (dt, du)) - J (dt, du))
  const inner = w[0] * norm.dt - wu;
  for (let k = 0; k < d; k++) dz[k] = e[k + 1] - e2 * (-2 * w[k + 1] * inner + step[at + k]);
}

/** E := W^-1 (l \ (mu e - l o l - (W^-1 ds) o (W dz))), Mehrotra's right-hand side. */
function correct(norm: Norm, step: Float64Array, mu: number): void {
  const { at, dt, dz, eta, v, l, e } = norm;
  const d = dz.length;
  const ds = new Float64Array(d + 1);
  ds[0] = dt;
  for (let k = 0; k < d; k++) ds[k + 1] = step[at + k];
  const scaledS = new Float64Array(d + 1);
  const scaledZ = new Float64Array(d + 1);
  let vJs = v[0] * ds[0];
  for (let k = 1; k <= d; k++) vJs -= v[k] * ds[k];
  scaledS[0] = (2 * v[0] * vJs - ds[0]) / eta;
  for (let k = 1; k <= d; k++) scaledS[k] = (-2 * v[k] * vJs + ds[k]) / eta;
  let vz = 0;
  for (let k = 0; k < d; k++) vz += v[k + 1] * dz[k];
  scaledZ[0] = eta * 2 * v[0] * vz;
  for (let k = 0; k < d; k++) scaledZ[k + 1] = eta * (2 * v[k + 1] * vz + dz[k]);
  const r = new Float64Array(d + 1);
  r[0] = mu - dot(l, l) - dot(scaledS, scaledZ);
  for (let k = 1; k <= d; k++) r[k] = -2 * l[0] * l[k] - scaledS[0] * scaledZ[k] - scaledZ[0] * scaledS[k];
  let tail = 0;
  let lr = 0;
  for (let k = 1; k <= d; k++) {
    tail += l[k] * l[k];
    lr += l[k] * r[k];
  }
  const x = new Float64Array(d + 1);
  x[0] = (l[0] * r[0] - lr) / Math.max(l[0] * l[0] - tail, 1e-300);
  for (let k = 1; k <= d; k++) x[k] = (r[k] - x[0] * l[k]) / l[0];
  let vJx = v[0] * x[0];
  for (let k = 1; k <= d; k++) vJx -= v[k] * x[k];
  e[0] = (2 * v[0] * vJx - x[0]) / eta;
  for (let k = 1; k <= d; k++) e[k] = (-2 * v[k] * vJx + x[k]) / eta;
}

/** Largest step that keeps (a0, a) + s (b0, b) in the second-order cone. */
function coneStep(a0: number, a: Float64Array, b0: number, b: ArrayLike<number>, from: number): number {
  let aa = 0;
  let ab = 0;
  let bb = 0;
  for (let k = 0; k < a.length; k++) {
    aa += a[k] * a[k];
    ab += a[k] * b[from + k];
    bb += b[from + k] * b[from + k];
  }
  // (a0 + s b0)^2 - ||a + s b||^2 = q0 + 2 q1 s + q2 s^2, q0 > 0
  const q0 = (a0 - Math.sqrt(aa)) * (a0 + Math.sqrt(aa));
  const q1 = a0 * b0 - ab;
  const q2 = b0 * b0 - bb;
  const root = q1 * q1 - q0 * q2;
  if (root < 0 || (q2 >= 0 && q1 >= 0)) return b0 < 0 ? -a0 / b0 : Number.POSITIVE_INFINITY;
  // the smaller positive root, in the form without cancellation
  const s = Math.sqrt(root);
  const candidate = q1 <= 0 ? q0 / (s - q1) : -(q1 + s) / q2;
  return candidate > 0 ? candidate : Number.POSITIVE_INFINITY;
}

function stepLength(
  norms: readonly Norm[],
  u: Float64Array,
  step: Float64Array,
  beta: number,
  slack: Float64Array,
  dSlack: Float64Array,
  lambda: Float64Array,
  dLambda: Float64Array,
): number {
  let length = 1 / 0.99;
  for (let i = 0; i < slack.length; i++) {
    if (dSlack[i] < 0) length = Math.min(length, -slack[i] / dSlack[i]);
    if (dLambda[i] < 0) length = Math.min(length, -lambda[i] / dLambda[i]);
  }
  for (const { at, t, dt, z, dz } of norms) {
    length = Math.min(length, coneStep(t, u.subarray(at, at + z.length), dt, step, at));
    length = Math.min(length, coneStep(beta, z, 0, dz, 0));
  }
  return length;
}

/** Block-diagonal part (lower) of the Newton matrix: the scaled norm of each u_j and C' diag(lambda / slack) C. */
function assembleBlocks(
  X: DenseMatrix,
  blocks: readonly Block[],
  norms: readonly Norm[],
  slack: Float64Array,
  lambda: Float64Array,
  m1: number,
  rowsBefore: Int32Array,
  H: Float64Array,
): void {
  const p = blocks[0].tuple.interior.length;
  const d = p / m1;
  const N = blocks.length * p;
  H.fill(0);
  const grams = cornerGrams(X, blocks, slack, lambda, m1, rowsBefore);
  const pairs = (d * (d + 1)) / 2;
  const local = new Float64Array(p * p);
  blocks.forEach((_, b) => {
    for (let j = 0, corner = (b * m1 * (m1 + 1)) / 2; j < m1; j++) {
      for (let l = 0; l <= j; l++, corner++) {
        const gram = grams.subarray(corner * pairs, (corner + 1) * pairs);
        for (let k = 0, at = 0; k < d; k++) {
          for (let t = 0; t <= k; t++, at++) {
            local[(j * d + k) * p + l * d + t] = gram[at];
            local[(j * d + t) * p + l * d + k] = gram[at];
          }
        }
      }
    }
    for (let j = 0; j < m1; j++) {
      const { eta, w } = norms[b * m1 + j];
      const e2 = 1 / (eta * eta);
      const tail = 2 / (2 * w[0] * w[0] - 1);
      const from = j * d;
      for (let k = 0; k < d; k++) {
        for (let l = 0; l <= k; l++) local[(from + k) * p + from + l] -= e2 * tail * w[k + 1] * w[l + 1];
        local[(from + k) * p + from + k] += e2;
      }
    }
    for (let k = 0; k < p; k++) for (let l = 0; l <= k; l++) H[(b * p + k) * N + b * p + l] = local[k * p + l];
  });
}

/** Rows of the data whose products are formed at once. */
const chunk = 256;

/**
 * The corners (j, l), l <= j, of C' diag(lambda / slack) C of every block: rows of C are rows of X up to sign, so each corner is X' diag(w) X with the
 * weights of the rows added up. All of them are one product of the weights with the n x d(d+1)/2 products of columns of X.
 * Returns them one after the other, block by block, lower triangles packed by rows.
 */
function cornerGrams(
  X: DenseMatrix,
  blocks: readonly Block[],
  slack: Float64Array,
  lambda: Float64Array,
  m1: number,
  rowsBefore: Int32Array,
): Float64Array {
  const [n, d] = [X.rows, X.cols];
  const corners = (m1 * (m1 + 1)) / 2;
  const pairs = (d * (d + 1)) / 2;
  const K = blocks.length * corners;
  const weights = new Float64Array(K * n);
  blocks.forEach(({ tuple: { inner, first, dataRow, layer } }, b) => {
    for (let r = 0; r < dataRow.length; r++) {
      const curve = lambda[rowsBefore[b] + r] / slack[rowsBefore[b] + r];
      const [i, of] = [dataRow[r], layer[r]];
      let corner = b * corners;
      for (let j = 0; j < m1; j++) {
        const on = of === m1 ? first[j][i] : of === j ? 1 : 0;
        if (!on) {
          corner += j + 1;
          continue;
        }
        for (let l = 0; l <= j; l++, corner++) {
          if (l === j || (of === m1 && first[l][i])) weights[corner * n + i] += inner[j] * inner[l] * curve;
        }
      }
    }
  });
  const out = new Float64Array(K * pairs);
  const products = new Float64Array(pairs * chunk);
  const part = new Float64Array(K * chunk);
  for (let start = 0; start < n; start += chunk) {
    const depth = Math.min(chunk, n - start);
    for (let i = 0; i < depth; i++) {
      const x = (start + i) * d;
      for (let k = 0, at = 0; k < d; k++)
        for (let t = 0; t <= k; t++, at++) products[at * depth + i] = X.data[x + k] * X.data[x + t];
    }
    for (let k = 0; k < K; k++) part.set(weights.subarray(k * n + start, k * n + start + depth), k * depth);
    addOuterProducts(part, K, products, pairs, depth, out, 0, 0, pairs, false);
  }
  return out;
}

/** Adds weight A_b'A_e for blocks of the same output: the loss Hessian is the identity. */
function addConstantCoupling(blocks: readonly Block[], weight: number, grams: GramCache, H: Float64Array): void {
  const p = blocks[0].tuple.interior.length;
  const N = blocks.length * p;
  for (let b = 0; b < blocks.length; b++) {
    for (let e = 0; e <= b; e++) {
      const [P, Q] = [blocks[b], blocks[e]];
      if (P.output !== Q.output) continue;
      const gram = gramOf(P.tuple, Q.tuple, grams);
      const w = weight * P.sign * Q.sign;
      for (let k = 0; k < p; k++) {
        const row = (b * p + k) * N + e * p;
        const last = e === b ? k : p - 1;
        for (let l = 0; l <= last; l++) H[row + l] += w * gram[k * p + l];
      }
    }
  }
}

function gramOf(P: Tuple, Q: Tuple, grams: GramCache): Float64Array {
  let row = grams.get(P);
  if (!row) grams.set(P, (row = new Map<Tuple, Float64Array>()));
  let gram = row.get(Q);
  if (gram) return gram;
  const p = P.A.cols;
  gram = new Float64Array(p * p);
  const at = new Map<number, number>();
  Q.activeRows.forEach((i, r) => at.set(i, r));
  for (let r = 0; r < P.A.rows; r++) {
    const q = at.get(P.activeRows[r]);
    if (q === undefined) continue;
    for (let k = 0; k < p; k++) {
      const x = P.A.data[r * p + k];
      if (x !== 0) for (let l = 0; l < p; l++) gram[k * p + l] += x * Q.A.data[q * p + l];
    }
  }
  row.set(Q, gram);
  return gram;
}

/** Adds the coupling through the loss Hessian W (n blocks of c x c): rows that both blocks can reach. */
function addCoupling(blocks: readonly Block[], W: Float64Array, c: number, weight: number, H: Float64Array): void {
  const p = blocks[0].tuple.interior.length;
  const N = blocks.length * p;
  const n = W.length / (c * c);
  const rowAt = blocks.map(({ tuple }) => {
    const index = new Int32Array(n).fill(-1);
    tuple.activeRows.forEach((i, r) => (index[i] = r));
    return index;
  });
  for (let b = 0; b < blocks.length; b++) {
    for (let e = 0; e <= b; e++) {
      const [P, Q] = [blocks[b], blocks[e]];
      const signs = weight * P.sign * Q.sign;
      for (let r = 0; r < P.tuple.A.rows; r++) {
        const i = P.tuple.activeRows[r];
        const q = rowAt[e][i];
        if (q < 0) continue;
        const w = signs * W[(i * c + P.output) * c + Q.output];
        if (w === 0) continue;
        for (let k = 0; k < p; k++) {
          const x = w * P.tuple.A.data[r * p + k];
          if (x === 0) continue;
          const row = (b * p + k) * N + e * p;
          const last = e === b ? k : p - 1;
          for (let l = 0; l <= last; l++) H[row + l] += x * Q.tuple.A.data[q * p + l];
        }
      }
    }
  }
}
