import type { VNode } from 'preact';
import { useCallback, useEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import type { RunRecord } from '../../src/shared/run.ts';
import { Boundary } from '../ui/boundary.tsx';
import { Words } from '../ui/term.tsx';
import { Header } from './header.tsx';
import type { Host } from './host.ts';
import type { Panel } from './panelContext.ts';
import { PanelContext } from './panelContext.ts';
import type { PanelState } from './panelState.ts';
import { announcement, initialState, reduce } from './panelState.ts';
import type { ViewDefinition } from './registry.ts';
import { views } from './registry.ts';
import { EmptyPanel, ErrorPanel, TrainingPanel } from './stages.tsx';
import { panelVerdict } from './runData.ts';
import type { ChoiceValue, ViewState } from './viewState.ts';

/** At most this many rows in one request (the host refuses more). */
const rowsPerRequest = 500;

export function App({ host }: { readonly host: Host }): VNode {
  const [state, dispatch] = useReducer(reduce, initialState);
  const [kept, setKept] = useState<ViewState>(() => host.restore());
  const [spoken, setSpoken] = useState('');
  const asked = useRef({ of: '', rows: new Set<number>(), requestId: 0 });

  const remember = useCallback(
    (change: Partial<ViewState>) =>
      setKept((before) => {
        const after = { ...before, ...change };
        host.remember(after);
        return after;
      }),
    [host],
  );
  useEffect(() => {
    host.listen((message) => {
      dispatch(message);
      if (message.type === 'snapshot' && message.openView !== undefined) remember({ view: message.openView });
    });
    host.send({ type: 'ready' });
  }, [host]);

  const choose = useCallback(
    (name: string, value: ChoiceValue) =>
      setKept((before) => {
        const after = { ...before, choices: { ...before.choices, [name]: value } };
        host.remember(after);
        return after;
      }),
    [host],
  );
  const runId = state.run?.id ?? null;
  useEffect(() => {
    if (runId !== null && runId !== kept.runId) remember({ runId });
  }, [runId]);

  const needRows = useCallback(
    (indices: readonly number[]) => {
      if (asked.current.of !== state.rowsOf) asked.current = { ...asked.current, of: state.rowsOf, rows: new Set() };
      const missing = indices.filter((i) => !asked.current.rows.has(i)).slice(0, rowsPerRequest);
      if (missing.length === 0) return;
      for (const i of missing) asked.current.rows.add(i);
      asked.current.requestId += 1;
      host.send({ type: 'requestRows', requestId: asked.current.requestId, indices: missing });
    },
    [host, state.rowsOf],
  );

  useAnnouncements(state, setSpoken);

  const panel = useMemo<Panel>(
    () => ({
      state,
      send: (message) => host.send(message),
      choices: kept.choices,
      choose,
      openView: (view) => remember({ view }),
      needRows,
      fileStem: state.run ? fileStem(state.run, kept.view) : '',
      announce: setSpoken,
    }),
    [state, kept.view, kept.choices, choose, remember, needRows, host],
  );

  const { run, phase } = state;
  return (
    <PanelContext.Provider value={panel}>
      <Boundary name="The header" context={runContext(run)} of={`${run?.id ?? ''} ${run?.createdAt ?? ''}`}>
        <Header />
      </Boundary>
      {phase === 'failed' && run && <ErrorPanel />}
      {phase === 'failed' && !run && (
        <main>
          <ErrorPanel />
        </main>
      )}
      {!run && phase === 'training' && <TrainingPanel />}
      {!run && (phase === 'idle' || phase === 'loading' || phase === 'done') && <EmptyPanel />}
      {run && <Views run={run} active={kept.view} onOpen={(view) => remember({ view })} />}
      <div class="visually-hidden" role="status" aria-live="polite" id="announcer">
        {spoken}
      </div>
    </PanelContext.Provider>
  );
}

/** Says start, finish and failure; re-solves in quick succession are summed up by the last one. */
function useAnnouncements(state: PanelState, say: (words: string) => void): void {
  const before = useRef(state);
  const pending = useRef('');
  useEffect(() => {
    const words = announcement(before.current, state, state.run ? panelVerdict(state.run).headline : '');
    before.current = state;
    if (words !== '') pending.current = words;
    if (pending.current === '') return undefined;
    const timer = setTimeout(() => {
      say(pending.current);
      pending.current = '';
    }, 400);
    return () => clearTimeout(timer);
  }, [state.phase, state.run, state.error]);
}

interface ViewsProps {
  readonly run: RunRecord;
  readonly active: string;
  readonly onOpen: (id: string) => void;
}

function Views({ run, active, onOpen }: ViewsProps): VNode {
  const shown = views.filter((view) => view.available?.(run) ?? true);
  const current = shown.find((view) => view.id === active) ?? shown[0];
  const move = (event: KeyboardEvent): void => {
    const i = shown.indexOf(current);
    const n = shown.length;
    const next = { ArrowRight: (i + 1) % n, ArrowLeft: (i + n - 1) % n, Home: 0, End: n - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    onOpen(shown[next].id);
    document.getElementById(`tab-${shown[next].id}`)?.focus();
  };
  return (
    <main>
      <div class="tabs" role="tablist" aria-label="Views" onKeyDown={move}>
        {shown.map((view) => (
          <button
            type="button"
            role="tab"
            key={view.id}
            id={`tab-${view.id}`}
            aria-selected={view === current}
            aria-controls={view === current ? 'view' : undefined}
            tabIndex={view === current ? 0 : -1}
            onClick={() => onOpen(view.id)}
          >
            {view.title}
          </button>
        ))}
      </div>
      <ViewPage run={run} view={current} />
    </main>
  );
}

/** "penguins-duals-0312-1f3a": data, view, and the end of the run's id. */
function fileStem({ dataset, id }: RunRecord, view: string): string {
  return `${dataset.name.replace(/\.[^.]*$/, '').slice(0, 24)}-${view}-${id.slice(-8)}`;
}

/** What a report of a fault says about the run: its kind and size, nothing of its data. */
function runContext(run: RunRecord | null): string {
  if (run === null) return '';
  return `version ${run.version}, ${run.format}, model ${run.settings.model}, status ${run.solution.status}`;
}

function ViewPage({ run, view }: { readonly run: RunRecord; readonly view: ViewDefinition }): VNode {
  const { View } = view;
  return (
    <div id="view" role="tabpanel" aria-labelledby={`tab-${view.id}`} class={`view view-${view.id}`} key={view.id}>
      <p class="question">
        <Words text={view.question} />
      </p>
      <Boundary name={view.title} context={runContext(run)} of={`${view.id} ${run.id} ${run.createdAt}`}>
        <View run={run} />
      </Boundary>
    </div>
  );
}
