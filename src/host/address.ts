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

/** A file that is named from the folder of another one. */
export function besideOf(uri: vscode.Uri, name: string): vscode.Uri {
  return vscode.Uri.joinPath(uri, '..', name);
}

/** A file as it is named from the folder of another one; undefined where it lies on another file system. */
export function namedBeside(from: vscode.Uri, to: vscode.Uri): string | undefined {
  if (from.scheme !== to.scheme || from.authority !== to.authority) return undefined;
  const [folders, parts] = [from.path.split('/').slice(0, -1), to.path.split('/')];
  let shared = 0;
  while (shared < folders.length && shared < parts.length - 1 && folders[shared] === parts[shared]) shared++;
  return [...folders.slice(shared).map(() => '..'), ...parts.slice(shared)].join('/');
}
