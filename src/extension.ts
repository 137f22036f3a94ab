import path from 'node:path';
import * as vscode from 'vscode';
import { registerTools } from './host/assistantTools.ts';
import { registerCommands } from './host/commands/register.ts';
import { Comparisons } from './host/comparison.ts';
import { keepRuns } from './host/editorSettings.ts';
import { Explorer } from './host/explorer.ts';
import { LabPanels } from './host/lab/labPanels.ts';
import { PreviewPanels } from './host/preview/previewPanels.ts';
import { createLog, describe } from './host/log.ts';
import { RunDocument, RunEditor } from './host/runs/runDocument.ts';
import { RunStore } from './host/runs/runStore.ts';
import { RunTree } from './host/runs/runTree.ts';
import { StudyPanels } from './host/study/studyPanels.ts';
import { valueOf } from './host/train/taskFailure.ts';
import { WorkerClient } from './host/train/workerClient.ts';
import { createTree, registerEditor } from './host/ui.ts';
import { labType, panelType, previewType, runEditorType, runsView, studyType } from './shared/manifest.ts';

/** Puts the parts together; everything that takes time happens when it is first needed. */
export function activate(context: vscode.ExtensionContext): void {
  const log = createLog();
  const workerFile = path.join(__dirname, 'worker.js');
  const storage = context.storageUri ?? context.globalStorageUri;
  const runFolder = vscode.Uri.joinPath(storage, 'runs').fsPath;
  const files = new WorkerClient(workerFile, runFolder, () => Promise.resolve(), log);
  const store = new RunStore(runFolder, (id) => files.call((api) => api.load(id)).then(valueOf), keepRuns, log);
  const explorer = new Explorer(context, store, workerFile, log);
  const labs = new LabPanels(context, explorer, workerFile, runFolder, vscode.Uri.joinPath(storage, 'lab').fsPath, log);
  const openRunFile = (uri: vscode.Uri): RunDocument => new RunDocument(uri, workerFile, runFolder, log);
  const studies = new StudyPanels(context, workerFile, log);
  const previews = new PreviewPanels(context, explorer, workerFile, runFolder);
  const comparisons = new Comparisons(store, (ids, format) =>
    files.call((api) => api.compare(ids, format)).then(valueOf),
  );
  const opened = store.open().catch((error: unknown) => log.error(`Runs cannot be read: ${describe(error)}`));
  const refresh = (): void => void store.open().catch((error: unknown) => log.error(describe(error)));
  context.subscriptions.push(
    log,
    // another window on the same workspace may have trained, named or deleted runs
    vscode.window.onDidChangeWindowState(({ focused }) => (focused ? refresh() : undefined)),
    files,
    store,
    explorer,
    createTree(runsView, new RunTree(store)),
    vscode.window.registerWebviewPanelSerializer(panelType, {
      deserializeWebviewPanel: async (panel, state: unknown) => {
        await opened;
        await explorer.deserializeWebviewPanel(panel, state);
      },
    }),
    vscode.window.registerWebviewPanelSerializer(labType, labs),
    vscode.window.registerWebviewPanelSerializer(studyType, studies),
    registerEditor(runEditorType, new RunEditor(context.extensionUri, openRunFile, log)),
    vscode.window.registerWebviewPanelSerializer(previewType, previews),
    ...registerTools(explorer, (ids) => files.call((api) => api.compare(ids, 'json')).then(valueOf)),
    ...registerCommands(explorer, { labs, studies, previews, openRunFile, comparisons }, context),
  );
}
