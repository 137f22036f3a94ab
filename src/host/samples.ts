import * as vscode from 'vscode';

/** Asks for one of the data sets that come with the extension; gives a copy that the person may edit. */
export async function pickSample(context: vscode.ExtensionContext): Promise<vscode.Uri | undefined> {
  const folder = vscode.Uri.joinPath(context.extensionUri, 'media', 'samples');
  const names = (await vscode.workspace.fs.readDirectory(folder))
    .map(([name]) => name)
    .filter((name) => name.endsWith('.csv'))
    .sort();
  const name = await vscode.window.showQuickPick(names, {
    title: vscode.l10n.t('Train on a Sample Data Set'),
    placeHolder: vscode.l10n.t('A copy is made in the extension’s own folder.'),
    ignoreFocusOut: true,
  });
  if (name === undefined) return undefined;
  const copies = vscode.Uri.joinPath(context.globalStorageUri, 'samples');
  await vscode.workspace.fs.createDirectory(copies);
  const copy = vscode.Uri.joinPath(copies, name);
  try {
    await vscode.workspace.fs.stat(copy);
  } catch {
    await vscode.workspace.fs.copy(vscode.Uri.joinPath(folder, name), copy);
  }
  return copy;
}
