import { isOn, onRows, pairsOf, type PatternSet } from '../patterns.ts';
import type { DenseMatrix } from '../linalg/matrix.ts';
import { placeBlocks } from './placeBlocks.ts';
import {
  KernelMemoryError,
  type Kernels,
  KernelsInterrupted,
  type MaskedOperator,
  type ReluLayer,
  type RowOperator,
  type RowSpan,
  type SymmetricSystem,
} from './kernels.ts';

/** The kernels in plain TypeScript: the definition the fast ones are tested against, and the fall-back without WebAssembly SIMD. */
export function createReferenceKernels(): Kernels {
  let bytesInUse = 0;
  const allocated = new WeakSet<Float64Array>();
  const hold = (bytes: number): (() => void) => {
    const room = kernels.budgetBytes - bytesInUse;
    if (bytes > room) throw new KernelMemoryError(bytes, room);
    bytesInUse += bytes;
    let held = true;
    return () => {
      if (held) bytesInUse -= bytes;
      held = false;
    };
  };
  const poll = (): void => {
    if (kernels.interrupt?.() === true) throw new KernelsInterrupted();
  };
  const kernels: Kernels = {
    name: 'typescript',
    threads: 1,
    budgetBytes: 2 ** 32,
    interrupt: undefined,
    get bytesInUse() {
      return bytesInUse;
    },
    alloc(length) {
      hold(8 * length);
      const array = new Float64Array(length);
      allocated.add(array);
      return array;
    },
    free(array) {
      if (allocated.delete(array)) bytesInUse -= array.byteLength;
    },
    createMaskedOperator: (X, patterns) =>
      maskedOperator(X, patterns, hold(X.data.byteLength + patterns.words.byteLength), poll),
    createSymmetricSystem: (order) => symmetricSystem(order, hold(8 * order * order), poll),
    createRowOperator: (X) => rowOperator(X, hold(X.data.byteLength), poll),
    createReluLayer: (capacity, d, outputOf, c) => reluLayer(d, outputOf, c, hold(8 * capacity * d), poll),
    ...reference,
    dispose: () => undefined,
  };
  return kernels;
}

function maskedOperator(source: DenseMatrix, given: PatternSet, release: () => void, poll: () => void): MaskedOperator {
  const { rows: n, cols: d } = source;
  if (given.rows !== n) throw new RangeError(`the patterns cover ${given.rows} rows, the data have ${n}`);
  const X = source.data.slice();
  const patterns: PatternSet = { ...given, words: given.words.slice() };
  let gram: Float64Array | undefined;

  return {
    rows: n,
    features: d,
    gates: patterns.count,
    forward(V, c, out, gates) {
      const m = gates?.length ?? patterns.count;
      out.fill(0, 0, n * c);
      for (let k = 0; k < m; k++) {
        poll();
        for (const r of onRows(patterns, gates?.[k] ?? k)) {
          for (let o = 0; o < c; o++) {
            let s = 0;
            for (let j = 0, x = r * d, v = k * d * c + o; j < d; j++, v += c) s += X[x + j] * V[v];
            out[r * c + o] += s;
          }
        }
      }
    },
    adjoint(xi, c, out, gates) {
      const m = gates?.length ?? patterns.count;
      out.fill(0, 0, m * d * c);
      for (let k = 0; k < m; k++) {
        poll();
        for (const r of onRows(patterns, gates?.[k] ?? k)) {
          for (let o = 0; o < c; o++) {
            const s = xi[r * c + o];
            for (let j = 0, x = r * d, g = k * d * c + o; j < d; j++, g += c) out[g] += s * X[x + j];
          }
        }
      }
    },
    fits(W, c, out, gates) {
      out.fill(0, 0, gates.length * n * c);
      for (let k = 0; k < gates.length; k++) {
        for (const r of onRows(patterns, gates[k])) {
          for (let o = 0; o < c; o++) {
            let s = 0;
            for (let j = 0, x = r * d, v = k * d * c + o; j < d; j++, v += c) s += X[x + j] * W[v];
            out[(k * n + r) * c + o] = s;
          }
        }
      }
    },
    hessian(terms, H) {
      const { outputs: c, sigma, gates, a, b, q, outputOf } = terms;
      const N = n * c;
      if (H.order !== N) throw new RangeError(`the Hessian has order ${N}, not ${H.order}`);
      if (gram === undefined) {
        gram = new Float64Array(n * n);
        syrk(false, n, d, 1, X, 0, gram);
      }
      const matrix = H.matrix;
      H.clear();
      const overlap = new Float64Array(n);
      const rowsOn = Array.from(gates, (gate) => onRows(patterns, gate));
      for (let o = 0; o < c; o++) {
        for (let r = 0; r < n; r++) {
          poll();
          overlap.fill(0);
          for (let k = 0; k < gates.length; k++) {
            if (!isOn(patterns, gates[k], r)) continue;
            for (const s of rowsOn[k]) overlap[s] += a[k * c + o];
          }
          for (let s = 0; s <= r; s++) matrix[(r * c + o) * N + s * c + o] = sigma * gram[r * n + s] * overlap[s];
        }
      }
      for (let t = 0; t < b.length; t++) {
        const o = outputOf?.[t];
        const [length, step, start] = o === undefined ? [N, 1, 0] : [n, c, o];
        for (let r = 0; r < length; r++) {
          const f = sigma * b[t] * q[t * length + r];
          if (f === 0) continue;
          const row = (r * step + start) * N + start;
          for (let s = 0; s <= r; s++) matrix[row + s * step] += f * q[t * length + s];
        }
      }
      H.addDiagonal(terms.diagonal);
    },
    dispose: release,
  };
}

function symmetricSystem(n: number, release: () => void, poll: () => void): SymmetricSystem {
  const A = new Float64Array(n * n);
  const solveLower = (B: Float64Array, columns = 1): void => {
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < i; k++) {
        const l = A[i * n + k];
        for (let j = 0; j < columns; j++) B[i * columns + j] -= l * B[k * columns + j];
      }
      for (let j = 0; j < columns; j++) B[i * columns + j] /= A[i * n + i];
    }
  };
  const solveUpper = (B: Float64Array, columns = 1): void => {
    for (let i = n - 1; i >= 0; i--) {
      for (let j = 0; j < columns; j++) B[i * columns + j] /= A[i * n + i];
      for (let k = 0; k < i; k++) {
        const l = A[i * n + k];
        for (let j = 0; j < columns; j++) B[k * columns + j] -= l * B[i * columns + j];
      }
    }
  };
  return {
    order: n,
    matrix: A,
    clear() {
      for (let i = 0; i < n; i++) A.fill(0, i * n, i * n + i + 1);
    },
    addDiagonal(s) {
      for (let i = 0; i < n; i++) A[i * n + i] += typeof s === 'number' ? s : s[i];
    },
    addProduct(trans, k, alpha, M, w) {
      const [rowStep, colStep] = trans ? [1, n] : [k, 1];
      const scaled = new Float64Array(k);
      for (let i = 0; i < n; i++) {
        for (let p = 0; p < k; p++) scaled[p] = alpha * (w?.[p] ?? 1) * M[i * rowStep + p * colStep];
        for (let j = 0; j <= i; j++) {
          let s = 0;
          for (let p = 0, q = j * rowStep; p < k; p++, q += colStep) s += scaled[p] * M[q];
          A[i * n + j] += s;
        }
      }
    },
    addBlocks(blocks, own, d, places) {
      poll();
      placeBlocks(A, n, blocks, own, d, places);
    },
    factor() {
      for (let i = 0; i < n; i++) {
        poll();
        for (let j = 0; j <= i; j++) {
          let s = A[i * n + j];
          for (let k = 0, p = i * n, q = j * n; k < j; k++) s -= A[p + k] * A[q + k];
          if (j < i) A[i * n + j] = s / A[j * n + j];
          else if (s > 0) A[i * n + i] = Math.sqrt(s);
          else return false;
        }
      }
      return true;
    },
    solve(B, columns) {
      solveLower(B, columns);
      solveUpper(B, columns);
    },
    solveLower,
    solveUpper,
    dispose: release,
  };
}

function rowOperator(source: DenseMatrix, release: () => void, poll: () => void): RowOperator {
  const { rows: n, cols: d } = source;
  const X = source.data.slice();
  const all: RowSpan = { from: 0, to: n };
  return {
    rows: n,
    features: d,
    products(U, count, out, { from, to } = all) {
      for (let k = 0, at = 0; k < count; k++) {
        poll();
        for (let r = from; r < to; r++, at++) {
          let s = 0;
          for (let j = 0, x = r * d, u = k * d; j < d; j++) s += X[x + j] * U[u + j];
          out[at] = s;
        }
      }
    },
    sums(B, count, out, { from, to } = all) {
      out.fill(0, 0, count * d);
      for (let k = 0, b = 0; k < count; k++) {
        poll();
        for (let r = from; r < to; r++, b++) {
          const value = B[b];
          if (value !== 0) for (let j = 0, x = r * d, o = k * d; j < d; j++) out[o + j] += value * X[x + j];
        }
      }
    },
    grams({ bits, count, first = 0 }, W, c, outputOf, out) {
      const words = (n + 31) >>> 5;
      for (let a = first, at = pairsOf(first) * d * d; a < count; a++) {
        for (let b = 0; b <= a; b++, at += d * d) {
          poll();
          out.fill(0, at, at + d * d);
          const w = outputOf[a] * c + outputOf[b];
          for (let r = 0; r < n; r++) {
            const both = bits[a * words + (r >>> 5)] & bits[b * words + (r >>> 5)];
            if (((both >>> (r & 31)) & 1) === 0) continue;
            for (let i = 0, x = r * d; i < d; i++) {
              const value = W[r * c * c + w] * X[x + i];
              const end = a === b ? i + 1 : d;
              for (let j = 0; j < end; j++) out[at + i * d + j] += value * X[x + j];
            }
          }
        }
      }
    },
    changeGrams({ before, after }, count, W, c, outputOf, out) {
      const words = (n + 31) >>> 5;
      for (let a = 0, at = 0; a < count; a++) {
        for (let b = 0; b <= a; b++, at += d * d) {
          poll();
          const w = outputOf[a] * c + outputOf[b];
          for (let r = 0; r < n; r++) {
            const [i, k] = [a * words + (r >>> 5), b * words + (r >>> 5)];
            const change = (((after[i] & after[k]) >>> (r & 31)) & 1) - (((before[i] & before[k]) >>> (r & 31)) & 1);
            if (change === 0) continue;
            for (let x = 0; x < d; x++) {
              const value = change * W[r * c * c + w] * X[r * d + x];
              for (let y = 0; y < d; y++) out[at + x * d + y] += value * X[r * d + y];
            }
          }
        }
      }
    },
    dispose: release,
  };
}

function reluLayer(d: number, outputOf: Int32Array, c: number, release: () => void, poll: () => void): ReluLayer {
  const m = outputOf.length;
  let used = m;
  let X = new Float64Array(0);
  let on = new Uint8Array(0);
  let n = 0;
  return {
    load(source, order, from, count) {
      n = count;
      X = new Float64Array(n * d);
      for (let i = 0; i < n; i++) {
        const row = (order === null ? from + i : order[from + i]) * d;
        X.set(source.data.subarray(row, row + d), i * d);
      }
      on = new Uint8Array(n * m);
    },
    forward(W, a, F, count = m) {
      used = count;
      F.fill(0, 0, n * c);
      for (let i = 0; i < n; i++) {
        if (i % 256 === 0) poll();
        for (let j = 0; j < used; j++) {
          let z = 0;
          for (let k = 0; k < d; k++) z += X[i * d + k] * W[j * d + k];
          on[i * m + j] = z > 0 ? 1 : 0;
          if (z > 0) F[i * c + outputOf[j]] += a[j] * z;
        }
      }
    },
    backward(G, sums) {
      sums.fill(0, 0, used * d);
      for (let i = 0; i < n; i++) {
        if (i % 256 === 0) poll();
        for (let j = 0; j < used; j++) {
          if (on[i * m + j] === 0) continue;
          const g = G[i * c + outputOf[j]];
          for (let k = 0; k < d; k++) sums[j * d + k] += g * X[i * d + k];
        }
      }
    },
    dispose: release,
  };
}

function scaleInto(beta: number, C: Float64Array, from: number, to: number): void {
  if (beta === 0) C.fill(0, from, to);
  else if (beta !== 1) for (let i = from; i < to; i++) C[i] *= beta;
}

/* oxlint-disable max-params -- the parameters of gemm, gemv and syrk are those of BLAS, in its order: who knows one knows the other */
const gemm: Kernels['gemm'] = (transA, transB, m, n, k, alpha, A, B, beta, C) => {
  scaleInto(beta, C, 0, m * n);
  const [aRow, aCol] = transA ? [1, m] : [k, 1];
  for (let i = 0; i < m; i++) {
    if (transB) {
      for (let j = 0; j < n; j++) {
        let s = 0;
        for (let p = 0, a = i * aRow, b = j * k; p < k; p++, a += aCol, b++) s += A[a] * B[b];
        C[i * n + j] += alpha * s;
      }
    } else {
      for (let p = 0, a = i * aRow; p < k; p++, a += aCol) {
        const f = alpha * A[a];
        for (let j = 0, c = i * n, b = p * n; j < n; j++, c++, b++) C[c] += f * B[b];
      }
    }
  }
};

const gemv: Kernels['gemv'] = (trans, m, n, alpha, A, x, beta, y) => {
  scaleInto(beta, y, 0, trans ? n : m);
  for (let i = 0, a = 0; i < m; i++) {
    if (trans) {
      const f = alpha * x[i];
      for (let j = 0; j < n; j++, a++) y[j] += f * A[a];
    } else {
      let s = 0;
      for (let j = 0; j < n; j++, a++) s += A[a] * x[j];
      y[i] += alpha * s;
    }
  }
};

const syrk: Kernels['syrk'] = (trans, n, k, alpha, A, beta, C) => {
  const [rowStep, colStep] = trans ? [1, n] : [k, 1];
  for (let i = 0; i < n; i++) {
    scaleInto(beta, C, i * n, i * n + i + 1);
    for (let j = 0; j <= i; j++) {
      let s = 0;
      for (let p = 0, a = i * rowStep, b = j * rowStep; p < k; p++, a += colStep, b += colStep) s += A[a] * A[b];
      C[i * n + j] += alpha * s;
    }
  }
};

const relu: Kernels['relu'] = (rows, cols, H, mask) => {
  const words = (cols + 31) >>> 5;
  mask.fill(0, 0, rows * words);
  for (let i = 0, h = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++, h++) {
      if (H[h] > 0) mask[i * words + (j >>> 5)] |= 1 << (j & 31);
      else H[h] = 0;
    }
  }
};

const applyMask: Kernels['applyMask'] = (rows, cols, G, mask) => {
  const words = (cols + 31) >>> 5;
  for (let i = 0, g = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++, g++) if (((mask[i * words + (j >>> 5)] >>> (j & 31)) & 1) === 0) G[g] = 0;
  }
};

/** The stateless part of the kernels. */
export const reference = { gemm, gemv, syrk, relu, applyMask };
