import type { Kernels } from '../../base/kernels/kernels.ts';
import { createReferenceKernels } from '../../base/kernels/reference.ts';
import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import { symmetricEigen } from '../../base/linalg/symmetricEigen.ts';
import { type MlpShape, initialiseMlp } from '../../descent/mlp.ts';
import { createRng } from '../../base/rng.ts';
import { type Control, uncontrolled } from '../../base/control.ts';
import { checkKernelRows, checkWidths, defaultBudgetBytes, defaultKernelRows, withWidth } from './budget.ts';
import { limitKernel } from './limitKernel.ts';
import { evenMoments, hermiteCoefficients } from './moments.ts';
import { type DependentRows, type KernelSpectrum, dependentRows, kernelSpectrum, weakestRows } from './spectrum.ts';
import { tangentKernel } from './tangentKernel.ts';

/** Of the kernel of one network at its start. */
interface EmpiricalSpectrum extends SpectrumSummary {
  readonly width: number;
  readonly seed: number;
  readonly relativeError: number | null;
}

export interface KernelReportOptions {
  /** All but the widths. */
  readonly shape: MlpShape;
  readonly widths: readonly number[];
  readonly seeds: readonly number[];
  readonly maxRows?: number;
  readonly budgetBytes?: number;
  readonly kernels?: Kernels;
  /** Include the n x n matrices of the limit and of the first seed at the largest width. */
  readonly matrices?: boolean;
}

export interface SpectrumSummary {
  /** Ascending. */
  readonly eigenvalues: readonly number[];
  readonly lambdaMin: number;
  readonly lambdaMax: number;
  readonly trace: number;
  /** Null: singular to working precision. */
  readonly condition: number | null;
  readonly numericallyZero: number;
  /** Largest step of gradient descent on the summed half-squared loss: 2 / lambda_max. */
  readonly largestStep: number;
  /** Rows that weigh most in the eigenvector of the smallest eigenvalue (rows from 0). */
  readonly weakest: readonly { readonly row: number; readonly weight: number }[];
}

export interface KernelReport {
  readonly format: 'convexnet-kernel/1';
  readonly status: 'complete' | 'cancelled';
  readonly setting: Omit<MlpShape, 'hidden' | 'inputs'> & { readonly hiddenLayers: number };
  readonly rows: number;
  readonly inputs: number;
  /** Infinite width; null in standard parametrisation, where the kernel grows with the width. */
  readonly limit: SpectrumSummary | null;
  /** The network of the first seed at the largest width. */
  readonly empirical: EmpiricalSpectrum | null;
  /** Smallest and largest eigenvalue for every width and seed, and the distance of the kernel to the limit (relative, Frobenius). */
  readonly samples: readonly {
    readonly width: number;
    readonly seed: number;
    readonly lambdaMin: number;
    readonly lambdaMax: number;
    readonly relativeError: number | null;
  }[];
  readonly dependentRows: readonly DependentRows[];
  readonly moments: readonly number[];
  readonly hermite: readonly number[];
  /** One sentence: does the assumption of the theory hold on these rows? */
  readonly verdict: string;
  readonly matrices?: { readonly limit: readonly number[] | null; readonly empirical: readonly number[] };
  readonly seconds: number;
}

function summary(spectrum: KernelSpectrum): SpectrumSummary {
  return {
    eigenvalues: Array.from(spectrum.values),
    lambdaMin: spectrum.min,
    lambdaMax: spectrum.max,
    trace: spectrum.trace,
    condition: Number.isFinite(spectrum.condition) ? spectrum.condition : null,
    numericallyZero: spectrum.numericallyZero,
    largestStep: 2 / spectrum.max,
    weakest: weakestRows(spectrum),
  };
}

function relativeError(K: DenseMatrix, limit: DenseMatrix | null): number | null {
  if (limit === null) return null;
  let difference = 0;
  let size = 0;
  for (let i = 0; i < K.data.length; i++) {
    difference += (K.data[i] - limit.data[i]) ** 2;
    size += limit.data[i] ** 2;
  }
  return size > 0 ? Math.sqrt(difference / size) : 0;
}

function verdictOf(limit: SpectrumSummary | null, dependent: readonly DependentRows[], rows: number): string {
  if (limit === null) return 'In standard parametrisation the kernel grows with the width and has no limit.';
  if (limit.numericallyZero === 0) {
    return (
      `The infinite-width kernel is positive definite: smallest eigenvalue ${limit.lambdaMin.toPrecision(4)}, condition number ` +
      `${limit.condition!.toPrecision(3)}. The assumption of the theory holds on these ${rows} rows.`
    );
  }
  const reasons = dependent.map(({ reason }) => reason);
  return (
    `The infinite-width kernel is singular to working precision (${limit.numericallyZero} of ${rows} eigenvalues): the assumption of the theory ` +
    `fails, and not all labels can be fitted.${reasons.length > 0 ? ` Because ${reasons.slice(0, 5).join('; ')}.` : ''}`
  );
}

/**
 * The tangent kernel of a data set: at infinite width, for one wide network, and its extreme eigenvalues over widths and seeds.
 * @throws {ProblemError} for too many rows, KernelMemoryError for widths beyond the memory budget
 */
export function kernelReport(
  X: DenseMatrix,
  options: KernelReportOptions,
  control: Control = uncontrolled,
): KernelReport {
  const begin = control.now();
  const kernels = options.kernels ?? createReferenceKernels();
  const { shape, seeds } = options;
  const widths = [...options.widths].sort((a, b) => a - b);
  checkKernelRows(X.rows, options.maxRows ?? defaultKernelRows);
  checkWidths(shape, widths, X.rows, options.budgetBytes ?? defaultBudgetBytes);
  const limit = shape.parametrization === 'ntk' ? limitKernel(shape, X) : null;
  const limitSummary = limit === null ? null : summary(kernelSpectrum(limit));
  const widest = widths[widths.length - 1];
  const samples: KernelReport['samples'][number][] = [];
  let empirical: KernelReport['empirical'] = null;
  let matrix: DenseMatrix | null = null;
  let cancelled = false;
  const total = widths.length * seeds.length;
  for (const width of [...widths].reverse()) {
    for (const seed of seeds) {
      if (control.shouldStop()) cancelled = true;
      if (cancelled) break;
      control.report?.({
        iteration: samples.length,
        seconds: control.now() - begin,
        objective: NaN,
        dualBound: NaN,
        active: 0,
        phase: `kernel at width ${width}, seed ${seed} (${samples.length} of ${total})`,
        fraction: samples.length / total,
      });
      const wide = withWidth(shape, width);
      const theta = initialiseMlp(wide, createRng(seed).fork('start'));
      const { kernel } = tangentKernel(wide, theta, X, kernels);
      const error = relativeError(kernel, limit);
      if (width === widest && seed === seeds[0]) {
        const spectrum = kernelSpectrum(kernel);
        empirical = { ...summary(spectrum), width, seed, relativeError: error };
        matrix = kernel;
        samples.push({ width, seed, lambdaMin: spectrum.min, lambdaMax: spectrum.max, relativeError: error });
      } else {
        const { values } = symmetricEigen(kernel);
        samples.push({ width, seed, lambdaMin: values[0], lambdaMax: values[values.length - 1], relativeError: error });
      }
    }
  }
  samples.sort((a, b) => a.width - b.width || a.seed - b.seed);
  const dependent = dependentRows(X, shape.activation, shape.biasScale !== 0);
  return {
    format: 'convexnet-kernel/1',
    status: cancelled ? 'cancelled' : 'complete',
    setting: {
      activation: shape.activation,
      parametrization: shape.parametrization,
      hiddenLayers: shape.hidden.length,
      inputScale: shape.inputScale,
      weightScale: shape.weightScale,
      biasScale: shape.biasScale,
    },
    rows: X.rows,
    inputs: X.cols,
    limit: limitSummary,
    empirical,
    samples,
    dependentRows: dependent,
    moments: Array.from(evenMoments(X, shape.hidden.length + 1)),
    hermite: Array.from(hermiteCoefficients(shape.activation, 11)),
    verdict: verdictOf(limitSummary, dependent, X.rows),
    matrices:
      options.matrices === true && matrix !== null
        ? { limit: limit === null ? null : Array.from(limit.data), empirical: Array.from(matrix.data) }
        : undefined,
    seconds: control.now() - begin,
  };
}
