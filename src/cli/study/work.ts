import { readFileSync } from 'node:fs';
import { StudyFolder } from '../../store/study/studyFolder.ts';
import { exitStatus, UsageError } from '../usage.ts';
import { TaskRunner } from './execute.ts';
import type { PoolReport } from './local.ts';

/** A process of the local pool: tasks come by messages, and it ends when nobody is there to send any. */
export async function serveTasks(folder: string): Promise<number> {
  // a stop ends it from outside; Ctrl-C is for the process that started it
  process.removeAllListeners('SIGINT').on('SIGINT', () => undefined);
  const runner = new TaskRunner(new StudyFolder(folder));
  await new Promise<void>((resolve) => {
    const list: string[] = [];
    let working = false;
    const work = async (): Promise<void> => {
      working = true;
      for (let key = list.shift(); key !== undefined && process.connected; key = list.shift()) {
        const report: PoolReport = { key, ...(await runner.run(key)) };
        if (process.connected) process.send!(report);
      }
      working = false;
      if (!process.connected) resolve();
    };
    process.on('message', (key) => {
      list.push(key as string);
      if (!working) void work();
    });
    process.on('disconnect', () => {
      if (!working) resolve();
    });
  });
  runner.dispose();
  return exitStatus.ok;
}

/** Between two looks at tasks that others work on. */
const waitMs = 500;

/**
 * An element of a job array: line number `element` (from 0) of a list holds the keys of its tasks. Those that others work on are waited for, so
 * that the element has failed when one of its tasks has no result in the end.
 */
export async function runElement(folder: string, list: string, element: number): Promise<number> {
  const line = readFileSync(list, 'utf8').split('\n').at(element);
  if (line === undefined || line === '') throw new UsageError(`${list} has no line ${element}`);
  const study = new StudyFolder(folder);
  const runner = new TaskRunner(study);
  let failed = false;
  let open = line.split(' ');
  while (open.length > 0 && !study.stopAsked()) {
    const busy: string[] = [];
    for (const key of open) {
      if (study.stopAsked()) break;
      const outcome = await runner.run(key);
      switch (outcome.kind) {
        case 'done':
          break;
        case 'busy':
          busy.push(key);
          break;
        case 'failed':
        case 'unwritable':
          process.stderr.write(`convexnet study: task ${key}: ${outcome.message}\n`);
          failed = true;
          break;
      }
    }
    open = busy;
    if (busy.length > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
  runner.dispose();
  return failed ? exitStatus.internalError : exitStatus.ok;
}
