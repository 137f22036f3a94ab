import * as vscode from 'vscode';
import { createTree } from '../ui.ts';
import type { RunNode, RunTree } from './runTree.ts';

/** The view of runs, there from the start; the tree in it is made when the view is first looked at. */
export class LazyRunTree implements vscode.TreeDataProvider<RunNode>, vscode.Disposable {
  private readonly changed = new vscode.EventEmitter<void>();
  readonly onDidChangeTreeData = this.changed.event;
  private readonly view: ReturnType<typeof createTree>;

  constructor(
    view: string,
    private readonly tree: () => Promise<RunTree>,
  ) {
    this.view = createTree(view, this);
  }

  async getChildren(node?: RunNode): Promise<RunNode[]> {
    return (await this.tree()).getChildren(node);
  }

  async getTreeItem(node: RunNode): Promise<vscode.TreeItem> {
    return (await this.tree()).getTreeItem(node);
  }

  /** Shows what the tree has now. */
  refresh(): void {
    this.changed.fire();
  }

  /** A line above the tree; empty: none. */
  say(text: string): void {
    this.view.say(text);
  }

  dispose(): void {
    this.view.dispose();
    this.changed.dispose();
  }
}
