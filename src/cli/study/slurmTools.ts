import { spawnSync } from 'node:child_process';
import { UsageError } from '../usage.ts';

/** Slurm's own programs; nothing else of it is used. */

/** How a job, or an element of a job array, has ended or stands, in Slurm's words: COMPLETED, TIMEOUT, OUT_OF_MEMORY ... */
export interface ElementState {
  readonly element: number;
  readonly state: string;
}

interface Ran {
  readonly ok: boolean;
  readonly text: string;
  readonly complaint: string;
}

function ran(command: string, args: readonly string[]): Ran {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  if (error !== undefined && 'code' in error && error.code === 'ENOENT')
    throw new UsageError(`${command} is not there: the slurm engine runs where Slurm's programs are installed`);
  return { ok: status === 0, text: stdout ?? '', complaint: (stderr ?? '').trim().split('\n').at(-1) ?? '' };
}

/** Submits a script; the number of the job. @throws {UsageError} with Slurm's complaint */
export function submit(script: string, options: readonly string[]): string {
  const { ok, text, complaint } = ran('sbatch', ['--parsable', ...options, script]);
  // "job" or "job;cluster"
  const job = text.trim().split(';', 1)[0];
  if (!ok || !/^\d+$/.test(job)) throw new UsageError(`sbatch refuses the job: ${complaint || text.trim()}`);
  return job;
}

/** Elements of a job that wait or run; 0 once Slurm knows nothing of it any more; undefined when Slurm does not answer. */
export function openElements(job: string): { readonly waiting: number; readonly running: number } | undefined {
  const { ok, text, complaint } = ran('squeue', ['-h', '-r', '-j', job, '-o', '%T']);
  if (!ok) return /Invalid job id/i.test(complaint) ? { waiting: 0, running: 0 } : undefined;
  const states = text.split('\n').filter((line) => line.trim() !== '');
  const running = states.filter((state) => !/^(PENDING|REQUEUED|CONFIGURING)/.test(state)).length;
  return { waiting: states.length - running, running };
}

/** What became of the elements of a job: from the accounting where there is one, else as long as the controller remembers. */
export function statesOf(job: string): ElementState[] {
  const accounting = ran('sacct', ['-n', '-P', '-X', '-j', job, '-o', 'JobID,State']);
  if (accounting.ok && accounting.text.trim() !== '') return accountingStates(accounting.text);
  const controller = ran('scontrol', ['-o', 'show', 'job', job]);
  return controller.ok ? controllerStates(controller.text) : [];
}

/** Lines like "12_3|OUT_OF_MEMORY" or "12_4|CANCELLED by 0". */
export function accountingStates(text: string): ElementState[] {
  return [...text.matchAll(/^\d+_(\d+)\|(\w+)/gm)].map(([, element, state]) => ({ element: Number(element), state }));
}

/** Lines of "Key=value" with ArrayTaskId and JobState. */
export function controllerStates(text: string): ElementState[] {
  return text.split('\n').flatMap((line) => {
    const element = /\bArrayTaskId=(\d+)(?:\s|$)/.exec(line)?.[1];
    const state = /\bJobState=(\w+)/.exec(line)?.[1];
    return element === undefined || state === undefined ? [] : [{ element: Number(element), state }];
  });
}

export function cancel(job: string): void {
  ran('scancel', [job]);
}

/** Most elements that a job array may have. */
export function largestArray(): number {
  const { ok, text } = ran('scontrol', ['show', 'config']);
  const found = /^MaxArraySize\s*=\s*(\d+)/m.exec(text)?.[1];
  // indices stay below it
  return ok && found !== undefined ? Math.max(1, Number(found)) : 1001;
}

/** Processors of a partition, or of the default one. */
export function processorsOf(partition: string | undefined): number {
  const { ok, text } = ran('sinfo', ['-h', '-o', '%P %C', ...(partition === undefined ? [] : ['-p', partition])]);
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const line = lines.find((one) => /^\S+\*/.test(one)) ?? lines[0];
  // allocated/idle/other/total
  const total = Number(line?.trim().split('/').at(-1));
  return ok && Number.isInteger(total) && total > 0 ? total : 1;
}
