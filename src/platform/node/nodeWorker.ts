import { parentPort, workerData } from 'node:worker_threads';
import nodeEndpoint from 'comlink/dist/umd/node-adapter.js';
import { sharedControl, type SharedMark } from '../../shared/stopFlag.ts';
import type { WorkerData } from '../../worker/api.ts';
import type { WorkerPlatform } from '../platform.ts';
import { nodeFoldThreads } from './foldThreads.ts';
import { createPooledKernels, defaultThreads } from './kernelPool.ts';
import { nodeFiles } from './nodeFiles.ts';
import { nodeFileSource, nodeSessionDeps, nodeUnpacking } from './nodeSession.ts';

/** In a worker thread. */
export function nodeWorker(): WorkerPlatform {
  return {
    data: workerData as WorkerData,
    endpoint: nodeEndpoint(parentPort!),
    files: nodeFiles,
    unpacking: nodeUnpacking,
    sessionDeps: (kernels) => nodeSessionDeps({ kernels, folds: nodeFoldThreads(defaultThreads()) }),
    createKernels: () => createPooledKernels(),
    openFile: nodeFileSource,
    control: (mark) => sharedControl(mark as SharedMark), // as `nodeProgram` makes them
  };
}
