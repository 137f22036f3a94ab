import * as vscode from 'vscode';
import { contextKeys } from '../../shared/manifest.ts';
import { askLine } from '../ui.ts';
import type { LazyRunTree } from './lazyRunTree.ts';
import type { RunStore } from './runStore.ts';
import { RunTree } from './runTree.ts';

/** The tree of runs and the words that a run in it must have. */
export class FilteredRuns {
  readonly tree: RunTree;

  constructor(
    private readonly store: RunStore,
    private readonly view: LazyRunTree,
  ) {
    this.tree = new RunTree(store);
    this.tree.onDidChangeTreeData(() => view.refresh());
  }

  /** Asks for words unless they are given; an empty line takes the filter away. */
  async filter(given: unknown): Promise<void> {
    const words =
      typeof given === 'string'
        ? given
        : await askLine(vscode.l10n.t('Filter Runs'), {
            prompt: vscode.l10n.t(
              'Words that a run must have in its name, file, target, model, size, score or verdict; empty: all runs.',
            ),
            value: this.tree.filter,
            refuse: () => undefined,
          });
    if (words !== undefined) this.set(words);
  }

  set(words: string): void {
    this.tree.setFilter(words);
    const filtered = this.tree.filter !== '';
    this.view.say(
      filtered
        ? vscode.l10n.t('{0} of {1} runs: {2}', this.tree.matching().length, this.store.list().length, this.tree.filter)
        : '',
    );
    void vscode.commands.executeCommand('setContext', contextKeys.runsFiltered, filtered);
  }
}
