import * as vscode from 'vscode';

/** The address of a data file as a record states it; undefined where it is none. */
export function addressOf(uri: string): vscode.Uri | undefined {
  try {
    return vscode.Uri.parse(uri);
  } catch {
    return undefined;
  }
}

/** The last part of an address. */
export function fileName(uri: vscode.Uri): string {
  return uri.path.slice(uri.path.lastIndexOf('/') + 1);
}

/** The end of a file name with its dot; empty where there is none. */
export function extensionOf(name: string): string {
  return /[^.](\.[^.]*)$/.exec(name)?.[1] ?? '';
}
