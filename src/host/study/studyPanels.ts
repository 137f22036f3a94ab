import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import * as vscode from 'vscode';
import { studyType } from '../../shared/manifest.ts';
import { errorWords } from '../inLanguage.ts';
import { PagesByFile } from '../panel/pagesByFile.ts';
import { askWhichFile, notify } from '../ui.ts';
import { runProgram, type StudyProgram } from './studyProcess.ts';
import { StudyPanel } from './studyPanel.ts';

/** The Study pages of this window, one per folder. */
export class StudyPanels extends PagesByFile<StudyPanel> {
  private readonly program: StudyProgram;

  constructor(
    context: vscode.ExtensionContext,
    programFile: string,
    private readonly log: vscode.LogOutputChannel,
  ) {
    super(studyType, context);
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
      const question = vscode.l10n.t(
        '{0}. Make {1} for it? Nothing runs before you start it.',
        errorWords(new Error(looked.words)),
        folder,
      );
      if ((await notify.info(question, make)) !== make) return;
      const made = await runProgram(this.program, ['study', file, '--plan']);
      if (made.status !== 0) throw new Error(made.words);
    }
    this.show(vscode.Uri.file(folder));
  }

  protected override isThere(uri: vscode.Uri): boolean {
    return existsSync(path.join(uri.fsPath, 'plan.json'));
  }

  protected override make(panel: vscode.WebviewPanel, uri: vscode.Uri): StudyPanel {
    const { program, log } = this;
    return new StudyPanel(panel, uri, { program, log, extensionUri: this.context.extensionUri });
  }
}
