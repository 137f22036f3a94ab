import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { FromLab, LabPage } from '../../src/shared/lab.ts';
import type { LabViewState } from './labHost.ts';
import type { LabState } from './labState.ts';
import { initialLabState } from './labState.ts';

/** What every part of the Lab can reach. */
export interface LabContextValue {
  readonly state: LabState;
  readonly forms: LabViewState['forms'];
  readonly setForm: (page: LabPage, changed: Readonly<Record<string, unknown>>) => void;
  readonly send: (message: FromLab) => void;
}

export const LabContext = createContext<LabContextValue>({
  state: initialLabState,
  forms: {},
  setForm: () => undefined,
  send: () => undefined,
});

export function useLab(): LabContextValue {
  return useContext(LabContext);
}
