import * as vscode from 'vscode';
import { commandIds } from '../../shared/manifest.ts';
import type { Explorer } from '../explorer.ts';
import { importRun } from '../runs/importRun.ts';
import type { RunDocument } from '../runs/runDocument.ts';
import { nameLimit } from '../runs/runStore.ts';
import { TaskFailure } from '../train/taskFailure.ts';
import { askLine, askWhichFile, notify, pickFrom } from '../ui.ts';
import { type Handlers, idOf } from './handlers.ts';

/** Commands about runs on disk: `run` is one of the tree (its node), its id, or left out, then it is picked. */
export function runCommands(
  explorer: Explorer,
  openRunFile: (uri: vscode.Uri) => RunDocument,
): Handlers<
  | typeof commandIds.importRun
  | typeof commandIds.openRun
  | typeof commandIds.renameRun
  | typeof commandIds.pinRun
  | typeof commandIds.deleteRun
> {
  return {
    [commandIds.openRun]: async (run) => {
      const id = idOf(run) ?? (await pickRun(explorer));
      return id === undefined ? undefined : explorer.openRun(id);
    },
    [commandIds.renameRun]: async (run, name) => {
      const id = idOf(run) ?? (await pickRun(explorer));
      if (id !== undefined) await renameRun(explorer, id, name);
    },
    [commandIds.pinRun]: async (run) => {
      const id = idOf(run) ?? (await pickRun(explorer));
      if (id !== undefined) await explorer.store.pin(id, explorer.store.get(id)?.pinned !== true);
    },
    [commandIds.importRun]: async (file) => {
      const uri =
        file instanceof vscode.Uri ? file : await askWhichFile(vscode.l10n.t('Import Run'), { Run: ['json'] });
      if (uri === undefined) return undefined;
      const document = openRunFile(uri);
      try {
        const summary = await importRun(document, explorer.store);
        return summary && (await explorer.openRun(summary.id));
      } finally {
        document.dispose();
      }
    },
    [commandIds.deleteRun]: async (run) => {
      const id = idOf(run) ?? (await pickRun(explorer));
      if (id !== undefined) await deleteRun(explorer, id);
    },
  };
}

async function pickRun(explorer: Explorer): Promise<string | undefined> {
  const items = explorer.store.list().map((run) => ({
    label: run.label,
    description: new Date(run.createdAt).toLocaleString(),
    id: run.id,
  }));
  if (items.length === 0) throw new TaskFailure({ message: vscode.l10n.t('There are no runs in this workspace yet.') });
  const picked = await pickFrom(items, {
    title: vscode.l10n.t('Runs'),
  });
  return picked?.id;
}

async function renameRun(explorer: Explorer, id: string, given: unknown): Promise<void> {
  const name =
    typeof given === 'string'
      ? given
      : await askLine(vscode.l10n.t('Rename Run'), {
          prompt: vscode.l10n.t(
            'A name of your own; empty for the one that was made from file, target, beta and verdict.',
          ),
          value: explorer.store.get(id)?.label ?? '',
          refuse: (text) =>
            text.trim().length > nameLimit ? vscode.l10n.t('At most {0} characters.', nameLimit) : undefined,
        });
  if (name !== undefined) await explorer.store.rename(id, name);
}

async function deleteRun(explorer: Explorer, id: string): Promise<void> {
  const label = explorer.store.get(id)?.label ?? id;
  const restore = await explorer.store.remove(id);
  const undo = vscode.l10n.t('Undo');
  const picked = await notify.info(vscode.l10n.t('Deleted the run {0}.', label), undo);
  if (picked === undo) await restore();
}
