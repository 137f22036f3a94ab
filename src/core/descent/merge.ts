import { PatternIndex } from '../base/patterns.ts';
import { type DenseMatrix, denseMatrix } from '../base/linalg/matrix.ts';
import { svd } from '../base/linalg/svd.ts';
import { networkFit } from '../network/evaluate.ts';
import type { TwoLayerNetwork } from '../network/network.ts';
import type { PreparedProblem } from '../problem/prepare.ts';
import type { TwoLayerModel } from './twoLayer.ts';

/** The convex image of a trained two-layer network, and the balanced network it stands for. */
export interface MergedNetwork {
  /**
   * Every neuron balanced (norm of the penalised inner weights = |outer weight|). For gated Frobenius blocks the outer weights of
   * one gate are one shared scale, repeated once per output.
   */
  readonly network: TwoLayerNetwork;
  /** Loss plus beta times the sum of group norms, both computed from the network above. At most the objective of the original. */
  readonly objective: number;
  readonly datafit: number;
  /** Sum of group norms. */
  readonly penalty: number;
  /** Group norm of each neuron (of each gate for Frobenius blocks), descending. */
  readonly norms: Float64Array;
  /** Neurons whose group norm exceeds `activeThreshold` times the largest. */
  readonly active: number;
}

/** Gradient descent never makes a group exactly zero: below this fraction of the largest group norm it counts as inactive. */
export const activeThreshold = 1e-4;

interface Neuron {
  /** d inner weights, balanced. */
  readonly w: Float64Array;
  /** c outer weights. */
  readonly a: Float64Array;
  readonly gate: number;
}

/**
 * Merges and balances: neurons of the same activation pattern on the data, sign and output are added in convex coordinates
 * u = |a| w (their sum lies in the same cone, so the fit on the data is unchanged, and the norm of a sum is at most the sum of
 * the norms), then every u becomes the balanced neuron w = u / sqrt(||u||), a = +- sqrt(||u||). Gated neurons merge per gate;
 * neurons with several outer weights (form `shared`) per gate by singular values, per ReLU pattern not at all.
 */
export function mergeAndBalance(problem: PreparedProblem, model: TwoLayerModel, theta: Float64Array): MergedNetwork {
  const { columns, inputs: d, outputs: c, form, outerStart, offsetStart } = model;
  const free = model.penalizedInputs < d;
  const offsets = new Float64Array(c);
  for (let o = 0; offsetStart + o < model.size; o++) offsets[o] = theta[offsetStart + o];
  const outerOf = (k: number, o: number): number => {
    if (form === 'shared') return theta[outerStart + k * c + o];
    return model.outputOf(k) === o ? theta[outerStart + Math.floor(k / model.columnsPerScale)] : 0;
  };
  const normOf = (u: Float64Array, from = 0): number => {
    let s = 0;
    for (let j = 0; j < model.penalizedInputs; j++) s += u[from + j] * u[from + j];
    return Math.sqrt(s);
  };
  const neurons: Neuron[] = [];
  const norms: number[] = [];

  /** A neuron u on one output. One without penalised weights is a constant and joins the free offset. */
  const addSingle = (u: Float64Array, sign: number, output: number, gate: number): void => {
    const size = normOf(u);
    if (!(size > 0)) {
      if (free && gate < 0) offsets[output] += sign * Math.max(0, u[d - 1]);
      else if (free && u[d - 1] !== 0) {
        const a = new Float64Array(c);
        a[output] = sign;
        neurons.push({ w: u, a, gate });
        norms.push(0);
      }
      return;
    }
    const root = Math.sqrt(size);
    const a = new Float64Array(c);
    a[output] = sign * root;
    neurons.push({ w: u.map((x) => x / root), a, gate });
    norms.push(size);
  };

  if (model.gates !== undefined) {
    const perGate = model.columnsPerGate;
    for (let g = 0; g < model.gates.rows; g++) {
      // The d x c block U of the gate, as c rows of d.
      const U = denseMatrix(c, d);
      for (let k = g * perGate; k < (g + 1) * perGate; k++) {
        for (let o = 0; o < c; o++) {
          const a = outerOf(k, o);
          if (a !== 0) for (let j = 0; j < d; j++) U.data[o * d + j] += a * theta[k * d + j];
        }
      }
      if (form === 'single') {
        for (let o = 0; o < c; o++) addSingle(U.data.slice(o * d, (o + 1) * d), 1, o, g);
      } else if (form === 'block') {
        let size = 0;
        for (let o = 0; o < c; o++) size += normOf(U.data, o * d) ** 2;
        size = Math.sqrt(size);
        if (!(size > 0)) continue;
        const root = Math.sqrt(size);
        norms.push(size);
        for (let o = 0; o < c; o++) {
          const a = new Float64Array(c);
          a[o] = root;
          neurons.push({ w: U.data.slice(o * d, (o + 1) * d).map((x) => x / root), a, gate: g });
        }
      } else {
        const { U: left, s, V } = svd(U);
        for (let k = 0; k < s.length; k++) {
          if (!(s[k] > 0)) continue;
          const root = Math.sqrt(s[k]);
          neurons.push({
            w: Float64Array.from({ length: d }, (_, j) => root * V.data[j * s.length + k]),
            a: Float64Array.from({ length: c }, (_, o) => root * left.data[o * s.length + k]),
            gate: g,
          });
          norms.push(s[k]);
        }
      }
    }
  } else if (form === 'shared') {
    for (let k = 0; k < columns; k++) {
      const w = theta.slice(k * d, (k + 1) * d);
      const a = Float64Array.from({ length: c }, (_, o) => outerOf(k, o));
      const [inner, outer] = [normOf(w), Math.hypot(...a)];
      if (!(inner > 0 && outer > 0)) {
        if (free && outer > 0) for (let o = 0; o < c; o++) offsets[o] += a[o] * Math.max(0, w[d - 1]);
        continue;
      }
      const scale = Math.sqrt(outer / inner);
      neurons.push({ w: w.map((x) => x * scale), a: a.map((x) => x / scale), gate: -1 });
      norms.push(inner * outer);
    }
  } else {
    const n = model.rows;
    const words = new Uint32Array(Math.ceil(n / 32) + 1);
    const index = new PatternIndex(words.length);
    const groups: { u: Float64Array; sign: number; output: number }[] = [];
    for (let k = 0; k < columns; k++) {
      const output = model.outputOf(k);
      const a = outerOf(k, output);
      if (a === 0) continue;
      words.fill(0);
      for (let r = 0, at = 0; r < n; r++, at += d) {
        let s = 0;
        for (let j = 0; j < d; j++) s += model.X.data[at + j] * theta[k * d + j];
        if (s > 0) words[r >> 5] |= 1 << (r & 31);
      }
      if (words.every((word) => word === 0)) continue;
      words[words.length - 1] = 2 * output + (a > 0 ? 1 : 0);
      const { id, isNew } = index.add(words);
      if (isNew) groups.push({ u: new Float64Array(d), sign: Math.sign(a), output });
      const { u } = groups[id];
      for (let j = 0; j < d; j++) u[j] += Math.abs(a) * theta[k * d + j];
    }
    for (const { u, sign, output } of groups) addSingle(u, sign, output, -1);
  }

  const network = assemble(problem, model, neurons, offsets);
  const datafit = problem.datafit.value(networkFit(network, plainInputs(problem)).data);
  let penalty = 0;
  for (const value of norms) penalty += value;
  const sorted = Float64Array.from(norms).sort().reverse();
  let active = 0;
  for (const value of sorted) if (value > activeThreshold * sorted[0]) active++;
  return { network, objective: datafit + problem.beta * penalty, datafit, penalty, norms: sorted, active };
}

/** Splits the bias column off the effective inner weights. */
function assemble(
  problem: PreparedProblem,
  model: TwoLayerModel,
  neurons: readonly Neuron[],
  offsets: Float64Array,
): TwoLayerNetwork {
  const biased = problem.bias !== 'none';
  const d = model.inputs - (biased ? 1 : 0);
  const m = neurons.length;
  const W1 = denseMatrix(m, d);
  const b1 = new Float64Array(m);
  const W2 = denseMatrix(m, model.outputs);
  const gates = model.gates === undefined ? undefined : denseMatrix(m, d);
  const gateBias = model.gates === undefined ? undefined : new Float64Array(m);
  neurons.forEach(({ w, a, gate }, k) => {
    W1.data.set(w.subarray(0, d), k * d);
    if (biased) b1[k] = w[d];
    W2.data.set(a, k * model.outputs);
    if (model.gates !== undefined && gates !== undefined && gateBias !== undefined) {
      const at = gate * model.inputs;
      gates.data.set(model.gates.data.subarray(at, at + d), k * d);
      if (biased) gateBias[k] = model.gates.data[at + d];
    }
  });
  return { W1, b1, W2, b2: offsets, gates, gateBias };
}

/** The inputs without the appended column of ones. */
function plainInputs(problem: PreparedProblem): DenseMatrix {
  if (problem.bias === 'none') return problem.X;
  const { rows, cols, data } = problem.X;
  const out = denseMatrix(rows, cols - 1);
  for (let r = 0; r < rows; r++) out.data.set(data.subarray(r * cols, (r + 1) * cols - 1), r * (cols - 1));
  return out;
}
