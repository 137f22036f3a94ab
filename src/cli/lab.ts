import { createHash } from 'node:crypto';
import path from 'node:path';
import * as v from 'valibot';
import { schemaWords } from '../core/base/schemaWords.ts';
import { DataError } from '../core/data/dataError.ts';
import { plainCopy } from '../core/data/plainText.ts';
import { createKernels } from '../core/base/kernels/createKernels.ts';
import { biasOf, type Problem } from '../core/problem/problem.ts';
import { parseProblemFile } from '../core/problem/problemFile.ts';
import type { Control } from '../core/base/control.ts';
import { createLab, createLabOn } from '../session/lab.ts';
import { problemReader } from '../session/labProblem.ts';
import { LabRefusal } from '../session/labRefusal.ts';
import { nodeFileSource, nodeSessionDeps } from '../platform/node/nodeSession.ts';
import { TrainStopped } from '../session/session.ts';
import {
  defaultLabSettings,
  type LabPage,
  type LabRecord,
  labRequestSchema,
  labSettingsSchemas,
  labTables,
} from '../shared/lab.ts';
import { type Setting, valueOfText } from '../shared/settingKinds.ts';
import { checkInput, readTextInput, type RelatedFiles, relatedReader } from './inputs.ts';
import { countOption, parseOptions } from './options.ts';
import { Outputs } from './outputs.ts';
import { runShown } from './progressLine.ts';
import { type Command, exitStatus, UsageError } from './usage.ts';

interface LabInput {
  readonly page: LabPage;
  readonly file: string;
  readonly related: RelatedFiles;
  readonly set: readonly string[];
  /** Rounds of putting in suggested neurons and training on, page "flow" only. */
  readonly insert: number;
}

interface LabOutput {
  readonly stopped: boolean;
  readonly text: string;
  readonly summary: string;
}

/** NAME=VALUE pairs on top of the defaults of a page, checked like the forms of the editor. */
function settingsOf(page: LabPage, pairs: readonly string[], problem: Problem | null): unknown {
  const table: Readonly<Record<string, Setting<unknown>>> = labTables[page];
  const settings: Record<string, unknown> = { ...defaultLabSettings[page] };
  // the numbers of a problem file are taken as they are
  if (problem !== null) {
    Object.assign(settings, { standardize: false, maxRows: 0, target: 'y', bias: biasOf(problem.bias).column });
  }
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    const [name, text] = [pair.slice(0, at), pair.slice(at + 1)];
    if (at < 1 || !Object.hasOwn(table, name)) {
      throw new UsageError(`--set needs NAME=VALUE with NAME one of ${Object.keys(table).join(', ')}, not "${pair}"`);
    }
    settings[name] = valueOfText(table[name].type, text);
  }
  const checked = v.safeParse(labSettingsSchemas[page], settings);
  if (!checked.success) {
    const [issue] = checked.issues;
    throw new UsageError(`--set ${v.getDotPath(issue) ?? ''}: ${schemaWords(issue)}`);
  }
  return checked.output;
}

/** The part that runs in the worker. */
export async function labTask({ page, file, related, set, insert }: LabInput, control: Control): Promise<LabOutput> {
  try {
    const deps = nodeSessionDeps({ kernels: createKernels() });
    const problem = /\.json$/i.test(file) ? readProblem(file, related) : null;
    const settings = settingsOf(page, set, problem?.problem ?? null);
    const lab =
      problem === null
        ? createLab(await nodeFileSource(file), deps)
        : createLabOn(path.basename(file), problemReader(problem.problem, path.basename(file), problem.sha256), deps);
    const started = control.now();
    const run = (more: { readonly insert?: true }): Promise<LabRecord> =>
      lab.run(
        v.parse(labRequestSchema, { page, settings, ...more }),
        ({ message, fraction }) =>
          control.report?.({
            iteration: NaN,
            seconds: control.now() - started,
            objective: NaN,
            dualBound: NaN,
            active: NaN,
            phase: message,
            ...(fraction === null ? {} : { fraction }),
          }),
        control,
      );
    let record = await run({});
    for (let round = 0; round < insert && record.status === 'complete' && suggests(record); round++) {
      record = await run({ insert: true });
    }
    return { stopped: record.status === 'cancelled', text: `${JSON.stringify(record)}\n`, summary: summaryOf(record) };
  } catch (error) {
    if (error instanceof LabRefusal) throw new UsageError(`${error.message}${remedyWords(error)}`);
    if (error instanceof DataError || error instanceof TrainStopped) throw new UsageError(error.message);
    throw error;
  }
}

/** What makes the task possible, as options. */
function remedyWords({ remedy }: LabRefusal): string {
  if (remedy === undefined) return '';
  const options = Object.entries(remedy.settings).map(
    ([name, value]) => `--set ${name}=${Array.isArray(value) ? value.join(',') : String(value)}`,
  );
  return `; possible is ${options.join(' ')}`;
}

function readProblem(file: string, related: RelatedFiles): { readonly problem: Problem; readonly sha256: string } {
  const text = readTextInput(file);
  const problem = parseProblemFile(text, file, relatedReader(file, related));
  return { problem, sha256: createHash('sha256').update(text).digest('hex') };
}

function suggests(record: LabRecord): boolean {
  return record.page === 'flow' && record.result.runs.some((run) => run.certificate.suggested !== null);
}

function summaryOf(full: LabRecord): string {
  const record = plainCopy(full);
  if (record.page === 'mlp') return `${record.result.sentence}\n`;
  return record.verdicts.map(({ title, verdict, sentence }) => `${title}: ${verdict}. ${sentence}\n`).join('');
}

/** One command per page of the Lab. */
function labCommand(page: LabPage, summary: string): Command {
  return {
    summary,
    help: `convexnet ${page} DATA.csv|PROBLEM.json [--set NAME=VALUE ...] [--out FILE]

Runs the "${page}" page of the Lab: ${summary}. Verdicts go to stderr, the whole result
as JSON to stdout or to --out FILE.

  --set NAME=VALUE   a setting of the page, repeatable; the defaults are
${Object.entries(defaultLabSettings[page])
  .map(([name, value]) => `                     ${name}=${Array.isArray(value) ? value.join(',') : String(value)}`)
  .join('\n')}
${
  page === 'flow'
    ? `  --insert N         put the suggested neuron into every run that is not global and train on,
                     up to N times
`
    : ''
}  --out FILE         write the result to FILE
  --allow-paths      read files that a problem file names outside its own folder, too
  --progress         show progress on stderr even when it is not a terminal

Exit status: 0 done, 2 bad input, 3 stopped by Ctrl-C with what was finished, 1 internal error.
`,
    async run(args) {
      const { values, positionals } = parseOptions(args, {
        set: { type: 'string', multiple: true },
        ...(page === 'flow' ? { insert: { type: 'string' } as const } : {}),
        out: { type: 'string' },
        'allow-paths': { type: 'boolean' },
        progress: { type: 'boolean' },
      });
      if (positionals.length !== 1) throw new UsageError('one data or problem file is needed', { showHelp: true });
      const outputs = new Outputs({ '--out': values.out }, positionals);
      checkInput(positionals[0]);
      const insert = countOption('insert', (values as { readonly insert?: string }).insert) ?? 0;
      const input: LabInput = {
        page,
        file: positionals[0],
        related: { allowPaths: values['allow-paths'] === true, outputs: outputs.identities },
        set: values.set ?? [],
        insert,
      };
      const {
        stopped,
        text,
        summary: verdicts,
      } = (await runShown({ task: 'lab', input }, values.progress)) as LabOutput;
      process.stderr.write(verdicts);
      await outputs.result('--out', `${page}.json`, text);
      return outputs.status(stopped ? exitStatus.stopped : exitStatus.ok);
    },
  };
}

export const labCommands: Readonly<Record<LabPage, Command>> = {
  mlp: labCommand('mlp', 'networks of several widths and starts trained side by side by several update rules'),
  kernel: labCommand('kernel', 'tangent kernel at initialisation, its spectrum against the infinite-width limit'),
  sweep: labCommand('sweep', 'five claims about wide networks checked across widths'),
  contrast: labCommand('contrast', 'a lazy wide network against the sparse convex optimum'),
  flow: labCommand('flow', 'gradient flow and the dual certificate of where it ends'),
  geometry: labCommand('geometry', 'rectified ellipsoid, supporting plane and neurons in two or three dimensions'),
};
