import type { Kernels } from '../../base/kernels/kernels.ts';
import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import type { Datafit } from '../../problem/datafits/datafit.ts';
import type { Control } from '../../base/control.ts';
import type { ConeCell } from './cell.ts';
import { solveConeProgram } from './coneProgram.ts';
import type { ConeGroup, ConeProgramResult } from './coneTypes.ts';
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

/** Rounds in which groups are taken in. */
const mostRounds = 60;
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
  const groups = new GroupsInPlay(program, control);
  const firstOffset = groups.begin(start, startOffset);
  const complete = 2 * program.datafit.outputs * program.cells.length <= atOnce;
  if (complete) groups.addAll();
  let iterations = 0;
  let goal = complete ? finalGap : roughGap;
  let sigma: number | undefined;
  let result: ConeProgramResult | undefined;
  for (let round = 0; ; round++) {
    const members = groups.members();
    const before = result;
    result = solveConeProgram(
      { ...program, groups: members },
      goal,
      control,
      round === 0 && start.length === 0
        ? undefined
        : {
            vectors: members.map(({ u }) => u),
            offset: before?.offset ?? firstOffset,
            ...(before === undefined ? {} : { V: before.V }),
            ...(sigma === undefined ? {} : { sigma }),
          },
      (objective, active, steps) => onProgress?.(objective, groups.ratio, active, iterations + steps),
    );
    iterations += result.iterations;
    const { vectors } = result;
    members.forEach((member, g) => (member.u = vectors[g]));
    if (result.stopped || complete || round >= mostRounds) break;
    const violators = groups.violators(result.V, goal === finalGap ? tolerance : 1e-2);
    if (violators === undefined) break;
    const limit = Math.max(64, members.length);
    for (const { cell, output, sign } of violators.slice(0, limit)) groups.add(cell, output, sign);
    if (violators.length === 0 && goal === finalGap) break;
    // nothing is missing by much: on to the end from here
    sigma = violators.length === 0 ? result.sigma : undefined;
    if (violators.length === 0) goal = finalGap;
  }
  const offset = result.offset.slice();
  const neurons = groups.members().flatMap(({ u, output, sign, index, cell }): NeuronSeed[] => {
    if (u?.some((x) => x !== 0) !== true) return [];
    if (!cell.linear) return [{ u, output, sign, tag: index }];
    const { raised, taken } = intoCone(program.X, u);
    offset[output] -= sign * taken;
    return [{ u: raised, output, sign, tag: index }];
  });
  return {
    neurons,
    offset,
    fit: result.fit,
    objective: result.objective,
    iterations,
    ratio: groups.ratio,
    stopped: result.stopped || control.shouldStop(),
  };
}

/** The groups that a program on a part of the cells has, and prices of the others. */
class GroupsInPlay {
  /** Largest price of a group outside at the last look, over beta; 1 when none is above. */
  ratio = 1;
  private readonly inPlay = new Map<string, Member>();
  private readonly pricer: CellPricer;

  constructor(
    private readonly program: CellProgram,
    private readonly control: Control,
  ) {
    this.pricer = new CellPricer(program.X, program.penalizedCols);
  }

  members(): Member[] {
    return [...this.inPlay.values()];
  }

  add(index: number, output: number, sign: 1 | -1): void {
    const name = `${index} ${output} ${sign}`;
    const { cells } = this.program;
    if (!this.inPlay.has(name)) this.inPlay.set(name, { cell: cells[index], index, output, sign, u: undefined });
  }

  addAll(): void {
    const { cells, datafit } = this.program;
    cells.forEach((cell, index) => {
      for (let output = 0; output < datafit.outputs; output++) {
        for (const sign of signsOf(cell)) this.add(index, output, sign);
      }
    });
  }

  /** Takes the groups to start from; returns the offset that belongs to them. */
  begin(start: readonly NeuronSeed[], startOffset: Float64Array | undefined): Float64Array {
    const { X, datafit, cells } = this.program;
    const offset = startOffset?.slice() ?? new Float64Array(datafit.outputs);
    for (const { u, output, sign, tag = 0 } of start) {
      const { linear } = cells[tag];
      const side = linear ? 1 : sign;
      // a linear group has no bias and takes both signs: the bias goes to the offset
      const vector = linear ? u.map((x, j) => (j < X.cols - 1 ? sign * x : 0)) : u;
      if (linear) offset[output] += sign * u[X.cols - 1];
      this.add(tag, output, side);
      const member = this.inPlay.get(`${tag} ${output} ${side}`)!;
      member.u = member.u === undefined ? vector : vector.map((x, j) => x + member.u![j]);
    }
    return offset;
  }

  /** Groups outside with a price above (1 + level) beta at the dual point V, dearest first; undefined when stopped. */
  violators(V: Float64Array, level: number): Candidate[] | undefined {
    const { cells, datafit, beta } = this.program;
    const c = datafit.outputs;
    const found: Candidate[] = [];
    this.ratio = 1;
    for (let k = 0; k < cells.length; k++) {
      for (let output = 0; output < c; output++) {
        for (const sign of signsOf(cells[k])) {
          if (this.control.shouldStop()) return undefined;
          if (this.inPlay.has(`${k} ${output} ${sign}`)) continue;
          const price = this.pricer.price(cells[k], V, c, output, sign, beta);
          this.ratio = Math.max(this.ratio, price / beta);
          if (price > beta * (1 + level)) found.push({ cell: k, output, sign, price });
        }
      }
    }
    return found.sort((a, b) => b.price - a.price);
  }
}

/** A linear group with the bias that makes all its rows non-negative: a neuron, of whose output the offset takes that bias off again. */
function intoCone(X: DenseMatrix, u: Float64Array): { readonly raised: Float64Array; readonly taken: number } {
  const d = X.cols;
  let least = Infinity;
  for (let i = 0; i < X.rows; i++) {
    let s = 0;
    for (let j = 0; j < d - 1; j++) s += X.data[i * d + j] * u[j];
    least = Math.min(least, s);
  }
  const raised = u.slice();
  raised[d - 1] = -least;
  return { raised, taken: -least };
}

/** A linear group takes both signs in one vector. */
function signsOf(cell: ConeCell): readonly (1 | -1)[] {
  return cell.linear ? [1] : [1, -1];
}
