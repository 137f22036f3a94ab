import * as v from 'valibot';
import * as vscode from 'vscode';
import { errorWords } from './inLanguage.ts';
import type { Comparison } from '../shared/compareRuns.ts';
import {
  type ChosenRuns,
  chosenRunsSchema,
  type ComparisonFormat,
  type FromComparison,
  fromComparisonSchema,
  type ToComparison,
} from '../shared/comparisonPage.ts';
import { commandIds, comparisonType } from '../shared/manifest.ts';
import { addressOf } from './address.ts';
import { showError } from './errors.ts';
import type { Explorer } from './explorer.ts';
import { pageRoots } from './panel/page.ts';
import { PageChannel } from './panel/pageChannel.ts';
import { saveBeside, savePicture, saveTable } from './saveFile.ts';
import { copyText, openPanel } from './ui.ts';

/** What compares runs, elsewhere than on this thread; `baseline` is an index into `ids`. */
export interface Comparer {
  compare(ids: readonly string[], baseline: number): Promise<Comparison>;
  write(ids: readonly string[], baseline: number, format: ComparisonFormat): Promise<string>;
}

/** The pages of runs beside each other; as many as are asked for. */
export class Comparisons implements vscode.WebviewPanelSerializer<unknown> {
  private active: ComparisonPanel | null = null;

  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly explorer: Explorer,
    private readonly comparer: Comparer,
  ) {}

  /** @param ids the first is the baseline, until another is chosen */
  async open(ids: readonly string[]): Promise<void> {
    // what cannot be compared opens no page
    const comparison = await this.comparer.compare(ids, 0);
    const place = { viewColumn: vscode.ViewColumn.Active, preserveFocus: false };
    const panel = openPanel(comparisonType, place, pageRoots(this.extensionUri));
    this.adopt(panel, { version: 1, ids: [...ids], baseline: ids[0] }, comparison);
  }

  /** A page that was open when the window closed, with those of its runs that are still there. */
  deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const kept = v.safeParse(chosenRunsSchema, state);
    const ids = kept.success ? kept.output.ids.filter((id) => this.explorer.store.get(id) !== undefined) : [];
    if (!kept.success || ids.length < 2) panel.dispose();
    else {
      const { baseline } = kept.output;
      this.adopt(panel, { version: 1, ids, baseline: ids.includes(baseline) ? baseline : ids[0] }, null);
    }
    return Promise.resolve();
  }

  /** Writes the comparison that is in front to a file. */
  async export(format: ComparisonFormat): Promise<vscode.Uri | undefined> {
    return this.active?.export(format);
  }

  private adopt(panel: vscode.WebviewPanel, chosen: ChosenRuns, comparison: Comparison | null): void {
    const page = new ComparisonPanel(panel, chosen, comparison, {
      extensionUri: this.extensionUri,
      explorer: this.explorer,
      comparer: this.comparer,
    });
    this.active = page;
    panel.onDidChangeViewState(() => {
      if (panel.active) this.active = page;
    });
    panel.onDidDispose(() => {
      if (this.active === page) this.active = null;
    });
  }
}

interface PanelTools {
  readonly extensionUri: vscode.Uri;
  readonly explorer: Explorer;
  readonly comparer: Comparer;
}

/** One page of runs beside each other. */
class ComparisonPanel {
  private readonly page: PageChannel<FromComparison, ToComparison>;
  private error: string | null = null;

  constructor(
    panel: vscode.WebviewPanel,
    private chosen: ChosenRuns,
    private comparison: Comparison | null,
    private readonly tools: PanelTools,
  ) {
    const { extensionUri, explorer } = tools;
    this.page = new PageChannel<FromComparison, ToComparison>(panel, {
      bundle: 'comparison',
      kind: 'Comparison',
      title: vscode.l10n.t('Compare {0} Runs', chosen.ids.length),
      extensionUri,
      log: explorer.log,
      messages: fromComparisonSchema,
      snapshot: () => ({ type: 'comparison', chosen: this.chosen, comparison: this.comparison, error: this.error }),
      answer: (message) => this.answer(message).catch((error: unknown) => void showError(error, null, explorer.log)),
    });
    let named = this.names();
    const renamed = explorer.store.onDidChange(() => {
      if (this.names() === named) return;
      named = this.names();
      void this.compare();
    });
    this.page.onDidDispose(() => {
      renamed.dispose();
    });
    if (comparison === null) void this.compare();
  }

  async export(format: ComparisonFormat): Promise<vscode.Uri | undefined> {
    const { ids } = this.chosen;
    const content = await this.tools.comparer.write(ids, this.baseline, format);
    return saveBeside(this.beside, `comparison.${format}`, new TextEncoder().encode(content));
  }

  private get baseline(): number {
    return this.chosen.ids.indexOf(this.chosen.baseline);
  }

  /** Where its files are suggested to lie: beside the data of the baseline. */
  private get beside(): vscode.Uri {
    const run = this.tools.explorer.store.get(this.chosen.baseline);
    return addressOf(run?.uri ?? '') ?? vscode.workspace.workspaceFolders?.[0]?.uri ?? vscode.Uri.file('/');
  }

  private names(): string {
    return this.chosen.ids.map((id) => this.tools.explorer.store.get(id)?.label ?? '').join('\n');
  }

  /** Compares anew; what was compared before stays in sight where that fails. */
  private async compare(): Promise<void> {
    const { ids, baseline } = this.chosen;
    try {
      const comparison = await this.tools.comparer.compare(ids, this.baseline);
      if (this.chosen.baseline !== baseline) return; // another was chosen meanwhile
      this.comparison = comparison;
      this.error = null;
    } catch (error) {
      this.error = errorWords(error);
    }
    this.page.sendSnapshot();
  }

  private async answer(message: Exclude<FromComparison, { readonly type: 'ready' }>): Promise<void> {
    switch (message.type) {
      case 'baseline':
        if (!this.chosen.ids.includes(message.id)) return;
        this.chosen = { ...this.chosen, baseline: message.id };
        await this.compare();
        return;
      case 'openRun':
        await this.tools.explorer.openRun(message.id);
        return;
      case 'export':
        await vscode.commands.executeCommand(commandIds.exportComparison);
        return;
      case 'copy':
        await copyText(message.text);
        return;
      case 'saveFile':
        await savePicture(this.beside, message);
        return;
      case 'saveTable':
        await saveTable(this.beside, message);
        return;
    }
  }
}
