import type { Kernels } from '../../base/kernels/kernels.ts';
import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import { descend } from '../../descent/descend.ts';
import {
  type MlpShape,
  type MlpStart,
  createMlpModel,
  initialiseMlp,
  layersOf,
  predictMlp,
} from '../../descent/mlp.ts';
import { createRng } from '../../base/rng.ts';
import type { Control } from '../../base/control.ts';
import { type KernelSpectrum, kernelSpectrum } from './spectrum.ts';
import { type TangentKernel, tangentKernel } from './tangentKernel.ts';

/** How a network starts: as drawn; mirrored (one hidden layer); or with its own start outputs subtracted. The last two start at 0. */
export type StartMode = MlpStart | 'centered';

export interface RegressionData {
  readonly X: DenseMatrix;
  readonly y: Float64Array;
  /** Held-out rows, or null. */
  readonly test: { readonly X: DenseMatrix; readonly y: Float64Array } | null;
}

export interface AbsoluteRate {
  readonly kind: 'absolute';
  readonly value: number;
}

/** A fraction of the edge of stability. */
export interface EdgeRate {
  readonly kind: 'edge';
  readonly fraction: number;
}

export interface LazyRunOptions {
  readonly shape: MlpShape;
  readonly start: StartMode;
  readonly seed: number;
  /** Step size for the summed half-squared loss; `edge`: this fraction of 2 / lambda_max of the kernel at the start. */
  readonly rate: AbsoluteRate | EdgeRate;
  readonly steps: number;
}

/** One full-batch gradient descent run on (1/2) sum (f - y)^2 and what the linearisation at its start predicts. */
export interface LazyRun {
  readonly width: number;
  readonly seed: number;
  readonly parameters: number;
  /** Step size for the summed loss. */
  readonly rate: number;
  readonly steps: number;
  readonly lambdaMin: number;
  readonly lambdaMax: number;
  readonly trace: number;
  /** Recorded steps, observed loss, and the loss of r_t = (I - rate Theta_0)^t r_0. */
  readonly at: readonly number[];
  readonly loss: readonly number[];
  readonly predictedLoss: readonly number[];
  /** ||r_t - predicted r_t|| / ||r_0|| at the same steps. */
  readonly residualError: readonly number[];
  /** ||theta_T - theta_0||, its linearised value after T steps, and the nearest interpolant's sqrt(r_0' Theta_0^-1 r_0) (null: singular). */
  readonly displacement: number;
  readonly predictedDisplacement: number;
  readonly interpolantDisplacement: number | null;
  readonly pathLength: number;
  /** ||theta_T - theta_0|| / ||theta_0|| in all and per layer. */
  readonly relativeDisplacement: number;
  readonly layerDisplacement: readonly number[];
  /** ||Theta_T - Theta_0||_F / ||Theta_0||_F. */
  readonly kernelDrift: number;
  /** Share of (row, unit) pairs whose ReLU switched; null for a smooth activation. */
  readonly flipped: number | null;
  /** Mean of min(|f - y|, 1) on the training and the held-out rows. */
  readonly trainError: number;
  readonly testError: number | null;
  readonly diverged: boolean;
}

/** Loss of the capped absolute error, 1-Lipschitz in the output and at most 1: the one the generalisation bound is about. */
export function cappedError(f: Float64Array, y: Float64Array): number {
  let s = 0;
  for (let i = 0; i < y.length; i++) s += Math.min(Math.abs(f[i] - y[i]), 1);
  return s / Math.max(1, y.length);
}

/** Norm of theta_T - theta_0 in the linearised model: sum over the spectrum of (1 - (1 - rate lambda)^T)^2 c^2 / lambda. */
export function linearizedDisplacement(
  spectrum: KernelSpectrum,
  coefficients: Float64Array,
  rate: number,
  steps: number,
): number {
  let s = 0;
  for (let i = 0; i < coefficients.length; i++) {
    const lambda = Math.max(0, spectrum.values[i]);
    const z = rate * lambda;
    // (1 - (1 - z)^T) / lambda without cancellation for small z; its limit for lambda = 0 is rate * T.
    const moved =
      lambda === 0 ? rate * steps : (z < 1 ? -Math.expm1(steps * Math.log1p(-z)) : 1 - (1 - z) ** steps) / lambda;
    s += moved * moved * lambda * coefficients[i] * coefficients[i];
  }
  return Math.sqrt(s);
}

/** r_0 in the eigenbasis of the kernel. */
export function inEigenbasis(spectrum: KernelSpectrum, r: Float64Array): Float64Array {
  const n = r.length;
  return Float64Array.from({ length: n }, (_, i) => {
    let s = 0;
    for (let j = 0; j < n; j++) s += spectrum.vectors[i * n + j] * r[j];
    return s;
  });
}

/** Steps recorded: the first twenty, then geometrically, and the middle. */
function recordedSteps(steps: number): number[] {
  const out = new Set<number>([Math.floor(steps / 2), steps]);
  for (let t = 1, k = 0; t <= steps; k++, t = k < 20 ? t + 1 : Math.ceil(t * 1.08)) out.add(t);
  return [...out].sort((a, b) => a - b);
}

/** A network at its start, and the linearised network there. */
interface Start {
  readonly theta: Float64Array;
  readonly tangent: TangentKernel;
  readonly spectrum: KernelSpectrum;
  /** Outputs that are subtracted from those of the network, or null. */
  readonly offset: Float64Array | null;
  /** r_0 in the eigenbasis of the kernel, and ||r_0||. */
  readonly c: Float64Array;
  readonly size: number;
}

/** Trains one network. Undefined when stopped before the end. */
export function lazyRun(
  data: RegressionData,
  options: LazyRunOptions,
  kernels: Kernels,
  control: Control,
): LazyRun | undefined {
  const { shape, seed } = options;
  const { X, y } = data;
  const start = startOf(data, options, kernels);
  const { theta, tangent: first, spectrum, c } = start;
  if (control.shouldStop()) return undefined;
  const rate = options.rate.kind === 'absolute' ? options.rate.value : (options.rate.fraction * 2) / spectrum.max;
  const trained = trainBeside(start, data, options, rate, kernels, control);
  if (trained === undefined) return undefined;
  const { result, record } = trained;
  const end = result.theta;
  const last = tangentKernel(shape, end, X, kernels);
  const moved = layerMoves(shape, theta, end);
  const change = Math.sqrt(moved.reduce((s, part) => s + part.change, 0));
  const size = Math.sqrt(moved.reduce((s, part) => s + part.size, 0));
  const outputs = (inputs: DenseMatrix): Float64Array => {
    const f = predictMlp(shape, end, inputs, kernels);
    if (start.offset !== null) predictMlp(shape, theta, inputs, kernels).forEach((value, i) => (f[i] -= value));
    return f;
  };
  return {
    width: Math.max(...shape.hidden),
    seed,
    parameters: theta.length,
    rate,
    steps: result.epochs,
    lambdaMin: spectrum.min,
    lambdaMax: spectrum.max,
    trace: spectrum.trace,
    ...record,
    displacement: change,
    predictedDisplacement: linearizedDisplacement(spectrum, c, rate, result.epochs),
    interpolantDisplacement: interpolantDistance(spectrum, c),
    pathLength: result.pathLength ?? 0,
    relativeDisplacement: size > 0 ? change / size : 0,
    layerDisplacement: moved.map((part) => (part.size > 0 ? Math.sqrt(part.change / part.size) : 0)),
    kernelDrift: relativeDrift(first, last),
    flipped: flippedShare(first, last),
    trainError: cappedError(outputs(X), y),
    testError: data.test === null || data.test.y.length === 0 ? null : cappedError(outputs(data.test.X), data.test.y),
    diverged: result.diverged,
  };
}

function startOf({ X, y }: RegressionData, { shape, seed, start }: LazyRunOptions, kernels: Kernels): Start {
  const theta = initialiseMlp(shape, createRng(seed).fork('start'), start === 'mirrored' ? 'mirrored' : 'random');
  const tangent = tangentKernel(shape, theta, X, kernels);
  const spectrum = kernelSpectrum(tangent.kernel);
  const centred = start === 'centered';
  const r0 = Float64Array.from(y, (target, i) => (centred ? 0 : tangent.outputs[i]) - target);
  return {
    theta,
    tangent,
    spectrum,
    offset: centred ? tangent.outputs : null,
    c: inEigenbasis(spectrum, r0),
    size: norm(r0),
  };
}

type RunRecord = Pick<LazyRun, 'at' | 'loss' | 'predictedLoss' | 'residualError'>;

/** The descent, with the residuals of the linearised network beside those of the network. Undefined when stopped. */
function trainBeside(
  { theta, spectrum, offset, c, size }: Start,
  { X, y }: RegressionData,
  { shape, seed, steps }: LazyRunOptions,
  rate: number,
  kernels: Kernels,
  control: Control,
): { readonly result: ReturnType<typeof descend>; readonly record: RunRecord } | undefined {
  const n = X.rows;
  const at: number[] = [];
  const loss: number[] = [];
  const predictedLoss: number[] = [];
  const residualError: number[] = [];
  const model = createMlpModel(shape, X, y, 'squared', kernels, offset);
  let result: ReturnType<typeof descend>;
  try {
    result = descend(
      model,
      theta,
      {
        rule: 'sgd',
        learningRate: rate * n,
        schedule: 'constant',
        epochs: steps,
        batchSize: 0,
        curvePoints: 0,
        recordAt: recordedSteps(steps),
        trackPath: true,
        observe(step, now, objective): void {
          const f = predictMlp(shape, now, X, kernels);
          let predicted = 0;
          let error = 0;
          for (let i = 0; i < n; i++) {
            let s = 0;
            for (let j = 0; j < n; j++) {
              s += spectrum.vectors[i * n + j] * (f[j] - (offset === null ? 0 : offset[j]) - y[j]);
            }
            const expected = c[i] * (1 - rate * spectrum.values[i]) ** step;
            predicted += 0.5 * expected * expected;
            error += (s - expected) ** 2;
          }
          at.push(step);
          loss.push(objective);
          predictedLoss.push(predicted);
          residualError.push(size > 0 ? Math.sqrt(error) / size : 0);
        },
      },
      createRng(seed),
      control,
    );
  } finally {
    model.dispose();
  }
  return result.cancelled ? undefined : { result, record: { at, loss, predictedLoss, residualError } };
}

/** Squared norms of the change and of the start, per layer. */
function layerMoves(
  shape: MlpShape,
  theta: Float64Array,
  end: Float64Array,
): { readonly change: number; readonly size: number }[] {
  return layersOf(shape).layers.map(({ start, rows, cols, biasStart }) => {
    let change = 0;
    let size = 0;
    const add = (from: number, count: number): void => {
      for (let i = from; i < from + count; i++) {
        change += (end[i] - theta[i]) ** 2;
        size += theta[i] ** 2;
      }
    };
    add(start, rows * cols);
    if (biasStart >= 0) add(biasStart, rows);
    return { change, size };
  });
}

/** ||Theta_T - Theta_0||_F / ||Theta_0||_F */
function relativeDrift(first: TangentKernel, last: TangentKernel): number {
  let drift = 0;
  let size = 0;
  for (let i = 0; i < first.kernel.data.length; i++) {
    drift += (last.kernel.data[i] - first.kernel.data[i]) ** 2;
    size += first.kernel.data[i] ** 2;
  }
  return Math.sqrt(drift / size);
}

function flippedShare(first: TangentKernel, last: TangentKernel): number | null {
  let flips = 0;
  let pairs = 0;
  first.signs.forEach((signs, l) => {
    for (let i = 0; i < signs.length; i++) if (signs[i] !== last.signs[l][i]) flips++;
    pairs += signs.length;
  });
  return pairs > 0 ? flips / pairs : null;
}

/** sqrt(r_0' Theta_0^-1 r_0); null for a singular kernel. */
function interpolantDistance(spectrum: KernelSpectrum, c: Float64Array): number | null {
  if (spectrum.numericallyZero !== 0) return null;
  let s = 0;
  for (let i = 0; i < c.length; i++) s += (c[i] * c[i]) / spectrum.values[i];
  return Math.sqrt(s);
}

function norm(x: Float64Array): number {
  let s = 0;
  for (const value of x) s += value * value;
  return Math.sqrt(s);
}
