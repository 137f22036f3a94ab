import * as vscode from 'vscode';
import { extensionOf, fileName } from './address.ts';
import { type FormulaCells, formulasAmong } from '../core/data/formulaCells.ts';
import { runFileEnd } from '../shared/manifest.ts';
import type { RunRecord } from '../shared/run.ts';
import type { SaveFile, SaveTable } from '../shared/savedFiles.ts';
import type { ExportKind } from '../worker/api.ts';
import { formulaRemark, formulaSetting } from './editorSettings.ts';
import { namingFile } from './namingFile.ts';
import { askWhereToSave, notify } from './ui.ts';

interface Target {
  /** After the name of the data file. */
  readonly suffix: string;
  readonly filter: string;
  readonly extension: string;
}

const targets: Record<ExportKind, Target> = {
  run: { suffix: runFileEnd, filter: 'Run', extension: 'json' },
  predictions: { suffix: '.predictions.csv', filter: 'CSV', extension: 'csv' },
  onnx: { suffix: '.onnx', filter: 'ONNX', extension: 'onnx' },
  'onnx-float32': { suffix: '.float32.onnx', filter: 'ONNX', extension: 'onnx' },
  'onnx-raw': { suffix: '.raw.onnx', filter: 'ONNX', extension: 'onnx' },
  'onnx-raw-float32': { suffix: '.raw.float32.onnx', filter: 'ONNX', extension: 'onnx' },
  json: { suffix: '.network.json', filter: 'JSON', extension: 'json' },
  pytorch: { suffix: '.network.py', filter: 'Python', extension: 'py' },
  python: { suffix: '.predict.py', filter: 'Python', extension: 'py' },
  problem: { suffix: '.problem.json', filter: 'JSON', extension: 'json' },
  proof: { suffix: '.proof.json', filter: 'JSON', extension: 'json' },
  report: { suffix: '.report.html', filter: 'HTML', extension: 'html' },
  'report-markdown': { suffix: '.report.md', filter: 'Markdown', extension: 'md' },
};

/** What exports are made of: a data set with its open run, or a run in a file of its own. */
export interface Exporting {
  readonly uri: vscode.Uri;
  /** Of the data file. */
  readonly name: string;
  readonly run: { readonly record: RunRecord } | null;
  export(what: ExportKind, formulas: FormulaCells): Promise<Uint8Array>;
}

/** Exports the open run to a file that the person names. Undefined when they name none. */
export async function exportRunTo(dataset: Exporting, what: ExportKind): Promise<vscode.Uri | undefined> {
  const formulas = formulaSetting();
  const content = await dataset.export(what, formulas); // first, so that a run that cannot be exported asks for no name
  const { target, classes } = dataset.run!.record.resolved;
  const changed = what === 'predictions' && formulas === 'neutralize' ? formulasAmong([target, ...classes]).length : 0;
  return saveAs(dataset, what, content, '', changed > 0 ? formulaRemark(changed) : '');
}

/** Writes something of the kind of an export to a file that the person names; `part` goes into the suggested name. */
export function saveAs(
  dataset: Pick<Exporting, 'uri' | 'name'>,
  what: ExportKind,
  content: Uint8Array,
  part = '',
  remark = '',
): Promise<vscode.Uri | undefined> {
  const { suffix, filter, extension } = targets[what];
  const stem = dataset.name.replace(/\.[^.]*$/, '');
  return save(dataset.uri, stem + part + suffix, { [filter]: [extension] }, content, remark);
}

/** Writes a picture that a page made to a file that the person names, beside the data file. */
export function savePicture(file: vscode.Uri, { name, content, encoding }: SaveFile): Promise<vscode.Uri | undefined> {
  const bytes =
    encoding === 'base64' ? Uint8Array.from(atob(content), (c) => c.charCodeAt(0)) : new TextEncoder().encode(content);
  return saveBeside(file, name, bytes);
}

/** Writes a table of a page as CSV, as the settings want texts that a spreadsheet would run. */
export async function saveTable(file: vscode.Uri, { name, header, rows }: SaveTable): Promise<vscode.Uri | undefined> {
  const { csvText } = await import('../core/data/csv.ts'); // not before a table is saved: it brings the parser of CSV along
  const { csv, neutralized } = csvText([header, ...rows], formulaSetting());
  return saveBeside(file, name, new TextEncoder().encode(csv), neutralized > 0 ? formulaRemark(neutralized) : '');
}

/** Writes a file that the person names, beside another; what there is to say of it comes with the notice that it is saved. */
export function saveBeside(
  file: vscode.Uri,
  name: string,
  content: Uint8Array,
  remark = '',
): Promise<vscode.Uri | undefined> {
  const extension = extensionOf(name).slice(1);
  return save(file, name, extension ? { [extension.toUpperCase()]: [extension] } : {}, content, remark);
}

async function save(
  beside: vscode.Uri,
  name: string,
  filters: Record<string, string[]>,
  content: Uint8Array,
  remark: string,
): Promise<vscode.Uri | undefined> {
  const folder = vscode.Uri.joinPath(beside, '..');
  const target = await askWhereToSave(vscode.Uri.joinPath(folder, name), filters);
  if (!target) return undefined;
  await namingFile(target, vscode.l10n.t('cannot be saved'), vscode.workspace.fs.writeFile(target, content));
  const open = vscode.l10n.t('Open');
  void notify
    .info([vscode.l10n.t('Saved {0}.', fileName(target)), remark].join(' ').trim(), open)
    .then((picked) => (picked === open ? vscode.commands.executeCommand('vscode.open', target) : undefined));
  return target;
}
