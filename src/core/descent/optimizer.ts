/**
 * The update rules of stochastic and full-batch gradient descent.
 *
 * - sgd: theta -= rate g.
 * - momentum: heavy ball with coefficient 0.9, v = 0.9 v + g, theta -= rate v (Polyak 1964; the convention of common frameworks).
 * - adam: Kingma and Ba 2015, algorithm 1, with the usual 0.9, 0.999, 1e-8.
 * - flow: theta -= share rate g / objective, full batch: forward Euler on the gradient flow of the logarithm of the objective, i.e.
 *   gradient flow with time counted in units of the loss, which keeps moving when a separable loss goes to zero. The share of the
 *   rate is halved after a step that raised the objective and grows slowly again, up to 1.
 */
export type UpdateRule = 'sgd' | 'momentum' | 'adam' | 'flow';

/** Applies steps in place, given the gradient (already normalised) and the learning rate of this step. */
export interface Optimizer {
  step(theta: Float64Array, gradient: Float64Array, rate: number): void;
  /** Rule `flow`: the last step lowered the objective, or did not (and was taken back by the caller); returns the next share. */
  accepted(): number;
  rejected(): number;
  /** What the next run needs to continue as if it had not been interrupted. */
  state(): OptimizerState;
}

/** Velocity (momentum), the two moments and the step count (Adam), or the share of the rate (flow). */
export interface OptimizerState {
  readonly vectors: readonly Float64Array[];
  readonly steps: number;
}

export function createOptimizer(rule: UpdateRule, size: number, from?: OptimizerState): Optimizer {
  const vector = (k: number): Float64Array => from?.vectors[k]?.slice() ?? new Float64Array(size);
  let steps = from?.steps ?? 0;
  if (rule === 'sgd' || rule === 'flow') {
    let share = from?.vectors[0]?.[0] ?? 1;
    return {
      step(theta, g, rate): void {
        for (let i = 0; i < size; i++) theta[i] -= share * rate * g[i];
        steps++;
      },
      accepted: () => (share = Math.min(1, 1.1 * share)),
      rejected: () => (share /= 2),
      state: () => ({ vectors: rule === 'flow' ? [Float64Array.of(share)] : [], steps }),
    };
  }
  const always = (): number => 1;
  if (rule === 'momentum') {
    const v = vector(0);
    return {
      step(theta, g, rate): void {
        for (let i = 0; i < size; i++) {
          const s = 0.9 * v[i] + g[i];
          v[i] = s;
          theta[i] -= rate * s;
        }
        steps++;
      },
      accepted: always,
      rejected: always,
      state: () => ({ vectors: [v.slice()], steps }),
    };
  }
  const m = vector(0);
  const v = vector(1);
  return {
    step(theta, g, rate): void {
      steps++;
      const correctedRate = rate / (1 - 0.9 ** steps);
      const correction = 1 / (1 - 0.999 ** steps);
      for (let i = 0; i < size; i++) {
        const gi = g[i];
        const mi = 0.9 * m[i] + 0.1 * gi;
        const vi = 0.999 * v[i] + 0.001 * gi * gi;
        m[i] = mi;
        v[i] = vi;
        theta[i] -= (correctedRate * mi) / (Math.sqrt(vi * correction) + 1e-8);
      }
    },
    accepted: always,
    rejected: always,
    state: () => ({ vectors: [m.slice(), v.slice()], steps }),
  };
}
