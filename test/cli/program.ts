import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
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
