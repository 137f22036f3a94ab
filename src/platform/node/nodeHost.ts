import { createHash } from 'node:crypto';
import { Worker } from 'node:worker_threads';
import nodeEndpoint from 'comlink/dist/umd/node-adapter.js';
import * as vscode from 'vscode';
import { SharedStops } from '../../shared/stopFlag.ts';
import type { HostPlatform, WorkerProgram } from '../platform.ts';
import { nodeFiles } from './nodeFiles.ts';
import { bytesOfFile } from './nodeSession.ts';

/** Worker threads that run `file`. */
export function nodeProgram(file: string): WorkerProgram {
  return {
    createStops: () => new SharedStops(),
    start: (workerData) => {
      const worker = new Worker(file, { workerData, name: 'convex-network' });
      worker.unref();
      return {
        endpoint: nodeEndpoint(worker),
        onEnd: (told) => {
          worker.once('error', (error: NodeJS.ErrnoException) => {
            const words =
              error.code === 'ERR_WORKER_OUT_OF_MEMORY'
                ? vscode.l10n.t(
                    'The worker ran out of memory. The setting "Convex Net: Max Rows" trains on a sample of the rows.',
                  )
                : vscode.l10n.t('The worker failed: {0}', error.message);
            told(words, error);
          });
          worker.once('exit', (code) => told(vscode.l10n.t('The worker ended ({0}).', code)));
        },
        terminate: () => void worker.terminate(),
      };
    },
  };
}

/** In the extension host of a desktop or a server. */
export function nodeHost(worker: vscode.Uri): HostPlatform {
  return {
    program: nodeProgram(worker.fsPath),
    files: nodeFiles,
    nameOf: (uri) => uri.fsPath,
    // in pieces, so that nothing waits for it
    sha256: async (uri) => {
      const hash = createHash('sha256');
      if (uri.scheme === 'file') for await (const chunk of bytesOfFile(uri.fsPath)) hash.update(chunk);
      else hash.update(await vscode.workspace.fs.readFile(uri));
      return hash.digest('hex');
    },
  };
}
