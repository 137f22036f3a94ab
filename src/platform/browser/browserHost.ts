import { expose } from 'comlink';
import * as vscode from 'vscode';
import { sha256Of } from '../../shared/sha256.ts';
import { SharedStops } from '../../shared/stopFlag.ts';
import type { HostPlatform, WorkerFiles, WorkerProgram, WorkerThread } from '../platform.ts';
import type { WorkerData } from '../../worker/api.ts';
import { AddressStops } from './addressStops.ts';
import type { FirstMessage } from './browserWorker.ts';
import { editorFiles } from './editorFiles.ts';

/** Files as workers may use them: through the editor, and their errors as words, since codes do not cross. */
const workerFiles: WorkerFiles = {
  read: (file) => editorFiles.read(file),
  writeWhole: (file, content) => editorFiles.writeWhole(file, content),
};

/** Web Workers that run a program of the extension, which the editor reads: an extension's own address may be none that a worker could start from. */
class BrowserProgram implements WorkerProgram {
  private address: Promise<string> | null = null;

  constructor(private readonly file: vscode.Uri) {}

  createStops(): SharedStops | AddressStops {
    return typeof SharedArrayBuffer === 'undefined' ? new AddressStops() : new SharedStops();
  }

  start(data: WorkerData): WorkerThread {
    const [calls, files] = [new MessageChannel(), new MessageChannel()];
    let worker: Worker | null = null;
    let ended = false;
    let told: (reason: string, error?: unknown) => void = () => undefined;
    const fail = (error: unknown): void => told(vscode.l10n.t('The worker failed: {0}', messageOf(error)), error);
    this.load().then((program) => {
      if (ended) return;
      worker = new Worker(program, { name: 'convex-network' });
      worker.addEventListener('error', (event) => fail(event.error ?? event.message));
      const first: FirstMessage = { kind: 'worker', data, program, calls: calls.port2, files: files.port2 };
      worker.postMessage(first, [calls.port2, files.port2]);
    }, fail);
    expose(workerFiles, files.port1);
    return {
      endpoint: calls.port1,
      onEnd: (listener) => (told = listener),
      terminate: () => {
        ended = true;
        worker?.terminate();
        files.port1.close();
        told(vscode.l10n.t('The worker was ended.'));
      },
    };
  }

  private load(): Promise<string> {
    this.address ??= Promise.resolve(vscode.workspace.fs.readFile(this.file)).then((code) =>
      URL.createObjectURL(new Blob([code as Uint8Array<ArrayBuffer>], { type: 'text/javascript' })),
    );
    return this.address;
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** In the extension host of a browser. */
export function browserHost(worker: vscode.Uri): HostPlatform {
  return {
    program: new BrowserProgram(worker),
    files: editorFiles,
    nameOf: (uri) => uri.toString(),
    sha256: async (uri) => sha256Of(await vscode.workspace.fs.readFile(uri)),
  };
}
