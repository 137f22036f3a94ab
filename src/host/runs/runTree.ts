import * as vscode from 'vscode';
import { commandIds } from '../../shared/manifest.ts';
import type { Strength } from '../../shared/verdict.ts';
import type { ListedRun, RunStore, UnreadableRun } from './runStore.ts';

export type RunNode =
  | { readonly kind: 'dataset'; readonly uri: string; readonly name: string; readonly count: number }
  | { readonly kind: 'run'; readonly run: ListedRun }
  | { readonly kind: 'unreadable'; readonly run: UnreadableRun };

const icon = (id: string, color: string): vscode.ThemeIcon =>
  new vscode.ThemeIcon(id, new vscode.ThemeColor(`charts.${color}`));

/** Icons by how far a run is proven: shape first, colour second. */
const icons: Readonly<Record<Strength, vscode.ThemeIcon>> = {
  proven: icon('pass', 'green'),
  bounded: icon('arrow-both', 'blue'),
  searched: icon('search', 'blue'),
  gates: icon('circle-outline', 'blue'),
  stopped: icon('debug-stop', 'yellow'),
  broken: icon('error', 'red'),
};

/** The tree of runs: data files, newest run first, with the runs of each, pinned ones on top. */
export class RunTree implements vscode.TreeDataProvider<RunNode> {
  readonly onDidChangeTreeData: vscode.Event<void>;

  constructor(private readonly store: RunStore) {
    this.onDidChangeTreeData = store.onDidChange;
  }

  getChildren(node?: RunNode): RunNode[] {
    if (node?.kind === 'dataset') {
      const runs = this.store.listFor(node.uri);
      return [...runs.filter((run) => run.pinned), ...runs.filter((run) => !run.pinned)].map((run) => ({
        kind: 'run',
        run,
      }));
    }
    if (node) return [];
    const datasets = new Map<string, RunNode & { kind: 'dataset' }>();
    for (const run of this.store.list()) {
      const known = datasets.get(run.uri);
      datasets.set(run.uri, { kind: 'dataset', uri: run.uri, name: run.name, count: (known?.count ?? 0) + 1 });
    }
    return [...datasets.values(), ...this.store.unreadable.map((run): RunNode => ({ kind: 'unreadable', run }))];
  }

  getTreeItem(node: RunNode): vscode.TreeItem {
    switch (node.kind) {
      case 'dataset': {
        const item = new vscode.TreeItem(node.name, vscode.TreeItemCollapsibleState.Expanded);
        item.id = node.uri;
        item.description = node.count === 1 ? '1 run' : `${node.count} runs`;
        item.iconPath = new vscode.ThemeIcon('table');
        item.contextValue = 'dataset';
        item.resourceUri = vscode.Uri.parse(node.uri);
        item.tooltip = vscode.workspace.asRelativePath(item.resourceUri);
        return item;
      }
      case 'run': {
        const { run } = node;
        const item = new vscode.TreeItem(run.label);
        item.id = run.id;
        item.description = `${run.pinned ? `${vscode.l10n.t('pinned')} · ` : ''}${run.verdict.word} · ${new Date(run.createdAt).toLocaleString()}`;
        item.iconPath = icons[run.verdict.strength];
        item.contextValue = 'run';
        item.tooltip = new vscode.MarkdownString(
          [
            `**${run.target}** · ${run.model} · ${run.verdict.word}`,
            run.verdict.headline,
            `objective ${run.objective.toPrecision(8)}, relative gap ${run.relativeGap.toExponential(1)}`,
            `beta ${run.beta.toPrecision(5)}, ${run.neurons} neurons, ${run.seconds.toFixed(2)} s`,
          ].join('\n\n'),
        );
        item.command = { command: commandIds.openRun, title: 'Open Run', arguments: [node] };
        return item;
      }
      case 'unreadable': {
        const item = new vscode.TreeItem(node.run.id);
        item.id = `unreadable:${node.run.id}`;
        item.description = vscode.l10n.t('cannot be read');
        item.tooltip = node.run.reason;
        item.iconPath = new vscode.ThemeIcon('error', new vscode.ThemeColor('charts.red'));
        item.contextValue = 'unreadable';
        return item;
      }
    }
  }
}
