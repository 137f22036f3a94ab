import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { lossNames } from '../../src/core/problem/datafits/losses.ts';
import { penaltyNames } from '../../src/core/problem/penalties/penalties.ts';
import { biasModes, modelNames } from '../../src/core/problem/problem.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Names of parts that are chosen by name: what depends on one asks its traits. */
const names: readonly string[] = [...lossNames, ...penaltyNames, ...biasModes, ...modelNames, 'relu-batch-norm'];

/** Words of other vocabularies that happen to be such a name, by what is compared with them: kinds of networks and records, activations, ... */
const others: Readonly<Record<string, readonly string[]>> = {
  kind: modelNames,
  activation: ['relu'],
  patterns: ['none', 'free'],
  proof: ['none'],
  theorem: ['none'],
};

/** Comparisons with the name of a part in a source text, but for those of `others`; `line: text`. */
function comparisons(text: string): string[] {
  const found: string[] = [];
  const code = text.replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ' '));
  let subject = '';
  code.split('\n').forEach((line, k) => {
    subject = /switch \((?:.*\.)?(\w+)\)/.exec(line)?.[1] ?? subject;
    const compared = [
      ...[...line.matchAll(/(\w+)[)\]!]*\s*[!=]==?\s*'([\w-]+)'/g)].map(([, of, name]) => [of, name]),
      ...[...line.matchAll(/'([\w-]+)'\s*[!=]==?\s*(?:[\w.?!]*\.)?(\w+)/g)].map(([, name, of]) => [of, name]),
      ...[...line.matchAll(/\bcase '([\w-]+)'/g)].map(([, name]) => [subject, name]),
      ...[...line.matchAll(/(\w+|\])\??\.(?:includes|has|startsWith|indexOf)\('([\w-]+)'/g)].map(([, of, name]) => [
        of,
        name,
      ]),
    ];
    for (const [of, name] of compared) {
      const otherwise = Object.hasOwn(others, of) && others[of].includes(name);
      if (names.includes(name) && !otherwise) found.push(`${k + 1}: ${line.trim()}`);
    }
  });
  return found;
}

describe('choices by name', () => {
  it('finds comparisons', () => {
    const guilty = [
      "if (problem.bias === 'free') return;",
      "return 'per-output' !== kind;",
      "switch (run.settings.model) {\n  case 'relu':",
      "['relu', 'linear'].includes('linear')",
      "const x = kind === 'nuclear';",
    ];
    for (const text of guilty) assert.equal(comparisons(text).length, 1, text);
    assert.deepEqual(comparisons("/* bias === 'free' */ if (run.deep?.kind === 'linear') return;"), []);
  });

  it('nothing compares the name of a loss, penalty, bias or model: it asks what the part can do', () => {
    const files = ['src', 'webview'].flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => /\.tsx?$/.test(name) && !name.endsWith('.as.ts'))
        .map((name) => path.join(folder, name)),
    );
    assert.ok(files.length > 300, `${files.length}`);
    assert.deepEqual(
      files.flatMap((file) => comparisons(readFileSync(path.join(root, file), 'utf8')).map((at) => `${file}:${at}`)),
      [],
    );
  });
});
