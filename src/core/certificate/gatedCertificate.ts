import { onRows, type PatternSet } from '../arrangement/patterns.ts';
import type { DenseMatrix } from '../linalg/matrix.ts';
import { rowProducts } from '../linalg/rowProducts.ts';
import { bestDualScale, type Datafit } from '../problem/datafit.ts';
import type { OutputPenalty } from '../problem/problem.ts';
import { createSmallSvd } from '../linalg/jacobiSvd.ts';

/** A block of the gated program to be judged: gate index and its d x c matrix, row-major. */
export interface GateBlock {
  readonly gate: number;
  readonly vector: Float64Array;
}

/** What is judged. Nothing in here comes from a solver but the two points themselves. */
export interface GatedClaim {
  /** n x d effective inputs. */
  readonly X: DenseMatrix;
  /** Rows that each of the P gates is on for. */
  readonly patterns: PatternSet;
  readonly datafit: Datafit;
  readonly beta: number;
  readonly penalty: OutputPenalty;
  /** Non-zero blocks (several outputs of one gate in one block). */
  readonly blocks: readonly GateBlock[];
  /** A dual point to try besides the one that belongs to the fit; n x c. */
  readonly dual?: Float64Array;
}

/** Values recomputed from the data. */
export interface GatedCertificate {
  readonly objective: number;
  readonly datafit: number;
  /** Sum of group norms. */
  readonly penalty: number;
  /** n x c */
  readonly fit: Float64Array;
  /** Lower bound of the optimal value by weak duality, the better of the two dual points after scaling. */
  readonly dualBound: number;
  /** (objective - dualBound) / max(|objective|, tiny) */
  readonly relativeGap: number;
  /** The dual point of the bound, scaled to feasibility; n x c. */
  readonly feasibleDual: Float64Array;
  /** -gradient of the datafit at the fit; n x c. */
  readonly dual: Float64Array;
  /** Dual norm of X' D_i V over beta for every gate (largest group), V the dual point of the bound before scaling. */
  readonly gateConstraint: Float64Array;
  /** Smallest beta for which the zero network is optimal. */
  readonly betaMax: number;
  readonly kkt: { readonly stationarity: number; readonly cone: number; readonly complementarity: number };
}

/**
 * Judges a point of the gated program: objective, dual bound, gap and residuals of the optimality conditions from X, the patterns, the
 * targets and the blocks alone, sharing no numerical code with the solvers.
 */
export function certifyGated(claim: GatedClaim): GatedCertificate {
  const { X, patterns, datafit, beta, penalty: kind, blocks } = claim;
  const P = patterns.count;
  const { rows: n, cols: d } = X;
  const c = datafit.outputs;
  const norms = blockNorms(kind, d, c);

  const fit = new Float64Array(n * c);
  const [column, along] = [new Float64Array(d), new Float64Array(n)];
  let penalty = 0;
  for (const { gate, vector } of blocks) {
    for (let o = 0; o < c; o++) {
      for (let k = 0; k < d; k++) column[k] = vector[k * c + o];
      rowProducts(X, column, along);
      for (const r of onRows(patterns, gate)) fit[r * c + o] += along[r];
    }
    penalty += norms.primal(vector);
  }
  const loss = datafit.value(fit);
  const objective = loss + beta * penalty;

  const dual = new Float64Array(n * c);
  datafit.dualPoint(fit, dual);
  const zeroDual = new Float64Array(n * c);
  datafit.dualPoint(new Float64Array(n * c), zeroDual);
  const candidates = [dual];
  if (claim.dual !== undefined) {
    const projected = claim.dual.slice();
    datafit.projectDual(projected);
    candidates.push(projected);
  }

  const points = [...candidates, zeroDual];
  const products = maskedProducts(X, patterns, points, c);
  const constraint = products.map((T) =>
    Float64Array.from({ length: P }, (_, i) => norms.dual(T.subarray(i * d * c, (i + 1) * d * c)) / beta),
  );
  const inner = products[candidates.length - 1];
  const blockOf = new Map(blocks.map((block) => [block.gate, block.vector]));
  let stationarity = 0;
  let pairing = 0;
  for (let i = 0; i < P; i++) {
    const T = inner.subarray(i * d * c, (i + 1) * d * c);
    const block = blockOf.get(i);
    stationarity = Math.max(stationarity, norms.stationarity(block, T, beta) / beta);
    if (block !== undefined) for (let k = 0; k < d * c; k++) pairing += block[k] * T[k];
  }

  let dualBound = -Infinity;
  let chosen = 0;
  let feasibleDual = dual;
  candidates.forEach((V, p) => {
    const top = largest(constraint[p]);
    const t = bestDualScale(datafit, V, top > 0 ? 1 / top : 1);
    const scaled = V.map((v) => t * v);
    const bound = datafit.dualValue(scaled);
    if (bound > dualBound) [dualBound, chosen, feasibleDual] = [bound, p, scaled];
  });
  return {
    objective,
    datafit: loss,
    penalty,
    fit,
    dualBound,
    relativeGap: (objective - dualBound) / Math.max(Math.abs(objective), Number.MIN_VALUE),
    feasibleDual,
    dual,
    gateConstraint: constraint[chosen],
    betaMax: largest(constraint[points.length - 1]) * beta,
    kkt: {
      stationarity,
      cone: 0,
      complementarity: Math.abs(beta * penalty - pairing) / Math.max(Math.abs(objective), Number.MIN_VALUE),
    },
  };
}

/**
 * X' D_i V for every pattern and each of the dual points V (n x c): one P x d x c array per point. Eight rows at a time, the sums over
 * all their subsets are tabled once and looked up by each pattern's byte, which saves most of the additions of the plain loops.
 */
function maskedProducts(
  X: DenseMatrix,
  patterns: PatternSet,
  points: readonly Float64Array[],
  c: number,
): Float64Array[] {
  const { rows: n, cols: d } = X;
  const P = patterns.count;
  const block = d * c;
  const width = block * points.length;
  const sums = new Float64Array(P * width);
  const table = new Float64Array(256 * width);
  for (let first = 0; first < n; first += 8) {
    const rows = Math.min(8, n - first);
    const word = first >> 5;
    const shift = first & 31;
    for (let b = 0; b < rows; b++) {
      const half = (1 << b) * width;
      const r = first + b;
      for (let t = 0; t < half; t += width) {
        let at = t;
        for (const V of points) {
          for (let k = 0; k < d; k++) {
            const x = X.data[r * d + k];
            for (let o = 0; o < c; o++, at++) table[half + at] = table[at] + x * V[r * c + o];
          }
        }
      }
    }
    for (let i = 0; i < P; i++) {
      const byte = (patterns.words[i * patterns.wordsPerPattern + word] >>> shift) & 255;
      if (byte === 0) continue;
      const from = byte * width;
      const to = i * width;
      for (let k = 0; k < width; k++) sums[to + k] += table[from + k];
    }
  }
  return points.map((_, p) => {
    const out = new Float64Array(P * block);
    for (let i = 0; i < P; i++) {
      const from = i * width + p * block;
      out.set(sums.subarray(from, from + block), i * block);
    }
    return out;
  });
}

function largest(values: Float64Array): number {
  let top = 0;
  for (const value of values) top = Math.max(top, value);
  return top;
}

interface BlockNorms {
  primal(U: Float64Array): number;
  dual(T: Float64Array): number;
  /** Distance of T to beta times the subdifferential of the norm at U (0 when undefined). */
  stationarity(U: Float64Array | undefined, T: Float64Array, beta: number): number;
}

function blockNorms(kind: OutputPenalty, d: number, c: number): BlockNorms {
  if (kind === 'nuclear' && c > 1) return nuclearNorms(d, c);
  const groups = kind === 'per-output' ? c : 1;
  const norm = (A: Float64Array, group: number): number => {
    let s = 0;
    for (let i = group; i < d * c; i += groups) s += A[i] * A[i];
    return Math.sqrt(s);
  };
  return {
    primal(U) {
      let s = 0;
      for (let g = 0; g < groups; g++) s += norm(U, g);
      return s;
    },
    dual(T) {
      let top = 0;
      for (let g = 0; g < groups; g++) top = Math.max(top, norm(T, g));
      return top;
    },
    stationarity(U, T, beta) {
      let top = 0;
      for (let g = 0; g < groups; g++) {
        const length = U === undefined ? 0 : norm(U, g);
        if (length === 0) {
          top = Math.max(top, norm(T, g) - beta);
          continue;
        }
        let s = 0;
        for (let i = g; i < d * c; i += groups) s += (T[i] - (beta * U![i]) / length) ** 2;
        top = Math.max(top, Math.sqrt(s));
      }
      return top;
    },
  };
}

/** Nuclear norm and its dual, the spectral norm. */
function nuclearNorms(d: number, c: number): BlockNorms {
  const svd = createSmallSvd(d, c);
  const sum = (): number => svd.s.reduce((a, b) => a + b, 0);
  return {
    primal(U) {
      svd.decompose(U, 0);
      return sum();
    },
    dual(T) {
      svd.decompose(T, 0);
      return largest(svd.s);
    },
    stationarity(U, T, beta) {
      // T is beta times a subgradient at U exactly when prox_beta(U + T) = U: the distance of the two measures both conditions
      const W = T.slice();
      if (U !== undefined) for (let i = 0; i < W.length; i++) W[i] += U[i];
      svd.decompose(W, 0);
      let squares = 0;
      for (let i = 0; i < d; i++) {
        for (let k = 0; k < c; k++) {
          let value = -(U?.[i * c + k] ?? 0);
          for (let j = 0; j < c; j++) {
            if (svd.s[j] > beta) value += (1 - beta / svd.s[j]) * svd.scaledLeft[i * c + j] * svd.R[k * c + j];
          }
          squares += value * value;
        }
      }
      return Math.sqrt(squares);
    },
  };
}
