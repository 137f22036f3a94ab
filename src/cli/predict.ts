import { DataError } from '../core/data/dataError.ts';
import type { Control } from '../core/base/control.ts';
import { nodeFileSource } from '../session/platform.node.ts';
import { type NewPredictions, predictOn } from '../session/predictOn.ts';
import { readRun, RunFileError } from '../store/runFiles.ts';
import { runInBackground } from './background.ts';
import { parseOptions } from './options.ts';
import { checkOutputPath, writeOutput } from './output.ts';
import { plural } from './reportText.ts';
import { type Command, exitStatus, UsageError } from './usage.ts';

interface PredictInput {
  readonly run: string;
  readonly data: string;
}

/** The part that runs in the worker. */
export async function predictTask({ run, data }: PredictInput, control: Control): Promise<NewPredictions | null> {
  try {
    return await predictOn(await readRun(run), await nodeFileSource(data), control);
  } catch (error) {
    if (error instanceof DataError || error instanceof RunFileError) throw new UsageError(error.message);
    throw error;
  }
}

const options = { out: { type: 'string' } } as const;

export const predictCommand: Command = {
  summary: 'predict on another data file with the network of a run',
  help: `convexnet predict RUN.json DATA.csv [options]

Runs the network of a run (as convexnet train --out writes it, or exported by the editor) on another file, encoded as the training data
were (gaps are filled where training filled them), and writes a CSV with one line per row: line, target (when the file has it), prediction,
raw outputs for classes.

  --out FILE               write there instead of to stdout

Exit status: 0 done, 2 bad input, 3 stopped, 1 internal error.
`,
  async run(args) {
    const { values, positionals } = parseOptions(args, options);
    if (positionals.length !== 2) throw new UsageError('give a run and a data file', { showHelp: true });
    if (values.out !== undefined) checkOutputPath(values.out);
    const [run, data] = positionals;
    const predicted = (await runInBackground({ task: 'predict', input: { run, data } })) as NewPredictions | null;
    if (predicted === null) {
      process.stderr.write('convexnet predict: stopped\n');
      return exitStatus.stopped;
    }
    await writeOutput(predicted.csv, values.out);
    const { filled, gaps, unknown } = predicted;
    for (const { column, count } of filled)
      process.stderr.write(`"${column}": ${plural(count, 'gap')} filled as in training\n`);
    if (gaps.count > 0) {
      process.stderr.write(`${plural(gaps.count, 'row')} with gaps not predicted (line ${gaps.lines.join(', ')})\n`);
    }
    for (const { column, count } of unknown)
      process.stderr.write(`"${column}": ${plural(count, 'cell')} with a category that the network does not know\n`);
    return exitStatus.ok;
  },
};
