import { proxy } from 'comlink';
import * as vscode from 'vscode';
import type { FileStamp } from '../../core/data/source.ts';
import { besideOf, fileName } from '../address.ts';
import type { RemoteFile, SourceSpec } from '../../worker/api.ts';

export function sourceSpec(uri: vscode.Uri): SourceSpec {
  return {
    uri: uri.toString(),
    name: fileName(uri),
    path: uri.scheme === 'file' ? uri.fsPath : null,
  };
}

/** A file as calls of a worker take it: with its bytes from here where the worker cannot reach it itself. */
export function reachable(uri: vscode.Uri): [SourceSpec, RemoteFile | null] {
  return [sourceSpec(uri), uri.scheme === 'file' ? null : proxy(remoteFile(uri))];
}

/** The text of an open editor as it stands, in place of its file. */
export function reachableText(uri: vscode.Uri): [SourceSpec, RemoteFile] {
  return [{ ...sourceSpec(uri), path: null }, proxy(editorText(uri))];
}

/** A file or the text of its editor, as it is to be read. */
export const reachableAs = (uri: vscode.Uri, source: 'text' | 'file'): [SourceSpec, RemoteFile | null] =>
  source === 'text' ? reachableText(uri) : reachable(uri);

/** A file that a worker cannot reach itself (virtual workspaces), through the editor's file system. */
function remoteFile(uri: vscode.Uri): RemoteFile {
  return { read: async () => vscode.workspace.fs.readFile(uri), stat: () => stampOf(uri), ...besides(uri) };
}

async function stampOf(uri: vscode.Uri): Promise<FileStamp | null> {
  try {
    const { size, mtime } = await vscode.workspace.fs.stat(uri);
    return { size, mtime };
  } catch {
    return null;
  }
}

/** Files that are named from the folder of one. */
function besides(uri: vscode.Uri): Pick<RemoteFile, 'readBeside' | 'statBeside'> {
  return {
    readBeside: async (name) => vscode.workspace.fs.readFile(besideOf(uri, name)),
    statBeside: (name) => stampOf(besideOf(uri, name)),
  };
}

/** What was not saved, or has no file, as a file. */
function editorText(uri: vscode.Uri): RemoteFile {
  const bytes = (): Uint8Array | null => {
    const text = openDocument(uri)?.getText();
    return text === undefined ? null : new TextEncoder().encode(text);
  };
  return {
    read: () => {
      const now = bytes();
      return now === null
        ? Promise.reject(new Error(vscode.l10n.t('{0} is not open any more.', fileName(uri))))
        : Promise.resolve(now);
    },
    stat: () => {
      const now = bytes();
      return Promise.resolve(now === null ? null : { size: now.length, mtime: openDocument(uri)!.version });
    },
    ...besides(uri),
  };
}

export function openDocument(uri: vscode.Uri): vscode.TextDocument | undefined {
  return vscode.workspace.textDocuments.find((document) => document.uri.toString() === uri.toString());
}
