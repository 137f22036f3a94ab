import * as vscode from 'vscode';
import { comparisonType } from '../shared/manifest.ts';
import { addressOf } from './address.ts';
import type { RunStore } from './runs/runStore.ts';
import { saveBeside } from './saveFile.ts';
import { openPanel, setTitle } from './ui.ts';

/** Runs beside each other as a page: a report, which has no scripts. */
export class Comparisons {
  private shown: { readonly ids: readonly string[]; readonly beside: vscode.Uri } | null = null;

  constructor(
    private readonly store: RunStore,
    /** Writes the comparison of runs; the first is the baseline. */
    private readonly write: (ids: readonly string[], format: 'html' | 'md') => Promise<string>,
  ) {}

  /** @param ids the first is the baseline */
  async open(ids: readonly string[]): Promise<void> {
    const html = await this.write(ids, 'html');
    const [first] = ids.map((id) => this.store.get(id));
    const beside = addressOf(first?.uri ?? '') ?? vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file('/');
    const panel = openPanel(comparisonType, { viewColumn: vscode.ViewColumn.Active, preserveFocus: false }, []);
    setTitle(panel, vscode.l10n.t('Compare {0} Runs', ids.length));
    panel.webview.options = { enableScripts: false, localResourceRoots: [] };
    panel.webview.html = html;
    const own = { ids, beside };
    this.shown = own;
    panel.onDidChangeViewState(() => {
      if (panel.active) this.shown = own;
    });
    panel.onDidDispose(() => {
      if (this.shown === own) this.shown = null;
    });
  }

  /** Writes the comparison that is shown to a file. */
  async export(format: 'html' | 'md'): Promise<vscode.Uri | undefined> {
    if (this.shown === null) return undefined;
    const { ids, beside } = this.shown;
    const content = await this.write(ids, format);
    return saveBeside(beside, `comparison.${format}`, new TextEncoder().encode(content));
  }
}
