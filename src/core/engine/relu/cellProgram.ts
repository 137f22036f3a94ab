import type { Kernels } from '../../base/kernels/kernels.ts';
import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import type { Datafit } from '../../problem/datafits/datafit.ts';
import type { Control } from '../../base/control.ts';
import type { ConeCell } from './cell.ts';
import { type ConeGroup, type ConeProgramResult, solveConeProgram } from './coneProgram.ts';
import type { NeuronSeed } from './activeNeurons.ts';
import { CellPricer } from './pricing.ts';

/** The ReLU program restricted to given cells: every neuron has to stay in one of them. */
export interface CellProgram {
  readonly X: DenseMatrix;
  readonly penalizedCols: number;
  readonly datafit: Datafit;
  readonly beta: number;
  readonly offset: boolean;
  readonly cells: readonly ConeCell[];
  readonly kernels?: Kernels | undefined;
}

export interface CellSolution {
  /** Non-zero groups; `tag` is the index into `cells`. */
  readonly neurons: readonly NeuronSeed[];
  readonly offset: Float64Array;
  readonly fit: Float64Array;
  readonly objective: number;
  readonly iterations: number;
  /** Largest price of a group outside the last program at its dual point, divided by beta; 1 when none is above. */
  readonly ratio: number;
  readonly stopped: boolean;
}

interface Candidate {
  readonly cell: number;
  readonly output: number;
  readonly sign: 1 | -1;
  readonly price: number;
}

/** A group in play with its vector so far. */
interface Member extends ConeGroup {
  readonly index: number;
  u: Float64Array | undefined;
}

/** So many groups are taken in together rather than in rounds: at zero they cost one product with their rows per step. */
const atOnce = 4000;

/** Relative gap of programs on a part of the groups while others are missing. */
const roughGap = 1e-4;
/** Relative gap at the end: the certificate computes its dual point from the fit, whose error enters to first order. */
const finalGap = 1e-12;

/**
 * The program on all groups (cell, output, sign) at once, or by column generation where they are very many: pricing of all groups at the dual
 * point of the program on some (one non-negative least squares problem each), and more groups where the price exceeds beta.
 */
export function solveOnCells(
  program: CellProgram,
  start: readonly NeuronSeed[],
  startOffset: Float64Array | undefined,
  tolerance: number,
  control: Control,
  onProgress?: (objective: number, ratio: number, active: number, iterations: number) => void,
): CellSolution {
  const { X, datafit, beta, cells } = program;
  const c = datafit.outputs;
  const pricer = new CellPricer(X, program.penalizedCols);
  const working = new Map<string, Member>();
  const add = (index: number, output: number, sign: 1 | -1): boolean => {
    const name = `${index} ${output} ${sign}`;
    if (working.has(name)) return false;
    working.set(name, { cell: cells[index], index, output, sign, u: undefined });
    return true;
  };
  const firstOffset = startOffset?.slice() ?? new Float64Array(c);
  for (const { u, output, sign, tag = 0 } of start) {
    const { linear } = cells[tag];
    const side = linear ? 1 : sign;
    // a linear group has no bias and takes both signs: the bias goes to the offset
    const vector = linear ? u.map((x, j) => (j < X.cols - 1 ? sign * x : 0)) : u;
    if (linear) firstOffset[output] += sign * u[X.cols - 1];
    add(tag, output, side);
    const member = working.get(`${tag} ${output} ${side}`)!;
    member.u = member.u === undefined ? vector : vector.map((x, j) => x + member.u![j]);
  }
  const complete = 2 * c * cells.length <= atOnce;
  if (complete) {
    cells.forEach((cell, index) => {
      for (let output = 0; output < c; output++) for (const sign of signsOf(cell)) add(index, output, sign);
    });
  }
  let iterations = 0;
  let ratio = 1;
  /** Groups outside with a price above (1 + level) beta, dearest first; undefined when stopped. */
  const priceOthers = (V: Float64Array, level: number): Candidate[] | undefined => {
    const violators: Candidate[] = [];
    ratio = 1;
    for (let k = 0; k < cells.length; k++) {
      for (let output = 0; output < c; output++) {
        for (const sign of signsOf(cells[k])) {
          if (control.shouldStop()) return undefined;
          if (working.has(`${k} ${output} ${sign}`)) continue;
          const price = pricer.price(cells[k], V, c, output, sign, beta);
          ratio = Math.max(ratio, price / beta);
          if (price > beta * (1 + level)) violators.push({ cell: k, output, sign, price });
        }
      }
    }
    return violators.sort((a, b) => b.price - a.price);
  };

  let goal = complete ? finalGap : roughGap;
  let sigma: number | undefined;
  let result: ConeProgramResult | undefined;
  for (let round = 0; ; round++) {
    const groups = [...working.values()];
    const before = result;
    result = solveConeProgram(
      { ...program, groups },
      goal,
      control,
      round === 0 && start.length === 0
        ? undefined
        : {
            vectors: groups.map(({ u }) => u),
            offset: before?.offset ?? firstOffset,
            ...(before === undefined ? {} : { V: before.V }),
            ...(sigma === undefined ? {} : { sigma }),
          },
      (objective, active, steps) => onProgress?.(objective, ratio, active, iterations + steps),
    );
    iterations += result.iterations;
    const { vectors } = result;
    groups.forEach((member, g) => (member.u = vectors[g]));
    if (result.stopped || complete || round >= 60) break;
    const violators = priceOthers(result.V, goal === finalGap ? tolerance : 1e-2);
    if (violators === undefined) break;
    const limit = Math.max(64, working.size);
    for (const { cell, output, sign } of violators.slice(0, limit)) add(cell, output, sign);
    if (violators.length === 0 && goal === finalGap) break;
    // nothing is missing by much: on to the end from here
    sigma = violators.length === 0 ? result.sigma : undefined;
    if (violators.length === 0) goal = finalGap;
  }
  const neurons: NeuronSeed[] = [];
  for (const { u, output, sign, index } of working.values()) {
    if (u?.some((x) => x !== 0) === true) neurons.push({ u, output, sign, tag: index });
  }
  return {
    neurons,
    offset: result.offset,
    fit: result.fit,
    objective: result.objective,
    iterations,
    ratio,
    stopped: result.stopped || control.shouldStop(),
  };
}

/** A linear group takes both signs in one vector. */
function signsOf(cell: ConeCell): readonly (1 | -1)[] {
  return cell.linear ? [1] : [1, -1];
}
