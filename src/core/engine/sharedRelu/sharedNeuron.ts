import type { SharedNeuron } from '../../network/mapping.ts';
import { norm2 } from '../../base/linalg/matrix.ts';
import type { Datafit } from '../../problem/datafits/datafit.ts';
import type { LocalProblem } from '../relu/activeNeurons.ts';

/** ||w|| ||a||, the norm of w over the penalised columns. */
export function sizeOf({ w, a }: SharedNeuron, penalizedCols: number): number {
  return norm2(w.subarray(0, penalizedCols)) * norm2(a);
}

/** The same neuron with ||w|| = ||a||; undefined when it adds nothing or nothing that is paid for. */
export function balancedShared({ w, a }: SharedNeuron, penalizedCols: number): SharedNeuron | undefined {
  const inner = norm2(w.subarray(0, penalizedCols));
  const outer = norm2(a);
  if (!(inner > 0 && outer > 0)) return undefined;
  const scale = Math.sqrt(outer / inner);
  return { w: w.map((x) => scale * x), a: a.map((x) => x / scale) };
}

/** t_k = direction_k'w of every row class. */
export function classProducts({ classes, X }: LocalProblem, w: ArrayLike<number>, out: Float64Array): void {
  const d = X.cols;
  const { count, start, rows, scale } = classes;
  for (let k = 0; k < count; k++) {
    const row = rows[start[k]];
    let s = 0;
    for (let j = 0, at = row * d; j < d; j++) s += X.data[at + j] * w[j];
    out[k] = s / scale[row];
  }
}

/** Fit F (n x c) of neurons and offset; returns loss + beta * penalty. */
export function evaluateShared(
  { X, datafit, beta, penalizedCols }: LocalProblem,
  neurons: readonly SharedNeuron[],
  offset: ArrayLike<number>,
  F: Float64Array,
): number {
  const { rows: n, cols: d } = X;
  const c = datafit.outputs;
  for (let i = 0; i < n; i++) for (let o = 0; o < c; o++) F[i * c + o] = offset[o];
  let penalty = 0;
  for (const neuron of neurons) {
    const { w, a } = neuron;
    for (let i = 0, at = 0; i < n; i++, at += d) {
      let t = 0;
      for (let j = 0; j < d; j++) t += X.data[at + j] * w[j];
      if (t <= 0) continue;
      for (let o = 0; o < c; o++) F[i * c + o] += t * a[o];
    }
    penalty += sizeOf(neuron, penalizedCols);
  }
  return datafit.value(F) + beta * penalty;
}

/**
 * The loss as a function of the lengths along K outgoing directions: l(G S' + 1 b') for G (n x K), S (K unit vectors of length c, one after the other),
 * b the offset. With the outgoing directions fixed, neurons that feed all outputs are neurons that feed one of these K, so that the program for
 * one group per output and its Newton method apply.
 */
export function spannedDatafit(datafit: Datafit, S: Float64Array, offset: ArrayLike<number>): Datafit {
  const { rows: n, outputs: c } = datafit;
  const K = S.length / c;
  const F = new Float64Array(n * c);
  const V = new Float64Array(n * c);
  const H = new Float64Array(n * c * c);
  const half = new Float64Array(K * c);
  const w = datafit.factorCols;
  const L = new Float64Array(n * c * w);
  const expand = (G: Float64Array): Float64Array => {
    for (let i = 0; i < n; i++) {
      for (let o = 0; o < c; o++) {
        let s = offset[o];
        for (let k = 0; k < K; k++) s += G[i * K + k] * S[k * c + o];
        F[i * c + o] = s;
      }
    }
    return F;
  };
  const contract = (V: Float64Array, out: Float64Array): void => {
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < K; k++) {
        let s = 0;
        for (let o = 0; o < c; o++) s += V[i * c + o] * S[k * c + o];
        out[i * K + k] = s;
      }
    }
  };
  const missing = (): never => {
    throw new TypeError('a loss along given outgoing directions has no conjugate of its own');
  };
  return {
    name: `${datafit.name} along given directions`,
    targets: datafit.targets,
    smooth: datafit.smooth,
    quadratic: false,
    curved: datafit.curved,
    separable: false,
    coercive: false,
    rows: n,
    outputs: K,
    lipschitz: datafit.lipschitz * K,
    dualModulus: 0,
    value: (G) => datafit.value(expand(G)),
    gradient(G, out) {
      datafit.gradient(expand(G), V);
      contract(V, out);
    },
    dualPoint(G, out) {
      datafit.dualPoint(expand(G), V);
      contract(V, out);
    },
    hessian(G, out) {
      datafit.hessian(expand(G), H);
      for (let i = 0; i < n; i++) {
        const from = i * c * c;
        for (let k = 0; k < K; k++) {
          for (let p = 0; p < c; p++) {
            let s = 0;
            for (let o = 0; o < c; o++) s += S[k * c + o] * H[from + o * c + p];
            half[k * c + p] = s;
          }
        }
        for (let k = 0; k < K; k++) {
          for (let l = 0; l <= k; l++) {
            let s = 0;
            for (let p = 0; p < c; p++) s += half[k * c + p] * S[l * c + p];
            out[(i * K + k) * K + l] = s;
            out[(i * K + l) * K + k] = s;
          }
        }
      }
    },
    factorCols: w,
    hessianFactor(G, out) {
      datafit.hessianFactor(expand(G), L);
      for (let i = 0; i < n; i++) {
        for (let k = 0; k < K; k++) {
          for (let q = 0; q < w; q++) {
            let s = 0;
            for (let o = 0; o < c; o++) s += S[k * c + o] * L[(i * c + o) * w + q];
            out[(i * K + k) * w + q] = s;
          }
        }
      }
    },
    lossOfRows: missing,
    dualValue: missing,
    dualBelow: missing,
    ofOutput: missing,
    projectDual: missing,
    balanceDual: missing,
    fitOfDual: missing,
    prox: missing,
  };
}
