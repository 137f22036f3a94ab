import * as vscode from 'vscode';
import { createLine, createList, type ListItem, setTitle } from '../ui.ts';

/** The person closed a step. */
export class Cancelled extends Error {
  override readonly name = 'Cancelled';
}

class Back extends Error {}

/** Where a step stands: shown as "2/3", with a back button from the second on. */
export interface Place {
  readonly title: string;
  readonly step: number;
  readonly of: number;
  /** A question inside a step: its back button leads to that step. */
  readonly inside?: boolean;
}

class Inside extends Error {}

/** 'again': the step changed what steps there are and wants to be asked once more. */
export type Step = (place: Place) => Promise<'again' | undefined | void>;

/**
 * Runs steps one after the other; the back button of a step leads to the one before. `steps` is asked anew before each, because
 * an answer may add or remove a later step. Throws `Cancelled` when a step is closed.
 */
export async function runSteps(title: string, steps: () => readonly Step[]): Promise<void> {
  for (let at = 0; at < steps().length;) {
    const current = steps();
    try {
      const answer = await current[at]({ title, step: at + 1, of: current.length });
      if (answer !== 'again') at++;
    } catch (error) {
      if (error instanceof Inside) continue;
      if (!(error instanceof Back)) throw error;
      at = Math.max(0, at - 1);
    }
  }
}

/** A list of which one is picked; `selected` is where Enter would go. */
export function pickOne<T extends ListItem>(
  place: Place,
  placeholder: string,
  items: readonly T[],
  selected: T | undefined,
): Promise<T> {
  const list = createList(placeholder, items);
  if (selected) list.activate(selected);
  return settle<T>(place, list.input, () => list.active());
}

/** A list of which several are picked, some of them from the start; at least one. */
export function pickMany<T extends ListItem>(
  place: Place,
  placeholder: string,
  items: readonly T[],
  selected: readonly T[],
): Promise<readonly T[]> {
  const list = createList(placeholder, items);
  list.input.canSelectMany = true;
  list.select(selected);
  return settle<readonly T[]>(place, list.input, () => {
    const picked = list.selected();
    return picked.length > 0 ? picked : undefined;
  });
}

/** A line of text; `refuse` says what is wrong with it, while it is typed and again on Enter. */
export function askText(
  place: Place,
  prompt: string,
  value: string,
  refuse: (text: string) => string | undefined,
): Promise<string> {
  const { input, valid } = createLine({ prompt, value, refuse });
  return settle(place, input, () => (valid() ? input.value : undefined));
}

type Input = Pick<
  vscode.InputBox,
  'title' | 'step' | 'totalSteps' | 'ignoreFocusOut' | 'buttons' | 'onDidAccept' | 'onDidTriggerButton' | 'onDidHide'
> & { show(): void; dispose(): void };

/** Shows an input as a step: Enter resolves with what is chosen (undefined: stays open), Back and closing reject. */
function settle<R>(place: Place, input: Input, chosen: () => R | undefined): Promise<R> {
  return new Promise<R>((resolve, reject) => {
    setTitle(input, place.title);
    input.step = place.step;
    input.totalSteps = place.of;
    input.ignoreFocusOut = true; // a page that had the focus may take it back for a moment
    const inside = place.inside === true;
    input.buttons = place.step > 1 || inside ? [vscode.QuickInputButtons.Back] : [];
    input.onDidAccept(() => {
      const value = chosen();
      if (value === undefined) return;
      resolve(value);
      input.dispose();
    });
    input.onDidTriggerButton(() => {
      reject(inside ? new Inside() : new Back());
      input.dispose();
    });
    input.onDidHide(() => {
      reject(new Cancelled());
      input.dispose();
    });
    input.show();
  });
}
