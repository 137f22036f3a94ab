import { memoryBytesOf, type TrainSettings } from '../shared/settings.ts';
import type { StudyTask } from './plan.ts';
import type { Study } from './studyFile.ts';

/** What one task may take. */
export interface TaskNeeds {
  readonly memoryMiB: number;
  readonly seconds: number;
}

/** Program, its compiled code and small tables. */
const baseMiB = 320;
/** The table, its encoding and a few copies of it, in bytes for each byte of the file. */
const bytesPerByte = 12;
/** Starting the program, reading and encoding, beyond the limits of the stages. */
const baseSeconds = 60;
const bytesPerSecond = 2e6;

/** An upper estimate from the limits that the settings set: every stage of a task keeps its own. */
function secondsOf({ timeLimitSeconds, certifySeconds, path, beta, compare }: TrainSettings, bytes: number): number {
  // the solve; choosing beta before it; the path after it; gradient descent and the solve that follows it
  const solves = 1 + (beta.kind === 'auto' ? 1 / 3 : 0) + (path.points > 0 ? 1 : 0) + (compare.enabled ? 2 : 0);
  return baseSeconds + bytes / bytesPerSecond + solves * timeLimitSeconds + certifySeconds;
}

/** The largest need of any of the tasks, unless the study says what one takes. */
export function needsOf({ resources = {} }: Study, tasks: readonly Pick<StudyTask, 'settings' | 'data'>[]): TaskNeeds {
  let [memory, seconds] = [0, 0];
  for (const { settings, data } of tasks) {
    // the solver refuses what needs more than its share before it allocates anything
    const solver = memoryBytesOf(settings) / 2 ** 20;
    memory = Math.max(memory, baseMiB + solver + (bytesPerByte * data.bytes) / 2 ** 20);
    seconds = Math.max(seconds, secondsOf(settings, data.bytes));
  }
  return { memoryMiB: resources.memoryMiB ?? Math.ceil(memory), seconds: resources.seconds ?? Math.ceil(seconds) };
}
