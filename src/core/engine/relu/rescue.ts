import { hasConjugateSide } from '../../problem/conjugate.ts';
import { norm2 } from '../../base/linalg/matrix.ts';
import type { Control } from '../../base/control.ts';
import type { LocalProblem } from './activeNeurons.ts';
import { CellFactory } from './cell.ts';
import { solveOnCells } from './cellProgram.ts';
import type { NeuronNewton } from './neuronNewton.ts';

/** Relative gain that is rounding: a line search lets the objective rise by as much. */
export const noGain = 1e-13;

/** Solves the cone-constrained program on the cells of the neurons and takes its solution; false when that is higher by more than rounding, or not there. */
export function rescue(problem: LocalProblem, newton: NeuronNewton, tolerance: number, control: Control): boolean {
  if (!hasConjugateSide(problem.datafit)) return false;
  const factory = new CellFactory(problem.X, problem.penalizedCols);
  const cells = newton
    .seeds()
    .map(({ u }) => factory.cell(factory.signsOf(u)))
    .filter((cell, k, all) => cell !== undefined && all.indexOf(cell) === k)
    .map((cell) => cell!);
  const solution = solveOnCells({ ...problem, cells }, [], undefined, tolerance, control);
  const value = newton.value;
  const most = value + noGain * Math.abs(value);
  if (solution.stopped || !(solution.objective <= most)) return false;
  const free = solution.neurons.filter(({ u }) => norm2(u) > 0).map(({ u, sign, output }) => ({ u, sign, output }));
  const before = newton.seeds();
  const offset = newton.offset.slice();
  newton.setNeurons(free, solution.offset);
  if (newton.value <= most) return true;
  newton.setNeurons(before, offset);
  return false;
}
