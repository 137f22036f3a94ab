import { median } from '../../base/median.ts';
import type { LazyRun } from './lazyRun.ts';

/** One checked prediction: a number, what it should be, and what that says. */
export interface Claim {
  readonly id: 'assumption' | 'linear-rate' | 'nearest-interpolant' | 'generalization' | 'lazy' | 'rate-transfer';
  /** What is compared with what. */
  readonly quantity: string;
  /** Null when the claim could not be tested on these data. */
  readonly value: number | null;
  readonly expected: number;
  /** The verdict is `agrees` when the value lies in this interval. */
  readonly tolerance: readonly [number, number];
  readonly verdict: 'agrees' | 'disagrees' | 'not tested';
  readonly sentence: string;
}

/** Least-squares slope of log y against log x; null with fewer than two different x or a value that is not positive. */
export function exponent(x: readonly number[], y: readonly number[]): number | null {
  if (x.length !== y.length || y.some((value) => !(value > 0))) return null;
  const u = x.map(Math.log);
  const v = y.map(Math.log);
  const meanU = u.reduce((a, b) => a + b, 0) / u.length;
  const meanV = v.reduce((a, b) => a + b, 0) / v.length;
  let top = 0;
  let bottom = 0;
  u.forEach((value, i) => {
    top += (value - meanU) * (v[i] - meanV);
    bottom += (value - meanU) ** 2;
  });
  return bottom > 0 ? top / bottom : null;
}

function claim(
  tested: Omit<Claim, 'verdict' | 'sentence'>,
  sentence: (verdict: 'agrees' | 'disagrees') => string,
  untested: string,
): Claim {
  const { value, tolerance } = tested;
  if (value === null || !Number.isFinite(value)) {
    return { ...tested, value: null, verdict: 'not tested', sentence: untested };
  }
  const verdict = value >= tolerance[0] && value <= tolerance[1] ? 'agrees' : 'disagrees';
  return { ...tested, verdict, sentence: sentence(verdict) };
}

const words = { agrees: 'as predicted', disagrees: 'not as predicted' } as const;

export interface SlopeRatios {
  /** Observed over predicted decrease of log loss over the whole run. */
  readonly overall: number;
  /** The same over its second half, where the smallest eigenvalues decide. */
  readonly late: number | null;
  /** Last step used: losses within rounding of zero are left out. */
  readonly until: number;
}

/** Decrease of the loss against that of the linearised network; null when nothing decays or the run diverged. */
export function slopeRatios(run: LazyRun): SlopeRatios | null {
  if (run.diverged) return null;
  const floor = 1e-20;
  let to = 0;
  run.at.forEach((_, k) => {
    if (run.loss[k] > floor * run.loss[0] && run.predictedLoss[k] > floor * run.predictedLoss[0]) to = k;
  });
  const ratio = (from: number): number | null => {
    const predicted = Math.log(run.predictedLoss[from] / run.predictedLoss[to]);
    return predicted > 1e-6 ? Math.log(run.loss[from] / run.loss[to]) / predicted : null;
  };
  const overall = ratio(0);
  if (overall === null) return null;
  let half = 0;
  for (let k = 0; k < to; k++) if (run.at[k] <= run.at[to] / 2) half = k;
  return { overall, late: ratio(half), until: run.at[to] };
}

/** Claim (i): the loss falls as that of the linearised network, at the largest width (median over seeds). */
export function linearRateClaim(runs: readonly LazyRun[]): Claim {
  const width = Math.max(...runs.map((run) => run.width));
  const ratios = runs.flatMap((run) => (run.width === width ? (slopeRatios(run) ?? []) : []));
  const value = ratios.length > 0 ? median(ratios.map((ratio) => ratio.overall)) : null;
  const late = ratios.flatMap((ratio) => ratio.late ?? []);
  return claim(
    {
      id: 'linear-rate',
      quantity: 'observed / predicted slope of log loss against steps',
      value,
      expected: 1,
      tolerance: [0.9, 1.1],
    },
    (verdict) =>
      `At width ${width} the loss falls ${value!.toFixed(3)} times as fast as the tangent kernel predicts: ${words[verdict]}.` +
      (late.length > 0
        ? ` In the second half of the run, where the smallest eigenvalues decide, ${median(late).toFixed(3)} times.`
        : ''),
    'The predicted loss does not decrease measurably, or the runs diverged.',
  );
}

/** Claim (ii): the parameters move as far as those of the linearised network, i.e. towards the nearest interpolant. */
export function interpolantClaim(runs: readonly LazyRun[]): Claim {
  const width = Math.max(...runs.map((run) => run.width));
  const widest = runs.filter((run) => run.width === width && !run.diverged && run.predictedDisplacement > 0);
  const value = widest.length > 0 ? median(widest.map((run) => run.displacement / run.predictedDisplacement)) : null;
  const reached = widest.filter((run) => run.loss[run.loss.length - 1] <= 1e-4 * run.loss[0]).length;
  const note =
    reached === widest.length
      ? 'The runs interpolate the data, so this is the distance to the nearest interpolant.'
      : `${widest.length - reached} of ${widest.length} runs had not fitted the data yet; they are compared with the linearised network after the same number of steps.`;
  return claim(
    {
      id: 'nearest-interpolant',
      quantity: 'observed / predicted displacement of the parameters',
      value,
      expected: 1,
      tolerance: [0.9, 1.1],
    },
    (verdict) =>
      `At width ${width} the parameters move ${value!.toFixed(3)} times as far as predicted: ${words[verdict]}. ${note}`,
    'No run converged.',
  );
}

/** Runs wide enough for the asymptotics to mean something: at least twice as many parameters as rows; all if fewer than 3 widths are. */
function wideEnough(runs: readonly LazyRun[], rows: number): readonly LazyRun[] {
  const wide = runs.filter((run) => run.parameters >= 2 * rows);
  return new Set(wide.map((run) => run.width)).size >= 3 ? wide : runs;
}

export interface LazyExponents {
  readonly relativeDisplacement: number | null;
  /** -1/2 of the exponent of the number of parameters: -1/2 for one hidden layer, towards -1 for more. */
  readonly expectedRelativeDisplacement: number;
  /** The theory bounds it by -1/2. */
  readonly kernelDrift: number | null;
  readonly flipped: number | null;
  readonly widths: readonly number[];
}

export function lazyExponents(runs: readonly LazyRun[], rows: number): LazyExponents {
  const used = wideEnough(
    runs.filter((run) => !run.diverged),
    rows,
  );
  const widths = used.map((run) => run.width);
  const parameters = exponent(
    widths,
    used.map((run) => run.parameters),
  );
  return {
    relativeDisplacement: exponent(
      widths,
      used.map((run) => run.relativeDisplacement),
    ),
    expectedRelativeDisplacement: parameters === null ? -0.5 : -0.5 * parameters,
    kernelDrift: exponent(
      widths,
      used.map((run) => run.kernelDrift),
    ),
    flipped: exponent(
      widths,
      used.map((run) => run.flipped ?? 0),
    ),
    widths: [...new Set(widths)].sort((a, b) => a - b),
  };
}

/** Claim (iv): the wider, the less the weights move relative to their size. */
export function lazyClaim(runs: readonly LazyRun[], rows: number): Claim {
  const fit = lazyExponents(runs, rows);
  const expected = fit.expectedRelativeDisplacement;
  return claim(
    {
      id: 'lazy',
      quantity: 'exponent of the relative displacement against width',
      value: fit.relativeDisplacement,
      expected,
      tolerance: [expected - 0.15, expected + 0.15],
    },
    (verdict) =>
      `The relative displacement falls like width^${fit.relativeDisplacement!.toFixed(2)} (predicted ${expected.toFixed(2)}) and the kernel drift ` +
      `like width^${fit.kernelDrift?.toFixed(2) ?? '?'} (theory: at most -0.50) over widths ${fit.widths.join(', ')}: ${words[verdict]}.`,
    'An exponent needs runs at two widths at least.',
  );
}

/** The assumption: the smallest eigenvalue of the kernel at the start stays away from zero and approaches its limit. */
export function assumptionClaim(runs: readonly LazyRun[], limitMin: number | null, singular: boolean): Claim {
  const width = Math.max(...runs.map((run) => run.width));
  const mins = runs.filter((run) => run.width === width).map((run) => run.lambdaMin);
  const value = limitMin === null || singular || mins.length === 0 ? null : median(mins) / limitMin;
  return claim(
    {
      id: 'assumption',
      quantity: 'smallest eigenvalue of the kernel at the start / its infinite-width limit',
      value,
      expected: 1,
      tolerance: [0.5, 1.5],
    },
    (verdict) =>
      `At width ${width} the smallest eigenvalue is ${value!.toFixed(3)} of its infinite-width limit ${limitMin!.toPrecision(4)}: ${words[verdict]}.`,
    singular
      ? 'The infinite-width kernel is singular to working precision: the assumption of the theory fails on these rows.'
      : 'There is no infinite-width limit in this parametrisation.',
  );
}
