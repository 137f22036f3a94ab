import * as vscode from 'vscode';
import { extensionOf, fileName } from './address.ts';
import { askWhichFile, type ListItem, pickFrom } from './ui.ts';

/** Names of files that are looked for; plain texts and archives are taken when asked for. */
const extensions = ['csv', 'tsv', 'tab', 'data', 'parquet', 'xlsx', 'jsonl', 'ndjson'];
const furtherExtensions = ['txt', 'gz'];
const listed = 500;

export function isTable(uri: vscode.Uri): boolean {
  const extension = extensionOf(fileName(uri)).slice(1).toLowerCase();
  return [...extensions, ...furtherExtensions].includes(extension);
}

/** The file of the active tab, also when it is too large for a text editor. */
export function activeTable(): vscode.Uri | undefined {
  const input: unknown = vscode.window.tabGroups.activeTabGroup.activeTab?.input;
  const uri =
    input instanceof vscode.TabInputText || input instanceof vscode.TabInputCustom
      ? input.uri
      : vscode.window.activeTextEditor?.document.uri;
  return uri && (uri.scheme === 'untitled' || isTable(uri)) ? uri : undefined;
}

type FileItem = ListItem & { readonly uri: vscode.Uri | null };

/** Asks for a data file: those of the workspace, the active one first, or any by the file dialog. */
export async function pickFile(title: string): Promise<vscode.Uri | undefined> {
  const active = activeTable();
  const found = await vscode.workspace.findFiles(`**/*.{${extensions.join(',')}}`, '**/node_modules/**', listed);
  const others = found
    .filter((uri) => uri.toString() !== active?.toString())
    .sort((a, b) => a.path.localeCompare(b.path));
  const items: FileItem[] = [...(active ? [active] : []), ...others].map((uri) => ({
    label: fileName(uri),
    description: vscode.workspace.asRelativePath(uri),
    uri,
  }));
  const browse: FileItem = { icon: 'folder-opened', label: vscode.l10n.t('Browse …'), uri: null, alwaysShow: true };
  const picked = await pickFrom([...items, browse], {
    title,
    placeholder: vscode.l10n.t('A table: CSV, TSV, Excel, Parquet, JSON Lines'),
  });
  if (!picked) return undefined;
  if (picked.uri) return picked.uri;
  return askWhichFile(title, { [vscode.l10n.t('Tables')]: [...extensions, ...furtherExtensions] });
}
