/** What the panel itself remembers across reloads: which run and how it is looked at, never data. */
export interface ViewState {
  readonly version: 1;
  readonly runId: string | null;
  readonly view: string;
  /** Choices made in the views, by name. */
  readonly choices: Readonly<Record<string, ChoiceValue>>;
}

export type ChoiceValue = string | number | boolean | null;

export const emptyViewState: ViewState = { version: 1, runId: null, view: 'overview', choices: {} };

/** Reads what `getState` returned; anything of another shape or version is dropped, not migrated. */
export function restoreViewState(value: unknown): ViewState {
  if (typeof value !== 'object' || value === null) return emptyViewState;
  const { version, runId, view, choices } = value as Partial<Record<keyof ViewState, unknown>>;
  if (version !== 1 || typeof view !== 'string') return emptyViewState;
  const kept: Record<string, ChoiceValue> = {};
  if (typeof choices === 'object' && choices !== null) {
    for (const [key, choice] of Object.entries(choices)) {
      if (choice === null || ['string', 'number', 'boolean'].includes(typeof choice)) kept[key] = choice as ChoiceValue;
    }
  }
  return { version: 1, runId: typeof runId === 'string' ? runId : null, view, choices: kept };
}
