import type { FromLesson, ToLesson } from '../../src/shared/lesson.ts';
import { connectEditor, type Editor } from '../ui/editor.ts';

/** What the page remembers across reloads: which lesson, and what was answered to its steps. */
export interface LessonViewState {
  readonly version: 1;
  readonly uri: string;
  /** By the number of the step: a guess as it was typed, the number of a choice, or a typed network. */
  readonly answers: Readonly<Record<string, string>>;
}

export const emptyLessonState: LessonViewState = { version: 1, uri: '', answers: {} };

/** Reads what `getState` returned; anything of another shape or version is dropped. */
export function restoreLessonState(value: unknown): LessonViewState {
  if (typeof value !== 'object' || value === null) return emptyLessonState;
  const { version, uri, answers } = value as Partial<Record<keyof LessonViewState, unknown>>;
  if (version !== 1 || typeof uri !== 'string' || typeof answers !== 'object' || answers === null)
    return emptyLessonState;
  const kept = Object.entries(answers).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return { version: 1, uri, answers: Object.fromEntries(kept) };
}

export type LessonHost = Editor<FromLesson, ToLesson, LessonViewState>;

export function connectLesson(): LessonHost {
  return connectEditor(restoreLessonState);
}
