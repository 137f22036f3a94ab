import type { PreparedProblem } from '../../problem/prepare.ts';
import { biasOf, type Problem } from '../../problem/problem.ts';
import { couplesOutputs, penaltyOf } from '../../problem/penalties/penalties.ts';
import { ProblemError } from '../../base/problemError.ts';

/** What no engine for ReLU networks solves. @throws {ProblemError} with the reason */
export function refuseRelu(problem: Problem, prepared: PreparedProblem): void {
  if (!prepared.datafit.smooth) {
    throw new ProblemError(
      `the ReLU model needs a loss with a gradient, which the ${problem.loss} loss has not; take "logistic", or the gated model`,
      { field: 'loss' },
    );
  }
  if (prepared.outputs > 1 && penaltyOf(prepared.outputPenalty).gatedOnly) {
    throw new ProblemError(
      'Frobenius blocks exist for gated networks only: a ReLU neuron is its own unit, so that its penalty is plain weight decay; take "nuclear" for that, or "per-output"',
      { field: 'outputPenalty' },
    );
  }
  if (couplesOutputs(prepared.outputPenalty, prepared.outputs) && problem.arrangements.kind !== 'adaptive') {
    throw new ProblemError(
      'with plain weight decay ("nuclear") and several outputs the program on given activation patterns is copositive, which no method solves in reasonable time; ' +
        'take "adaptive", which generates neurons and proves a bound over all patterns, or the per-output penalty',
      { field: 'arrangements' },
    );
  }
  if (!biasOf(prepared.bias).free || prepared.datafit.coercive) return;
  const { targets, outputs } = prepared;
  const classes = prepared.datafit.targets === 'classes' ? outputs : 2;
  for (let o = 0; o < targets.cols; o++) {
    const seen = new Set<number>();
    for (let i = 0; i < targets.rows; i++) seen.add(targets.data[i * targets.cols + o]);
    if (seen.size < classes) {
      throw new ProblemError(
        'every class must occur when the output offset is free: without one of them the loss has no minimum',
        { field: 'y' },
      );
    }
  }
}
