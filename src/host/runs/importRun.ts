import * as vscode from 'vscode';
import type { HostPlatform } from '../../platform/platform.ts';
import type { RunSummary } from '../../shared/runSummary.ts';
import { askWhichFile, notify } from '../ui.ts';
import type { RunDocument } from './runDocument.ts';
import type { RunStore } from './runStore.ts';

/**
 * Puts a run from a file among the runs of this window. A run does not say where its data is: the file of its name beside it when that has the
 * content it was trained on, else the one that the person names. Undefined when they name none.
 */
export async function importRun(
  document: RunDocument,
  store: RunStore,
  platform: HostPlatform,
): Promise<RunSummary | undefined> {
  const { record, summary } = await document.load();
  const known = store.get(summary.id);
  if (known) return known;
  const data = await dataOf(document.uri, record.dataset, (uri) => platform.sha256(uri).catch(() => null));
  if (data === undefined) return undefined;
  const own = await document.adopt(data);
  await store.add(own);
  return own;
}

async function dataOf(
  runFile: vscode.Uri,
  { name, sha256 }: { readonly name: string; readonly sha256: string },
  fingerprint: (uri: vscode.Uri) => Promise<string | null>,
): Promise<vscode.Uri | undefined> {
  // the name comes from a file: it must not lead out of the folder
  if (/^[^/\\]+$/.test(name) && name !== '..') {
    const beside = vscode.Uri.joinPath(runFile, '..', name);
    if ((await fingerprint(beside)) === sha256) return beside;
  }
  const picked = await askWhichFile(vscode.l10n.t('The Data of the Run: {0}', name), { Data: ['csv', 'tsv', 'txt'] });
  if (picked !== undefined && (await fingerprint(picked)) !== sha256)
    void notify.warn(vscode.l10n.t('This file differs from the one that the run was trained on.'));
  return picked;
}
