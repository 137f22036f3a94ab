import type { StudyFolder } from '../../store/study/studyFolder.ts';
import type { StudyPlan, StudyTask } from '../../study/plan.ts';
import type { TaskNeeds } from '../../study/estimate.ts';

/** What an engine is given. */
export interface EngineJob {
  readonly folder: StudyFolder;
  readonly plan: StudyPlan;
  /** Tasks without a result, in the order of the study. */
  readonly todo: readonly StudyTask[];
  readonly needs: TaskNeeds;
  /** How often a task may end without a result (its process died, its machine was lost) before it is left alone. */
  readonly retries: number;
  /** Looked at often; true from the moment that this process, or anybody through the folder, is asked to stop. */
  stopAsked(): boolean;
  /** Told in words what a person should know. */
  say(message: string): void;
  /** Told whenever something has ended. */
  progress(): void;
}

/** How an engine came to its end. What each task came to stands in the folder. */
export interface EngineEnd {
  /** Why it gave up before all was done, in words; left out when it did not. */
  readonly gaveUp?: string;
  /** Engines that let go of work that goes on without them say so. */
  readonly goesOn?: string;
}

/**
 * Sees to it that every task is run, somewhere, by a `TaskRunner` on the folder of the study. What is done is what has a result in the folder,
 * whoever put it there; so an engine keeps no state that it could lose.
 */
export interface Engine {
  /** One line on what it is going to do, said before it does. */
  describe(job: Pick<EngineJob, 'todo' | 'needs'>): string;
  run(job: EngineJob): Promise<EngineEnd>;
  /** Ends what it has running for a study, from another process. */
  stop?(folder: StudyFolder): void;
}
