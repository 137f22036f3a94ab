import * as vscode from 'vscode';
import { registerTools } from './host/assistantTools.ts';
import { registerCommands } from './host/commands/register.ts';
import { Comparisons } from './host/comparison.ts';
import { formulaSetting, keepRuns } from './host/editorSettings.ts';
import { Explorer } from './host/explorer.ts';
import { LabPanels } from './host/lab/labPanels.ts';
import { PreviewPanels } from './host/preview/previewPanels.ts';
import { createLog, describe } from './host/log.ts';
import { RunDocument, RunEditor } from './host/runs/runDocument.ts';
import { RunStore } from './host/runs/runStore.ts';
import { FilteredRuns } from './host/runs/filteredRuns.ts';
import { inBrowser } from './platform/where.ts';
import { LessonPanels } from './host/lesson/lessonPanels.ts';
import { reachable } from './host/train/remoteFile.ts';
import { valueOf } from './host/train/taskFailure.ts';
import { WorkerClient } from './host/train/workerClient.ts';
import { registerEditor } from './host/ui.ts';
import {
  comparisonType,
  labType,
  lessonType,
  panelType,
  previewType,
  runEditorType,
  studyType,
} from './shared/manifest.ts';

/** Puts the parts together; everything that takes time happens when it is first needed. */
export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = createLog();
  const worker = vscode.Uri.joinPath(context.extensionUri, 'dist', 'worker.js');
  const platform = inBrowser
    ? (await import('./platform/browser/browserHost.ts')).browserHost(worker)
    : (await import('./platform/node/nodeHost.ts')).nodeHost(worker);
  const storage = context.storageUri ?? context.globalStorageUri;
  const runFolder = platform.nameOf(vscode.Uri.joinPath(storage, 'runs'));
  const files = new WorkerClient(platform.program, runFolder, () => Promise.resolve(), log);
  const store = new RunStore(
    runFolder,
    platform.files,
    (id) => files.call((api) => api.load(id)).then(valueOf),
    keepRuns,
    log,
  );
  const explorer = new Explorer(context, store, platform, log);
  const labs = new LabPanels(
    context,
    explorer,
    platform,
    runFolder,
    platform.nameOf(vscode.Uri.joinPath(storage, 'lab')),
    log,
  );
  const openRunFile = (uri: vscode.Uri): RunDocument => new RunDocument(uri, platform, runFolder, log);
  // a study is processes, of which a browser has none
  const studies = inBrowser
    ? null
    : new (await import('./host/study/studyPanels.ts')).StudyPanels(context, worker.fsPath, log);
  const lessons = new LessonPanels(context, explorer, (uri) =>
    files.call((api) => api.readLesson(...reachable(uri))).then(valueOf),
  );
  const previews = new PreviewPanels(context, explorer, platform, runFolder);
  const comparisons = new Comparisons(context.extensionUri, explorer, {
    compare: (ids, baseline) => files.call((api) => api.compare(ids, baseline)).then(valueOf),
    write: (ids, baseline, format) =>
      files.call((api) => api.writeComparison(ids, baseline, format, formulaSetting())).then(valueOf),
  });
  const tree = new FilteredRuns(store);
  const opened = store.open().catch((error: unknown) => log.error(`Runs cannot be read: ${describe(error)}`));
  const refresh = (): void => void store.open().catch((error: unknown) => log.error(describe(error)));
  context.subscriptions.push(
    log,
    // another window on the same workspace may have trained, named or deleted runs
    vscode.window.onDidChangeWindowState(({ focused }) => (focused ? refresh() : undefined)),
    files,
    store,
    explorer,
    tree,
    vscode.window.registerWebviewPanelSerializer(panelType, {
      deserializeWebviewPanel: async (panel, state: unknown) => {
        await opened;
        await explorer.deserializeWebviewPanel(panel, state);
      },
    }),
    vscode.window.registerWebviewPanelSerializer(comparisonType, {
      deserializeWebviewPanel: async (panel, state: unknown) => {
        await opened;
        await comparisons.deserializeWebviewPanel(panel, state);
      },
    }),
    vscode.window.registerWebviewPanelSerializer(labType, labs),
    ...(studies === null ? [] : [vscode.window.registerWebviewPanelSerializer(studyType, studies)]),
    vscode.window.registerWebviewPanelSerializer(lessonType, lessons),
    registerEditor(runEditorType, new RunEditor(context.extensionUri, openRunFile, log)),
    vscode.window.registerWebviewPanelSerializer(previewType, previews),
    ...registerTools(explorer, (ids) => files.call((api) => api.compareDigest(ids)).then(valueOf)),
    ...registerCommands(explorer, { labs, lessons, studies, previews, openRunFile, comparisons, tree }, context),
  );
}
