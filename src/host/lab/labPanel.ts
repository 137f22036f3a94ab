import { proxy } from 'comlink';
import * as vscode from 'vscode';
import { errorWords } from '../inLanguage.ts';
import type { HostPlatform } from '../../platform/platform.ts';
import {
  fromLabSchema,
  type FromLab,
  type LabColumn,
  type LabDataSettings,
  type LabError,
  type LabPage,
  type LabProgress,
  type LabRequest,
  type ToLab,
} from '../../shared/lab.ts';
import { commandIds } from '../../shared/manifest.ts';
import { showError } from '../errors.ts';
import { PageChannel } from '../panel/pageChannel.ts';
import { revealLine } from '../revealLine.ts';
import { saveBeside, savePicture, saveTable } from '../saveFile.ts';
import { reachableAs, sourceSpec } from '../train/remoteFile.ts';
import { TaskFailure, valueOf } from '../train/taskFailure.ts';
import { WorkerClient } from '../train/workerClient.ts';
import { copyText } from '../ui.ts';
import type { TextOrFile } from '../unsavedText.ts';
import type { LabRecords, LabStore } from './labStore.ts';

/** What a Lab works with. */
export interface LabTools {
  readonly source: TextOrFile;
  readonly platform: HostPlatform;
  readonly runFolder: string;
  readonly store: LabStore;
  readonly extensionUri: vscode.Uri;
  readonly log: vscode.LogOutputChannel;
  /** Settings to start the forms with. */
  readonly preset: () => Partial<LabDataSettings>;
  /** Name of the file with the test rows of the open run. */
  readonly testFile: () => string | null;
}

/** The Lab of one data file: a page, a worker of its own (training in the results panel goes on beside it), and the last results. */
export class LabPanel {
  private readonly page: PageChannel<FromLab, ToLab>;
  private readonly client: WorkerClient;
  private records: LabRecords = {};
  private running: { readonly page: LabPage; stop(): void } | null = null;
  private progress: LabProgress | null = null;
  private cells: string[] = [];
  private error: LabError | null = null;
  private columns: readonly LabColumn[] = [];

  constructor(
    panel: vscode.WebviewPanel,
    readonly uri: vscode.Uri,
    private readonly tools: LabTools,
  ) {
    const { platform, runFolder, source, store, extensionUri, log } = tools;
    this.client = new WorkerClient(platform.program, runFolder, (api) => api.open(...reachableAs(uri, source)), log);
    this.page = new PageChannel<FromLab, ToLab>(panel, {
      bundle: 'lab',
      kind: 'Lab',
      title: vscode.l10n.t('Lab: {0}', this.name),
      extensionUri,
      log,
      messages: fromLabSchema,
      restored: store.read(uri.toString()).then(
        (records) => {
          this.records = { ...records, ...this.records };
        },
        (error: unknown) => void showError(error, uri, log),
      ),
      snapshot: () => this.snapshot(),
      answer: (message) => this.answer(message).catch((error: unknown) => void showError(error, uri, log)),
    });
    this.onDidDispose(() => this.client.dispose());
    void this.look();
  }

  /** Columns to choose from, by the first rows of the file; a file that cannot be read says so when a page is run. */
  private async look(): Promise<void> {
    try {
      const { columns, target } = valueOf(await this.client.task((api, mark) => api.inspect(mark)).done);
      this.columns = columns.flatMap(({ name, task, classes }) =>
        task === null ? [] : [{ name, classes, inferred: name === target }],
      );
      this.page.sendSnapshot();
    } catch (error) {
      this.tools.log.warn(`Lab: ${errorWords(error)}`);
    }
  }

  get onDidDispose(): vscode.Event<void> {
    return this.page.onDidDispose;
  }

  get name(): string {
    return sourceSpec(this.uri).name;
  }

  reveal(): void {
    this.page.panel.reveal(undefined, false);
  }

  private async answer(message: Exclude<FromLab, { readonly type: 'ready' }>): Promise<void> {
    switch (message.type) {
      case 'run':
        await this.run(message.request);
        return;
      case 'stop':
        this.running?.stop();
        return;
      case 'revealLine':
        await revealLine(this.uri, message.line);
        return;
      case 'exportRecord': {
        const record = this.records[message.page];
        if (!record) return;
        const stem = this.name.replace(/\.[^.]*$/, '');
        await saveBeside(
          this.uri,
          `${stem}.${message.page}.json`,
          new TextEncoder().encode(`${JSON.stringify(record, null, 1)}\n`),
        );
        return;
      }
      case 'copy':
        await copyText(message.text);
        return;
      case 'saveFile':
        await savePicture(this.uri, message);
        return;
      case 'saveTable':
        await saveTable(this.uri, message);
        return;
      case 'openResults':
        await vscode.commands.executeCommand(commandIds.train, this.uri);
        return;
      case 'showLog':
        this.tools.log.show();
        return;
    }
  }

  /** One task at a time: a new one stops the one that runs, whose partial result is kept. */
  private async run(request: LabRequest): Promise<void> {
    if (this.running) {
      this.running.stop();
      return;
    }
    const { page } = request;
    this.error = null;
    this.progress = null;
    this.cells = [];
    const onProgress = proxy((progress: LabProgress) => {
      this.progress = progress;
      if (progress.cell !== undefined) this.cells.push(progress.cell);
      this.page.post({ type: 'labProgress', progress });
    });
    const task = this.client.task((api, id) => api.lab(id, request, onProgress));
    this.running = { page, stop: () => task.stop() };
    this.page.sendSnapshot();
    try {
      const record = valueOf(await task.done);
      this.records = { ...this.records, [page]: record };
      await this.tools.store.write(this.uri.toString(), record);
    } catch (error) {
      const detail = error instanceof TaskFailure ? error.detail : null;
      if (!detail?.stopped) {
        this.tools.log.error(
          detail?.stack ?? (error instanceof Error ? (error.stack ?? error.message) : String(error)),
        );
      }
      this.error = {
        page,
        message: errorWords(error),
        ...(detail?.line === undefined ? {} : { line: detail.line }),
        ...(detail?.remedy === undefined ? {} : { remedy: detail.remedy }),
        ...(detail?.others === undefined ? {} : { others: detail.others }),
      };
    } finally {
      this.running = null;
      this.progress = null;
      this.page.sendSnapshot();
    }
  }

  private snapshot(): ToLab {
    return {
      type: 'lab',
      uri: this.uri.toString(),
      name: this.name,
      preset: this.tools.preset(),
      testFile: this.tools.testFile(),
      columns: this.columns,
      records: this.records,
      running: this.running?.page ?? null,
      progress: this.progress,
      cells: this.cells,
      error: this.error,
    };
  }
}
