import { availableParallelism } from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { createKernels } from '../../core/base/kernels/createKernels.ts';
import type { Kernels } from '../../core/base/kernels/kernels.ts';
import type { HelperSetup } from '../../core/base/kernels/tickets.ts';
import type { StartHelpers } from '../../core/base/kernels/wasmContext.ts';
import type { WasmKernelOptions } from '../../core/base/kernels/wasmKernels.ts';

export interface PooledKernelOptions extends Omit<WasmKernelOptions, 'helpers' | 'startHelpers' | 'shared'> {
  /** Threads in all, the calling one included. Default: one less than the machine has, between 1 and 4. */
  readonly threads?: number;
  /** The bundled helper; next to the running bundle by default. */
  readonly helperFile?: string;
}

/** Threads that a solve uses when nothing else is asked for: one is left to the editor. */
export function defaultThreads(): number {
  return Math.max(1, Math.min(4, availableParallelism() - 1));
}

/**
 * Kernels with helper threads. They may be used at once: helpers join in when they have started, and nobody waits for them. Not for the
 * thread of the extension host, because the caller sleeps until the pieces that helpers have taken are done.
 */
export function createPooledKernels(options: PooledKernelOptions = {}): Kernels {
  const { threads = defaultThreads(), helperFile, ...rest } = options;
  const startHelpers: StartHelpers = (setups) => {
    // beside the bundle that this is part of
    const file = helperFile ?? path.join(__dirname, 'kernelThread.js');
    const workers = setups.map((setup) => startHelper(file, setup));
    return () => {
      for (const worker of workers) void worker.terminate();
    };
  };
  return createKernels({ ...rest, helpers: threads - 1, startHelpers });
}

function startHelper(file: string, setup: HelperSetup): Worker {
  const worker = new Worker(file, { workerData: setup });
  // A helper that fails to start leaves its share to the others.
  worker.on('error', () => undefined);
  worker.unref();
  return worker;
}
