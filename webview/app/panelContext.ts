import { createContext } from 'preact';
import { useCallback, useContext, useEffect } from 'preact/hooks';
import type { FromPanel } from '../../src/shared/protocol.ts';
import type { PanelState } from './panelState.ts';
import { initialState } from './panelState.ts';
import type { ChoiceValue } from './viewState.ts';

/** What every part of the panel can reach: the state, the choices that are kept, and the way to the host. */
export interface Panel {
  readonly state: PanelState;
  readonly send: (message: FromPanel) => void;
  readonly choices: Readonly<Record<string, ChoiceValue>>;
  readonly choose: (name: string, value: ChoiceValue) => void;
  readonly openView: (id: string) => void;
  /** Asks for original cells that are not there yet. */
  readonly needRows: (indices: readonly number[]) => void;
  /** Start of the names of saved files: data, view and run. */
  readonly fileStem: string;
  /** Says something aloud. */
  readonly announce: (words: string) => void;
}

const unconnected: Panel = {
  state: initialState,
  send: () => undefined,
  choices: {},
  choose: () => undefined,
  openView: () => undefined,
  needRows: () => undefined,
  fileStem: '',
  announce: () => undefined,
};

export const PanelContext = createContext<Panel>(unconnected);

export function usePanel(): Panel {
  return useContext(PanelContext);
}

/** A choice of this view that survives reloads. Only values of the type of the default are taken. */
export function useChoice(name: string, fallback: string): [string, (value: string) => void];
export function useChoice(name: string, fallback: number): [number, (value: number) => void];
export function useChoice(name: string, fallback: string | number): [string | number, (value: never) => void] {
  const { choices, choose } = usePanel();
  const kept = choices[name];
  const set = useCallback((value: string | number) => choose(name, value), [choose, name]);
  return [typeof kept === typeof fallback ? (kept as string | number) : fallback, set];
}

/** An optional index (a row, a neuron) that survives reloads. */
export function useSelection(name: string): [number | null, (value: number | null) => void] {
  const { choices, choose } = usePanel();
  const kept = choices[name];
  const set = useCallback((value: number | null) => choose(name, value), [choose, name]);
  return [typeof kept === 'number' ? kept : null, set];
}

/** The original cells of the rows, asked for when they are first needed. */
export function useRows(indices: readonly number[]): ReadonlyMap<number, readonly string[]> {
  const { state, needRows } = usePanel();
  const key = indices.join(',');
  useEffect(() => needRows(indices), [key, state.rowsOf, needRows]);
  return state.cells;
}
