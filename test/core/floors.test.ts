import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../src/core/', import.meta.url));
/** From the ground up, as in oxlint.config.mjs; a folder of core that is not named here fails the test. */
const floors = ['base', 'data', 'problem', 'network', 'metrics', 'certify', 'engine', 'descent', 'theory', 'family'];

interface Import {
  readonly from: string;
  readonly to: string;
}

function importsOfCore(): Import[] {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return files.flatMap((name) => {
    const text = readFileSync(path.join(root, name), 'utf8');
    const specifiers = text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g);
    return [...specifiers].map((match) => ({
      from: name,
      to: path.normalize(path.join(path.dirname(name), match[1])),
    }));
  });
}

const imports = importsOfCore();

describe('floors of core', () => {
  it('finds the imports', () => assert.ok(imports.length > 500, `${imports.length}`));

  it('imports go down only', () => {
    const height = (file: string) => {
      const floor = floors.indexOf(file.split(path.sep)[0]);
      assert.notEqual(floor, -1, `${file} is on no floor`);
      return floor;
    };
    const upwards = imports.filter(({ from, to }) => height(to) > height(from));
    assert.deepEqual(upwards, []);
  });

  it('no folder imports another that leads back to it', () => {
    const next = new Map<string, Set<string>>();
    for (const { from, to } of imports) {
      const [a, b] = [path.dirname(from), path.dirname(to)];
      if (a !== b) next.set(a, (next.get(a) ?? new Set()).add(b));
    }
    const reached = (start: string) => {
      const seen = new Set<string>();
      const open = [start];
      for (let folder = open.pop(); folder !== undefined; folder = open.pop()) {
        for (const other of next.get(folder) ?? []) {
          if (seen.has(other)) continue;
          seen.add(other);
          open.push(other);
        }
      }
      return seen;
    };
    assert.deepEqual(
      [...next.keys()].filter((folder) => reached(folder).has(folder)),
      [],
    );
  });

  it('the certificate knows nothing of the engine', () => {
    const guilty = imports.filter(({ from, to }) => from.startsWith('certify') && to.startsWith('engine'));
    assert.deepEqual(guilty, []);
  });
});
