import { type Remote, wrap } from 'comlink';
import type { Control } from '../../core/base/control.ts';
import type { Kernels } from '../../core/base/kernels/kernels.ts';
import { createKernels } from '../../core/base/kernels/createKernels.ts';
import { type HelperSetup, serveTickets } from '../../core/base/kernels/tickets.ts';
import { type FoldThreads, serveFolds } from '../../session/foldThreads.ts';
import { sharedControl, SharedStops, type StopMark } from '../../shared/stopFlag.ts';
import type { WorkerData } from '../../worker/api.ts';
import type { WorkerFiles, WorkerPlatform } from '../platform.ts';
import { addressControl, AddressStops } from './addressStops.ts';
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
  | { readonly kind: 'helper'; readonly setup: HelperSetup }
  | { readonly kind: 'folds'; readonly calls: MessagePort };

/** What of the global scope of a Web Worker is used; the types of pages do not have it. */
interface WorkerScope {
  importScripts(address: string): void;
  addEventListener(type: 'message', listener: (event: MessageEvent<FirstMessage>) => void, once: { once: true }): void;
}

const scope = globalThis as unknown as WorkerScope;
const mostThreads = 4;

/** One processor is left to the page. */
const threadsHere = (): number => Math.max(1, Math.min(mostThreads, navigator.hardwareConcurrency - 1));

/** Helpers need shared memory. */
function pooledKernels(program: string): Kernels {
  if (typeof SharedArrayBuffer === 'undefined') return createKernels();
  return createKernels({
    helpers: threadsHere() - 1,
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

/** Threads of folds, which need none. */
function foldThreads(program: string): FoldThreads {
  return {
    count: threadsHere(),
    createStops: () => (typeof SharedArrayBuffer === 'undefined' ? new AddressStops() : new SharedStops()),
    start: () => {
      const { port1, port2 } = new MessageChannel();
      const worker = new Worker(program);
      worker.postMessage({ kind: 'folds', calls: port2 } satisfies FirstMessage, [port2]);
      return {
        endpoint: port1,
        onEnd: (told) => worker.addEventListener('error', ({ message }) => told(message)),
        terminate: () => {
          worker.terminate();
          port1.close();
        },
      };
    },
  };
}

const controlOf = (mark: StopMark): Control =>
  'flag' in mark ? sharedControl(mark) : addressControl(mark.address, (at) => scope.importScripts(at));

/** In a Web Worker: resolves when the host has said what this worker is for, and not at all in a helper or a thread of folds. */
export async function browserWorker(): Promise<WorkerPlatform> {
  const first = await new Promise<FirstMessage>((resolve) =>
    scope.addEventListener('message', ({ data }) => resolve(data), { once: true }),
  );
  if (first.kind === 'helper') {
    serveTickets(first.setup);
    return new Promise(() => undefined);
  }
  if (first.kind === 'folds') {
    serveFolds(first.calls, controlOf);
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
    sessionDeps: (kernels) => browserSessionDeps({ kernels, folds: foldThreads(first.program) }),
    createKernels: () => pooledKernels(first.program),
    openFile: (_, uri) => Promise.reject(new Error(`${uri} cannot be read from a browser.`)),
    control: controlOf,
  };
}
