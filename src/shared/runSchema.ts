import * as v from 'valibot';
import { schemaWords } from '../core/base/schemaWords.ts';
import { dateParts, waves } from '../core/data/dates.ts';
import { lossNames } from '../core/problem/datafits/losses.ts';
import { plainExcerpt } from '../core/data/plainText.ts';
import { gapMatches } from '../core/problem/gap.ts';
import type { RunRecord } from './run.ts';
import { runIdSchema } from './runSummary.ts';
import { modelTraits } from './models.ts';
import { type NetworkName, networkNames, sizeBounds } from './networkName.ts';
import { trainSettingsSchema } from './settingsSchema.ts';
import { biasOf } from '../core/problem/problem.ts';

/**
 * What a run record has to be, whoever wrote it: every number finite, every table of the length that the sizes say. Checked before a run is
 * written and before anything is computed from one that was read.
 */

const text = v.string();
const number = v.pipe(v.number('is not a number'), v.finite('is not a finite number'));
const count = (least: number, most: number): v.GenericSchema<number> => {
  const message = `is not a whole number from ${least} to ${most}`;
  return v.pipe(v.number(message), v.integer(message), v.minValue(least, message), v.maxValue(most, message));
};
/** A list of numbers; in one loop, since runs hold millions. */
const numbers = v.custom<readonly number[]>(
  (value) => Array.isArray(value) && value.every((entry) => typeof entry === 'number'),
  'is not a list of numbers',
);
const matrix = v.array(numbers);
const scale = v.pipe(
  number,
  v.check((value) => value > 1e-100 && value < 1e100, 'is no scale'),
);

/** Sizes that no record goes beyond. */
const mostInputs = 1_000_000;
const mostOutputs = 10_000;

/** The shape of a record; that its tables belong together is checked apart. Published in docs/run-schema.json: `npm run run-schema`. */
export const runStructure = v.looseObject({
  format: v.literal('convexnet-run/1', 'it is not a run of this version'),
  id: runIdSchema,
  label: text,
  createdAt: text,
  version: text,
  dataset: v.looseObject({
    uri: text,
    name: text,
    bytes: number,
    sha256: text,
    header: v.boolean(),
    columns: v.array(v.looseObject({ name: text, kind: text, role: text })),
    warnings: v.array(text),
    // not in runs of earlier versions
    markers: v.optional(v.array(text)),
  }),
  settings: trainSettingsSchema,
  resolved: v.looseObject({
    target: text,
    task: v.picklist(['regression', 'binary', 'multiclass']),
    loss: v.picklist(lossNames),
    classes: v.array(text),
    classWeights: v.optional(v.array(scale)),
    threshold: v.optional(v.looseObject({ at: number, score: number, usual: number, rule: text, folds: number })),
    beta: number,
    betaMax: number,
    trainRows: count(1, 2 ** 31),
    inputs: count(1, mostInputs),
    outputs: count(1, mostOutputs),
  }),
  scaling: v.looseObject({
    inputs: v.array(
      v.looseObject({
        name: text,
        column: text,
        category: v.optional(text),
        mean: number,
        scale,
        // not in runs of earlier versions
        other: v.optional(text),
        date: v.optional(v.boolean()),
        dayFirst: v.optional(v.boolean()),
        wave: v.optional(v.looseObject({ part: v.picklist(dateParts), wave: v.picklist(waves) })),
        fill: v.optional(number),
      }),
    ),
    whitening: v.optional(v.looseObject({ rank: number, matrix })),
    target: v.object({ mean: number, scale }),
  }),
  solution: v.looseObject({
    status: text,
    objective: number,
    penalty: v.optional(number),
    dualBound: v.number(),
    relativeGap: v.number(),
    global: v.optional(v.looseObject({ lowerBound: v.number(), relativeGap: v.number() })),
    // not in runs of earlier versions: then nothing is said about other optimal networks
    optimalSet: v.optional(v.looseObject({ scope: v.picklist(['proven', 'found']), directions: v.optional(number) })),
  }),
  trace: v.array(v.looseObject({ seconds: number, objective: v.number() })),
  neurons: v.array(
    v.looseObject({
      id: number,
      weights: numbers,
      bias: number,
      outer: numbers,
      gateDirection: v.optional(v.looseObject({ weights: numbers, bias: number })),
      norm: number,
      on: text,
      presence: v.optional(v.picklist(['every', 'not every', 'unknown'])),
    }),
  ),
  outputOffset: v.optional(numbers),
  gates: v.looseObject({ count: number, constraint: numbers, norm: numbers }),
  rows: v.looseObject({
    line: numbers,
    split: numbers,
    target: numbers,
    prediction: numbers,
    dual: numbers,
    targetIntervals: v.optional(v.looseObject({ share: number, lower: numbers, upper: numbers })),
  }),
  metrics: v.array(v.looseObject({ model: text, measure: text })),
  models: v.optional(
    v.looseObject({
      measure: text,
      folds: number,
      complete: v.boolean(),
      models: v.array(
        v.looseObject({
          network: v.picklist(Object.keys(networkNames) as NetworkName[]),
          depth: v.optional(number),
          refused: v.optional(text),
          point: v.optional(
            v.looseObject({
              beta: number,
              mean: number,
              standardError: number,
              folds: v.array(number),
              active: number,
            }),
          ),
          betaMax: v.optional(number),
          trained: v.optional(
            v.looseObject({
              active: number,
              gap: v.optional(number),
              over: v.optional(v.picklist(['family', 'gates'])),
            }),
          ),
        }),
      ),
    }),
  ),
  importance: v.optional(
    v.looseObject({
      rows: number,
      features: v.array(
        v.looseObject({
          column: text,
          mean: number,
          deviation: number,
          effect: v.optional(v.looseObject({ at: v.array(v.union([number, text])), value: matrix })),
        }),
      ),
    }),
  ),
  deep: v.optional(
    v.variant(
      'kind',
      [
        v.looseObject({
          kind: v.literal('three-layer'),
          m1: count(sizeBounds.m1.least, sizeBounds.m1.most),
          branches: v.array(v.looseObject({ W1: matrix, w2: numbers, w3: number, output: count(0, mostOutputs - 1) })),
        }),
        v.looseObject({
          kind: v.literal('linear'),
          depth: count(sizeBounds.depth.least, sizeBounds.depth.most),
          map: matrix,
        }),
      ],
      'is no three-layer or linear network',
    ),
  ),
  notes: v.array(text),
});

type Structure = v.InferOutput<typeof runStructure>;

/** Where a record is wrong: the field as a path with dots, and what is wrong there. */
export interface RunFault {
  readonly field: string;
  readonly reason: string;
}

/** Field and reason as one line, whatever the file holds in their place. */
export function faultText({ field, reason }: RunFault): string {
  return plainExcerpt(field === '' ? reason : `${field}: ${reason}`, 300);
}

/** Numbers that may be infinite, by meaning: a bound that is not there yet, a comparison that diverged. As JSON they are null. */
export const unbounded: Readonly<Record<string, number>> = {
  'resolved.betaMaxUpper': Infinity,
  'solution.dualBound': -Infinity,
  'solution.relativeGap': Infinity,
  'solution.kkt.stationarity': Infinity,
  'solution.kkt.cone': Infinity,
  'solution.kkt.complementarity': Infinity,
  'solution.global.lowerBound': -Infinity,
  'solution.global.relativeGap': Infinity,
  'solution.global.maxDualConstraint': Infinity,
  'trace.*.objective': Infinity,
  'trace.*.dualBound': -Infinity,
  'path.points.*.relativeGap': Infinity,
  'compare.runs.*.objective.*': Infinity,
  'compare.runs.*.final': Infinity,
  'compare.runs.*.merged': Infinity,
  'compare.runs.*.excess': Infinity,
  'compare.runs.*.train': Infinity,
  'compare.runs.*.test': Infinity,
  'deep.prices.*': Infinity,
  'deep.descentRuns.*.objective.*': Infinity,
  'deep.descentRuns.*.final': Infinity,
  'deep.descentRuns.*.merged': Infinity,
  'deep.budget.*.dualBound': -Infinity,
  'deep.twoLayer.global.lowerBound': -Infinity,
  'deep.twoLayer.global.relativeGap': Infinity,
  'deep.twoLayer.global.maxDualConstraint': Infinity,
};

/** Deeper than any record nests. */
const deepest = 40;

type Visit = (
  value: unknown,
  path: readonly (string | number)[],
  holder: Record<string, unknown>,
) => string | undefined;

/** Calls `visit` for every value that is neither a finite number, text, a truth value nor a container; the first reason it gives ends the walk. */
function walk(value: unknown, path: (string | number)[], visit: Visit): RunFault | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (path.length > deepest) return { field: path.slice(0, 4).join('.'), reason: 'is nested too deeply' };
  const holder = value as Record<string, unknown>;
  const keys = Array.isArray(value) ? undefined : Object.keys(holder);
  const length = keys?.length ?? (value as unknown[]).length;
  for (let k = 0; k < length; k++) {
    const key = keys === undefined ? k : keys[k];
    const entry = holder[key];
    if (typeof entry === 'number' ? Number.isFinite(entry) : typeof entry === 'string' || typeof entry === 'boolean')
      continue;
    path.push(key);
    const container = typeof entry === 'object' && entry !== null;
    const reason = container ? undefined : visit(entry, path, holder);
    const fault = reason === undefined ? walk(entry, path, visit) : { field: path.join('.'), reason };
    if (fault !== undefined) return fault;
    path.pop();
  }
  return undefined;
}

const patternOf = (path: readonly (string | number)[]): string =>
  path.map((key) => (typeof key === 'number' ? '*' : key)).join('.');

/** Where a record has a number that is not finite and may not be. */
function notFinite(run: unknown): RunFault | undefined {
  return walk(run, [], (value, path) =>
    typeof value === 'number' && !Object.hasOwn(unbounded, patternOf(path)) ? 'is not a finite number' : undefined,
  );
}

/** Puts back what JSON has as null: the infinities of `unbounded`. Changes the value; other nulls stay. */
function revive(json: unknown): RunFault | undefined {
  return walk(json, [], (value, path, holder) => {
    const pattern = patternOf(path);
    if (value === null && Object.hasOwn(unbounded, pattern) && pattern !== 'compare.runs.*.test')
      holder[path[path.length - 1]] = unbounded[pattern];
    return undefined;
  });
}

/** The first table whose length does not go with the sizes that the record states. */
function wrongSize(run: Structure): RunFault | undefined {
  const { resolved, settings, scaling, rows, neurons, deep } = run;
  const { inputs, outputs, classes, task } = resolved;
  const fault = (field: string, found: number, needed: number): RunFault | undefined =>
    found === needed ? undefined : { field, reason: `has ${found} entries, not ${needed}` };
  const matrixFault = (field: string, m: readonly (readonly number[])[], height: number, width: number) =>
    fault(field, m.length, height) ??
    m.map((row, i) => fault(`${field}.${i}`, row.length, width)).find((found) => found !== undefined);
  const fitting = task === 'regression' ? classes.length === 0 : classes.length === Math.max(2, outputs);
  if (!fitting)
    return {
      field: 'resolved.classes',
      reason: `${classes.length} classes do not go with ${outputs} outputs of ${task}`,
    };
  const weights = resolved.classWeights;
  if (weights !== undefined && weights.length !== classes.length) return fault('resolved.classWeights', weights.length, classes.length); // prettier-ignore
  const n = rows.line.length;
  const training = rows.split.reduce((sum, split) => sum + (split === 0 ? 1 : 0), 0);
  const tables =
    fault('scaling.inputs', scaling.inputs.length, inputs) ??
    (scaling.whitening && matrixFault('scaling.whitening.matrix', scaling.whitening.matrix, inputs, inputs)) ??
    fault('rows.split', rows.split.length, n) ??
    fault('rows.target', rows.target.length, n) ??
    fault('rows.prediction', rows.prediction.length, n * outputs) ??
    fault('rows.dual', rows.dual.length, training * outputs) ??
    (rows.targetIntervals &&
      fault('rows.targetIntervals.lower', rows.targetIntervals.lower.length, training * outputs)) ??
    (rows.targetIntervals &&
      fault('rows.targetIntervals.upper', rows.targetIntervals.upper.length, training * outputs)) ??
    (run.outputOffset && fault('outputOffset', run.outputOffset.length, outputs));
  if (tables !== undefined) return tables;
  const traits = modelTraits(settings.model);
  if ((deep?.kind ?? null) !== traits.deep)
    return { field: 'deep', reason: `does not go with the model ${settings.model}` };
  const gated = traits.patterns === 'own';
  for (let k = 0; k < neurons.length; k++) {
    const { weights, outer, gateDirection, on } = neurons[k];
    const at = `neurons.${k}`;
    if (gated && gateDirection === undefined) return { field: `${at}.gateDirection`, reason: 'is missing' };
    const found =
      fault(`${at}.weights`, weights.length, inputs) ??
      fault(`${at}.outer`, outer.length, outputs) ??
      (gateDirection && fault(`${at}.gateDirection.weights`, gateDirection.weights.length, inputs)) ??
      fault(`${at}.on`, on.length, 4 * Math.ceil(Math.ceil(n / 8) / 3));
    if (found !== undefined) return found;
  }
  const effective = inputs + (biasOf(settings.bias).column ? 1 : 0);
  if (deep?.kind === 'linear') return matrixFault('deep.map', deep.map, effective, outputs);
  for (const [k, { W1, w2, output }] of (deep?.branches ?? []).entries()) {
    const at = `deep.branches.${k}`;
    if (output >= outputs) return { field: `${at}.output`, reason: `is not one of ${outputs}` };
    const found = matrixFault(`${at}.W1`, W1, effective, deep!.m1) ?? fault(`${at}.w2`, w2.length, deep!.m1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function faultOf(value: unknown): RunFault | undefined {
  const parsed = v.safeParse(runStructure, value, { abortEarly: true });
  if (!parsed.success) {
    const [issue] = parsed.issues;
    return { field: v.getDotPath(issue) ?? '', reason: schemaWords(issue) };
  }
  return wrongSize(parsed.output) ?? wrongNetwork(parsed.output) ?? wrongGap(parsed.output);
}

/** Largest number that is read from data. */
const largestNumber = 1e60;

/** What would make another network of the record than the one that was trained, with nothing missing. */
function wrongNetwork({ resolved, scaling, neurons, deep, solution }: Structure): RunFault | undefined {
  if (new Set(resolved.classes).size < resolved.classes.length)
    return { field: 'resolved.classes', reason: 'has a class twice' };
  const seen = new Set<string>();
  for (const [k, { column, category, wave, mean }] of scaling.inputs.entries()) {
    const input = JSON.stringify([column, category, wave?.part, wave?.wave]);
    if (seen.has(input)) return { field: `scaling.inputs.${k}`, reason: 'is one of the inputs before it once more' };
    seen.add(input);
    if (!(Math.abs(mean) <= largestNumber)) return { field: `scaling.inputs.${k}.mean`, reason: 'is no mean of data' };
  }
  if (!(Math.abs(scaling.target.mean) <= largestNumber))
    return { field: 'scaling.target.mean', reason: 'is no mean of data' };
  if (deep === undefined && neurons.length === 0 && (solution.penalty ?? 0) > 0)
    return { field: 'neurons', reason: `is empty, and the penalty is ${solution.penalty}` };
  return undefined;
}

/** Every gap of a solution is that of the numbers it is shown with: a run that claims more than they say is not shown. */
function wrongGap({ solution: { objective, dualBound, relativeGap, global } }: Structure): RunFault | undefined {
  const reason = 'is not that of the objective and the bound beside it';
  if (!gapMatches(relativeGap, objective, dualBound)) return { field: 'solution.relativeGap', reason };
  if (global !== undefined && !gapMatches(global.relativeGap, objective, global.lowerBound))
    return { field: 'solution.global.relativeGap', reason };
  return undefined;
}

/** What is wrong with a record that is about to be written; undefined: nothing. */
export function runFault(run: RunRecord): RunFault | undefined {
  return notFinite(run) ?? faultOf(run);
}

/** What records of earlier versions have under another name. */
function rename(json: unknown): void {
  const deep = typeof json === 'object' && json !== null ? (json as { deep?: unknown }).deep : undefined;
  if (typeof deep !== 'object' || deep === null || !Object.hasOwn(deep, 'rivals')) return;
  const fields = deep as Record<string, unknown>;
  fields.descentRuns ??= fields.rivals;
  delete fields.rivals;
}

/** A record from JSON that was parsed, with the infinities back in their places, or what is wrong with it. */
export function runOfJson(json: unknown): { readonly run: RunRecord } | { readonly fault: RunFault } {
  rename(json);
  const fault = revive(json) ?? notFinite(json) ?? faultOf(json);
  return fault === undefined ? { run: json as RunRecord } : { fault };
}
