import * as vscode from 'vscode';
import { recordedBy } from '../shared/recorded.ts';

/** A sentence of a record in the editor's language. */
export function inLanguage(english: string): string {
  const texts = vscode.l10n.bundle;
  return texts === undefined ? english : recordedBy(english, texts);
}
