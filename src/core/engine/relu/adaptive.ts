import { maximizeDualConstraint } from '../../certify/global/search.ts';
import { denseMatrix, norm2 } from '../../base/linalg/matrix.ts';
import type { Control } from '../../base/control.ts';
import { CellFactory } from './cell.ts';
import { solveOnCells } from './cellProgram.ts';
import { type LocalProblem, NeuronNewton, type NeuronSeed } from './neuronNewton.ts';

export interface AdaptiveOptions {
  readonly seed: number;
  /** A direction counts as improving when its dual constraint exceeds beta by this relative amount. */
  readonly tolerance: number;
  /** Directions to try first (effective inputs), e.g. one found by a proof. */
  readonly suggestions?: readonly {
    readonly direction: Float64Array;
    readonly sign: 1 | -1;
    readonly output: number;
  }[];
}

export interface AdaptiveSolution {
  readonly neurons: readonly NeuronSeed[];
  readonly offset: Float64Array;
  readonly fit: Float64Array;
  readonly objective: number;
  readonly iterations: number;
  readonly rounds: number;
  /** Largest dual constraint that the last search found, over beta: at most 1 + tolerance unless stopped. A lower estimate. */
  readonly ratio: number;
  /** Local optimality residual over beta. */
  readonly residual: number;
  readonly stopped: boolean;
}

/**
 * Two-layer ReLU training over all activation patterns, by sliding Frank-Wolfe (Denoyelle, Duval, Peyre, Soubies 2019) on neurons: directions
 * that violate the dual constraint |v'(Xu)_+| <= beta are searched for and inserted, all neurons then slide to a local optimum in
 * which every kink condition holds (`NeuronNewton`), and so on until no violation is found. The objective never rises.
 */
export function solveAdaptive(
  problem: LocalProblem,
  start: readonly NeuronSeed[],
  startOffset: ArrayLike<number> | undefined,
  options: AdaptiveOptions,
  control: Control,
  onProgress?: (objective: number, ratio: number, active: number, iterations: number) => void,
): AdaptiveSolution {
  const { X, beta, penalizedCols, datafit } = problem;
  const newton = new NeuronNewton(problem);
  const c = datafit.outputs;
  const residualGoal = Math.min(1e-11, options.tolerance);
  newton.setNeurons(start, startOffset);
  let iterations = 0;
  let residual = Infinity;
  const slide = (): void => {
    const result = newton.run(residualGoal, 400, control);
    iterations += result.iterations;
    residual = result.residual;
  };
  if (start.length > 0 || problem.offset) slide();
  for (const { direction, sign, output } of options.suggestions ?? []) {
    if (newton.insert({ u: direction, sign, output })) slide();
  }
  let ratio = Infinity;
  let rounds = 0;
  let effort = 0;
  let idle = 0;
  let rescued = false;
  // the last search before giving up looks from many more places
  const efforts = [6, 24, 72, Math.min(1500, Math.max(72, Math.round(3e6 / (X.rows * X.cols))))];
  while (!control.shouldStop()) {
    rounds++;
    const found = maximizeDualConstraint(
      X,
      denseMatrix(X.rows, c, newton.dual()),
      {
        candidates: newton.seeds().map(({ u }) => u),
        starts: efforts[effort],
        seed: options.seed + rounds,
        penalizedCols,
        keep: 8 * c,
      },
      control,
    );
    if (control.shouldStop()) break;
    ratio = (found[0]?.value ?? 0) / beta;
    const before = newton.value;
    let inserted = 0;
    const limit = Math.max(6, Math.ceil(newton.count / 5)) * Math.min(c, 3);
    for (const { value, direction, sign, output } of found) {
      if (value <= beta * (1 + options.tolerance) || inserted >= limit) break;
      if (newton.insert({ u: direction, sign, output })) inserted++;
    }
    if (inserted > 0) {
      slide();
      onProgress?.(newton.value, ratio, newton.count, iterations);
      idle = before - newton.value <= 1e-15 * Math.abs(before) ? idle + 1 : 0;
      if (idle < 3) {
        if (effort > 1) effort = 1;
        continue;
      }
    }
    if (residual > 1e-9 && !rescued && newton.count > 0) {
      // sliding is stuck (dependent kinks): the exact program on the cells in use settles it
      rescued = true;
      if (rescue(problem, newton, options.tolerance, control)) {
        slide();
        idle = 0;
        continue;
      }
    }
    if (effort < efforts.length - 1 && idle < 3) effort++;
    else break;
  }
  return {
    neurons: newton.seeds(),
    offset: newton.offset.slice(),
    fit: newton.fit(),
    objective: newton.value,
    iterations,
    rounds,
    ratio,
    residual,
    stopped: control.shouldStop(),
  };
}

/** Solves the cone-constrained program on the cells of the neurons; true when that lowers the objective. */
function rescue(problem: LocalProblem, newton: NeuronNewton, tolerance: number, control: Control): boolean {
  const factory = new CellFactory(problem.X, problem.penalizedCols);
  const cells = newton
    .seeds()
    .map(({ u }) => factory.cell(factory.signsOf(u)))
    .filter((cell, k, all) => cell !== undefined && all.indexOf(cell) === k)
    .map((cell) => cell!);
  const solution = solveOnCells({ ...problem, cells }, [], undefined, tolerance, control);
  if (!(solution.objective < newton.value)) return false;
  const free = solution.neurons.filter(({ u }) => norm2(u) > 0).map(({ u, sign, output }) => ({ u, sign, output }));
  const before = newton.seeds();
  const offset = newton.offset.slice();
  const value = newton.value;
  newton.setNeurons(free, solution.offset);
  if (newton.value < value) return true;
  newton.setNeurons(before, offset);
  return false;
}
