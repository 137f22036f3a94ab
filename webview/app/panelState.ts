import type { PanelSnapshot, ToPanel } from '../../src/shared/protocol.ts';
import type { RunRecord, TracePoint, TrainProgress } from '../../src/shared/run.ts';

/** All that the panel knows, as told by the host. */
export interface PanelState {
  /** `loading` until the first snapshot. */
  readonly phase: 'loading' | PanelSnapshot['state'];
  readonly run: RunRecord | null;
  readonly progress: TrainProgress | null;
  readonly trace: readonly TracePoint[];
  readonly error: PanelSnapshot['error'];
  readonly stale: boolean;
  readonly history: PanelSnapshot['history'];
  /** Original cells by row index, for the data of `rowsOf`. */
  readonly header: readonly string[];
  readonly cells: ReadonlyMap<number, readonly string[]>;
  readonly rowsOf: string;
}

export const initialState: PanelState = {
  phase: 'loading',
  run: null,
  progress: null,
  trace: [],
  error: null,
  stale: false,
  history: [],
  header: [],
  cells: new Map(),
  rowsOf: '',
};

/** Rows of two runs are the same rows exactly when file and lines are the same. */
function rowsKey(run: RunRecord | null): string {
  if (!run) return '';
  const { line } = run.rows;
  let hash = line.length;
  for (const value of line) hash = (Math.imul(hash, 31) + value) | 0;
  return `${run.dataset.sha256}:${run.dataset.test?.sha256 ?? ''}:${hash}`;
}

/** Every snapshot brings a copy of the run; the same run keeps its identity, so that nothing is computed or drawn again. */
function keepRun(before: RunRecord | null, after: RunRecord | null): RunRecord | null {
  if (!before || before.id !== after?.id || before.createdAt !== after.createdAt) return after;
  if (before.revision !== after.revision) return after;
  const signature = (run: RunRecord): string =>
    JSON.stringify([
      run.label,
      run.solution,
      run.resolved,
      run.metrics,
      run.notes,
      run.path?.points,
      run.compare && [run.compare.runs.length, run.compare.complete],
    ]);
  return signature(before) === signature(after) ? before : after;
}

/** The state after a message. Snapshots replace everything; progress only adds to what is running. */
export function reduce(state: PanelState, message: ToPanel): PanelState {
  switch (message.type) {
    case 'snapshot': {
      const run = keepRun(state.run, message.run);
      const key = run === state.run ? state.rowsOf : rowsKey(run);
      const same = key === state.rowsOf;
      return {
        phase: message.state,
        run,
        progress: message.progress,
        trace: message.trace,
        error: message.error,
        stale: message.stale,
        history: message.history,
        rowsOf: key,
        header: same ? state.header : [],
        cells: same ? state.cells : new Map(),
      };
    }
    case 'progress': {
      if (state.phase !== 'training') return state;
      const { point } = message.progress;
      return { ...state, progress: message.progress, trace: point ? [...state.trace, point] : state.trace };
    }
    case 'rows': {
      const cells = new Map(state.cells);
      for (const row of message.rows) cells.set(row.index, row.cells);
      return { ...state, header: message.header, cells };
    }
  }
}

/** What is worth saying aloud when the state changes; empty for nothing. */
export function announcement(before: PanelState, after: PanelState, verdict: string): string {
  if (before.phase === after.phase) return '';
  if (after.phase === 'training') return 'Training started.';
  if (after.phase === 'failed') return `Training failed. ${after.error?.message ?? ''}`.trim();
  if (after.phase === 'done') return before.phase === 'training' ? `Training finished. ${verdict}` : verdict;
  return '';
}
