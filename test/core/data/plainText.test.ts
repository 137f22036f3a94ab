import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { plainCopy, plainExcerpt, plainLines, plainText } from '../../../src/core/data/plainText.ts';

/** What the editor takes for a link in a notification or a prompt (vs/base/common/linkedText). */
const editorLink = /\[([^\]]+)\]\(((?:https?:\/\/|command:|file:)[^)\s]+)(?: (["'])(.+?)(\3))?\)/i;
const editorIcon = /\$\([A-Za-z0-9-]+(?:~[A-Za-z]+)?\)/;
const markdownLink = /\]\(/;
const unseen = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f\ufeff\u{e0001}-\u{e007f}]/u;

const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: fc.constantFrom('[', ']', '(', ')', '!', '$', '\u001b', '\n', '\u202e', '\ud800', 'a', ' ') }),
  fc.constantFrom(
    '[Repair the file](command:evil.pwn?%5B%22rm%22%5D)',
    '![x](https://attacker.example/p.png)[click](command:evil.pwn)',
    '[Open](command:evil.pwn).csv',
    '$(sync~spin) done',
    'a\u001b[2J\u001b]0;PWNED\u0007',
    '\u009b31m',
    'safe\u202egnp.exe',
    'b\r\nverdict: proven',
  ),
);

describe('plain text', () => {
  it('holds no link, image, icon, control character or hidden mark, whatever the data say', () => {
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 4 }), (parts) => {
        const plain = plainText(parts.join(''));
        for (const pattern of [editorLink, editorIcon, markdownLink, unseen]) assert.doesNotMatch(plain, pattern);
        assert.equal(plainText(plain), plain);
      }),
      { numRuns: 5_000, seed: 11 },
    );
  });

  it('is not made by joining two harmless pieces', () => {
    assert.equal(plainText('[x]' + '(command:a)'), '[x] (command:a)');
    assert.equal(plainText('[x]\u200b(command:a)'), '[x]\\u200b(command:a)');
    assert.equal(plainText('$$((bug))'), '$$ ((bug))');
  });

  it('leaves names in any script as they are', () => {
    for (const name of [
      'größe (m²)',
      '温度',
      'किताब',
      'סכום',
      'می\u200cخواهم',
      '👩\u200d🔬',
      'a[1]',
      '$5',
      '-3.5',
      'C:\\x',
    ])
      assert.equal(plainText(name), name);
  });

  it('is cut where it is too long, and never in the middle of a character', () => {
    assert.equal(plainExcerpt('abcdef', 6), 'abcdef');
    assert.equal(plainExcerpt('abcdefg', 6), 'abcde…');
    fc.assert(
      fc.property(fc.array(hostile, { maxLength: 4 }), fc.integer({ min: 2, max: 30 }), (parts, limit) => {
        const plain = plainExcerpt(parts.join(''), limit);
        assert.ok(plain.length <= limit);
        assert.doesNotMatch(plain, markdownLink);
      }),
      { seed: 12 },
    );
  });

  it('keeps the lines of a stack trace and nothing else', () => {
    assert.equal(plainLines('Error: a\u001b[1m\n    at x\r\n'), 'Error: a\\x1b[1m\n    at x\\r\n');
  });

  it('of a record: every string in it, numbers and arrays of numbers as they are', () => {
    const numbers = [1, 2, 3];
    const bytes = Float64Array.of(1);
    const record = { name: 'a\nb', inner: [{ 'k\n': 'x](y' }], numbers, bytes, none: null };
    const copy = plainCopy(record);
    assert.deepEqual(copy, { name: 'a\\nb', inner: [{ 'k\\n': 'x] (y' }], numbers, bytes, none: null });
    assert.equal(copy.numbers, numbers);
    assert.equal(copy.bytes, bytes);
  });
});
