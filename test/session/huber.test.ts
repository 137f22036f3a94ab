import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { exportRun } from '../../src/session/exportRun.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import type { TrainSettings } from '../../src/shared/settings.ts';
import { memorySource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

const csv = ['a,y', ...Array.from({ length: 40 }, (_, i) => `${i},${2 * i + (i % 9 === 0 ? 300 : (i % 3) - 1)}`)].join(
  '\n',
);
const train = (change: Partial<TrainSettings>): Promise<RunRecord> =>
  testSession(memorySource(csv)).train(
    { ...quickSettings, model: 'gated-relu', target: 'y', gates: 10, delta: 0.25, ...change },
    listen(),
    running,
  );

describe('a run with the Huber loss', () => {
  it('is compared with Huber regression as well, which a run with the squared loss is not', async () => {
    const models = async (loss: TrainSettings['loss']): Promise<string[]> =>
      (await train({ loss })).metrics.map(({ model }) => model);
    assert.ok((await models('huber')).includes('Huber regression'));
    assert.ok(!(await models('squared')).includes('Huber regression'));
  });

  it('names its loss with delta in the files of its network', async () => {
    const run = await train({ loss: 'huber' });
    const network = JSON.parse(exportRun(run, 'json') as string) as Record<string, unknown>;
    assert.deepEqual([network.loss, network.delta], ['huber', 0.25]);
    const onnx = Buffer.from(exportRun(run, 'onnx') as Uint8Array).toString('latin1');
    assert.match(onnx, /Huber loss \(quadratic up to residuals of 0\.25/);
    assert.match(exportRun(run, 'pytorch') as string, /HuberLoss\(delta=0\.25\)/);
    assert.ok(!('delta' in (JSON.parse(exportRun(await train({ loss: 'squared' }), 'json') as string) as object)));
  });
});
