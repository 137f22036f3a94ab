/** What a decision threshold is best in; `usual`: none is looked for, an output of zero parts the classes. */
export const thresholdRules = ['usual', 'accuracy', 'balanced-accuracy', 'f1'] as const;
export type ThresholdRule = (typeof thresholdRules)[number];

/** An output above which a row is of the second class, and what it scores beside the usual one of zero. */
export interface ChosenThreshold {
  readonly at: number;
  /** In the measure of the rule, between 0 and 1. */
  readonly score: number;
  readonly usual: number;
}

/** Rows of each class above a threshold, and all of them. */
interface Counts {
  readonly hits: number;
  readonly alarms: number;
  readonly positives: number;
  readonly negatives: number;
}

/** F1 is that of the rarer class (of the second where both are as many). */
function measure(rule: Exclude<ThresholdRule, 'usual'>, { hits, alarms, positives, negatives }: Counts): number {
  const rejected = negatives - alarms;
  switch (rule) {
    case 'accuracy':
      return (hits + rejected) / (positives + negatives);
    case 'balanced-accuracy':
      return (hits / positives + rejected / negatives) / 2;
    case 'f1': {
      const [right, wrong, missed] =
        positives <= negatives ? [hits, alarms, positives - hits] : [rejected, positives - hits, alarms];
      return right === 0 ? 0 : (2 * right) / (2 * right + wrong + missed);
    }
  }
}

/**
 * The threshold of one output that is best in the measure of the rule on rows that were held out: of all halves between neighbouring outputs, and of
 * those beyond both ends, the best; of several that are as good the nearest to zero, and zero itself where it is. Undefined without rows of both
 * classes.
 */
export function chooseThreshold(
  output: ArrayLike<number>,
  second: ArrayLike<boolean>,
  rule: Exclude<ThresholdRule, 'usual'>,
): ChosenThreshold | undefined {
  const order = Array.from({ length: output.length }, (_, i) => i).sort((a, b) => output[b] - output[a]);
  const positives = order.reduce((sum, i) => sum + (second[i] ? 1 : 0), 0);
  const negatives = order.length - positives;
  if (positives === 0 || negatives === 0) return undefined;
  const at = (hits: number, alarms: number): number => measure(rule, { hits, alarms, positives, negatives });
  const above = (t: number): number => {
    const over = order.filter((i) => output[i] > t);
    const hits = over.reduce((sum, i) => sum + (second[i] ? 1 : 0), 0);
    return at(hits, over.length - hits);
  };
  const usual = above(0);
  let best = { at: 0, score: usual };
  let [hits, alarms] = [0, 0];
  const consider = (threshold: number): void => {
    const score = at(hits, alarms);
    const better = score > best.score + 1e-12;
    const nearer = score >= best.score - 1e-12 && Math.abs(threshold) < Math.abs(best.at);
    if (better || nearer) best = { at: threshold, score };
  };
  consider(output[order[0]]);
  order.forEach((i, k) => {
    if (second[i]) hits++;
    else alarms++;
    const next = k + 1 < order.length ? output[order[k + 1]] : output[i] - 1 - Math.abs(output[i]);
    if (next < output[i]) consider((next + output[i]) / 2);
  });
  return { ...best, usual };
}
