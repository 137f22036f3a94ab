import * as vscode from 'vscode';
import { temporarySuffix } from '../../store/runFiles.ts';
import type { Files } from '../platform.ts';

/** Node's codes for what the editor's file systems say. */
const codes: Readonly<Record<string, string>> = {
  FileNotFound: 'ENOENT',
  FileExists: 'EEXIST',
  NoPermissions: 'EACCES',
  FileIsADirectory: 'EISDIR',
  FileNotADirectory: 'ENOTDIR',
};

async function coded<T>(work: Thenable<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const code = error instanceof vscode.FileSystemError ? codes[error.code] : undefined;
    throw code === undefined ? error : Object.assign(new Error((error as Error).message), { code });
  }
}

const uriOf = (file: string): vscode.Uri => vscode.Uri.parse(file);
const move = (from: string, to: string, overwrite: boolean): Promise<void> =>
  coded(vscode.workspace.fs.rename(uriOf(from), uriOf(to), { overwrite }));
const read = async (file: string): Promise<string> =>
  new TextDecoder().decode(await coded(vscode.workspace.fs.readFile(uriOf(file))));

async function remove(file: string): Promise<void> {
  await coded(vscode.workspace.fs.delete(uriOf(file), { useTrash: false })).catch((error: unknown) => {
    if ((error as { readonly code?: unknown }).code !== 'ENOENT') throw error;
  });
}

/** Files of the editor's file systems, by their addresses. */
export const editorFiles: Files = {
  makeFolder: (folder) => coded(vscode.workspace.fs.createDirectory(uriOf(folder))),
  names: async (folder) => {
    const entries = await coded(vscode.workspace.fs.readDirectory(uriOf(folder)));
    return entries.filter(([, type]) => type === vscode.FileType.File).map(([name]) => name);
  },
  read,
  readSmall: read,
  stat: async (file) => {
    const { size, mtime } = await coded(vscode.workspace.fs.stat(uriOf(file)));
    return { size, mtimeMs: mtime };
  },
  writeWhole: async (file, content) => {
    const temporary = `${file}.${crypto.randomUUID()}${temporarySuffix}`;
    try {
      const bytes = typeof content === 'string' ? new TextEncoder().encode(content) : content;
      await coded(vscode.workspace.fs.writeFile(uriOf(temporary), bytes));
      await move(temporary, file, true);
    } catch (error) {
      await remove(temporary).catch(() => undefined);
      throw error;
    }
  },
  move: (from, to) => move(from, to, true),
  moveToFree: (from, to) => move(from, to, false),
  remove,
};
