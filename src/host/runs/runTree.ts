import { inLanguage } from '../inLanguage.ts';
import * as vscode from 'vscode';
import { commandIds } from '../../shared/manifest.ts';
import type { Strength } from '../../shared/verdict.ts';
import { addressOf } from '../address.ts';
import { treeItem } from '../ui.ts';
import type { ListedRun, RunStore, UnreadableRun } from './runStore.ts';

export type RunNode =
  | {
      readonly kind: 'dataset';
      readonly uri: string;
      readonly name: string;
      readonly count: number;
      /** Its folder, where another file has the same name. */
      readonly place?: string;
    }
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

/** Made once: thousands of runs are listed. */
const times = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'medium' });

export function timeText(createdAt: string): string {
  const time = new Date(createdAt);
  return Number.isNaN(time.getTime()) ? createdAt : times.format(time);
}

/** The tree of runs: data files, newest run first, with the runs of each, pinned ones on top. */
export class RunTree implements vscode.TreeDataProvider<RunNode> {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.changed.event;
  private words = '';

  constructor(private readonly store: RunStore) {
    store.onDidChange(() => this.changed.fire());
  }

  get filter(): string {
    return this.words;
  }

  /** Shows only runs that have all of these words, in any case. */
  setFilter(words: string): void {
    this.words = words.trim();
    this.changed.fire();
  }

  /** The runs that the filter leaves, newest first. */
  matching(): readonly ListedRun[] {
    const wanted = this.words.toLocaleLowerCase().split(/\s+/);
    return this.store.list().filter((run) => {
      const text = searchText(run);
      return wanted.every((word) => text.includes(word));
    });
  }

  getChildren(node?: RunNode): RunNode[] {
    if (node?.kind === 'dataset') {
      const runs = this.matching().filter(({ uri }) => uri === node.uri);
      return [...runs.filter((run) => run.pinned), ...runs.filter((run) => !run.pinned)].map((run) => ({
        kind: 'run',
        run,
      }));
    }
    if (node) return [];
    const datasets = new Map<string, RunNode & { kind: 'dataset' }>();
    for (const run of this.matching()) {
      const known = datasets.get(run.uri);
      datasets.set(run.uri, { kind: 'dataset', uri: run.uri, name: run.name, count: (known?.count ?? 0) + 1 });
    }
    const told = [...datasets.values()].map((node): RunNode => {
      const same = [...datasets.values()].filter(({ name }) => name === node.name).length > 1;
      return same ? { ...node, place: placeOf(node.uri) } : node;
    });
    const unreadable = this.words === '' ? this.store.unreadable : [];
    return [...told, ...unreadable.map((run): RunNode => ({ kind: 'unreadable', run }))];
  }

  getTreeItem(node: RunNode): vscode.TreeItem {
    switch (node.kind) {
      case 'dataset': {
        const resource = addressOf(node.uri);
        return treeItem({
          id: node.uri,
          label: node.name,
          description: [
            node.count === 1 ? vscode.l10n.t('1 run') : vscode.l10n.t('{0} runs', node.count),
            ...(node.place === undefined ? [] : [node.place]),
          ].join(' · '),
          tooltip: [resource === undefined ? node.uri : vscode.workspace.asRelativePath(resource)],
          icon: new vscode.ThemeIcon('table'),
          kind: 'dataset',
          expanded: true,
          ...(resource === undefined ? {} : { resource }),
        });
      }
      case 'run': {
        const { run } = node;
        return treeItem({
          id: run.id,
          // the file is the entry above
          label: run.named ? run.label : `${run.target}: ${run.model}`,
          description: columnsOf(run).join(' · '),
          tooltip: [
            run.label,
            `${run.target} · ${run.model} · ${vscode.l10n.t(run.verdict.word)}`,
            inLanguage(run.verdict.headline),
            vscode.l10n.t(
              'objective {0}, relative gap {1}',
              run.objective.toPrecision(8),
              run.relativeGap.toExponential(1),
            ),
            `${vscode.l10n.t('beta')} ${run.beta.toPrecision(5)}, ${run.size}, ${run.seconds.toFixed(2)} s`,
          ],
          icon: icons[run.verdict.strength],
          kind: 'run',
          command: { command: commandIds.openRun, title: vscode.l10n.t('Open Run'), arguments: [node] },
        });
      }
      case 'unreadable':
        return treeItem({
          id: `unreadable:${node.run.id}`,
          label: node.run.id,
          description: vscode.l10n.t('cannot be read'),
          tooltip: [node.run.reason],
          icon: new vscode.ThemeIcon('error', new vscode.ThemeColor('charts.red')),
          kind: 'unreadable',
        });
    }
  }
}

/** All words of a run that a filter looks at: those of its entry, and its file and target. */
function searchText(run: ListedRun): string {
  return [run.label, run.name, run.target, run.model, ...columnsOf(run)].join(' ').toLocaleLowerCase();
}

/** What differs between runs of one file, in the order in which one looks for it. */
function columnsOf(run: ListedRun): string[] {
  const { betaShare, score, size, verdict, createdAt } = run;
  return [
    ...(run.pinned ? [vscode.l10n.t('pinned')] : []),
    ...(run.named ? [run.model] : []),
    `${vscode.l10n.t('beta')} ${betaShare === null ? run.beta.toPrecision(3) : `${Number((100 * betaShare).toPrecision(3))} %`}`,
    size,
    ...(score === null
      ? []
      : [
          `${vscode.l10n.t(score.measure)} ${score.value.toPrecision(3)}${score.tested ? '' : ` (${vscode.l10n.t('train')})`}`,
        ]),
    vscode.l10n.t(verdict.word),
    timeText(createdAt),
  ];
}

/** The folder of a file, in the workspace where it is in one. */
function placeOf(uri: string): string {
  const address = addressOf(uri);
  return address === undefined ? uri : vscode.workspace.asRelativePath(vscode.Uri.joinPath(address, '..'));
}
