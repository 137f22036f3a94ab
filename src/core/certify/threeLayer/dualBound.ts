import { type DualBound, dualBoundAt } from '../dual/bound.ts';
import { bracketDualMaximum } from '../global/dualMaximum.ts';
import { maximizeDualConstraint } from '../global/search.ts';
import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import { type Control, withDeadline } from '../../base/control.ts';
import { boundJointMaximum, jointBasis } from './jointCones.ts';

/** A lower bound of the objective over all parallel three-layer networks of some m1, however many branches they have. */
export interface FamilyBound {
  readonly lowerBound: number;
  /** n x c: the dual point that proves it. */
  readonly dual: Float64Array;
  /** Proven: M3 at the dual point of the fit is at most this. */
  readonly dualMaximum: number;
  /** The lower bound belongs to the dual point of the fit times this factor: 1 for the point that `dualMaximum` belongs to. */
  readonly shrink: number;
  readonly reason: string;
}

/** One output and one sign of its weight: the parts of +-v, and how much of the losing part is charged. */
interface Side {
  readonly gain: Float64Array;
  readonly loss: Float64Array;
  readonly tau: number;
  /** Estimate of the bound at this tau, from search. */
  readonly estimate: number;
}

const shrinkages = [0.9, 0.8, 0.7, 0.6, 0.45, 0.3];

/** Share of the time for the searches that choose the dual point and the shares charged; the rest goes to proofs. */
const searchShare = 0.4;

/**
 * Lower bound over all three-layer networks with m1 inner neurons a branch by weak duality (Ergen and Pilanci 2021), without listing patterns. For a branch with
 * pre-activation h = a - b, where a = sum_{s_j > 0} (X u_j)_+ and b = sum_{s_j < 0} (X u_j)_+, and any tau in [0, 1],
 *
 *     v'(h)_+ <= sum_{v_i > 0} v_i a_i - tau sum_{v_i < 0} |v_i| (a_i - b_i),
 *
 * because (h)_+ <= a and (h)_+ >= max(h, 0) >= tau h. Both sides are sums of ReLU neurons, so with M(q) = max over ||u|| <= 1 of |q'(Xu)_+|
 *
 *     M3(v) <= max(M(v_+ - tau v_-), M(tau v_-)),
 *
 * two dual maxima of two-layer networks, which are bounded by proof. The first falls in tau and the second rises: search finds where they meet.
 * With m1 = 2 and data of low rank the rest of the time goes to branch and bound over joint directions of both inner neurons, at the fit's dual point.
 * Before that, the dual point is that of the fit or of the fit shrunk towards zero (any point gives a valid bound), whichever search thinks best.
 * `fit` is n x c; at most about `seconds` are spent (none: bounds by norms).
 */
export function boundOverAllNetworks(
  prepared: PreparedProblem,
  m1: number,
  fit: Float64Array,
  seconds: number,
  control: Control,
): FamilyBound {
  const { X, datafit, beta } = prepared;
  const started = control.now();
  const left = (): number => Math.max(0, seconds - (control.now() - started));
  const own = new Float64Array(fit.length);
  datafit.dualPoint(fit, own);
  const boundAt = (V: Float64Array, price: number): DualBound => {
    // no loss is negative
    const { value, point } = dualBoundAt(datafit, V, price / beta);
    return { value: Math.max(0, value), point };
  };
  const search = seconds > 0;
  const searching = withDeadline(control, searchShare * seconds);
  const first = sidesOf(prepared, m1, own, search, searching);
  let best = { V: own, sides: first, value: boundAt(own, estimateOf(first)).value, shrink: 1 };
  for (const shrink of search ? shrinkages : []) {
    if (searching.shouldStop()) break;
    const V = new Float64Array(fit.length);
    datafit.dualPoint(
      fit.map((f) => shrink * f),
      V,
    );
    const sides = sidesOf(prepared, m1, V, true, searching);
    const { value } = boundAt(V, estimateOf(sides));
    // estimates of a search that was cut short are too low
    if (searching.shouldStop() || value <= best.value) break;
    best = { V, sides, value, shrink };
  }
  const joint = search && m1 === 2 ? jointBasis(X, () => control.shouldStop()) : undefined;
  let dualMaximum = proveSides(X, m1, first, (joint ? 0.1 : best.V === own ? 1 : 0.3) * left(), control);
  let proven = boundAt(own, dualMaximum);
  let shrink = 1;
  let reason =
    m1 === 1
      ? 'With m1 = 1 these are two-layer networks, whose dual maximum is bounded'
      : 'Two dual maxima of two-layer networks bound that of a branch: what its positive inner neurons gain less a share of what they lose, and what its negative ones save of that share';
  if (best.V !== own) {
    const moved = boundAt(best.V, proveSides(X, m1, best.sides, (joint ? 0.1 : 1) * left(), control));
    if (moved.value > proven.value) [proven, shrink] = [moved, best.shrink];
  }
  const enough = beta * (1 + 0.1 * prepared.tolerance);
  if (joint && dualMaximum > enough && left() > 0 && !control.shouldStop()) {
    const deadline = withDeadline(control, left());
    const sides = first.map(({ gain, loss }) => net(gain, loss, 1));
    const found = boundJointMaximum(X, joint, sides, { enough, upper: dualMaximum }, () => deadline.shouldStop());
    if (found.upper < dualMaximum) {
      dualMaximum = found.upper;
      const closer = boundAt(own, dualMaximum);
      if (closer.value > proven.value) {
        [proven, shrink] = [closer, 1];
        reason = `Branch and bound over ${found.cones} cones of joint directions of the two inner neurons of a branch bounds the dual maximum`;
      }
    }
  }
  return { lowerBound: proven.value, dual: proven.point, dualMaximum, shrink, reason };
}

const estimateOf = (sides: readonly Side[]): number => sides.reduce((top, { estimate }) => Math.max(top, estimate), 0);

function sidesOf(
  { X, outputs }: PreparedProblem,
  m1: number,
  V: Float64Array,
  search: boolean,
  control: Control,
): Side[] {
  const n = X.rows;
  const sides: Side[] = [];
  for (let k = 0; k < outputs; k++) {
    for (const sign of [1, -1]) {
      const gain = new Float64Array(n);
      const loss = new Float64Array(n);
      for (let i = 0; i < n; i++) {
        const v = sign * V[i * outputs + k];
        if (v > 0) gain[i] = v;
        else loss[i] = -v;
      }
      if (!gain.some((v) => v > 0)) continue;
      // a single inner neuron is positive: all of what it loses counts, and nothing is left for others
      const at =
        m1 === 1 ? { tau: 1, estimate: 0 } : search ? meetingPoint(X, gain, loss, control) : { tau: 0.5, estimate: 0 };
      sides.push({ gain, loss, ...at });
    }
  }
  return sides;
}

const net = (gain: Float64Array, loss: Float64Array, tau: number): Float64Array =>
  gain.map((value, i) => value - tau * loss[i]);

/** The tau at which the two maxima meet, as far as search can tell, by cutting planes: both are maxima of functions linear in tau. */
function meetingPoint(
  X: DenseMatrix,
  gain: Float64Array,
  loss: Float64Array,
  control: Control,
): { readonly tau: number; readonly estimate: number } {
  const n = X.rows;
  const positive = (
    q: Float64Array,
    candidates: readonly ArrayLike<number>[],
  ): { value: number; at?: Float64Array } => {
    const found = maximizeDualConstraint(
      X,
      { rows: n, cols: 1, data: q },
      { candidates, starts: 6, keep: 16 },
      control,
    );
    const top = found.find(({ sign }) => sign === 1);
    return { value: top?.value ?? 0, at: top?.direction };
  };
  const rise = positive(loss, []).value;
  const cuts: { g: number; l: number }[] = [];
  const seen: Float64Array[] = [];
  let tau = 0;
  let estimate = 0;
  if (control.shouldStop()) return { tau: 0.5, estimate };
  for (let round = 0; round < 8 && !control.shouldStop(); round++) {
    const { value, at } = positive(net(gain, loss, tau), seen);
    estimate = Math.max(value, tau * rise);
    if (!at || value <= tau * rise * (1 + 1e-3)) break;
    seen.push(at);
    let [g, l] = [0, 0];
    for (let i = 0; i < n; i++) {
      let z = 0;
      for (let k = 0; k < X.cols; k++) z += X.data[i * X.cols + k] * at[k];
      if (z > 0) [g, l] = [g + gain[i] * z, l + loss[i] * z];
    }
    cuts.push({ g, l });
    // smallest tau at which no cut g - tau l is above tau rise
    const next = Math.min(
      1,
      cuts.reduce((top, cut) => Math.max(top, cut.g / (cut.l + rise)), 0),
    );
    if (!(next > tau * (1 + 1e-4))) break;
    tau = next;
    estimate = cuts.reduce((top, cut) => Math.max(top, cut.g - tau * cut.l), tau * rise);
  }
  return { tau, estimate };
}

/** Proven upper bound of M3 from the two maxima of every side; none has to be proven below what search has found for another. */
function proveSides(X: DenseMatrix, m1: number, sides: readonly Side[], seconds: number, control: Control): number {
  const started = control.now();
  const parts = sides.flatMap(({ gain, loss, tau }) => [
    net(gain, loss, tau),
    ...(m1 > 1 ? [loss.map((value) => tau * value)] : []),
  ]);
  const goal = estimateOf(sides);
  let upper = 0;
  parts.forEach((q, k) => {
    if (!q.some((value) => value !== 0)) return;
    const share = Math.max(0, seconds - (control.now() - started)) / (parts.length - k);
    upper = Math.max(
      upper,
      bracketDualMaximum(X, q, X.cols, { seconds: share, goal: Math.max(goal, upper) }, control).upper,
    );
  });
  return upper;
}
