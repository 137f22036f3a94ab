import * as vscode from 'vscode';
import { fileName } from './address.ts';
import { openDocument } from './train/remoteFile.ts';
import { type ListItem, pickFrom } from './ui.ts';

/** The text of the editor as it stands, or the file as it was saved. */
export type TextOrFile = 'text' | 'file';
/** What the rows are wanted for. */
export type Purpose = 'train' | 'predict' | 'preview' | 'lab';

type Choice = ListItem & { readonly choice: 'save' | TextOrFile };

function wordsOf(purpose: Purpose): readonly [save: string, text: string, file: string] {
  switch (purpose) {
    case 'train':
      return [
        vscode.l10n.t('Save, then train'),
        vscode.l10n.t('Train on the text as it stands'),
        vscode.l10n.t('Train on the file as it was saved'),
      ];
    case 'predict':
      return [
        vscode.l10n.t('Save, then predict'),
        vscode.l10n.t('Predict on the text as it stands'),
        vscode.l10n.t('Predict on the file as it was saved'),
      ];
    case 'preview':
      return [
        vscode.l10n.t('Save, then look'),
        vscode.l10n.t('Look at the text as it stands'),
        vscode.l10n.t('Look at the file as it was saved'),
      ];
    case 'lab':
      return [
        vscode.l10n.t('Save, then open the Lab'),
        vscode.l10n.t('Work with the text as it stands'),
        vscode.l10n.t('Work with the file as it was saved'),
      ];
  }
}

/**
 * What is to be read of a file whose editor holds changes that are not saved: the person says. A document without a file is read as it stands. Undefined when the
 * person closes the question, or saving did not work.
 */
export async function sourceToRead(uri: vscode.Uri, purpose: Purpose): Promise<TextOrFile | undefined> {
  const document = openDocument(uri);
  if (uri.scheme === 'untitled') return 'text';
  if (document?.isDirty !== true) return 'file';
  const [save, text, file] = wordsOf(purpose);
  const choices: readonly Choice[] = [
    { label: save, icon: 'save', choice: 'save' },
    { label: text, icon: 'edit', choice: 'text' },
    { label: file, icon: 'file', choice: 'file' },
  ];
  const title = vscode.l10n.t('{0} has changes that are not saved', fileName(uri));
  const picked = await pickFrom(choices, { title });
  if (picked?.choice !== 'save') return picked?.choice;
  return (await document.save()) ? 'file' : undefined;
}
