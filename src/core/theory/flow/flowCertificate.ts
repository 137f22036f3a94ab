import { relativeGap } from '../../problem/gap.ts';
import { bracketDualMaximum } from '../../certify/global/dualMaximum.ts';
import { type DenseMatrix, denseMatrix, norm2, rowNorms } from '../../base/linalg/matrix.ts';
import { ConeProjector } from '../../base/linalg/nnls.ts';
import { type Control, uncontrolled } from '../../base/control.ts';
import type { FlowNetwork } from './gradientFlow.ts';

export type FlowVerdict = 'not-separated' | 'not-converged' | 'global' | 'stationary-only' | 'undecided';

export interface Suggestion {
  readonly direction: readonly number[];
  readonly sign: 1 | -1;
  readonly value: number;
}

/** How close the end of a gradient flow is to a KKT point of the max-margin problem, and whether that point is globally optimal. */
export interface FlowCertificate {
  readonly verdict: FlowVerdict;
  readonly sentence: string;
  /** Smallest margin of the network as trained; it is scaled to margin 1 for everything below. */
  readonly margin: number;
  /** ||theta||^2 / 2 at margin 1. */
  readonly primal: number;
  /** Sum |a_j| ||w_j|| at margin 1: the value after balancing, never larger. */
  readonly balanced: number;
  /**
   * n numbers, y_i lambda_i >= 0, by non-negative least squares on the stationarity equations; not separated: the forces y_i sigmoid(-y_i f_i) of
   * the loss.
   */
  readonly lambda: readonly number[];
  /** ||stationarity residual|| / ||theta||. */
  readonly residual: number;
  /** |x'w| up to this share of ||x|| ||w|| counted as on the kink. */
  readonly kink: number;
  /** Pairs of a row and a neuron on such a kink. */
  readonly onKink: number;
  /** sum |lambda_i| (y_i f_i - 1) / sum |lambda_i|. */
  readonly complementarity: number;
  /** nu = max over ||u|| <= 1 of |lambda'(Xu)_+|: attained value and proven bound. */
  readonly nu: number;
  readonly nuUpper: number;
  /** Proven: no network has a smaller value than sum |lambda| / max(nu, 1). */
  readonly lowerBound: number;
  readonly relativeGap: number;
  /**
   * Direction of the largest dual constraint, and the sign of the output weight a neuron there would get. Not separated: a neuron there of size s (both
   * weights) lowers the loss by value s^2 to first order in s^2; null where no direction lowers it.
   */
  readonly suggestion: Suggestion | null;
  /** For every neuron of weight: |lambda'(X w / ||w||)_+|, 1 at a stationary point. */
  readonly touching: readonly { readonly neuron: number; readonly share: number; readonly value: number }[];
}

export interface FlowCertificateOptions {
  /** Relative gap at which the limit counts as global (default 0.002). */
  readonly tolerance?: number;
  /** Stationarity residual up to which the run counts as converged (default 0.01). */
  readonly residualTolerance?: number;
  readonly certifySeconds?: number;
  readonly seed?: number;
}

/**
 * Inner products this small relative to the norms count as on the kink, where the part of the row in the subgradient is free. A flow that
 * slides along a kink ends about a step's length beside it, so wider ones are tried where the narrow one leaves a residual.
 */
const kinks = [1e-6, 1e-4, 1e-3];

/**
 * Certifies the end point of a gradient flow. With theta scaled to margin 1 the KKT conditions of min ||theta||^2/2, y f >= 1 are
 * w_j = a_j X'D_j lambda and a_j = lambda'(X w_j)_+ with y lambda >= 0: linear in lambda, which is fitted by non-negative least squares (the last
 * gradient would not do: exp(-margin) underflows to a single row). A row on a neuron's kink may count with any share in [0, 1], for every
 * such neuron another one (Clarke's subdifferential). If nu <= 1 the KKT point is globally optimal; in any case sum |lambda| / max(nu, 1) bounds the
 * value of every network from below (weak duality). A network that does not separate is no candidate; of it the forces of the rows are taken, whose
 * largest dual constraint is the direction of the neuron that lowers the loss most.
 */
export function certifyFlow(
  X: DenseMatrix,
  y: Float64Array,
  network: FlowNetwork,
  options: FlowCertificateOptions = {},
  control: Control = uncontrolled,
): FlowCertificate {
  const tolerance = options.tolerance ?? 2e-3;
  const residualTolerance = options.residualTolerance ?? 1e-2;
  const passed = outputsOf(X, y, network);
  const { margin } = passed;
  if (!(margin > 0)) return notSeparated(X, y, passed.f, margin, options, control);
  const net = atMarginOne(X, y, network, passed);
  const fitted = fitOverKinks(net, residualTolerance, control);
  const { lambda, residual } = fitted;
  const { total, complementarity } = complementarityOf(net, lambda);
  const bracket =
    total > 0
      ? bracketDualMaximum(
          X,
          lambda,
          X.cols,
          {
            seconds: options.certifySeconds ?? 5,
            candidates: heaviestDirections(net),
            seed: options.seed ?? 1,
            goal: 1 + tolerance / 10,
          },
          control,
        )
      : undefined;
  const nu = bracket?.lower ?? 0;
  const nuUpper = bracket?.upper ?? Infinity;
  const lowerBound = total / Math.max(nuUpper, 1);
  const gap = relativeGap(net.primal, lowerBound);
  const converged = residual <= residualTolerance && complementarity <= 10 * residualTolerance;
  let verdict: LimitVerdict;
  if (gap <= tolerance) verdict = 'global';
  else if (!converged) verdict = 'not-converged';
  else if (nu > 1 + 2 * Math.max(tolerance, residual)) verdict = 'stationary-only';
  else verdict = 'undecided';
  return {
    verdict,
    sentence: sentenceOf(verdict, { residual, complementarity, nu, gap }),
    margin,
    primal: net.primal,
    balanced: net.balanced,
    lambda: Array.from(lambda),
    residual,
    kink: fitted.kink,
    onKink: fitted.onKink,
    complementarity,
    nu,
    nuUpper,
    lowerBound,
    relativeGap: gap,
    suggestion:
      bracket?.direction === undefined
        ? null
        : { direction: Array.from(bracket.direction), sign: bracket.sign, value: bracket.lower },
    touching: touchingOf(net, lambda),
  };
}

type LimitVerdict = Exclude<FlowVerdict, 'not-separated'>;

function sentenceOf(
  verdict: LimitVerdict,
  {
    residual,
    complementarity,
    nu,
    gap,
  }: { readonly residual: number; readonly complementarity: number; readonly nu: number; readonly gap: number },
): string {
  const percent = (100 * gap).toPrecision(2);
  const sentences: Record<LimitVerdict, string> = {
    'not-converged': `The direction has not settled (stationarity residual ${residual.toExponential(1)}, complementarity ${complementarity.toExponential(1)}); proven is only that the value is at most ${percent} % above the best possible.`,
    global: `The limit is a global optimum of the max-margin problem to ${Math.max(0, 100 * gap).toPrecision(2)} % (proven, nu = ${nu.toFixed(5)}).`,
    'stationary-only': `The limit is stationary but not globally optimal: nu = ${nu.toFixed(4)} > 1, a neuron in the suggested direction lowers the value. At most ${percent} % above the best possible.`,
    undecided: `The limit is stationary, and no violated dual constraint was found (nu = ${nu.toFixed(5)}), but global optimality is only proven to ${percent} %.`,
  };
  return sentences[verdict];
}

/** Pre-activations (n x m), outputs and the smallest margin of a network on the rows. */
interface RowOutputs {
  readonly H: Float64Array;
  readonly f: Float64Array;
  readonly margin: number;
}

function outputsOf(X: DenseMatrix, y: Float64Array, network: FlowNetwork): RowOutputs {
  const [n, d, m] = [X.rows, X.cols, network.a.length];
  const f = new Float64Array(n);
  const H = new Float64Array(n * m);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      let s = 0;
      for (let k = 0; k < d; k++) s += X.data[i * d + k] * network.W[j * d + k];
      H[i * m + j] = s;
      if (s > 0) f[i] += s * network.a[j];
    }
  }
  let margin = Infinity;
  for (let i = 0; i < n; i++) margin = Math.min(margin, y[i] * f[i]);
  return { H, f, margin };
}

/** The network scaled to smallest margin 1. */
function atMarginOne(X: DenseMatrix, y: Float64Array, network: FlowNetwork, passed: RowOutputs): ScaledNetwork {
  const [d, m] = [X.cols, network.a.length];
  const scale = 1 / Math.sqrt(passed.margin);
  const W = network.W.map((value) => value * scale);
  const a = network.a.map((value) => value * scale);
  const f = passed.f.map((value) => value / passed.margin);
  const H = passed.H.map((value) => value * scale);
  const lengths = Float64Array.from({ length: m }, (_, j) => norm2(W.subarray(j * d, (j + 1) * d)));
  let primal = 0;
  let balanced = 0;
  for (let j = 0; j < m; j++) {
    primal += 0.5 * (lengths[j] ** 2 + a[j] ** 2);
    balanced += Math.abs(a[j]) * lengths[j];
  }
  return { X, y, W, a, H, f, lengths, rowNorms: rowNorms(X), primal, balanced, size: Math.sqrt(2 * primal) };
}

/** The multipliers on the narrowest kink that leaves little of the residual. */
function fitOverKinks(net: ScaledNetwork, residualTolerance: number, control: Control): StationarityFit {
  let fitted: StationarityFit | undefined;
  for (const kink of kinks) {
    const attempt = fitMultipliers(net, kink);
    if (fitted === undefined || attempt.residual < 0.5 * fitted.residual) fitted = attempt;
    if (fitted.residual <= 0.1 * residualTolerance || control.shouldStop()) break;
  }
  return fitted!;
}

/** sum |lambda|, and the share of it that rows beyond the margin have, weighted by how far they are beyond. */
function complementarityOf(
  { y, f }: ScaledNetwork,
  lambda: Float64Array,
): { readonly total: number; readonly complementarity: number } {
  let total = 0;
  let slackness = 0;
  for (let i = 0; i < lambda.length; i++) {
    total += Math.abs(lambda[i]);
    slackness += Math.abs(lambda[i]) * (y[i] * f[i] - 1);
  }
  return { total, complementarity: total > 0 ? slackness / total : Infinity };
}

/** Inner weights of the neurons that count most: where the search for the largest dual constraint starts. */
function heaviestDirections({ X, W, a, lengths }: ScaledNetwork): Float64Array[] {
  const d = X.cols;
  return Array.from({ length: a.length }, (_, j) => j)
    .filter((j) => lengths[j] > 0)
    .sort((p, q) => Math.abs(a[q]) * lengths[q] - Math.abs(a[p]) * lengths[p])
    .slice(0, 64)
    .map((j) => W.subarray(j * d, (j + 1) * d));
}

function touchingOf({ a, H, lengths, balanced }: ScaledNetwork, lambda: Float64Array): FlowCertificate['touching'] {
  const m = a.length;
  return Array.from({ length: m }, (_, j) => {
    let s = 0;
    for (let i = 0; i < lambda.length; i++) s += lambda[i] * Math.max(0, H[i * m + j]);
    return {
      neuron: j,
      share: (Math.abs(a[j]) * lengths[j]) / balanced,
      value: lengths[j] > 0 ? Math.abs(s) / lengths[j] : 0,
    };
  }).filter(({ share }) => share > 1e-4);
}
/** A share of the forces below this counts as none. */
const noForce = 1e-6;

function notSeparated(
  X: DenseMatrix,
  y: Float64Array,
  f: Float64Array,
  margin: number,
  { seed }: FlowCertificateOptions,
  control: Control,
): FlowCertificate {
  const lambda = Float64Array.from(f, (value, i) => y[i] / (1 + Math.exp(y[i] * value)));
  let wrong = 0;
  let total = 0;
  for (let i = 0; i < X.rows; i++) {
    wrong += Number(!(y[i] * f[i] > 0));
    total += Math.abs(lambda[i]) * norm2(X.data.subarray(i * X.cols, (i + 1) * X.cols));
  }
  const {
    lower: value,
    direction,
    sign,
  } = bracketDualMaximum(X, lambda, X.cols, { seconds: 0, seed: seed ?? 1 }, control);
  const suggestion =
    direction !== undefined && value > noForce * total ? { direction: Array.from(direction), sign, value } : null;
  return {
    verdict: 'not-separated',
    sentence:
      `The network does not separate the rows: ${wrong} of ${X.rows} on the wrong side or on the boundary (smallest margin ${margin.toPrecision(3)}). ` +
      (suggestion === null
        ? 'No direction was found in which one more neuron would lower the loss.'
        : 'A neuron in the suggested direction lowers the loss.'),
    margin,
    primal: Infinity,
    balanced: Infinity,
    lambda: Array.from(lambda),
    residual: Infinity,
    kink: 0,
    onKink: 0,
    complementarity: Infinity,
    nu: 0,
    nuUpper: Infinity,
    lowerBound: 0,
    relativeGap: Infinity,
    suggestion,
    touching: [],
  };
}

/** A network at margin 1 and what is known of it on the rows. */
interface ScaledNetwork {
  readonly X: DenseMatrix;
  readonly y: Float64Array;
  readonly W: Float64Array;
  readonly a: Float64Array;
  /** Pre-activations, n x m. */
  readonly H: Float64Array;
  readonly f: Float64Array;
  readonly lengths: Float64Array;
  readonly rowNorms: Float64Array;
  /** ||theta||^2 / 2 and sum |a_j| ||w_j||. */
  readonly primal: number;
  readonly balanced: number;
  /** Norm of all parameters. */
  readonly size: number;
}

interface StationarityFit {
  readonly lambda: Float64Array;
  readonly residual: number;
  readonly kink: number;
  readonly onKink: number;
}

/** Rounds of adding columns, and how much a column has to promise (relative to ||theta||) to be added. */
const mostRounds = 40;
const worthAdding = 1e-9;

/**
 * Least squares for lambda = y mu, mu >= 0, on w_j = a_j sum_i s_ij lambda_i x_i, a_j = lambda'(X w_j)_+, where s_ij is 1 for active rows, 0 for
 * inactive ones and free in [0, 1] on a kink. For one row the vectors mu_i s_i. form a cone over a cube, generated by its corners: each
 * corner (a set of neurons for which the row counts) is a column of one non-negative least squares problem. Corners are generated as
 * needed: the best one for a residual takes exactly the neurons whose residual it reduces.
 */
function fitMultipliers(net: ScaledNetwork, kink: number): StationarityFit {
  const { X, y, W, a, H, f, lengths, rowNorms, size } = net;
  const n = X.rows;
  const d = X.cols;
  const m = a.length;
  const cols = m * (d + 1) + 1;
  const free: number[][] = Array.from({ length: n }, (_, i) =>
    Array.from({ length: m }, (__, j) => j).filter(
      (j) => lengths[j] > 0 && Math.abs(H[i * m + j]) <= kink * rowNorms[i] * lengths[j],
    ),
  );
  const corners: { readonly row: number; readonly on: ReadonlySet<number> }[] = [];
  for (let i = 0; i < n; i++) corners.push({ row: i, on: new Set() });
  const target = new Float64Array(cols);
  for (let j = 0; j < m; j++) {
    target.set(W.subarray(j * d, (j + 1) * d), j * (d + 1));
    target[j * (d + 1) + d] = a[j];
  }
  const rest = new Float64Array(cols);
  const lambda = new Float64Array(n);
  for (let round = 0; ; round++) {
    const system = denseMatrix(corners.length, cols);
    corners.forEach(({ row: i, on }, c) => {
      // Among the many lambda that balance the neurons, rows beyond the margin are to have little: relative complementarity as one more
      // equation (sum lambda is ||theta||^2 at a KKT point).
      system.data[c * cols + cols - 1] = (y[i] * f[i] - 1) / size;
      for (let j = 0; j < m; j++) {
        const h = H[i * m + j];
        if (free[i].includes(j) ? !on.has(j) : h <= 0) continue;
        const at = c * cols + j * (d + 1);
        for (let k = 0; k < d; k++) system.data[at + k] = y[i] * a[j] * X.data[i * d + k];
        system.data[at + d] = y[i] * Math.max(h, 0);
      }
    });
    // min over mu >= 0 of ||target - system' mu||: the projection onto the polar cone, all signs -1.
    const projector = new ConeProjector(system);
    projector.project(new Int8Array(corners.length).fill(-1), target, rest);
    lambda.fill(0);
    corners.forEach(({ row }, c) => (lambda[row] += y[row] * projector.multipliers[c]));
    let added = 0;
    for (let i = 0; i < n && round < mostRounds; i++) {
      if (free[i].length === 0) continue;
      const on = new Set<number>();
      for (const j of free[i]) {
        let gain = Math.max(H[i * m + j], 0) * rest[j * (d + 1) + d];
        for (let k = 0; k < d; k++) gain += a[j] * X.data[i * d + k] * rest[j * (d + 1) + k];
        if (y[i] * gain > worthAdding * size * rowNorms[i] * Math.abs(a[j])) on.add(j);
      }
      const known = corners.some((corner) => corner.row === i && same(corner.on, on));
      if (known) continue;
      corners.push({ row: i, on });
      added++;
    }
    if (added === 0) break;
  }
  return {
    lambda,
    residual: norm2(rest.subarray(0, cols - 1)) / size,
    kink,
    onKink: free.reduce((sum, list) => sum + list.length, 0),
  };
}

function same(a: ReadonlySet<number>, b: ReadonlySet<number>): boolean {
  return a.size === b.size && [...a].every((value) => b.has(value));
}

/**
 * The network with one more neuron in the suggested direction, scaled down to a small margin so that the flow can move again. `share`:
 * norm of the new neuron relative to the root mean square of the others. Where the network does not separate, the neuron is as small as it takes
 * for the logistic loss to be lower at once: a neuron of size s adds s^2 (x_i'u)_+ to the outputs, and the loss has curvature at most 1/4 in each, so
 * that it falls by at least s^2 value / 2 for s^2 <= 4 value / sum (x_i'u)_+^2.
 */
export function withSuggestedNeuron(
  X: DenseMatrix,
  network: FlowNetwork,
  { suggestion, margin }: Pick<FlowCertificate, 'margin'> & { readonly suggestion: Suggestion },
  share = 0.5,
): FlowNetwork {
  const d = network.inputs;
  const m = network.a.length;
  // Margin about 3: separated, but with weights small enough that the loss still pulls.
  const scale = margin > 3 ? Math.sqrt(3 / margin) : 1;
  const W = new Float64Array((m + 1) * d);
  const a = new Float64Array(m + 1);
  let square = 0;
  for (let i = 0; i < m * d; i++) W[i] = scale * network.W[i];
  for (let j = 0; j < m; j++) {
    a[j] = scale * network.a[j];
    square += Math.abs(a[j]) * norm2(W.subarray(j * d, (j + 1) * d));
  }
  const length = norm2(suggestion.direction) || 1;
  let size = share * Math.sqrt(square / Math.max(1, m));
  if (!(margin > 0)) {
    let squares = 0;
    for (let i = 0; i < X.rows; i++) {
      let s = 0;
      for (let k = 0; k < d; k++) s += (X.data[i * d + k] * suggestion.direction[k]) / length;
      squares += Math.max(0, s) ** 2;
    }
    const most = Math.sqrt((4 * suggestion.value) / squares);
    size = size > 0 ? Math.min(size, most) : most;
  }
  for (let k = 0; k < d; k++) W[m * d + k] = (size * suggestion.direction[k]) / length;
  a[m] = suggestion.sign * size;
  return { inputs: d, W, a };
}
