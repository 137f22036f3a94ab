import { DataError } from '../core/data/dataError.ts';
import { dateUnit } from '../core/data/dates.ts';
import { plainText } from '../core/data/plainText.ts';
import type { Control } from '../core/base/control.ts';
import { TrainStopped } from '../session/context.ts';
import { nodeFileSource } from '../platform/node/nodeSession.ts';
import { previewFile } from '../session/preview.ts';
import type { ColumnSummary, DataPreview, PreviewColumn, ReadChoices } from '../shared/preview.ts';
import { checkInput } from './inputs.ts';
import { parseOptions } from './options.ts';
import { Outputs } from './outputs.ts';
import { runShown } from './progressLine.ts';
import { plural, table } from './reportText.ts';
import { readAsOf, readingHelp, readingOptions } from './trainOptions.ts';
import { type Command, exitStatus, UsageError } from './usage.ts';

interface LookInput {
  readonly file: string;
  readonly choices: ReadChoices;
}

/** The part that runs in the worker: the columns of a file. Null when it was stopped. */
export async function lookTask({ file, choices }: LookInput, control: Control): Promise<DataPreview | null> {
  try {
    return await previewFile(await nodeFileSource(file), choices, () => undefined, control);
  } catch (error) {
    if (error instanceof DataError) throw new UsageError(error.message);
    if (error instanceof TrainStopped) return null;
    throw error;
  }
}

const longestName = 40;
const shortened = (text: string): string =>
  plainText(text.length > longestName ? `${text.slice(0, longestName - 1)}\u2026` : text);

/** From least to most, or the commonest values with the share of the rows that have them. */
function valuesOf(summary: ColumnSummary, present: number): string {
  if (summary.kind === 'bins') return `${summary.least} .. ${summary.most}`;
  const shares = summary.values
    .slice(0, 3)
    .map(({ label, count }) => `${shortened(label)} (${Math.round((100 * count) / Math.max(1, present))} %)`);
  return `${shares.join(', ')}${summary.others > 0 || summary.values.length > 3 ? ', ...' : ''}`;
}

const typeOf = ({ kind, date }: PreviewColumn): string =>
  date ? 'date' : { numeric: 'number', categorical: 'classes', constant: 'constant', id: 'text or identifier' }[kind];

function roleOf({ name, suggested, note, task, date }: PreviewColumn, target: string): string {
  if (name === target) return `target${task === null ? '' : ` (${task})`}`;
  const reason = plainText(note);
  if (suggested) return date ? `feature, in ${dateUnit}` : `feature${reason === '' ? '' : `: ${reason}`}`;
  return `left out: ${reason === '' ? 'not chosen' : reason}`;
}

const spoken = (delimiter: string): string => ({ '\t': 'tab', ' ': 'space' })[delimiter] ?? `"${plainText(delimiter)}"`;

/** What a person should see of a file before training: a line for each column. */
export function describeFile(name: string, data: DataPreview): string {
  const rows = [
    ['column', 'type', 'missing', 'distinct', 'values', 'role'],
    ...data.columns.map((column) => [
      shortened(column.name),
      typeOf(column),
      String(column.missing),
      String(column.distinct),
      valuesOf(column.summary, data.rows - column.missing),
      roleOf(column, data.target),
    ]),
  ];
  const sample = data.rows < data.rowsInFile ? `; counts are of a seeded sample of ${data.rows}` : '';
  const more = data.columnsInFile - data.columns.length;
  return [
    `${plainText(name)}: ${plural(data.rowsInFile, 'row')}, ${plural(data.columnsInFile, 'column')}${sample}`,
    `read as ${data.encoding}, delimiter ${spoken(data.delimiter)}, decimal mark "${data.decimal}", ${data.header ? 'with' : 'without'} a header`,
    '',
    ...table(rows),
    ...(more > 0 ? [`  ... and ${plural(more, 'more column')}`] : []),
    ...(data.notices.length > 0 ? [''] : []),
    ...data.notices.map(
      ({ text, lines }) => `note: ${plainText(text)}${lines.length > 0 ? ` (line ${lines.join(', ')})` : ''}`,
    ),
    '',
  ].join('\n');
}

const options = {
  ...readingOptions,
  json: { type: 'boolean' },
  out: { type: 'string' },
  progress: { type: 'boolean' },
} as const;

export const inspectCommand: Command = {
  summary: 'look at a data file before training: a line for each column',
  help: `convexnet inspect DATA.csv [options]

Shows how a data file is read and what training would make of it: for each column its type, missing and different cells, range or
commonest values, and its role with the reason; then what the reader noticed, with the lines. Large files are read whole; counts are then
of a seeded sample of the rows, which is said.

  --json                   print it as JSON
  --out FILE               write there instead of to stdout
  --progress               show progress on stderr even when it is not a terminal

${readingHelp()}

Exit status: 0 done, 2 bad input, 3 stopped, 1 internal error.
`,
  async run(args) {
    const { values, positionals } = parseOptions(args, options);
    if (positionals.length !== 1) {
      throw new UsageError(positionals.length === 0 ? 'no data file given' : 'one data file at a time', {
        showHelp: true,
      });
    }
    const [file] = positionals;
    const outputs = new Outputs({ '--out': values.out }, positionals);
    checkInput(file);
    const input: LookInput = { file, choices: readAsOf(values) };
    const data = (await runShown({ task: 'look', input }, values.progress)) as DataPreview | null;
    if (data === null) {
      process.stderr.write('convexnet inspect: stopped\n');
      return exitStatus.stopped;
    }
    const text = values.json === true ? `${JSON.stringify(data, null, 2)}\n` : describeFile(file, data);
    await outputs.result('--out', values.json === true ? 'columns.json' : 'columns.txt', text);
    return outputs.status(exitStatus.ok);
  },
};
