import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { root } from '../../../src/build/ensure.mjs';

/** What the bundler says of each bundle that ships; `npm test` builds first. */
interface Metafile {
  outputs: Record<string, { inputs: Record<string, { bytesInOutput: number }> }>;
}
const read = (file: string): string => readFileSync(path.join(root, file), 'utf8');
const metafiles = JSON.parse(read('dist/metafiles.json')) as Metafile[];
const notices = read('dist/ThirdPartyNotices.txt');

describe('third-party notices', () => {
  const inside = new Map<string, string>();
  for (const { outputs } of metafiles) {
    for (const { inputs } of Object.values(outputs)) {
      for (const [file, { bytesInOutput }] of Object.entries(inputs)) {
        const parts = file.split('node_modules/');
        if (parts.length < 2 || bytesInOutput === 0) continue;
        const name = /^(@[^/]+\/)?[^/]+/.exec(parts.at(-1)!)![0];
        inside.set(`${parts.slice(0, -1).join('node_modules/')}node_modules/${name}`, name);
      }
    }
  }

  it('name every package whose code is in a bundle that ships, with its version and its licence text', () => {
    assert.ok(inside.size > 5);
    for (const [folder, name] of inside) {
      const { version } = JSON.parse(read(`${folder}/package.json`)) as { version: string };
      assert.ok(notices.includes(`\n${name} ${version} (`), `${name} ${version}`);
    }
    const entries = notices.split(/\n-{80}\n\n/);
    for (const entry of entries) assert.match(entry, /copyright|licen[cs]e/i);
  });

  it('name no other, but for the compiler whose library is in the WebAssembly', () => {
    const named = [...notices.matchAll(/(?:^|\n)((?:@[\w.-]+\/)?[\w.-]+) \d+\.\d+\.\d+[^\n]* \([^\n]*\)\n\n/g)].map(
      (m) => m[1],
    );
    const wanted = [...new Set([...inside.values(), 'assemblyscript'])];
    assert.deepEqual([...new Set(named)].sort(), wanted.sort());
  });

  it('go into the package', () => {
    assert.match(read('.vscodeignore'), /^!dist\/ThirdPartyNotices\.txt$/m);
  });
});
