import * as vscode from 'vscode';
import { registerTools } from './host/assistantTools.ts';
import type { Parts } from './host/parts.ts';
import { LazyRunTree } from './host/runs/lazyRunTree.ts';
import { registerEditor } from './host/ui.ts';
import { type CommandId, commandIds, pageTypes, runEditorType, runsView } from './shared/manifest.ts';

/** Registers everything that the editor may ask for; what answers is loaded and put together when it first asks (`host/parts.ts`). */
export function activate(context: vscode.ExtensionContext): void {
  let made: Promise<Parts> | undefined;
  const parts = (): Promise<Parts> =>
    (made ??= import('./host/parts.ts').then(({ createParts }) => createParts(context, runs)));
  const runs = new LazyRunTree(runsView, async () => (await parts()).tree);
  context.subscriptions.push(
    runs,
    ...Object.values(commandIds).map((id: CommandId) =>
      vscode.commands.registerCommand(id, async (...args: unknown[]) => (await parts()).run(id, args)),
    ),
    ...pageTypes.map((type) =>
      vscode.window.registerWebviewPanelSerializer(type, {
        deserializeWebviewPanel: async (panel, state: unknown) => (await parts()).restore(type, panel, state),
      }),
    ),
    registerEditor(runEditorType, {
      openCustomDocument: async (...of) => (await parts()).runFiles.openCustomDocument(...of),
      resolveCustomEditor: async (...of) => (await parts()).runFiles.resolveCustomEditor(...of),
    }),
    ...registerTools(async (name, input, token) => (await parts()).tool(name, input, token)),
  );
}
