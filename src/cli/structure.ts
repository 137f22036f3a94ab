import { readFileSync } from 'node:fs';
import path from 'node:path';
import { structureOf } from '../core/closedForm/structure.ts';
import { parseProblemFile } from '../core/problem/problemFile.ts';
import type { Control } from '../core/solver/control.ts';
import { runInBackground } from './background.ts';
import { parseOptions } from './options.ts';
import { checkOutputPath, writeOutput } from './output.ts';
import { type Command, exitStatus, UsageError } from './usage.ts';

interface StructureInput {
  readonly file: string;
}

interface StructureOutput {
  readonly stopped: boolean;
  readonly text: string;
}

/** The part that runs in the worker: problem file in, structure text out. */
export function structureTask({ file }: StructureInput, control: Control): StructureOutput {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${(error as Error).message}`);
  }
  const problem = parseProblemFile(text, file, (name) => readFileSync(path.resolve(path.dirname(file), name), 'utf8'));
  const started = control.now();
  const structure = structureOf(problem, control);
  const plain = (_key: string, value: unknown): unknown => (value instanceof Float64Array ? Array.from(value) : value);
  const record = { format: 'convexnet-structure/1', ...structure, seconds: control.now() - started };
  return { stopped: control.shouldStop(), text: `${JSON.stringify(record, plain)}\n` };
}

export const structureCommand: Command = {
  summary: 'say which closed forms, splines and linear-network facts hold on the data of a problem file',
  help: `convexnet structure PROBLEM.json [--out FILE]

Checks the conditions of the closed forms of convex duality (rank-one data, whitened rows, one-hot targets, one feature,
spike-free data, linear networks on whitened data, batch normalisation), evaluates those that apply and compares them with
the solver; builds and runs deep ReLU networks on rank-one data and the batch-normalised network of class targets, with dual
values; the one-feature spline with its kinks and dual curve; thresholds and duality gaps of deep linear networks. Writes
JSON to stdout unless --out names a file.

Exit status: 0 done, 2 bad input, 3 stopped by Ctrl-C, 1 internal error.
`,
  async run(args) {
    const { values, positionals } = parseOptions(args, { out: { type: 'string' } });
    if (positionals.length !== 1) throw new UsageError('one problem file is needed', { showHelp: true });
    if (values.out !== undefined) checkOutputPath(values.out);
    const input: StructureInput = { file: positionals[0] };
    const { stopped, text } = (await runInBackground({ task: 'structure', input })) as StructureOutput;
    await writeOutput(text, values.out);
    return stopped ? exitStatus.stopped : exitStatus.ok;
  },
};
