import { cp, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import Module from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/**
 * As much of the editor as the extension uses, without an editor: the bundle of the extension runs in this process, pages are sinks, and nobody
 * answers questions but those that a test answers. What is not here throws, so that nothing is tried that would not be seen.
 */

type Listener = (value: unknown) => unknown;

class EventEmitter {
  private readonly listeners = new Set<Listener>();
  readonly event = (listener: Listener): Disposable => {
    this.listeners.add(listener);
    return new Disposable(() => this.listeners.delete(listener));
  };
  fire(value?: unknown): void {
    for (const listener of [...this.listeners]) listener(value);
  }
  dispose(): void {
    this.listeners.clear();
  }
}

class Disposable {
  constructor(private readonly end: () => unknown) {}
  dispose(): void {
    this.end();
  }
  static from(...all: readonly { dispose(): void }[]): Disposable {
    return new Disposable(() => all.forEach((one) => one.dispose()));
  }
}

/** Addresses as the editor reads them, with the two refusals of its parser. */
class Uri {
  private constructor(
    readonly scheme: string,
    readonly path: string,
  ) {}
  static parse(text: string): Uri {
    const [, scheme = 'file', rest = ''] = /^(?:([^:/?#]+):)?(.*)$/s.exec(text) ?? [];
    if (!/^\w[\w\d+.-]*$/.test(scheme)) throw new Error('[UriError]: Scheme contains illegal characters.');
    if (rest.startsWith('////')) throw new Error('[UriError]: the path cannot begin with two slash characters');
    const plain = rest.replace(/^\/\/[^/]*/, '');
    return new Uri(scheme, decodeURIComponent(plain.startsWith('/') ? plain : `/${plain}`));
  }
  static file(file: string): Uri {
    return new Uri('file', file);
  }
  static joinPath(base: Uri, ...parts: string[]): Uri {
    return new Uri(base.scheme, path.posix.join(base.path, ...parts));
  }
  get fsPath(): string {
    return this.path;
  }
  with(change: { readonly path?: string }): Uri {
    return new Uri(this.scheme, change.path ?? this.path);
  }
  toString(): string {
    return this.scheme === 'file' ? pathToFileURL(this.path).href : `${this.scheme}:${encodeURI(this.path)}`;
  }
}

/** A page: what the extension sends is counted, and a test sends what it likes. */
export interface FakePage {
  readonly type: string;
  readonly posted: { type?: string }[];
  send(message: unknown): void;
  close(): void;
}

export interface FakeEditor {
  readonly pages: readonly FakePage[];
  /** Notifications, warnings of the log, and what was asked. */
  readonly said: string[];
  readonly executed: string[];
  execute(command: string, ...args: unknown[]): Promise<unknown>;
  uri(file: string): unknown;
  /** Opens a file in the custom editor of that type. */
  openWith(type: string, file: string): Promise<FakePage>;
  /** What a tool of language models answers. */
  tool(name: string, input: unknown): Promise<string>;
  close(): void;
}

interface CustomEditor {
  openCustomDocument(uri: Uri): Promise<{ dispose(): void }>;
  resolveCustomEditor(document: object, panel: unknown): Promise<void>;
}

interface LanguageTool {
  prepareInvocation(options: object): unknown;
  invoke(options: object, token: object): Promise<{ readonly content: readonly [{ readonly value: string }] }>;
}

interface Options {
  /** The bundle of the extension; its worker lies beside it. */
  readonly program: string;
  /** Where the extension keeps what it keeps. */
  readonly storage: string;
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Where the person saves; undefined: they close the dialog. */
  readonly saveAs?: () => string | undefined;
  /** The folder that is open. */
  readonly folder?: string;
  /** Files whose editors hold text that is not saved. */
  readonly unsaved?: Readonly<Record<string, string>>;
  /** What the person picks of a list, by its labels; left out: they close it. */
  readonly pick?: (labels: readonly string[]) => number | undefined;
}

const nothing = new EventEmitter().event;

/** A list or a line that the person closes as soon as it opens. */
function closedInput(): object {
  const hidden = new EventEmitter();
  return {
    items: [],
    activeItems: [],
    selectedItems: [],
    value: '',
    onDidAccept: nothing,
    onDidTriggerButton: nothing,
    onDidChangeValue: nothing,
    onDidHide: hidden.event,
    show: () => queueMicrotask(() => hidden.fire()),
    dispose: () => undefined,
  };
}

/** Starts the extension. */
export async function startExtension({
  program,
  storage,
  settings = {},
  saveAs,
  folder,
  unsaved = {},
  pick,
}: Options): Promise<FakeEditor> {
  const pages: (FakePage & { panel: unknown })[] = [];
  const said: string[] = [];
  const executed: string[] = [];
  const commands = new Map<string, (...args: unknown[]) => unknown>();
  const editors = new Map<string, CustomEditor>();
  const languageTools = new Map<string, LanguageTool>();
  const say = (text: string): Promise<undefined> => {
    said.push(text);
    return Promise.resolve(undefined);
  };
  let closed = false;
  const openPage = (type: string): unknown => {
    const [received, viewState, gone] = [new EventEmitter(), new EventEmitter(), new EventEmitter()];
    const posted: { type?: string }[] = [];
    let there = true;
    const panel = {
      title: '',
      visible: true,
      active: true,
      viewColumn: 2,
      reveal: () => undefined,
      onDidChangeViewState: viewState.event,
      onDidDispose: gone.event,
      dispose: () => {
        if (there) gone.fire();
        there = false;
      },
      webview: {
        html: '',
        options: {},
        cspSource: 'self',
        asWebviewUri: (uri: Uri) => uri,
        onDidReceiveMessage: received.event,
        postMessage: (message: { type?: string }) => {
          structuredClone(message);
          posted.push(message);
          return Promise.resolve(true);
        },
      },
    };
    pages.push({ type, posted, send: (message) => received.fire(message), close: () => panel.dispose(), panel });
    // what was asked for before the editor closed and opens after it
    if (closed) setTimeout(() => panel.dispose());
    return panel;
  };
  const vscode = {
    EventEmitter,
    Disposable,
    Uri,
    ThemeIcon: class {},
    ThemeColor: class {},
    TreeItem: class {},
    TreeItemCollapsibleState: { None: 0, Collapsed: 1, Expanded: 2 },
    ViewColumn: { Active: -1, Beside: -2 },
    StatusBarAlignment: { Right: 2 },
    ProgressLocation: { Notification: 15 },
    QuickInputButtons: { Back: {} },
    QuickPickItemKind: { Separator: -1 },
    RelativePattern: class {},
    Range: class {},
    Position: class {},
    TabInputWebview: class {},
    TabInputText: class {},
    TabInputCustom: class {},
    l10n: { bundle: undefined, t: (text: string, ...args: unknown[]) => text.replace(/\{(\d)\}/g, (_, k: string) => String(args[Number(k)])) }, // prettier-ignore
    commands: {
      registerCommand: (id: string, handler: (...args: unknown[]) => unknown) => {
        commands.set(id, handler);
        return new Disposable(() => commands.delete(id));
      },
      executeCommand: (id: string, ...args: unknown[]) => {
        executed.push(id);
        return Promise.resolve(commands.get(id)?.(...args));
      },
    },
    window: {
      tabGroups: { all: [], activeTabGroup: { activeTab: undefined } },
      activeTextEditor: undefined,
      createOutputChannel: () => ({
        ...Object.fromEntries(['trace', 'debug', 'info', 'warn', 'error'].map((level) => [level, (text: string) => void said.push(`${level}: ${text}`)])), // prettier-ignore
        show: () => undefined,
        dispose: () => undefined,
      }),
      createStatusBarItem: () => ({ show: () => undefined, hide: () => undefined, dispose: () => undefined }),
      createWebviewPanel: openPage,
      createTreeView: () => ({ selection: [], onDidChangeSelection: nothing, dispose: () => undefined }),
      registerWebviewPanelSerializer: () => new Disposable(() => undefined),
      registerCustomEditorProvider: (type: string, editor: CustomEditor) => {
        editors.set(type, editor);
        return new Disposable(() => editors.delete(type));
      },
      setStatusBarMessage: () => new Disposable(() => undefined),
      onDidChangeWindowState: nothing,
      showInformationMessage: say,
      showWarningMessage: say,
      showErrorMessage: say,
      showQuickPick: (items: readonly { readonly label: string }[]) => {
        const at = pick?.(items.map(({ label }) => label));
        return Promise.resolve(at === undefined ? undefined : items[at]);
      },
      showInputBox: () => Promise.resolve(undefined),
      showOpenDialog: () => Promise.resolve(undefined),
      showSaveDialog: () => {
        const file = saveAs?.();
        return Promise.resolve(file === undefined ? undefined : Uri.file(file));
      },
      createQuickPick: closedInput,
      createInputBox: closedInput,
      showTextDocument: () => Promise.resolve(undefined),
      withProgress: (_: unknown, task: (progress: unknown, token: unknown) => Promise<unknown>) =>
        task({ report: () => undefined }, { isCancellationRequested: false, onCancellationRequested: nothing }),
    },
    lm: {
      registerTool: (name: string, tool: LanguageTool) => {
        languageTools.set(name, tool);
        return new Disposable(() => languageTools.delete(name));
      },
    },
    LanguageModelToolResult: class {
      constructor(readonly content: unknown) {}
    },
    LanguageModelTextPart: class {
      constructor(readonly value: unknown) {}
    },
    MarkdownString: class {},
    env: { language: 'en', clipboard: { writeText: () => Promise.resolve() } },
    workspace: {
      isTrusted: true,
      workspaceFolders: folder === undefined ? undefined : [{ uri: Uri.file(folder), name: 'folder', index: 0 }],
      getWorkspaceFolder: (uri: Uri) =>
        folder !== undefined && uri.path.startsWith(`${folder}/`) ? { uri: Uri.file(folder) } : undefined,
      textDocuments: Object.entries(unsaved).map(([file, text]) => ({
        uri: Uri.file(file),
        isDirty: true,
        version: 1,
        getText: () => text,
      })),
      asRelativePath: (uri: Uri) => uri.path,
      getConfiguration: () => ({ get: (key: string, otherwise?: unknown) => settings[key] ?? otherwise }),
      onDidChangeConfiguration: nothing,
      createFileSystemWatcher: () => ({ onDidChange: nothing, onDidCreate: nothing, onDidDelete: nothing, dispose: () => undefined }), // prettier-ignore
      findFiles: () => Promise.resolve([]),
      openTextDocument: async ({ fsPath }: Uri) => {
        const lines = (await readFile(fsPath, 'utf8')).split('\n');
        return { lineCount: lines.length, lineAt: (at: number) => ({ text: lines[at], range: { end: at } }) };
      },
      fs: {
        stat: async ({ fsPath }: Uri) => {
          const { size, mtimeMs } = await stat(fsPath);
          return { size, mtime: mtimeMs };
        },
        readFile: ({ fsPath }: Uri) => readFile(fsPath),
        writeFile: ({ fsPath }: Uri, content: Uint8Array) => writeFile(fsPath, content),
        readDirectory: async ({ fsPath }: Uri) => (await readdir(fsPath)).map((name) => [name, 1]),
        createDirectory: ({ fsPath }: Uri) => mkdir(fsPath, { recursive: true }),
        copy: (from: Uri, to: Uri) => cp(from.fsPath, to.fsPath),
      },
    },
  };
  const kept = new Map<string, unknown>();
  const context = {
    subscriptions: [] as { dispose(): void }[],
    extensionUri: Uri.file(path.dirname(path.dirname(program))),
    storageUri: Uri.file(storage),
    globalStorageUri: Uri.file(storage),
    workspaceState: {
      get: (key: string, otherwise: unknown) => kept.get(key) ?? otherwise,
      update: (key: string, value: unknown) => Promise.resolve(void kept.set(key, value)),
    },
  };
  const load = Module as unknown as { _load: (this: unknown, request: string, ...rest: unknown[]) => unknown };
  const original = load._load;
  load._load = function (request, ...rest) {
    return request === 'vscode' ? strict(vscode, 'vscode') : original.call(this, request, ...rest);
  };
  // the extension loads parts of itself when they are first needed
  const close = (): void => {
    closed = true;
    for (const page of pages) page.close();
    context.subscriptions.forEach((subscription) => subscription.dispose());
    load._load = original;
  };
  const require = Module.createRequire(fileURLToPath(import.meta.url));
  delete require.cache[program];
  try {
    await (require(program) as { activate(context: unknown): Promise<void> }).activate(context);
  } catch (error) {
    close();
    throw error;
  }
  return {
    pages,
    said,
    executed,
    execute: (command, ...args) => Promise.resolve(commands.get(command)?.(...args)),
    uri: (file) => Uri.file(file),
    openWith: async (type, file) => {
      const editor = editors.get(type)!;
      const panel = openPage(type);
      const page = pages.at(-1)!;
      const document = await editor.openCustomDocument(Uri.file(file));
      await editor.resolveCustomEditor(document, panel);
      return {
        ...page,
        close: () => {
          page.close();
          document.dispose();
        },
      };
    },
    tool: async (name, input) => {
      const tool = languageTools.get(name)!;
      tool.prepareInvocation({ input });
      const result = await tool.invoke({ input }, { isCancellationRequested: false, onCancellationRequested: nothing });
      return result.content[0].value;
    },
    close,
  };
}

/** Throws where something is used that is not there. */
function strict<T extends object>(value: T, name: string): T {
  return new Proxy(value, {
    get(target, key) {
      const entry: unknown = Reflect.get(target, key);
      if (entry === undefined && typeof key === 'string' && !(key in target) && key !== '__esModule')
        throw new Error(`${name}.${key} is not a part of the editor for tests`);
      return typeof entry === 'object' && entry !== null ? strict(entry, `${name}.${String(key)}`) : entry;
    },
  });
}
