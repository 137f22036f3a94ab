import type { VNode } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { StudyProgress, ToStudy } from '../../src/study/page.ts';
import type { Panel } from '../app/panelContext.ts';
import { PanelContext } from '../app/panelContext.ts';
import { initialState } from '../app/panelState.ts';
import { Chart } from '../charts/chart.tsx';
import { Boundary } from '../ui/boundary.tsx';
import { Button, Checkbox, Dropdown } from '../ui/controls.ts';
import { formatCount } from '../ui/format.ts';
import { figureColumns, firstChoice, type FigureChoice, type StudyData, studyFigures } from './figure.ts';
import type { StudyHost, StudyViewState } from './studyHost.ts';
import { StudyRows } from './studyRows.tsx';

type Table = Extract<ToStudy, { type: 'study' }>;

export function StudyApp({ host }: { readonly host: StudyHost }): VNode {
  const [table, setTable] = useState<Table | null>(null);
  const [progress, setProgress] = useState<StudyProgress | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [kept, setKept] = useState<StudyViewState>(() => host.restore());
  useEffect(() => {
    host.listen((message) => {
      if (message.type === 'study') setTable(message);
      setProgress(message.progress);
      setError(message.error);
    });
    host.send({ type: 'ready' });
  }, [host]);
  const remember = (change: Partial<StudyViewState>): void =>
    setKept((now) => {
      const after = { ...now, ...change };
      host.remember(after);
      return after;
    });
  useEffect(() => {
    if (table !== null && table.uri !== kept.uri) remember({ uri: table.uri });
  }, [table?.uri]);
  const name = table?.name ?? '';
  /** The charts save through the panel that they are on. */
  const panel = useMemo<Panel>(
    () => ({
      state: initialState,
      send: (message) => {
        if (message.type === 'saveFile' || message.type === 'saveTable') host.send(message);
      },
      choices: {},
      choose: () => undefined,
      openView: () => undefined,
      needRows: () => undefined,
      fileStem: name.slice(0, 40),
      announce: () => undefined,
    }),
    [host, name],
  );
  return (
    <PanelContext.Provider value={panel}>
      <header class="header">
        <div class="header-row">
          <h1>Study: {name}</h1>
          <span class="spacer" />
          {progress !== null && <Controls progress={progress} host={host} />}
        </div>
        {progress !== null && <Status progress={progress} />}
      </header>
      <main>
        <div class="view">
          {error !== null && (
            <div class="banner error" role="alert">
              <p class="message">{error}</p>
              <Button onPress={() => host.send({ type: 'showLog' })}>Show log</Button>
            </div>
          )}
          {table === null ? (
            <p class="muted">Loading …</p>
          ) : table.rows.length === 0 ? (
            <p class="muted">No task has ended yet. The table grows while the study runs.</p>
          ) : (
            <Boundary name="The figures" context="study" of={table.uri}>
              <Figures table={table} kept={kept.choice} onChoose={(choice) => remember({ choice })} host={host} />
            </Boundary>
          )}
        </div>
      </main>
    </PanelContext.Provider>
  );
}

function Controls({ progress, host }: { readonly progress: StudyProgress; readonly host: StudyHost }): VNode {
  if (progress.running > 0 || progress.started)
    return <Button onPress={() => host.send({ type: 'stop' })}>Stop</Button>;
  return (
    <>
      <Button
        look="primary"
        disabled={progress.done === progress.tasks}
        onPress={() => host.send({ type: 'resume', engine: 'local' })}
      >
        {progress.done === 0 ? 'Start here' : 'Resume here'}
      </Button>
      <Button
        disabled={progress.done === progress.tasks}
        onPress={() => host.send({ type: 'resume', engine: 'slurm' })}
      >
        {progress.done === 0 ? 'Start on Slurm' : 'Resume on Slurm'}
      </Button>
    </>
  );
}

function Status({ progress }: { readonly progress: StudyProgress }): VNode {
  const { done, tasks, running, failed } = progress;
  const words = [
    `${done} of ${formatCount(tasks, 'task')} done`,
    ...(running > 0 ? [`${running} running`] : []),
    ...(failed > 0 ? [`${failed} failed`] : []),
  ].join(', ');
  return (
    <div class="status-line">
      <span class="status-words" role="status">
        {words}
      </span>
      <progress class="bar" aria-label="Share of the tasks that is done" value={done} max={tasks} />
    </div>
  );
}

interface FiguresProps {
  readonly table: Table;
  readonly kept: Partial<FigureChoice>;
  readonly onChoose: (choice: FigureChoice) => void;
  readonly host: StudyHost;
}

function Figures({ table, kept, onChoose, host }: FiguresProps): VNode {
  const data: StudyData = table;
  const ys = useMemo(() => figureColumns(data), [data]);
  const choice = useMemo(() => usable({ ...firstChoice(data), ...kept }, data, ys), [data, kept, ys]);
  const figures = useMemo(() => studyFigures(data, choice), [data, choice]);
  const choose = (change: Partial<FigureChoice>): void => onChoose({ ...choice, ...change });
  const named = (names: readonly string[]): { value: string; label: string }[] =>
    names.map((name) => ({ value: name, label: name }));
  const maybe = [{ value: '', label: 'none' }, ...named(data.own)];
  const open = (key: string | undefined): void => {
    if (table.keepsRuns && key !== undefined && key !== '') host.send({ type: 'openRun', key });
  };
  return (
    <>
      <div class="study-choices" role="group" aria-label="What is drawn">
        <Dropdown label="x" value={choice.x} choices={named([...data.own, ...ys])} onSelect={(x) => choose({ x })} />
        <Dropdown label="y" value={choice.y} choices={named(ys)} onSelect={(y) => choose({ y })} />
        <Dropdown label="colour" value={choice.colour} choices={maybe} onSelect={(colour) => choose({ colour })} />
        <Dropdown label="facet" value={choice.facet} choices={maybe} onSelect={(facet) => choose({ facet })} />
        <Checkbox label="log x" checked={choice.logX} onToggle={(logX) => choose({ logX })} />
        <Checkbox label="log y" checked={choice.logY} onToggle={(logY) => choose({ logY })} />
        <Checkbox label="every task" checked={choice.points} onToggle={(points) => choose({ points })} />
      </div>
      <h2 class="visually-hidden">Figures</h2>
      <div class="study-facets">
        {figures.map((figure) => (
          <section class="card" key={figure.spec.title} aria-label={figure.spec.title}>
            <Chart spec={figure.spec} onPick={(series, index) => open(figure.keyOf(series, index))} />
          </section>
        ))}
      </div>
      <StudyRows data={data} y={choice.y} onOpen={table.keepsRuns ? open : undefined} />
    </>
  );
}

/** A choice of columns that this table has. */
function usable(choice: FigureChoice, data: StudyData, ys: readonly string[]): FigureChoice {
  const first = firstChoice(data);
  return {
    ...choice,
    x: data.own.includes(choice.x) || ys.includes(choice.x) ? choice.x : first.x,
    y: ys.includes(choice.y) ? choice.y : first.y,
    colour: choice.colour === '' || data.own.includes(choice.colour) ? choice.colour : first.colour,
    facet: choice.facet === '' || data.own.includes(choice.facet) ? choice.facet : first.facet,
  };
}
