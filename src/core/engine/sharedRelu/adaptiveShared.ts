import type { SharedNeuron } from '../../network/mapping.ts';
import { maximizeVectorConstraint } from '../../certify/global/vectorSearch.ts';
import { denseMatrix, dot, norm2 } from '../../base/linalg/matrix.ts';
import type { Control } from '../../base/control.ts';
import type { LocalProblem } from '../relu/activeNeurons.ts';
import { looseAccuracy, looseGoals } from '../relu/looseGap.ts';
import { rootOf } from '../relu/rootOf.ts';
import { NeuronNewton } from '../relu/neuronNewton.ts';
import { slideOnFaces } from './faceNewton.ts';
import { mergeShared } from './mergeShared.ts';
import { balancedShared, evaluateShared, sizeOf, spannedDatafit } from './sharedNeuron.ts';

export interface SharedSolution {
  readonly neurons: readonly SharedNeuron[];
  readonly offset: Float64Array;
  readonly objective: number;
  readonly iterations: number;
  readonly rounds: number;
  /** Largest dual constraint that the last search found, over beta. A lower estimate. */
  readonly ratio: number;
  /** Local optimality residual over beta. */
  readonly residual: number;
  readonly stopped: boolean;
}

export interface SharedOptions {
  readonly seed: number;
  /** A direction counts as improving when its dual constraint exceeds beta by this relative amount. */
  readonly tolerance: number;
  /** Relative gap of the program that is enough (default: to rounding). */
  readonly accuracy?: number;
  /** Directions to try first (effective inputs), e.g. one found by a proof. */
  readonly suggestions?: readonly Float64Array[];
}

/** Residuals over beta to slide to, at the beginning and at the end. */
const coarse = 1e-2;
const fine = 1e-10;
/** Starts of the searches, per output, when a loose gap is enough. */
const looseEfforts = [2, 8];

/** Outgoing directions nearer than this (cosine) are one. */
const sameOutput = 1 - 1e-14;

/**
 * Two-layer ReLU training with several outputs and plain weight decay, over all activation patterns: min of l(sum_j (Xw_j)_+ a_j') + beta sum_j ||w_j|| ||a_j||.
 * Neurons that violate the dual constraint ||V'(Xu)_+|| <= beta are searched for and inserted; then all slide to a local optimum: with the outgoing
 * directions fixed this is the program of one group per output, whose Newton method settles the kinks (`NeuronNewton`), and within the kinks directions
 * and outgoing vectors move together (`slideOnFaces`), in turns until both agree. The objective never rises.
 */
export function generateShared(
  problem: LocalProblem,
  start: { readonly neurons: readonly SharedNeuron[]; readonly offset: ArrayLike<number> } | undefined,
  options: SharedOptions,
  control: Control,
  onProgress?: (objective: number, active: number, iterations: number) => void,
): SharedSolution {
  const { X, beta, penalizedCols, datafit } = problem;
  const c = datafit.outputs;
  const state = new SharedState(problem, start?.neurons ?? [], start?.offset, control);
  if (state.neurons.length > 0 || problem.offset) state.slide(coarse);
  for (const direction of options.suggestions ?? []) if (state.insert(direction)) state.slide(coarse);
  let ratio = Infinity;
  let rounds = 0;
  let effort = 0;
  let idle = 0;
  const accuracy = options.accuracy ?? 0;
  const loose = accuracy > looseAccuracy;
  const efforts = loose ? looseEfforts : [2, 8, 24, Math.min(250, Math.max(24, Math.round(5e5 / (X.rows * X.cols))))];
  while (!control.shouldStop()) {
    rounds++;
    const found = maximizeVectorConstraint(
      X,
      denseMatrix(X.rows, c, state.dual()),
      {
        candidates: state.neurons.map(({ w }) => w),
        starts: efforts[effort],
        seed: options.seed + rounds,
        penalizedCols,
        keep: 24,
      },
      control,
    );
    if (control.shouldStop()) break;
    ratio = (found[0]?.value ?? 0) / beta;
    const goals = loose
      ? looseGoals(accuracy, state.objective, beta * state.penalty)
      : { local: fine, violation: options.tolerance };
    const before = state.objective;
    let inserted = 0;
    const limit = Math.max(6, Math.ceil(state.neurons.length / 5));
    for (const { value, direction } of found) {
      if (value <= beta * (1 + goals.violation) || inserted >= limit) break;
      if (state.insert(direction)) inserted++;
    }
    if (inserted > 0) {
      // far from the end there is no need to slide to the last digit
      state.slide(Math.min(coarse, Math.max(goals.local, 0.03 * (ratio - 1))));
      onProgress?.(state.objective, state.neurons.length, state.iterations);
      idle = before - state.objective <= 1e-15 * Math.abs(before) ? idle + 1 : 0;
      if (idle < 3) {
        if (effort > 1) effort = 1;
        continue;
      }
    }
    if (state.slack > goals.local) {
      state.slide(goals.local);
      idle = 0;
      continue;
    }
    if (effort < efforts.length - 1 && idle < 3) effort++;
    else break;
  }
  const { neurons, offset, objective, iterations, residual } = state;
  return { neurons, offset, objective, iterations, rounds, ratio, residual, stopped: control.shouldStop() };
}

class SharedState {
  neurons: readonly SharedNeuron[];
  offset: Float64Array;
  objective: number;
  iterations = 0;
  residual = Infinity;
  /** What the last slide was asked for. */
  slack = 0;
  private readonly F: Float64Array;

  constructor(
    private readonly problem: LocalProblem,
    start: readonly SharedNeuron[],
    startOffset: ArrayLike<number> | undefined,
    private readonly control: Control,
  ) {
    const { rows, outputs } = problem.datafit;
    this.F = new Float64Array(rows * outputs);
    this.offset = startOffset === undefined ? new Float64Array(outputs) : Float64Array.from(startOffset);
    this.neurons = this.balanced(start, this.offset);
    this.objective = evaluateShared(problem, this.neurons, this.offset, this.F);
  }

  /** Balanced neurons; with a free bias those that have become constants go to the offset. */
  private balanced(neurons: readonly SharedNeuron[], offset: Float64Array): SharedNeuron[] {
    const { X, penalizedCols } = this.problem;
    const negligible = 1e-13 * neurons.reduce((s, neuron) => s + sizeOf(neuron, penalizedCols), 0);
    return neurons.flatMap((neuron) => {
      const balanced = balancedShared(neuron, penalizedCols);
      if (penalizedCols === X.cols || sizeOf(neuron, penalizedCols) > negligible) return balanced ?? [];
      const constant = Math.max(0, neuron.w[X.cols - 1]);
      for (let o = 0; o < offset.length; o++) offset[o] += constant * neuron.a[o];
      return [];
    });
  }

  /** Sum of the products of norms. */
  get penalty(): number {
    return this.neurons.reduce((sum, neuron) => sum + sizeOf(neuron, this.problem.penalizedCols), 0);
  }

  /** v = -gradient of the loss at the current fit, n x c. */
  dual(): Float64Array {
    const V = new Float64Array(this.F.length);
    this.problem.datafit.dualPoint(this.F, V);
    return V;
  }

  /** Takes the neurons when they are no worse; true when they are better by more than rounding. */
  private take(neurons: readonly SharedNeuron[], offset: Float64Array): boolean {
    const { problem, F } = this;
    const trial = new Float64Array(F.length);
    const value = evaluateShared(problem, neurons, offset, trial);
    const before = this.objective;
    if (!(value <= before + 1e-14 * Math.abs(before))) return false;
    this.neurons = neurons;
    this.offset = offset;
    this.objective = Math.min(before, value);
    F.set(trial);
    return value < before - 1e-14 * Math.abs(before);
  }

  /** Adds a neuron along u with the outgoing direction V'(Xu)_+ and the best length; false when no length lowers the objective. */
  insert(u: Float64Array): boolean {
    const { problem, F } = this;
    const { X, datafit, beta, penalizedCols } = problem;
    const { rows: n, cols: d } = X;
    const c = datafit.outputs;
    const V = this.dual();
    const phi = new Float64Array(n);
    const z = new Float64Array(c);
    for (let i = 0; i < n; i++) {
      let t = 0;
      for (let j = 0; j < d; j++) t += X.data[i * d + j] * u[j];
      phi[i] = Math.max(0, t);
      for (let o = 0; o < c; o++) z[o] += phi[i] * V[i * c + o];
    }
    const size = norm2(z);
    const inner = norm2(u.subarray(0, penalizedCols));
    if (!(size > beta * inner) || !(inner > 0)) return false;
    const s = z.map((x) => x / size);
    const trial = new Float64Array(n * c);
    const G = new Float64Array(n * c);
    const derivative = (length: number): number => {
      for (let i = 0; i < n; i++) for (let o = 0; o < c; o++) trial[i * c + o] = F[i * c + o] + length * phi[i] * s[o];
      datafit.gradient(trial, G);
      let total = beta * inner;
      for (let i = 0; i < n; i++) for (let o = 0; o < c; o++) total += G[i * c + o] * phi[i] * s[o];
      return total;
    };
    const length = rootOf(derivative);
    const neuron = balancedShared({ w: u, a: s.map((x) => length * x) }, penalizedCols);
    return neuron !== undefined && this.take([...this.neurons, neuron], this.offset);
  }

  /** To a local optimum in directions and outgoing vectors, kinks included, up to a residual of `tolerance` times beta. */
  slide(tolerance: number): void {
    const { problem, control } = this;
    this.slack = tolerance;
    let idle = 0;
    for (let cycle = 0; cycle < 100 && !control.shouldStop(); cycle++) {
      const before = this.objective;
      const settled = this.settleKinks(tolerance);
      this.take(mergeShared(problem, this.neurons), this.offset);
      const result = slideOnFaces(
        problem,
        this.neurons,
        this.offset,
        { tolerance: 0.01 * tolerance, maxIterations: 60 },
        control,
      );
      this.iterations += result.iterations;
      this.take(this.balanced(result.neurons, result.offset), result.offset);
      this.residual = Math.max(result.residual, settled.residual);
      if (settled.iterations === 0 && this.residual <= tolerance) return;
      idle = before - this.objective <= 1e-15 * Math.abs(before) ? idle + 1 : 0;
      if (idle >= 4) return;
    }
  }

  /** Newton steps with the outgoing directions fixed. */
  private settleKinks(tolerance: number): { iterations: number; residual: number } {
    const { problem, neurons, offset, control } = this;
    const { datafit } = problem;
    const c = datafit.outputs;
    const spans: Float64Array[] = [];
    const seeds = neurons.map(({ w, a }) => {
      const length = norm2(a);
      const s = a.map((x) => x / length);
      let output = spans.findIndex((other) => dot(other, s) > sameOutput);
      if (output < 0) output = spans.push(s) - 1;
      return { u: w.map((x) => x * length), sign: 1 as const, output };
    });
    if (seeds.length === 0) return { iterations: 0, residual: 0 };
    const S = new Float64Array(spans.length * c);
    spans.forEach((s, k) => S.set(s, k * c));
    const newton = new NeuronNewton({ ...problem, datafit: spannedDatafit(datafit, S, offset), offset: false });
    newton.setNeurons(seeds);
    const result = newton.run({ tolerance, maxIterations: 200 }, control);
    this.iterations += result.iterations;
    const next = result.neurons.map(({ u, output }) => ({ w: u, a: spans[output] }));
    const shifted = offset.slice();
    this.take(this.balanced(next, shifted), shifted);
    return { iterations: result.iterations, residual: result.residual };
  }
}
