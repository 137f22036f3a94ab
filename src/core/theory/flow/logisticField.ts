import type { DenseMatrix } from '../../base/linalg/matrix.ts';

/** Loss, margins and forces of a network on the rows at one point of its parameters. */
export interface FieldPoint {
  /** ln sum_i ln(1 + exp(-q_i)), q_i = y_i f(x_i). */
  logLoss: number;
  /** min_i q_i. */
  margin: number;
  readonly q: Float64Array;
  /** p_i = -l'(q_i) / L, the weight of a row in the field; non-negative. */
  readonly p: Float64Array;
  /** Pre-activations x_i'w_j, n x m; 0 where the row is held on the kink of the neuron. */
  readonly H: Float64Array;
}

export function fieldPoint(rows: number, neurons: number): FieldPoint {
  return {
    logLoss: 0,
    margin: 0,
    q: new Float64Array(rows),
    p: new Float64Array(rows),
    H: new Float64Array(rows * neurons),
  };
}

/** ln l(q) for l = ln(1 + e^-q): about -q for large q. */
function logLogistic(q: number): number {
  return q > 30 ? -q - 0.5 * Math.exp(-q) : Math.log(q > -30 ? Math.log1p(Math.exp(-q)) : -q);
}

/**
 * out := -grad log L at theta = (W, a) for f(x) = sum_j a_j (x'w_j)_+, i.e. sum_i p_i y_i grad f(x_i), from logarithms, so that nothing underflows
 * however large the margins get; `at` receives what was computed on the way. Rows with `held[i m + j]` count as inactive for neuron j.
 */
export function logisticField(
  X: DenseMatrix,
  y: Float64Array,
  theta: Float64Array,
  held: Uint8Array,
  at: FieldPoint,
  out: Float64Array,
): void {
  const { rows: n, cols: d, data: x } = X;
  const { q, p, H } = at;
  const m = H.length / n;
  let margin = Infinity;
  let top = -Infinity;
  for (let i = 0, row = 0; i < n; i++, row += d) {
    let f = 0;
    for (let j = 0, w = 0; j < m; j++, w += d) {
      let s = 0;
      for (let k = 0; k < d; k++) s += theta[w + k] * x[row + k];
      if (held[i * m + j] !== 0) s = 0;
      if (s > 0) f += s * theta[m * d + j];
      H[i * m + j] = s;
    }
    q[i] = y[i] * f;
    margin = Math.min(margin, q[i]);
    p[i] = logLogistic(q[i]);
    top = Math.max(top, p[i]);
  }
  let sum = 0;
  for (let i = 0; i < n; i++) sum += Math.exp(p[i] - top);
  at.logLoss = top + Math.log(sum);
  at.margin = margin;
  for (let i = 0; i < n; i++) {
    // -l'(q) / L = sigmoid(-q) / L.
    const slope = -(q[i] > 0 ? q[i] + Math.log1p(Math.exp(-q[i])) : Math.log1p(Math.exp(q[i]))) - at.logLoss;
    p[i] = slope < -745 ? 0 : Math.exp(slope);
  }
  weightedField(X, y, theta, at, p, out);
}

/** out := sum_i p_i y_i grad f(x_i) for any weights p, with the pre-activations of `at`. */
export function weightedField(
  X: DenseMatrix,
  y: Float64Array,
  theta: Float64Array,
  { H }: FieldPoint,
  p: Float64Array,
  out: Float64Array,
): void {
  const { rows: n, cols: d, data: x } = X;
  const m = H.length / n;
  out.fill(0);
  for (let i = 0, row = 0; i < n; i++, row += d) {
    if (p[i] === 0) continue;
    const force = y[i] * p[i];
    for (let j = 0, w = 0, h = i * m; j < m; j++, w += d, h++) {
      const s = H[h];
      if (!(s > 0)) continue;
      out[m * d + j] += force * s;
      const back = force * theta[m * d + j];
      for (let k = 0; k < d; k++) out[w + k] += back * x[row + k];
    }
  }
}
