import * as v from 'valibot';
import { schemaWords } from '../../core/base/schemaWords.ts';
import * as vscode from 'vscode';
import { setTitle } from '../ui.ts';
import { pageHtml, type PageName, pageRoots } from './page.ts';

/** What a page shows and how it is answered. */
export interface PageSpec<From extends { readonly type: string }, To> {
  readonly bundle: PageName;
  readonly title: string;
  /** What the log calls it. */
  readonly kind: 'Panel' | 'Lab' | 'Run' | 'Preview' | 'Lesson' | 'Study' | 'Comparison';
  readonly extensionUri: vscode.Uri;
  readonly log: vscode.LogOutputChannel;
  /** Every message of the page but `ready`. */
  readonly messages: v.GenericSchema<unknown, From>;
  /** All that the page shows. */
  readonly snapshot: () => To;
  readonly answer: (message: Exclude<From, { readonly type: 'ready' }>) => Promise<void>;
  /** What has to be there before the first snapshot; does not reject. */
  readonly restored?: Promise<unknown>;
}

/**
 * The host's end of a page: the one place where messages go to it and come from it. The page gets whole snapshots, when it says that it is
 * ready, whenever something changed, and when it becomes visible again (hidden pages are thrown away and drop messages); what it sends is
 * checked before anything looks at it.
 */
export class PageChannel<From extends { readonly type: string }, To> {
  private readonly gone = new vscode.EventEmitter<void>();
  readonly onDidDispose = this.gone.event;
  private readonly shown = new vscode.EventEmitter<void>();
  /** It became active, or visible, or neither. */
  readonly onDidChangeViewState = this.shown.event;
  private readonly subscriptions: vscode.Disposable[] = [];
  private ready = false;
  private sending: ReturnType<typeof setTimeout> | null = null;

  constructor(
    readonly panel: vscode.WebviewPanel,
    private readonly spec: PageSpec<From, To>,
  ) {
    const { bundle, title, extensionUri } = spec;
    setTitle(panel, title);
    panel.iconPath = vscode.Uri.joinPath(extensionUri, 'media', 'network.svg');
    panel.webview.options = { enableScripts: true, localResourceRoots: pageRoots(extensionUri) };
    this.subscriptions.push(
      panel.webview.onDidReceiveMessage((message: unknown) => this.receive(message)),
      panel.onDidChangeViewState(() => {
        if (panel.visible) this.sendSnapshot();
        this.shown.fire();
      }),
      panel.onDidDispose(() => this.dispose()),
    );
    panel.webview.html = pageHtml(panel.webview, extensionUri, bundle);
  }

  post(message: To): void {
    if (this.ready && this.panel.visible) void this.panel.webview.postMessage(message);
  }

  /** At most one snapshot per turn, however many things changed in it. */
  sendSnapshot(): void {
    this.sending ??= setTimeout(() => {
      this.sending = null;
      if (this.ready && this.panel.visible) this.post(this.spec.snapshot());
    }, 0);
  }

  /** Takes any value: what is not a message of the protocol is logged and dropped. */
  receive(raw: unknown): void {
    const { messages, log, kind, restored, answer } = this.spec;
    const parsed = v.safeParse(messages, raw);
    if (!parsed.success) {
      const issue = parsed.issues[0];
      log.warn(`${kind} message rejected: ${v.getDotPath(issue) ?? 'message'}: ${schemaWords(issue)}`);
      return;
    }
    const message = parsed.output;
    if (message.type !== 'ready') {
      void answer(message as Exclude<From, { readonly type: 'ready' }>);
      return;
    }
    void (restored ?? Promise.resolve()).then(() => {
      this.ready = true;
      this.sendSnapshot();
    });
  }

  private dispose(): void {
    this.ready = false;
    if (this.sending) clearTimeout(this.sending);
    for (const subscription of this.subscriptions) subscription.dispose();
    this.gone.fire();
    this.gone.dispose();
    this.shown.dispose();
  }
}
