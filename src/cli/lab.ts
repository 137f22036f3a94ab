import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { DataError } from '../core/data/dataError.ts';
import type { FileSource } from '../core/data/source.ts';
import { createKernels } from '../core/kernels/createKernels.ts';
import { parseProblemFile } from '../core/problem/problemFile.ts';
import type { Control } from '../core/solver/control.ts';
import { createLab } from '../session/lab.ts';
import { LabRefusal } from '../session/labRefusal.ts';
import { nodeFileSource, nodeSessionDeps } from '../session/platform.node.ts';
import { TrainStopped } from '../session/session.ts';
import {
  defaultLabSettings,
  type LabPage,
  type LabRecord,
  labRequestSchema,
  labSettingsSchemas,
} from '../shared/lab.ts';
import { runInBackground } from './background.ts';
import { parseOptions } from './options.ts';
import { checkOutputPath, writeOutput } from './output.ts';
import { progressWriter } from './progressLine.ts';
import { type Command, exitStatus, UsageError } from './usage.ts';

interface LabInput {
  readonly page: LabPage;
  readonly file: string;
  readonly set: readonly string[];
}

interface LabOutput {
  readonly stopped: boolean;
  readonly text: string;
  readonly summary: string;
}

/** NAME=VALUE pairs on top of the defaults of a page, checked like the forms of the editor. */
function settingsOf(page: LabPage, pairs: readonly string[], problem: boolean): unknown {
  const settings: Record<string, unknown> = { ...defaultLabSettings[page] };
  // the numbers of a problem file are taken as they are
  if (problem) Object.assign(settings, { standardize: false, maxRows: 0, target: 'y', bias: false });
  for (const pair of pairs) {
    const at = pair.indexOf('=');
    const [name, text] = [pair.slice(0, at), pair.slice(at + 1)];
    if (at < 1 || !(name in settings)) {
      throw new UsageError(
        `--set needs NAME=VALUE with NAME one of ${Object.keys(settings).join(', ')}, not "${pair}"`,
      );
    }
    const now = settings[name];
    if (Array.isArray(now)) settings[name] = text.split(',').map((part) => (name === 'widths' ? Number(part) : part));
    else if (typeof now === 'number') settings[name] = Number(text);
    else if (typeof now === 'boolean') settings[name] = text === 'true' ? true : text === 'false' ? false : text;
    else settings[name] = text;
  }
  const checked = v.safeParse(labSettingsSchemas[page], settings);
  if (!checked.success) {
    const [issue] = checked.issues;
    throw new UsageError(`--set ${v.getDotPath(issue) ?? ''}: ${issue.message}`);
  }
  return checked.output;
}

/** A problem file as rows of text: columns x1 .. xd and y. */
function problemSource(file: string): FileSource {
  const problem = parseProblemFile(readFileSync(file, 'utf8'), file, (name) =>
    readFileSync(path.resolve(path.dirname(file), name), 'utf8'),
  );
  if (problem.y.cols !== 1) throw new UsageError(`${file}, y: needs one column here, not ${problem.y.cols}`);
  const { X, y } = problem;
  const lines = [`${Array.from({ length: X.cols }, (_, k) => `x${k + 1}`).join(',')},y`];
  for (let i = 0; i < X.rows; i++)
    lines.push(`${X.data.subarray(i * X.cols, (i + 1) * X.cols).join(',')},${y.data[i]}`);
  const bytes = new TextEncoder().encode(`${lines.join('\n')}\n`);
  return {
    uri: file,
    name: path.basename(file),
    size: bytes.length,
    stat: () => Promise.resolve({ size: bytes.length, mtime: 0 }),
    // eslint-disable-next-line @typescript-eslint/require-await
    async *read() {
      yield bytes;
    },
  };
}

/** The part that runs in the worker. */
export async function labTask({ page, file, set }: LabInput, control: Control): Promise<LabOutput> {
  const problem = /\.json$/i.test(file);
  const request = v.parse(labRequestSchema, { page, settings: settingsOf(page, set, problem) });
  try {
    const source = problem ? problemSource(file) : await nodeFileSource(file);
    const lab = createLab(source, nodeSessionDeps({ kernels: createKernels() }));
    const started = control.now();
    const record = await lab.run(
      request,
      ({ message, fraction }) =>
        control.report?.({
          iteration: Math.round(100 * (fraction ?? 0)),
          seconds: control.now() - started,
          objective: 0,
          dualBound: 0,
          active: 0,
          phase: message,
        }),
      control,
    );
    return { stopped: record.status === 'cancelled', text: `${JSON.stringify(record)}\n`, summary: summaryOf(record) };
  } catch (error) {
    if (error instanceof LabRefusal || error instanceof DataError || error instanceof TrainStopped)
      throw new UsageError(error.message);
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new UsageError(`cannot read ${file}: there is no such file`);
    throw error;
  }
}

function summaryOf({ verdicts }: LabRecord): string {
  return verdicts.map(({ title, verdict, sentence }) => `${title}: ${verdict}. ${sentence}\n`).join('');
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
  --out FILE         write the result to FILE
  --progress         show progress on stderr even when it is not a terminal

Exit status: 0 done, 2 bad input, 3 stopped by Ctrl-C with what was finished, 1 internal error.
`,
    async run(args) {
      const { values, positionals } = parseOptions(args, {
        set: { type: 'string', multiple: true },
        out: { type: 'string' },
        progress: { type: 'boolean' },
      });
      if (positionals.length !== 1) throw new UsageError('one data or problem file is needed', { showHelp: true });
      if (values.out !== undefined) checkOutputPath(values.out);
      const input: LabInput = { page, file: positionals[0], set: values.set ?? [] };
      const progress = progressWriter();
      const visible = values.progress === true || process.stderr.isTTY;
      const {
        stopped,
        text,
        summary: verdicts,
      } = (await runInBackground({ task: 'lab', input }, visible ? progress.show : undefined).finally(
        progress.end,
      )) as LabOutput;
      process.stderr.write(verdicts);
      await writeOutput(text, values.out);
      return stopped ? exitStatus.stopped : exitStatus.ok;
    },
  };
}

export const labCommands: Readonly<Record<LabPage, Command>> = {
  kernel: labCommand('kernel', 'tangent kernel at initialisation, its spectrum against the infinite-width limit'),
  sweep: labCommand('sweep', 'five claims about wide networks checked across widths'),
  contrast: labCommand('contrast', 'a lazy wide network against the sparse convex optimum'),
  flow: labCommand('flow', 'gradient flow and the dual certificate of where it ends'),
  geometry: labCommand('geometry', 'rectified ellipsoid, supporting plane and neurons in two or three dimensions'),
};
