import { readFileSync } from 'node:fs';
import { denseMatrix, fromRows } from '../../../../src/core/base/linalg/matrix.ts';
import type { Arrangements, BiasMode, LossName, OutputPenalty, Problem } from '../../../../src/core/problem/problem.ts';
import { createRng, type Rng } from '../../../../src/core/base/rng.ts';
import type { Solution } from '../../../../src/core/engine/solution/solution.ts';

export interface ProblemFields {
  readonly X: number[][];
  readonly y: number[] | number[][];
  readonly beta: number;
  readonly loss?: LossName;
  readonly bias?: BiasMode;
  readonly gates?: number[][];
  readonly arrangements?: Arrangements;
  readonly outputPenalty?: OutputPenalty;
  readonly tolerance?: number;
}

export function reluProblem(fields: ProblemFields): Problem {
  const { X, y, loss = 'squared', gates } = fields;
  const columns = Array.isArray(y[0]) ? y[0].length : 1;
  return {
    X: fromRows(X),
    y: denseMatrix(X.length, columns, Float64Array.from(y.flat())),
    outputs: loss === 'softmax' ? Math.max(...(y as number[])) + 1 : columns,
    model: 'relu',
    loss,
    beta: fields.beta,
    arrangements:
      gates !== undefined
        ? { kind: 'given', gates: fromRows(gates) }
        : (fields.arrangements ?? { kind: 'adaptive', seed: 1 }),
    outputPenalty: fields.outputPenalty ?? 'per-output',
    bias: fields.bias ?? 'none',
    tolerance: fields.tolerance ?? 1e-8,
  };
}

const fixtures = new URL('../../../fixtures/', import.meta.url);

export function reference(name: string): { readonly problem: ProblemFields; readonly objective: number } {
  const read = (file: string): unknown => JSON.parse(readFileSync(new URL(`reference/${file}`, fixtures), 'utf8'));
  const { objective } = read(`${name}.expected.json`) as { objective: number };
  return { problem: read(`${name}.problem.json`) as ProblemFields, objective };
}

export interface AnalyticCase {
  readonly name: string;
  readonly X: number[][];
  readonly y: number[] | number[][];
  readonly beta: number;
  readonly expected: Record<string, unknown>;
  readonly tolerance: number;
}

export function analyticCase(id: string): AnalyticCase {
  const cases = JSON.parse(readFileSync(new URL('analytic_cases.json', fixtures), 'utf8')) as AnalyticCase[];
  const found = cases.find(({ name }) => name.startsWith(`${id} `));
  if (found === undefined) throw new Error(`no case ${id}`);
  return found;
}

export function gaussian(rng: Rng, rows: number, cols: number): number[][] {
  return Array.from({ length: rows }, () => Array.from({ length: cols }, () => rng.normal()));
}

export function randomProblem(
  seed: number,
  fields: Partial<ProblemFields> & { readonly n?: number; readonly d?: number } = {},
): ProblemFields {
  const rng = createRng(seed);
  const { n = 20, d = 3, ...rest } = fields;
  const X = gaussian(rng, n, d);
  const loss = fields.loss ?? 'squared';
  const y = X.map((row, i) => {
    if (loss === 'softmax') return i % 3;
    const value = Math.max(0, row[0]) - Math.max(0, row[d - 1] - 0.3) + 0.3 * rng.normal();
    return loss === 'logistic' ? (value > 0.1 ? 1 : -1) : value;
  });
  return { X, y, beta: 0.2, ...rest };
}

/** Largest difference relative to the larger size. */
export function relative(a: number, b: number): number {
  return Math.abs(a - b) / Math.max(Math.abs(a), Math.abs(b), Number.MIN_VALUE);
}

export function gateRows(solution: Solution): number[][] {
  const { rows, cols, data } = solution.gates;
  return Array.from({ length: rows }, (_, i) => Array.from(data.subarray(i * cols, (i + 1) * cols)));
}
