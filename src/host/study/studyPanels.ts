import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import * as vscode from 'vscode';
import { studyType } from '../../shared/manifest.ts';
import { addressOf } from '../address.ts';
import { pageRoots } from '../panel/page.ts';
import { askWhichFile, notify, openPanel } from '../ui.ts';
import { runProgram, type StudyProgram } from './studyProcess.ts';
import { StudyPanel } from './studyPanel.ts';

/** The Study pages of this window, one per folder. */
export class StudyPanels implements vscode.WebviewPanelSerializer<unknown> {
  private readonly panels = new Map<string, StudyPanel>();
  private readonly program: StudyProgram;

  constructor(
    private readonly context: vscode.ExtensionContext,
    programFile: string,
    private readonly log: vscode.LogOutputChannel,
  ) {
    this.program = { file: programFile };
  }

  /** Asks for a study: its file, or the plan in its folder. */
  async ask(): Promise<void> {
    const file = await askWhichFile(vscode.l10n.t('Open Study'), { [vscode.l10n.t('Study')]: ['yaml', 'yml', 'json'] });
    if (file !== undefined) await this.open(file);
  }

  /** Opens the page of a study, by its file, its folder or the plan in it; a study file without a folder gets one, when the person agrees. */
  async open(uri: vscode.Uri): Promise<void> {
    const file = uri.fsPath;
    if (path.basename(file) === 'plan.json') this.show(vscode.Uri.file(path.dirname(file)));
    else if (statSync(file).isDirectory()) this.show(uri);
    else await this.openFile(file);
  }

  private async openFile(file: string): Promise<void> {
    const folder = `${file.replace(/\.(ya?ml|json)$/i, '')}.study`;
    if (!existsSync(path.join(folder, 'plan.json'))) {
      const looked = await runProgram(this.program, ['study', file, '--dry-run']);
      if (looked.status !== 0) throw new Error(looked.words);
      const make = vscode.l10n.t('Make the Folder');
      const question = vscode.l10n.t('{0}. Make {1} for it? Nothing runs before you start it.', looked.words, folder);
      if ((await notify.info(question, make)) !== make) return;
      const made = await runProgram(this.program, ['study', file, '--plan']);
      if (made.status !== 0) throw new Error(made.words);
    }
    this.show(vscode.Uri.file(folder));
  }

  private show(uri: vscode.Uri): void {
    const existing = this.panels.get(uri.toString());
    if (existing) existing.reveal();
    else
      this.adopt(
        openPanel(studyType, { viewColumn: vscode.ViewColumn.Active }, pageRoots(this.context.extensionUri)),
        uri,
      );
  }

  /** A page that was open when the window closed says which study it is about. */
  deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const saved = v.safeParse(v.looseObject({ uri: v.pipe(v.string(), v.minLength(1)) }), state);
    const uri = saved.success ? addressOf(saved.output.uri) : undefined;
    if (uri === undefined || this.panels.has(uri.toString()) || !existsSync(path.join(uri.fsPath, 'plan.json')))
      panel.dispose();
    else this.adopt(panel, uri);
    return Promise.resolve();
  }

  private adopt(webviewPanel: vscode.WebviewPanel, uri: vscode.Uri): void {
    const { program, log } = this;
    let panel: StudyPanel;
    try {
      panel = new StudyPanel(webviewPanel, uri, { program, log, extensionUri: this.context.extensionUri });
    } catch (error) {
      webviewPanel.dispose();
      throw error;
    }
    this.panels.set(uri.toString(), panel);
    panel.onDidDispose(() => this.panels.delete(uri.toString()));
  }
}
