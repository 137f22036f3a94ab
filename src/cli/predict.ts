import { DataError } from '../core/data/dataError.ts';
import type { FormulaCells } from '../core/data/formulaCells.ts';
import { plainText } from '../core/data/plainText.ts';
import type { Control } from '../core/base/control.ts';
import { nodeFileSource } from '../platform/node/nodeSession.ts';
import { type NewPredictions, predictOn } from '../session/predictOn.ts';
import type { ReadAs } from '../session/readLike.ts';
import type { RunRecord } from '../shared/run.ts';
import { nodeFiles } from '../platform/node/nodeFiles.ts';
import { readRun, RunFileError } from '../store/runFiles.ts';
import { checkInput } from './inputs.ts';
import { parseOptions } from './options.ts';
import { Outputs } from './outputs.ts';
import { runShown } from './progressLine.ts';
import { formulaWords, plural } from './reportText.ts';
import { readAsOf, readingHelp, readingOptions } from './trainOptions.ts';
import { type Command, exitStatus, UsageError } from './usage.ts';

interface PredictInput {
  /** Path of a run file, or the run itself. */
  readonly run: string | RunRecord;
  readonly data: string;
  readonly formulas: FormulaCells;
  readonly read: ReadAs;
}

/** The part that runs in the worker. */
export async function predictTask(
  { run, data, formulas, read }: PredictInput,
  control: Control,
): Promise<NewPredictions | null> {
  try {
    return await predictOn(
      typeof run === 'string' ? await readRun(run, nodeFiles) : run,
      await nodeFileSource(data),
      control,
      formulas,
      read,
    );
  } catch (error) {
    if (error instanceof DataError || error instanceof RunFileError) throw new UsageError(error.message);
    throw error;
  }
}

const options = {
  ...readingOptions,
  out: { type: 'string' },
  'keep-formulas': { type: 'boolean' },
  progress: { type: 'boolean' },
} as const;

export const predictCommand: Command = {
  summary: 'predict on another data file with the network of a run',
  help: `convexnet predict RUN.json DATA.csv [options]

Runs the network of a run (as convexnet train --out writes it, or exported by the editor) on another file, encoded as the training data
were (gaps are filled where training filled them), and writes a CSV with one line per row: line, target (when the file has it), prediction,
raw outputs for classes.

  --out FILE               write there instead of to stdout
  --keep-formulas          write texts that a spreadsheet would run as formulas as they are; otherwise an apostrophe goes before them
  --progress               show progress on stderr even when it is not a terminal

The file is read as the training data were, unless these say otherwise:

${readingHelp()}

Exit status: 0 done, 2 bad input, 3 stopped, 1 internal error.
`,
  async run(args) {
    const { values, positionals } = parseOptions(args, options);
    if (positionals.length !== 2) throw new UsageError('give a run and a data file', { showHelp: true });
    const outputs = new Outputs({ '--out': values.out }, positionals);
    for (const file of positionals) checkInput(file);
    const [run, data] = positionals;
    const formulas = values['keep-formulas'] === true ? 'keep' : 'neutralize';
    const predicted = (await runShown(
      { task: 'predict', input: { run, data, formulas, read: readAsOf(values) } },
      values.progress,
    )) as NewPredictions | null;
    if (predicted === null) {
      process.stderr.write('convexnet predict: stopped\n');
      return exitStatus.stopped;
    }
    await outputs.result('--out', 'predictions.csv', predicted.csv);
    const { filled, gaps, unknown, neutralized, warnings } = predicted;
    for (const warning of warnings) process.stderr.write(`note: ${plainText(warning)}\n`);
    if (neutralized > 0) process.stderr.write(formulaWords(plural(neutralized, 'cell')));
    for (const { column, count } of filled)
      process.stderr.write(`"${plainText(column)}": ${plural(count, 'gap')} filled as in training\n`);
    if (gaps.count > 0) {
      process.stderr.write(`${plural(gaps.count, 'row')} with gaps not predicted (line ${gaps.lines.join(', ')})\n`);
    }
    for (const { column, count } of unknown)
      process.stderr.write(
        `"${plainText(column)}": ${plural(count, 'cell')} with a category that the network does not know\n`,
      );
    return outputs.status(exitStatus.ok);
  },
};
