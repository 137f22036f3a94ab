import * as vscode from 'vscode';
import { fileName } from '../address.ts';
import type { RemoteFile, SourceSpec } from '../../worker/api.ts';

export function sourceSpec(uri: vscode.Uri): SourceSpec {
  return {
    uri: uri.toString(),
    name: fileName(uri),
    path: uri.scheme === 'file' ? uri.fsPath : null,
  };
}

/** A file that a worker cannot reach itself (virtual workspaces), through the editor's file system. */
export function remoteFile(uri: vscode.Uri): RemoteFile {
  return {
    read: async () => vscode.workspace.fs.readFile(uri),
    stat: async () => {
      try {
        const { size, mtime } = await vscode.workspace.fs.stat(uri);
        return { size, mtime };
      } catch {
        return null;
      }
    },
  };
}
