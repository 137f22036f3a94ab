import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { DataPreview } from '../../src/shared/preview.ts';
import { runProgram } from './program.ts';

let folder: string;
const at = (name: string): string => path.join(folder, name);
const rows = Array.from(
  { length: 30 },
  (_, i) =>
  [900_000 + ((7919 * i) % 99_991), `2020-01-${String((i % 28) + 1).padStart(2, '0')}`, i % 7 === 3 ? '-999' : i / 4, ['a', 'b', '\x1b[31mred'][i % 3], 3 * i].join(';'), // prettier-ignore
);
const text = `Order #;when;level;kind;yield\n${rows.join('\n')}\nTotal;;;;1\n`;

before(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'convexnet-inspect-'));
  writeFileSync(at('data.csv'), text);
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('convexnet inspect', () => {
  it('prints a line for each column with its role and the reason, and what was noticed, as plain text', async () => {
    const { status, stdout, stderr } = await runProgram(['inspect', at('data.csv')]);
    assert.deepEqual([status, stderr], [0, '']);
    assert.match(stdout, /30 rows, 5 columns/);
    assert.match(stdout, /delimiter ";", decimal mark "\.", with a header/);
    assert.match(stdout, /Order # .* left out: integers that are all different: looks like an identifier/);
    assert.match(stdout, /when +date .* 2020-01-01 \.\. 2020-01-28 +feature, in days since 1970-01-01/);
    assert.match(stdout, /level +number +0 +27 +-999 \.\. 7\.25 +feature/);
    assert.match(stdout, /kind +classes .*\\x1b\[31mred \(33 %\)/);
    assert.match(stdout, /yield +number .* target \(regression\)/);
    assert.match(stdout, /note: .*totals at the end.*\(line 32\)/);
    assert.match(stdout, /note: "level": -999 looks like a mark of missing values \(--na=-999\)/);
  });

  it('takes the options of reading, and prints JSON', async () => {
    const args = ['inspect', at('data.csv'), '--json', '--na=-999', '--type', 'kind=leave-out'];
    const { status, stdout } = await runProgram(args);
    assert.equal(status, 0);
    const { columns, target, rows: seen } = JSON.parse(stdout) as DataPreview;
    assert.deepEqual([target, seen], ['yield', 30]);
    assert.deepEqual([columns[2].name, columns[2].missing], ['level', 4]);
    const wrong = await runProgram(['inspect', at('data.csv'), '--type', 'kind=colour']);
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /--type/);
  });
});
