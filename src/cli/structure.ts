import path from 'node:path';
import { structureOf } from '../core/theory/closedForm/structure.ts';
import { DataError } from '../core/data/dataError.ts';
import { scalingWords } from '../core/data/scaling.ts';
import { createKernels } from '../core/base/kernels/createKernels.ts';
import type { Problem } from '../core/problem/problem.ts';
import { parseProblemFile } from '../core/problem/problemFile.ts';
import type { Control } from '../core/base/control.ts';
import { nodeFileSource, nodeSessionDeps } from '../platform/node/nodeSession.ts';
import { createSession, TrainStopped } from '../session/session.ts';
import { defaultSettings, type TrainSettings } from '../shared/settings.ts';
import { aboutProblem, besideData, checkInput, readTextInput, type RelatedFiles, relatedReader } from './inputs.ts';
import { parseOptions } from './options.ts';
import { Outputs } from './outputs.ts';
import { type OptionValues, settingOptions, settingsOf } from './trainOptions.ts';
import { runShown } from './progressLine.ts';
import { type Command, exitStatus, UsageError } from './usage.ts';

interface StructureInput {
  readonly file: string;
  readonly related: RelatedFiles;
  /** Of a data file; null for a problem file, which has all inside. */
  readonly settings: TrainSettings | null;
}

interface StructureOutput {
  readonly stopped: boolean;
  readonly text: string;
}

/** What of a data file the problem is about. */
interface DataFacts {
  readonly file: string;
  readonly target: string;
  readonly task: string;
  readonly classes: readonly string[];
  readonly trainRows: number;
  readonly inputs: readonly string[];
  readonly features: string;
  readonly beta: number;
  readonly warnings: readonly string[];
}

async function problemOfData(
  file: string,
  settings: TrainSettings,
  control: Control,
): Promise<{ readonly problem: Problem; readonly data: DataFacts }> {
  const session = createSession(await nodeFileSource(file), nodeSessionDeps({ kernels: createKernels() }));
  const { problem, data } = await session.problem(settings, control);
  return {
    problem,
    data: {
      file: path.basename(file),
      target: data.target,
      task: data.task,
      classes: data.classes,
      trainRows: data.trainRows.length,
      inputs: data.scaling.inputs.map(({ name }) => name),
      features: scalingWords(data.scaling),
      beta: problem.beta,
      warnings: data.warnings,
    },
  };
}

/** The part that runs in the worker: problem or data file in, structure text out. */
export async function structureTask(
  { file, related, settings }: StructureInput,
  control: Control,
): Promise<StructureOutput> {
  const started = control.now();
  try {
    const { problem, data } =
      settings === null
        ? { problem: parseProblemFile(readTextInput(file), file, relatedReader(file, related)), data: undefined }
        : await problemOfData(file, settings, control);
    const { seed, compare, batchNorm = false } = settings ?? defaultSettings;
    const epochs = compare.enabled ? compare.epochs : 0;
    const structure = structureOf(problem, { seed, epochs, batchNorm }, control);
    const plain = (_key: string, value: unknown): unknown =>
      value instanceof Float64Array ? Array.from(value) : value;
    const record = {
      format: 'convexnet-structure/1',
      ...(data === undefined ? {} : { data }),
      ...structure,
      seconds: control.now() - started,
    };
    return { stopped: control.shouldStop(), text: `${JSON.stringify(record, plain)}\n` };
  } catch (error) {
    if (error instanceof TrainStopped) return { stopped: true, text: '' };
    if (error instanceof DataError) throw new UsageError(error.message);
    throw settings === null ? aboutProblem(error, file) : error;
  }
}

/** Options of training that nothing here depends on. */
const idle = [
  'folds',
  'beta-rule',
  'path-points',
  'path-smallest',
  'no-path',
  'optimizers',
  'seeds',
  'batch-size',
  'certify-seconds',
] as const;

export const structureCommand: Command = {
  summary: 'say which closed forms, splines and linear-network facts hold on a data file or the data of a problem file',
  help: `convexnet structure DATA.csv|PROBLEM.json [options] [--out FILE]

Checks the conditions of the closed forms of convex duality (rank-one data, whitened rows, one-hot targets, one feature,
spike-free data, linear networks on whitened data, batch normalisation), evaluates those that apply and compares them with
the solver; builds and runs deep ReLU networks on rank-one data and the batch-normalised network of class targets, with dual
values, and trains the former by gradient descent with the alignment of their layers; the one-feature spline with its kinks
and dual curve; thresholds and duality gaps of deep linear networks. Writes JSON to stdout unless --out names a file.

A data file (CSV, TSV) is read, encoded and scaled as convexnet train does it, with the same options (see convexnet train
--help) for columns, rows, scaling, model, loss, bias, beta, --seed, --epochs and --no-compare. Its training rows count;
values are in the units of the training program. A problem file may name files in its own folder; --allow-paths reads
others as well. --progress shows progress on stderr even when it is not a terminal.

Exit status: 0 done, 2 bad input, 3 stopped by Ctrl-C, 1 internal error.
`,
  async run(args) {
    const { values, positionals } = parseOptions(args, {
      ...settingOptions,
      out: { type: 'string' },
      'allow-paths': { type: 'boolean' },
      progress: { type: 'boolean' },
    });
    if (positionals.length !== 1) throw new UsageError('one data file or problem file is needed', { showHelp: true });
    const outputs = new Outputs({ '--out': values.out }, positionals);
    const [file] = positionals;
    checkInput(file);
    const { 'allow-paths': allowPaths, progress } = values;
    const given: Record<string, OptionValues[string]> = { ...values };
    delete given.out;
    delete given['allow-paths'];
    delete given.progress;
    const useless = idle.find((name) => given[name] !== undefined);
    if (useless !== undefined)
      throw new UsageError(`--${useless} belongs to convexnet train: nothing here depends on it`);
    const problem = /\.json$/i.test(file);
    const [option] = Object.keys(given);
    if (problem && option !== undefined)
      throw new UsageError(`--${option} goes with a data file; a problem file says all that itself`);
    const input: StructureInput = {
      file,
      related: { allowPaths: allowPaths === true, outputs: outputs.identities },
      settings: problem ? null : besideData(file, settingsOf(given)),
    };
    const { stopped, text } = (await runShown({ task: 'structure', input }, progress)) as StructureOutput;
    if (text !== '') await outputs.result('--out', 'structure.json', text);
    return outputs.status(stopped ? exitStatus.stopped : exitStatus.ok);
  },
};
