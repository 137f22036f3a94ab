import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { FromPanel } from '../../src/shared/protocol.ts';
import type { TrainProgress } from '../../src/shared/run.ts';
import { stageNames } from '../../src/shared/runView.ts';
import { Button, Dropdown, ProgressRing } from '../ui/controls.ts';
import { formatDate, formatGap, formatInteger, formatNumber, formatPercent, typeset } from '../ui/format.ts';
import { Icon } from '../ui/icon.tsx';
import { Menu } from '../ui/menu.tsx';
import { BetaControl } from './betaControl.tsx';
import { usePanel } from './panelContext.ts';
import type { PanelState } from './panelState.ts';
import { ModelControl } from './modelControl.tsx';
import { panelVerdict } from './runData.ts';
import { TraceCharts } from './stages.tsx';
import { gapOf } from './trace.ts';

const stageWords: Record<TrainProgress['stage'], string> = {
  reading: 'Reading the file',
  preparing: 'Setting up the convex program',
  'cross-validation': 'Choosing beta by cross-validation',
  solving: 'Solving',
  certifying: 'Proving the bound over all networks',
  path: 'Following the path over beta',
  structure: 'Looking at the structure of the data',
  compare: 'Training the same network by gradient descent',
  models: 'Comparing models by cross-validation',
  'path-proof': 'Proving the path over beta',
  saving: 'Saving the run',
};

const exports: readonly { readonly what: Extract<FromPanel, { type: 'export' }>['what']; readonly label: string }[] = [
  { what: 'report', label: 'Report (HTML)' },
  { what: 'report-markdown', label: 'Report (Markdown)' },
  { what: 'run', label: 'Run (JSON)' },
  { what: 'predictions', label: 'Predictions (CSV)' },
  { what: 'json', label: 'Model (JSON)' },
  { what: 'onnx', label: 'Model (ONNX)' },
  { what: 'onnx-raw', label: 'Model (ONNX, columns of the file)' },
  { what: 'python', label: 'Model (Python module, raw columns)' },
  { what: 'pytorch', label: 'Model (PyTorch code)' },
  { what: 'problem', label: 'Convex problem (JSON)' },
];

/** File and target with the one thing to do next; model and run; beta. The first and the last stay in sight. */
export function Header(): VNode {
  const { state, send } = usePanel();
  const { run } = state;
  const training = state.phase === 'training';
  const more = [
    ...exports.map(({ what, label }) => ({
      label: `Export: ${label}`,
      onPress: () => send({ type: 'export', what }),
    })),
    { label: 'Copy the command line of this run', onPress: () => send({ type: 'copyCommandLine' }) },
    { label: 'Settings', onPress: () => send({ type: 'openSettings' }) },
    { label: 'Log', onPress: () => send({ type: 'showLog' }) },
  ];
  return (
    <header class="header">
      {run && (
        <div class="header-row pinned name-row">
          <h1 title={run.dataset.uri}>
            {run.dataset.name} <span class="arrow">→</span> <span class="target">{run.resolved.target}</span>
          </h1>
          <span class="spacer" />
          {training ? (
            <Button look="primary" onPress={() => send({ type: 'stop' })}>
              Stop
            </Button>
          ) : (
            <Button look="primary" onPress={() => send({ type: 'trainAgain' })}>
              Train again
            </Button>
          )}
          <Menu label="More" look="icon" items={more}>
            <Icon name="more" />
          </Menu>
        </div>
      )}
      {run && (
        <div class="header-row model-row">
          <ModelControl run={run} />
          {state.history.length > 1 && (
            <Dropdown
              label="Run"
              value={run.id}
              choices={historyChoices(state)}
              onSelect={(id) => {
                if (id !== run.id) send({ type: 'openRun', id });
              }}
            />
          )}
          {state.stale && (
            <span class="badge stale">
              <Icon name="warning" /> File changed since this run
            </span>
          )}
          {!training && (
            <span class="status-words muted">
              {formatDate(run.createdAt)} · {panelVerdict(run).word}
            </span>
          )}
        </div>
      )}
      {run && (
        <div class="header-row pinned beta-row">
          <BetaControl run={run} />
        </div>
      )}
      <StatusLine />
    </header>
  );
}

function historyChoices(state: PanelState): { value: string; label: string }[] {
  const choices = state.history.map((entry) => ({ value: entry.id, label: entry.label }));
  const { run } = state;
  if (run && !choices.some((choice) => choice.value === run.id)) choices.unshift({ value: run.id, label: run.label });
  return choices;
}

/** What is going on. */
function StatusLine(): VNode | null {
  const { state, send } = usePanel();
  const [open, setOpen] = useState(false);
  const { run, progress, trace } = state;
  if (state.phase === 'training') {
    const last = progress?.point ?? trace.at(-1);
    const gap = last ? gapOf(last) : null;
    return (
      <>
        <div class="status-line" aria-label="Progress">
          <ProgressRing label="Training" />
          <span class="status-words">
            {progress ? `${stageWords[progress.stage]}` : 'Starting'}
            {typeof progress?.fraction === 'number' ? ` · ${formatPercent(progress.fraction, 2)}` : ''}
            {progress?.message ? ` · ${typeset(progress.message)}` : ''}
            {gap === null || progress?.stage !== 'solving'
              ? ''
              : ` · objective ${formatNumber(last!.objective, 5)}, gap ${formatGap(gap)}, ${formatInteger(last!.active)} active`}
          </span>
          <span class="spacer" />
          {run && trace.length > 1 && (
            <Button pressed={open} onPress={() => setOpen(!open)}>
              Live chart
            </Button>
          )}
          {!run && (
            <Button look="primary" onPress={() => send({ type: 'stop' })}>
              Stop
            </Button>
          )}
          {typeof progress?.fraction === 'number' && (
            <progress class="bar" max={1} value={progress.fraction} aria-label="Stage progress" />
          )}
        </div>
        {run && open && trace.length > 1 && <TraceCharts trace={trace} tolerance={run.settings.tolerance} />}
      </>
    );
  }
  if (run?.missing === undefined || run.missing.length === 0) return null;
  return (
    <div class="status-line">
      <span class="status-words">Not run to the end: {run.missing.map((name) => stageNames[name]).join(', ')}.</span>
      <Button onPress={() => send({ type: 'complete' })}>Run what is missing</Button>
    </div>
  );
}
