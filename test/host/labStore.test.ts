import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, it } from 'node:test';
import { LabStore } from '../../src/host/lab/labStore.ts';
import { createLab } from '../../src/session/lab.ts';
import { nodeFiles } from '../../src/platform/node/nodeFiles.ts';
import { nodeFileSource, nodeSessionDeps } from '../../src/platform/node/nodeSession.ts';
import { defaultLabSettings } from '../../src/shared/lab.ts';
import { root } from './harness/server.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-labstore-'));
after(() => rmSync(folder, { recursive: true, force: true }));

it('results of the Lab come back, but not damaged ones, those of other versions or of other files', async () => {
  const lab = createLab(await nodeFileSource(path.join(root, 'media/samples/xor_2d.csv')), nodeSessionDeps());
  const settings = { ...defaultLabSettings.kernel, maxRows: 20, widths: [8], seeds: 1 };
  const control = { shouldStop: () => false, now: () => performance.now() / 1000 };
  const record = await lab.run({ page: 'kernel', settings }, () => undefined, control);
  const store = new LabStore(folder, nodeFiles);
  await store.write('file:///a.csv', record);
  assert.deepEqual((await store.read('file:///a.csv')).kernel, JSON.parse(JSON.stringify(record)));
  assert.deepEqual(await store.read('file:///b.csv'), {});

  const [name] = readdirSync(folder);
  const file = path.join(folder, name);
  const text = readFileSync(file, 'utf8');
  const stored = JSON.parse(text) as Record<string, unknown>;
  for (const other of [
    JSON.stringify({ ...stored, version: '0.0.9' }),
    JSON.stringify({ ...stored, format: 'convexnet-lab/0' }),
    JSON.stringify({ ...stored, page: 'flow' }),
    JSON.stringify({ ...stored, settings: { ...(stored.settings as object), widths: 'wide' } }),
    text.slice(0, -10),
    'null',
  ]) {
    writeFileSync(file, other);
    assert.deepEqual(await store.read('file:///a.csv'), {}, other.slice(0, 80));
  }
  writeFileSync(file, text);
  assert.ok((await store.read('file:///a.csv')).kernel);
});
