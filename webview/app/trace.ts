import { relativeGap } from '../../src/core/problem/gap.ts';
import type { ProofMethod } from '../../src/core/base/control.ts';
import type { RunRecord, TracePoint } from '../../src/shared/run.ts';
import { proofMethodNames } from '../../src/shared/runView.ts';
import { boundOverFamily, searchesPatterns } from '../../src/shared/verdict.ts';
import type { ChartSpec, SeriesSpec } from '../charts/spec.ts';
import { formatInteger, formatNumber, formatSeconds } from '../ui/format.ts';
import { partNames } from './runData.ts';

/**
 * The recorded steps, and the end of the solve as the certificate found it. A run that searches activation patterns ends with the bound
 * over all of them: that of the patterns it happened to need says nothing about how far the search could still get.
 */
export function finishedTrace(run: RunRecord): readonly TracePoint[] {
  const { objective, seconds, iterations } = run.solution;
  const dualBound = searchesPatterns(run) ? Math.max(0, boundOverFamily(run)) : run.solution.dualBound;
  const last = run.trace.at(-1);
  return [
    ...run.trace,
    {
      seconds: Math.max(seconds, last?.seconds ?? 0),
      iteration: Math.max(iterations, last?.iteration ?? 0),
      objective,
      dualBound,
      active: run.neurons.length,
    },
  ];
}

/**
 * Relative gap of a step, not below the precision of doubles; null as long as no bound is proven: that a loss is at least 0 is no news, and
 * a gap of 1 all the way says nothing.
 */
export function gapOf(point: TracePoint): number | null {
  if (!(point.dualBound > 0)) return null;
  return Math.max(1e-16, relativeGap(point.objective, point.dualBound));
}

/** What the bound of a run's trace is a bound for. */
export function traceBoundName(run: RunRecord): string {
  return searchesPatterns(run) || run.solution.scope === 'all-arrangements'
    ? 'proven lower bound, all networks'
    : `lower bound for these ${partNames(run).gates}`;
}

/** Objective and lower bound against time, with the number of active neurons in words. */
export function traceChart(trace: readonly TracePoint[], id: string, title: string, boundName: string): ChartSpec {
  const seconds = trace.map((point) => point.seconds);
  const objective = trace.map((point) => point.objective);
  const bound = bestBounds(trace);
  const methods = methodsIn(trace);
  const bounded = bound.some(Number.isFinite);
  const positive = [...objective, ...bound.filter(Number.isFinite)].every((v) => v > 0);
  const spread = Math.max(...objective) / Math.min(...bound.filter((v) => v > 0), ...objective);
  return {
    id,
    title,
    summary: `The objective of the best network so far${bounded ? ', and the lower bound that is proven by then' : '; no lower bound is proven yet'}.`,
    x: { label: 'time', format: formatSeconds, min: trace.length > 1 ? undefined : 0 },
    y: { label: 'objective', log: positive && spread > 20 },
    height: 220,
    empty: 'No step has been reported yet.',
    series: (
      [
        {
          id: 'objective',
          label: 'objective',
          kind: 'line-points',
          x: seconds,
          y: objective,
          tone: 'network',
          mark: 'circle',
          describe: (i) => `step ${formatInteger(trace[i].iteration)}, ${formatInteger(trace[i].active)} active`,
        },
        {
          id: 'bound',
          label: boundName,
          kind: 'line-points',
          x: seconds,
          y: bound,
          tone: 'bound',
          mark: 'triangle',
          hollow: true,
          dash: [5, 3],
        },
        // one method is the bound itself
        ...(methods.length < 2 ? [] : methods).map((method) => ({
          id: `bound-${method}`,
          label: `by ${proofMethodNames[method]} alone`,
          kind: 'line' as const,
          x: seconds,
          y: trace.map((point) => (point.method === method && point.dualBound > 0 ? point.dualBound : NaN)),
          tone: method === 'cones' ? (3 as const) : (4 as const),
        })),
      ] satisfies SeriesSpec[]
    ).slice(0, bounded ? undefined : 1),
  };
}

function methodsIn(trace: readonly TracePoint[]): ProofMethod[] {
  return (['cones', 'conic'] as const).filter((name) =>
    trace.some(({ method, dualBound }) => method === name && dualBound > 0),
  );
}

/** The best bound by then; NaN as long as there is none. Methods that prove side by side each report their own. */
function bestBounds(trace: readonly TracePoint[]): number[] {
  let proving = 0;
  return trace.map(({ dualBound, method }) => {
    if (method !== undefined) proving = Math.max(proving, dualBound);
    const best = Math.max(dualBound, proving);
    return best > 0 ? best : NaN;
  });
}

/** Relative gap against time on a log axis. */
export function gapChart(trace: readonly TracePoint[], id: string, tolerance: number | null): ChartSpec {
  return {
    id,
    title: 'Gap while solving',
    summary: 'Objective minus bound, relative to the objective. Only steps with a bound above 0 have one.',
    x: { label: 'time', format: formatSeconds, min: trace.length > 1 ? undefined : 0 },
    y: { label: 'relative gap', log: true },
    height: 220,
    empty: 'No gap has been reported yet.',
    series: [
      {
        id: 'gap',
        label: 'relative gap',
        kind: 'line-points',
        x: trace.map((point) => point.seconds),
        y: bestBounds(trace).map((dualBound, i) => gapOf({ ...trace[i], dualBound }) ?? NaN),
        tone: 'bound',
      },
    ],
    guides:
      tolerance !== null && tolerance > 0
        ? [{ axis: 'y', value: tolerance, label: `asked for: ${formatNumber(tolerance)}`, tone: 'muted' }]
        : [],
  };
}
