import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { glossaryMarkdown } from '../../src/build/glossaryPage.ts';
import { glossary, termsIn } from '../../src/shared/glossary.ts';

describe('glossary', () => {
  it('is the same in the documentation: npm run glossary', () => {
    assert.equal(readFileSync(new URL('../../docs/glossary.md', import.meta.url), 'utf8'), glossaryMarkdown());
  });
  it('finds terms as whole words, each once, and loses nothing of the sentence', () => {
    const sentence = 'A tight gate, two gates, an aggregate; β max is beta max at NTK-like betas.';
    const parts = termsIn(sentence);
    assert.equal(parts.map(({ text }) => text).join(''), sentence);
    assert.deepEqual(
      parts.flatMap(({ term }) => (term === undefined ? [] : [term])),
      ['tight', 'gate', 'beta-max', 'ntk'],
    );
  });
  it('has no name twice', () => {
    const names = Object.values(glossary).flatMap((term) => [...term.names] as string[]);
    assert.equal(new Set(names).size, names.length);
  });
});
