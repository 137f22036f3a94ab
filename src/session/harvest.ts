import type { PreparedData } from '../core/data/prepareData.ts';
import type { Problem } from '../core/problem/problem.ts';
import type { Control } from '../core/base/control.ts';
import type { SolveOptions } from '../core/engine/solution/solution.ts';
import type { SubNetwork } from '../core/network/threeLayer/subNetwork.ts';
import type { CompareRecord } from '../shared/run.ts';
import { type DeepOutcome, solveDeep } from './deepModel.ts';

/** A three-layer network that came out of gradient descent or of the convex program on its tuples, with its objective at its best scaling. */
export interface TrainedNetwork {
  readonly objective: number;
  readonly branches: readonly SubNetwork[];
}

/** Relative difference of objectives that counts as lower. */
const lower = 1e-9;

/** Solved again with the tuples of networks below the run. */
export interface Refined {
  /** Undefined when a stop came first. */
  readonly outcome?: DeepOutcome;
  /** For the notes of the run: what was below, what was added, where it ends now. */
  readonly note: string;
}

/**
 * A run on tuples that were fixed beforehand, or one that was cut short, may lie above a network of gradient descent. Then the tuples of all such
 * networks come into play and the program is solved again: the result is at most the lowest of them. Undefined when none is below.
 */
export function refineBelow(
  outcome: DeepOutcome,
  networks: readonly TrainedNetwork[],
  problem: Problem,
  data: PreparedData,
  options: SolveOptions,
  control: Control,
): Refined | undefined {
  const { objective } = outcome.solution;
  const below = networks.filter((network) => network.objective < objective - lower * Math.abs(objective));
  if (below.length === 0) return undefined;
  const lowest = below.reduce((least, network) => Math.min(least, network.objective), Infinity);
  const reached = `Gradient descent reached ${digits(lowest)}, below the ${digits(objective)} of this program on its tuples.`;
  const cut = { note: `${reached} The run was stopped before its activation patterns could be added.` };
  if (control.shouldStop()) return cut;
  const again = solveDeep(
    problem,
    data,
    { ...options, harvest: below.map(({ branches }) => branches), warm: outcome.solution.warm },
    control,
  );
  // a stop leaves at least the best of the given networks, unless it came before they were read
  if (again.record.kind !== 'three-layer' || again.solution.objective > lowest) return cut;
  return {
    outcome: again,
    note:
      `${reached} Its activation patterns were added and the program was solved again: ` +
      `${digits(again.solution.objective)} on ${again.record.tuples} tuples, ${again.record.harvested} of them from gradient descent.`,
  };
}

const digits = (value: number): string => String(Number(value.toPrecision(7)));

/** The comparison against another convex objective and bound: excesses are measured from it. */
export function comparedWith(compare: CompareRecord, { solution }: DeepOutcome): CompareRecord {
  const { objective, global } = solution;
  return {
    ...compare,
    convexObjective: objective,
    lowerBound: global?.lowerBound ?? null,
    runs: compare.runs.map((run) => ({ ...run, excess: excessOf(run.merged, objective) })),
  };
}

/** How far a network of gradient descent is above the convex objective, relative to that. */
export function excessOf(merged: number, objective: number): number {
  return (merged - objective) / Math.max(Math.abs(objective), Number.MIN_VALUE);
}
