import * as v from 'valibot';
import * as vscode from 'vscode';
import { editorToolInputs } from '../assistant/toolInputs.ts';
import { headOfCsv, tools } from '../assistant/tools.ts';
import { runDigest } from '../shared/runDigest.ts';
import type { RunSummary } from '../shared/runSummary.ts';
import { trainSettingsSchema } from '../shared/settingsSchema.ts';
import type { Explorer } from './explorer.ts';
import { TaskFailure } from './train/taskFailure.ts';
import { readTrainingSettings } from './trainingSettings.ts';
import { confirmation } from './ui.ts';

type ToolName = keyof typeof tools;
type Inputs = { readonly [K in ToolName]: v.InferOutput<(typeof editorToolInputs)[K]> };

/** What a tool does: text for a language model, of plain data. */
type Calls = {
  readonly [K in ToolName]: (input: Inputs[K], token: vscode.CancellationToken) => Promise<unknown>;
};

/** The tools of language models: the same numbers and words as the panel. Editors without such tools get none. */
export function registerTools(
  explorer: Explorer,
  compare: (ids: readonly string[]) => Promise<string>,
): vscode.Disposable[] {
  const api = vscode.lm as typeof vscode.lm | undefined;
  if (api === undefined) return []; // editors that are built on VS Code may leave it out
  const calls: Calls = {
    inspect: async ({ file }, token) => {
      const dataset = explorer.dataset(addressOfFile(file));
      const inUse = dataset.use();
      const off = token.onCancellationRequested(() => dataset.stopLooking());
      try {
        return await dataset.inspect();
      } finally {
        off.dispose();
        inUse.dispose();
      }
    },
    train: async ({ file, target, model, betaShare }, token) => {
      const uri = addressOfFile(file);
      const dataset = explorer.dataset(uri);
      const settings = v.parse(trainSettingsSchema, {
        ...readTrainingSettings(uri, explorer.log),
        ...(target === undefined ? {} : { target }),
        ...(model === undefined ? {} : { model, batchNorm: false }),
        ...(betaShare === undefined ? {} : { beta: { kind: 'relative', value: betaShare } }),
      });
      const off = token.onCancellationRequested(() => dataset.stop());
      try {
        const summary = await explorer.train(dataset, settings);
        if (summary === undefined)
          throw new TaskFailure({ message: dataset.error?.message ?? 'The training was stopped or replaced.' });
        return await digestOf(explorer, summary.id);
      } finally {
        off.dispose();
      }
    },
    verdict: ({ run }) => digestOf(explorer, run),
    compare: async ({ runs }) => JSON.parse(await compare(runs.map((id) => known(explorer, id).id))) as unknown,
    predict: async ({ run, file }, token) => {
      await explorer.openRun(known(explorer, run).id);
      const dataset = explorer.current;
      if (!dataset?.run) throw new TaskFailure({ message: `The run ${run} cannot be opened.` });
      const task = dataset.predict(addressOfFile(file), 'keep');
      const off = token.onCancellationRequested(() => task.stop());
      try {
        const { csv, ...facts } = await task.done;
        return { ...facts, ...headOfCsv(csv) };
      } finally {
        off.dispose();
      }
    },
  };
  return (Object.keys(tools) as ToolName[]).map((name) => registerTool(name, calls));
}

function registerTool<K extends ToolName>(key: K, calls: Calls): vscode.Disposable {
  const { name, title, readOnly } = tools[key];
  const parse = (input: unknown): Inputs[K] =>
    v.parse(editorToolInputs[key] as unknown as v.GenericSchema<unknown, Inputs[K]>, input);
  return vscode.lm.registerTool<unknown>(name, {
    prepareInvocation: ({ input }) =>
      readOnly
        ? {}
        : {
            confirmationMessages: confirmation(title, vscode.l10n.t('Train on {0}?', fileOf(input))),
          },
    invoke: async ({ input }, token) => {
      const text = JSON.stringify(await calls[key](parse(input), token));
      return new vscode.LanguageModelToolResult([new vscode.LanguageModelTextPart(text)]);
    },
  });
}

function addressOfFile(file: string): vscode.Uri {
  if (/^([/\\]|[A-Za-z]:[/\\])/.test(file)) return vscode.Uri.file(file);
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  if (folder === undefined) throw new TaskFailure({ message: `There is no folder open to find ${file} in.` });
  return vscode.Uri.joinPath(folder.uri, file);
}

function known(explorer: Explorer, id: string): RunSummary {
  const summary = explorer.store.get(id);
  if (!summary) throw new TaskFailure({ message: `There is no run ${id}.` });
  return summary;
}

async function digestOf(explorer: Explorer, id: string): Promise<unknown> {
  const { record } = await explorer.store.load(known(explorer, id).id);
  return runDigest(record);
}

/** The file that an assistant asks for, as the question names it. */
function fileOf(input: unknown): string {
  const file = (input as { readonly file?: unknown } | null)?.file;
  return typeof file === 'string' ? file : '';
}
