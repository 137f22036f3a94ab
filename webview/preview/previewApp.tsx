import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { DataPreview, PreviewColumn, ReadChoices, ToPreview } from '../../src/shared/preview.ts';
import type { Task } from '../../src/core/data/infer.ts';
import { Boundary } from '../ui/boundary.tsx';
import { Button } from '../ui/controls.ts';
import { formatInteger } from '../ui/format.ts';
import { Section } from '../ui/pieces.tsx';
import { type ColumnTypeName, noRoles, type Role, roleOf, type Roles, targetOf, trainChoices } from './choices.ts';
import { Columns } from './columns.tsx';
import { Distribution } from './distribution.tsx';
import type { PreviewHost } from './previewHost.ts';
import { delimiterWord, ReadForm } from './readForm.tsx';

const taskWords: Readonly<Record<Task, string>> = {
  regression: 'a number (regression)',
  binary: 'one of two classes',
  multiclass: 'one of several classes',
};

/** A look at a data file before training: every column, what becomes of it, and how the file is read. */
export function PreviewApp({ host }: { readonly host: PreviewHost }): VNode {
  const [state, setState] = useState<ToPreview | null>(null);
  const [roles, setRoles] = useState<Roles>(noRoles);

  useEffect(() => {
    host.listen((message) => {
      setState(message);
      host.remember({ uri: message.uri });
    });
    host.send({ type: 'ready' });
  }, [host]);

  if (state === null) return <main aria-busy="true" />;
  const { data, read, error } = state;
  const look = (choices: ReadChoices): void => host.send({ type: 'read', choices });
  const setType = (column: PreviewColumn, type: ColumnTypeName | null): void => {
    const others = Object.entries(read.columnTypes ?? {}).filter(([key]) => key !== column.name);
    look({ ...read, columnTypes: Object.fromEntries(type === null ? others : [...others, [column.name, type]]) });
  };
  const setRole = (column: PreviewColumn, role: Role): void =>
    setRoles((now) => {
      if (role === 'target') return { ...now, target: column.name, task: null };
      const wasTarget = data !== null && targetOf(data, now) === column;
      return {
        ...now,
        ...(wasTarget ? { target: null, task: null } : {}),
        chosen: { ...now.chosen, [column.name]: role === 'feature' },
      };
    });
  const target = data === null ? undefined : targetOf(data, roles);
  const features = data?.columns.filter((column) => roleOf(column, target, roles) === 'feature').length ?? 0;
  return (
    <>
      <PreviewHeader
        state={state}
        ready={target !== undefined && features > 0}
        onTrain={() => data !== null && host.send({ type: 'train', choices: trainChoices(data, read, roles) })}
        onStop={() => host.send({ type: 'stop' })}
      />
      <main class="preview">
        {error !== null && (
          <div class="banner error" role="alert">
            <div>
              <p class="message">{error.message}</p>
              {error.line !== undefined && (
                <Button onPress={() => host.send({ type: 'revealLine', line: error.line! })}>
                  Show line {error.line}
                </Button>
              )}
            </div>
          </div>
        )}
        <ReadForm
          data={data}
          read={read}
          missing={roles.missing ?? state.missing}
          onChange={look}
          onMissing={(missing) => setRoles((now) => ({ ...now, missing }))}
        />
        {data !== null && (
          <Boundary
            name="Columns"
            context={`${data.rows} rows, ${data.columns.length} columns`}
            of={`${data.rows}:${data.complete}:${JSON.stringify(read)}`}
          >
            {target !== undefined && (
              <Target data={data} target={target} features={features} roles={roles} onRoles={setRoles} />
            )}
            <Notices state={state} onLine={(line) => host.send({ type: 'revealLine', line })} />
            <Section title="Columns" wide>
              <Columns data={data} read={read} roles={roles} onType={setType} onRole={setRole} />
              {data.columnsInFile > data.columns.length && (
                <p class="muted">
                  The first {formatInteger(data.columns.length)} of {formatInteger(data.columnsInFile)} columns are
                  shown; training uses all that can be used.
                </p>
              )}
            </Section>
          </Boundary>
        )}
      </main>
    </>
  );
}

/** Name and facts of the file, and how far it is read. */
function PreviewHeader(props: {
  readonly state: ToPreview;
  readonly ready: boolean;
  readonly onTrain: () => void;
  readonly onStop: () => void;
}): VNode {
  const { ready, onTrain, onStop } = props;
  const { data, reading, name } = props.state;
  return (
    <header class="preview-header">
      <div class="header-row">
        <h1 class="long-name" title={name}>
          {name}
        </h1>
        <span class="spacer" />
        <Button disabled={!ready} look="primary" onPress={onTrain}>
          Train with these choices
        </Button>
      </div>
      {data !== null && (
        <p class="muted" data-facts>
          {data.complete ? '' : 'about '}
          {formatInteger(data.rowsInFile)} rows, {formatInteger(data.columnsInFile)} columns; {data.encoding}, delimiter{' '}
          {delimiterWord(data.delimiter)}.{' '}
          {data.rows < data.rowsInFile &&
            (data.complete
              ? `Counts are of a sample of ${formatInteger(data.rows)} rows.`
              : `Counts are of the first ${formatInteger(data.rows)} rows so far.`)}
        </p>
      )}
      <p class="reading" role="status">
        {reading !== null && (
          <>
            <progress class="bar" max={1} value={reading} aria-label="Part of the file that is read" />
            <span>{data === null ? 'Reading the first rows …' : 'Reading the whole file …'}</span>
            <Button onPress={onStop}>Stop</Button>
          </>
        )}
      </p>
    </header>
  );
}

/** The target, what it is trained as, and its values. */
function Target(props: {
  readonly data: DataPreview;
  readonly target: PreviewColumn;
  readonly features: number;
  readonly roles: Roles;
  readonly onRoles: (roles: Roles) => void;
}): VNode {
  const { data, target, features, roles, onRoles } = props;
  return (
    <Section title="Target">
      <div class="target-row">
        <label class="read-field">
          <span>Predict</span>
          <select
            value={target.name}
            onChange={({ currentTarget: { value } }) => onRoles({ ...roles, target: value, task: null })}
          >
            {data.columns
              .filter((column) => column.task !== null || column === target)
              .map((column) => (
                <option key={column.name} value={column.name}>
                  {column.name}
                </option>
              ))}
          </select>
        </label>
        <label class="read-field">
          <span>as</span>
          <select
            value={roles.task ?? target.task ?? 'multiclass'}
            onChange={({ currentTarget: { value } }) => onRoles({ ...roles, task: value as Task })}
          >
            {tasksOf(target).map((task) => (
              <option key={task} value={task}>
                {taskWords[task]}
              </option>
            ))}
          </select>
        </label>
        <Distribution summary={target.summary} name={target.name} />
        <span class="muted">
          {formatInteger(data.rows - target.missing)} of {formatInteger(data.rows)} rows have a value;{' '}
          {formatInteger(features)} {features === 1 ? 'feature' : 'features'}
        </span>
      </div>
    </Section>
  );
}

/** What a column can be trained as. */
function tasksOf(column: PreviewColumn): readonly Task[] {
  const own = column.task ?? 'multiclass';
  if (column.kind === 'categorical' || column.distinct > 100 || !column.taskUnclear) {
    return column.kind === 'numeric' && own === 'binary' ? ['binary', 'regression'] : [own];
  }
  return column.distinct === 2 ? ['binary', 'regression'] : ['regression', 'multiclass'];
}

function Notices(props: { readonly state: ToPreview; readonly onLine: (line: number) => void }): VNode | null {
  const notices = props.state.data?.notices ?? [];
  if (notices.length === 0) return null;
  return (
    <Section title="Notices">
      <ul class="notices">
        {notices.slice(0, 100).map(({ text, lines }, k) => (
          <li key={k}>
            {text}{' '}
            {lines.map((line) => (
              <Button key={line} onPress={() => props.onLine(line)}>
                Show line {line}
              </Button>
            ))}
          </li>
        ))}
      </ul>
      {notices.length > 100 && <p class="muted">and {formatInteger(notices.length - 100)} more</p>}
    </Section>
  );
}
