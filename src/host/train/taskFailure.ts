import { errorInLanguage } from '../inLanguage.ts';
import type { Outcome, TaskError } from '../../worker/api.ts';

/** Something about the data or the task failed; the message is for a person. */
export class TaskFailure extends Error {
  override readonly name = 'TaskFailure';
  constructor(readonly detail: TaskError) {
    super(detail.message);
  }
}

/** What a worker answered; throws what it reported as an error. */
export function valueOf<T>(outcome: Outcome<T>): T {
  if (outcome.error) throw new TaskFailure({ ...outcome.error, message: errorInLanguage(outcome.error) });
  return outcome.value as T;
}
