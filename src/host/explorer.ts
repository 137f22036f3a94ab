import * as v from 'valibot';
import * as vscode from 'vscode';
import type { HostPlatform } from '../platform/platform.ts';
import { commandIds, contextKeys, extensionId, panelType } from '../shared/manifest.ts';
import type { FromPanel } from '../shared/protocol.ts';
import { runIdSchema, type RunSummary } from '../shared/runSummary.ts';
import type { TrainSettings } from '../shared/settings.ts';
import { remedied } from '../shared/remedy.ts';
import { isOfTestFile } from '../shared/runView.ts';
import { addressOf, besideOf, fileName } from './address.ts';
import { showError } from './errors.ts';
import { pageRoots } from './panel/page.ts';
import { ResultsPanel } from './panel/resultsPanel.ts';
import { revealLine } from './revealLine.ts';
import type { RunStore } from './runs/runStore.ts';
import { exportRunTo, savePicture, saveTable } from './saveFile.ts';
import { watchForChanges } from './staleWatch.ts';
import { StatusBar } from './statusBar.ts';
import { Dataset } from './train/dataset.ts';
import { copyText, notify, openPanel, withNotice } from './ui.ts';

/** A run that takes longer than this while its panel cannot be seen is shown in a notification. */
const noticeAfterMs = 1_000;

/** Workspace state: the run on disk that each data file (by address) showed last. */
const shownRunsKey = 'shownRuns';

/** The data sets and panels of this window, and which of them commands are about. */
export class Explorer implements vscode.WebviewPanelSerializer<unknown> {
  private readonly datasets = new Map<string, Dataset>();
  private readonly panels = new Map<string, ResultsPanel>();
  private readonly status = new StatusBar();
  private readonly subscriptions: vscode.Disposable[] = [this.status];
  private last: Dataset | null = null;

  constructor(
    private readonly context: vscode.ExtensionContext,
    readonly store: RunStore,
    readonly platform: HostPlatform,
    readonly log: vscode.LogOutputChannel,
  ) {}

  /** The data set that commands from the palette are about: that of the panel that was active last. */
  get current(): Dataset | null {
    return this.last;
  }

  dataset(uri: vscode.Uri): Dataset {
    const key = uri.toString();
    const known = this.datasets.get(key);
    if (known) return known;
    const dataset = new Dataset(uri, this.platform, this.store, this.log);
    this.datasets.set(key, dataset);
    this.subscriptions.push(
      dataset,
      watchForChanges(dataset, this.platform),
      dataset.onDidChange(() => {
        this.rememberShown(dataset);
        this.refresh();
      }),
      dataset.onDidProgress(() => this.refreshStatus()),
    );
    return dataset;
  }

  /** Whether a data file is one that was worked with in this window. */
  knows(uri: vscode.Uri): boolean {
    return this.datasets.has(uri.toString());
  }

  /** Trains with the panel open; failures are shown. Undefined when it failed or something newer took its place. */
  train(dataset: Dataset, settings: TrainSettings): Promise<RunSummary | undefined> {
    this.showPanel(dataset);
    return this.watched(dataset, () => dataset.train(settings));
  }

  /** The open run with another beta. */
  setBeta(dataset: Dataset, beta: number, final = true): Promise<RunSummary | undefined> {
    return this.watched(dataset, () => dataset.resolve(beta, final));
  }

  /** Other models beside the open run. */
  compareModels(dataset: Dataset): Promise<RunSummary | undefined> {
    return this.watched(dataset, () => dataset.compareModels());
  }

  /** Shows a run from disk in the panel of its file. */
  async openRun(id: string): Promise<RunSummary | undefined> {
    const summary = this.store.get(id);
    if (!summary) {
      void notify.warn(vscode.l10n.t('The run {0} is not there any more.', id));
      return undefined;
    }
    try {
      const dataset = this.dataset(vscode.Uri.parse(summary.uri));
      await dataset.open(id);
      this.showPanel(dataset);
      return summary;
    } catch (error) {
      await showError(error, null, this.log);
      return undefined;
    }
  }

  showPanel(dataset: Dataset): ResultsPanel {
    const existing = this.panels.get(dataset.uri.toString());
    if (existing) {
      existing.reveal();
      this.setCurrent(dataset);
      return existing;
    }
    const neighbour = [...this.panels.values()].find((panel) => panel.visible); // panels share one column
    const panel = openPanel(
      panelType,
      { viewColumn: neighbour?.column ?? vscode.ViewColumn.Beside, preserveFocus: true },
      pageRoots(this.context.extensionUri),
    );
    return this.adopt(panel, dataset);
  }

  /**
   * A panel that was open when the window closed: its page says which run it showed. The workbench keeps that only now and then,
   * so what the host noted about the same file goes first.
   */
  async deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const saved = v.safeParse(v.looseObject({ runId: runIdSchema }), state);
    const paged = saved.success ? this.store.get(saved.output.runId) : undefined;
    const noted = paged && this.store.get(this.shownRuns()[paged.uri] ?? '');
    const summary = noted ?? paged;
    if (!summary) {
      this.log.info('A panel without a run on disk was closed.');
      panel.dispose();
      return;
    }
    const uri = addressOf(summary.uri);
    if (uri === undefined || this.panels.has(uri.toString())) {
      panel.dispose();
      return;
    }
    const dataset = this.dataset(uri);
    this.adopt(panel, dataset);
    try {
      await dataset.open(summary.id);
    } catch (error) {
      await showError(error, null, this.log);
    }
  }

  stop(): void {
    const training = this.last?.training ? this.last : this.firstTraining();
    training?.stop();
  }

  dispose(): void {
    for (const subscription of this.subscriptions) subscription.dispose();
  }

  private adopt(webviewPanel: vscode.WebviewPanel, dataset: Dataset): ResultsPanel {
    const key = dataset.uri.toString();
    const panel = new ResultsPanel(
      webviewPanel,
      dataset,
      this.store,
      this.context.extensionUri,
      (message, sender) => this.act(message, sender),
      this.log,
    );
    this.panels.set(key, panel);
    panel.onDidChangeViewState(() => {
      if (panel.active) this.setCurrent(dataset);
    });
    panel.onDidDispose(() => {
      this.panels.delete(key);
      if (this.last === dataset)
        this.setCurrent([...this.panels.values()].find((other) => other.visible)?.dataset ?? null);
    });
    this.setCurrent(dataset);
    return panel;
  }

  /** Runs a task of a data set: failures in one notification, and a notification while it goes on out of sight. */
  private async watched(
    dataset: Dataset,
    work: () => Promise<RunSummary | undefined>,
  ): Promise<RunSummary | undefined> {
    const done = work();
    const noticed = this.noticeWhenHidden(dataset, done);
    try {
      const summary = await done;
      // that it could not be kept says that it was trained
      if (summary && dataset.unsaved !== null) void this.offerAnotherPlace(dataset, dataset.unsaved);
      else if (summary && (await noticed) && !this.panelVisible(dataset)) this.announce(dataset, summary);
      return summary;
    } catch (error) {
      void showError(error, dataset.uri, this.log);
      return undefined;
    }
  }

  /** Shows a notification with Stop once the panel cannot be seen. Gives whether it did. */
  private async noticeWhenHidden(dataset: Dataset, done: Promise<unknown>): Promise<boolean> {
    let running = true;
    const ended = done.then(
      () => (running = false),
      () => (running = false),
    );
    const pause = (): Promise<unknown> =>
      Promise.race([ended, new Promise((resolve) => setTimeout(resolve, noticeAfterMs))]);
    await pause();
    while (running && this.panelVisible(dataset)) await pause();
    if (!running) return false;
    await withNotice(vscode.l10n.t('Training on {0}', dataset.name), async (report, cancellation) => {
      const subscriptions = [
        cancellation.onCancellationRequested(() => dataset.stop()),
        dataset.onDidProgress(({ message }) => report(message)),
      ];
      while (running && !this.panelVisible(dataset)) await pause();
      for (const subscription of subscriptions) subscription.dispose();
    });
    return true;
  }

  private announce(dataset: Dataset, summary: RunSummary): void {
    const show = vscode.l10n.t('Show');
    void notify.info(vscode.l10n.t('Trained on {0}: {1}', dataset.name, summary.label), show).then((picked) => {
      if (picked === show) this.showPanel(dataset);
    });
  }

  /** A run that was trained and could not be kept: it is shown, and can be saved as a file. */
  private async offerAnotherPlace(dataset: Dataset, reason: string): Promise<void> {
    this.log.warn(reason);
    const save = vscode.l10n.t('Save Elsewhere...');
    const text = vscode.l10n.t('The run is trained and shown, but could not be kept among the runs: {0}', reason);
    if ((await notify.warn(text, save)) !== save) return;
    try {
      await exportRunTo(dataset, 'run');
    } catch (error) {
      await showError(error, dataset.uri, this.log);
    }
  }

  private panelVisible(dataset: Dataset): boolean {
    return this.panels.get(dataset.uri.toString())?.visible ?? false;
  }

  private firstTraining(): Dataset | null {
    return [...this.datasets.values()].find((dataset) => dataset.training) ?? null;
  }

  private shownRuns(): Readonly<Record<string, string>> {
    return this.context.workspaceState.get<Record<string, string>>(shownRunsKey, {});
  }

  private rememberShown(dataset: Dataset): void {
    const id = dataset.run?.summary.id;
    const uri = dataset.uri.toString();
    const shown = this.shownRuns();
    if (id === undefined || id === shown[uri] || !this.store.get(id)) return; // previews are not on disk
    const kept = Object.entries(shown).filter(([, run]) => this.store.get(run)); // runs that were deleted need no note
    void this.context.workspaceState.update(shownRunsKey, { ...Object.fromEntries(kept), [uri]: id });
  }

  private setCurrent(dataset: Dataset | null): void {
    this.last = dataset;
    this.refresh();
  }

  private refresh(): void {
    const set = (key: string, value: boolean): void => void vscode.commands.executeCommand('setContext', key, value);
    const run = this.last?.run ?? null;
    set(contextKeys.hasRun, run !== null);
    set(contextKeys.hasPath, (run?.record.path?.points.length ?? 0) > 0);
    set(contextKeys.training, this.firstTraining() !== null);
    this.refreshStatus();
  }

  private refreshStatus(): void {
    this.status.update(this.firstTraining(), this.last);
  }

  /** What a panel asked for; nothing that it sends can throw past here. */
  private async act(message: Exclude<FromPanel, { type: 'ready' }>, panel: ResultsPanel): Promise<void> {
    try {
      await this.answer(message, panel);
    } catch (error) {
      await showError(error, panel.dataset.uri, this.log);
    }
  }

  private async answer(message: Exclude<FromPanel, { type: 'ready' }>, panel: ResultsPanel): Promise<void> {
    const { dataset } = panel;
    switch (message.type) {
      case 'stop':
        dataset.stop();
        return;
      case 'setBeta':
        await this.setBeta(dataset, message.beta, message.final);
        return;
      case 'setModel':
        if (dataset.run) {
          const { settings } = dataset.run.record;
          const { model, m1 = settings.m1, depth = settings.depth, batchNorm = false } = message;
          const { outputPenalty = settings.outputPenalty } = message;
          await this.train(dataset, { ...settings, model, m1, depth, batchNorm, outputPenalty });
        }
        return;
      case 'remedy':
        if (dataset.run) await this.train(dataset, remedied(dataset.run.record.settings, message.remedy));
        return;
      case 'openRun':
        await this.openRun(message.id);
        return;
      case 'trainAgain':
        await vscode.commands.executeCommand(commandIds.trainAgain, dataset.uri);
        return;
      case 'complete':
        await this.watched(dataset, () => dataset.complete());
        return;
      case 'compareModels':
        if (dataset.run) await this.compareModels(dataset);
        return;
      case 'revealRow': {
        const record = dataset.run?.record;
        const line = record?.rows.line[message.index];
        if (record === undefined || line === undefined) return;
        const { testFile } = record.settings;
        const ofTest = testFile !== undefined && isOfTestFile(record, message.index);
        await revealLine(ofTest ? besideOf(dataset.uri, testFile) : dataset.uri, line);
        return;
      }
      case 'requestRows': {
        const { header, rows } = await dataset.rows(message.indices);
        panel.post({
          type: 'rows',
          requestId: message.requestId,
          header,
          rows: rows.map(({ index, cells }) => ({ index, cells })),
        });
        return;
      }
      case 'export':
        await exportRunTo(dataset, message.what);
        return;
      case 'saveFile':
        await savePicture(dataset.uri, message);
        return;
      case 'saveTable':
        await saveTable(dataset.uri, message);
        return;
      case 'copy':
        await copyText(message.text);
        return;
      case 'copyCommandLine':
        await vscode.commands.executeCommand(commandIds.copyCommandLine);
        return;
      case 'openLab':
        await vscode.commands.executeCommand(commandIds.openLab, dataset.uri);
        return;
      case 'openSettings':
        await vscode.commands.executeCommand('workbench.action.openSettings', `@ext:${extensionId}`);
        return;
      case 'showLog':
        this.log.show();
        return;
      case 'openError':
        if (dataset.error?.line !== undefined) {
          const { file, line, column } = dataset.error;
          const second = besideOf(dataset.uri, dataset.asked?.testFile ?? '');
          const ofTest = dataset.asked?.testFile !== undefined && file === fileName(second);
          await revealLine(ofTest ? second : dataset.uri, line, column);
        }
        return;
    }
  }
}
