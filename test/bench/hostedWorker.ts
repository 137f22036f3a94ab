import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { wrap, type Remote } from 'comlink';
import nodeEndpoint from 'comlink/dist/umd/node-adapter.js';
import { SharedStops } from '../../src/shared/stopFlag.ts';
import type { WorkerApi, WorkerData } from '../../src/worker/api.ts';

/** The product's worker on one file, as the extension host has it. */
export interface HostedWorker {
  readonly api: Remote<WorkerApi>;
  readonly stops: SharedStops;
  end(): Promise<unknown>;
}

export async function hostedWorker(file: string, folder: string): Promise<HostedWorker> {
  const workerData: WorkerData = { folder };
  const worker = new Worker(path.resolve('dist/worker.js'), { workerData });
  const api = wrap<WorkerApi>(nodeEndpoint(worker));
  await api.open({ uri: pathToFileURL(file).href, name: path.basename(file), path: file }, null);
  return {
    api,
    stops: new SharedStops(),
    end: () => worker.terminate(),
  };
}

/** What the worker gave back; throws its error. */
export function checked<T>({ value, error }: { readonly value?: T; readonly error?: { readonly message: string } }): T {
  if (error !== undefined || value === undefined) throw new Error(error?.message ?? 'the worker gave nothing back');
  return value;
}
