import * as v from 'valibot';
import * as vscode from 'vscode';
import { trainCommandLine } from '../../shared/commandLine.ts';
import { commandIds } from '../../shared/manifest.ts';
import type { ExportKind } from '../../worker/api.ts';
import type { Explorer } from '../explorer.ts';
import { pickFile } from '../pickFile.ts';
import { predictOnFile } from '../predictOnFile.ts';
import { exportRunTo } from '../saveFile.ts';
import { turnIntoRelu } from '../turnIntoRelu.ts';
import { copyText, type ListItem, pickFrom } from '../ui.ts';
import { type Handlers, idOf, withRun } from './handlers.ts';

/** Commands that write files from a run. */
export function exportCommands(
  explorer: Explorer,
): Handlers<
  | typeof commandIds.exportRun
  | typeof commandIds.exportPredictions
  | typeof commandIds.exportProblem
  | typeof commandIds.exportCertificate
  | typeof commandIds.exportModel
  | typeof commandIds.exportReport
  | typeof commandIds.copyCommandLine
  | typeof commandIds.predictOnFile
  | typeof commandIds.turnIntoRelu
> {
  return {
    [commandIds.exportRun]: (run) => exportAs(explorer, 'run', run),
    [commandIds.exportPredictions]: (run) => exportAs(explorer, 'predictions', run),
    [commandIds.exportProblem]: (run) => exportAs(explorer, 'problem', run),
    [commandIds.exportCertificate]: (run) => exportAs(explorer, 'proof', run),
    [commandIds.exportModel]: async (run) => {
      withRunOf(explorer, run);
      const what = await pickModelFormat();
      return what === undefined ? undefined : exportAs(explorer, what, run);
    },
    [commandIds.exportReport]: async (run) => {
      withRunOf(explorer, run);
      const what = await pickReportFormat();
      return what === undefined ? undefined : exportAs(explorer, what, run);
    },
    [commandIds.copyCommandLine]: async (run) => {
      const id = idOf(run);
      const record = id === undefined ? withRun(explorer).run.record : (await explorer.store.load(id)).record;
      const line = trainCommandLine(record);
      await copyText(line);
      return line;
    },
    [commandIds.predictOnFile]: async (uri) => {
      const dataset = withRun(explorer);
      const file = uri instanceof vscode.Uri ? uri : await pickFile(vscode.l10n.t('Predict on Another CSV'));
      return file && predictOnFile(dataset, file);
    },
    [commandIds.turnIntoRelu]: async (format) =>
      turnIntoRelu(withRun(explorer), v.parse(v.optional(v.picklist(['onnx', 'json', 'pytorch'])), format)),
  };
}

async function pickModelFormat(): Promise<ExportKind | undefined> {
  const items: readonly (ListItem & { readonly what: ExportKind })[] = [
    { label: 'ONNX', detail: vscode.l10n.t('Takes rows in original units, or the columns of the file.'), what: 'onnx' },
    { label: 'JSON', detail: vscode.l10n.t('Weights, scaling and column names.'), what: 'json' },
    { label: 'Python', detail: vscode.l10n.t('A module with numpy that predicts from raw columns.'), what: 'python' },
    { label: 'PyTorch', detail: vscode.l10n.t('A Python file that builds the network.'), what: 'pytorch' },
  ];
  const picked = await pickFrom(items, {
    title: vscode.l10n.t('Export model'),
  });
  return picked?.what === 'onnx' ? pickOnnx() : picked?.what;
}

async function pickOnnx(): Promise<ExportKind | undefined> {
  const encoded = vscode.l10n.t('Encoded inputs');
  const raw = vscode.l10n.t('Columns of the file');
  const encodedWords = vscode.l10n.t('One tensor of numbers in original units, with an indicator for each category.');
  const rawWords = vscode.l10n.t('An input for each column, categories as texts; gaps are filled as in training.');
  const items: readonly (ListItem & { readonly what: ExportKind })[] = [
    { label: encoded, description: 'float64', detail: encodedWords, what: 'onnx' },
    { label: encoded, description: 'float32', detail: encodedWords, what: 'onnx-float32' },
    { label: raw, description: 'float64', detail: rawWords, what: 'onnx-raw' },
    { label: raw, description: 'float32', detail: rawWords, what: 'onnx-raw-float32' },
  ];
  const picked = await pickFrom(items, { title: vscode.l10n.t('What the ONNX model takes') });
  return picked?.what;
}

async function pickReportFormat(): Promise<ExportKind | undefined> {
  const items: readonly (ListItem & { readonly what: ExportKind })[] = [
    {
      label: 'HTML',
      detail: vscode.l10n.t('One page with pictures and without scripts, which also prints.'),
      what: 'report',
    },
    { label: 'Markdown', detail: vscode.l10n.t('Text and tables, without pictures.'), what: 'report-markdown' },
  ];
  const picked = await pickFrom(items, { title: vscode.l10n.t('Export report') });
  return picked?.what;
}

/** A run from the tree (its node), by its id, or the one that is open. */
function withRunOf(explorer: Explorer, run: unknown): void {
  if (idOf(run) === undefined) withRun(explorer);
}

async function exportAs(explorer: Explorer, what: ExportKind, run: unknown): Promise<vscode.Uri | undefined> {
  const id = idOf(run);
  if (id !== undefined && explorer.current?.run?.summary.id !== id) await explorer.openRun(id);
  return exportRunTo(withRun(explorer), what);
}
