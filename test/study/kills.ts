import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { createRng } from '../../src/core/base/rng.ts';
import { StudyFolder } from '../../src/store/study/studyFolder.ts';
import { resultSchema } from '../../src/study/result.ts';
import { startProgram } from '../cli/program.ts';
import { childrenOf } from './support.ts';

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export interface Tortured {
  readonly kills: number;
  /** What was lost, repeated or damaged, in words. */
  readonly faults: readonly string[];
}

/**
 * Runs a study to its end through kills (SIGKILL) of its processes and of its coordinator at random moments, after each of which it is resumed. After
 * every round each result that was there has to be there still, the same to the byte, and every result has to be whole.
 */
export async function tortured(
  file: string,
  out: string,
  { kills: wanted, processes, seed }: { readonly kills: number; readonly processes: number; readonly seed: number },
): Promise<Tortured> {
  const rng = createRng(seed);
  const study = new StudyFolder(out);
  const faults: string[] = [];
  let kills = 0;
  let done = new Map<string, string>();
  for (;;) {
    const again = study.exists() ? ['--resume'] : [];
    const { child, done: ended } = startProgram(['study', file, '--out', out, '--processes', `${processes}`, ...again]);
    let over = false;
    void ended.then(() => (over = true));
    // half of the coordinators die at once or early, the others when some tasks are done
    const patience = rng.integer(2) === 0 ? 0 : 1 + rng.integer(3);
    while (!over && kills < wanted && study.ended().size < done.size + patience) await pause(5);
    await pause(rng.integer(patience === 0 ? 400 : 60));
    if (!over && kills < wanted && rng.integer(2) === 0) {
      const victims = childrenOf(child.pid!);
      if (victims.length > 0 && killed(victims[rng.integer(victims.length)])) kills++;
      await pause(rng.integer(200));
    }
    if (!over && kills < wanted && killed(child.pid!)) kills++;
    const { status, stderr } = await ended;
    const now = new Map([...study.ended()].map((key) => [key, readFileSync(study.resultFile(key), 'utf8')] as const));
    for (const [key, content] of done) if (now.get(key) !== content) faults.push(`${key} was lost or repeated`);
    for (const [key, content] of now) if (!isWhole(content)) faults.push(`${key} is damaged: ${content.slice(0, 80)}`);
    done = now;
    if (status === 0) return { kills, faults };
    if (status !== null) return { kills, faults: [...faults, `it ended with status ${status}: ${stderr}`] };
  }
}

function killed(pid: number): boolean {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

function isWhole(content: string): boolean {
  try {
    return v.is(resultSchema, JSON.parse(content));
  } catch {
    return false;
  }
}
