import * as v from 'valibot';
import { schemaWords } from '../core/base/schemaWords.ts';
import * as vscode from 'vscode';
import { editorToolInputs } from '../assistant/toolInputs.ts';
import { headOfCsv, type ToolName } from '../assistant/tools.ts';
import { runDigest } from '../shared/runDigest.ts';
import { plainExcerpt } from '../core/data/plainText.ts';
import type { RunSummary } from '../shared/runSummary.ts';
import { trainSettingsSchema } from '../shared/settingsSchema.ts';
import type { Explorer } from './explorer.ts';
import { errorWords } from './inLanguage.ts';
import { TaskFailure } from './train/taskFailure.ts';
import { readTrainingSettings } from './trainingSettings.ts';

type Inputs = { readonly [K in ToolName]: v.InferOutput<(typeof editorToolInputs)[K]> };

/** What a tool does: text for a language model, of plain data. */
type Calls = {
  readonly [K in ToolName]: (input: Inputs[K], token: vscode.CancellationToken) => Promise<unknown>;
};

/** Calls a tool by its name with what an assistant wrote. */
export type ToolCall = (name: ToolName, input: unknown, token: vscode.CancellationToken) => Promise<unknown>;

/** What the tools of language models do: the same numbers and words as the panel. */
export function toolCalls(explorer: Explorer, compare: (ids: readonly string[]) => Promise<string>): ToolCall {
  const calls: Calls = {
    inspect: async ({ file }, token) => {
      const dataset = explorer.dataset(addressOfFile(explorer, file));
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
      const uri = addressOfFile(explorer, file);
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
          throw new TaskFailure({
            message: dataset.error?.message ?? vscode.l10n.t('The training was stopped or replaced.'),
          });
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
      if (!dataset?.run)
        throw new TaskFailure({ message: vscode.l10n.t('The run {0} cannot be opened.', quoted(run)) });
      const task = dataset.predict(addressOfFile(explorer, file), 'keep');
      const off = token.onCancellationRequested(() => task.stop());
      try {
        const { csv, ...facts } = await task.done;
        return { ...facts, ...headOfCsv(csv) };
      } finally {
        off.dispose();
      }
    },
  };
  const call = <K extends ToolName>(name: K, input: unknown, token: vscode.CancellationToken): Promise<unknown> => {
    const schema = editorToolInputs[name] as unknown as v.GenericSchema<unknown, Inputs[K]>;
    const parsed = v.safeParse(schema, input);
    if (parsed.success) return calls[name](parsed.output, token);
    const [issue] = parsed.issues;
    throw new TaskFailure({
      message: errorWords(new Error(`${v.getDotPath(issue) ?? 'input'}: ${quoted(schemaWords(issue))}`)),
    });
  };
  return async (name, input, token) => call(name, input, token);
}

/** What an assistant wrote, in a message to it. */
const quoted = (text: string): string => plainExcerpt(text, 200);

/** The file that an assistant names, which may have been told by a text that it read: in a folder of the workspace, or a data file in use. */
function addressOfFile(explorer: Explorer, file: string): vscode.Uri {
  const [folder] = vscode.workspace.workspaceFolders ?? [];
  const absolute = /^([/\\]|[A-Za-z]:[/\\])/.test(file);
  if (!absolute && folder === undefined)
    throw new TaskFailure({ message: vscode.l10n.t('There is no folder open to find {0} in.', quoted(file)) });
  // joined, so that no ".." is left in it
  const uri = absolute ? vscode.Uri.joinPath(vscode.Uri.file(file), '.') : vscode.Uri.joinPath(folder.uri, file);
  if (vscode.workspace.getWorkspaceFolder(uri) === undefined && !explorer.knows(uri))
    throw new TaskFailure({
      message: vscode.l10n.t('{0} is in no folder that is open, nor a data file in use: open it first.', quoted(file)),
    });
  return uri;
}

function known(explorer: Explorer, id: string): RunSummary {
  const summary = explorer.store.get(id);
  if (!summary) throw new TaskFailure({ message: vscode.l10n.t('There is no run {0}.', quoted(id)) });
  return summary;
}

async function digestOf(explorer: Explorer, id: string): Promise<unknown> {
  const { record } = await explorer.store.load(known(explorer, id).id);
  return runDigest(record);
}
