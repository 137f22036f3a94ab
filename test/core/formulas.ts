import type { LossName } from '../../src/core/problem/datafits/losses.ts';

/** Where the Huber loss of these formulas turns linear. */
export const delta = 0.7;

/**
 * Loss of one row with outputs f and targets y (class id first for softmax), and the value of -l*(-v) of one row, written out from the
 * definitions: what tests check the product's own against. Another loss has its line in both.
 */
export const lossOfRow: Record<LossName, (f: readonly number[], y: readonly number[]) => number> = {
  squared: (f, y) => f.reduce((sum, value, o) => sum + 0.5 * (value - y[o]) ** 2, 0),
  huber: (f, y) =>
    f.reduce((sum, value, o) => {
      const r = Math.abs(value - y[o]);
      return sum + (r <= delta ? (r * r) / 2 : delta * (r - delta / 2));
    }, 0),
  logistic: (f, y) => f.reduce((sum, value, o) => sum + Math.log(1 + Math.exp(-y[o] * value)), 0),
  hinge: (f, y) => f.reduce((sum, value, o) => sum + Math.max(0, 1 - y[o] * value), 0),
  softmax: (f, y) => Math.log(f.reduce((sum, value) => sum + Math.exp(value), 0)) - f[y[0]],
};

const xlogx = (p: number): number => (p > 0 ? p * Math.log(p) : 0);
/** Rounding that a dual point may lie outside the domain by. */
const slack = 1e-9;
const within = (p: number, low: number, high: number, value: (p: number) => number): number =>
  p < low - slack || p > high + slack ? -Infinity : value(Math.min(high, Math.max(low, p)));

export const dualOfRow: Record<LossName, (v: readonly number[], y: readonly number[]) => number> = {
  squared: (v, y) => v.reduce((sum, value, o) => sum + value * y[o] - value ** 2 / 2, 0),
  huber: (v, y) => v.reduce((sum, value, o) => sum + within(value, -delta, delta, (s) => s * y[o] - s ** 2 / 2), 0),
  logistic: (v, y) => v.reduce((sum, value, o) => sum + within(y[o] * value, 0, 1, (p) => -xlogx(p) - xlogx(1 - p)), 0),
  hinge: (v, y) => v.reduce((sum, value, o) => sum + within(y[o] * value, 0, 1, (p) => p), 0),
  softmax: (v, y) =>
    Math.abs(v.reduce((sum, value) => sum + value, 0)) > slack
      ? -Infinity
      : v.reduce((sum, value, k) => sum + within((k === y[0] ? 1 : 0) - value, 0, 1, (p) => -xlogx(p)), 0),
};
