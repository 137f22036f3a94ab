import { inBrowser } from '../platform/where.ts';

/**
 * dist/worker.js: the worker that the editor trains in, as a thread of Node or as a Web Worker; or, started as a program (`worker.js study …`), the study
 * command of the command line, which so need not be in the package a second time with all the mathematics.
 */
async function start(): Promise<void> {
  if (inBrowser) {
    const { browserWorker } = await import('../platform/browser/browserWorker.ts');
    const platform = await browserWorker();
    (await import('./worker.ts')).serve(platform);
    return;
  }
  const { isMainThread } = await import('node:worker_threads');
  if (isMainThread) {
    const { studyCommand } = await import('../cli/study/study.ts');
    const { asProgram, runCommand } = await import('../cli/runCommand.ts');
    asProgram(() => runCommand('study', studyCommand, process.argv.slice(3)));
    return;
  }
  const { isFoldThread, serveFoldThread } = await import('../platform/node/foldThreads.ts');
  if (isFoldThread()) {
    serveFoldThread();
    return;
  }
  const { nodeWorker } = await import('../platform/node/nodeWorker.ts');
  (await import('./worker.ts')).serve(nodeWorker());
}

void start();
