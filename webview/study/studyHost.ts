import type { FromStudy, ToStudy } from '../../src/study/page.ts';
import { connectEditor, type Editor } from '../ui/editor.ts';
import type { FigureChoice } from './figure.ts';

/** What the page remembers across reloads: which study, and what was chosen to be drawn. */
export interface StudyViewState {
  readonly version: 1;
  readonly uri: string;
  readonly choice: Partial<FigureChoice>;
}

export const emptyStudyState: StudyViewState = { version: 1, uri: '', choice: {} };

/** Reads what `getState` returned; anything of another shape or version is dropped. */
export function restoreStudyState(value: unknown): StudyViewState {
  if (typeof value !== 'object' || value === null) return emptyStudyState;
  const { version, uri, choice } = value as Partial<Record<keyof StudyViewState, unknown>>;
  if (version !== 1 || typeof uri !== 'string' || typeof choice !== 'object' || choice === null) return emptyStudyState;
  const kept = choice as Partial<Record<keyof FigureChoice, unknown>>;
  const names = ['x', 'y', 'colour', 'facet'] as const;
  const flags = ['logX', 'logY', 'points'] as const;
  return {
    version: 1,
    uri,
    choice: {
      ...Object.fromEntries(names.flatMap((name) => (typeof kept[name] === 'string' ? [[name, kept[name]]] : []))),
      ...Object.fromEntries(flags.flatMap((name) => (typeof kept[name] === 'boolean' ? [[name, kept[name]]] : []))),
    },
  };
}

export type StudyHost = Editor<FromStudy, ToStudy, StudyViewState>;

export function connectStudy(): StudyHost {
  return connectEditor(restoreStudyState);
}
