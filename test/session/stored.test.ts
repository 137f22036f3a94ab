import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { it } from 'node:test';
import type { RunRecord } from '../../src/shared/run.ts';
import { asLeft } from '../../src/shared/runView.ts';
import { nodeFiles } from '../../src/platform/node/nodeFiles.ts';
import { readRun, writeRun } from '../../src/store/runFiles.ts';
import { sampleSource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

/** Every record that is shown can be kept, that of a running proof included, and is read back as what was left. */
for (const model of ['gated-relu', 'relu', 'three-layer', 'linear'] as const)
  it(`each shown record of a run goes to disk and comes back (${model})`, async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'runs-'));
    try {
      const heard = listen();
      const run = await testSession(sampleSource('xor_2d.csv')).train(
        {
          ...quickSettings,
          model,
          target: 'target',
          certifySeconds: 2,
          maxRows: 40,
          path: { points: 2, smallest: 0.1 },
          compare: { ...quickSettings.compare, enabled: true, optimizers: ['adam'], seeds: 1, epochs: 20 },
        },
        heard,
        running,
      );
      assert.ok(heard.records.length >= 4);
      for (const record of heard.records) {
        const back: RunRecord = asLeft(await readRun(await writeRun(folder, record, nodeFiles), nodeFiles));
        assert.equal(back.revision, record.revision);
        assert.deepEqual(back.missing, record.missing);
        assert.notEqual(back.solution.proving, true);
      }
      assert.equal(heard.records.at(-1), run);
      assert.equal(run.missing, undefined);
      const [early] = heard.records;
      assert.equal(early.missing?.[0], model === 'relu' ? 'proof' : 'path');
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
