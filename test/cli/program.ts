import { type ChildProcess, fork, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';

/** The built command line; `npm test` builds it first. */
export const program = process.env.CONVEXNET_CLI ?? fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

export interface Finished {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the program with arguments. */
export function startProgram(
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): {
  readonly child: ChildProcess;
  readonly done: Promise<Finished>;
} {
  if (!existsSync(program)) throw new Error(`${program} is not there: run "npm run build" first`);
  const child = spawn(process.execPath, [program, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const done = new Promise<Finished>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => {
      resolve({ status, stdout, stderr });
    });
  });
  return { child, done };
}

/** Runs the program to its end. */
export function runProgram(args: readonly string[], env?: NodeJS.ProcessEnv): Promise<Finished> {
  return startProgram(args, env).done;
}

let warm: ChildProcess | undefined;
let questions = 0;
after(async () => {
  if (warm === undefined) return;
  const gone = new Promise((resolve) => warm!.once('exit', resolve));
  warm.disconnect();
  await gone;
});

/**
 * Runs the program's arguments in one process that stays for all of a file's tests, through the same bundle: what a command says and writes does not depend
 * on it, and most commands cost less than a start. Status, streams, signals and threads of a process of its own: `runProgram`.
 */
export function runWarm(args: readonly string[]): Promise<Finished> {
  if (!existsSync(program)) throw new Error(`${program} is not there: run "npm run build" first`);
  if (warm === undefined) {
    warm = fork(fileURLToPath(new URL('warm.mjs', import.meta.url)), [program], { execArgv: [] });
    warm.setMaxListeners(0);
  }
  const child = warm;
  const id = questions++;
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => reject(new Error(`the program ended by itself: ${code}`));
    const answered = ({ id: of, ...finished }: Finished & { readonly id: number }): void => {
      if (of !== id) return;
      child.off('message', answered);
      child.off('exit', ended);
      resolve(finished);
    };
    child.on('message', answered);
    child.once('exit', ended);
    child.send({ id, args });
  });
}
