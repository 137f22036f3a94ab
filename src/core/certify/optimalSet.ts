import { isOn } from '../base/patterns.ts';
import { type CellList, enumerateCells } from '../problem/patterns/enumerate.ts';
import { type DenseMatrix, dot, norm2, columnOf } from '../base/linalg/matrix.ts';
import { ConeProjector } from '../base/linalg/nnls.ts';
import { bestDualScale } from '../problem/datafits/datafit.ts';
import { couplesOutputs } from '../problem/penalties/penalties.ts';
import type { PreparedProblem } from '../problem/prepare.ts';
import { ProblemError } from '../base/problemError.ts';
import { type Control, withDeadline } from '../base/control.ts';
import type { ConvexNeuron } from '../network/mapping.ts';
import { fitDistances } from '../network/fitAngles.ts';
import { FitCone } from '../network/fitCone.ts';
import { fitsOf } from '../network/prune.ts';
import { biasOf } from '../problem/problem.ts';

/** Whether every optimal network has a neuron in the direction of a given one, with its sign and output. */
export type Presence = 'every' | 'not every' | 'unknown';

export interface OptimalSet {
  /** One entry per neuron. */
  readonly presence: readonly Presence[];
  /**
   * 'proven': candidates are all directions that attain the dual constraint, out of all activation patterns, and 'every' allows for what the solution
   * is still off by. 'found': candidates are the neurons at hand; 'every' then says that these cannot replace it, which others might.
   */
  readonly scope: 'proven' | 'found';
  /** Proven: how many directions attain the dual constraint (norm 1, with sign and output), i.e. what all optimal networks are made of. */
  readonly directions?: number;
}

/** Distance of a fit from the cone of the others, relative to the fit of all, up to which they replace it; and how many times that is clear without a look at the cone. */
const replaced = 1e-9;
const clearlyApart = 4;
/** Seconds for going through all patterns; then only the neurons of the network are compared. */
const secondsForPatterns = 5;
/** Effort beyond which patterns are not enumerated for this: cells, and cells times entries of X. */
const mostCells = 30_000;
const mostWork = 3e8;

/**
 * Which neurons of an optimal two-layer ReLU network are in every optimal one. The optimal dual v is unique, and a neuron of any optimum
 * attains the dual constraint |v'(Xu)_+| <= beta ||u|| (Mishkin and Pilanci 2023): within a cell and sign the direction that may do so is unique. With
 * all those directions at hand, the optimal networks are the lengths a >= 0 on them that give the optimal fit, and a neuron is in each
 * when the fit is not in the cone of the fits of the others: one non-negative least squares problem.
 *
 * The point is optimal only up to a duality gap g. Strong concavity of the dual (`dualModulus` of the loss) puts v within
 * delta = sqrt(2 g / modulus), so that slopes are off by at most ||X|| delta, directions that attain by 2 ||X|| delta / beta, and what lengths of sum S
 * make of them by 2 S ||X||^2 delta / beta: neurons count as 'every' only when the distance to that cone is larger.
 *
 * `neurons` without zero ones; `dual` and `fit` are n x c. `patterns`: all of them, or whether to enumerate them if they are few. With a free bias (an
 * attaining direction is not unique within a cell) and for losses whose optimal fit is not unique the scope is always 'found'. Undefined when stopped.
 */
export function optimalSet(
  prepared: PreparedProblem,
  neurons: readonly ConvexNeuron[],
  point: { readonly dual: DenseMatrix; readonly fit: DenseMatrix; readonly objective: number },
  patterns: CellList | boolean,
  control: Control,
): OptimalSet | undefined {
  const { datafit, outputs, outputPenalty, bias } = prepared;
  const among = (): OptimalSet | undefined => {
    const essential = essentialNeurons(prepared.X, neurons, biasOf(bias).free, () => control.shouldStop());
    return essential && { presence: essential.map((is) => (is ? 'every' : 'not every')), scope: 'found' };
  };
  const unique = datafit.fitError !== undefined;
  const separate = !couplesOutputs(outputPenalty, outputs);
  if (patterns === false || neurons.length === 0 || !unique || !separate || biasOf(bias).free) return among();
  const limited = withDeadline(control, secondsForPatterns);
  const cells = patterns === true ? allCells(prepared.X, limited) : patterns;
  if (cells === undefined) return among();
  const attaining = attainingDirections(prepared, cells, point, limited);
  if (attaining === undefined) return among();
  return judge(prepared, neurons, point, attaining, () => control.shouldStop());
}

/** All cells, unless there are too many or the work is stopped. */
function allCells(X: DenseMatrix, control: Control): CellList | undefined {
  try {
    return enumerateCells(X, Math.min(mostCells, mostWork / (X.rows * X.cols + 1)), control);
  } catch (error) {
    if (error instanceof ProblemError) return undefined;
    throw error;
  }
}

interface Attaining {
  /** Directions of norm 1 that may attain the dual constraint, duplicates removed. */
  readonly candidates: readonly ConvexNeuron[];
  /** Bounds of the distance of the given dual, scaled, and of the given fit from the optimal ones. */
  readonly dualError: number;
  readonly fitError: number;
  /** Bound of the spectral norm of X. */
  readonly size: number;
  /** Directions closer than this are not told apart. */
  readonly near: number;
}

function attainingDirections(
  prepared: PreparedProblem,
  cells: CellList,
  point: { readonly dual: DenseMatrix; readonly fit: DenseMatrix; readonly objective: number },
  control: Control,
): Attaining | undefined {
  const { X, beta, datafit, outputs } = prepared;
  const { rows: n, cols: d } = X;
  const size = norm2(X.data);
  const projector = new ConeProjector(X);
  const signs = new Int8Array(n);
  const slope = new Float64Array(d);
  const p = new Float64Array(d);
  const tops: { readonly value: number; readonly neuron: ConvexNeuron }[] = [];
  let top = 0;
  for (let cell = 0; cell < cells.directions.rows; cell++) {
    if ((cell & 15) === 0 && control.shouldStop()) return undefined;
    for (let i = 0; i < n; i++) signs[i] = isOn(cells.patterns, cell, i) ? 1 : -1;
    for (let output = 0; output < outputs; output++) {
      for (const sign of [1, -1] as const) {
        slope.fill(0);
        for (let i = 0; i < n; i++) {
          if (signs[i] < 0) continue;
          const v = sign * point.dual.data[i * outputs + output];
          for (let k = 0; k < d; k++) slope[k] += v * X.data[i * d + k];
        }
        // the plain norm bounds what the cone allows; half of beta leaves room for any error that is accepted below
        if (norm2(slope) < 0.5 * beta) continue;
        const value = projector.project(signs, slope, p);
        const length = norm2(p);
        if (value < 0.5 * beta || length === 0) continue;
        top = Math.max(top, value);
        tops.push({ value, neuron: { u: p.map((x) => x / length), sign, output } });
      }
    }
  }
  const t = bestDualScale(datafit, point.dual.data, top > 0 ? Math.min(1, beta / top) : 1);
  const scaled = point.dual.data.map((v) => t * v);
  const bound = datafit.dualValue(scaled);
  const rounding = 1e-14 * (n + 8) * Math.max(Math.abs(point.objective), Math.abs(bound));
  const gap = Math.max(0, point.objective - bound) + rounding;
  const dualError = Math.sqrt((2 / datafit.dualModulus) * gap);
  const { dual } = point;
  const fitError = datafit.fitError?.(dual.data, dualError + (1 - t) * norm2(dual.data), gap) ?? Infinity;
  const near = Math.max(1e-6, (4 * size * dualError) / beta);
  if (!(near < 0.05) || !Number.isFinite(fitError)) return undefined;
  const least = beta - size * dualError;
  const candidates: ConvexNeuron[] = [];
  for (const { value, neuron } of tops) {
    if (t * value >= least && !candidates.some((other) => same(other, neuron, 1e-9))) candidates.push(neuron);
  }
  return { candidates, dualError, fitError, size, near };
}

function same(a: ConvexNeuron, b: ConvexNeuron, near: number): boolean {
  if (a.output !== b.output || a.sign !== b.sign) return false;
  const size = norm2(a.u) * norm2(b.u);
  // cos = 1 - angle^2 / 2; below 1e-8 the angle drowns in rounding
  return dot(a.u, b.u) >= size * (1 - 0.5 * Math.max(near, 3e-8) ** 2);
}

function judge(
  prepared: PreparedProblem,
  neurons: readonly ConvexNeuron[],
  point: { readonly fit: DenseMatrix; readonly objective: number },
  { candidates, dualError, fitError, size, near }: Attaining,
  shouldStop: () => boolean,
): OptimalSet | undefined {
  const { X, beta, outputs } = prepared;
  const lengths = point.objective / beta;
  const margin = fitError + (2 * lengths * size * size * dualError) / beta;
  const cones = Array.from({ length: outputs }, (_, output) => {
    const mine = candidates.filter((candidate) => candidate.output === output);
    const target = columnOf(point.fit.data, outputs, output);
    return { mine, target, cone: new FitCone(fitsOf(X, mine), shouldStop) };
  });
  const presence = neurons.map((neuron): Presence => {
    const { mine, target, cone } = cones[neuron.output];
    const others = [...mine.keys()].filter((k) => !same(mine[k], neuron, near));
    if (others.length === mine.length || shouldStop()) return 'unknown';
    const rest = cone.distance(target, others);
    if (rest > margin) return 'every';
    return rest <= 1e-7 * norm2(target) ? 'not every' : 'unknown';
  });
  if (shouldStop()) return undefined;
  const distinct = candidates.filter(
    (candidate, k) => !candidates.slice(0, k).some((other) => same(other, candidate, near)),
  );
  return { presence, scope: 'proven', directions: distinct.length };
}

/**
 * For every neuron, whether the others alone cannot produce the same fit with non-negative lengths, i.e. whether each optimal network on these
 * directions has it. With a free output offset (`offset`) constants cost nothing and count as replacements too. Undefined when stopped.
 */
export function essentialNeurons(
  X: DenseMatrix,
  neurons: readonly ConvexNeuron[],
  offset = false,
  shouldStop: () => boolean = () => false,
): boolean[] | undefined {
  const out = new Array<boolean>(neurons.length).fill(false);
  for (const output of new Set(neurons.map((neuron) => neuron.output))) {
    const mine = [...neurons.keys()].filter((j) => neurons[j].output === output);
    const own = mine.map((j) => neurons[j]);
    const apart = fitDistances(X, own, offset, shouldStop);
    if (shouldStop()) return undefined;
    if (apart?.fromOthers.every((distance) => distance > clearlyApart * replaced * apart.whole) === true) {
      for (const j of mine) out[j] = true;
      continue;
    }
    const constants = offset ? [new Float64Array(X.rows).fill(1)] : [];
    const essential = essentialFits(fitsOf(X, own), constants, shouldStop);
    if (essential === undefined) return undefined;
    mine.forEach((j, k) => (out[j] = essential[k]));
  }
  return out;
}

/**
 * For every one of these fits, whether the others with non-negative lengths and any multiples of `free` ones (which cost nothing) cannot produce the sum of all.
 * Undefined when stopped.
 */
export function essentialFits(
  fits: readonly Float64Array[],
  free: readonly Float64Array[],
  shouldStop: () => boolean = () => false,
): boolean[] | undefined {
  const target = new Float64Array(fits[0]?.length ?? 0);
  for (const fit of fits) for (let i = 0; i < fit.length; i++) target[i] += fit[i];
  const least = replaced * norm2(target);
  const cone = new FitCone([...fits, ...free], shouldStop);
  // what is outside the span of the others is outside their cone: that settles independent fits at once
  const apart = cone.distancesFromOthers();
  const multiples = [...free.keys()].map((k) => fits.length + k);
  const out: boolean[] = [];
  for (const k of fits.keys()) {
    if (shouldStop()) return undefined;
    const others = [...fits.keys()].filter((other) => other !== k);
    out.push((apart !== undefined && apart[k] > 2 * least) || cone.distance(target, others, multiples) > least);
  }
  return shouldStop() ? undefined : out;
}
