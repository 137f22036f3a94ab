import * as vscode from 'vscode';
import { configurationSection } from '../shared/manifest.ts';
import { namingFile } from './namingFile.ts';
import { notify } from './ui.ts';

/** The editor does not open larger files as text. */
const textLimitBytes = 50 * 1024 * 1024;

/** Opens a file at a line (from 1), selected, where it covers no panel of this extension. */
export async function revealLine(uri: vscode.Uri, line: number, column?: number): Promise<void> {
  const { size } = await namingFile(uri, vscode.l10n.t('cannot be opened'), vscode.workspace.fs.stat(uri));
  if (size > textLimitBytes) {
    void notify.info(
      vscode.l10n.t('The file is too large for a text editor (over 50 MB). The row is on line {0}.', line),
    );
    return;
  }
  const document = await vscode.workspace.openTextDocument(uri);
  const at = Math.min(line, document.lineCount) - 1;
  const whole = document.lineAt(at).range;
  await vscode.window.showTextDocument(document, {
    viewColumn: freeColumn(),
    preview: true,
    selection:
      column === undefined ? whole : new vscode.Range(startOfCell(document.lineAt(at).text, at, column), whole.end),
  });
}

/** The first column that shows something else than a panel, or a new one. */
function freeColumn(): vscode.ViewColumn {
  const showsPanel = ({ activeTab }: vscode.TabGroup): boolean =>
    activeTab?.input instanceof vscode.TabInputWebview && activeTab.input.viewType.includes(configurationSection);
  const free = vscode.window.tabGroups.all.find((group) => !showsPanel(group));
  return free?.viewColumn ?? vscode.ViewColumn.Beside;
}

/** Where a cell begins, for a place to put the cursor; quoted separators are looked over. */
function startOfCell(text: string, line: number, column: number): vscode.Position {
  const separator = [',', ';', '\t', '|'].reduce((a, b) => (text.split(b).length > text.split(a).length ? b : a));
  let cell = 1;
  let quoted = false;
  for (let i = 0; i < text.length && cell < column; i++) {
    if (text[i] === '"') quoted = !quoted;
    else if (text[i] === separator && !quoted && ++cell === column) return new vscode.Position(line, i + 1);
  }
  return new vscode.Position(line, 0);
}
