import { type Remote, wrap } from 'comlink';
import type { Kernels } from '../../core/base/kernels/kernels.ts';
import { createKernels } from '../../core/base/kernels/createKernels.ts';
import { type HelperSetup, serveTickets } from '../../core/base/kernels/tickets.ts';
import { sharedControl } from '../../shared/stopFlag.ts';
import type { WorkerData } from '../../worker/api.ts';
import type { WorkerFiles, WorkerPlatform } from '../platform.ts';
import { addressControl } from './addressStops.ts';
import { browserSessionDeps, browserUnpacking } from './browserSession.ts';

/** The first message to a worker: what it is. */
export type FirstMessage =
  | {
      readonly kind: 'worker';
      readonly data: WorkerData;
      /** Address of this program, for helpers. */
      readonly program: string;
      readonly calls: MessagePort;
      readonly files: MessagePort;
    }
  | { readonly kind: 'helper'; readonly setup: HelperSetup };

/** What of the global scope of a Web Worker is used; the types of pages do not have it. */
interface WorkerScope {
  importScripts(address: string): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<FirstMessage>) => void, once: { once: true }): void;
}

const scope = globalThis as unknown as WorkerScope;
const mostThreads = 4;

/** Helpers need shared memory. One processor is left to the page. */
function pooledKernels(program: string): Kernels {
  if (typeof SharedArrayBuffer === 'undefined') return createKernels();
  const threads = Math.max(1, Math.min(mostThreads, navigator.hardwareConcurrency - 1));
  return createKernels({
    helpers: threads - 1,
    startHelpers: (setups) => {
      const workers = setups.map((setup) => {
        const worker = new Worker(program);
        worker.postMessage({ kind: 'helper', setup } satisfies FirstMessage);
        return worker;
      });
      return () => workers.forEach((worker) => worker.terminate());
    },
  });
}

/** In a Web Worker: resolves when the host has said what this worker is for, and not at all in a helper. */
export async function browserWorker(): Promise<WorkerPlatform> {
  const first = await new Promise<FirstMessage>((resolve) =>
    scope.addEventListener('message', ({ data }) => resolve(data), { once: true }),
  );
  if (first.kind === 'helper') {
    serveTickets(first.setup);
    return new Promise(() => undefined);
  }
  const files: Remote<WorkerFiles> = wrap<WorkerFiles>(first.files);
  return {
    data: first.data,
    endpoint: first.calls,
    files: {
      read: (file) => files.read(file),
      writeWhole: (file, content) => files.writeWhole(file, content),
    },
    unpacking: browserUnpacking,
    sessionDeps: browserSessionDeps,
    createKernels: () => pooledKernels(first.program),
    openFile: (_, uri) => Promise.reject(new Error(`${uri} cannot be read from a browser.`)),
    control: (mark) =>
      'flag' in mark ? sharedControl(mark) : addressControl(mark.address, (at) => scope.importScripts(at)),
  };
}
