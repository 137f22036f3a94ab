import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as vscode from 'vscode';
import { RunStore } from '../../../src/host/runs/runStore.ts';
import { valueOf } from '../../../src/host/train/taskFailure.ts';
import { nodeHost } from '../../../src/platform/node/nodeHost.ts';
import type { HostPlatform } from '../../../src/platform/platform.ts';
import { Dataset } from '../../../src/host/train/dataset.ts';
import { WorkerClient } from '../../../src/host/train/workerClient.ts';
import { extensionId } from '../../../src/shared/manifest.ts';
import { defaultSettings, type TrainSettings } from '../../../src/shared/settings.ts';

export function extension(): vscode.Extension<unknown> {
  const found = vscode.extensions.getExtension(extensionId);
  if (!found) throw new Error('The extension is not there.');
  return found;
}

export function extensionFile(...parts: string[]): string {
  return path.join(extension().extensionPath, ...parts);
}

/** This extension host's platform. */
export const platform = (): HostPlatform => nodeHost(vscode.Uri.file(extensionFile('dist', 'worker.js')));

/** A log that keeps what is written, and behaves like the editor's otherwise. */
export interface TestLog {
  readonly channel: vscode.LogOutputChannel;
  readonly lines: string[];
}

let logs = 0;

export function testLog(): TestLog {
  const lines: string[] = [];
  const channel = vscode.window.createOutputChannel(`Convex Network tests ${++logs}`, { log: true });
  const watched = new Proxy(channel, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) => {
        lines.push(`${String(key)} ${args.map(String).join(' ')}`);
        return (value as (...given: unknown[]) => unknown).apply(target, args);
      };
    },
  });
  return { channel: watched, lines };
}

/** A folder with copies of sample files, a run store in it, and data sets on them; `dispose` ends everything. */
export class Bench {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'convexnet-bench-'));
  readonly log = testLog();
  private readonly files = new WorkerClient(platform().program, this.runs, () => Promise.resolve(), this.log.channel);
  readonly store = new RunStore(
    this.runs,
    platform().files,
    (id) => this.files.call((api) => api.load(id)).then(valueOf),
    () => 0,
    this.log.channel,
  );
  private readonly datasets: Dataset[] = [];

  get runs(): string {
    return path.join(this.folder, 'runs');
  }

  file(name: string): string {
    return path.join(this.folder, name);
  }

  /** A data set on a copy of a sample. */
  sample(name: string): Dataset {
    copyFileSync(extensionFile('media', 'samples', name), this.file(name));
    return this.dataset(vscode.Uri.file(this.file(name)));
  }

  dataset(uri: vscode.Uri): Dataset {
    const dataset = new Dataset(uri, platform(), this.store, this.log.channel);
    this.datasets.push(dataset);
    return dataset;
  }

  dispose(): void {
    for (const dataset of this.datasets) dataset.dispose();
    this.files.dispose();
    this.store.dispose();
    this.log.channel.dispose();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** Settings of a run that takes a fraction of a second: the real solver on few rows, without path and comparison. */
export function quick(settings: Partial<TrainSettings>): TrainSettings {
  return {
    ...defaultSettings,
    beta: { kind: 'relative', value: 0.1 },
    certifySeconds: 0,
    maxRows: 60,
    path: { points: 0, smallest: 0.01 },
    compare: { ...defaultSettings.compare, enabled: false },
    ...settings,
  };
}

/** Waits until something holds. */
export async function until(holds: () => boolean, what: string, ms = 60_000): Promise<void> {
  const end = Date.now() + ms;
  while (!holds()) {
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
