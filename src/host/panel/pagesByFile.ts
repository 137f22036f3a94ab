import * as v from 'valibot';
import * as vscode from 'vscode';
import { addressOf } from '../address.ts';
import { openPanel } from '../ui.ts';
import { pageRoots } from './page.ts';

/** A page about one file or folder. */
export interface FilePage {
  reveal(): unknown;
  readonly onDidDispose: vscode.Event<void>;
}

/** The pages of one kind in this window, one for each file or folder. */
export abstract class PagesByFile<P extends FilePage> implements vscode.WebviewPanelSerializer<unknown> {
  private readonly pages = new Map<string, P>();

  protected constructor(
    private readonly type: string,
    protected readonly context: vscode.ExtensionContext,
    private readonly viewColumn: vscode.ViewColumn = vscode.ViewColumn.Active,
  ) {}

  protected abstract make(panel: vscode.WebviewPanel, uri: vscode.Uri): P;

  /** Whether a page from an earlier window still has what it is about. */
  protected isThere(_uri: vscode.Uri): boolean {
    return true;
  }

  protected isOpen(uri: vscode.Uri): boolean {
    return this.pages.has(uri.toString());
  }

  /** The page of a file, to the front. */
  protected show(uri: vscode.Uri): void {
    const existing = this.pages.get(uri.toString());
    if (existing) existing.reveal();
    else this.adopt(openPanel(this.type, { viewColumn: this.viewColumn }, pageRoots(this.context.extensionUri)), uri);
  }

  /** A page that was open when the window closed says which file it is about. */
  deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const saved = v.safeParse(v.looseObject({ uri: v.pipe(v.string(), v.minLength(1)) }), state);
    const uri = saved.success ? addressOf(saved.output.uri) : undefined;
    if (uri === undefined || this.pages.has(uri.toString()) || !this.isThere(uri)) panel.dispose();
    else this.adopt(panel, uri);
    return Promise.resolve();
  }

  private adopt(panel: vscode.WebviewPanel, uri: vscode.Uri): void {
    let page: P;
    try {
      page = this.make(panel, uri);
    } catch (error) {
      panel.dispose();
      throw error;
    }
    const key = uri.toString();
    this.pages.set(key, page);
    page.onDidDispose(() => this.pages.delete(key));
  }
}
