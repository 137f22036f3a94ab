import * as vscode from 'vscode';
import { contextKeys, runsView } from '../../shared/manifest.ts';
import { askLine, createTree } from '../ui.ts';
import type { RunStore } from './runStore.ts';
import { RunTree } from './runTree.ts';

/** The tree of runs and the words that a run in it must have. */
export class FilteredRuns implements vscode.Disposable {
  readonly tree: RunTree;
  private readonly view: ReturnType<typeof createTree>;

  constructor(private readonly store: RunStore) {
    this.tree = new RunTree(store);
    this.view = createTree(runsView, this.tree);
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

  dispose(): void {
    this.view.dispose();
  }
}
