import { addOuterProducts } from '../../base/linalg/cholesky.ts';
import { denseMatrix } from '../../base/linalg/matrix.ts';
import { symmetricEigen } from '../../base/linalg/symmetricEigen.ts';
import type { LocalProblem } from '../relu/activeNeurons.ts';
import { PositiveSystem } from '../../base/systems/positiveSystem.ts';
import type { FaceNeuron } from './face.ts';

/** Lower triangle of the Newton matrix, size x size, and minus the gradient. */
interface FaceMatrix {
  readonly A: Float64Array;
  readonly size: number;
  readonly rhs: Float64Array;
}

/**
 * Newton direction of the neurons (their coordinates from `at` on: within the face, then outgoing weights; the offset last) and the derivative of the
 * objective along it, at the dual point V (n x c) with the Hessian H of the loss (n blocks of c x c); undefined when stopped. Slopes of the neurons come first.
 */
export function faceDirection(
  problem: LocalProblem,
  neurons: readonly FaceNeuron[],
  V: Float64Array,
  H: Float64Array,
  damping: number,
  shouldStop: () => boolean,
): { readonly x: Float64Array; readonly slope: number } | undefined {
  const { rows: n, outputs: c } = problem.datafit;
  let size = 0;
  for (const neuron of neurons) {
    neuron.at = size;
    size += neuron.dim + c;
  }
  const stacked = size;
  if (problem.offset) size += c;
  const system = new PositiveSystem(size, problem.kernels);
  try {
    system.clear();
    const matrix: FaceMatrix = { A: system.matrix, size, rhs: new Float64Array(size) };
    const { A, rhs } = matrix;
    for (let one = 0; one < neurons.length; one++) {
      if (shouldStop()) return undefined;
      for (let two = 0; two <= one; two++) addPair(matrix, H, c, neurons[one], neurons[two]);
      addOwn(matrix, problem, neurons[one], V);
      if (problem.offset) addOffset(matrix, neurons[one], H, c, stacked);
    }
    if (problem.offset) {
      for (let i = 0; i < n; i++) {
        for (let o = 0; o < c; o++) {
          rhs[stacked + o] += V[i * c + o];
          for (let p = 0; p <= o; p++) A[(stacked + o) * size + stacked + p] += H[(i * c + o) * c + p];
        }
      }
    }
    let trace = 0;
    for (let i = 0; i < size; i++) trace += A[i * size + i];
    for (let i = 0; i < size; i++) A[i * size + i] += (damping * trace) / size;
    const slopes = rhs.slice();
    if (!system.factor(shouldStop)) return undefined;
    system.solve(rhs);
    let slope = 0;
    for (let i = 0; i < size; i++) slope -= slopes[i] * rhs[i];
    return Number.isFinite(slope) ? { x: rhs, slope } : undefined;
  } finally {
    system.dispose();
  }
}

/** Gauss-Newton block of two neurons: rows that both are on for. */
function addPair({ A, size }: FaceMatrix, H: Float64Array, c: number, g: FaceNeuron, h: FaceNeuron): void {
  const same = g === h;
  const mine: number[] = [];
  const theirs: number[] = [];
  for (let r = 0, s = 0; r < g.on.length && s < h.on.length;) {
    const difference = g.on[r] - h.on[s];
    if (difference === 0) {
      mine.push(r);
      theirs.push(s);
    }
    if (difference <= 0) r++;
    if (difference >= 0) s++;
  }
  const common = mine.length;
  // H a of the other neuron, row by row, and a'H a
  const right = new Float64Array(common * c);
  const left = new Float64Array(common * c);
  const both = new Float64Array(common);
  for (let k = 0; k < common; k++) {
    const from = g.on[mine[k]] * c * c;
    for (let o = 0; o < c; o++) {
      let r = 0;
      let l = 0;
      for (let p = 0; p < c; p++) {
        r += H[from + o * c + p] * h.a[p];
        l += H[from + o * c + p] * g.a[p];
      }
      right[k * c + o] = r;
      left[k * c + o] = l;
      both[k] += g.a[o] * r;
    }
  }
  const P = new Float64Array(g.dim * common);
  const Q = new Float64Array(h.dim * common);
  for (let x = 0; x < g.dim; x++) {
    const from = x * g.on.length;
    for (let k = 0; k < common; k++) P[x * common + k] = both[k] * g.features[from + mine[k]];
  }
  for (let y = 0; y < h.dim; y++) {
    const from = y * h.on.length;
    for (let k = 0; k < common; k++) Q[y * common + k] = h.features[from + theirs[k]];
  }
  addOuterProducts(P, g.dim, Q, h.dim, common, A, g.at, h.at, size, same);
  for (let o = 0; o < c; o++) {
    // outgoing weights of g against directions of h, and (once) the other way round
    const row = (g.at + g.dim + o) * size;
    for (let y = 0; y < h.dim; y++) {
      let s = 0;
      for (let k = 0; k < common; k++) s += g.phi[mine[k]] * right[k * c + o] * Q[y * common + k];
      A[row + h.at + y] += s;
    }
    if (!same) {
      for (let x = 0; x < g.dim; x++) {
        let s = 0;
        const from = x * g.on.length;
        for (let k = 0; k < common; k++) s += h.phi[theirs[k]] * left[k * c + o] * g.features[from + mine[k]];
        A[(g.at + x) * size + h.at + h.dim + o] += s;
      }
    }
    for (let p = 0; p < (same ? o + 1 : c); p++) {
      let s = 0;
      for (let k = 0; k < common; k++) {
        s += g.phi[mine[k]] * h.phi[theirs[k]] * H[(g.on[mine[k]] * c + o) * c + p];
      }
      A[row + h.at + h.dim + p] += s;
    }
  }
}

/** The neuron's own curvature and its gradient. */
function addOwn({ A, size, rhs }: FaceMatrix, problem: LocalProblem, neuron: FaceNeuron, V: Float64Array): void {
  const { beta, penalizedCols: q, datafit } = problem;
  const d = problem.X.cols;
  const c = datafit.outputs;
  const { w, a, basis, dim, slope, at, on, phi } = neuron;
  const order = dim + c;
  const B = denseMatrix(order, order);
  for (let m = 0; m < dim; m++) {
    const column = basis.subarray(m * d, (m + 1) * d);
    let along = 0;
    for (let o = 0; o < c; o++) {
      let s = 0;
      for (let j = 0; j < d; j++) s += column[j] * slope[j * c + o];
      B.data[m * order + dim + o] = B.data[(dim + o) * order + m] = -s;
      along += s * a[o];
    }
    for (let j = 0; j < q; j++) along -= beta * column[j] * w[j];
    rhs[at + m] += along;
    for (let k = 0; k < dim; k++) {
      const unpenalized = q < d ? column[d - 1] * basis[k * d + d - 1] : 0;
      B.data[m * order + k] = beta * ((m === k ? 1 : 0) - unpenalized);
    }
  }
  for (let o = 0; o < c; o++) {
    B.data[(dim + o) * order + dim + o] = beta;
    let s = -beta * a[o];
    for (let r = 0; r < on.length; r++) s += V[on[r] * c + o] * phi[r];
    rhs[at + dim + o] += s;
  }
  const { values, vectors } = symmetricEigen(B);
  for (let e = 0; e < order; e++) {
    const value = Math.abs(values[e]);
    for (let x = 0; x < order; x++) {
      const scaled = value * vectors[e * order + x];
      for (let y = 0; y <= x; y++) A[(at + x) * size + at + y] += scaled * vectors[e * order + y];
    }
  }
}

/** The offset's rows against a neuron. */
function addOffset({ A, size }: FaceMatrix, neuron: FaceNeuron, H: Float64Array, c: number, stacked: number): void {
  const { a, on, features, phi, dim, at } = neuron;
  for (let r = 0; r < on.length; r++) {
    for (let o = 0; o < c; o++) {
      const row = (stacked + o) * size + at;
      let along = 0;
      for (let p = 0; p < c; p++) {
        const h = H[(on[r] * c + o) * c + p];
        along += h * a[p];
        A[row + dim + p] += h * phi[r];
      }
      for (let x = 0; x < dim; x++) A[row + x] += along * features[x * on.length + r];
    }
  }
}
