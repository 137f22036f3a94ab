import * as v from 'valibot';
import { schemaWords } from '../base/schemaWords.ts';
import type { DenseMatrix } from '../base/linalg/matrix.ts';
import { plainExcerpt } from '../data/plainText.ts';
import { matrixFromJson, parseNumericCsv } from './numericTable.ts';
import { lossNames, lossOf } from './datafits/losses.ts';
import { penaltyNames } from './penalties/penalties.ts';
import { prepare } from './prepare.ts';
import { type Arrangements, biasModes, modelNames, modelOf, type Problem } from './problem.ts';
import { ProblemError } from '../base/problemError.ts';

export const problemFormat = 'convexnet-problem/1';

const seed = v.pipe(v.number('must be a whole number'), v.integer('must be a whole number'));
const positiveInteger = v.pipe(
  v.number('must be a positive whole number'),
  v.integer('must be a positive whole number'),
  v.minValue(1, 'must be a positive whole number'),
);
const oneOf = <const T extends readonly string[]>(names: T) =>
  v.picklist(names, ({ received }) => `must be one of ${names.map((name) => `"${name}"`).join(', ')}, not ${received}`);

/** The scalar fields; matrices are read by hand, so that messages name row and column and large ones stay cheap. */
const scalars = v.object(
  {
    format: v.literal(problemFormat, ({ received }) => `must be "${problemFormat}", not ${received}`),
    model: oneOf(modelNames),
    loss: oneOf(lossNames),
    delta: v.optional(v.number('must be a number')),
    beta: v.number('must be a number'),
    outputPenalty: v.optional(oneOf(penaltyNames)),
    bias: v.optional(oneOf(biasModes), 'none'),
    tolerance: v.optional(v.number('must be a number'), 1e-6),
    hidden: v.optional(v.object({ m1: positiveInteger }, 'must be an object like {"m1": 2}')),
    depth: v.optional(positiveInteger),
    outputs: v.optional(positiveInteger),
    arrangements: v.optional(
      v.variant(
        'kind',
        [
          v.object({ kind: v.literal('all') }),
          v.object({ kind: v.literal('sampled'), count: positiveInteger, seed: v.optional(seed, 1) }),
          v.object({ kind: v.literal('adaptive'), seed: v.optional(seed, 1) }),
        ],
        'must be {"kind": "all"}, {"kind": "sampled", "count": P, "seed": s} or {"kind": "adaptive", "seed": s}',
      ),
    ),
  },
  'the problem must be a JSON object',
);

/** Reads a file named in a problem file, by its path relative to that file; throws when it cannot. */
export type ReadRelated = (path: string) => string;

/**
 * Parses and checks a problem file. `file` is its name for messages; `readRelated` supplies the CSV files that X, y or gates
 * may name.
 * @throws {ProblemError} one clear message naming file, field, row and column where they apply
 */
export function parseProblemFile(text: string, file: string, readRelated: ReadRelated): Problem {
  try {
    return parse(text, file, readRelated);
  } catch (error) {
    if (error instanceof ProblemError) throw error.in(file);
    throw error;
  }
}

function parse(text: string, file: string, readRelated: ReadRelated): Problem {
  const json = parseJson(text);
  const checked = v.safeParse(scalars, json, { abortEarly: true });
  if (!checked.success) {
    const [issue] = checked.issues;
    const field = v.getDotPath(issue) ?? undefined;
    throw new ProblemError(plainExcerpt(schemaWords(issue), 300), { field });
  }
  const record = json as Record<string, unknown>;
  const fields = checked.output;
  const matrix = (field: string, column: boolean): DenseMatrix => {
    const value = record[field];
    if (value === undefined) throw new ProblemError('is missing', { field });
    if (typeof value !== 'string') return matrixFromJson(value, field, column);
    return parseNumericCsv(readRelatedText(value, field, file, readRelated), value, field);
  };
  const X = matrix('X', false);
  const y = matrix('y', true);
  const problem: Problem = {
    X,
    y,
    outputs: fields.outputs ?? (lossOf(fields.loss).targets === 'classes' ? classCount(y) : y.cols),
    model: fields.model,
    loss: fields.loss,
    ...(lossOf(fields.loss).parameters.includes('delta') ? { delta: fields.delta } : {}),
    ...(record.weights === undefined ? {} : { weights: matrix('weights', true).data }),
    beta: fields.beta,
    arrangements: arrangementsOf(record, fields.arrangements, matrix),
    outputPenalty: fields.outputPenalty ?? modelOf(fields.model).usualPenalty,
    bias: fields.bias,
    hidden: fields.hidden,
    depth: fields.depth,
    tolerance: fields.tolerance,
  };
  prepare(problem);
  return problem;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text);
  } catch (error) {
    throw new ProblemError(`not valid JSON: ${plainExcerpt((error as Error).message, 300)}`);
  }
}

function readRelatedText(path: string, field: string, file: string, readRelated: ReadRelated): string {
  try {
    return readRelated(path);
  } catch (error) {
    throw new ProblemError(`cannot read "${plainExcerpt(path, 300)}": ${(error as Error).message}`, { file, field });
  }
}

/** Largest class id plus one; at least two. `prepare` complains about ids that are no whole numbers. */
function classCount(y: DenseMatrix): number {
  let top = 1;
  for (const value of y.data) top = Math.max(top, Math.floor(value));
  return top + 1;
}

function arrangementsOf(
  record: Record<string, unknown>,
  listed: Exclude<Arrangements, { kind: 'given' }> | undefined,
  matrix: (field: string, column: boolean) => DenseMatrix,
): Arrangements {
  if (record.gates === undefined) return listed ?? { kind: 'adaptive', seed: 1 };
  if (listed !== undefined) {
    throw new ProblemError('cannot be given together with gates', { field: 'arrangements' });
  }
  return { kind: 'given', gates: matrix('gates', false) };
}
