import type { FromLab, LabPage, ToLab } from '../../src/shared/lab.ts';
import { labPages } from '../../src/shared/lab.ts';
import { connectEditor, type Editor } from '../ui/editor.ts';

/** What the Lab itself remembers across reloads: which file, which page, and what was changed in the forms. */
export interface LabViewState {
  readonly version: 1;
  readonly uri: string;
  readonly page: LabPage;
  /** Changed fields per page. They are checked against the schema of the page before they are used. */
  readonly forms: Readonly<Partial<Record<LabPage, Readonly<Record<string, unknown>>>>>;
}

export const emptyLabState: LabViewState = { version: 1, uri: '', page: 'kernel', forms: {} };

/** Reads what `getState` returned; anything of another shape or version is dropped. */
export function restoreLabState(value: unknown): LabViewState {
  if (typeof value !== 'object' || value === null) return emptyLabState;
  const { version, uri, page, forms } = value as Partial<Record<keyof LabViewState, unknown>>;
  const known = labPages.find((name) => name === page);
  if (version !== 1 || typeof uri !== 'string' || known === undefined) return emptyLabState;
  const kept: Record<string, Record<string, unknown>> = {};
  if (typeof forms === 'object' && forms !== null) {
    for (const [key, form] of Object.entries(forms)) {
      if (typeof form === 'object' && form !== null) kept[key] = form as Record<string, unknown>;
    }
  }
  return { version: 1, uri, page: known, forms: kept };
}

export type LabHost = Editor<FromLab, ToLab, LabViewState>;

export function connectLab(): LabHost {
  return connectEditor(restoreLabState);
}
