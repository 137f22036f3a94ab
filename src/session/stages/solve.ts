import type { Problem } from '../../core/problem/problem.ts';
import type { Control } from '../../core/base/control.ts';
import type { SolveTimes, TracePoint } from '../../shared/run.ts';
import { memoryBytesOf } from '../../shared/settings.ts';
import type { SessionDeps, SessionListener, StageContext } from '../context.ts';
import type { Draft, Show, SolvedDraft } from '../draft.ts';
import type { FamilyOptions, Outcome, Posed, Solved } from '../family/family.ts';
import { familyOf } from '../family/registry.ts';

/** Points of the trace that a record keeps. */
const tracePoints = 500;

/** Solves and proves; `show` is given the solved network when its proof begins, since a person need not wait for that. */
export async function solveStage(
  draft: Draft,
  { deps, listener, control, seconds: limit }: StageContext,
  show: Show,
): Promise<SolvedDraft> {
  listener.progress({ stage: 'solving', fraction: null, message: 'Solving the convex program' });
  await deps.pause();
  const before = draft.begun?.seconds ?? 0;
  const watch = new SolveWatch(control, listener, before, draft.begun?.trace);
  const solved = (outcome: Outcome, proving: boolean): SolvedDraft => {
    const { solution } = outcome;
    const { betaMax = 0 } = solution;
    return {
      ...draft,
      outcome: { ...outcome, solution: { ...solution, seconds: before + solution.seconds } },
      described: outcome.describe(deps.kernels),
      times: watch.times(solution, draft.settings.tolerance),
      proving,
      trace: thinned(watch.trace),
      warm: solution.warm ?? draft.warm,
      // what a search finds is a lower limit, what is proven an upper one: both only get closer
      betaMax: betaMax > draft.betaMax * (1 + raised) ? betaMax : draft.betaMax,
      betaMaxUpper: closer(draft.betaMaxUpper, solution.betaMaxUpper),
      notes: { ...draft.notes, solve: solutionNotes(solution, draft, limit) },
    };
  };
  const outcome = familyOf(draft.problem.model).solve(
    posedOf(draft),
    { ...solveOptions(draft, deps), timeLimitSeconds: limit, onSolved: (early) => show(solved(early, true)) },
    watch.control,
  );
  return solved(outcome, false);
}

/** A search that comes out higher than the threshold by more than this, relative, raises it. */
const raised = 1e-9;

export const posedOf = ({ problem, data, settings }: Draft): Posed => ({ problem, data, settings });

export function solveOptions(
  { settings, warm, preview }: Pick<Draft, 'settings' | 'warm' | 'preview'>,
  { threads, kernels }: SessionDeps,
): Omit<FamilyOptions, 'timeLimitSeconds'> {
  return {
    warm,
    certifySeconds: preview ? 0 : settings.certifySeconds,
    certifyAfterLimit: true,
    threads,
    kernels,
    memoryBytes: memoryBytesOf(settings),
  };
}

/** The problem of a prepared one at a beta. */
export const atBeta = (problem: Problem, beta: number): Problem => ({ ...problem, beta });

/**
 * Passes progress on, keeps the trace, and notes when the network was final and its proof began; all seconds from the beginning of what went `before`,
 * whose trace is `earlier`.
 */
export class SolveWatch {
  readonly trace: TracePoint[];
  readonly control: Control;
  /** Seconds at the first report of a proof after the last one of a solve. */
  private proofBegan: number | null = null;

  constructor(
    control: Control,
    listener: SessionListener,
    private readonly before = 0,
    earlier: readonly TracePoint[] = [],
  ) {
    this.trace = [...earlier];
    this.control = {
      shouldStop: () => control.shouldStop(),
      now: () => control.now(),
      report: (progress) => {
        const { iteration, objective, dualBound, active, phase, proving, method, fraction } = progress;
        const seconds = before + progress.seconds;
        // while patterns are listed there is no objective yet; a proof may list them, too
        const known = Number.isFinite(objective);
        if (proving === true) this.proofBegan ??= seconds;
        else if (known) this.proofBegan = null;
        const point = {
          ...{ seconds, iteration, objective, dualBound, active },
          ...(method === undefined ? {} : { method }),
        };
        if (known) this.trace.push(point);
        listener.progress({
          stage: this.proofBegan === null ? 'solving' : 'certifying',
          fraction: fraction ?? null,
          message: phase,
          ...(known ? { point } : {}),
        });
        control.report?.(progress);
      },
    };
  }

  times({ objective, seconds: own }: Pick<Solved, 'objective' | 'seconds'>, tolerance: number): SolveTimes {
    const seconds = this.before + own;
    const final = Math.min(seconds, this.proofBegan ?? seconds);
    const reached = this.trace.find((point) => point.objective <= objective + tolerance * Math.abs(objective));
    return {
      found: Math.min(final, reached?.seconds ?? final),
      final,
      ...(this.proofBegan === null ? {} : { proof: seconds - final }),
    };
  }
}

/** The smaller of two upper bounds, where there are any. */
export function closer(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

export function solutionNotes(
  { status, relativeGap }: Pick<Solved, 'status' | 'relativeGap'>,
  { preview }: { readonly preview: boolean },
  limit: number,
): string[] {
  const gap = relativeGap.toExponential(1);
  switch (status) {
    case 'optimal':
      return [];
    case 'cancelled':
      return [
        `${preview ? 'Beta was changed on' : 'Stopped'}: this is the best point reached, within a relative gap of ${gap} of the program's optimum.`,
      ];
    case 'time-limit':
      return [
        `The solve's part of the time limit, ${Number(limit.toPrecision(2))} s, ended it at a relative gap of ${gap}.`,
      ];
    case 'iteration-limit':
      return [`The iteration limit ended the solve at a relative gap of ${gap}.`];
    case 'numerical-error':
      return [`The solve ended early for numerical reasons at a relative gap of ${gap}.`];
  }
}

/** At most about `tracePoints` of the points, first and last among them. */
function thinned(trace: readonly TracePoint[]): TracePoint[] {
  if (trace.length <= tracePoints) return [...trace];
  return Array.from({ length: tracePoints }, (_, i) => trace[Math.round((i * (trace.length - 1)) / (tracePoints - 1))]);
}
