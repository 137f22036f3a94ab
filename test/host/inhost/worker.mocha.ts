import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { WorkerClient, WorkerGone } from '../../../src/host/train/workerClient.ts';
import { nodeProgram } from '../../../src/platform/node/nodeHost.ts';
import { testLog } from './support.ts';

describe('a worker that fails', () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-worker-'));
  const log = testLog();
  after(() => {
    rmSync(folder, { recursive: true, force: true });
    log.channel.dispose();
  });

  const client = (script: string): WorkerClient => {
    const file = path.join(folder, `${Math.random().toString(36).slice(2)}.js`);
    writeFileSync(file, script);
    return new WorkerClient(nodeProgram(file), folder, () => Promise.resolve(), log.channel);
  };

  it('is reported when it throws', async () => {
    const failing = client('setTimeout(() => { throw new Error("on purpose"); }, 50);');
    await assert.rejects(
      failing.task((api, task) => api.inspect(task)).done,
      (error: unknown) => error instanceof WorkerGone && error.message.includes('on purpose'),
    );
    failing.dispose();
  });

  it('is reported when it ends', async () => {
    const ending = client('setTimeout(() => process.exit(3), 50);');
    await assert.rejects(ending.task((api, task) => api.inspect(task)).done, WorkerGone);
    ending.dispose();
  });

  it('is ended when it does not answer a stop', async () => {
    const hanging = client('Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);');
    const task = hanging.task((api, task) => api.inspect(task));
    const ended = assert.rejects(task.done, WorkerGone);
    task.stop();
    await ended;
    hanging.dispose();
  }).timeout(60_000);
});
