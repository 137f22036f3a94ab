import * as vscode from 'vscode';
import { errorWords } from './inLanguage.ts';
import { fileName } from './address.ts';

/** What the editor's file system does with a file; when it fails, the error names the file once and gives the reason in words. */
export async function namingFile<T>(uri: vscode.Uri, failed: string, work: Thenable<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new Error(`${fileName(uri)} ${failed}: ${errorWords(error)}.`, { cause: error });
  }
}
