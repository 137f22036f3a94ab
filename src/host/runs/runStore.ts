import * as vscode from 'vscode';
import type { Files } from '../../platform/platform.ts';
import type { RunSummary } from '../../shared/runSummary.ts';
import { RunFolder } from '../../store/runFolder.ts';
import type { PanelRun } from '../../worker/api.ts';

export { type ListedRun, nameLimit, type UnreadableRun } from '../../store/runFolder.ts';

/** The runs of this workspace, for the editor: told when they change. */
export class RunStore extends RunFolder {
  private readonly emitter: vscode.EventEmitter<void>;
  readonly onDidChange: vscode.Event<void>;

  constructor(
    folder: string,
    files: Files,
    /** Reads a run, elsewhere than on this thread: runs may be large. */
    readonly load: (id: string) => Promise<PanelRun & { readonly summary: RunSummary }>,
    /** How many runs to keep, as a person set it. */
    keep: () => unknown,
    log: vscode.LogOutputChannel,
  ) {
    const emitter = new vscode.EventEmitter<void>();
    super(folder, { files, load, keep, log, changed: () => emitter.fire() });
    this.emitter = emitter;
    this.onDidChange = emitter.event;
  }

  dispose(): void {
    this.emitter.dispose();
  }
}
