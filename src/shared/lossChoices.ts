import { type LossName, lossNames, lossOf } from '../core/problem/datafits/losses.ts';
import type { Task } from '../core/data/infer.ts';

/**
 * Whether a loss goes with a task. Several classes by one output each need outputs that are log-odds, or numbers to come close to.
 * @throws {ProblemError} when there is no such loss
 */
export function lossFits(loss: LossName, task: Task): boolean {
  const { targets, logLoss } = lossOf(loss);
  if (targets === 'numbers') return true;
  return task !== 'regression' && (targets === 'classes' || task === 'binary' || logLoss !== undefined);
}

/** The losses that go with a task. */
export function lossesOfTask(task: Task): readonly LossName[] {
  return lossNames.filter((loss) => lossFits(loss, task));
}
