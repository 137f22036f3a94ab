import { DataError } from '../core/data/dataError.ts';
import { plainText } from '../core/data/plainText.ts';
import type { Control } from '../core/base/control.ts';
import { type Explanation, explainOn } from '../session/explainOn.ts';
import { nodeFiles } from '../platform/node/nodeFiles.ts';
import { nodeFileSource } from '../platform/node/nodeSession.ts';
import { meanWords } from '../shared/usefulness.ts';
import { readRun, RunFileError } from '../store/runFiles.ts';
import { checkInput } from './inputs.ts';
import { parseOptions } from './options.ts';
import { Outputs } from './outputs.ts';
import { runShown } from './progressLine.ts';
import { number, plural, table } from './reportText.ts';
import { type Command, exitStatus, UsageError } from './usage.ts';

interface ExplainInput {
  readonly run: string;
  readonly data: string;
  readonly lines: readonly number[];
}

/** The part that runs in the worker. */
export async function explainTask({ run, data, lines }: ExplainInput, control: Control): Promise<Explanation | null> {
  try {
    return await explainOn(await readRun(run, nodeFiles), await nodeFileSource(data), lines, control);
  } catch (error) {
    if (error instanceof DataError || error instanceof RunFileError) throw new UsageError(error.message);
    throw error;
  }
}

const options = {
  out: { type: 'string' },
  line: { type: 'string', multiple: true },
  progress: { type: 'boolean' },
} as const;

/** Importance of the columns, then the parts of each row that was asked for. */
function explanationText({ importance, rows }: Explanation): string {
  const lines: string[] = [];
  if (importance !== undefined) {
    lines.push(
      `importance of the columns: what the ${meanWords(importance)} gains when a column is shuffled (${plural(importance.rows, 'row')}, ${importance.repeats} times)`,
      ...table([
        ['', 'gain', 'deviation'],
        ...importance.features.map(({ column, mean, deviation }) => [
          plainText(column),
          number(mean, 4),
          number(deviation, 2),
        ]),
      ]),
    );
  }
  for (const { line, outputs, base, neurons } of rows) {
    lines.push(
      '',
      `line ${line}: what adds up to ${outputs.map((value) => number(value, 6)).join(', ')}`,
      ...table([
        ['no neuron on', ...base.map((value) => number(value, 6))],
        ...neurons.map(({ id, adds }) => [`neuron ${id}`, ...adds.map((value) => number(value, 6))]),
      ]),
    );
  }
  return `${lines.join('\n')}\n`;
}

export const explainCommand: Command = {
  summary: 'say which columns the network of a run needs, and what each neuron adds to the prediction of a row',
  help: `convexnet explain RUN.json DATA.csv [options]

Runs the network of a run on the rows of a file that has the target, encoded as the training data were, and prints the permutation importance of
every column: what the mean error gains when the column is shuffled (0: the network does not look at it). Partial dependence is in the JSON.

  --line N                 two-layer networks: what each neuron adds to the prediction of the row at line N; may be repeated
  --out FILE               write importance, partial dependence and parts as JSON
  --progress               show progress on stderr even when it is not a terminal

Exit status: 0 done, 2 bad input, 3 stopped, 1 internal error.
`,
  async run(args) {
    const { values, positionals } = parseOptions(args, options);
    if (positionals.length !== 2) throw new UsageError('give a run and a data file', { showHelp: true });
    const lines = (values.line ?? []).map((text) => {
      const line = Number(text);
      if (!Number.isInteger(line) || line < 1) throw new UsageError(`--line needs the number of a line, not "${text}"`);
      return line;
    });
    const outputs = new Outputs({ '--out': values.out }, positionals);
    for (const file of positionals) checkInput(file);
    const [run, data] = positionals;
    const input: ExplainInput = { run, data, lines };
    const found = (await runShown({ task: 'explain', input }, values.progress)) as Explanation | null;
    if (found === null) {
      process.stderr.write('convexnet explain: stopped\n');
      return exitStatus.stopped;
    }
    const { warnings, ...rest } = found;
    for (const warning of warnings) process.stderr.write(`note: ${plainText(warning)}\n`);
    if (rest.importance === undefined) process.stderr.write('the file has no target, so there is no importance\n');
    if (values.out !== undefined)
      await outputs.write('--out', `${JSON.stringify({ format: 'convexnet-explanation/1', ...rest })}\n`);
    await outputs.print(explanationText(found));
    return outputs.status(exitStatus.ok);
  },
};
