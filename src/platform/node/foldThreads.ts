import { parentPort, Worker, workerData } from 'node:worker_threads';
import nodeEndpoint from 'comlink/dist/umd/node-adapter.js';
import { type FoldThreads, serveFolds } from '../../session/foldThreads.ts';
import { sharedControl, type SharedMark, SharedStops } from '../../shared/stopFlag.ts';

/** What makes a thread of the running bundle one of folds. */
const data = { folds: true } as const;

/** Threads of Node that run this bundle, which calls `serveFoldThread` where `isFoldThread`. */
export function nodeFoldThreads(count: number): FoldThreads {
  return {
    count,
    createStops: () => new SharedStops(),
    start: () => {
      const worker = new Worker(__filename, { workerData: data, name: 'convex-network-folds' });
      return {
        endpoint: nodeEndpoint(worker),
        onEnd: (told) => {
          worker.once('error', (error) => told(error.message));
          worker.once('exit', (code) => told(`it ended (${code})`));
        },
        terminate: () => void worker.terminate(),
      };
    },
  };
}

export const isFoldThread = (): boolean => (workerData as Partial<typeof data> | null)?.folds === true;

export function serveFoldThread(): void {
  serveFolds(nodeEndpoint(parentPort!), (mark) => sharedControl(mark as SharedMark)); // as `nodeFoldThreads` makes them
}
