import { realpathSync } from 'node:fs';
import path from 'node:path';
import { toJsonSchema } from '@valibot/to-json-schema';
import * as v from 'valibot';
import { schemaWords } from '../../core/base/schemaWords.ts';
import { headOfCsv, tools, type ToolWords } from '../../assistant/tools.ts';
import { plainExcerpt } from '../../core/data/plainText.ts';
import type { Inspection } from '../../session/inspection.ts';
import type { NewPredictions } from '../../session/predictOn.ts';
import { comparedRuns, comparisonRefusal } from '../../shared/compareRuns.ts';
import type { RunRecord } from '../../shared/run.ts';
import { comparisonDigest, runDigest } from '../../shared/runDigest.ts';
import { nodeFiles } from '../../platform/node/nodeFiles.ts';
import { readRun, RunFileError } from '../../store/runFiles.ts';
import { type BackgroundJob, runInBackground } from '../background.ts';
import { besideData, checkInput } from '../inputs.ts';
import { optionDescriptions, type OptionValues, settingOptions, settingsOf } from '../trainOptions.ts';
import { UsageError } from '../usage.ts';
import type { CallContext, Tool, ToolResult } from './protocol.ts';

/** Files that a tool may read, and the runs that there are. */
export interface Workspace {
  /** Files are at or below this folder. */
  readonly root: string;
  /** Files elsewhere are read, too. */
  readonly anywhere: boolean;
  /** Runs by id: those that were trained or read since the server was started. */
  readonly runs: Map<string, RunRecord>;
}

const file = v.pipe(
  v.string(),
  v.minLength(1),
  v.description('Path of a CSV or TSV file, in the folder of the server'),
);
const run = v.pipe(
  v.string(),
  v.minLength(1),
  v.description('Id of a run trained before, or path of a run file (*.convexrun.json)'),
);

/** Values of options as JSON has them. */
const optionValue = v.union([v.string(), v.number(), v.boolean(), v.array(v.string())]);

const inputs = {
  inspect: v.strictObject({ file }),
  train: v.strictObject({
    file,
    target: v.optional(v.pipe(v.string(), v.description('Column to predict; left out: inferred'))),
    options: v.optional(
      v.pipe(
        v.record(v.string(), optionValue),
        v.description('Options of `convexnet train` by name, without dashes: {"model": "linear", "beta-rel": 0.05}'),
      ),
    ),
  }),
  verdict: v.strictObject({ run }),
  compare: v.strictObject({
    runs: v.pipe(v.array(run), v.minLength(comparedRuns.least), v.maxLength(comparedRuns.most)),
  }),
  predict: v.strictObject({ run, file }),
};

/** A path that a tool was given, as a file that may be read. */
function allowed({ root, anywhere }: Workspace, given: string): string {
  if (given.includes('\0')) throw new UsageError('the name holds a character that no file name has');
  const wanted = path.resolve(root, given);
  if (!anywhere) {
    const inside = (name: string): boolean => {
      const relative = path.relative(realpathSync(root), name);
      return relative !== '..' && !relative.startsWith(`..${path.sep}`) && !path.isAbsolute(relative);
    };
    // a path that leaves the folder is refused whether or not something is there
    if (!inside(path.resolve(realpathSync(root), path.relative(root, wanted)))) throw outside(given);
    checkInput(wanted);
    if (!inside(realpathSync(wanted))) throw outside(given);
  }
  checkInput(wanted);
  return wanted;
}

const outside = (given: string): UsageError =>
  new UsageError(
    `${given} is not below the folder that the server was started in (convexnet mcp --allow-paths reads it)`,
  );

async function runOf(workspace: Workspace, given: string): Promise<RunRecord> {
  const known = workspace.runs.get(given);
  if (known !== undefined) return known;
  if (!/[./\\]/.test(given))
    throw new UsageError(`there is no run ${given}: train one, or give the path of a run file (*.convexrun.json)`);
  try {
    const read = await readRun(allowed(workspace, given), nodeFiles);
    workspace.runs.set(read.id, read);
    return read;
  } catch (error) {
    if (error instanceof RunFileError) throw new UsageError(error.message);
    throw error;
  }
}

/** Options as the command line would have parsed them. */
function optionsOf(given: Readonly<Record<string, v.InferOutput<typeof optionValue>>>): OptionValues {
  return Object.fromEntries<OptionValues[string]>(
    Object.entries(given).map(([name, value]): [string, OptionValues[string]] => {
      const option = Object.hasOwn(settingOptions, name) ? settingOptions[name] : undefined;
      if (option === undefined) throw new UsageError(`there is no option "${name}"`);
      if (option.type === 'boolean') {
        if (typeof value !== 'boolean') throw new UsageError(`--${name} is true or left out, not ${String(value)}`);
        return value || name.startsWith('no-') ? [name, value || undefined] : [`no-${name}`, true];
      }
      const texts = Array.isArray(value) ? value : [String(value)];
      if (!option.multiple && texts.length !== 1) throw new UsageError(`--${name} takes one value`);
      return [name, option.multiple ? texts : texts[0]];
    }),
  );
}

const json = (value: unknown): ToolResult => ({ text: JSON.stringify(value, undefined, 1) });

/** The tools of the server. What is wrong with a call comes back as its result, for the model to mend. */
export function toolset(workspace: Workspace, background: typeof runInBackground = runInBackground): Tool[] {
  const work = async (job: BackgroundJob, { signal, progress }: CallContext): Promise<unknown> =>
    background(job, ({ phase }) => progress(phase), signal);
  const tool = <S extends v.GenericSchema>(
    words: ToolWords,
    schema: S,
    call: (input: v.InferOutput<S>, context: CallContext) => Promise<ToolResult>,
  ): Tool => ({
    ...words,
    inputSchema: { ...toJsonSchema(schema), $schema: undefined },
    call: async (input, context) => {
      const parsed = v.safeParse(schema, input);
      try {
        if (!parsed.success)
          throw new UsageError(`${v.getDotPath(parsed.issues[0]) ?? 'input'}: ${schemaWords(parsed.issues[0])}`);
        return await call(parsed.output, context);
      } catch (error) {
        // it may quote what the call holds
        if (error instanceof UsageError) return { text: plainExcerpt(error.message, 1000), isError: true };
        throw error;
      }
    },
  });
  return [
    tool(tools.inspect, inputs.inspect, async (input, context) => {
      const found = (await work({ task: 'inspect', input: allowed(workspace, input.file) }, context)) as Inspection;
      return json(found);
    }),
    tool(
      { ...tools.train, description: `${tools.train.description}\n\nOptions:\n${optionDescriptions()}` },
      inputs.train,
      async ({ file: name, target, options = {} }, context) => {
        const settings = settingsOf(optionsOf({ ...options, ...(target === undefined ? {} : { target }) }));
        const data = allowed(workspace, name);
        const input = {
          file: data,
          settings: besideData(data, settings, (test) => allowed(workspace, test)),
          problem: false,
          certificate: false,
          decompose: false,
        };
        const { run: trained } = (await work({ task: 'train', input }, context)) as { run: RunRecord | null };
        if (trained === null) return { text: 'Stopped before there was a solution.', isError: true };
        workspace.runs.set(trained.id, trained);
        return json(runDigest(trained));
      },
    ),
    tool(tools.verdict, inputs.verdict, async (input) => json(runDigest(await runOf(workspace, input.run)))),
    tool(tools.compare, inputs.compare, async ({ runs }) => {
      const read: RunRecord[] = [];
      for (const given of runs) read.push(await runOf(workspace, given));
      const refusal = comparisonRefusal(read);
      if (refusal !== undefined) throw new UsageError(refusal);
      return json(comparisonDigest(read));
    }),
    tool(tools.predict, inputs.predict, async (input, context) => {
      const record = await runOf(workspace, input.run);
      const data = allowed(workspace, input.file);
      const predicted = (await work(
        { task: 'predict', input: { run: record, data, formulas: 'keep', read: {} } },
        context,
      )) as NewPredictions | null;
      if (predicted === null) return { text: 'Stopped before the predictions were there.', isError: true };
      const { csv, ...facts } = predicted;
      return json({ ...facts, ...headOfCsv(csv) });
    }),
  ];
}
