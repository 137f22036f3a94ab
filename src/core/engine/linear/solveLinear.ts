import { relativeGap } from '../../problem/gap.ts';
import { type DualBound, roundingOfProducts, dualBoundAt } from '../../certify/dual/bound.ts';
import { denseMatrix, dot, norm2, rowOf, type DenseMatrix, rowNorms, columnOf } from '../../base/linalg/matrix.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import { biasOf, type Problem } from '../../problem/problem.ts';
import { couplesOutputs, penaltyOf } from '../../problem/penalties/penalties.ts';
import { ProblemError } from '../../base/problemError.ts';
import type { Control, SolveStatus } from '../../base/control.ts';
import { alignment, type LayerAlignment } from '../../network/alignment.ts';
import { alignedLayers, solveDeepLinear } from './deepLinear.ts';
import { balancedLayers, solveNuclear } from './nuclear.ts';
import { scalarPath } from './scalarPath.ts';
import { numericalRank, svd, svdUnlessStopped } from '../../base/linalg/svd.ts';

/** A trained linear network, or several parallel ones (one per output). */
export interface LinearSolution {
  readonly status: SolveStatus;
  /** Loss plus beta/2 times the sum of squared weights of all layers, computed by running the network. */
  readonly objective: number;
  /** Proven lower bound over all networks of this depth (any width). */
  readonly dualBound: number;
  readonly relativeGap: number;
  /** One chain W_1 .. W_L, or one per output. */
  readonly networks: readonly { readonly layers: readonly DenseMatrix[]; readonly output: number }[];
  readonly alignment: readonly (readonly LayerAlignment[])[];
  /** d x c effective map. */
  readonly map: DenseMatrix;
  readonly fit: DenseMatrix;
  /** n x c, v = -gradient of the datafit at the fit. */
  readonly dual: DenseMatrix;
  /** n x c: the dual point that proves `dualBound`; two layers only, more are not convex. */
  readonly boundDual?: DenseMatrix;
  readonly betaMax: number;
  readonly penalty: 'euclidean norm' | 'nuclear norm' | 'sum of euclidean norms' | 'weight decay on all layers';
  readonly iterations: number;
  readonly seconds: number;
  readonly method: string;
}

/**
 * Deep linear networks X W_1 .. W_L with weight decay on every layer (Ergen and Pilanci 2021, "Revealing the structure"). Two layers: any
 * smooth loss and number of outputs, the nuclear norm program. More layers: squared loss with one output, with one network per output, or
 * with several outputs when all singular values of X are equal (whitened data); otherwise the problem is refused, because the serial
 * network then has a duality gap.
 */
export function solveLinear(problem: Problem, prepared: PreparedProblem, control: Control): LinearSolution {
  const started = control.now();
  const layers = problem.depth ?? 2;
  const { X, datafit, beta, outputs, tolerance } = prepared;
  const perOutput = outputs > 1 && !couplesOutputs(prepared.outputPenalty, outputs);
  refuseLinear(problem, prepared, layers, perOutput);
  const finish = (part: LinearPart): LinearSolution => judged(part, prepared, perOutput, control.now() - started);
  const stopped = (): SolveStatus => (control.shouldStop() ? 'cancelled' : 'optimal');
  if (datafit.quadratic && (outputs === 1 || perOutput)) {
    const part = byOutput(prepared, layers, perOutput, control);
    return finish({ ...part, status: stopped() });
  }
  if (layers > 2) return finish({ status: stopped(), ...whitenedSerial(prepared, layers, control) });
  const s = solveNuclear(X, datafit, beta, tolerance, control);
  return finish({
    status: s.status,
    networks: s.rank > 0 ? [{ layers: balancedLayers(s.Z, 2), output: -1 }] : [],
    map: s.Z,
    betaMax: s.betaMax,
    iterations: s.iterations,
    penalty: outputs === 1 ? 'euclidean norm' : 'nuclear norm',
    method: 'accelerated proximal gradient on the nuclear norm program',
  });
}

/** What a method finds. */
interface LinearPart extends Pick<
  LinearSolution,
  'networks' | 'map' | 'betaMax' | 'penalty' | 'iterations' | 'method' | 'status'
> {
  /** Proven otherwise than by a dual point: more than two layers. */
  readonly bound?: number;
}

function refuseLinear(problem: Problem, prepared: PreparedProblem, layers: number, perOutput: boolean): void {
  const { datafit, bias, outputs, outputPenalty } = prepared;
  if (!Number.isInteger(layers) || layers < 2 || layers > 64) {
    throw new ProblemError(`a linear network has 2 to 64 layers, not ${layers}`, { field: 'depth' });
  }
  if (biasOf(bias).free) {
    throw new ProblemError('linear networks know the biases "none" and "regularized"', { field: 'bias' });
  }
  if (outputs > 1 && penaltyOf(outputPenalty).gatedOnly) {
    throw new ProblemError(
      'linear networks with several outputs are "nuclear" (one network) or "per-output" (one network each)',
      { field: 'outputPenalty' },
    );
  }
  if (!datafit.smooth)
    throw new ProblemError(`linear networks need a smooth loss, not ${problem.loss}`, { field: 'loss' });
  if (!datafit.quadratic && (layers > 2 || perOutput)) {
    const why = problem.weights === undefined ? '' : ' and rows of equal weights';
    throw new ProblemError(`${layers > 2 ? `${layers} layers` : 'one network per output'} need squared loss${why}`, {
      field: problem.weights === undefined ? 'loss' : 'weights',
    });
  }
}

/** One network per output, or one of one output, in closed form. */
function byOutput(
  { X, targets, beta, outputs }: PreparedProblem,
  layers: number,
  perOutput: boolean,
  control: Control,
): Omit<LinearPart, 'status'> {
  const map = denseMatrix(X.cols, outputs);
  const networks: { layers: DenseMatrix[]; output: number }[] = [];
  let bound = 0;
  let betaMax = 0;
  let iterations = 0;
  for (let k = 0; k < outputs; k++) {
    const y = columnOf(targets.data, outputs, k);
    const s = solveDeepLinear(X, y, beta, layers, control);
    for (let j = 0; j < X.cols; j++) map.data[j * outputs + k] = s.w[j];
    bound += s.lowerBound;
    betaMax = Math.max(betaMax, s.betaMax);
    iterations += s.evaluations;
    if (norm2(s.w) > 0) networks.push({ layers: alignedLayers(s.w, layers, 1), output: perOutput ? k : -1 });
  }
  return {
    networks,
    map,
    ...(layers > 2 ? { bound } : {}),
    betaMax,
    iterations,
    penalty: layers > 2 ? 'weight decay on all layers' : outputs === 1 ? 'euclidean norm' : 'sum of euclidean norms',
    method:
      layers === 2
        ? 'closed form: secular equation of the Euclidean norm'
        : 'closed form along the norm of the map, global by branch and bound in one dimension',
  };
}

/** Fit, objective, dual point and bound of what was found, from data and layers. */
function judged(part: LinearPart, prepared: PreparedProblem, perOutput: boolean, seconds: number): LinearSolution {
  const { X, datafit, beta, outputs, tolerance } = prepared;
  const fit = denseMatrix(X.rows, outputs);
  for (const { layers: chain, output } of part.networks) {
    const values = runChain(X, chain);
    for (let i = 0; i < X.rows; i++) {
      for (let k = 0; k < values.cols; k++)
        fit.data[i * outputs + (output < 0 ? k : output)] += values.data[i * values.cols + k];
    }
  }
  let square = 0;
  for (const { layers: chain } of part.networks) for (const W of chain) square += dot(W.data, W.data);
  const objective = datafit.value(fit.data) + 0.5 * beta * square;
  const dual = denseMatrix(X.rows, outputs);
  datafit.dualPoint(fit.data, dual.data);
  const proven =
    part.bound === undefined ? boundOfTwoLayers(prepared, dual, perOutput, objective) : { value: part.bound };
  const dualBound = Math.min(proven.value, objective);
  const gap = relativeGap(objective, dualBound);
  return {
    status: part.status === 'optimal' && gap > tolerance ? 'iteration-limit' : part.status,
    objective,
    dualBound,
    relativeGap: gap,
    networks: part.networks,
    alignment: part.networks.map(({ layers: chain }) => alignment(chain)),
    map: part.map,
    fit,
    dual,
    ...('point' in proven ? { boundDual: denseMatrix(X.rows, outputs, proven.point) } : {}),
    betaMax: part.betaMax,
    penalty: part.penalty,
    iterations: part.iterations,
    seconds,
    method: part.method,
  };
}

/** The bound of two layers by weak duality: the dual norms ||X'v_k|| of the outputs one by one, or the spectral norm of X'V for one network. */
function boundOfTwoLayers(
  { X, datafit, beta, outputs }: PreparedProblem,
  V: DenseMatrix,
  perOutput: boolean,
  objective: number,
): DualBound {
  const products = denseMatrix(X.cols, outputs);
  for (let i = 0; i < X.rows; i++) {
    for (let k = 0; k < X.cols; k++) {
      const x = X.data[i * X.cols + k];
      for (let o = 0; o < outputs; o++) products.data[k * outputs + o] += x * V.data[i * outputs + o];
    }
  }
  let top = 0;
  if (perOutput) {
    for (let o = 0; o < outputs; o++) {
      top = Math.max(top, norm2(columnOf(products.data, outputs, o)));
    }
  } else top = outputs === 1 ? norm2(products.data) : (svd(products).s[0] ?? 0) * (1 + 1e-14 * (X.cols + outputs));
  const rounding = roundingOfProducts(rowNorms(X), V.data, outputs, X.rows + X.cols + outputs + 8);
  return dualBoundAt(datafit, V.data, (top + rounding) / beta, objective);
}

/** Several outputs and more than two layers when X has equal singular values: each singular direction of the target map by itself. */
function whitenedSerial(
  { X, targets, beta, outputs }: PreparedProblem,
  layers: number,
  control: Control,
): Pick<LinearSolution, 'networks' | 'map' | 'betaMax' | 'penalty' | 'iterations' | 'method'> & { bound: number } {
  const penalty = 'weight decay on all layers';
  const method = 'closed form: every singular direction of the target map by itself (equal singular values of X)';
  const decomposition = svdUnlessStopped(X, () => control.shouldStop());
  if (decomposition === undefined)
    return { networks: [], map: denseMatrix(X.cols, outputs), bound: 0, betaMax: 0, iterations: 0, penalty, method };
  const { U, s, V } = decomposition;
  const rank = numericalRank(s, 1e-10);
  if (!(rank > 0) || s[0] - s[rank - 1] > 1e-10 * s[0]) {
    throw new ProblemError(
      `a serial linear network of ${layers} layers with ${outputs} outputs has a duality gap on data that are not whitened; take depth 2, one network per output ("per-output"), or whitened data`,
      { field: 'depth' },
    );
  }
  const kappa = s[0] * s[0];
  // least squares map Z = V (U'Y) / s, and the part of Y that no map reaches
  const c = outputs;
  const k = s.length;
  const inner = denseMatrix(rank, c);
  for (let a = 0; a < rank; a++) {
    for (let i = 0; i < X.rows; i++)
      for (let o = 0; o < c; o++) inner.data[a * c + o] += (U.data[i * k + a] * targets.data[i * c + o]) / s[0];
  }
  const rest = 0.5 * dot(targets.data, targets.data) - 0.5 * kappa * dot(inner.data, inner.data);
  const target = svd(inner);
  const width = target.s.length;
  const W1 = denseMatrix(X.cols, width);
  const WL = denseMatrix(width, c);
  const middle = denseMatrix(width, width);
  const map = denseMatrix(X.cols, c);
  let bound = Math.max(0, rest);
  let betaMax = 0;
  for (let t = 0; t < width; t++) {
    const path = scalarPath(target.s[t], beta / kappa, layers);
    bound += kappa * path.objective;
    betaMax = Math.max(betaMax, kappa * path.betaCritical);
    const g = Math.max(0, path.p) ** (1 / layers);
    middle.data[t * width + t] = g;
    for (let j = 0; j < X.cols; j++) {
      let direction = 0;
      for (let a = 0; a < rank; a++) direction += V.data[j * k + a] * target.U.data[a * width + t];
      W1.data[j * width + t] = g * direction;
      for (let o = 0; o < c; o++) map.data[j * c + o] += path.p * direction * target.V.data[o * width + t];
    }
    for (let o = 0; o < c; o++) WL.data[t * c + o] = g * target.V.data[o * width + t];
  }
  return {
    networks: [{ layers: [W1, ...Array.from({ length: layers - 2 }, () => middle), WL], output: -1 }],
    map,
    bound,
    betaMax,
    iterations: width,
    penalty,
    method,
  };
}

/** X W_1 .. W_L */
function runChain(X: DenseMatrix, chain: readonly DenseMatrix[]): DenseMatrix {
  let A = X;
  for (const W of chain) {
    const next = denseMatrix(A.rows, W.cols);
    for (let i = 0; i < A.rows; i++) {
      const row = rowOf(A, i);
      for (let j = 0; j < W.rows; j++) {
        const a = row[j];
        if (a !== 0) for (let o = 0; o < W.cols; o++) next.data[i * W.cols + o] += a * W.data[j * W.cols + o];
      }
    }
    A = next;
  }
  return A;
}
