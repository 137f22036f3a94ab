import { readFileSync } from 'node:fs';
import { type DenseMatrix, denseMatrix, fromRows } from '../../../src/core/base/linalg/matrix.ts';
import type { LossName, Problem } from '../../../src/core/problem/problem.ts';
import { parseProblemFile } from '../../../src/core/problem/problemFile.ts';
import { createRng } from '../../../src/core/base/rng.ts';

const fixtures = new URL('../../fixtures/', import.meta.url);

/** A reference problem with its optimal objective. */
export function reference(name: string): { readonly problem: Problem; readonly objective: number } {
  const read = (suffix: string): string => readFileSync(new URL(`reference/${name}.${suffix}.json`, fixtures), 'utf8');
  const problem = parseProblemFile(read('problem'), name, () => {
    throw new Error('the reference problems hold their data');
  });
  const expected = JSON.parse(read('expected')) as { objective: number };
  return { problem, objective: expected.objective };
}

/** Random data with targets that suit the loss. */
export function randomProblem(
  seed: number,
  size: { readonly n: number; readonly d: number; readonly outputs?: number },
  change: Partial<Problem> = {},
): Problem {
  const { n, d, outputs = 1 } = size;
  const rng = createRng(seed);
  const X = denseMatrix(
    n,
    d,
    Float64Array.from({ length: n * d }, () => rng.normal()),
  );
  const loss = change.loss ?? 'squared';
  return {
    X,
    y: targets(loss, n, outputs, () => rng.normal(), X),
    outputs,
    model: 'gated-relu',
    loss,
    beta: 1,
    arrangements: { kind: 'sampled', count: 30, seed },
    outputPenalty: 'per-output',
    bias: 'regularized',
    tolerance: 1e-9,
    ...change,
  };
}

function targets(loss: LossName, n: number, outputs: number, normal: () => number, X: DenseMatrix): DenseMatrix {
  // a rule that no linear model fits, with noise
  const score = (r: number, o: number): number =>
    X.data[r * X.cols] * X.data[r * X.cols + (X.cols > 1 ? 1 : 0)] + o * X.data[r * X.cols] * 0.5 + 0.3 * normal();
  if (loss === 'softmax') {
    return fromRows(
      Array.from({ length: n }, (_, r) => {
        const s = score(r, 1);
        return [Math.min(outputs - 1, Math.max(0, Math.floor(outputs * (0.5 + 0.3 * s))))];
      }),
    );
  }
  return denseMatrix(
    n,
    outputs,
    Float64Array.from({ length: n * outputs }, (_, i) => {
      const s = score(Math.floor(i / outputs), i % outputs);
      return loss === 'squared' ? s : s >= 0 ? 1 : -1;
    }),
  );
}
