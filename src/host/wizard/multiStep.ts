import * as vscode from 'vscode';

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
}

export type Step = (place: Place) => Promise<void>;

/**
 * Runs steps one after the other; the back button of a step leads to the one before. `steps` is asked anew before each, because
 * an answer may add or remove a later step. Throws `Cancelled` when a step is closed.
 */
export async function runSteps(title: string, steps: () => readonly Step[]): Promise<void> {
  for (let at = 0; at < steps().length;) {
    const current = steps();
    try {
      await current[at]({ title, step: at + 1, of: current.length });
      at++;
    } catch (error) {
      if (!(error instanceof Back)) throw error;
      at = Math.max(0, at - 1);
    }
  }
}

/** A list of which one is picked; `selected` is where Enter would go. */
export function pickOne<T extends vscode.QuickPickItem>(
  place: Place,
  placeholder: string,
  items: readonly T[],
  selected: T | undefined,
): Promise<T> {
  return show<T, T>(place, placeholder, items, (input) => {
    if (selected) input.activeItems = [selected];
    return () => input.activeItems[0];
  });
}

/** A list of which several are picked, some of them from the start; at least one. */
export function pickMany<T extends vscode.QuickPickItem>(
  place: Place,
  placeholder: string,
  items: readonly T[],
  selected: readonly T[],
): Promise<readonly T[]> {
  return show<T, readonly T[]>(place, placeholder, items, (input) => {
    input.canSelectMany = true;
    input.selectedItems = selected;
    return () => (input.selectedItems.length > 0 ? [...input.selectedItems] : undefined);
  });
}

function show<T extends vscode.QuickPickItem, R>(
  place: Place,
  placeholder: string,
  items: readonly T[],
  setUp: (input: vscode.QuickPick<T>) => () => R | undefined,
): Promise<R> {
  return new Promise<R>((resolve, reject) => {
    const input = vscode.window.createQuickPick<T>();
    input.title = place.title;
    input.step = place.step;
    input.totalSteps = place.of;
    input.placeholder = placeholder;
    input.ignoreFocusOut = true; // a page that had the focus may take it back for a moment
    input.matchOnDescription = true;
    input.buttons = place.step > 1 ? [vscode.QuickInputButtons.Back] : [];
    input.items = items;
    const chosen = setUp(input);
    input.onDidAccept(() => {
      const value = chosen();
      if (value === undefined) return;
      resolve(value);
      input.dispose();
    });
    input.onDidTriggerButton(() => {
      reject(new Back());
      input.dispose();
    });
    input.onDidHide(() => {
      reject(new Cancelled());
      input.dispose();
    });
    input.show();
  });
}
