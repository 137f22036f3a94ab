import * as vscode from 'vscode';
import { fileName } from './address.ts';
import { openDocument } from './train/remoteFile.ts';
import { type ListItem, pickFrom } from './ui.ts';

type Choice = ListItem & { readonly choice: 'save' | 'text' | 'file' };

/**
 * What is to be read of a file whose editor holds changes that are not saved: the person says. A document without a file is read as it stands. Undefined when the
 * person closes the question, or saving did not work.
 */
export async function sourceToRead(uri: vscode.Uri): Promise<'text' | 'file' | undefined> {
  const document = openDocument(uri);
  if (uri.scheme === 'untitled') return 'text';
  if (document?.isDirty !== true) return 'file';
  const choices: readonly Choice[] = [
    { label: vscode.l10n.t('Save, then train'), icon: 'save', choice: 'save' },
    { label: vscode.l10n.t('Train on the text as it stands'), icon: 'edit', choice: 'text' },
    { label: vscode.l10n.t('Train on the file as it was saved'), icon: 'file', choice: 'file' },
  ];
  const title = vscode.l10n.t('{0} has changes that are not saved', fileName(uri));
  const picked = await pickFrom(choices, { title });
  if (picked?.choice !== 'save') return picked?.choice;
  return (await document.save()) ? 'file' : undefined;
}
