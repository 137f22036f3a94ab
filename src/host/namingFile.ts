import path from 'node:path';
import * as vscode from 'vscode';
import { fileErrorWords } from '../core/base/fileErrors.ts';

/** What the editor's file system does with a file; when it fails, the error names the file once and gives the reason in words. */
export async function namingFile<T>(uri: vscode.Uri, failed: string, work: Thenable<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new Error(`${path.posix.basename(uri.path)} ${failed}: ${fileErrorWords(error)}.`, { cause: error });
  }
}
