import * as vscode from 'vscode';

/** The address of a data file as a record states it; undefined where it is none. */
export function addressOf(uri: string): vscode.Uri | undefined {
  try {
    return vscode.Uri.parse(uri);
  } catch {
    return undefined;
  }
}
