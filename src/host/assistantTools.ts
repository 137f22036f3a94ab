import * as vscode from 'vscode';
import { type ToolName, tools } from '../assistant/tools.ts';
import type { ToolCall } from './toolCalls.ts';
import { confirmation } from './ui.ts';

/** Registers the tools of language models. Editors without such tools get none. */
export function registerTools(call: ToolCall): vscode.Disposable[] {
  const api = vscode.lm as typeof vscode.lm | undefined;
  if (api === undefined) return []; // editors that are built on VS Code may leave it out
  return (Object.keys(tools) as ToolName[]).map((key) => {
    const { name, readOnly } = tools[key];
    return vscode.lm.registerTool<unknown>(name, {
      prepareInvocation: ({ input }) =>
        readOnly
          ? {}
          : {
              confirmationMessages: confirmation(
                vscode.l10n.t('Train a convex network'),
                vscode.l10n.t('Train on {0}?', fileOf(input)),
              ),
            },
      invoke: async ({ input }, token) => {
        const text = JSON.stringify(await call(key, input, token));
        return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(text)]);
      },
    });
  });
}

/** The file that an assistant asks for, as the question names it. */
function fileOf(input: unknown): string {
  const file = (input as { readonly file?: unknown } | null)?.file;
  return typeof file === 'string' ? file : '';
}
