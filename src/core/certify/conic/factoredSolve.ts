import { type CurvaturePair, minimizeByMemory } from '../../base/linalg/limitedMemory.ts';
import { unlessStopped } from '../../base/kernels/interrupt.ts';
import type { Kernels } from '../../base/kernels/kernels.ts';
import type { Control } from '../../base/control.ts';
import type { ConvexNeuron } from '../../network/mapping.ts';
import { FactoredProgram } from './factoredProgram.ts';
import type { LineLoads, MajorantMultipliers } from './majorant.ts';
import type { AtomPoint } from './pairs.ts';
import type { AtomShape, RelaxedProblem } from './relaxedProgram.ts';

/** What a bound is made from. */
export interface FactoredIterate {
  /** n x c: fits whose negative gradient is the dual point. */
  readonly fit: Float64Array;
  readonly multipliers: (atom: number, loads: LineLoads) => MajorantMultipliers;
}

export interface FactoredOptions {
  /** Objective of the network at hand, and its neurons to start from. */
  readonly objective: number;
  readonly network: readonly ConvexNeuron[];
  readonly kernels: Kernels;
}

/** Where it ended: a value of the program, which is not below its least one, its fit, and the atoms over tau. */
export interface FactoredEnd {
  readonly value: number;
  readonly fit: Float64Array;
  readonly points: readonly AtomPoint[];
}

/** Most columns of a factor: points of higher rank were not seen to prove more. */
const mostRank = 24;

/** Widths of rounded corners, one after the other, relative to the mean size of atoms. */
const widths = [0.03, 0.01, 0.003, 0.001, 0.0003] as const;

/** Iterations between two bounds, and with one width at most. */
const between = 5;
const mostIterations = 200;

/** Iterations go on with one width while these lower the value by this part of its distance to the bound, but end where that is this part of what is left to prove. */
const worthwhile = 0.02;
const near = 0.01;

/**
 * Solves the relaxed program without pairs by its factors, with corners less and less rounded. `visit` sees some of the iterates and answers with the bound that they
 * prove so far, or nothing to end. Undefined after a stop.
 */
export function solveFactored(
  problem: RelaxedProblem,
  shapes: readonly AtomShape[],
  { objective, network, kernels }: FactoredOptions,
  control: Control,
  visit: (iterate: FactoredIterate) => number | undefined,
): FactoredEnd | undefined {
  const { unit } = problem.lines;
  const program = new FactoredProgram(problem, shapes, Math.min(unit.cols, mostRank), kernels);
  const total = objective / (2 * problem.beta);
  let x = program.start(total, network);
  const shouldStop = (): boolean => control.shouldStop();
  let ended = false;
  const show = (point: Float64Array): number | undefined => {
    const bound = visit({ fit: program.fit, multipliers: (k, { even }) => program.multipliers(k, point, even) });
    ended = bound === undefined;
    return bound;
  };
  const kept: CurvaturePair[] = [];
  let size = total;
  return unlessStopped(kernels, shouldStop, () => {
    for (const width of widths) {
      program.width = (width * size) / shapes.length;
      let before = Infinity;
      const look = (point: Float64Array, value: number, iteration: number): boolean => {
        if (shouldStop()) ended = true;
        if (ended || iteration % between !== 0) return !ended;
        const bound = show(point);
        const fallen = before - value;
        before = value;
        if (bound === undefined) return false;
        return fallen > worthwhile * Math.max(value - bound, near * (objective - bound));
      };
      x = minimizeByMemory(program, x, mostIterations, look, kept);
      size = Math.max(program.penalty / problem.beta, 1e-3 * total);
      if (!ended) show(x);
      if (ended) return undefined;
    }
    return { value: program.exactValue(x), fit: program.fit, points: program.points(x) };
  });
}
