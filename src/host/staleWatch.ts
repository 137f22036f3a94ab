import * as vscode from 'vscode';
import type { HostPlatform } from '../platform/platform.ts';
import type { Dataset } from './train/dataset.ts';

/** A file that is being written changes many times; only its state after a pause counts. */
const settleMs = 300;

/** Marks a data set as stale when its file is no longer what its run was trained on: changed, or gone. */
export function watchForChanges(dataset: Dataset, platform: HostPlatform): vscode.Disposable {
  if (dataset.uri.scheme === 'untitled') return new vscode.Disposable(() => undefined); // there is no file
  const folder = vscode.Uri.joinPath(dataset.uri, '..');
  const watcher = vscode.workspace.createFileSystemWatcher(new vscode.RelativePattern(folder, dataset.name));
  let timer: NodeJS.Timeout | undefined;
  let checked = '';
  const check = async (): Promise<void> => {
    const trained = dataset.run?.summary.sha256;
    if (trained === undefined) return;
    const now = await platform.sha256(dataset.uri).catch(() => null);
    if (dataset.run?.summary.sha256 === trained) dataset.setStale(now !== trained);
  };
  const later = (): void => {
    clearTimeout(timer);
    timer = setTimeout(() => void check(), settleMs);
  };
  const subscriptions = [
    watcher,
    watcher.onDidChange(later),
    watcher.onDidCreate(later),
    watcher.onDidDelete(later),
    // A run that comes from disk may be of an older state of the file.
    dataset.onDidChange(() => {
      const id = dataset.run?.summary.id ?? '';
      if (id === checked || dataset.training) return;
      checked = id;
      later();
    }),
    new vscode.Disposable(() => clearTimeout(timer)),
  ];
  return vscode.Disposable.from(...subscriptions);
}
