import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import { type Datafit, type Loss, type LossTraits, roundedDown } from './datafit.ts';
import { complementEntropy, entropy } from './entropy.ts';

const traits = {
  name: 'softmax',
  targets: 'classes',
  smooth: true,
  quadratic: false,
  curved: true,
  separable: false,
  coercive: false,
} as const satisfies LossTraits;

/**
 * Sum of ln sum_k exp(f_k) - f_class: with p = e_class - V in the simplex, -l*(-V) = -sum_k p_k ln p_k.
 * Rows of V sum to zero.
 */
function create(classes: DenseMatrix, c: number): Datafit {
  const n = classes.rows;
  const label = Int32Array.from(classes.data);
  const p = new Float64Array(c);
  const work = new Float64Array(c);
  return {
    ...traits,
    rows: n,
    outputs: c,
    lipschitz: 0.5,
    dualModulus: 1,
    value(F) {
      let total = 0;
      for (let i = 0; i < n; i++) total += logSumExp(F, i, c) - F[i * c + label[i]];
      return total;
    },
    gradient(F, G) {
      for (let i = 0; i < n; i++) {
        probabilities(F, i, p);
        for (let k = 0; k < c; k++) G[i * c + k] = p[k];
        G[i * c + label[i]] = restOf(p, label[i], c) * -1;
      }
    },
    lossOfRows(F, order, start, count, G) {
      let sum = 0;
      for (let k = 0; k < count; k++) {
        const target = label[order === null ? start + k : order[start + k]];
        sum += lossOfRow(F, k * c, target, c, G);
      }
      return sum;
    },
    hessian(F, H) {
      for (let i = 0; i < n; i++) {
        probabilities(F, i, p);
        for (let k = 0; k < c; k++) {
          for (let l = 0; l < c; l++) H[(i * c + k) * c + l] = -p[k] * p[l];
          H[(i * c + k) * c + k] = p[k] * restOf(p, k, c);
        }
      }
    },
    factorCols: c - 1,
    hessianFactor(F, L) {
      for (let i = 0; i < n; i++) {
        probabilities(F, i, p);
        factorOfRow(p, i, L);
      }
    },
    dualValue(V) {
      let s = 0;
      for (let i = 0; i < n; i++) s = withDualOfRow(s, V, i, label[i], c);
      return s;
    },
    dualBelow(V) {
      // no term is negative; the own entry of a row is the sum of the others, c more roundings
      const value = this.dualValue(V);
      return roundedDown(value, value, n * c, c + 4);
    },
    dualPoint(F, V) {
      for (let i = 0; i < n; i++) {
        probabilities(F, i, p);
        for (let k = 0; k < c; k++) V[i * c + k] = -p[k];
        V[i * c + label[i]] = restOf(p, label[i], c);
      }
    },
    projectDual(V) {
      for (let i = 0; i < n; i++) projectRow(V, i, label[i], p, work);
    },
    balanceDual(V) {
      this.projectDual(V);
      balanceClasses(V, label, c);
    },
    fitOfDual(V, F) {
      for (let i = 0; i < n; i++) {
        let mean = 0;
        for (let k = 0; k < c; k++) {
          const q = (k === label[i] ? 1 : 0) - V[i * c + k];
          mean += F[i * c + k] = Math.log(q);
        }
        // fits are determined up to a constant per row; take the one that sums to zero
        mean /= c;
        for (let k = 0; k < c; k++) F[i * c + k] -= mean;
      }
    },
    prox(Z, tau, F) {
      for (let i = 0; i < n; i++) {
        for (let k = 0; k < c; k++) F[i * c + k] = Z[i * c + k];
        for (let round = 0; round < 100; round++) {
          probabilities(F, i, p);
          if (!proxStep(Z, tau, F, { row: i, label: label[i], p, step: work })) break;
        }
      }
    },
    ofOutput() {
      throw new TypeError('the softmax loss couples its outputs');
    },
  };
}

/** p := the probabilities of a row of F. */
function probabilities(F: Float64Array, row: number, p: Float64Array): void {
  const c = p.length;
  let top = -Infinity;
  for (let k = 0; k < c; k++) top = Math.max(top, F[row * c + k]);
  let s = 0;
  for (let k = 0; k < c; k++) s += p[k] = Math.exp(F[row * c + k] - top);
  for (let k = 0; k < c; k++) p[k] /= s;
}

/** ln sum_k exp(f_k) of a row. */
function logSumExp(F: ArrayLike<number>, row: number, c: number): number {
  let top = -Infinity;
  for (let k = 0; k < c; k++) top = Math.max(top, F[row * c + k]);
  let s = 0;
  for (let k = 0; k < c; k++) s += Math.exp(F[row * c + k] - top);
  return Math.log(s) + top;
}

/** Loss of the row at F[f..f + c), and its gradient at the same place of G. */
function lossOfRow(F: Float64Array, f: number, target: number, c: number, G: Float64Array): number {
  let max = -Infinity;
  for (let o = 0; o < c; o++) if (F[f + o] > max) max = F[f + o];
  let z = 0;
  for (let o = 0; o < c; o++) {
    const e = Math.exp(F[f + o] - max);
    G[f + o] = e;
    z += e;
  }
  for (let o = 0; o < c; o++) G[f + o] /= z;
  G[f + target] -= 1;
  return max + Math.log(z) - F[f + target];
}

/**
 * diag(p) - p p' = L L' with L = diag(sqrt p) Q, Q an orthonormal basis of the complement of sqrt p: the first c - 1 columns of the Householder
 * reflection I - 2 w w' / w'w, w = sqrt p + e_c, that maps sqrt p to -e_c. Takes p for work space.
 */
function factorOfRow(p: Float64Array, row: number, L: Float64Array): void {
  const c = p.length;
  const w = c - 1;
  for (let k = 0; k < c; k++) p[k] = Math.sqrt(p[k]);
  const scale = 1 / (1 + p[c - 1]);
  for (let k = 0; k < c; k++) {
    const reflected = (k === c - 1 ? p[k] + 1 : p[k]) * scale;
    for (let v = 0; v < w; v++) L[(row * c + k) * w + v] = p[k] * ((k === v ? 1 : 0) - reflected * p[v]);
  }
}

/** -l*(-V) of the rows so far, and with this row. */
function withDualOfRow(before: number, V: Float64Array, row: number, label: number, c: number): number {
  let sum = 0;
  let value = before;
  for (let k = 0; k < c; k++) {
    const v = V[row * c + k];
    const q = (k === label ? 1 : 0) - v;
    // rounding in e_class - V must not throw a valid point out of the domain
    if (!(q >= -1e-15 && q <= 1 + 1e-15)) return -Infinity;
    sum += v;
    value -= k === label ? complementEntropy(Math.max(0, v)) : entropy(q);
  }
  return Math.abs(sum) > 1e-12 ? -Infinity : value;
}

/** Projects e_class - v onto the simplex (Held, Wolfe, Crowder 1974); p and sorted are work space. */
function projectRow(V: Float64Array, row: number, label: number, p: Float64Array, sorted: Float64Array): void {
  const c = p.length;
  for (let k = 0; k < c; k++) sorted[k] = (k === label ? 1 : 0) - V[row * c + k];
  for (let k = 0; k < c; k++) p[k] = sorted[k];
  sorted.sort();
  let sum = 0;
  let shift = 0;
  for (let k = c - 1, count = 1; k >= 0; k--, count++) {
    sum += sorted[k];
    const candidate = (sum - 1) / count;
    if (sorted[k] - candidate > 0) shift = candidate;
  }
  let rest = 0;
  for (let k = 0; k < c; k++) {
    const q = Math.max(0, p[k] - shift);
    if (k === label) continue;
    V[row * c + k] = -q;
    rest += q;
  }
  V[row * c + label] = rest;
}

/** A row in a Newton step of the prox: its number, class and probabilities, and room for the step. */
interface ProxRow {
  readonly row: number;
  readonly label: number;
  readonly p: Float64Array;
  readonly step: Float64Array;
}

/**
 * One Newton step on the row problem, (diag p - p p' + I / tau) step = -(p - e + (f - z) / tau), by Sherman-Morrison. False when there is no more
 * to gain.
 */
function proxStep(Z: Float64Array, tau: number, F: Float64Array, { row, label, p, step }: ProxRow): boolean {
  const c = p.length;
  let size = 0;
  let top = 0;
  let bottom = 1;
  for (let k = 0; k < c; k++) {
    const g = p[k] - (k === label ? 1 : 0) + (F[row * c + k] - Z[row * c + k]) / tau;
    step[k] = g;
    size = Math.max(size, Math.abs(g));
    top += (p[k] * g) / (p[k] + 1 / tau);
    bottom -= (p[k] * p[k]) / (p[k] + 1 / tau);
  }
  if (size <= 1e-15) return false;
  let length = 0;
  for (let k = 0; k < c; k++) {
    step[k] = (step[k] + (p[k] * top) / bottom) / (p[k] + 1 / tau);
    length = Math.max(length, Math.abs(step[k]));
  }
  // the row loss is self-concordant-like: steps of at most one unit in the logits converge from anywhere
  const damp = length > 1 ? 1 / length : 1;
  for (let k = 0; k < c; k++) F[row * c + k] -= damp * step[k];
  return length > 1e-15;
}

/** Sum of the other probabilities: 1 - p_k without cancellation. */
function restOf(p: Float64Array, k: number, c: number): number {
  let s = 0;
  for (let l = 0; l < c; l++) if (l !== k) s += p[l];
  return s;
}

/**
 * Brings V (n x c, rows of the domain of softmax) to column sums of zero. Row i moves p = |V_ik| from its class to every other class k, so that the
 * columns sum to zero exactly when these flows between classes are a circulation: flows between classes that no cycle joins are
 * dropped, and the others scaled by d_a / d_k, which makes what leaves a class equal what enters it (Osborne 1960, balancing of a matrix in the 1-norm;
 * it converges for every irreducible matrix). The whole point is shortened where a row would then carry more than 1.
 */
function balanceClasses(V: Float64Array, label: Int32Array, c: number): void {
  const flow = new Float64Array(c * c);
  label.forEach((a, i) => {
    for (let k = 0; k < c; k++) if (k !== a) flow[a * c + k] -= V[i * c + k];
  });
  const component = strongComponents(flow, c);
  for (let a = 0; a < c; a++) for (let k = 0; k < c; k++) if (component[a] !== component[k]) flow[a * c + k] = 0;
  const scale = new Float64Array(c).fill(1);
  for (let round = 0; round < 10_000; round++) {
    let worst = 0;
    for (let a = 0; a < c; a++) {
      let leaving = 0;
      let entering = 0;
      for (let k = 0; k < c; k++) {
        leaving += flow[a * c + k];
        entering += flow[k * c + a];
      }
      if (!(leaving > 0 && entering > 0)) continue;
      worst = Math.max(worst, Math.abs(leaving - entering) / (leaving + entering));
      const ratio = Math.sqrt(entering / leaving);
      scale[a] *= ratio;
      for (let k = 0; k < c; k++) {
        flow[a * c + k] *= ratio;
        flow[k * c + a] /= ratio;
      }
    }
    if (worst <= 1e-15) break;
  }
  let heaviest = 1;
  label.forEach((a, i) => {
    let rest = 0;
    for (let k = 0; k < c; k++) {
      if (k === a) continue;
      V[i * c + k] *= component[a] === component[k] ? scale[a] / scale[k] : 0;
      rest -= V[i * c + k];
    }
    V[i * c + a] = rest;
    heaviest = Math.max(heaviest, rest);
  });
  if (heaviest > 1) for (let i = 0; i < V.length; i++) V[i] /= heaviest * (1 + 2 ** -50);
}

/** A number for each of the c nodes of a graph with arcs where `weights` (c x c) is positive, the same for nodes that a cycle joins. */
function strongComponents(weights: Float64Array, c: number): Int32Array {
  const component = new Int32Array(c).fill(-1);
  const reach = (from: number, forward: boolean): Uint8Array => {
    const seen = new Uint8Array(c);
    const open = [from];
    seen[from] = 1;
    for (let a = open.pop(); a !== undefined; a = open.pop()) {
      for (let k = 0; k < c; k++) {
        if (seen[k] === 1 || component[k] >= 0 || !(weights[forward ? a * c + k : k * c + a] > 0)) continue;
        seen[k] = 1;
        open.push(k);
      }
    }
    return seen;
  };
  for (let a = 0; a < c; a++) {
    if (component[a] >= 0) continue;
    const [after, before] = [reach(a, true), reach(a, false)];
    for (let k = 0; k < c; k++) if (after[k] === 1 && before[k] === 1) component[k] = a;
  }
  return component;
}

export const softmax: Loss = {
  ...traits,
  parameters: [],
  words: {
    label: 'softmax',
    sum: () => 'the softmax loss summed over rows',
    torch: { loss: () => 'torch.nn.CrossEntropyLoss()', factor: 1 },
  },
  logLoss: (prediction, row, outputs, label) => logSumExp(prediction, row, outputs) - prediction[row * outputs + label],
  create,
};
