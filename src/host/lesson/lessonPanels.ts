import * as v from 'valibot';
import * as vscode from 'vscode';
import { lessonFile, type Lesson } from '../../shared/lesson.ts';
import { lessonType } from '../../shared/manifest.ts';
import { lessonNames } from '../../shared/samples.ts';
import { addressOf } from '../address.ts';
import type { Explorer } from '../explorer.ts';
import { pageRoots } from '../panel/page.ts';
import { copySample } from '../samples.ts';
import { openPanel, pickFrom, type ListItem } from '../ui.ts';
import { LessonPanel } from './lessonPanel.ts';

/** The lessons of this window, one page per file. */
export class LessonPanels implements vscode.WebviewPanelSerializer<unknown> {
  private readonly panels = new Map<string, LessonPanel>();

  constructor(
    private readonly context: vscode.ExtensionContext,
    private readonly explorer: Explorer,
    private readonly read: (uri: vscode.Uri) => Promise<Lesson>,
  ) {}

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
    if (picked !== undefined) await this.open(await picked.uri());
  }

  async open(uri: vscode.Uri): Promise<void> {
    const existing = this.panels.get(uri.toString());
    if (existing) return existing.reveal();
    this.adopt(
      openPanel(lessonType, { viewColumn: vscode.ViewColumn.Active }, pageRoots(this.context.extensionUri)),
      uri,
    );
  }

  /** A lesson that was open when the window closed: its page says which file it is. */
  deserializeWebviewPanel(panel: vscode.WebviewPanel, state: unknown): Promise<void> {
    const saved = v.safeParse(v.looseObject({ uri: v.pipe(v.string(), v.minLength(1)) }), state);
    const uri = saved.success ? addressOf(saved.output.uri) : undefined;
    if (uri === undefined || this.panels.has(uri.toString())) panel.dispose();
    else this.adopt(panel, uri);
    return Promise.resolve();
  }

  private adopt(webviewPanel: vscode.WebviewPanel, uri: vscode.Uri): void {
    const { explorer, read } = this;
    const panel = new LessonPanel(webviewPanel, uri, { explorer, read, extensionUri: this.context.extensionUri });
    this.panels.set(uri.toString(), panel);
    panel.onDidDispose(() => this.panels.delete(uri.toString()));
  }
}
