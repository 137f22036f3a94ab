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

/** A line of text; `refuse` says what is wrong with it, while it is typed and again on Enter. */
export function askText(
  place: Place,
  prompt: string,
  value: string,
  refuse: (text: string) => string | undefined,
): Promise<string> {
  const input = vscode.window.createInputBox();
  input.prompt = prompt;
  input.value = value;
  const check = (): string | undefined => (input.validationMessage = refuse(input.value));
  input.onDidChangeValue(check);
  return settle(place, input, () => (check() === undefined ? input.value : undefined));
}

function show<T extends vscode.QuickPickItem, R>(
  place: Place,
  placeholder: string,
  items: readonly T[],
  setUp: (input: vscode.QuickPick<T>) => () => R | undefined,
): Promise<R> {
  const input = vscode.window.createQuickPick<T>();
  input.placeholder = placeholder;
  input.matchOnDescription = true;
  input.items = items;
  return settle(place, input, setUp(input));
}

type Input = Pick<
  vscode.InputBox,
  'title' | 'step' | 'totalSteps' | 'ignoreFocusOut' | 'buttons' | 'onDidAccept' | 'onDidTriggerButton' | 'onDidHide'
> & { show(): void; dispose(): void };

/** Shows an input as a step: Enter resolves with what is chosen (undefined: stays open), Back and closing reject. */
function settle<R>(place: Place, input: Input, chosen: () => R | undefined): Promise<R> {
  return new Promise<R>((resolve, reject) => {
    input.title = place.title;
    input.step = place.step;
    input.totalSteps = place.of;
    input.ignoreFocusOut = true; // a page that had the focus may take it back for a moment
    input.buttons = place.step > 1 ? [vscode.QuickInputButtons.Back] : [];
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
