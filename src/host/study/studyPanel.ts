import { readFile } from 'node:fs/promises';
import path from 'node:path';
import * as v from 'valibot';
import * as vscode from 'vscode';
import { StudyFolder, tasksOfPlan } from '../../store/study/studyFolder.ts';
import { runEditorType } from '../../shared/manifest.ts';
import { type FromStudy, fromStudySchema, type ToStudy } from '../../study/page.ts';
import { taskColumnsOf } from '../../study/plan.ts';
import { tableOf } from '../../study/table.ts';
import { showError } from '../errors.ts';
import { pageHtml, pageRoots } from '../panel/page.ts';
import { savePicture, saveTable } from '../saveFile.ts';
import { setTitle } from '../ui.ts';
import { runProgram, startProgram, type StudyProgram } from './studyProcess.ts';

/** Between two looks at the folder while the page is visible; the table is sent again when more tasks have ended. */
const lookMs = 2_000;

export interface StudyPanelDeps {
  readonly extensionUri: vscode.Uri;
  readonly program: StudyProgram;
  readonly log: vscode.LogOutputChannel;
}

/** The page of one study folder: shows its table as it grows, starts, stops and resumes it, and opens runs of its tasks. */
export class StudyPanel {
  private readonly folder: StudyFolder;
  private readonly plan: ReturnType<StudyFolder['plan']>;
  private readonly tasks: ReturnType<typeof tasksOfPlan>;
  private readonly subscriptions: vscode.Disposable[] = [];
  private readonly gone = new vscode.EventEmitter<void>();
  readonly onDidDispose = this.gone.event;
  private ready = false;
  private sent = -1;
  private started = false;
  private error: string | null = null;
  private looking = false;

  /** @throws {StudyFolderError} where the folder is none of a study */
  constructor(
    private readonly panel: vscode.WebviewPanel,
    readonly uri: vscode.Uri,
    private readonly deps: StudyPanelDeps,
  ) {
    this.folder = new StudyFolder(uri.fsPath);
    this.plan = this.folder.plan();
    this.tasks = tasksOfPlan(this.plan);
    setTitle(panel, vscode.l10n.t('Study: {0}', this.name));
    panel.iconPath = vscode.Uri.joinPath(deps.extensionUri, 'media', 'network.svg');
    panel.webview.options = { enableScripts: true, localResourceRoots: pageRoots(deps.extensionUri) };
    const timer = setInterval(() => void this.look(false), lookMs);
    this.subscriptions.push(
      new vscode.Disposable(() => clearInterval(timer)),
      panel.webview.onDidReceiveMessage((message: unknown) => this.receive(message)),
      panel.onDidChangeViewState(() => void this.look(true)),
      panel.onDidDispose(() => this.dispose()),
    );
    panel.webview.html = pageHtml(panel.webview, deps.extensionUri, 'study');
  }

  get name(): string {
    return this.plan.study.name ?? path.basename(this.uri.fsPath).replace(/\.study$/, '');
  }

  reveal(): void {
    this.panel.reveal(undefined, false);
  }

  /** Goes on with the study, in a process that outlives this window. */
  resume(engine: Extract<FromStudy, { type: 'resume' }>['engine']): void {
    if (this.started) return;
    // a study says what memory and time its tasks may take
    if (!vscode.workspace.isTrusted) throw new Error(vscode.l10n.t('Studies run in trusted folders only.'));
    this.started = true;
    this.error = null;
    const args = ['study', 'resume', this.uri.fsPath, '--engine', engine];
    startProgram(this.deps.program, args, this.logFile, (status) => void this.ended(status));
    void this.look(false);
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
      this.error = vscode.l10n.t('The study ended early: {0}', last);
    }
    await this.look(true);
  }

  /** Takes any value: what is not a message of the protocol is logged and dropped. */
  receive(raw: unknown): void {
    const parsed = v.safeParse(fromStudySchema, raw);
    if (!parsed.success) {
      const issue = parsed.issues[0];
      this.deps.log.warn(`Study message rejected: ${v.getDotPath(issue) ?? 'message'}: ${issue.message}`);
      return;
    }
    void this.answer(parsed.output).catch((error: unknown) => showError(error, null, this.deps.log));
  }

  private async answer(message: FromStudy): Promise<void> {
    switch (message.type) {
      case 'ready':
        this.ready = true;
        await this.look(true);
        return;
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
        const { status, words } = await runProgram(this.deps.program, ['study', 'stop', this.uri.fsPath]);
        if (status !== 0) throw new Error(words);
        await this.look(false);
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

  /** Looks at names in the folder; reads what has ended since, and sends the table when it has grown. */
  private async look(anew: boolean): Promise<void> {
    if (!this.ready || !this.panel.visible || (this.looking && !anew)) return;
    this.looking = true;
    try {
      const status = this.folder.status(this.tasks);
      if (anew || status.done !== this.sent) {
        const { columns, rows } = tableOf(this.plan.study, await this.folder.rows(this.tasks));
        this.sent = rows.length;
        const { study } = this.plan;
        const own = taskColumnsOf(study);
        const { name } = this;
        this.post({
          type: 'study',
          uri: this.uri.toString(),
          name,
          own,
          columns,
          rows,
          keepsRuns: study.keepRuns ?? true,
        });
      }
      this.post({ type: 'progress', progress: { ...status, started: this.started }, error: this.error });
    } catch (error) {
      this.error = error instanceof Error ? error.message : String(error);
      const nothing = { tasks: this.tasks.length, done: 0, running: 0, failed: 0, started: this.started };
      this.post({ type: 'progress', progress: nothing, error: this.error });
    } finally {
      this.looking = false;
    }
  }

  private post(message: ToStudy): void {
    if (this.ready && this.panel.visible) void this.panel.webview.postMessage(message);
  }

  private dispose(): void {
    this.ready = false;
    for (const subscription of this.subscriptions) subscription.dispose();
    this.gone.fire();
    this.gone.dispose();
  }
}
