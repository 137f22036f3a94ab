import * as v from 'valibot';
import * as vscode from 'vscode';
import { fromPanelSchema, type FromPanel, type PanelSnapshot, type ToPanel } from '../../shared/protocol.ts';
import type { RunStore } from '../runs/runStore.ts';
import type { Dataset } from '../train/dataset.ts';
import { setTitle } from '../ui.ts';
import { pageHtml, pageRoots } from './page.ts';

/** What a panel asks of the rest of the extension. */
export type PanelActions = (message: Exclude<FromPanel, { type: 'ready' }>, panel: ResultsPanel) => Promise<void>;

/**
 * The panel of one data file. It owns nothing but the page: what it shows is the data set's state, sent as a whole whenever it
 * changes, when the page says that it is ready, and when it becomes visible again (hidden pages are thrown away).
 */
export class ResultsPanel {
  private readonly subscriptions: vscode.Disposable[] = [];
  private readonly gone = new vscode.EventEmitter<void>();
  readonly onDidDispose = this.gone.event;
  private readonly shown = new vscode.EventEmitter<void>();
  /** It became active, or visible, or neither. */
  readonly onDidChangeViewState = this.shown.event;
  private ready = false;
  private sending: NodeJS.Immediate | null = null;

  constructor(
    private readonly panel: vscode.WebviewPanel,
    readonly dataset: Dataset,
    private readonly store: RunStore,
    extensionUri: vscode.Uri,
    private readonly act: PanelActions,
    private readonly log: vscode.LogOutputChannel,
  ) {
    setTitle(panel, `Convex: ${dataset.name}`);
    panel.iconPath = vscode.Uri.joinPath(extensionUri, 'media', 'network.svg');
    panel.webview.options = { enableScripts: true, localResourceRoots: pageRoots(extensionUri) };
    this.subscriptions.push(
      dataset.use(),
      dataset.onDidChange(() => this.sendSnapshot()),
      dataset.onDidProgress((progress) => this.post({ type: 'progress', progress })),
      store.onDidChange(() => this.sendSnapshot()),
      panel.webview.onDidReceiveMessage((message: unknown) => this.receive(message)),
      panel.onDidChangeViewState(() => {
        if (panel.visible) this.sendSnapshot();
        this.shown.fire();
      }),
      panel.onDidDispose(() => this.dispose()),
    );
    panel.webview.html = pageHtml(panel.webview, extensionUri, 'webview');
  }

  get visible(): boolean {
    return this.panel.visible;
  }

  get active(): boolean {
    return this.panel.active;
  }

  reveal(): void {
    this.panel.reveal(undefined, true);
  }

  /** The page's own column, so that files can be opened beside it. */
  get column(): vscode.ViewColumn | undefined {
    return this.panel.viewColumn;
  }

  post(message: ToPanel): void {
    if (this.ready && this.panel.visible) void this.panel.webview.postMessage(message);
  }

  /** Takes any value: what is not a message of the protocol is logged and dropped. */
  receive(raw: unknown): void {
    const parsed = v.safeParse(fromPanelSchema, raw);
    if (!parsed.success) {
      const issue = parsed.issues[0];
      this.log.warn(`Panel message rejected: ${v.getDotPath(issue) ?? 'message'}: ${issue.message}`);
      return;
    }
    const message = parsed.output;
    if (message.type === 'ready') {
      this.ready = true;
      this.sendSnapshot();
      return;
    }
    void this.act(message, this);
  }

  private dispose(): void {
    if (this.sending) clearImmediate(this.sending);
    for (const subscription of this.subscriptions) subscription.dispose();
    this.gone.fire();
    this.gone.dispose();
    this.shown.dispose();
  }

  /** At most one snapshot per turn, however many things changed in it. */
  private sendSnapshot(): void {
    this.sending ??= setImmediate(() => {
      this.sending = null;
      this.post(this.snapshot());
    });
  }

  private snapshot(): PanelSnapshot {
    const { dataset } = this;
    return {
      type: 'snapshot',
      state: dataset.state,
      run: dataset.run?.record ?? null,
      progress: dataset.progress,
      trace: dataset.trace,
      error: dataset.error && {
        message: dataset.error.message,
        line: dataset.error.line,
        column: dataset.error.column,
      },
      stale: dataset.stale,
      history: this.store.listFor(dataset.uri.toString()).map(({ id, label }) => ({ id, label })),
    };
  }
}
