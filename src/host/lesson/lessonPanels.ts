import * as vscode from 'vscode';
import { lessonFile, type Lesson } from '../../shared/lesson.ts';
import { lessonType } from '../../shared/manifest.ts';
import { lessonNames } from '../../shared/samples.ts';
import type { Explorer } from '../explorer.ts';
import { PagesByFile } from '../panel/pagesByFile.ts';
import { copySample } from '../samples.ts';
import { pickFrom, type ListItem } from '../ui.ts';
import { LessonPanel } from './lessonPanel.ts';

/** The lessons of this window, one page per file. */
export class LessonPanels extends PagesByFile<LessonPanel> {
  constructor(
    context: vscode.ExtensionContext,
    private readonly explorer: Explorer,
    private readonly read: (uri: vscode.Uri) => Promise<Lesson>,
  ) {
    super(lessonType, context);
  }

  /** Asks for a lesson: those of the workspace, and those that come with the extension, of which a copy is made. */
  async ask(): Promise<void> {
    const own = await vscode.workspace.findFiles(`**/${lessonFile}`, '**/node_modules/**', 200);
    const items = [
      ...own.map((uri): ListItem & { uri: () => Promise<vscode.Uri> } => ({
        label: vscode.workspace.asRelativePath(vscode.Uri.joinPath(uri, '..')),
        icon: 'mortar-board',
        uri: () => Promise.resolve(uri),
      })),
      ...lessonNames.map(({ folder, title, data }): ListItem & { uri: () => Promise<vscode.Uri> } => ({
        label: title,
        description: vscode.l10n.t('comes with the extension'),
        icon: 'mortar-board',
        uri: async () => {
          await copySample(this.context, data);
          return copySample(this.context, `lessons/${folder}/${lessonFile}`);
        },
      })),
    ];
    const picked = await pickFrom(items, { title: vscode.l10n.t('Open Lesson'), placeholder: '' });
    if (picked !== undefined) this.open(await picked.uri());
  }

  open(uri: vscode.Uri): void {
    this.show(uri);
  }

  protected override make(panel: vscode.WebviewPanel, uri: vscode.Uri): LessonPanel {
    const { explorer, read } = this;
    return new LessonPanel(panel, uri, { explorer, read, extensionUri: this.context.extensionUri });
  }
}
