import { toRows } from '../base/linalg/matrix.ts';
import { lossOf } from './datafits/losses.ts';
import type { Problem } from './problem.ts';

/** A problem in the file format that `convexnet solve` reads. */
export function problemFile(problem: Problem): string {
  const { arrangements, y } = problem;
  return JSON.stringify({
    format: 'convexnet-problem/1',
    model: problem.model,
    loss: problem.loss,
    ...(problem.delta === undefined ? {} : { delta: problem.delta }),
    ...(problem.weights === undefined ? {} : { weights: Array.from(problem.weights) }),
    beta: problem.beta,
    bias: problem.bias,
    outputPenalty: problem.outputPenalty,
    ...(problem.hidden === undefined ? {} : { hidden: problem.hidden }),
    ...(problem.depth === undefined ? {} : { depth: problem.depth }),
    tolerance: problem.tolerance,
    ...(lossOf(problem.loss).targets === 'classes' ? { outputs: problem.outputs } : {}),
    ...(arrangements.kind === 'given' ? { gates: toRows(arrangements.gates) } : { arrangements }),
    X: toRows(problem.X),
    y: y.cols === 1 ? Array.from(y.data) : toRows(y),
  });
}
