import * as vscode from 'vscode';
import { plainExcerpt, plainLines } from '../core/data/plainText.ts';

/**
 * Everything of the editor's own surface that shows text: notifications, lists, inputs, dialogs, the tree, the status bar, titles,
 * the log. Nothing else in this extension may call these parts of the editor (a lint rule sees to that), and whatever goes through
 * here is made plain: a column that is named like a link or an icon is shown as those characters. Icons are given by name, apart
 * from the text.
 */

const messageLimit = 1_000;
const labelLimit = 300;

const message = (text: string): string => plainExcerpt(text, messageLimit);
const label = (text: string): string => plainExcerpt(text, labelLimit);

type Show = (text: string, ...actions: string[]) => Thenable<string | undefined>;

const notification =
  (show: Show) =>
  async (text: string, ...actions: string[]): Promise<string | undefined> => {
    const picked = await show(message(text), ...actions.map(label));
    return actions.find((action) => label(action) === picked);
  };

/** Notifications; each gives the action that was picked. */
export const notify = {
  info: notification((text, ...actions) => vscode.window.showInformationMessage(text, ...actions)),
  warn: notification((text, ...actions) => vscode.window.showWarningMessage(text, ...actions)),
  error: notification((text, ...actions) => vscode.window.showErrorMessage(text, ...actions)),
};

/** A notification that can be cancelled while `task` runs. */
export function withNotice<T>(
  title: string,
  task: (report: (text: string) => void, cancellation: vscode.CancellationToken) => Promise<T>,
): Thenable<T> {
  return vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, title: label(title), cancellable: true },
    (progress, cancellation) => task((text) => progress.report({ message: label(text) }), cancellation),
  );
}

/** An entry of a list. */
export interface ListItem {
  readonly label: string;
  readonly description?: string;
  readonly detail?: string;
  /** Id of a product icon before the label. */
  readonly icon?: string;
  readonly alwaysShow?: boolean;
  /** A line between groups; it cannot be picked. */
  readonly separator?: boolean;
}

type Shown<T> = vscode.QuickPickItem & { readonly of: T };

function shownItem<T extends ListItem>(item: T): Shown<T> {
  const { description, detail, icon, alwaysShow } = item;
  return {
    label: `${icon === undefined ? '' : `$(${icon}) `}${label(item.label)}`,
    ...(description === undefined ? {} : { description: label(description) }),
    ...(detail === undefined ? {} : { detail: label(detail) }),
    ...(alwaysShow === undefined ? {} : { alwaysShow }),
    ...(item.separator === true ? { kind: vscode.QuickPickItemKind.Separator } : {}),
    of: item,
  };
}

/** Asks for one of `items`. */
export async function pickFrom<T extends ListItem>(
  items: readonly T[],
  options: { readonly title: string; readonly placeholder?: string },
): Promise<T | undefined> {
  const picked = await vscode.window.showQuickPick(items.map(shownItem), {
    title: label(options.title),
    ...(options.placeholder === undefined ? {} : { placeHolder: label(options.placeholder) }),
    matchOnDescription: true,
    ignoreFocusOut: true,
  });
  return picked?.of;
}

/** Asks for several of `items`. */
export async function pickSeveral<T extends ListItem>(items: readonly T[], title: string): Promise<readonly T[]> {
  const picked = await vscode.window.showQuickPick(items.map(shownItem), {
    title: label(title),
    canPickMany: true,
    matchOnDescription: true,
    ignoreFocusOut: true,
  });
  return (picked ?? []).map(({ of }) => of);
}

/** The tree of a view, of which several entries can be chosen, and a line above it (empty: none). */
export function createTree<T>(
  view: string,
  treeDataProvider: vscode.TreeDataProvider<T>,
): vscode.Disposable & { say(text: string): void } {
  const tree = vscode.window.createTreeView(view, { treeDataProvider, canSelectMany: true, showCollapseAll: true });
  return {
    say: (text) => void (tree.message = text === '' ? undefined : label(text)),
    dispose: () => tree.dispose() as unknown,
  };
}

/** Opens files that match a custom editor. */
export function registerEditor(type: string, provider: vscode.CustomReadonlyEditorProvider): vscode.Disposable {
  return vscode.window.registerCustomEditorProvider(type, provider, { supportsMultipleEditorsPerDocument: true });
}

type ListInput = Omit<
  vscode.QuickPick<vscode.QuickPickItem>,
  'items' | 'activeItems' | 'selectedItems' | 'onDidChangeActive' | 'onDidChangeSelection' | 'onDidTriggerItemButton'
>;

/** A list that stays open until its owner closes it. */
export interface List<T> {
  readonly input: ListInput;
  activate(item: T): void;
  select(items: readonly T[]): void;
  active(): T | undefined;
  selected(): readonly T[];
}

export function createList<T extends ListItem>(placeholder: string, items: readonly T[]): List<T> {
  const input = vscode.window.createQuickPick<Shown<T>>();
  input.placeholder = label(placeholder);
  input.matchOnDescription = true;
  const shown = new Map(items.map((item) => [item, shownItem(item)]));
  input.items = [...shown.values()];
  const some = (wanted: readonly T[]): Shown<T>[] => wanted.flatMap((item) => shown.get(item) ?? []);
  return {
    input,
    activate: (item) => void (input.activeItems = some([item])),
    select: (wanted) => void (input.selectedItems = some(wanted)),
    active: () => input.activeItems[0]?.of,
    selected: () => input.selectedItems.map(({ of }) => of),
  };
}

/** A line of text that is asked for; `refuse` says what is wrong with it while it is typed. */
export interface LineQuestion {
  readonly prompt: string;
  readonly value: string;
  readonly refuse: (text: string) => string | undefined;
}

export function askLine(title: string, { prompt, value, refuse }: LineQuestion): Thenable<string | undefined> {
  return vscode.window.showInputBox({
    title: label(title),
    prompt: message(prompt),
    value,
    ignoreFocusOut: true,
    validateInput: (text) => {
      const wrong = refuse(text);
      return wrong === undefined ? undefined : message(wrong);
    },
  });
}

/** The same as a step that stays open; `valid` says whether what stands there may be taken. */
export function createLine({ prompt, value, refuse }: LineQuestion): {
  readonly input: Omit<vscode.InputBox, 'prompt' | 'validationMessage'>;
  readonly valid: () => boolean;
} {
  const input = vscode.window.createInputBox();
  input.prompt = message(prompt);
  input.value = value;
  const valid = (): boolean => {
    const wrong = refuse(input.value);
    input.validationMessage = wrong === undefined ? undefined : message(wrong);
    return wrong === undefined;
  };
  input.onDidChangeValue(valid);
  return { input, valid };
}

/** Title of a list, an input or a panel. */
export function setTitle(of: { title: string | undefined }, title: string): void {
  of.title = label(title);
}

/** An empty panel; pages say the rest. */
export function openPanel(
  type: string,
  place: { readonly viewColumn: vscode.ViewColumn; readonly preserveFocus?: boolean },
  roots: readonly vscode.Uri[],
): vscode.WebviewPanel {
  return vscode.window.createWebviewPanel(type, '', place, { enableScripts: true, localResourceRoots: roots });
}

/** Asks where to save; the suggested name and the kinds of file are text of the dialog. */
export function askWhereToSave(
  suggested: vscode.Uri,
  filters: Readonly<Record<string, readonly string[]>>,
): Thenable<vscode.Uri | undefined> {
  return vscode.window.showSaveDialog({ defaultUri: suggested, filters: plainFilters(filters) });
}

export async function askWhichFile(
  title: string,
  filters: Readonly<Record<string, readonly string[]>>,
): Promise<vscode.Uri | undefined> {
  return (await vscode.window.showOpenDialog({ title: label(title), filters: plainFilters(filters) }))?.[0];
}

function plainFilters(filters: Readonly<Record<string, readonly string[]>>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(filters).map(([name, endings]) => [label(name), [...endings]]));
}

/** What an entry of the tree shows. */
export interface TreeEntry {
  readonly id: string;
  readonly label: string;
  readonly description: string;
  /** Lines of the tooltip: text, never Markdown. */
  readonly tooltip: readonly string[];
  readonly icon: vscode.ThemeIcon;
  readonly kind: string;
  readonly expanded?: boolean;
  readonly resource?: vscode.Uri;
  readonly command?: vscode.Command;
}

export function treeItem(entry: TreeEntry): vscode.TreeItem {
  const { None, Expanded } = vscode.TreeItemCollapsibleState;
  const item = new vscode.TreeItem(label(entry.label), entry.expanded === true ? Expanded : None);
  item.id = entry.id;
  item.description = label(entry.description);
  item.tooltip = entry.tooltip.map(message).join('\n');
  item.iconPath = entry.icon;
  item.contextValue = entry.kind;
  if (entry.resource !== undefined) item.resourceUri = entry.resource;
  if (entry.command !== undefined) item.command = entry.command;
  return item;
}

export interface StatusText {
  /** Id of a product icon. */
  readonly icon: string;
  readonly text: string;
  readonly tooltip: string;
  readonly command: string;
}

/** An item of the status bar. */
export function createStatusItem(id: string, name: string): { set(shown: StatusText | null): void; dispose(): void } {
  const item = vscode.window.createStatusBarItem(id, vscode.StatusBarAlignment.Right, 100);
  item.name = name;
  return {
    set(shown) {
      if (shown === null) {
        item.hide();
        return;
      }
      item.text = `$(${shown.icon}) ${label(shown.text)}`;
      item.tooltip = message(shown.tooltip);
      item.command = shown.command;
      item.show();
    },
    dispose: () => item.dispose(),
  };
}

const levels: readonly (string | symbol)[] = ['trace', 'debug', 'info', 'warn', 'error'];

/** The log under `name` in the Output view. What is written keeps its lines; those after the first are indented, so that none looks like another entry. */
export function createLogChannel(name: string): vscode.LogOutputChannel {
  const entry = (text: unknown): string =>
    plainLines(text instanceof Error ? (text.stack ?? text.message) : String(text)).replace(/\n/g, '\n    ');
  return new Proxy(vscode.window.createOutputChannel(name, { log: true }), {
    get(channel, property) {
      const value: unknown = Reflect.get(channel, property);
      if (typeof value !== 'function') return value;
      const method = value as (...args: unknown[]) => unknown;
      return levels.includes(property)
        ? (text: unknown, ...more: unknown[]): unknown => method.call(channel, entry(text), ...more.map(entry))
        : method.bind(channel);
    },
  });
}

/** Puts text on the clipboard, line by line plain, and says so. */
export async function copyText(text: string): Promise<void> {
  await vscode.env.clipboard.writeText(plainLines(text));
  vscode.window.setStatusBarMessage(vscode.l10n.t('Copied.'), 2_000);
}

/** What a person is asked before a tool of a language model runs. */
export function confirmation(title: string, text: string): vscode.LanguageModelToolConfirmationMessages {
  return { title: label(title), message: message(text) };
}
