import type * as v from 'valibot';

/**
 * What a schema complains about, in words for a person; the place is said by whoever knows it. Words that a check of ours brings along stay as they are.
 */
export function schemaWords(issue: v.BaseIssue<unknown>): string {
  const { type, expected, received, requirement, message } = issue;
  if (type === 'strict_object' && expected === 'never') return 'there is no such field';
  if (received === 'undefined') return 'is missing';
  if (!message.startsWith('Invalid ')) return message;
  const found = kindWords[received] ?? received;
  switch (type) {
    case 'integer':
      return `must be a whole number, not ${found}`;
    case 'finite':
      return `must be a finite number, not ${found}`;
    case 'min_value':
      return `must be at least ${String(requirement)}, not ${found}`;
    case 'max_value':
      return `must be at most ${String(requirement)}, not ${found}`;
    case 'gt_value':
      return `must be above ${String(requirement)}, not ${found}`;
    case 'lt_value':
      return `must be below ${String(requirement)}, not ${found}`;
    case 'min_length':
      return requirement === 1
        ? 'must not be empty'
        : `needs a length of at least ${String(requirement)}, not ${found}`;
    case 'max_length':
      return `may have a length of at most ${String(requirement)}, not ${found}`;
    default:
      return expected === null ? message : `must be ${kindsOf(expected)}, not ${found}`;
  }
}

/** What JavaScript calls kinds of values. */
const kindWords: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  boolean: 'true or false',
  Array: 'a list',
  Object: 'fields with names',
  NaN: 'something that is no number',
};

/** "(string | null)" as "a text | null". */
const kindsOf = (expected: string): string =>
  expected
    .replace(/^\((.*)\)$/s, '$1')
    .split(' | ')
    .map((kind) => kindWords[kind] ?? kind)
    .join(' | ');
