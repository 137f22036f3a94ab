import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, it } from 'node:test';
import { uncontrolled } from '../../src/core/base/control.ts';
import { nodeFiles } from '../../src/platform/node/nodeFiles.ts';
import { nodeFileSource, nodeSessionDeps } from '../../src/platform/node/nodeSession.ts';
import { createSession } from '../../src/session/session.ts';
import { readRun } from '../../src/store/runFiles.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-'));
after(() => rmSync(folder, { recursive: true, force: true }));

it('a pipe that nobody fills, a link to an endless device and a folder are refused at once, as data and as runs', async () => {
  const named = (name: string): string => path.join(folder, name);
  spawnSync('mkfifo', [named('pipe.csv')]);
  symlinkSync('/dev/zero', named('zero.csv'));
  for (const [file, kind] of [
    ['pipe.csv', 'a pipe (FIFO)'],
    ['zero.csv', 'a device'],
    ['.', 'a folder'],
  ]) {
    const reason = new RegExp(`it is ${kind.replace(/[()]/g, '\\$&')}, not a regular file`);
    const session = createSession(await nodeFileSource(named(file)), nodeSessionDeps());
    await assert.rejects(session.inspect(undefined, uncontrolled), { name: 'DataError', message: reason });
    await assert.rejects(readRun(named(file), nodeFiles), { name: 'RunFileError', message: reason });
  }
});
