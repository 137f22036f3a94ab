import type { VNode } from 'preact';
import { useEffect, useMemo, useReducer, useRef, useState } from 'preact/hooks';
import type { FromLab, LabPage } from '../../src/shared/lab.ts';
import type { Panel } from '../app/panelContext.ts';
import { PanelContext } from '../app/panelContext.ts';
import { initialState } from '../app/panelState.ts';
import { Boundary } from '../ui/boundary.tsx';
import { Words } from '../ui/term.tsx';
import { Button, ProgressRing } from '../ui/controls.ts';
import { formatCount, formatDate, formatSeconds, typeset } from '../ui/format.ts';
import { Icon } from '../ui/icon.tsx';
import { Form } from './form.tsx';
import { LabContext, useLab } from './labContext.ts';
import type { LabHost, LabViewState } from './labHost.ts';
import { initialLabState, labAnnouncement, reduceLab } from './labState.ts';
import { ContrastPage } from './pages/contrast.tsx';
import { FlowPage } from './pages/flow.tsx';
import { GeometryPage } from './pages/geometry.tsx';
import { KernelPage } from './pages/kernel.tsx';
import { MlpPage } from './pages/mlp.tsx';
import { SweepPage } from './pages/sweep.tsx';
import { type Moment, restSeconds } from './presets.ts';
import { VerdictLine, Verdicts } from './verdicts.tsx';

const pages: readonly { readonly id: LabPage; readonly title: string; readonly question: string }[] = [
  {
    id: 'kernel',
    title: 'Kernel',
    question:
      'Is the tangent kernel of a wide network on these rows positive definite, as the convergence theory assumes?',
  },
  {
    id: 'sweep',
    title: 'Width sweep',
    question:
      'Do networks of growing width train as the tangent kernel predicts? Five predictions, each with a number.',
  },
  {
    id: 'contrast',
    title: 'Contrast',
    question: 'The same rows by a wide network that hardly moves and by the convex optimum with few neurons.',
  },
  {
    id: 'mlp',
    title: 'Training',
    question: 'How do update rules compare on networks of one or several hidden layers, over widths and starts?',
  },
  {
    id: 'flow',
    title: 'Gradient flow',
    question: 'Which network has the largest margin, and does gradient flow find it? Needs two classes.',
  },
  {
    id: 'geometry',
    title: 'Geometry',
    question:
      'Where the neurons of the largest margin sit: extreme points of the rectified ellipsoid. Two or three inputs, or two or three rows.',
  },
];

export function LabApp({ host }: { readonly host: LabHost }): VNode {
  const [state, dispatch] = useReducer(reduceLab, initialLabState);
  const [kept, setKept] = useState<LabViewState>(() => host.restore());
  const [spoken, setSpoken] = useState('');
  const before = useRef(state);

  useEffect(() => {
    host.listen(dispatch);
    host.send({ type: 'ready' });
  }, [host]);
  useEffect(() => {
    const words = labAnnouncement(before.current, state);
    before.current = state;
    if (words !== '') setSpoken(words);
  }, [state]);

  const remember = (change: Partial<LabViewState>): void =>
    setKept((now) => {
      const after = { ...now, ...change };
      host.remember(after);
      return after;
    });
  useEffect(() => {
    if (state.uri !== '' && state.uri !== kept.uri) remember({ uri: state.uri });
  }, [state.uri]);

  const lab = useMemo(
    () => ({
      state,
      forms: kept.forms,
      setForm: (page: LabPage, changed: Readonly<Record<string, unknown>>) =>
        setKept((now) => {
          const after = { ...now, forms: { ...now.forms, [page]: changed } };
          host.remember(after);
          return after;
        }),
      send: (message: FromLab) => host.send(message),
    }),
    [state, kept.forms, host],
  );
  /** The charts save through the panel that they are on. */
  const panel = useMemo<Panel>(
    () => ({
      state: initialState,
      send: (message) => {
        if (message.type === 'saveFile' || message.type === 'saveTable' || message.type === 'copy') host.send(message);
      },
      choices: {},
      choose: () => undefined,
      openView: () => undefined,
      needRows: () => undefined,
      fileStem: `${state.name.replace(/\.[^.]*$/, '').slice(0, 30)}-lab`,
      announce: setSpoken,
    }),
    [host, state.name],
  );
  return (
    <LabContext.Provider value={lab}>
      <PanelContext.Provider value={panel}>
        <header class="header lab-header">
          <div class="header-row">
            <h1>Lab: {state.name}</h1>
            <span class="spacer" />
            <Button onPress={() => host.send({ type: 'openResults' })}>Train …</Button>
          </div>
          <Status />
        </header>
        <Tabs active={kept.page} onOpen={(page) => remember({ page })} />
        <div class="visually-hidden" role="status" aria-live="polite" id="announcer">
          {spoken}
        </div>
      </PanelContext.Provider>
    </LabContext.Provider>
  );
}

function Status(): VNode | null {
  const { state, send } = useLab();
  const first = useRef<{ readonly of: LabPage | null; readonly moment: Moment | null }>({ of: null, moment: null });
  const { progress } = state;
  const share = state.running === null ? null : (progress?.fraction ?? null);
  const now = share === null ? null : { fraction: share, milliseconds: performance.now() };
  if (first.current.of !== state.running) first.current = { of: state.running, moment: null };
  if (first.current.moment === null && now !== null) first.current = { ...first.current, moment: now };
  const rest = restSeconds(first.current.moment, now);
  if (state.running === null) return null;
  const title = pages.find((page) => page.id === state.running)?.title ?? '';
  return (
    <div class="status-line">
      <ProgressRing label={`${title} is running`} />
      <span class="status-words">
        {title}: {typeset(progress?.message ?? 'starting')}
        {rest !== null && ` · about ${formatSeconds(Number(rest.toPrecision(1)))} left`}
      </span>
      <Button look="icon" label="Stop" onPress={() => send({ type: 'stop' })}>
        <Icon name="stop" />
      </Button>
      <progress class="bar" aria-label="Share that is done" value={progress?.fraction ?? undefined} max={1} />
    </div>
  );
}

function Tabs({ active, onOpen }: { readonly active: LabPage; readonly onOpen: (page: LabPage) => void }): VNode {
  const { records } = useLab().state;
  const current = pages.find((page) => page.id === active) ?? pages[0];
  const move = (event: KeyboardEvent): void => {
    const i = pages.indexOf(current);
    const n = pages.length;
    const next = { ArrowRight: (i + 1) % n, ArrowLeft: (i + n - 1) % n, Home: 0, End: n - 1 }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    onOpen(pages[next].id);
    document.getElementById(`tab-${pages[next].id}`)?.focus();
  };
  return (
    <main>
      <div class="tabs" role="tablist" aria-label="Pages" onKeyDown={move}>
        {pages.map((page) => (
          <button
            type="button"
            role="tab"
            key={page.id}
            id={`tab-${page.id}`}
            aria-selected={page === current}
            aria-controls={page === current ? 'view' : undefined}
            tabIndex={page === current ? 0 : -1}
            onClick={() => onOpen(page.id)}
          >
            {page.title}
          </button>
        ))}
      </div>
      <div id="view" role="tabpanel" aria-labelledby={`tab-${current.id}`} class="view" key={current.id}>
        <p class="question">
          <Words text={current.question} />
        </p>
        <Form page={current.id} />
        <Trouble page={current.id} />
        <Cells page={current.id} />
        <Boundary
          name={current.title}
          context={`page ${current.id}`}
          of={`${current.id} ${records[current.id]?.createdAt ?? ''}`}
        >
          <Result page={current.id} />
        </Boundary>
      </div>
    </main>
  );
}

/** What went wrong on this page, and how to make it possible. */
function Trouble({ page }: { readonly page: LabPage }): VNode | null {
  const { state, forms, setForm, send } = useLab();
  const { error } = state;
  if (error?.page !== page) return null;
  const { remedy, others = [], line } = error;
  return (
    <div class="banner error lab-banner" role="alert">
      <Icon name="error" />
      <div>
        <p class="message">{error.message}</p>
        <div class="row">
          {[...(remedy ? [remedy] : []), ...others].map(({ label, settings }, i) => (
            <Button
              key={label}
              look={i === 0 && others.length === 0 ? 'primary' : 'secondary'}
              onPress={() => setForm(page, { ...forms[page], ...settings })}
            >
              {label}
            </Button>
          ))}
          {line !== undefined && (
            <Button onPress={() => send({ type: 'revealLine', line })}>Open at line {line}</Button>
          )}
          <Button onPress={() => send({ type: 'showLog' })}>Show log</Button>
        </div>
      </div>
    </div>
  );
}

/** The cells that the running task has finished, newest first. */
function Cells({ page }: { readonly page: LabPage }): VNode | null {
  const { state } = useLab();
  if (state.running !== page || state.cells.length === 0) return null;
  const shown = state.cells.slice(-8).reverse();
  return (
    <section class="card" aria-label="Finished so far">
      <h2>{formatCount(state.cells.length, 'cell')} finished</h2>
      <ul class="lab-cells">
        {shown.map((cell, i) => (
          <li key={state.cells.length - i}>{typeset(cell)}</li>
        ))}
      </ul>
    </section>
  );
}

function Result({ page }: { readonly page: LabPage }): VNode {
  const { state } = useLab();
  const record = state.records[page];
  if (!record) {
    return (
      <p class="muted">
        {state.loaded
          ? 'No result yet. Run computes it, shows how far it is, and can be stopped at any time.'
          : 'Loading …'}
      </p>
    );
  }
  const { data } = record;
  return (
    <>
      <p class="muted lab-facts">
        {formatCount(data.lines.length, 'row')}
        {data.rowsInFile > data.lines.length + data.testRows
          ? ` (a sample of ${formatCount(data.rowsInFile, 'row')})`
          : ''}
        {data.testRows > 0 ? `, ${formatCount(data.testRows, 'row')} held out` : ''},{' '}
        {formatCount(data.features.length, 'input')}; target “{data.target}”
        {data.classes.length > 0 ? `: −1 is ${data.classes[0]}, +1 is ${data.classes[1]}` : ', standardised'}.{' '}
        {formatDate(record.createdAt)}, {formatSeconds(record.seconds)}.
      </p>
      {record.status === 'cancelled' && (
        <p class="badge lab-badge">
          <Icon name="warning" /> Stopped: what was finished before is shown.
        </p>
      )}
      {record.verdicts.length > 0 && <VerdictLine record={record} />}
      <h2 class="visually-hidden">Pictures</h2>
      {record.page === 'kernel' && <KernelPage record={record} />}
      {record.page === 'sweep' && <SweepPage record={record} />}
      {record.page === 'contrast' && <ContrastPage record={record} />}
      {record.page === 'mlp' && <MlpPage record={record} />}
      {record.page === 'flow' && <FlowPage record={record} />}
      {record.page === 'geometry' && <GeometryPage record={record} />}
      {record.verdicts.length > 0 && <Verdicts record={record} />}
    </>
  );
}
