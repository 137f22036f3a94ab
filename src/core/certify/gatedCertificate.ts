import { relativeGap } from '../problem/gap.ts';
import { dualBoundAt, roundingOfProducts } from './dual/bound.ts';
import { type PatternSet } from '../base/patterns.ts';
import { everyRows } from '../base/polling.ts';
import { type DenseMatrix, rowNorms } from '../base/linalg/matrix.ts';
import { type Datafit } from '../problem/datafits/datafit.ts';
import type { OutputPenalty } from '../problem/problem.ts';
import { createSmallSvd } from '../base/linalg/jacobiSvd.ts';
import { namedEntry } from '../base/registry.ts';

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
  /** betaMax by an earlier certificate of the same data, targets and patterns. */
  readonly betaMax?: number;
  /** Asked every few milliseconds: true ends the search for a bound with what has been judged by then. */
  readonly giveUp?: () => boolean;
}

/** Values recomputed from the data. */
export interface GatedCertificate {
  readonly objective: number;
  readonly datafit: number;
  /** Sum of group norms. */
  readonly penalty: number;
  /** n x c */
  readonly fit: Float64Array;
  /** Lower bound of the optimal value by weak duality, the best of the dual points after scaling; that of the point 0 when given up early. */
  readonly dualBound: number;
  readonly relativeGap: number;
  /** The dual point of the bound, scaled to feasibility; n x c. */
  readonly feasibleDual: Float64Array;
  /** -gradient of the datafit at the fit; n x c. */
  readonly dual: Float64Array;
  /** Dual norm of X' D_i V over beta for every gate (largest group), V the dual point of the bound before scaling (0 when given up early). */
  readonly gateConstraint: Float64Array;
  /** Smallest beta for which the zero network is optimal; undefined when given up before. */
  readonly betaMax: number | undefined;
  /** At the dual point handed in, or else that of the fit (at 0 when given up before either was judged). */
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

  const fit = fitOf(X, patterns, blocks, c);
  let penalty = 0;
  for (const { vector } of blocks) penalty += norms.primal(vector);
  const loss = datafit.value(fit);
  const objective = loss + beta * penalty;

  const giveUp = claim.giveUp ?? (() => false);
  const poll = everyRows(d * c * c);
  const constraintOf = (T: Float64Array): Float64Array | undefined => {
    const out = new Float64Array(P);
    for (let i = 0; i < P; i++) {
      if (i % poll === 0 && giveUp()) return undefined;
      out[i] = norms.dual(T.subarray(i * d * c, (i + 1) * d * c)) / beta;
    }
    return out;
  };

  // Until a better one is judged the dual point is 0: feasible with every constraint at 0.
  let feasibleDual: Float64Array = new Float64Array(n * c);
  let gateConstraint: Float64Array = new Float64Array(P);
  let dualBound = Math.min(datafit.dualBelow(feasibleDual), objective);
  /** Those of the dual point judged first. */
  let judged: { readonly T: Float64Array; readonly constraint: Float64Array } | undefined;
  const judge = (V: Float64Array): boolean => {
    const T = maskedProducts(X, patterns, V, c, giveUp);
    const constraint = T && constraintOf(T);
    if (T === undefined || constraint === undefined) return false;
    judged ??= { T, constraint };
    const top = largest(constraint);
    // sums of 32 rows are 12 additions deep, and a pattern adds one such sum per word
    const rounding = roundingOfProducts(rowNorms(X), V, c, patterns.wordsPerPattern + 12 + d * c + 8) / beta;
    const proven = dualBoundAt(datafit, V, top + rounding, objective);
    if (proven.value > dualBound) {
      [dualBound, gateConstraint, feasibleDual] = [proven.value, constraint, proven.point];
    }
    return true;
  };

  const dual = new Float64Array(n * c);
  datafit.dualPoint(fit, dual);
  let complete = true;
  if (claim.dual !== undefined) {
    const projected = claim.dual.slice();
    datafit.projectDual(projected);
    complete = judge(projected);
  }
  complete &&= judge(dual);

  const T = judged?.T ?? new Float64Array(P * d * c);
  const blockOf = new Map(blocks.map((block) => [block.gate, block.vector]));
  let stationarity = 0;
  let pairing = 0;
  for (let i = 0; i < P; i++) {
    const part = T.subarray(i * d * c, (i + 1) * d * c);
    const block = blockOf.get(i);
    // a gate that is not used and may not be is as it should
    if (block === undefined && (judged === undefined || judged.constraint[i] <= 1)) continue;
    stationarity = Math.max(stationarity, norms.stationarity(block, part, beta) / beta);
    if (block !== undefined) for (let k = 0; k < d * c; k++) pairing += block[k] * part[k];
  }

  let { betaMax } = claim;
  if (betaMax === undefined && complete) {
    const zeroDual = new Float64Array(n * c);
    datafit.dualPoint(new Float64Array(n * c), zeroDual);
    const atZero = maskedProducts(X, patterns, zeroDual, c, giveUp);
    const constraint = atZero && constraintOf(atZero);
    if (constraint !== undefined) betaMax = largest(constraint) * beta;
  }
  return {
    objective,
    datafit: loss,
    penalty,
    fit,
    dualBound,
    relativeGap: relativeGap(objective, dualBound),
    feasibleDual,
    dual,
    gateConstraint,
    betaMax,
    kkt: {
      stationarity,
      cone: 0,
      complementarity: Math.abs(beta * penalty - pairing) / Math.max(Math.abs(objective), Number.MIN_VALUE),
    },
  };
}

/** sum_i D_i X U_i, n x c. Sums over all subsets of eight blocks are tabled, so that a row is multiplied once for eight of them. */
function fitOf(X: DenseMatrix, patterns: PatternSet, blocks: readonly GateBlock[], c: number): Float64Array {
  const { rows: n, cols: d } = X;
  const size = d * c;
  const fit = new Float64Array(n * c);
  const table = new Float64Array(256 * size);
  for (let first = 0; first < blocks.length; first += 8) {
    const some = blocks.slice(first, first + 8);
    some.forEach(({ vector }, b) => {
      const half = (1 << b) * size;
      for (let t = 0; t < half; t += size) {
        for (let k = 0; k < size; k++) table[half + t + k] = table[t + k] + vector[k];
      }
    });
    for (let r = 0; r < n; r++) {
      let byte = 0;
      some.forEach(({ gate }, b) => {
        byte |= ((patterns.words[gate * patterns.wordsPerPattern + (r >> 5)] >>> (r & 31)) & 1) << b;
      });
      if (byte === 0) continue;
      for (let o = 0; o < c; o++) {
        let s = 0;
        for (let k = 0, at = byte * size + o; k < d; k++, at += c) s += X.data[r * d + k] * table[at];
        fit[r * c + o] += s;
      }
    }
  }
  return fit;
}

/** Columns of a block handled at a time, so that the tables stay in the cache. */
const tileColumns = 32;
/** Additions between two looks at `giveUp`. */
const pollAdditions = 4e6;

/**
 * X' D_i V for every pattern (P x d x c), or undefined when given up. The sums over all subsets of eight rows are tabled once and looked up
 * by each pattern's bytes, four at a time, which saves most of the additions of the plain loops.
 */
function maskedProducts(
  X: DenseMatrix,
  patterns: PatternSet,
  V: Float64Array,
  c: number,
  giveUp: () => boolean,
): Float64Array | undefined {
  const { rows: n, cols: d } = X;
  const { count: P, words, wordsPerPattern } = patterns;
  const block = d * c;
  const sums = new Float64Array(P * block);
  const table = new Float64Array(1024 * tileColumns);
  const line = new Float64Array(tileColumns);
  let additions = 0;
  for (let from = 0; from < block; from += tileColumns) {
    const width = Math.min(tileColumns, block - from);
    for (let word = 0; word < wordsPerPattern; word++) {
      additions += (1024 + 4 * P) * width;
      if (additions > pollAdditions) {
        if (giveUp()) return undefined;
        additions = 0;
      }
      for (let b = 0; b < 32; b++) {
        const r = 32 * word + b;
        for (let k = 0; k < width; k++) {
          const j = Math.floor((from + k) / c);
          line[k] = r < n ? X.data[r * d + j] * V[r * c + from + k - j * c] : 0;
        }
        const start = (b >> 3) * 256 * width;
        const half = width << (b & 7);
        if ((b & 7) === 0) table.fill(0, start, start + width);
        for (let t = start; t < start + half; t += width) {
          for (let k = 0; k < width; k++) table[half + t + k] = table[t + k] + line[k];
        }
      }
      for (let i = 0; i < P; i++) {
        const bits = words[i * wordsPerPattern + word];
        if (bits === 0) continue;
        const to = i * block + from;
        const t0 = (bits & 255) * width;
        const t1 = (256 + ((bits >>> 8) & 255)) * width;
        const t2 = (512 + ((bits >>> 16) & 255)) * width;
        const t3 = (768 + (bits >>> 24)) * width;
        for (let k = 0; k < width; k++) sums[to + k] += table[t0 + k] + table[t1 + k] + (table[t2 + k] + table[t3 + k]);
      }
    }
  }
  return sums;
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
  return namedEntry(norms, kind, 'outputPenalty')(d, c);
}

const norms: Readonly<Record<OutputPenalty, (d: number, c: number) => BlockNorms>> = {
  'per-output': (d, c) => groupNorms(d, c, c),
  frobenius: (d, c) => groupNorms(d, c, 1),
  // with one output it is the Euclidean norm
  nuclear: (d, c) => (c > 1 ? nuclearNorms(d, c) : groupNorms(d, c, 1)),
};

/** Euclidean norms of the columns (groups = c) or of the whole d x c block (groups = 1). */
function groupNorms(d: number, c: number, groups: number): BlockNorms {
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
