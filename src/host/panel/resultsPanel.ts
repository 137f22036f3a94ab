import * as vscode from 'vscode';
import { fromPanelSchema, type FromPanel, type PanelSnapshot, type ToPanel } from '../../shared/protocol.ts';
import type { RunStore } from '../runs/runStore.ts';
import type { Dataset } from '../train/dataset.ts';
import { PageChannel } from './pageChannel.ts';

/** What a panel asks of the rest of the extension. */
export type PanelActions = (message: Exclude<FromPanel, { type: 'ready' }>, panel: ResultsPanel) => Promise<void>;

/** The panel of one data file. It owns nothing but the page: what it shows is the data set's state, sent as a whole. */
export class ResultsPanel {
  private readonly page: PageChannel<FromPanel, ToPanel>;
  private wanted: string | undefined;

  constructor(
    panel: vscode.WebviewPanel,
    readonly dataset: Dataset,
    private readonly store: RunStore,
    extensionUri: vscode.Uri,
    act: PanelActions,
    log: vscode.LogOutputChannel,
  ) {
    this.page = new PageChannel<FromPanel, ToPanel>(panel, {
      bundle: 'webview',
      kind: 'Panel',
      title: vscode.l10n.t('Convex: {0}', dataset.name),
      extensionUri,
      log,
      messages: fromPanelSchema,
      snapshot: () => this.snapshot(),
      answer: (message) => act(message, this),
    });
    const subscriptions = [
      dataset.use(),
      dataset.onDidChange(() => this.page.sendSnapshot()),
      dataset.onDidProgress((progress) => this.page.post({ type: 'progress', progress })),
      store.onDidChange(() => this.page.sendSnapshot()),
    ];
    this.onDidDispose(() => {
      for (const subscription of subscriptions) subscription.dispose();
    });
  }

  get onDidDispose(): vscode.Event<void> {
    return this.page.onDidDispose;
  }

  /** It became active, or visible, or neither. */
  get onDidChangeViewState(): vscode.Event<void> {
    return this.page.onDidChangeViewState;
  }

  get visible(): boolean {
    return this.page.panel.visible;
  }

  get active(): boolean {
    return this.page.panel.active;
  }

  reveal(): void {
    this.page.panel.reveal(undefined, true);
  }

  /** The page's own column, so that files can be opened beside it. */
  get column(): vscode.ViewColumn | undefined {
    return this.page.panel.viewColumn;
  }

  /** Goes to one of its views. */
  openView(view: string): void {
    this.wanted = view;
    this.page.sendSnapshot();
  }

  post(message: ToPanel): void {
    this.page.post(message);
  }

  receive(raw: unknown): void {
    this.page.receive(raw);
  }

  private snapshot(): PanelSnapshot {
    const { dataset, wanted } = this;
    this.wanted = undefined;
    return {
      ...(wanted === undefined ? {} : { openView: wanted }),
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
