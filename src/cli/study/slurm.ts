import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import * as v from 'valibot';
import { plural } from '../../shared/plural.ts';
import { nodeFiles } from '../../platform/node/nodeFiles.ts';
import type { StudyFolder } from '../../store/study/studyFolder.ts';
import type { TaskNeeds } from '../../study/estimate.ts';
import type { StudyTask } from '../../study/plan.ts';
import type { Engine, EngineEnd, EngineJob } from './engine.ts';
import { cancel, largestArray, openElements, processorsOf, statesOf, submit } from './slurmTools.ts';

export interface SlurmOptions {
  readonly program: string;
  readonly throttle?: number;
  readonly chunk?: number;
  readonly partition?: string;
  readonly sbatch?: readonly string[];
  readonly detach?: boolean;
}

const defaultThrottle = 64;
/** Elements for every slot: few enough that starting them costs little, enough that slots end at about the same time. */
const elementsPerSlot = 4;
/** Between two questions to Slurm, and between two looks at a stop. */
const [askMs, lookMs] = [2_000, 100];
/** Slurm may be away for so many questions in a row before the watcher gives up; the job does not mind. */
const patience = 150;

// a number, as it becomes an argument of Slurm's programs and a folder may come from somebody else
const jobSchema = v.object({ job: v.pipe(v.string(), v.regex(/^\d+$/)), elements: v.array(v.array(v.string())) });
type Job = v.InferOutput<typeof jobSchema>;

/**
 * One job array of Slurm's at a time; its elements run on whatever machines Slurm has, and meet in the folder of the study, which all of them
 * must see under the same path. What has no result when the array has ended is submitted again.
 */
export function slurmEngine(options: SlurmOptions): Engine {
  return {
    describe({ todo, needs }) {
      const { elements, throttle } = sizes(todo.length, options);
      return `as one Slurm job array of ${plural(elements, 'element')}, ${throttle} at a time, ${needs.memoryMiB} MiB and up to ${needs.seconds} s for a task`;
    },
    run: (job) => run(job, options),
    stop(folder) {
      for (const { job } of jobsOf(folder)) if (isOpen(job)) cancel(job);
    },
  };
}

function sizes(tasks: number, options: SlurmOptions): { elements: number; chunk: number; throttle: number } {
  const throttle = options.throttle ?? defaultThrottle;
  const slots = Math.min(throttle, processorsOf(options.partition));
  const most = Math.min(largestArray(), options.chunk === undefined ? slots * elementsPerSlot : Infinity);
  const chunk = Math.max(options.chunk ?? 1, Math.ceil(tasks / most));
  return { elements: Math.ceil(tasks / chunk), chunk, throttle };
}

async function run(job: EngineJob, options: SlurmOptions): Promise<EngineEnd> {
  const { folder } = job;
  mkdirSync(folder.at('slurm', 'log'), { recursive: true });
  let needs = job.needs;
  for (let attempt = 0; ; attempt++) {
    const current = await submitted(job, needs, options);
    if (current === 'elsewhere') job.say('another process is submitting this study; its job is waited for');
    if (options.detach === true && current !== 'elsewhere')
      return {
        goesOn: `Job ${current.job} is submitted. "convexnet study status ${folder.folder}" says how far it is.`,
      };
    const end = await watched(job, current === 'elsewhere' ? undefined : current.job);
    if (end !== undefined) return end;
    const open = openOf(job);
    if (open.length === 0) return {};
    if (current === 'elsewhere') continue;
    const states = new Set(statesOf(current.job).map(({ state }) => state));
    if (attempt >= job.retries)
      return {
        gaveUp: `${plural(open.length, 'task')} came to no result in ${plural(attempt + 1, 'attempt')}${wordsOf(states)}; see ${folder.at('slurm', 'log')}`,
      };
    needs = largerNeeds(needs, states);
    job.say(
      `${plural(open.length, 'task')} came to no result${wordsOf(states)}; submitted again with ${needs.memoryMiB} MiB and ${needs.seconds} s for a task`,
    );
  }
}

/** What went wrong, as Slurm calls it. */
function wordsOf(states: ReadonlySet<string>): string {
  const bad = [...states].filter((state) => state !== 'COMPLETED');
  return bad.length === 0 ? '' : ` (${bad.join(', ').toLowerCase().replaceAll('_', ' ')})`;
}

function largerNeeds({ memoryMiB, seconds }: TaskNeeds, states: ReadonlySet<string>): TaskNeeds {
  return {
    memoryMiB: states.has('OUT_OF_MEMORY') ? 2 * memoryMiB : memoryMiB,
    seconds: states.has('TIMEOUT') ? 2 * seconds : seconds,
  };
}

/** Tasks without a result whose last attempt was not an error of their own, which would come again. */
function openOf({ folder, todo }: EngineJob): StudyTask[] {
  const [ended, failed] = [folder.ended(), new Set(folder.failedKeys())];
  return todo.filter(({ key }) => !ended.has(key) && !failed.has(key));
}

/** Whether elements of a job wait or run; so it is taken to be while Slurm does not answer. */
function isOpen(job: string): boolean {
  const open = openElements(job);
  return open === undefined || open.waiting + open.running > 0;
}

/** Submits what is open, unless a job for this study waits or runs already: then that one. */
async function submitted(job: EngineJob, needs: TaskNeeds, options: SlurmOptions): Promise<Job | 'elsewhere'> {
  const { folder } = job;
  const claim = folder.claims.take('submit');
  if (claim === null) return 'elsewhere';
  try {
    const known = jobsOf(folder);
    const going = known.find(({ job: id }) => isOpen(id));
    if (going !== undefined) {
      job.say(`job ${going.job} works on it already`);
      return going;
    }
    const open = openOf(job);
    const { chunk, elements: count, throttle } = sizes(open.length, options);
    const elements = Array.from({ length: count }, (_, k) =>
      open.slice(k * chunk, (k + 1) * chunk).map(({ key }) => key),
    );
    const list = folder.at('slurm', `list-${known.length + 1}.txt`);
    await nodeFiles.writeWhole(list, elements.map((keys) => `${keys.join(' ')}\n`).join(''));
    const script = folder.at('slurm', `job-${known.length + 1}.sh`);
    await nodeFiles.writeWhole(script, scriptOf(folder, list, options.program));
    const id = submit(script, [
      '--job-name=convexnet-study',
      `--array=0-${count - 1}%${throttle}`,
      '--ntasks=1',
      `--cpus-per-task=${job.plan.study.resources?.threads ?? 1}`,
      `--mem=${needs.memoryMiB}M`,
      `--time=${Math.ceil((chunk * needs.seconds) / 60)}`,
      `--output=${folder
        .at('slurm', 'log', 'PLACE')
        .replaceAll('%', '%%')
        .replace(/PLACE$/, '%A_%a.txt')}`,
      ...(options.partition === undefined ? [] : [`--partition=${options.partition}`]),
      ...(options.sbatch ?? []),
    ]);
    job.say(`job ${id}: ${plural(open.length, 'task')} in ${plural(count, 'element')}`);
    const submittedJob: Job = { job: id, elements };
    await nodeFiles.writeWhole(folder.at('slurm', `job-${known.length + 1}.json`), JSON.stringify(submittedJob));
    return submittedJob;
  } finally {
    claim.release();
  }
}

/** A word for the shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

function scriptOf(folder: StudyFolder, list: string, program: string): string {
  const words = [process.execPath, program, 'study', 'work', folder.folder, '--list', list].map(quoted).join(' ');
  // the program may be an editor's own Node
  return `#!/bin/sh
export ELECTRON_RUN_AS_NODE=1
exec ${words} --element "$SLURM_ARRAY_TASK_ID"
`;
}

/** Jobs that were submitted for a study, oldest first. */
function jobsOf(folder: StudyFolder): Job[] {
  const place = folder.at('slurm');
  if (!existsSync(place)) return [];
  const numbers = readdirSync(place).flatMap((name) => /^job-(\d+)\.json$/.exec(name)?.[1] ?? []);
  return numbers
    .sort((a, b) => Number(a) - Number(b))
    .flatMap((number) => {
      try {
        return [v.parse(jobSchema, JSON.parse(readFileSync(path.join(place, `job-${number}.json`), 'utf8')))];
      } catch {
        return [];
      }
    });
}

/** Waits until the job has ended (without a number: until the one that another process submits has); an end of its own when it is asked to stop. */
async function watched(job: EngineJob, id: string | undefined): Promise<EngineEnd | undefined> {
  let [asked, silent] = [0, 0];
  for (;;) {
    if (job.stopAsked()) return stoppedAt(job, id);
    if (performance.now() - asked > askMs || asked === 0) {
      asked = performance.now();
      job.progress();
      if (id === undefined) return undefined;
      const open = openElements(id);
      silent = open === undefined ? silent + 1 : 0;
      if (open !== undefined && open.waiting + open.running === 0) return undefined;
      if (silent > patience)
        return { gaveUp: 'Slurm does not answer', goesOn: `Job ${id} may go on without this process.` };
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}

function stoppedAt({ folder }: EngineJob, id: string | undefined): EngineEnd {
  // whoever stops the study through its folder has cancelled the job
  if (folder.stopAsked()) return { gaveUp: 'it was stopped' };
  const goesOn =
    id === undefined ? undefined : `Job ${id} goes on; "convexnet study stop ${folder.folder}" cancels it.`;
  return { gaveUp: 'this process was stopped', ...(goesOn === undefined ? {} : { goesOn }) };
}
