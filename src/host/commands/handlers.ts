import * as vscode from 'vscode';
import type { CommandId } from '../../shared/manifest.ts';
import type { Explorer } from '../explorer.ts';
import type { RunNode } from '../runs/runTree.ts';
import type { Dataset } from '../train/dataset.ts';
import { TaskFailure } from '../train/taskFailure.ts';

/** What a command does; arguments come from menus, key bindings and other extensions, so they may be anything. */
export type Handler = (...args: unknown[]) => Promise<unknown>;

/** The commands of one subject. */
export type Handlers<Id extends CommandId> = Readonly<Record<Id, Handler>>;

export type DatasetWithRun = Dataset & { readonly run: NonNullable<Dataset['run']> };

/**
 * The data set that is open, with its run.
 * @throws {TaskFailure} when there is none
 */
export function withRun(explorer: Explorer): DatasetWithRun {
  const dataset = explorer.current;
  if (!dataset?.run) throw new TaskFailure({ message: vscode.l10n.t('Train a network or open a run first.') });
  return dataset as DatasetWithRun;
}

/** The id of a run: given by it, or by its node in the tree. */
export function idOf(run: unknown): string | undefined {
  if (typeof run === 'string') return run;
  if (typeof run !== 'object' || run === null || !('kind' in run)) return undefined;
  const node = run as RunNode;
  return node.kind === 'dataset' ? undefined : node.run.id;
}
