import type { DenseMatrix } from '../base/linalg/matrix.ts';
import { everyRows } from '../base/polling.ts';
import { effectiveInputs } from './effectiveInputs.ts';
import type { Datafit } from './datafits/datafit.ts';
import { createDatafit, lossOf } from './datafits/losses.ts';
import { type BiasMode, biasOf, checkNames, type OutputPenalty, type Problem } from './problem.ts';
import { ProblemError } from '../base/problemError.ts';
import { range, smallestBetaShare } from '../base/range.ts';

/** A checked problem in the form that solvers use. */
export interface PreparedProblem {
  /** n x d effective inputs: with a last column of ones when `bias` is `regularized` or `free`. Made when first asked for. */
  readonly X: DenseMatrix;
  /** Columns that count in the group norm: all of X, or all but the last when the bias is free. */
  readonly penalizedCols: number;
  /** n x c, or n x 1 class ids for softmax. */
  readonly targets: DenseMatrix;
  readonly datafit: Datafit;
  readonly beta: number;
  /** c */
  readonly outputs: number;
  readonly outputPenalty: OutputPenalty;
  readonly bias: BiasMode;
  readonly tolerance: number;
}

function checkEntries({ data, cols }: DenseMatrix, field: string, shouldStop: () => boolean): void {
  let largest = 0;
  const look = everyRows(1);
  for (let from = 0; from < data.length; from += look) {
    if (from > 0 && shouldStop()) return;
    for (let i = from, to = Math.min(data.length, from + look); i < to; i++) {
      const size = Math.abs(data[i]);
      if (size > largest) largest = size;
      else if (!(size >= 0)) largest = Infinity;
    }
    if (largest > range.largest) refuseEntry(data, cols, field);
  }
  if (largest > 0 && largest < range.smallest) {
    throw new ProblemError(
      `no number is larger than ${largest.toExponential(3)}: too small to compute with (least ${range.smallest}; rescale)`,
      { field },
    );
  }
}

/** Says which of the entries is none to compute with. */
function refuseEntry(data: Float64Array, cols: number, field: string): void {
  const i = data.findIndex((value) => !(Math.abs(value) <= range.largest));
  const value = data[i];
  const place = { field, row: Math.floor(i / cols) + 1, column: (i % cols) + 1 };
  if (!Number.isFinite(value)) throw new ProblemError(`${String(value)} is not a finite number`, place);
  throw new ProblemError(`${value.toExponential(3)} is too large to compute with (limit ${range.largest})`, place);
}

function checkTargets(problem: Problem): void {
  const { y, loss, outputs } = problem;
  const kind = lossOf(loss).targets;
  const columns = kind === 'classes' ? 1 : outputs;
  if (y.cols !== columns) {
    throw new ProblemError(`expected ${columns} column${columns === 1 ? '' : 's'} for ${loss} loss, found ${y.cols}`, {
      field: 'y',
    });
  }
  if (kind === 'numbers') return;
  for (let i = 0; i < y.data.length; i++) {
    const value = y.data[i];
    const place = { field: 'y', row: Math.floor(i / y.cols) + 1, column: (i % y.cols) + 1 };
    if (kind === 'classes') {
      if (!Number.isInteger(value) || value < 0 || value >= outputs) {
        throw new ProblemError(`softmax loss needs class ids 0..${outputs - 1}, found ${value}`, place);
      }
    } else if (value !== 1 && value !== -1) {
      throw new ProblemError(`${loss} loss needs targets -1 or +1, found ${value}`, place);
    }
  }
}

/** Weights of rows that are no numbers to weigh with: one of 0 asks for a row to be left out. */
const leastWeight = 1e-6;
const mostWeight = 1e6;

function checkWeights({ weights, X }: Problem): void {
  if (weights === undefined) return;
  if (weights.length !== X.rows)
    throw new ProblemError(`has ${weights.length} numbers but X has ${X.rows} rows`, { field: 'weights' });
  const wrong = weights.findIndex((weight) => !(weight >= leastWeight && weight <= mostWeight));
  if (wrong < 0) return;
  throw new ProblemError(
    `a weight of a row is a number from ${leastWeight} to ${mostWeight}, not ${weights[wrong]}` +
      (weights[wrong] === 0 ? '; leave the row out instead' : ''),
    { field: 'weights', row: wrong + 1 },
  );
}

/** The size of the gradient at the zero network: sum_i ||v_i|| ||x_i|| over effective inputs, which no dual constraint of a unit direction exceeds; a part of it after a stop. */
export function gradientSize({ X, bias, outputs }: Problem, datafit: Datafit, shouldStop: () => boolean): number {
  const ones = biasOf(bias).column ? 1 : 0;
  const dual = new Float64Array(X.rows * outputs);
  datafit.dualPoint(new Float64Array(X.rows * outputs), dual);
  // without views, which cost more than short rows do
  const squares = (data: Float64Array, from: number, count: number): number => {
    let s = 0;
    for (let k = from; k < from + count; k++) s += data[k] * data[k];
    return s;
  };
  let size = 0;
  const look = everyRows(X.cols);
  for (let i = 0; i < X.rows; i++) {
    if (i % look === look - 1 && shouldStop()) break;
    size += Math.sqrt(squares(dual, i * outputs, outputs)) * Math.sqrt(squares(X.data, i * X.cols, X.cols) + ones);
  }
  return size;
}

/** Beta against that size, a part of which asks for no more than all of it. */
function checkBeta(problem: Problem, datafit: Datafit, shouldStop: () => boolean): void {
  const { beta } = problem;
  const size = gradientSize(problem, datafit, shouldStop);
  if (beta < smallestBetaShare * size) {
    throw new ProblemError(
      `${beta} is too small: next to a gradient of ${size.toExponential(1)} at the zero network double precision cannot tell it from 0 ` +
        `(least ${(smallestBetaShare * size).toExponential(1)})`,
      { field: 'beta' },
    );
  }
  if (beta > largestBeta) throw new ProblemError(`${beta} is too large to compute with (limit ${largestBeta})`, { field: 'beta' }); // prettier-ignore
}

/** Outputs, and rows times outputs (1 GiB of doubles): what every solver holds a few times. */
const mostOutputs = 10_000;
const mostFits = 2 ** 27;

/** Far above the beta from which the zero network is optimal, for any data within `range`. */
const largestBeta = 1e200;

/**
 * Checks a problem and brings it into the form solvers use. From a stop on the rest of X goes unchecked: what is left to do with it is what a stop leaves of a solve.
 * @throws {ProblemError} naming field, row and column (from 1) where they apply
 */
export function prepare(problem: Problem, shouldStop: () => boolean = () => false): PreparedProblem {
  checkNames(problem);
  const { X, y, beta, outputs, tolerance } = problem;
  if (X.rows === 0) throw new ProblemError('there are no rows', { field: 'X' });
  if (X.cols === 0) throw new ProblemError('there are no columns', { field: 'X' });
  checkEntries(X, 'X', shouldStop);
  if (y.rows !== X.rows) throw new ProblemError(`has ${y.rows} rows but X has ${X.rows}`, { field: 'y' });
  if (!Number.isInteger(outputs) || outputs < 1) {
    throw new ProblemError(`a network needs at least one output, not ${outputs}`, { field: 'outputs' });
  }
  if (outputs > mostOutputs || outputs * X.rows > mostFits) {
    throw new ProblemError(`${X.rows} rows times ${outputs} outputs are too many to compute with`, {
      field: lossOf(problem.loss).targets === 'classes' ? 'y' : 'outputs',
    });
  }
  // they say what the zero network is worth, whenever a stop comes
  checkEntries(y, 'y', () => false);
  checkTargets(problem);
  checkWeights(problem);
  if (!Number.isFinite(beta) || beta < 0) {
    throw new ProblemError(`must be a positive number, not ${String(beta)}`, { field: 'beta' });
  }
  if (beta === 0) {
    throw new ProblemError(
      'beta = 0 has no unique solution (any interpolating network is optimal); take a small positive beta instead',
      { field: 'beta' },
    );
  }
  if (!(tolerance > 0 && tolerance < 1)) {
    throw new ProblemError(`must lie between 0 and 1, not ${String(tolerance)}`, { field: 'tolerance' });
  }
  const datafit = createDatafit(problem.loss, y, outputs, problem);
  checkBeta(problem, datafit, shouldStop);
  let effective: DenseMatrix | undefined;
  const { counted } = biasOf(problem.bias);
  return {
    get X() {
      return (effective ??= effectiveInputs(X, problem.bias));
    },
    penalizedCols: X.cols + (counted ? 1 : 0),
    targets: y,
    datafit,
    beta,
    outputs,
    outputPenalty: problem.outputPenalty,
    bias: problem.bias,
    tolerance,
  };
}

/** Columns of the effective inputs, which need not have been made. */
export function effectiveCols({ penalizedCols, bias }: PreparedProblem): number {
  return penalizedCols + (biasOf(bias).free ? 1 : 0);
}

/** The same with the effective inputs at the place given, n x d. */
export function withInputsAt(
  problem: Problem,
  prepared: PreparedProblem,
  place: Float64Array,
  poll: () => void = () => undefined,
): PreparedProblem {
  const { penalizedCols, targets, datafit, beta, outputs, outputPenalty, bias, tolerance } = prepared;
  const X = effectiveInputs(problem.X, bias, place, poll);
  return { X, penalizedCols, targets, datafit, beta, outputs, outputPenalty, bias, tolerance };
}
