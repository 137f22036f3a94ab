import * as v from 'valibot';
import * as vscode from 'vscode';
import type { HostPlatform } from '../../platform/platform.ts';
import { previewType } from '../../shared/manifest.ts';
import { addressOf } from '../address.ts';
import type { Explorer } from '../explorer.ts';
import { pageRoots } from '../panel/page.ts';
import { openPanel } from '../ui.ts';
import { PreviewPanel } from './previewPanel.ts';

/** The data previews of this window, one per data file. */
export class PreviewPanels implements vscode.WebviewPanelSerializer<unknown> {
  private readonly panels = new Map<string, PreviewPanel>();

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly explorer: Explorer,
    private readonly platform: HostPlatform,
    private readonly runFolder: string,
  ) {}

  open(uri: vscode.Uri): void {
    const existing = this.panels.get(uri.toString());
    if (existing) existing.reveal();
    else
      this.adopt(
        openPanel(previewType, { viewColumn: vscode.ViewColumn.Active }, pageRoots(this.context.extensionUri)),
        uri,
      );
  }

  /** A preview that was open when the window closed: its page says which file it is about. */
  deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const saved = v.safeParse(v.looseObject({ uri: v.pipe(v.string(), v.minLength(1)) }), state);
    const uri = saved.success ? addressOf(saved.output.uri) : undefined;
    if (uri === undefined || this.panels.has(uri.toString())) panel.dispose();
    else this.adopt(panel, uri);
    return Promise.resolve();
  }

  private adopt(webviewPanel: vscode.WebviewPanel, uri: vscode.Uri): void {
    const key = uri.toString();
    const { platform, runFolder, explorer } = this;
    const panel = new PreviewPanel(webviewPanel, uri, {
      platform,
      runFolder,
      explorer,
      extensionUri: this.context.extensionUri,
    });
    this.panels.set(key, panel);
    panel.onDidDispose(() => this.panels.delete(key));
  }
}
