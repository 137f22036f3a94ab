import * as v from 'valibot';

/** What a task is solved by: the convex program, or gradient descent on the non-convex problem of the same penalty and width. */
export const solverNames = ['convex', 'sgd', 'momentum', 'adam'] as const;
export type SolverName = (typeof solverNames)[number];

const number = v.pipe(v.number(), v.finite());
const count = (least: number, most: number): v.GenericSchema<number> =>
  v.pipe(v.number(), v.integer(), v.minValue(least), v.maxValue(most));
const name = v.pipe(v.string(), v.minLength(1), v.maxLength(200));
const scalar = v.union([v.string(), number, v.boolean(), v.null()]);
/** Training settings by name, nested or dotted ("path.points"); their values are checked by the schema of the settings themselves. */
const settings = v.record(v.string(), v.unknown());

/** from, from + step, ... to; or `points` values from `from` to `to`, evenly or in equal ratios. */
export const rangeSchema = v.strictObject({
  from: number,
  to: number,
  step: v.optional(v.pipe(number, v.gtValue(0))),
  points: v.optional(count(1, 100_000)),
  scale: v.optional(v.picklist(['linear', 'log'])),
});
export type Range = v.InferOutput<typeof rangeSchema>;

/** By column of the table: the value it has, one of several, or bounds of it. All of them have to hold. */
const condition = v.record(
  v.string(),
  v.union([scalar, v.array(scalar), v.strictObject({ least: v.optional(number), most: v.optional(number) })]),
);
export type Condition = v.InferOutput<typeof condition>;

const dataSchema = v.strictObject({
  /** Relative to the study file. */
  file: v.pipe(v.string(), v.minLength(1), v.maxLength(4096)),
  /** In the table; the file's name without its ending when left out. */
  name: v.optional(name),
  /** One is inferred when left out. */
  targets: v.optional(v.pipe(v.array(v.string()), v.minLength(1), v.maxLength(1000))),
  settings: v.optional(settings),
});

const resourcesSchema = v.strictObject({
  /** Threads of one task; 1 when left out, as tasks run side by side. */
  threads: v.optional(count(1, 64)),
  /** Instead of the estimates, for one task. */
  memoryMiB: v.optional(count(64, 16_777_216)),
  seconds: v.optional(count(1, 10_000_000)),
});

/** A study as its file says it (YAML or JSON). */
export const studySchema = v.strictObject({
  format: v.literal('convexnet-study/1'),
  name: v.optional(name),
  data: v.pipe(v.array(dataSchema), v.minLength(1), v.maxLength(10_000)),
  /** Of every task. */
  settings: v.optional(settings),
  /**
   * What is varied, everything with everything. A setting: a list of values, or a range. Any other name is a parameter: by the name of each of
   * its values, the settings that belong to it.
   */
  vary: v.optional(v.record(name, v.union([v.array(v.unknown()), rangeSchema, v.record(name, settings)]))),
  solvers: v.optional(v.pipe(v.array(v.picklist(solverNames)), v.minLength(1))),
  /** Every task this many times, each with another part of the rows held out. */
  folds: v.optional(count(2, 50)),
  /** Tasks that match one of these are left out; where `only` is given, so are those that match none of it. */
  skip: v.optional(v.array(condition)),
  only: v.optional(v.array(condition)),
  resources: v.optional(resourcesSchema),
  /** Whether the whole record of every task is kept beside its row; yes when left out. */
  keepRuns: v.optional(v.boolean()),
});
export type Study = v.InferOutput<typeof studySchema>;
