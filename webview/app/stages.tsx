import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { TracePoint } from '../../src/shared/run.ts';
import { Chart } from '../charts/chart.tsx';
import { Button, ProgressRing } from '../ui/controls.ts';
import { formatCount, formatInteger, formatLine, formatNumber, formatPercent } from '../ui/format.ts';
import { Icon } from '../ui/icon.tsx';
import { usePanel } from './panelContext.ts';
import { gapChart, gapOf, traceChart } from './trace.ts';

export function TraceCharts({
  trace,
  tolerance,
  boundName = 'lower bound',
}: {
  readonly trace: readonly TracePoint[];
  readonly tolerance: number | null;
  readonly boundName?: string;
}): VNode {
  const objective = useMemo(
    () => traceChart(trace, 'solve-objective', 'Objective while solving', boundName),
    [trace, boundName],
  );
  const gap = useMemo(() => gapChart(trace, 'solve-gap', tolerance), [trace, tolerance]);
  return (
    <div class="grid">
      <Chart spec={objective} />
      {trace.filter((point) => gapOf(point) !== null).length > 1 && <Chart spec={gap} />}
    </div>
  );
}

/** The first training of a file: nothing to look at yet but the progress. */
export function TrainingPanel(): VNode {
  const { state } = usePanel();
  const last = state.trace.at(-1);
  return (
    <main class="stage">
      <h1>Training</h1>
      <p>
        {last
          ? `Step ${formatInteger(last.iteration)}: objective ${formatNumber(last.objective, 6)}, ${formatCount(last.active, 'active neuron')}${
              gapOf(last) === null ? '' : `, at most ${formatPercent(gapOf(last))} of it above the optimum`
            }.`
          : 'The file is read and the convex program is set up. Objective and gap appear here as soon as the solver starts.'}
      </p>
      {state.trace.length > 0 && (
        <>
          <h2 class="visually-hidden">Progress</h2>
          <TraceCharts trace={state.trace} tolerance={null} />
        </>
      )}
    </main>
  );
}

export function EmptyPanel(): VNode {
  const { state } = usePanel();
  return (
    <main class="stage">
      {state.phase === 'loading' ? (
        <p class="row">
          <ProgressRing label="Loading" /> Loading the run …
        </p>
      ) : (
        <>
          <h1>No run yet</h1>
          <p>
            Right-click a <code>.csv</code> or <code>.tsv</code> file in the explorer and choose{' '}
            <strong>Train Convex Network</strong>, or run that command from the command palette.
          </p>
        </>
      )}
    </main>
  );
}

export function ErrorPanel(): VNode {
  const { state, send } = usePanel();
  const error = state.error;
  return (
    <section class="banner error" role="alert" aria-labelledby="error-title">
      <Icon name="error" />
      <div>
        {state.run ? <h2 id="error-title">Training failed</h2> : <h1 id="error-title">Training failed</h1>}
        <p class="message">{error?.message ?? 'No reason was given. The log may say more.'}</p>
        <p class="row">
          {error?.line !== undefined && (
            <Button look="primary" onPress={() => send({ type: 'openError' })}>
              Open at line {formatLine(error.line)}
              {error.column === undefined ? '' : `, column ${formatInteger(error.column)}`}
            </Button>
          )}
          <Button onPress={() => send({ type: 'trainAgain' })}>Try again</Button>
          <Button onPress={() => send({ type: 'showLog' })}>Show log</Button>
        </p>
        {state.run && <p class="muted">Below is the last run that succeeded.</p>}
      </div>
    </section>
  );
}
