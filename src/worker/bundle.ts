import { isMainThread } from 'node:worker_threads';

/**
 * dist/worker.js: the thread that the editor trains in or, started as a program (`worker.js study …`), the study command of the command line,
 * which so need not be in the package a second time with all the mathematics.
 */
if (isMainThread) {
  void import('../cli/study/study.ts').then(async ({ studyCommand }) => {
    const { asProgram, runCommand } = await import('../cli/runCommand.ts');
    asProgram(() => runCommand('study', studyCommand, process.argv.slice(3)));
  });
} else void import('./worker.ts');
