import * as vscode from 'vscode';
import { sampleNames } from '../shared/samples.ts';
import { namingFile } from './namingFile.ts';
import { pickFrom } from './ui.ts';

/** Asks for one of the data sets that come with the extension; gives a copy that the person may edit. */
export async function pickSample(context: vscode.ExtensionContext): Promise<vscode.Uri | undefined> {
  const picked = await pickFrom(
    sampleNames.map((label) => ({ label })),
    {
      title: vscode.l10n.t('Train on a Sample Data Set'),
      placeholder: vscode.l10n.t('A copy is made in the extension’s own folder.'),
    },
  );
  return picked && copySample(context, picked.label);
}

/** A copy of a file of media/samples in the extension's own folder, under its path there; one that is there already stays as it is. */
export async function copySample(context: vscode.ExtensionContext, name: string): Promise<vscode.Uri> {
  const copy = vscode.Uri.joinPath(context.globalStorageUri, 'samples', name);
  const folder = vscode.Uri.joinPath(copy, '..');
  await namingFile(folder, vscode.l10n.t('cannot be made'), vscode.workspace.fs.createDirectory(folder));
  try {
    await vscode.workspace.fs.stat(copy);
  } catch {
    // not `copy`, which a browser's files of extensions do not offer
    const content = await vscode.workspace.fs.readFile(
      vscode.Uri.joinPath(context.extensionUri, 'media/samples', name),
    );
    await namingFile(copy, vscode.l10n.t('cannot be made'), vscode.workspace.fs.writeFile(copy, content));
  }
  return copy;
}
