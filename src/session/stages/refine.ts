import { boundOverFamily } from '../../shared/verdict.ts';
import type { SolvedDraft, Stage } from '../draft.ts';
import { familyOf } from '../family/registry.ts';
import { excessOf } from './compare.ts';
import { posedOf, solutionNotes, solveOptions, SolveWatch } from './solve.ts';
import { structureStage } from './structure.ts';

/** Relative difference of objectives that counts as lower. */
const lower = 1e-9;

const below = ({ networks, outcome }: Pick<SolvedDraft, 'networks' | 'outcome'>): SolvedDraft['networks'] => {
  const { objective } = outcome.solution;
  return networks.filter((network) => network.objective < objective - lower * Math.abs(objective));
};

/**
 * A run on patterns that were fixed beforehand, or one that was cut short, may lie above a network of gradient descent. Then the patterns of all
 * such networks come into play and the program is solved again: the result is at most the lowest of them.
 */
export const refineStage: Stage = {
  name: 'refine',
  wanted: ({ problem, networks, outcome }) =>
    familyOf(problem.model).refine !== undefined && (outcome === undefined || below({ networks, outcome }).length > 0),
  async run(draft, context, show) {
    const { control, deps, listener, seconds } = context;
    const networks = below(draft);
    const lowest = networks.reduce((least, network) => Math.min(least, network.objective), Infinity);
    const reached = `Gradient descent reached ${digits(lowest)}, below the ${digits(draft.outcome.solution.objective)} of this program on its tuples.`;
    const noted = (after: SolvedDraft, words: string): SolvedDraft => ({
      ...after,
      notes: { ...after.notes, refine: [`${reached} ${words}`] },
    });
    const cut = 'The run was stopped before its activation patterns could be added.';
    if (control.shouldStop()) return noted(draft, cut);
    // the first solve led here, so its time counts
    const before = draft.times.final + (draft.times.proof ?? 0);
    const watch = new SolveWatch(control, listener, before);
    const options = { ...solveOptions(draft, deps), timeLimitSeconds: seconds };
    const again = familyOf(draft.problem.model).refine!(
      posedOf(draft),
      draft.outcome,
      networks,
      options,
      watch.control,
    );
    if (again === undefined) return noted(draft, cut);
    const { solution } = again.outcome;
    const bound = boundOverFamily({ solution });
    const refined: SolvedDraft = {
      ...draft,
      outcome: { ...again.outcome, solution: { ...solution, seconds: before + solution.seconds } },
      described: again.outcome.describe(deps.kernels),
      times: watch.times(solution, draft.settings.tolerance),
      warm: solution.warm,
      compare: draft.compare && {
        ...draft.compare,
        convexObjective: solution.objective,
        lowerBound: bound === -Infinity ? null : bound,
        runs: draft.compare.runs.map((run) => ({ ...run, excess: excessOf(run.merged, solution.objective) })),
      },
      notes: { ...draft.notes, solve: solutionNotes(solution, draft, seconds) },
    };
    const after = noted(
      refined,
      `Its activation patterns were added and the program was solved again: ${digits(solution.objective)} on ${again.patterns}.`,
    );
    return control.shouldStop() ? after : structureStage.run(after, context, show);
  },
};

const digits = (value: number): string => String(Number(value.toPrecision(7)));
