import { proxy } from 'comlink';
import * as vscode from 'vscode';
import { errorWords } from '../inLanguage.ts';
import type { HostPlatform } from '../../platform/platform.ts';
import { commandIds } from '../../shared/manifest.ts';
import {
  type DataPreview,
  type FromPreview,
  fromPreviewSchema,
  type ReadChoices,
  type ToPreview,
} from '../../shared/preview.ts';
import type { MissingSetting } from '../../shared/settings.ts';
import { showError } from '../errors.ts';
import type { Explorer } from '../explorer.ts';
import { PageChannel } from '../panel/pageChannel.ts';
import { revealLine } from '../revealLine.ts';
import type { TextOrFile } from '../unsavedText.ts';
import { reachableAs, sourceSpec } from '../train/remoteFile.ts';
import { TaskFailure, valueOf } from '../train/taskFailure.ts';
import { WorkerClient } from '../train/workerClient.ts';
import { readTrainingSettings } from '../trainingSettings.ts';

export interface PreviewTools {
  readonly source: TextOrFile;
  readonly platform: HostPlatform;
  readonly runFolder: string;
  readonly explorer: Explorer;
  readonly extensionUri: vscode.Uri;
}

/** The look at one data file: a page and a worker of its own. */
export class PreviewPanel {
  private readonly page: PageChannel<FromPreview, ToPreview>;
  private readonly client: WorkerClient;
  private running: { stop(): void } | null = null;
  private data: DataPreview | null = null;
  private read: ReadChoices;
  private readonly missing: MissingSetting;
  private reading: number | null = 0;
  private error: ToPreview['error'] = null;

  constructor(
    panel: vscode.WebviewPanel,
    readonly uri: vscode.Uri,
    private readonly tools: PreviewTools,
  ) {
    const { platform, runFolder, extensionUri, source } = tools;
    const { log } = tools.explorer;
    this.client = new WorkerClient(platform.program, runFolder, (api) => api.open(...reachableAs(uri, source)), log);
    const { dialect, columnTypes, missing } = readTrainingSettings(uri, log);
    this.missing = missing;
    this.read = {
      ...(dialect === undefined ? {} : { dialect }),
      ...(columnTypes === undefined ? {} : { columnTypes }),
    };
    this.page = new PageChannel<FromPreview, ToPreview>(panel, {
      bundle: 'preview',
      kind: 'Preview',
      title: vscode.l10n.t('Data: {0}', this.name),
      extensionUri,
      log,
      messages: fromPreviewSchema,
      snapshot: () => this.snapshot(),
      answer: (message) => this.answer(message).catch((error: unknown) => void showError(error, uri, log)),
    });
    this.onDidDispose(() => this.client.dispose());
    void this.look(this.read);
  }

  get onDidDispose(): vscode.Event<void> {
    return this.page.onDidDispose;
  }

  private get name(): string {
    return sourceSpec(this.uri).name;
  }

  reveal(): void {
    this.page.panel.reveal(undefined, false);
  }

  private async answer(message: Exclude<FromPreview, { readonly type: 'ready' }>): Promise<void> {
    switch (message.type) {
      case 'read':
        await this.look(message.choices);
        return;
      case 'train':
        await vscode.commands.executeCommand(commandIds.train, {
          uri: this.uri,
          settings: message.choices,
          source: this.tools.source,
        });
        return;
      case 'revealLine':
        await revealLine(this.uri, message.line);
        return;
      case 'stop':
        this.running?.stop();
        return;
    }
  }

  /** Reads the file; a newer look stops the one that runs. */
  private async look(read: ReadChoices): Promise<void> {
    this.running?.stop();
    this.read = read;
    this.reading = 0;
    this.error = null;
    const part = proxy((data: DataPreview | null, fraction: number): void => {
      if (this.running !== task) return;
      if (data !== null) this.data = data;
      this.reading = fraction;
      this.page.sendSnapshot();
    });
    const task = this.client.task((api, number) => api.preview(number, read, part));
    this.running = task;
    this.page.sendSnapshot();
    try {
      const data = valueOf(await task.done);
      if (this.running === task) this.data = data;
    } catch (error) {
      if (this.running !== task) return;
      const detail = error instanceof TaskFailure ? error.detail : null;
      if (detail?.stopped !== true) {
        this.error = { message: errorWords(error), ...(detail?.line === undefined ? {} : { line: detail.line }) };
      }
    } finally {
      if (this.running === task) {
        this.running = null;
        this.reading = null;
        this.page.sendSnapshot();
      }
    }
  }

  private snapshot(): ToPreview {
    const { data, read, missing, reading, error, name } = this;
    return { type: 'preview', uri: this.uri.toString(), name, data, read, missing, reading, error };
  }
}
