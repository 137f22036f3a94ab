import * as vscode from 'vscode';
import { errorWords } from '../inLanguage.ts';
import type { HostPlatform } from '../../platform/platform.ts';
import { fileName } from '../address.ts';
import type { FormulaCells } from '../../core/data/formulaCells.ts';
import { trainCommandLine } from '../../shared/commandLine.ts';
import { commandIds, extensionId } from '../../shared/manifest.ts';
import { type FromPanel, fromPanelSchema, type PanelSnapshot, type ToPanel } from '../../shared/protocol.ts';
import type { RunRecord } from '../../shared/run.ts';
import type { RunSummary } from '../../shared/runSummary.ts';
import type { ExportKind, PanelRun } from '../../worker/api.ts';
import { showError } from '../errors.ts';
import { PageChannel } from '../panel/pageChannel.ts';
import { type Exporting, exportRunTo, savePicture, saveTable } from '../saveFile.ts';
import { reachable } from '../train/remoteFile.ts';
import { valueOf } from '../train/taskFailure.ts';
import { WorkerClient } from '../train/workerClient.ts';
import { copyText, notify } from '../ui.ts';

/** A run in a file of its own: it can be looked at and exported, and is not changed. */
export class RunDocument implements vscode.CustomDocument, Exporting {
  private readonly client: WorkerClient;
  run: PanelRun | null = null;

  constructor(
    readonly uri: vscode.Uri,
    platform: HostPlatform,
    runFolder: string,
    log: vscode.LogOutputChannel,
  ) {
    this.client = new WorkerClient(
      platform.program,
      runFolder,
      // a worker that had to be started again reads the file again
      async () => {
        if (this.run !== null) await this.load();
      },
      log,
    );
  }

  /** Of the data that the run was trained on. */
  get name(): string {
    return this.run?.record.dataset.name ?? fileName(this.uri);
  }

  async load(): Promise<PanelRun> {
    const run = await this.client.call((api) => api.loadFile(...reachable(this.uri))).then(valueOf);
    this.run = run;
    return run;
  }

  export(what: ExportKind, formulas: FormulaCells): Promise<Uint8Array> {
    return this.client.call((api) => api.export(this.run!.summary.id, what, formulas)).then(valueOf);
  }

  /** Puts the run among those of this window, as one of the data file `uri`. */
  adopt(uri: vscode.Uri): Promise<RunSummary> {
    return this.client.call((api) => api.adopt(uri.toString())).then(valueOf);
  }

  dispose(): void {
    this.client.dispose();
  }
}

/** Shows `*.convexrun.json` in the panel. */
export class RunEditor implements vscode.CustomReadonlyEditorProvider<RunDocument> {
  constructor(
    private readonly extensionUri: vscode.Uri,
    private readonly open: (uri: vscode.Uri) => RunDocument,
    /** Whether a run is one of this window's own. */
    private readonly isOwn: (id: string) => boolean,
    private readonly log: vscode.LogOutputChannel,
  ) {}

  openCustomDocument(uri: vscode.Uri): RunDocument {
    return this.open(uri);
  }

  async resolveCustomEditor(document: RunDocument, panel: vscode.WebviewPanel): Promise<void> {
    let fault: string | null = null;
    const restored = document.load().catch((error: unknown) => {
      fault = errorWords(error);
    });
    new PageChannel<FromPanel, ToPanel>(panel, {
      kind: 'Run',
      bundle: 'webview',
      title: fileName(document.uri),
      extensionUri: this.extensionUri,
      log: this.log,
      messages: fromPanelSchema,
      restored,
      snapshot: () => snapshotOf(document.run?.record ?? null, fault),
      answer: (message) =>
        this.answer(document, message).catch((error: unknown) => showError(error, document.uri, this.log)),
    });
    await restored;
  }

  private async answer(document: RunDocument, message: Exclude<FromPanel, { type: 'ready' }>): Promise<void> {
    switch (message.type) {
      case 'export':
        if (message.what === 'problem') return this.offerImport(document);
        await exportRunTo(document, message.what);
        return;
      case 'saveFile':
        await savePicture(document.uri, message);
        return;
      case 'saveTable':
        await saveTable(document.uri, message);
        return;
      case 'copy':
        return copyText(message.text);
      case 'copyCommandLine':
        if (document.run) await copyText(trainCommandLine(document.run.record));
        return;
      case 'openSettings':
        await vscode.commands.executeCommand('workbench.action.openSettings', `@ext:${extensionId}`);
        return;
      case 'showLog':
        this.log.show();
        return;
      // the rows of the data file are not in a run
      case 'requestRows':
      case 'openError':
      case 'stop':
        return;
      case 'setBeta':
      case 'setModel':
      case 'remedy':
      case 'openRun':
      case 'trainAgain':
      case 'complete':
      case 'compareModels':
      case 'revealRow':
      case 'openLab':
        return this.offerImport(document);
    }
  }

  private async offerImport(document: RunDocument): Promise<void> {
    const id = document.run?.summary.id;
    if (id !== undefined && this.isOwn(id)) {
      const open = vscode.l10n.t('Open Run');
      const text = vscode.l10n.t(
        'This page shows a run as it is. Open the run in the panel of its file to go on from it.',
      );
      if ((await notify.info(text, open)) === open) await vscode.commands.executeCommand(commandIds.openRun, id);
      return;
    }
    const yes = vscode.l10n.t('Import Run');
    const text = vscode.l10n.t(
      'This run is in a file, which is not changed. Import it to go on from it with its data.',
    );
    if ((await notify.info(text, yes)) === yes)
      await vscode.commands.executeCommand(commandIds.importRun, document.uri);
  }
}

function snapshotOf(run: RunRecord | null, fault: string | null): PanelSnapshot {
  return {
    type: 'snapshot',
    state: fault === null ? 'done' : 'failed',
    run,
    progress: null,
    trace: [],
    error: fault === null ? null : { message: fault },
    stale: false,
    history: [],
  };
}
