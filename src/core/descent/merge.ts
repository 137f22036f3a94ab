import { PatternIndex } from '../base/patterns.ts';
import { type DenseMatrix, denseMatrix } from '../base/linalg/matrix.ts';
import { svd } from '../base/linalg/svd.ts';
import { networkFit } from '../network/evaluate.ts';
import type { TwoLayerNetwork } from '../network/network.ts';
import type { PreparedProblem } from '../problem/prepare.ts';
import type { TwoLayerModel } from './twoLayer.ts';
import { biasOf } from '../problem/problem.ts';

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
  const merge = new Merge(model, theta);
  if (model.gates !== undefined) for (let g = 0; g < model.gates.rows; g++) merge.addGate(g);
  else if (model.form === 'shared') for (let k = 0; k < model.columns; k++) merge.addSharedNeuron(k);
  else merge.addCells();
  const { neurons, norms, offsets } = merge;
  const network = assemble(problem, model, neurons, offsets);
  const datafit = problem.datafit.value(networkFit(network, plainInputs(problem)).data);
  let penalty = 0;
  for (const value of norms) penalty += value;
  const sorted = Float64Array.from(norms).sort().reverse();
  let active = 0;
  for (const value of sorted) if (value > activeThreshold * sorted[0]) active++;
  return { network, objective: datafit + problem.beta * penalty, datafit, penalty, norms: sorted, active };
}

/** Balanced neurons, group norms and output offsets, as they are gathered. */
class Merge {
  readonly neurons: Neuron[] = [];
  readonly norms: number[] = [];
  readonly offsets: Float64Array;
  private readonly d: number;
  private readonly c: number;
  private readonly free: boolean;

  constructor(
    private readonly model: TwoLayerModel,
    private readonly theta: Float64Array,
  ) {
    this.d = model.inputs;
    this.c = model.outputs;
    this.free = model.penalizedInputs < model.inputs;
    this.offsets = new Float64Array(this.c);
    for (let o = 0; model.offsetStart + o < model.size; o++) this.offsets[o] = theta[model.offsetStart + o];
  }

  /** The neurons of one gate: its block, the sum over its units, by columns, as a whole or by singular values. */
  addGate(gate: number): void {
    const { d, c } = this;
    const U = this.blockOf(gate);
    switch (this.model.form) {
      case 'single':
        for (let o = 0; o < c; o++) this.addSingle(U.data.slice(o * d, (o + 1) * d), 1, o, gate);
        return;
      case 'block':
        this.addBlock(U, gate);
        return;
      case 'shared':
        this.addSingular(U, gate);
    }
  }

  /** A ReLU neuron that feeds all outputs; one without penalised weights is a constant and joins the free offset. */
  addSharedNeuron(k: number): void {
    const { d, c, theta, offsets } = this;
    const w = theta.slice(k * d, (k + 1) * d);
    const a = Float64Array.from({ length: c }, (_, o) => this.outerOf(k, o));
    const [inner, outer] = [this.normOf(w), Math.hypot(...a)];
    if (!(inner > 0 && outer > 0)) {
      if (this.free && outer > 0) for (let o = 0; o < c; o++) offsets[o] += a[o] * Math.max(0, w[d - 1]);
      return;
    }
    const scale = Math.sqrt(outer / inner);
    this.neurons.push({ w: w.map((x) => x * scale), a: a.map((x) => x / scale), gate: -1 });
    this.norms.push(inner * outer);
  }

  /** ReLU neurons with one output each: those of the same pattern, output and sign add up. */
  addCells(): void {
    const { model, theta, d } = this;
    const n = model.rows;
    const words = new Uint32Array(Math.ceil(n / 32) + 1);
    const index = new PatternIndex(words.length);
    const groups: { u: Float64Array; sign: number; output: number }[] = [];
    for (let k = 0; k < model.columns; k++) {
      const output = model.outputOf(k);
      const a = this.outerOf(k, output);
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
    for (const { u, sign, output } of groups) this.addSingle(u, sign, output, -1);
  }

  private outerOf(k: number, o: number): number {
    const { form, outerStart, columnsPerScale } = this.model;
    if (form === 'shared') return this.theta[outerStart + k * this.c + o];
    return this.model.outputOf(k) === o ? this.theta[outerStart + Math.floor(k / columnsPerScale)] : 0;
  }

  private normOf(u: Float64Array, from = 0): number {
    let s = 0;
    for (let j = 0; j < this.model.penalizedInputs; j++) s += u[from + j] * u[from + j];
    return Math.sqrt(s);
  }

  /** A neuron u on one output. One without penalised weights is a constant and joins the free offset. */
  private addSingle(u: Float64Array, sign: number, output: number, gate: number): void {
    const { d, c, free, neurons, norms } = this;
    const size = this.normOf(u);
    const a = new Float64Array(c);
    if (!(size > 0)) {
      if (free && gate < 0) this.offsets[output] += sign * Math.max(0, u[d - 1]);
      else if (free && u[d - 1] !== 0) {
        a[output] = sign;
        neurons.push({ w: u, a, gate });
        norms.push(0);
      }
      return;
    }
    const root = Math.sqrt(size);
    a[output] = sign * root;
    neurons.push({ w: u.map((x) => x / root), a, gate });
    norms.push(size);
  }

  /** The d x c block of a gate, as c rows of d. */
  private blockOf(gate: number): DenseMatrix {
    const { theta, d, c } = this;
    const perGate = this.model.columnsPerGate;
    const U = denseMatrix(c, d);
    for (let k = gate * perGate; k < (gate + 1) * perGate; k++) {
      for (let o = 0; o < c; o++) {
        const a = this.outerOf(k, o);
        if (a !== 0) for (let j = 0; j < d; j++) U.data[o * d + j] += a * theta[k * d + j];
      }
    }
    return U;
  }

  private addBlock(U: DenseMatrix, gate: number): void {
    const { d, c } = this;
    let size = 0;
    for (let o = 0; o < c; o++) size += this.normOf(U.data, o * d) ** 2;
    size = Math.sqrt(size);
    if (!(size > 0)) return;
    const root = Math.sqrt(size);
    this.norms.push(size);
    for (let o = 0; o < c; o++) {
      const a = new Float64Array(c);
      a[o] = root;
      this.neurons.push({ w: U.data.slice(o * d, (o + 1) * d).map((x) => x / root), a, gate });
    }
  }

  private addSingular(U: DenseMatrix, gate: number): void {
    const { d, c } = this;
    const { U: left, s, V } = svd(U);
    for (let k = 0; k < s.length; k++) {
      if (!(s[k] > 0)) continue;
      const root = Math.sqrt(s[k]);
      this.neurons.push({
        w: Float64Array.from({ length: d }, (_, j) => root * V.data[j * s.length + k]),
        a: Float64Array.from({ length: c }, (_, o) => root * left.data[o * s.length + k]),
        gate,
      });
      this.norms.push(s[k]);
    }
  }
}

/** Splits the bias column off the effective inner weights. */
function assemble(
  problem: PreparedProblem,
  model: TwoLayerModel,
  neurons: readonly Neuron[],
  offsets: Float64Array,
): TwoLayerNetwork {
  const biased = biasOf(problem.bias).column;
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
  if (!biasOf(problem.bias).column) return problem.X;
  const { rows, cols, data } = problem.X;
  const out = denseMatrix(rows, cols - 1);
  for (let r = 0; r < rows; r++) out.data.set(data.subarray(r * cols, (r + 1) * cols - 1), r * (cols - 1));
  return out;
}
