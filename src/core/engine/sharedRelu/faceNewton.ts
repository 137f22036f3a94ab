import type { SharedNeuron } from '../../network/mapping.ts';
import { norm2 } from '../../base/linalg/matrix.ts';
import type { Control } from '../../base/control.ts';
import type { LocalProblem } from '../relu/activeNeurons.ts';
import { type FaceNeuron, onItsFace } from './face.ts';
import { faceDirection } from './faceSystem.ts';
import { balancedShared, classProducts, evaluateShared } from './sharedNeuron.ts';

export interface FaceResult {
  readonly neurons: readonly SharedNeuron[];
  readonly offset: Float64Array;
  readonly objective: number;
  readonly iterations: number;
  /** Largest residual of the optimality conditions within the held kinks, over beta. */
  readonly residual: number;
}

export interface FaceOptions {
  /** Residual over beta to end at. */
  readonly tolerance: number;
  readonly maxIterations: number;
}

/** Damping relative to the mean of the diagonal: at first, after a step that failed, and where it is too much. */
const damping = { least: 1e-13, afterFailure: 1e-9, most: 1, growth: 100, decay: 0.01 };

/**
 * Newton's method on  l(sum_j (X w_j)_+ a_j' + 1 offset') + beta/2 sum_j (||w_j||^2 + ||a_j||^2)  over directions, outgoing vectors and offset together,
 * each neuron kept on the kinks it is on. Within the patterns this is smooth; its Hessian is the Gauss-Newton part plus, for every neuron, the
 * block [beta I, -G; -G', beta I] with G = Z'X'DV, whose eigenvalues beta +- sigma(G) are non-negative exactly when the neuron
 * meets its dual constraint within its cell; elsewhere they enter by their size. Steps may cross kinks when that pays, and end on one
 * otherwise. The objective never rises.
 */
export function slideOnFaces(
  problem: LocalProblem,
  start: readonly SharedNeuron[],
  startOffset: ArrayLike<number>,
  options: FaceOptions,
  control: Control,
): FaceResult {
  return new FaceNewton(problem, start, startOffset).run(options, control);
}

/** A step: its coordinates, those of directions as vectors, and the derivative of the objective along it. */
interface FaceRay {
  readonly x: Float64Array;
  readonly dw: readonly Float64Array[];
  readonly slope: number;
}

/** Where on the way neuron `which` meets class `kink`. */
interface FaceKink {
  readonly tau: number;
  readonly which: number;
  readonly kink: number;
}

class FaceNewton {
  private neurons: readonly FaceNeuron[];
  private readonly offset: Float64Array;
  private objective: number;
  private readonly F: Float64Array;
  private readonly V: Float64Array;
  private readonly trial: Float64Array;
  private readonly t: Float64Array;
  private readonly dt: Float64Array;

  constructor(
    private readonly problem: LocalProblem,
    start: readonly SharedNeuron[],
    startOffset: ArrayLike<number>,
  ) {
    const { datafit, classes } = problem;
    const size = datafit.rows * datafit.outputs;
    this.offset = Float64Array.from(startOffset);
    this.F = new Float64Array(size);
    this.V = new Float64Array(size);
    this.trial = new Float64Array(size);
    this.t = new Float64Array(classes.count);
    this.dt = new Float64Array(classes.count);
    this.neurons = start.map((neuron) => onItsFace(problem, neuron, this.t));
    this.objective = evaluateShared(problem, this.neurons, this.offset, this.F);
  }

  run({ tolerance, maxIterations }: FaceOptions, control: Control): FaceResult {
    const { problem, F, V } = this;
    const { datafit } = problem;
    const H = new Float64Array(F.length * datafit.outputs);
    const shouldStop = (): boolean => control.shouldStop();
    let residual = Infinity;
    let iterations = 0;
    let quiet = 0;
    let shift = damping.least;
    for (; iterations < maxIterations && !shouldStop(); iterations++) {
      datafit.dualPoint(F, V);
      residual = this.measure();
      if (residual <= tolerance || (this.neurons.length === 0 && !problem.offset)) break;
      datafit.hessian(F, H);
      const step = faceDirection(problem, this.neurons, V, H, shift, shouldStop);
      if (step === undefined) break;
      const before = this.objective;
      if (!this.move(step)) {
        shift = Math.max(damping.afterFailure, shift * damping.growth);
        if (shift > damping.most) break;
        continue;
      }
      shift = Math.max(damping.least, shift * damping.decay);
      if (before - this.objective <= 1e-15 * Math.abs(before)) {
        if (++quiet > 3) break;
      } else quiet = 0;
    }
    const { neurons, offset, objective } = this;
    return { neurons, offset, objective, iterations, residual };
  }

  /** Slopes of all neurons, and the largest residual over beta. */
  private measure(): number {
    const { problem, neurons, V } = this;
    const { X, beta, penalizedCols: q } = problem;
    const { rows: n, cols: d } = X;
    const c = problem.datafit.outputs;
    let worst = 0;
    for (const neuron of neurons) {
      const { w, a, on, phi, slope, basis, dim } = neuron;
      slope.fill(0);
      const image = new Float64Array(c);
      for (let r = 0; r < on.length; r++) {
        const i = on[r];
        for (let o = 0; o < c; o++) {
          const v = V[i * c + o];
          image[o] += v * phi[r];
          for (let j = 0; j < d; j++) slope[j * c + o] += v * X.data[i * d + j];
        }
      }
      const inner = norm2(w.subarray(0, q));
      const outer = norm2(a);
      let out = 0;
      for (let o = 0; o < c; o++) out += (image[o] / inner - (beta * a[o]) / outer) ** 2;
      let own = 0;
      for (let m = 0; m < dim; m++) {
        let s = 0;
        for (let j = 0; j < d; j++) {
          let g = j < q ? (-beta * w[j]) / inner : 0;
          for (let o = 0; o < c; o++) g += (slope[j * c + o] * a[o]) / outer;
          s += g * basis[m * d + j];
        }
        own += s * s;
      }
      worst = Math.max(worst, Math.sqrt(out), Math.sqrt(own));
    }
    if (problem.offset) {
      for (let o = 0; o < c; o++) {
        let s = 0;
        for (let i = 0; i < n; i++) s += V[i * c + o];
        worst = Math.max(worst, Math.abs(s));
      }
    }
    return worst / beta;
  }

  /** Takes the best step along x that can be found; false when none lowers the objective enough. */
  private move({ x, slope }: { readonly x: Float64Array; readonly slope: number }): boolean {
    const { neurons } = this;
    const d = this.problem.X.cols;
    const dw = neurons.map((neuron) => {
      const out = new Float64Array(d);
      for (let m = 0; m < neuron.dim; m++) {
        for (let j = 0; j < d; j++) out[j] += x[neuron.at + m] * neuron.basis[m * d + j];
      }
      return out;
    });
    const ray: FaceRay = { x, dw, slope };
    const kink = this.firstKink(dw);
    const first = kink.tau;
    if (first >= 1) {
      for (let tau = 1, k = 0; k < 30; k++, tau *= 0.5) if (this.accept(ray, tau, 1e-3)) return true;
      return false;
    }
    for (let tau = 1; tau > Math.max(first, 0.1); tau *= 0.5) if (this.accept(ray, tau, 0.1)) return true;
    if (this.accept(ray, first, 1e-3, kink)) return true;
    for (let tau = 0.5 * first, k = 0; k < 20; k++, tau *= 0.5) if (this.accept(ray, tau, 1e-3)) return true;
    return false;
  }

  /** The first kink that a neuron crosses. */
  private firstKink(dw: readonly Float64Array[]): FaceKink {
    const { problem, neurons, t, dt } = this;
    let [tau, which, kink] = [Infinity, -1, -1];
    neurons.forEach((neuron, k) => {
      classProducts(problem, neuron.w, t);
      classProducts(problem, dw[k], dt);
      for (let j = 0; j < t.length; j++) {
        if (neuron.held.includes(j) || t[j] * dt[j] >= 0) continue;
        if (-t[j] / dt[j] < tau) [tau, which, kink] = [-t[j] / dt[j], k, j];
      }
    });
    return { tau, which, kink };
  }

  /** Takes the step of length tau when the objective falls by `armijo` of what the slope promises; onto the kink, where one is given. */
  private accept({ x, dw, slope }: FaceRay, tau: number, armijo: number, onto?: FaceKink): boolean {
    const { problem, neurons, t, trial, objective } = this;
    const c = problem.datafit.outputs;
    const offset = this.offset.map((value, o) => value + (problem.offset ? tau * x[x.length - c + o] : 0));
    const faces = neurons.flatMap((neuron, k): FaceNeuron[] => {
      const balanced = balancedShared(
        {
          w: neuron.w.map((value, j) => value + tau * dw[k][j]),
          a: neuron.a.map((value, o) => value + tau * x[neuron.at + neuron.dim + o]),
        },
        problem.penalizedCols,
      );
      if (balanced === undefined) return [];
      return [onItsFace(problem, balanced, t, k === onto?.which ? [onto.kink] : [], neuron)];
    });
    const value = evaluateShared(problem, faces, offset, trial);
    const room = 1e-14 * Math.abs(objective);
    if (!(value <= objective + armijo * tau * slope + room) || value > objective + room) return false;
    this.neurons = faces;
    this.offset.set(offset);
    this.F.set(trial);
    this.objective = Math.min(objective, value);
    return true;
  }
}
