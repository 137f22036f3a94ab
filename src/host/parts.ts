import * as vscode from 'vscode';
import { inBrowser } from '../platform/where.ts';
import { type CommandId, type PageType } from '../shared/manifest.ts';
import { commands } from './commands/commands.ts';
import { Comparisons } from './comparison.ts';
import { formulaSetting, keepRuns } from './editorSettings.ts';
import { Explorer } from './explorer.ts';
import { LabPanels } from './lab/labPanels.ts';
import { LessonPanels } from './lesson/lessonPanels.ts';
import { createLog, describe } from './log.ts';
import { PreviewPanels } from './preview/previewPanels.ts';
import { FilteredRuns } from './runs/filteredRuns.ts';
import type { LazyRunTree } from './runs/lazyRunTree.ts';
import { RunDocument, RunEditor } from './runs/runDocument.ts';
import { RunStore } from './runs/runStore.ts';
import type { RunTree } from './runs/runTree.ts';
import { runFile } from '../store/runFiles.ts';
import { toolCalls, type ToolCall } from './toolCalls.ts';
import { reachable } from './train/remoteFile.ts';
import { valueOf } from './train/taskFailure.ts';
import { WorkerClient } from './train/workerClient.ts';

/** What answers the editor. */
export interface Parts {
  readonly run: (id: CommandId, args: readonly unknown[]) => Promise<unknown>;
  /** A page that was open when the window closed. */
  readonly restore: (type: PageType, panel: vscode.WebviewPanel, state: unknown) => Promise<void>;
  readonly runFiles: vscode.CustomReadonlyEditorProvider;
  readonly tool: ToolCall;
  readonly tree: RunTree;
}

/** Puts the parts together; what takes time happens when it is first needed. */
export async function createParts(context: vscode.ExtensionContext, view: LazyRunTree): Promise<Parts> {
  const log = createLog();
  const worker = vscode.Uri.joinPath(context.extensionUri, 'dist', 'worker.js');
  const platform = inBrowser
    ? (await import('../platform/browser/browserHost.ts')).browserHost(worker)
    : (await import('../platform/node/nodeHost.ts')).nodeHost(worker);
  const storage = context.storageUri ?? context.globalStorageUri;
  const runFolder = platform.nameOf(vscode.Uri.joinPath(storage, 'runs'));
  const labFolder = platform.nameOf(vscode.Uri.joinPath(storage, 'lab'));
  const files = new WorkerClient(platform.program, runFolder, () => Promise.resolve(), log);
  const store = new RunStore(
    runFolder,
    platform.files,
    (id) => files.call((api) => api.load(id)).then(valueOf),
    keepRuns,
    log,
  );
  const explorer = new Explorer(context, store, platform, log);
  const labs = new LabPanels(context, explorer, platform, runFolder, labFolder, log);
  const openRunFile = (uri: vscode.Uri): RunDocument => new RunDocument(uri, platform, runFolder, log);
  const placeOfRun = (id: string): vscode.Uri => vscode.Uri.joinPath(storage, runFile('runs', id));
  // a study is processes, of which a browser has none
  const studies = inBrowser
    ? null
    : new (await import('./study/studyPanels.ts')).StudyPanels(context, worker.fsPath, log);
  const lessons = new LessonPanels(context, explorer, (uri) =>
    files.call((api) => api.readLesson(...reachable(uri))).then(valueOf),
  );
  const previews = new PreviewPanels(context, explorer, platform, runFolder);
  const comparisons = new Comparisons(context.extensionUri, explorer, {
    compare: (ids, baseline) => files.call((api) => api.compare(ids, baseline)).then(valueOf),
    write: (ids, baseline, format) =>
      files.call((api) => api.writeComparison(ids, baseline, format, formulaSetting())).then(valueOf),
  });
  const filtered = new FilteredRuns(store, view);
  const opened = store.open().catch((error: unknown) => log.error(`Runs cannot be read: ${describe(error)}`));
  const refresh = (): void => void store.open().catch((error: unknown) => log.error(describe(error)));
  context.subscriptions.push(
    log,
    // another window on the same workspace may have trained, named or deleted runs
    vscode.window.onDidChangeWindowState(({ focused }) => (focused ? refresh() : undefined)),
    files,
    store,
    explorer,
  );
  const pages: Readonly<Record<PageType, vscode.WebviewPanelSerializer<unknown> | null>> = {
    'convexNet.results': explorer,
    'convexNet.comparison': comparisons,
    'convexNet.lab': labs,
    'convexNet.study': studies,
    'convexNet.lesson': lessons,
    'convexNet.preview': previews,
  };
  const call = toolCalls(explorer, (ids) => files.call((api) => api.compareDigest(ids)).then(valueOf));
  return {
    run: commands(
      explorer,
      { labs, lessons, studies, previews, openRunFile, placeOfRun, comparisons, tree: filtered },
      context,
    ),
    restore: async (type, panel, state) => {
      await opened; // pages name runs
      const page = pages[type];
      if (page === null) panel.dispose();
      else await page.deserializeWebviewPanel(panel, state);
    },
    runFiles: new RunEditor(context.extensionUri, openRunFile, (id) => store.get(id) !== undefined, log),
    tool: async (name, input, token) => {
      await opened;
      return call(name, input, token);
    },
    tree: filtered.tree,
  };
}
