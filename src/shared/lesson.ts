import * as v from 'valibot';
import type { RunRecord } from './run.ts';
import type { TrainSettings } from './settings.ts';
import { partCount } from './runView.ts';
import { boundOverFamily } from './verdict.ts';

/** How names of lesson files end. */
export const lessonFile = 'lesson.convex.yaml';

const text = v.pipe(v.string(), v.minLength(1), v.maxLength(4_000));
const line = v.pipe(v.string(), v.minLength(1), v.maxLength(200));
/** Training settings by name, nested or dotted; their values are checked by the schema of the settings themselves. */
const settings = v.record(v.string(), v.unknown());

/** Numbers of a run that a question can be about, each with the words for it. */
export const quantities = {
  neurons: { title: 'number of neurons', of: (run: RunRecord): number => partCount(run) },
  objective: { title: 'objective', of: (run: RunRecord): number => run.solution.objective },
  'lower-bound': { title: 'proven lower bound', of: (run: RunRecord): number => boundOverFamily(run) },
  'beta-max': { title: 'smallest beta of the zero network', of: (run: RunRecord): number => run.resolved.betaMax },
  inputs: { title: 'number of encoded inputs', of: (run: RunRecord): number => run.resolved.inputs },
  score: {
    title: 'score on rows held out',
    of: (run: RunRecord): number => run.metrics.at(0)?.test ?? run.metrics.at(0)?.train ?? NaN,
  },
} as const;
export type Quantity = keyof typeof quantities;
const quantityNames = Object.keys(quantities) as Quantity[];

/** Views of the panel that a step may lead to. */
export const lessonViews = [
  'overview',
  'predictions',
  'sparsity',
  'neurons',
  'sub-networks',
  'layers',
  'duals',
  'gradient-descent',
  'structure',
] as const;

const step = v.variant('kind', [
  /** Only text. */
  v.strictObject({ kind: v.literal('read'), text }),
  /** A number to guess: it is compared with the run of the next `solve`, or of the last one where none follows. */
  v.strictObject({
    kind: v.literal('guess'),
    text,
    quantity: v.picklist(quantityNames),
    /** Share of the number that a guess may be off by; 0 when left out. */
    within: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  }),
  /** A choice with one right answer (counted from 1), and why. */
  v.pipe(
    v.strictObject({
      kind: v.literal('choose'),
      text,
      choices: v.pipe(v.array(line), v.minLength(2), v.maxLength(8)),
      correct: v.pipe(v.number(), v.integer(), v.minValue(1)),
      because: v.optional(text),
    }),
    v.check(({ choices, correct }) => correct <= choices.length, 'correct is not the number of one of the choices'),
  ),
  /** Trains with the settings of the lesson and these. */
  v.strictObject({ kind: v.literal('solve'), text: v.optional(text), settings: v.optional(settings) }),
  /** A view of the panel to look at. */
  v.strictObject({ kind: v.literal('look'), text, view: v.picklist(lessonViews) }),
  /** A network to type, which is compared with the proven bound and with the network of the last `solve`. */
  v.strictObject({ kind: v.literal('beat'), text }),
]);

/** A lesson as its file says it (YAML or JSON). */
export const lessonSchema = v.strictObject({
  format: v.literal('convexnet-lesson/1'),
  title: line,
  about: v.optional(text),
  /** The data file, relative to the lesson. */
  data: v.pipe(
    v.string(),
    v.maxLength(1_000),
    v.regex(/^[^/\\:][^\\:]*$/, 'a path from the folder of the lesson, with / between its parts'),
  ),
  settings: v.optional(settings),
  steps: v.pipe(v.array(step), v.minLength(1), v.maxLength(100)),
});
export type LessonFile = v.InferOutput<typeof lessonSchema>;

type FileStep = LessonFile['steps'][number];
/** A step with its settings complete. */
export type LessonStep =
  | Exclude<FileStep, { kind: 'solve' }>
  | { readonly kind: 'solve'; readonly text?: string; readonly settings: TrainSettings };

/** A lesson that can be taken: every text of it is plain. */
export interface Lesson {
  readonly title: string;
  readonly about?: string;
  readonly data: string;
  readonly steps: readonly LessonStep[];
}

/** The step whose run a step is about: the next solve for a guess (the last one where none follows), the last one before for the others. */
export function solveFor({ steps }: Lesson, at: number): number | undefined {
  const solves = steps.flatMap(({ kind }, k) => (kind === 'solve' ? [k] : []));
  const before = solves.filter((k) => k < at).at(-1);
  return steps[at].kind === 'guess' ? (solves.find((k) => k > at) ?? before) : before;
}

/** Whether a guess is right: off by at most the share `within` of the number. */
export function guessHolds(guess: number, actual: number, within = 0): boolean {
  return Math.abs(guess - actual) <= within * Math.abs(actual);
}

/** A network that somebody typed, beside what is proven: objectives (sum-half convention), each recomputed from data and network. */
export interface TypedVerdict {
  readonly neurons: number;
  readonly objective: number;
  /** After balancing every neuron and merging those of one cell, which never raises it. */
  readonly merged: number;
  /** No network of the family is below. */
  readonly lowerBound: number;
  /** At most this share above the best of all networks; null where the bound is 0. */
  readonly excess: number | null;
  /** Objective of the network that was trained. */
  readonly trained: number;
}

/** What came of a solve. */
export interface LessonRun {
  readonly headline: string;
  readonly quantities: Readonly<Record<Quantity, number | null>>;
  /** What a line of a typed network holds. */
  readonly columns: string;
}

/** From the extension to the page. */
export interface ToLesson {
  readonly type: 'lesson';
  readonly uri: string;
  readonly lesson: Lesson | null;
  readonly error: { readonly message: string; readonly line?: number; readonly column?: number } | null;
  /** By the number of the step. */
  readonly runs: Readonly<Record<number, LessonRun>>;
  readonly typed: Readonly<Record<number, { readonly verdict?: TypedVerdict; readonly error?: string }>>;
  /** The step that is being worked on. */
  readonly working: number | null;
}

const stepNumber = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(99));

/** From the page to the extension. */
export const fromLessonSchema = v.variant('type', [
  v.object({ type: v.literal('ready') }),
  v.object({ type: v.literal('solve'), step: stepNumber }),
  v.object({ type: v.literal('look'), step: stepNumber }),
  v.object({ type: v.literal('certify'), step: stepNumber, text: v.pipe(v.string(), v.maxLength(200_000)) }),
  v.object({ type: v.literal('stop') }),
  v.object({ type: v.literal('openFile') }),
]);
export type FromLesson = v.InferOutput<typeof fromLessonSchema>;
