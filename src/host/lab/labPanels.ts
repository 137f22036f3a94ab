import * as v from 'valibot';
import * as vscode from 'vscode';
import type { HostPlatform } from '../../platform/platform.ts';
import { labType } from '../../shared/manifest.ts';
import { addressOf } from '../address.ts';
import type { Explorer } from '../explorer.ts';
import { pageRoots } from '../panel/page.ts';
import { openPanel } from '../ui.ts';
import { LabPanel } from './labPanel.ts';
import { LabStore } from './labStore.ts';

/** The Labs of this window, one per data file. */
export class LabPanels implements vscode.WebviewPanelSerializer<unknown> {
  private readonly panels = new Map<string, LabPanel>();
  private readonly store: LabStore;

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly explorer: Explorer,
    private readonly platform: HostPlatform,
    private readonly runFolder: string,
    labFolder: string,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.store = new LabStore(labFolder, platform.files);
  }

  open(uri: vscode.Uri): LabPanel {
    const existing = this.panels.get(uri.toString());
    if (existing) {
      existing.reveal();
      return existing;
    }
    const panel = openPanel(labType, { viewColumn: vscode.ViewColumn.Beside }, pageRoots(this.context.extensionUri));
    return this.adopt(panel, uri);
  }

  /** A Lab that was open when the window closed: its page says which file it is about. */
  deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const saved = v.safeParse(v.looseObject({ uri: v.pipe(v.string(), v.minLength(1)) }), state);
    const uri = saved.success ? addressOf(saved.output.uri) : undefined;
    if (uri === undefined || this.panels.has(uri.toString())) panel.dispose();
    else this.adopt(panel, uri);
    return Promise.resolve();
  }

  private adopt(webviewPanel: vscode.WebviewPanel, uri: vscode.Uri): LabPanel {
    const key = uri.toString();
    const { platform, runFolder, store, log } = this;
    const panel = new LabPanel(webviewPanel, uri, {
      platform,
      runFolder,
      store,
      log,
      extensionUri: this.context.extensionUri,
      preset: () => {
        const target = this.explorer.dataset(uri).run?.record.resolved.target;
        return target === undefined ? {} : { target };
      },
    });
    this.panels.set(key, panel);
    panel.onDidDispose(() => this.panels.delete(key));
    return panel;
  }
}
