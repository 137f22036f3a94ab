import type { PatternSet } from '../patterns.ts';
import type { DenseMatrix } from '../linalg/matrix.ts';

/**
 * The numeric kernels every solver runs on. All matrices are double precision (within a `ReluLayer` single), row-major and tightly packed. There are two
 * implementations behind this interface, interchangeable and synchronous: plain TypeScript (`reference.ts`, the definition of
 * what is computed) and WebAssembly (`wasmKernels.ts`). Large things (the data, its bit patterns, Gram and Hessian matrices) live in
 * handles that are created once per problem and freed with `dispose()`; vectors go in and out as ordinary arrays.
 *
 * Results do not depend on the number of threads. Arrays passed in are only written where the name says so (`out`, `C`, `y`).
 */
export interface Kernels {
  readonly name: 'typescript' | 'wasm-simd' | 'wasm-relaxed-simd';
  /** Threads that work on one call (1 when there is no pool). */
  readonly threads: number;
  /** Bytes held by handles and arrays not yet given back. */
  readonly bytesInUse: number;
  /** Bytes that may be held; what goes beyond is refused with a `KernelMemoryError` before it is allocated. */
  budgetBytes: number;

  /**
   * Asked now and then during calls that take longer than some 10 ms; when it answers true, the call ends with a `KernelsInterrupted` and what it
   * was to write is undefined.
   */
  interrupt: (() => boolean) | undefined;

  /**
   * A zeroed array that the kernels use in place (ordinary arrays are copied in and out on every call, which is cheap for vectors and for products
   * of large matrices, but not for many small products). Sub-arrays of it are used in place, too.
   */
  alloc(length: number): Float64Array;
  /** Gives an array of `alloc` back; it must not be used afterwards. */
  free(array: Float64Array): void;

  /** The operator (V_i) -> sum_i D_i X V_i for the patterns D_i ; X (n x d) and the P patterns over its rows are copied. */
  createMaskedOperator(X: DenseMatrix, patterns: PatternSet): MaskedOperator;
  /** A symmetric positive definite matrix of the given order with its Cholesky factor, initially zero. */
  createSymmetricSystem(order: number): SymmetricSystem;
  /** Products with X and weighted Gram matrices of its rows; X (n x d) is copied unless `alloc` gave its array, once for all handles on the same array: it must not change while there is one. */
  createRowOperator(X: DenseMatrix): RowOperator;
  /** A layer of rectified neurons, each belonging to one of c outputs, on at most `capacity` rows of d features; in single precision. */
  createReluLayer(capacity: number, d: number, outputOf: Int32Array, c: number): ReluLayer;

  /**
   * C := alpha op(A) op(B) + beta C, with op(A) m x k and op(B) k x n; `transA` says that A is stored as its transpose (k x m), `transB` the same
   * for B (n x k). C (m x n) must not overlap A or B. With beta = 0, C may hold anything, also NaN.
   */
  gemm(
    transA: boolean,
    transB: boolean,
    m: number,
    n: number,
    k: number,
    alpha: number,
    A: Float64Array,
    B: Float64Array,
    beta: number,
    C: Float64Array,
  ): void;
  /** y := alpha op(A) x + beta y for A stored m x n; op is the transpose when `trans`. */
  gemv(
    trans: boolean,
    m: number,
    n: number,
    alpha: number,
    A: Float64Array,
    x: Float64Array,
    beta: number,
    y: Float64Array,
  ): void;
  /** Lower triangle of C := alpha op(A) op(A)' + beta C (n x n), op(A) n x k; `trans`: A is stored k x n. Entries above the diagonal are left alone. */
  syrk(trans: boolean, n: number, k: number, alpha: number, A: Float64Array, beta: number, C: Float64Array): void;

  /**
   * H (rows x cols) := max(H, 0) in place; `mask` receives 1 where the entry was > 0: rows x ceil(cols / 32) words, entry (i, j) being bit `j & 31` of
   * word `j >> 5` of row i.
   */
  relu(rows: number, cols: number, H: Float64Array, mask: Uint32Array): void;
  /** G (rows x cols) := G where the mask of `relu` is 1, else 0: its backward pass. */
  applyMask(rows: number, cols: number, G: Float64Array, mask: Uint32Array): void;

  /** Frees everything; the kernels must not be used afterwards. */
  dispose(): void;
}

/** Sum over gates of D_i X V_i and what belongs to it. n rows, d features, P gates; c outputs chosen per call. */
export interface MaskedOperator {
  readonly rows: number;
  readonly features: number;
  readonly gates: number;

  /**
   * out (n x c) := sum over k of D_{gates[k]} X V_k. V holds one d x c block per listed gate, in the order of the list (m x d x c);
   * without `gates` one block for every gate.
   */
  forward(V: Float64Array, outputs: number, out: Float64Array, gates?: Int32Array): void;

  /** out block k (d x c) := X' D_{gates[k]} xi, with xi n x c; without `gates` for all P gates (P x d x c). */
  adjoint(xi: Float64Array, outputs: number, out: Float64Array, gates?: Int32Array): void;

  /** Row k of out (m x n x c) := D_{gates[k]} X W_k: the fit of each listed gate by itself, W as V in `forward`. */
  fits(W: Float64Array, outputs: number, out: Float64Array, gates: Int32Array): void;

  /** H := the generalised Hessian described by the terms; `H.order` must be n * c. Forms K = X X' at the first call and keeps it. */
  hessian(terms: HessianTerms, H: SymmetricSystem): void;

  dispose(): void;
}

/**
 * diag(diagonal) + sigma * ( sum_k A_k + sum_t b_t q_t q_t' ) on vectors of length n * c (row-major n x c), where A_k
 * acts on output k alone, as K o (sum_i a_ik 1_i 1_i'): K = XX', "o" the elementwise product, 1_i the 0/1 vector of gate i.
 * This is the generalised Hessian of the semismooth Newton method for the group Lasso (Zhang, Zhang, Sun, Toh 2020, section 3) with the data
 * matrix [D_1 X ... D_P X], arranged so that the number of features does not enter.
 */
export interface HessianTerms {
  readonly outputs: number;
  readonly sigma: number;
  /** n * c, or one number for all. */
  readonly diagonal: Float64Array | number;
  /** m gates with a non-zero weight. */
  readonly gates: Int32Array;
  /** m x c. */
  readonly a: Float64Array;
  /** One weight per rank-one term. */
  readonly b: Float64Array;
  /** One vector per rank-one term: of length n * c; or of length n when `outputOf` is given. */
  readonly q: Float64Array;
  /** The output that each rank-one term belongs to (penalties per output). */
  readonly outputOf?: Int32Array;
}

/** Where d coordinates stand in a symmetric matrix: as `dim` ones from `from` on, the rows of Z (dim x d, `basis`); without a basis all d as they are. */
export interface BlockPlace {
  readonly from: number;
  readonly dim: number;
  readonly sign: 1 | -1;
  readonly basis: Float64Array | undefined;
}

export interface SymmetricSystem {
  readonly order: number;
  /**
   * The matrix, order x order, of which the lower triangle counts; after `factor` the Cholesky factor L. Take this anew after
   * any `create...` or `alloc` call: without shared memory the buffer may have moved.
   */
  readonly matrix: Float64Array;
  /** Sets the lower triangle to zero. */
  clear(): void;
  /** matrix += s I, or += diag(s). */
  addDiagonal(s: Float64Array | number): void;
  /** matrix += alpha A diag(w) A' (lower triangle) for A order x k, stored transposed (k x order) when `trans`; w defaults to ones. */
  addProduct(trans: boolean, k: number, alpha: number, A: Float64Array, w?: Float64Array): void;
  /**
   * matrix += sign_a sign_b Z_a B_ab Z_b' at the places of a and b, for all pairs b <= a of m places (lower triangle): B_ab, d x d, stands in `blocks` at index a (a + 1) / 2 + b,
   * as `RowOperator.grams` writes them, of a = b in `own` at index a, both triangles.
   */
  addBlocks(blocks: Float64Array, own: Float64Array, d: number, places: readonly BlockPlace[]): void;
  /** matrix := its Cholesky factor L. False when it is not (numerically) positive definite; the matrix is lost then. */
  factor(): boolean;
  /** B (order x columns, columns defaults to 1) := (L L')^-1 B, in place; `factor` comes first. */
  solve(B: Float64Array, columns?: number): void;
  /** B := L^-1 B. */
  solveLower(B: Float64Array, columns?: number): void;
  /** B := L'^-1 B. */
  solveUpper(B: Float64Array, columns?: number): void;
  dispose(): void;
}

/** Rows from `from` up to, but without, `to`. */
export interface RowSpan {
  readonly from: number;
  readonly to: number;
}

/** Some patterns of rows: count x ceil(n / 32) words, row r being bit `r & 31` of word `r >> 5`. Of pairs b <= a only those with a >= first (default 0) count. */
export interface PatternBits {
  readonly bits: Uint32Array;
  readonly count: number;
  readonly first?: number;
}

/** What Newton's method on rectified neurons needs of the data matrix X (n x d). */
export interface RowOperator {
  readonly rows: number;
  readonly features: number;
  /** out (count x r) := U X' for U of count rows of d numbers, X being the r rows of the data in `span` (default: all). */
  products(U: Float64Array, count: number, out: Float64Array, span?: RowSpan): void;
  /** out (count x d) := B X for B of count rows of r numbers. */
  sums(B: Float64Array, count: number, out: Float64Array, span?: RowSpan): void;
  /**
   * For every pair b <= a of `count` patterns of rows the d x d block X' D_a diag(w) D_b X, row-major, at index a (a + 1) / 2 + b of out; of the blocks a = b
   * only the lower triangle. Pattern a belongs to output
   * outputOf[a], and w_r = W[(r c + outputOf[a]) c + outputOf[b]] for W of n blocks of c x c.
   */
  grams(patterns: PatternBits, W: Float64Array, c: number, outputOf: Int32Array, out: Float64Array): void;
  /** Makes of `out`, as `grams` writes it for `count` patterns before, that for the patterns after, by the rows that pairs gain and lose; blocks a = b change in their lower triangle at least. */
  changeGrams(
    patterns: { readonly before: Uint32Array; readonly after: Uint32Array },
    count: number,
    W: Float64Array,
    c: number,
    outputOf: Int32Array,
    out: Float64Array,
  ): void;
  dispose(): void;
}

/** What descent and ascents need of m rectified neurons on some rows of data: sums within are of single precision, which their steps do not notice. */
export interface ReluLayer {
  /** Takes `count` rows of X: those at order[from], order[from + 1], ..., or without an order from `from` on. */
  load(X: DenseMatrix, order: Int32Array | null, from: number, count: number): void;
  /** F (rows x c) := sum over the first `count` neurons j (default: all m) of a_j (X w_j)_+ in column outputOf[j]; W count x d. */
  forward(W: Float64Array, a: Float64Array, F: Float64Array, count?: number): void;
  /** Row j of sums (count x d, as in the last `forward`) := the sum of G[r, outputOf[j]] x_r over the rows on which neuron j was on in the last `forward`; G rows x c. */
  backward(G: Float64Array, sums: Float64Array): void;
  dispose(): void;
}

/** The problem does not fit the memory that the kernels may use. Raised before anything is allocated. */
export class KernelMemoryError extends Error {
  override readonly name = 'KernelMemoryError';
  constructor(
    readonly bytesNeeded: number,
    readonly bytesAvailable: number,
    hint = '',
  ) {
    super(
      `this needs ${formatBytes(bytesNeeded)} of memory, ${formatBytes(Math.max(0, bytesAvailable))} are left${hint === '' ? '' : `: ${hint}`}`,
    );
  }
}

/** A call was ended by `Kernels.interrupt`. */
export class KernelsInterrupted extends Error {
  override readonly name = 'KernelsInterrupted';
  constructor() {
    super('interrupted');
  }
}

/** Bytes as people read them. */
export function formatBytes(bytes: number): string {
  return bytes >= 2 ** 30 ? `${(bytes / 2 ** 30).toFixed(2)} GiB` : `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
