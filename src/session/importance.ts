import type { Control } from '../core/base/control.ts';
import type { DenseMatrix } from '../core/base/linalg/matrix.ts';
import { createRng } from '../core/base/rng.ts';
import { waveOfDays } from '../core/data/dates.ts';
import type { Scaling } from '../core/data/scaling.ts';
import { whitened } from '../core/data/whiten.ts';
import { partialDependence, permutationImportance } from '../core/metrics/importance.ts';
import { probabilityOfClass } from '../core/metrics/probabilities.ts';
import { errorMeasureOf, rowErrors } from '../core/metrics/rowErrors.ts';
import type { Predictions } from '../core/metrics/scores.ts';
import type { FeatureImportance, ImportanceRecord } from '../shared/run.ts';
import { pickRows } from './pickRows.ts';

/** Rows that are looked at, shuffles of a column, and values of a curve, at most. */
const mostRows = 300;
const repeats = 5;
const mostValues = 15;
/** Columns whose curves are kept, the most important first. */
const mostCurves = 12;

/** A network and rows to judge it on. */
export interface Judged extends Pick<Predictions, 'classes' | 'loss' | 'classWeights' | 'threshold'> {
  readonly scaling: Scaling;
  /** Rows x inputs, scaled but not whitened. */
  readonly X: DenseMatrix;
  /** Targets of these rows, in original units or class ids. */
  readonly target: ArrayLike<number>;
  /** Outputs on inputs as the network takes them; undefined when given up. */
  predict(X: DenseMatrix): DenseMatrix | undefined;
  readonly seed: number;
}

/**
 * Permutation importance of every column and partial dependence on the most important ones, in original units, on a seeded sample of the rows given. Columns
 * that a stop or a time limit came before are left out.
 */
export function importanceOf(judged: Judged, control: Control): Omit<ImportanceRecord, 'split'> {
  const { scaling, seed, classes, loss, classWeights } = judged;
  const rng = createRng(seed).fork('importance');
  const rows = sample(judged.X.rows, (bound) => rng.integer(bound));
  const X = pickRows(judged.X, rows);
  const target = Float64Array.from(rows, (row) => judged.target[row]);
  const all = Int32Array.from(rows.keys());
  const { mean, scale } = scaling.target;
  const of = (fit: DenseMatrix): Predictions => ({
    target,
    prediction: classes === 0 ? fit.data.map((value) => value * scale + mean) : fit.data,
    outputs: fit.cols,
    classes,
    loss,
    classWeights,
    threshold: judged.threshold,
  });
  const model = {
    X,
    predict(inputs: DenseMatrix): DenseMatrix | undefined {
      if (control.shouldStop()) return undefined;
      return judged.predict(scaling.whitening === undefined ? inputs : whitened(inputs, scaling.whitening));
    },
    error: (fit: DenseMatrix): number =>
      rowErrors(of(fit), all).reduce((sum, value) => sum + value, 0) / Math.max(1, all.length),
  };
  const columns = new Map<string, number[]>();
  scaling.inputs.forEach(({ column }, k) => columns.set(column, [...(columns.get(column) ?? []), k]));
  const features: FeatureImportance[] = [];
  for (const [column, inputs] of columns) {
    const found = permutationImportance(model, inputs, repeats, rng.fork(column));
    if (found === undefined) break;
    features.push({ column, ...found });
  }
  features.sort((a, b) => b.mean - a.mean);
  /** What a curve shows of a row: the prediction, or the probability (where there is none, the output) of each class, of two the second. */
  const summary = (fit: DenseMatrix, row: number): readonly number[] => {
    const predictions = of(fit);
    const first = row * fit.cols;
    if (classes === 0) return [predictions.prediction[first]];
    const labels = classes === 2 ? [1] : Array.from({ length: classes }, (_, k) => k);
    return labels.map(
      (label) => probabilityOfClass(predictions, row, label) ?? fit.data[first + (fit.cols === 1 ? 0 : label)],
    );
  };
  const withCurves = features.map((feature, k): FeatureImportance => {
    if (k >= mostCurves || feature.mean === 0) return feature;
    const inputs = columns.get(feature.column)!;
    const at = valuesOf(scaling, X, inputs);
    const value = at.map(({ encoded }) => partialDependence(model, inputs, encoded, summary));
    return value.some((v) => v === undefined)
      ? feature
      : { ...feature, effect: { at: at.map(({ shown }) => shown), value: value as number[][] } };
  });
  return {
    measure: errorMeasureOf({ classes, loss }),
    ...(classWeights === undefined ? {} : { classWeighted: true }),
    rows: all.length,
    repeats,
    features: withCurves,
    complete: features.length === columns.size,
  };
}

/** At most so many of the rows, in their order. */
function sample(rows: number, integer: (bound: number) => number): Int32Array {
  const order = Int32Array.from({ length: rows }, (_, i) => i);
  for (let i = 0; i < Math.min(rows - 1, mostRows); i++) {
    const j = i + integer(rows - i);
    [order[i], order[j]] = [order[j], order[i]];
  }
  return order.slice(0, mostRows).sort();
}

/** Values of a column, encoded and as they are shown: categories, or quantiles of the rows. */
function valuesOf(
  { inputs: scalings }: Scaling,
  X: DenseMatrix,
  inputs: readonly number[],
): { readonly encoded: readonly number[]; readonly shown: number | string }[] {
  const own = inputs.map((k) => scalings[k]);
  if (own[0].category !== undefined) {
    const categories = [...own.flatMap(({ other }) => other ?? []), ...own.map(({ category }) => category!)];
    return categories.slice(0, mostValues).map((shown) => ({
      shown,
      encoded: own.map(({ category, mean, scale }) => ((category === shown ? 1 : 0) - mean) / scale),
    }));
  }
  const [k] = inputs; // of dates the days, before their waves
  const sorted = Float64Array.from({ length: X.rows }, (_, row) => X.data[row * X.cols + k]).sort();
  const picked = Array.from(
    { length: mostValues },
    (_, i) => sorted[Math.round((i * (sorted.length - 1)) / (mostValues - 1))],
  );
  return [...new Set(picked)].map((value) => ({
    shown: value * own[0].scale + own[0].mean,
    encoded: own.map(({ wave, mean, scale }) => {
      if (wave === undefined) return value;
      return (waveOfDays(value * own[0].scale + own[0].mean, wave) - mean) / scale;
    }),
  }));
}
