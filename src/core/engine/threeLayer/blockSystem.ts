import { type DenseMatrix } from '../../base/linalg/matrix.ts';
import type { Datafit } from '../../problem/datafits/datafit.ts';
import { addOuterProducts } from '../../base/linalg/cholesky.ts';
import type { Tuple } from '../../network/threeLayer/tuple.ts';
import type { ScaledCone } from './secondOrderCone.ts';

/** A tuple in play with the sign of its output weight and the output it feeds. */
export interface Block {
  readonly tuple: Tuple;
  readonly sign: 1 | -1;
  readonly output: number;
}

/** A_b'A_e of pairs of tuples, kept across programs: with squared loss the coupling of blocks never changes. */
export type GramCache = Map<Tuple, Map<Tuple, Float64Array>>;

/** Minimise l(sum_b sign_b A_b u_b) + beta sum_b sum_j ||u_bj|| over the cones C_b u_b >= 0. */
export interface BlockProgram {
  readonly X: DenseMatrix;
  readonly blocks: readonly Block[];
  readonly datafit: Datafit;
  readonly beta: number;
  readonly m1: number;
  readonly grams: GramCache;
}

/** Where the barriers stand: the norms, and the rows of all C_b, those of block b from rowsBefore[b]. */
export interface BarrierPoint {
  readonly cones: readonly ScaledCone[];
  readonly slack: Float64Array;
  readonly lambda: Float64Array;
  readonly rowsBefore: Int32Array;
}

/** Block-diagonal part (lower) of the Newton matrix: the scaled norm of each u_j and C' diag(lambda / slack) C. */
export function assembleBarrier(program: BlockProgram, point: BarrierPoint, H: Float64Array): void {
  const { blocks, m1 } = program;
  const p = blocks[0].tuple.interior.length;
  const d = p / m1;
  const N = blocks.length * p;
  H.fill(0);
  const grams = cornerGrams(program, point);
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
      const { eta, w } = point.cones[b * m1 + j];
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
function cornerGrams({ X, blocks, m1 }: BlockProgram, { slack, lambda, rowsBefore }: BarrierPoint): Float64Array {
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

/** Adds A_b'A_e for blocks of the same output: the loss Hessian is the identity. */
export function addConstantCoupling(blocks: readonly Block[], grams: GramCache, H: Float64Array): void {
  const p = blocks[0].tuple.interior.length;
  const N = blocks.length * p;
  for (let b = 0; b < blocks.length; b++) {
    for (let e = 0; e <= b; e++) {
      const [P, Q] = [blocks[b], blocks[e]];
      if (P.output !== Q.output) continue;
      const gram = gramOf(P.tuple, Q.tuple, grams);
      const w = P.sign * Q.sign;
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
export function addCoupling(blocks: readonly Block[], W: Float64Array, c: number, H: Float64Array): void {
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
      const signs = P.sign * Q.sign;
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
