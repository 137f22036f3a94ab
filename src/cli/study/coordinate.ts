import { rmSync } from 'node:fs';
import { plural } from '../../shared/plural.ts';
import type { StudyFolder } from '../../store/study/studyFolder.ts';
import { type TaskNeeds, needsOf } from '../../study/estimate.ts';
import type { StudyPlan, StudyTask } from '../../study/plan.ts';
import { onStop } from '../signals.ts';
import type { Engine, EngineEnd } from './engine.ts';

/** How a study stands when its coordinator ends. */
export interface StudyEnd extends EngineEnd {
  readonly tasks: number;
  readonly done: number;
  readonly failed: number;
}

export interface CoordinateOptions {
  readonly folder: StudyFolder;
  readonly plan: StudyPlan;
  readonly tasks: readonly StudyTask[];
  readonly engine: Engine;
  readonly retries: number;
  readonly needs?: Partial<TaskNeeds>;
  say(message: string): void;
  /** Given the count of tasks that are done, at most some times a second. */
  progress(done: number): void;
}

const reportMs = 250;

/** Sees a study through with an engine. @throws where the folder cannot be written */
export async function coordinate(options: CoordinateOptions): Promise<StudyEnd> {
  const { folder, plan, tasks, engine, retries } = options;
  rmSync(folder.stopFile, { force: true });
  folder.sweep();
  folder.forgetFailures(tasks);
  const ended = folder.ended();
  const todo = tasks.filter(({ key }) => !ended.has(key));
  const done = tasks.length - todo.length;
  const needs = { ...needsOf(plan.study, todo), ...options.needs };
  if (todo.length === 0) return { tasks: tasks.length, done, failed: 0 };
  options.say(
    `${done === 0 ? '' : `${done} done before; `}${plural(todo.length, 'task')} to do, ${engine.describe({ todo, needs })}`,
  );
  let stopped = false;
  const off = onStop(() => (stopped = true));
  let reported = 0;
  const report = (): void => {
    if (Date.now() - reported < reportMs) return;
    reported = Date.now();
    options.progress(folder.status(tasks).done);
  };
  let end: EngineEnd;
  try {
    end = await engine.run({
      ...{ folder, plan, todo, needs, retries, say: (message) => options.say(message) },
      stopAsked: () => stopped || folder.stopAsked(),
      progress: report,
    });
  } finally {
    off();
  }
  const status = folder.status(tasks);
  return { ...end, tasks: tasks.length, done: status.done, failed: status.failed };
}
