import { proxy } from 'comlink';
import * as v from 'valibot';
import * as vscode from 'vscode';
import {
  fromLabSchema,
  type FromLab,
  type LabDataSettings,
  type LabError,
  type LabPage,
  type LabProgress,
  type LabRequest,
  type ToLab,
} from '../../shared/lab.ts';
import { commandIds } from '../../shared/manifest.ts';
import { showError } from '../errors.ts';
import { pageHtml, pageRoots } from '../panel/page.ts';
import { revealLine } from '../revealLine.ts';
import { saveBeside } from '../saveFile.ts';
import { remoteFile, sourceSpec } from '../train/remoteFile.ts';
import { TaskFailure, valueOf } from '../train/taskFailure.ts';
import { WorkerClient } from '../train/workerClient.ts';
import { setTitle } from '../ui.ts';
import type { LabRecords, LabStore } from './labStore.ts';

/** The Lab of one data file: a page, a worker of its own (training in the results panel goes on beside it), and the last results. */
export class LabPanel {
  private readonly client: WorkerClient;
  private readonly subscriptions: vscode.Disposable[] = [];
  private readonly gone = new vscode.EventEmitter<void>();
  readonly onDidDispose = this.gone.event;
  private ready = false;
  private records: LabRecords = {};
  private running: { readonly page: LabPage; stop(): void } | null = null;
  private progress: LabProgress | null = null;
  private cells: string[] = [];
  private error: LabError | null = null;
  private readonly restored: Promise<void>;

  constructor(
    private readonly panel: vscode.WebviewPanel,
    readonly uri: vscode.Uri,
    workerFile: string,
    runFolder: string,
    private readonly store: LabStore,
    private readonly preset: () => Partial<LabDataSettings>,
    extensionUri: vscode.Uri,
    private readonly log: vscode.LogOutputChannel,
  ) {
    setTitle(panel, vscode.l10n.t('Lab: {0}', this.name));
    panel.iconPath = vscode.Uri.joinPath(extensionUri, 'media', 'network.svg');
    panel.webview.options = { enableScripts: true, localResourceRoots: pageRoots(extensionUri) };
    this.client = new WorkerClient(
      workerFile,
      runFolder,
      (api) => api.open(sourceSpec(uri), uri.scheme === 'file' ? null : proxy(remoteFile(uri))),
      log,
    );
    this.restored = store.read(uri.toString()).then((records) => {
      this.records = { ...records, ...this.records };
    });
    this.subscriptions.push(
      this.client,
      panel.webview.onDidReceiveMessage((message: unknown) => this.receive(message)),
      panel.onDidChangeViewState(() => {
        if (panel.visible) this.sendSnapshot();
      }),
      panel.onDidDispose(() => this.dispose()),
    );
    panel.webview.html = pageHtml(panel.webview, extensionUri, 'lab');
  }

  get name(): string {
    return sourceSpec(this.uri).name;
  }

  reveal(): void {
    this.panel.reveal(undefined, false);
  }

  /** Takes any value: what is not a message of the protocol is logged and dropped. */
  receive(raw: unknown): void {
    const parsed = v.safeParse(fromLabSchema, raw);
    if (!parsed.success) {
      const issue = parsed.issues[0];
      this.log.warn(`Lab message rejected: ${v.getDotPath(issue) ?? 'message'}: ${issue.message}`);
      return;
    }
    void this.answer(parsed.output).catch((error: unknown) => showError(error, this.uri, this.log));
  }

  private async answer(message: FromLab): Promise<void> {
    switch (message.type) {
      case 'ready':
        await this.restored;
        this.ready = true;
        this.sendSnapshot();
        return;
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
        await saveBeside(this.uri, `${stem}.${message.page}.json`, `${JSON.stringify(record, null, 1)}\n`, 'utf8');
        return;
      }
      case 'saveFile':
        await saveBeside(this.uri, message.name, message.content, message.encoding);
        return;
      case 'openResults':
        await vscode.commands.executeCommand(commandIds.train, this.uri);
        return;
      case 'showLog':
        this.log.show();
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
      this.post({ type: 'labProgress', progress });
    });
    const task = this.client.task((api, id) => api.lab(id, request, onProgress));
    this.running = { page, stop: () => task.stop() };
    this.sendSnapshot();
    try {
      const record = valueOf(await task.done);
      this.records = { ...this.records, [page]: record };
      await this.store.write(this.uri.toString(), record);
    } catch (error) {
      const detail = error instanceof TaskFailure ? error.detail : null;
      if (!detail?.stopped) {
        this.log.error(detail?.stack ?? (error instanceof Error ? (error.stack ?? error.message) : String(error)));
      }
      this.error = {
        page,
        message: error instanceof Error ? error.message : String(error),
        ...(detail?.line === undefined ? {} : { line: detail.line }),
        ...(detail?.remedy === undefined ? {} : { remedy: detail.remedy }),
        ...(detail?.others === undefined ? {} : { others: detail.others }),
      };
    } finally {
      this.running = null;
      this.progress = null;
      this.sendSnapshot();
    }
  }

  private post(message: ToLab): void {
    if (this.ready && this.panel.visible) void this.panel.webview.postMessage(message);
  }

  private sendSnapshot(): void {
    this.post({
      type: 'lab',
      uri: this.uri.toString(),
      name: this.name,
      preset: this.preset(),
      records: this.records,
      running: this.running?.page ?? null,
      progress: this.progress,
      cells: this.cells,
      error: this.error,
    });
  }

  private dispose(): void {
    this.ready = false;
    for (const subscription of this.subscriptions) subscription.dispose();
    this.gone.fire();
    this.gone.dispose();
  }
}
