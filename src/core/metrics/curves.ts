/** Points of a curve over all thresholds, from the largest down: a row counts as positive where its score is at least the threshold. */
export interface ThresholdCurve {
  readonly threshold: readonly number[];
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** ROC: area under the curve. Precision-recall: average precision. */
  readonly area: number;
}

/** Positives and negatives at or above each distinct score, from the largest down. */
function counted(
  score: ArrayLike<number>,
  positive: ArrayLike<boolean>,
): { readonly threshold: number[]; readonly hits: number[]; readonly alarms: number[] } {
  const order = Array.from({ length: score.length }, (_, i) => i).sort((a, b) => score[b] - score[a]);
  const [threshold, hits, alarms]: [number[], number[], number[]] = [[], [], []];
  let [tp, fp] = [0, 0];
  order.forEach((row, i) => {
    if (positive[row]) tp++;
    else fp++;
    if (i + 1 < order.length && score[order[i + 1]] === score[row]) return;
    threshold.push(score[row]);
    hits.push(tp);
    alarms.push(fp);
  });
  return { threshold, hits, alarms };
}

/**
 * Receiver operating characteristic: share of the positives (y) against share of the negatives (x) at or above each threshold, from (0, 0) on. Its
 * area is the probability that a positive scores above a negative, ties counting half (Hanley and McNeil 1982). Undefined without both kinds.
 */
export function rocCurve(score: ArrayLike<number>, positive: ArrayLike<boolean>): ThresholdCurve | undefined {
  const { threshold, hits, alarms } = counted(score, positive);
  const [P, N] = [hits.at(-1) ?? 0, alarms.at(-1) ?? 0];
  if (P === 0 || N === 0) return undefined;
  const x = [0, ...alarms.map((count) => count / N)];
  const y = [0, ...hits.map((count) => count / P)];
  let area = 0;
  for (let i = 1; i < x.length; i++) area += ((x[i] - x[i - 1]) * (y[i] + y[i - 1])) / 2;
  return { threshold: [Infinity, ...threshold], x, y, area };
}

/**
 * Precision (y) against recall (x) at each threshold; its area is the average precision, the sum of precision times the step of recall (no
 * interpolation, which would flatter: Davis and Goadrich 2006). Undefined without positives.
 */
export function precisionRecall(score: ArrayLike<number>, positive: ArrayLike<boolean>): ThresholdCurve | undefined {
  const { threshold, hits, alarms } = counted(score, positive);
  const P = hits.at(-1) ?? 0;
  if (P === 0) return undefined;
  const x = hits.map((count) => count / P);
  const y = hits.map((count, i) => count / (count + alarms[i]));
  const area = x.reduce((sum, recall, i) => sum + (recall - (i === 0 ? 0 : x[i - 1])) * y[i], 0);
  return { threshold, x, y, area };
}

/** Rows of one band of predicted probability. */
export interface CalibrationBin {
  readonly rows: number;
  /** Mean predicted probability, and share of the rows that are positive. */
  readonly predicted: number;
  readonly observed: number;
  /** Standard error of the share: sqrt(p (1 - p) / rows) at p = (positives + 1) / (rows + 2), so that it is not 0 in a pure band. */
  readonly standardError: number;
}

/** Reliability of probabilities in `bins` bands of equal width; bands without rows are left out. */
export function calibration(
  probability: ArrayLike<number>,
  positive: ArrayLike<boolean>,
  bins = 10,
): readonly CalibrationBin[] {
  const rows = new Float64Array(bins);
  const sum = new Float64Array(bins);
  const hits = new Float64Array(bins);
  for (let i = 0; i < probability.length; i++) {
    const bin = Math.min(bins - 1, Math.floor(probability[i] * bins));
    rows[bin]++;
    sum[bin] += probability[i];
    if (positive[i]) hits[bin]++;
  }
  return Array.from(rows, (count, bin): CalibrationBin => {
    const smoothed = (hits[bin] + 1) / (count + 2);
    const standardError = Math.sqrt((smoothed * (1 - smoothed)) / Math.max(1, count));
    return { rows: count, predicted: sum[bin] / count, observed: hits[bin] / count, standardError };
  }).filter(({ rows: count }) => count > 0);
}
