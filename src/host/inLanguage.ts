import * as vscode from 'vscode';
import { fileErrorWords } from '../core/base/fileErrors.ts';
import { errorBy, type SaidError } from '../shared/errorWords.ts';
import { recordedBy } from '../shared/recorded.ts';
import type { Language } from '../shared/texts.ts';

/** The editor's language, for what writes files; nothing where that is English. */
export function editorLanguage(): { readonly language?: Language } {
  const texts = vscode.l10n.bundle;
  return texts === undefined ? {} : { language: { tag: plainLanguage(vscode.env.language), texts } };
}

/** A language tag and nothing else. */
export const plainLanguage = (tag: string): string => (/^[a-z]{2,3}(-[a-z0-9]{2,8})*$/i.test(tag) ? tag : 'en');

/** A sentence of a record in the editor's language. */
export function inLanguage(english: string): string {
  const texts = vscode.l10n.bundle;
  return texts === undefined ? english : recordedBy(english, texts);
}

/** An error in the editor's language. */
export function errorInLanguage(error: SaidError): string {
  const texts = vscode.l10n.bundle;
  return texts === undefined ? error.message : errorBy(error, texts);
}

/** What went wrong, in the editor's language. */
export const errorWords = (error: unknown): string => errorInLanguage({ message: fileErrorWords(error) });
