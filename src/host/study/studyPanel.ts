import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as vscode from 'vscode';
import { StudyFolder, tasksOfPlan } from '../../store/study/studyFolder.ts';
import { runEditorType } from '../../shared/manifest.ts';
import { type FromStudy, fromStudySchema, type StudyProgress, type ToStudy } from '../../study/page.ts';
import { taskColumnsOf } from '../../study/plan.ts';
import { tableOf } from '../../study/table.ts';
import { showError } from '../errors.ts';
import { errorWords } from '../inLanguage.ts';
import { PageChannel } from '../panel/pageChannel.ts';
import { savePicture, saveTable } from '../saveFile.ts';
import { runProgram, startProgram, type StudyProgram } from './studyProcess.ts';

/** Between two looks at the folder while the page is visible; the table is sent again when more tasks have ended. */
const lookMs = 2_000;

type StudySnapshot = Extract<ToStudy, { readonly type: 'study' }>;

export interface StudyPanelDeps {
  readonly extensionUri: vscode.Uri;
  readonly program: StudyProgram;
  readonly log: vscode.LogOutputChannel;
}

/** The page of one study folder: shows its table as it grows, starts, stops and resumes it, and opens runs of its tasks. */
export class StudyPanel {
  private readonly page: PageChannel<FromStudy, ToStudy>;
  private readonly folder: StudyFolder;
  private readonly plan: ReturnType<StudyFolder['plan']>;
  private readonly tasks: ReturnType<typeof tasksOfPlan>;
  /** What has ended, as the page shows it. */
  private table: Pick<StudySnapshot, 'columns' | 'rows'> = { columns: [], rows: [] };
  private progress: StudyProgress | null = null;
  private started = false;
  private error: string | null = null;
  private looking = false;

  /** @throws {StudyFolderError} where the folder is none of a study */
  constructor(
    panel: vscode.WebviewPanel,
    readonly uri: vscode.Uri,
    private readonly deps: StudyPanelDeps,
  ) {
    this.folder = new StudyFolder(uri.fsPath);
    this.plan = this.folder.plan();
    this.tasks = tasksOfPlan(this.plan);
    const { extensionUri, log } = deps;
    this.page = new PageChannel<FromStudy, ToStudy>(panel, {
      bundle: 'study',
      kind: 'Study',
      title: vscode.l10n.t('Study: {0}', this.name),
      extensionUri,
      log,
      messages: fromStudySchema,
      restored: Promise.resolve().then(() => this.look()),
      snapshot: () => this.snapshot(),
      answer: (message) => this.answer(message).catch((error: unknown) => void showError(error, null, log)),
    });
    const timer = setInterval(() => {
      if (panel.visible) void this.look();
    }, lookMs);
    this.page.onDidDispose(() => clearInterval(timer));
    this.page.onDidChangeViewState(() => {
      if (panel.visible) void this.look();
    });
  }

  get onDidDispose(): vscode.Event<void> {
    return this.page.onDidDispose;
  }

  get name(): string {
    return this.plan.study.name ?? path.basename(this.uri.fsPath).replace(/\.study$/, '');
  }

  reveal(): void {
    this.page.panel.reveal(undefined, false);
  }

  /** Takes what the page sends. */
  receive(raw: unknown): void {
    this.page.receive(raw);
  }

  /** Goes on with the study, in a process that outlives this window. */
  resume(engine: Extract<FromStudy, { type: 'resume' }>['engine']): void {
    if (this.started) return;
    refuseUntrusted();
    this.started = true;
    this.error = null;
    const args = ['study', 'resume', this.uri.fsPath, '--engine', engine];
    startProgram(this.deps.program, args, this.logFile, (status) => void this.ended(status));
    void this.look();
  }

  private get logFile(): string {
    return this.folder.at('study.log');
  }

  /** Status 3 is a stop that somebody asked for, or tasks that failed, which the page counts. */
  private async ended(status: number | null): Promise<void> {
    this.started = false;
    if (status !== 0 && status !== 3) {
      const words = await readFile(this.logFile, 'utf8').catch(() => '');
      const last = words.trim().split('\n').at(-1) ?? '';
      this.deps.log.error(words.slice(-4000));
      this.error = vscode.l10n.t('The study ended early: {0}', errorWords(new Error(last)));
    }
    await this.look();
  }

  private async answer(message: Exclude<FromStudy, { readonly type: 'ready' }>): Promise<void> {
    switch (message.type) {
      case 'openRun':
        await vscode.commands.executeCommand(
          'vscode.openWith',
          vscode.Uri.file(this.folder.runFile(message.key)),
          runEditorType,
        );
        return;
      case 'resume':
        this.resume(message.engine);
        return;
      case 'stop': {
        refuseUntrusted();
        const { status, words } = await runProgram(this.deps.program, ['study', 'stop', this.uri.fsPath]);
        if (status !== 0) throw new Error(words);
        await this.look();
        return;
      }
      case 'saveFile':
        await savePicture(this.uri, message);
        return;
      case 'saveTable':
        await saveTable(this.uri, message);
        return;
      case 'showLog':
        await vscode.commands.executeCommand('vscode.open', vscode.Uri.file(this.logFile));
        return;
    }
  }

  /** Looks at names in the folder, and reads what has ended since; the table is sent again when it has grown. Does not reject. */
  private async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    const before = this.table.rows.length;
    let counted = { tasks: this.tasks.length, done: 0, running: 0, failed: 0 };
    try {
      counted = this.folder.status(this.tasks);
      if (counted.done !== before) this.table = tableOf(this.plan.study, await this.folder.rows(this.tasks));
    } catch (error) {
      this.error = errorWords(error);
    } finally {
      this.looking = false;
    }
    this.progress = { ...counted, started: this.started };
    // the first look belongs to the first snapshot, which comes by itself
    if (this.table.rows.length !== before) this.page.sendSnapshot();
    else this.page.post({ type: 'progress', progress: this.progress, error: this.error });
  }

  private snapshot(): StudySnapshot {
    const { study } = this.plan;
    return {
      type: 'study',
      uri: this.uri.toString(),
      name: this.name,
      own: taskColumnsOf(study),
      ...this.table,
      keepsRuns: study.keepRuns ?? true,
      progress: this.progress,
      error: this.error,
    };
  }
}

/** A study says what memory and time its tasks may take, and which jobs of a cluster are its own. */
function refuseUntrusted(): void {
  if (!vscode.workspace.isTrusted) throw new Error(vscode.l10n.t('Studies run in trusted folders only.'));
}
