import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import * as vscode from 'vscode';
import { commandIds } from '../../../src/shared/manifest.ts';
import { figures } from './index.ts';
import { extension, extensionFile } from './support.ts';

describe('activation', () => {
  it('waits until it is needed, then is quick', async () => {
    const found = extension();
    assert.equal(found.isActive, false, 'nothing activates it when a window opens');
    const before = performance.now();
    createRequire(extensionFile('package.json'))('./dist/extension.js');
    const loaded = performance.now();
    await found.activate();
    const active = performance.now();
    figures.activation = `${(loaded - before).toFixed(1)} ms to load, ${(active - loaded).toFixed(1)} ms to activate (the editor's own part included)`;
  });

  it('registers every command', async () => {
    const registered = new Set(await vscode.commands.getCommands(true));
    assert.deepEqual(
      Object.values(commandIds).filter((id) => !registered.has(id)),
      [],
    );
  });
});
