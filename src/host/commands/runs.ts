import * as vscode from 'vscode';
import { commandIds, runEditorType } from '../../shared/manifest.ts';
import type { Comparisons } from '../comparison.ts';
import type { Explorer } from '../explorer.ts';
import type { FilteredRuns } from '../runs/filteredRuns.ts';
import { importRun } from '../runs/importRun.ts';
import type { RunDocument } from '../runs/runDocument.ts';
import { nameLimit } from '../runs/runStore.ts';
import { timeText } from '../runs/runTree.ts';
import { TaskFailure } from '../train/taskFailure.ts';
import { askLine, askWhichFile, notify, pickFrom, pickSeveral } from '../ui.ts';
import { type Handlers, idOf } from './handlers.ts';

/** What commands about runs work with, besides the runs on disk. */
export interface RunTools {
  readonly openRunFile: (uri: vscode.Uri) => RunDocument;
  /** Where a run of the store is kept. */
  readonly placeOfRun: (id: string) => vscode.Uri;
  readonly comparisons: Comparisons;
  readonly tree: FilteredRuns;
}

/** Commands about runs on disk: `run` is one of the tree (its node), its id, or left out, then it is picked. */
export function runCommands(
  explorer: Explorer,
  { openRunFile, placeOfRun, comparisons, tree }: RunTools,
): Handlers<
  | typeof commandIds.compareRuns
  | typeof commandIds.exportComparison
  | typeof commandIds.filterRuns
  | typeof commandIds.clearRunFilter
  | typeof commandIds.importRun
  | typeof commandIds.openRun
  | typeof commandIds.openRunBeside
  | typeof commandIds.renameRun
  | typeof commandIds.pinRun
  | typeof commandIds.deleteRun
> {
  return {
    [commandIds.openRun]: async (run) => {
      const id = idOf(run) ?? (await pickRun(explorer));
      return id === undefined ? undefined : explorer.openRun(id);
    },
    // a page of its own, which stays with this run while the panel of the file goes on
    [commandIds.openRunBeside]: async (run) => {
      const id = idOf(run) ?? (await pickRun(explorer));
      if (id === undefined) return;
      if (explorer.store.get(id) === undefined) return void (await explorer.openRun(id));
      const { Beside } = vscode.ViewColumn;
      await vscode.commands.executeCommand('vscode.openWith', placeOfRun(id), runEditorType, Beside);
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
        const summary = await importRun(document, explorer.store, explorer.platform);
        return summary && (await explorer.openRun(summary.id));
      } finally {
        document.dispose();
      }
    },
    [commandIds.compareRuns]: async (run, chosen) => {
      const ids = chosenRuns(run, chosen) ?? (await pickRuns(explorer));
      if (ids.length > 0) await comparisons.open(ids);
    },
    [commandIds.exportComparison]: async () => {
      const format = await pickFrom(
        [
          { label: 'HTML', format: 'html' as const },
          { label: 'Markdown', format: 'md' as const },
          { label: 'CSV', format: 'csv' as const },
        ],
        { title: vscode.l10n.t('Export Comparison') },
      );
      return format && comparisons.export(format.format);
    },
    [commandIds.filterRuns]: (words) => tree.filter(words),
    [commandIds.clearRunFilter]: () => Promise.resolve(tree.set('')),
    [commandIds.deleteRun]: async (run) => {
      const id = idOf(run) ?? (await pickRun(explorer));
      if (id !== undefined) await deleteRun(explorer, id);
    },
  };
}

/** The runs that were chosen in the tree, the one that was clicked first; ids, from elsewhere. Undefined when none are given. */
function chosenRuns(clicked: unknown, chosen: unknown): string[] | undefined {
  const given: readonly unknown[] = Array.isArray(clicked) ? clicked : Array.isArray(chosen) ? chosen : [];
  const ids = [...(Array.isArray(clicked) ? [] : [clicked]), ...given].flatMap((run) => idOf(run) ?? []);
  return ids.length < 2 ? undefined : [...new Set(ids)];
}

/** Several runs from a list, then which of them is the baseline; empty when the person names none. */
async function pickRuns(explorer: Explorer): Promise<string[]> {
  const several = await pickSeveral(runItems(explorer), vscode.l10n.t('Runs to compare (2 to 20)'));
  if (several.length < 2) return [];
  const baseline = await pickFrom(several, { title: vscode.l10n.t('Which of them is the baseline?') });
  if (baseline === undefined) return [];
  return [baseline.id, ...several.flatMap(({ id }) => (id === baseline.id ? [] : [id]))];
}

function runItems(explorer: Explorer): { label: string; description: string; id: string }[] {
  const items = explorer.store.list().map((run) => ({
    label: run.label,
    description: timeText(run.createdAt),
    id: run.id,
  }));
  if (items.length === 0) throw new TaskFailure({ message: vscode.l10n.t('There are no runs in this workspace yet.') });
  return items;
}

async function pickRun(explorer: Explorer): Promise<string | undefined> {
  const picked = await pickFrom(runItems(explorer), {
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
