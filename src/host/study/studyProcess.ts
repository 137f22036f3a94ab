import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';

/** The study command, as a program of its own. */
export interface StudyProgram {
  /** dist/worker.js, which is the study command when it is started as a program. */
  readonly file: string;
}

const environment = (): NodeJS.ProcessEnv => ({ ...process.env, ELECTRON_RUN_AS_NODE: '1' });

/** Starts the command line with its words going to a file; it goes on when the window closes. Told how it ended, where the window still is. */
export function startProgram(
  { file }: StudyProgram,
  args: readonly string[],
  logFile: string,
  ended: (status: number | null) => void,
): void {
  const log = openSync(logFile, 'a');
  try {
    const child = spawn(process.execPath, [file, ...args], {
      detached: true,
      stdio: ['ignore', log, log],
      env: environment(),
    });
    child.on('error', () => ended(null));
    child.on('exit', (status) => ended(status));
    child.unref();
  } finally {
    closeSync(log);
  }
}

/** Runs the command line to its end: its exit status, and what it said. */
export function runProgram(
  { file }: StudyProgram,
  args: readonly string[],
): Promise<{ readonly status: number | null; readonly words: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: environment() });
    let words = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (words += text));
    child.on('error', (error) => resolve({ status: null, words: error.message }));
    child.on('close', (status) => resolve({ status, words: words.trim() }));
  });
}
