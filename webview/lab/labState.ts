import { recorded } from '../../src/shared/recorded.ts';
import type { ToLab } from '../../src/shared/lab.ts';

type Snapshot = Extract<ToLab, { type: 'lab' }>;

/** All that the Lab knows, as told by the host. */
export type LabState = Omit<Snapshot, 'type'> & { readonly loaded: boolean };

export const initialLabState: LabState = {
  loaded: false,
  uri: '',
  name: '',
  preset: {},
  testFile: null,
  columns: [],
  records: {},
  running: null,
  progress: null,
  cells: [],
  error: null,
};

/** Records come as copies with every snapshot; one of the same time and page keeps its identity, so that nothing is drawn again. */
function keepRecords(before: Snapshot['records'], after: Snapshot['records']): Snapshot['records'] {
  const kept: Record<string, unknown> = { ...after };
  for (const [page, record] of Object.entries(before)) {
    if (after[page as keyof typeof after]?.createdAt === record.createdAt) kept[page] = record;
  }
  return kept;
}

export function reduceLab(state: LabState, message: ToLab): LabState {
  switch (message.type) {
    case 'lab': {
      const { uri, name, preset, testFile, columns, running, progress, cells, error } = message;
      const records = keepRecords(state.records, message.records);
      return { uri, name, preset, testFile, columns, records, running, progress, cells, error, loaded: true };
    }
    case 'labProgress': {
      const { progress } = message;
      if (state.running !== progress.page) return state;
      return {
        ...state,
        progress,
        cells: progress.cell === undefined ? state.cells : [...state.cells, progress.cell],
      };
    }
  }
}

/** What is worth saying aloud when the state changes; empty for nothing. */
export function labAnnouncement(before: LabState, after: LabState): string {
  if (before.running === after.running) return '';
  if (after.running !== null) return 'Started.';
  if (after.error !== null && after.error.page === before.running) return `Failed. ${after.error.message}`;
  const record = before.running === null ? undefined : after.records[before.running];
  if (record?.page === 'mlp') return `Finished. ${recorded(record.result.sentence)}`;
  return record === undefined
    ? ''
    : `Finished. ${record.verdicts.map((verdict) => recorded(verdict.sentence)).join(' ')}`;
}
