import { type DenseMatrix, withOnesColumn } from '../base/linalg/matrix.ts';
import { createDatafit, type Datafit } from './datafit.ts';
import type { BiasMode, OutputPenalty, Problem } from './problem.ts';
import { ProblemError } from './problemError.ts';

/** A checked problem in the form that solvers use. */
export interface PreparedProblem {
  /** n x d effective inputs: with a last column of ones when `bias` is `regularized` or `free`. */
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

/** Numbers above this overflow when they are squared and summed. */
const largestEntry = 1e150;

function checkEntries(m: DenseMatrix, field: string): void {
  for (let i = 0; i < m.data.length; i++) {
    const value = m.data[i];
    if (Math.abs(value) <= largestEntry) continue;
    const place = { field, row: Math.floor(i / m.cols) + 1, column: (i % m.cols) + 1 };
    if (!Number.isFinite(value)) throw new ProblemError(`${String(value)} is not a finite number`, place);
    throw new ProblemError(`${value.toExponential(3)} is too large to compute with (limit ${largestEntry})`, place);
  }
}

function checkTargets(problem: Problem): void {
  const { y, loss, outputs } = problem;
  const columns = loss === 'softmax' ? 1 : outputs;
  if (y.cols !== columns) {
    throw new ProblemError(`expected ${columns} column${columns === 1 ? '' : 's'} for ${loss} loss, found ${y.cols}`, {
      field: 'y',
    });
  }
  if (loss === 'squared') return;
  for (let i = 0; i < y.data.length; i++) {
    const value = y.data[i];
    const place = { field: 'y', row: Math.floor(i / y.cols) + 1, column: (i % y.cols) + 1 };
    if (loss === 'softmax') {
      if (!Number.isInteger(value) || value < 0 || value >= outputs) {
        throw new ProblemError(`softmax loss needs class ids 0..${outputs - 1}, found ${value}`, place);
      }
    } else if (value !== 1 && value !== -1) {
      throw new ProblemError(`${loss} loss needs targets -1 or +1, found ${value}`, place);
    }
  }
}

/**
 * Checks a problem and brings it into the form solvers use.
 * @throws {ProblemError} naming field, row and column (from 1) where they apply
 */
export function prepare(problem: Problem): PreparedProblem {
  const { X, y, beta, outputs, tolerance } = problem;
  if (X.rows === 0) throw new ProblemError('there are no rows', { field: 'X' });
  if (X.cols === 0) throw new ProblemError('there are no columns', { field: 'X' });
  checkEntries(X, 'X');
  if (y.rows !== X.rows) throw new ProblemError(`has ${y.rows} rows but X has ${X.rows}`, { field: 'y' });
  if (!Number.isInteger(outputs) || outputs < 1) {
    throw new ProblemError(`a network needs at least one output, not ${outputs}`, { field: 'outputs' });
  }
  checkEntries(y, 'y');
  checkTargets(problem);
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
  const withBias = problem.bias !== 'none';
  const effective = withBias ? withOnesColumn(X) : X;
  return {
    X: effective,
    penalizedCols: problem.bias === 'free' ? X.cols : effective.cols,
    targets: y,
    datafit: createDatafit(problem.loss, y, outputs),
    beta,
    outputs,
    outputPenalty: problem.outputPenalty,
    bias: problem.bias,
    tolerance,
  };
}
