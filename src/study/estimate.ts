import { comparedNetworks, modelSeconds } from '../shared/modelComparison.ts';
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

/** An upper estimate from the limits that the settings set: that of the training, twice since a stage may end late, and of the proofs of network and path. */
function secondsOf(settings: TrainSettings, bytes: number): number {
  const { timeLimitSeconds, certifySeconds, path, compareModels } = settings;
  const proofs = (path.points > 0 ? 1.5 : 1) * certifySeconds;
  const each = 2 * modelSeconds(timeLimitSeconds) + certifySeconds;
  const models = compareModels === true ? (comparedNetworks.length + 1) * each : 0;
  return baseSeconds + bytes / bytesPerSecond + 2 * timeLimitSeconds + proofs + models;
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
