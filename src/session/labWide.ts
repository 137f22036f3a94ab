import { KernelMemoryError } from '../core/base/kernels/kernels.ts';
import type { Kernels } from '../core/base/kernels/kernels.ts';
import type { MlpShape } from '../core/descent/mlp.ts';
import type { Control } from '../core/base/control.ts';
import { defaultKernelRows } from '../core/theory/wide/budget.ts';
import { type KernelReport, kernelReport } from '../core/theory/wide/kernelReport.ts';
import {
  defaultRateFactors,
  type RateCell,
  type SweepCell,
  type SweepResult,
  widthSweep,
} from '../core/theory/wide/sweep.ts';
import type { LabRemedy, LabSettings, LabVerdict } from '../shared/lab.ts';
import { LabRefusal } from './labRefusal.ts';
import type { LabRows } from './labData.ts';

/** The networks of the Lab: NTK parametrisation unless asked otherwise, inputs scaled by 1 / sqrt(d) so that the kernel does not depend on the number of features. */
export function labShape(
  inputs: number,
  settings: {
    readonly activation: 'relu' | 'erf';
    readonly hiddenLayers: number;
    readonly bias: boolean;
    readonly parametrization?: MlpShape['parametrization'];
  },
): MlpShape {
  return {
    inputs,
    hidden: Array.from({ length: settings.hiddenLayers }, () => 1),
    activation: settings.activation,
    parametrization: settings.parametrization ?? 'ntk',
    inputScale: 1 / Math.sqrt(inputs),
    weightScale: Math.SQRT2,
    biasScale: settings.bias ? 1 : 0,
  };
}

const seedsOf = (settings: { readonly seed: number; readonly seeds: number }): number[] =>
  Array.from({ length: settings.seeds }, (_, k) => settings.seed + k);

/** Kernels are n x n: beyond the limit a sample is offered. */
export function refuseTooManyRows(rows: number): void {
  if (rows <= defaultKernelRows) return;
  throw new LabRefusal(
    `a kernel on ${rows} training rows has ${rows} x ${rows} entries and cubic cost; the limit is ${defaultKernelRows} rows`,
    { label: `Use a sample of ${defaultKernelRows} rows`, settings: { maxRows: defaultKernelRows } },
  );
}

/** Widths beyond the memory are refused with those that fit. */
export function offeringWidths<T>(widths: readonly number[], work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof KernelMemoryError)) throw error;
    const fits = Number(/width (\d+) fits/.exec(error.message)?.[1] ?? NaN);
    const left = widths.filter((width) => width <= fits);
    throw new LabRefusal(
      error.message,
      Number.isFinite(fits)
        ? { label: 'Use the widths that fit', settings: { widths: left.length > 0 ? left : [fits] } }
        : undefined,
    );
  }
}

/** How far the smallest eigenvalue of the widest networks may be from the limit. */
const lambdaTolerance: readonly [number, number] = [0.5, 1.5];

const wideEnough = (ratio: number): boolean => ratio >= lambdaTolerance[0] && ratio <= lambdaTolerance[1];

/** The theory is about widths that tend to infinity: below this one, a prediction that fails has not been tested. */
export const enoughWidth = 4096;

const wider = (widths: readonly number[], to = enoughWidth): LabRemedy => ({
  label: `Try width ${to}`,
  settings: { widths: [...widths.filter((width) => width < to).slice(-3), to] },
});

/** Why a prediction that fails has not been tested, and what would test it where that is known. */
interface Untested {
  readonly words: string;
  readonly remedy?: LabRemedy;
}

/** Relative change of the kernel in training above which a network is not in the regime of the predictions. */
const lazyDrift = 0.1;

/** Widths, and the largest change of the kernel in training, of the runs without label noise; null when none was finished. */
function regimeOf({ cells }: SweepResult): {
  readonly widest: number;
  readonly atWidest: number;
  readonly narrowest: number;
  readonly atNarrowest: number;
} | null {
  const clean = cells.filter((cell) => cell.noise === 0 && !cell.diverged);
  if (clean.length === 0) return null;
  const widest = Math.max(...clean.map((cell) => cell.width));
  const narrowest = Math.min(...clean.map((cell) => cell.width));
  const drift = (width: number): number =>
    Math.max(...clean.filter((cell) => cell.width === width).map((cell) => cell.kernelDrift));
  return { widest, atWidest: drift(widest), narrowest, atNarrowest: drift(narrowest) };
}

/** Why a claim that fails has not been tested by networks this narrow, and what would; null when it has been. */
function tooNarrow(
  id: SweepResult['claims'][number]['id'],
  regime: NonNullable<ReturnType<typeof regimeOf>>,
  widths: readonly number[],
): Untested | null {
  const { widest, atWidest, narrowest, atNarrowest } = regime;
  const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
  const more = widest < enoughWidth ? enoughWidth : 4 * widest;
  switch (id) {
    case 'assumption':
      if (widest >= enoughWidth) return null;
      return {
        words: `Width ${widest} is too small for the prediction, which is about the limit of large widths.`,
        remedy: wider(widths),
      };
    case 'linear-rate':
    case 'nearest-interpolant':
    // the bound is that of the linearised network, which a network is close to while its kernel hardly changes
    case 'generalization':
      if (atWidest > lazyDrift)
        return {
          words: `Width ${widest} is too small for the prediction: the kernel changed by ${percent(atWidest)} in training, and should hardly change (here: up to ${percent(lazyDrift)}).`,
          remedy: wider(widths, more),
        };
      if (widest >= enoughWidth || id === 'generalization') return null;
      return {
        words: `Width ${widest} is too small for the prediction, which is about the limit of large widths.`,
        remedy: wider(widths),
      };
    // Compare all widths, so the smallest has to be wide as well.
    case 'lazy':
    case 'rate-transfer':
      if (atNarrowest <= lazyDrift && widest >= enoughWidth) return null;
      return {
        words: `Width ${narrowest} is too small for the prediction, which compares widths at which the kernel hardly changes (here: up to ${percent(lazyDrift)}; there: ${percent(atNarrowest)}).`,
        remedy: { label: `Try widths 512 to ${enoughWidth}`, settings: { widths: [512, 1024, 2048, enoughWidth] } },
      };
  }
}

/**
 * Why a claim that fails has not been tested: the theorem is about steps below the edge of stability, kernels that are positive definite at the
 * start, and widths at which they stay what they were.
 */
function untested(
  id: SweepResult['claims'][number]['id'],
  { limit }: SweepResult,
  regime: ReturnType<typeof regimeOf>,
  settings: LabSettings['sweep'],
): Untested | null {
  if (settings.rate > 1)
    return {
      words: `Steps of ${settings.rate} times the edge of stability are beyond it, and the prediction is about steps below.`,
      remedy: { label: 'Use half of the edge', settings: { rate: 0.5 } },
    };
  if (limit?.singular === true)
    return { words: 'The infinite-width kernel is singular on these rows, and the prediction assumes that it is not.' };
  return regime === null ? null : tooNarrow(id, regime, settings.widths);
}

/** A claim of the sweep; one that fails where the theorem assumes something else has not been tested. */
function sweepVerdict(
  claim: SweepResult['claims'][number],
  result: SweepResult,
  settings: LabSettings['sweep'],
): LabVerdict {
  const { id, quantity, value, tolerance, verdict, sentence } = claim;
  const base = { id, title: claimTitles[id], quantity, value, tolerance };
  const open = verdict === 'disagrees' ? untested(id, result, regimeOf(result), settings) : null;
  if (open === null) return { ...base, verdict, sentence };
  const { words, remedy } = open;
  return {
    ...base,
    verdict: 'not tested',
    sentence: `${words} Measured: ${sentence}`,
    ...(remedy === undefined ? {} : { remedy }),
  };
}

function finiteWidthWords(width: number, ratio: number): string {
  const [low, high] = lambdaTolerance;
  return (
    `At width ${width} the smallest eigenvalue is ${ratio.toPrecision(3)} of that limit on average: ` +
    (ratio >= low && ratio <= high
      ? 'the networks are wide enough to have it.'
      : 'wider networks are needed to have it.')
  );
}

export function labKernel(
  rows: LabRows,
  settings: LabSettings['kernel'],
  kernels: Kernels | undefined,
  control: Control,
): { readonly result: KernelReport; readonly verdicts: readonly LabVerdict[] } {
  refuseTooManyRows(rows.X.rows);
  const result = offeringWidths(settings.widths, () =>
    kernelReport(
      rows.X,
      { shape: labShape(rows.X.cols, settings), widths: settings.widths, seeds: seedsOf(settings), kernels },
      control,
    ),
  );
  const { limit, samples } = result;
  const widest = Math.max(...samples.map((sample) => sample.width));
  const at = samples.filter((sample) => sample.width === widest).map((sample) => sample.lambdaMin);
  const singular = limit === null || limit.numericallyZero > 0 || at.length === 0;
  const value = singular ? null : at.reduce((a, b) => a + b, 0) / at.length / limit.lambdaMin;
  return {
    result,
    verdicts: [
      {
        id: 'assumption',
        title: 'The smallest eigenvalue stays away from zero',
        quantity: `mean smallest eigenvalue at width ${Number.isFinite(widest) ? widest : '–'} / infinite-width limit`,
        value,
        tolerance: lambdaTolerance,
        verdict:
          // rows whose kernel is singular are none that the theorem is about
          value === null
            ? 'not tested'
            : wideEnough(value)
              ? 'agrees'
              : widest < enoughWidth
                ? 'not tested'
                : 'disagrees',
        sentence: value === null ? result.verdict : `${result.verdict} ${finiteWidthWords(widest, value)}`,
        ...(value === null || wideEnough(value) || widest >= enoughWidth ? {} : { remedy: wider(settings.widths) }),
      },
    ],
  };
}

const claimTitles: Record<SweepResult['claims'][number]['id'], string> = {
  assumption: 'Assumption: the kernel stays positive definite',
  'linear-rate': '(i) Linear convergence at the predicted rate',
  'nearest-interpolant': '(ii) The nearest interpolant is found',
  generalization: '(iii) The generalisation bound holds',
  lazy: '(iv) Lazy training: wider moves less',
  'rate-transfer': '(v) The step size carries over between widths',
};

function cellLine(cell: SweepCell | RateCell): string {
  if ('displacement' in cell) {
    const loss = cell.diverged ? 'diverged' : `loss ${(cell.loss.at(-1) ?? NaN).toExponential(1)}`;
    return (
      `Width ${cell.width}, seed ${cell.seed}${cell.noise > 0 ? `, label noise ${cell.noise}` : ''}: ${loss}, ` +
      `moved ${(cell.displacement / cell.predictedDisplacement).toFixed(3)} of what is predicted`
    );
  }
  const end = cell.loss === null ? 'diverged' : `loss x ${cell.loss.toExponential(1)}`;
  return `Width ${cell.width}, step size ${cell.rate.toPrecision(3)}: ${end}${cell.monotone ? '' : ', not monotone'}`;
}

export function labSweep(
  rows: LabRows,
  settings: LabSettings['sweep'],
  kernels: Kernels | undefined,
  control: Control,
  onCell: (line: string, fraction: number) => void,
): { readonly result: SweepResult; readonly verdicts: readonly LabVerdict[] } {
  refuseTooManyRows(rows.X.rows);
  if (settings.start === 'mirrored' && settings.hiddenLayers > 1) {
    throw new LabRefusal('a mirrored start needs one hidden layer', {
      label: 'Subtract the outputs at the start instead',
      settings: { start: 'centered' },
    });
  }
  const odd = settings.start === 'mirrored' ? settings.widths.filter((width) => width % 2 === 1) : [];
  if (odd.length > 0) {
    throw new LabRefusal(`a mirrored start needs even widths, and ${odd.join(', ')} is odd`, {
      label: 'Make them even',
      settings: { widths: settings.widths.map((width) => width + (width % 2)) },
    });
  }
  const result = offeringWidths(settings.widths, () =>
    widthSweep(
      { X: rows.X, y: rows.y, test: rows.test },
      {
        shape: labShape(rows.X.cols, settings),
        start: settings.start,
        widths: settings.widths,
        seeds: seedsOf(settings),
        steps: settings.steps,
        rate: { kind: 'edge', fraction: settings.rate },
        noise: settings.noise > 0 ? [settings.noise] : [],
        binary: rows.data.task === 'binary',
        rateFactors: defaultRateFactors,
        rateSteps: settings.rateSteps,
        rateSeeds: 1,
        delta: 0.05,
        kernels,
      },
      control,
      (cell, done, total) => onCell(cellLine(cell), done / total),
    ),
  );
  return {
    result,
    verdicts: result.claims.map((claim) => sweepVerdict(claim, result, settings)),
  };
}
