import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProblemError } from '../../../src/core/base/problemError.ts';
import { parseProblemFile } from '../../../src/core/problem/problemFile.ts';

const valid = {
  format: 'convexnet-problem/1',
  X: [
    [1, 2],
    [3, 4],
  ],
  y: [1, -1],
  model: 'gated-relu',
  loss: 'squared',
  beta: 0.1,
};

const files: Record<string, string> = {
  'x.csv': '\uFEFF1,2\r\n3,4.5e-1\r\n',
  'semicolon.csv': '1;2\n3;4\n',
  'one.csv': '1\n-1\n',
  'text.csv': '1,2\n3,abc\n',
  'hole.csv': '1,2\n3,\n',
  'ragged.csv': '1,2\n3\n',
  'nan.csv': '1,2\n3,NaN\n',
  'header.csv': 'a,b\n1,2\n',
  'empty.csv': '',
};

function parse(change: Record<string, unknown>) {
  return parseProblemFile(JSON.stringify({ ...valid, ...change }), 'p.json', (name) => {
    const text = files[name];
    if (text === undefined) throw new Error('no such file');
    return text;
  });
}

function refuses(run: () => unknown, expected: string): void {
  assert.throws(run, (error: unknown) => {
    assert.ok(error instanceof ProblemError, String(error));
    assert.equal(error.message, expected);
    return true;
  });
}

test('a minimal problem gets the documented defaults', () => {
  const problem = parse({});
  assert.deepEqual(problem.arrangements, { kind: 'adaptive', seed: 1 });
  assert.equal(problem.tolerance, 1e-6);
  assert.equal(problem.bias, 'none');
  assert.equal(problem.outputPenalty, 'per-output');
  assert.equal(problem.outputs, 1);
  assert.deepEqual(Array.from(problem.X.data), [1, 2, 3, 4]);
});

test('fields that this version does not know are ignored', () => {
  assert.equal(parse({ comment: 'later' }).beta, 0.1);
});

test('X, y and gates may be paths of numeric CSV files, with a BOM, CRLF or semicolons', () => {
  assert.deepEqual(Array.from(parse({ X: 'x.csv' }).X.data), [1, 2, 3, 0.45]);
  assert.deepEqual(Array.from(parse({ X: 'semicolon.csv', y: 'one.csv' }).y.data), [1, -1]);
  const { arrangements } = parse({ gates: 'semicolon.csv' });
  assert.equal(arrangements.kind, 'given');
});

test('classes: outputs are counted from the ids, or given', () => {
  assert.equal(parse({ loss: 'softmax', y: [0, 2] }).outputs, 3);
  assert.equal(parse({ loss: 'softmax', y: [0, 2], outputs: 5 }).outputs, 5);
});

const malformed: [string, Record<string, unknown>, string][] = [
  ['wrong format', { format: 'other/1' }, 'p.json, format: must be "convexnet-problem/1", not "other/1"'],
  ['missing format', { format: undefined }, 'p.json, format: is missing'],
  ['missing X', { X: undefined }, 'p.json, X: is missing'],
  ['missing y', { y: undefined }, 'p.json, y: is missing'],
  ['missing beta', { beta: undefined }, 'p.json, beta: is missing'],
  ['beta a string', { beta: '0.1' }, 'p.json, beta: must be a number'],
  ['beta negative', { beta: -1 }, 'p.json, beta: must be a positive number, not -1'],
  [
    'beta zero',
    { beta: 0 },
    'p.json, beta: beta = 0 has no unique solution (any interpolating network is optimal); take a small positive beta instead',
  ],
  [
    'unknown model',
    { model: 'resnet' },
    'p.json, model: must be one of "gated-relu", "relu", "linear", "three-layer", not "resnet"',
  ],
  [
    'unknown loss',
    { loss: 'l1' },
    'p.json, loss: must be one of "squared", "logistic", "softmax", "hinge", "huber", not "l1"',
  ],
  ['X not rows', { X: [1, 2] }, 'p.json, X, row 1: 1 is not a row of numbers'],
  ['X a number', { X: 3 }, 'p.json, X: expected an array of rows, or a path'],
  ['X empty', { X: [] }, 'p.json, X: there are no rows'],
  ['X without columns', { X: [[], []] }, 'p.json, X: there are no columns'],
  ['ragged X', { X: [[1, 2], [3]] }, 'p.json, X, row 2: has 1 numbers, the rows before have 2'],
  [
    'text in X',
    {
      X: [
        [1, 2],
        [3, 'four'],
      ],
    },
    'p.json, X, row 2, column 2: "four" is not a finite number',
  ],
  [
    'null in X',
    {
      X: [
        [1, null],
        [3, 4],
      ],
    },
    'p.json, X, row 1, column 2: null is not a finite number',
  ],
  [
    'huge X',
    {
      X: [
        [1, 1e300],
        [3, 4],
      ],
    },
    'p.json, X, row 1, column 2: 1.000e+300 is too large to compute with (limit 1e+60)',
  ],
  ['y too short', { y: [1] }, 'p.json, y: has 1 rows but X has 2'],
  ['mixed y', { y: [1, [2]] }, 'p.json, y, row 2, column 1: an array is not a finite number'],
  ['text in y', { y: [1, 'no'] }, 'p.json, y, row 2, column 1: "no" is not a finite number'],
  [
    'labels',
    { loss: 'logistic', y: [0, 1] },
    'p.json, y, row 1, column 1: logistic loss needs targets -1 or +1, found 0',
  ],
  [
    'class ids',
    { loss: 'softmax', y: [0.5, 1] },
    'p.json, y, row 1, column 1: softmax loss needs class ids 0..1, found 0.5',
  ],
  ['tolerance', { tolerance: 0 }, 'p.json, tolerance: must lie between 0 and 1, not 0'],
  ['bias', { bias: 'yes' }, 'p.json, bias: must be one of "none", "regularized", "free", not "yes"'],
  [
    'arrangements',
    { arrangements: { kind: 'some' } },
    'p.json, arrangements.kind: must be {"kind": "all"}, {"kind": "sampled", "count": P, "seed": s} or {"kind": "adaptive", "seed": s}',
  ],
  ['sampled without count', { arrangements: { kind: 'sampled', seed: 1 } }, 'p.json, arrangements.count: is missing'],
  [
    'count not whole',
    { arrangements: { kind: 'sampled', count: 1.5 } },
    'p.json, arrangements.count: must be a positive whole number',
  ],
  [
    'gates and arrangements',
    { gates: [[1, 0]], arrangements: { kind: 'all' } },
    'p.json, arrangements: cannot be given together with gates',
  ],
  ['path not there', { X: 'gone.csv' }, 'p.json, X: cannot read "gone.csv": no such file'],
  [
    'text in CSV',
    { X: 'text.csv' },
    'text.csv, X, row 2, column 2: "abc" is not a finite number (expected a CSV of numbers without header)',
  ],
  ['hole in CSV', { X: 'hole.csv' }, 'hole.csv, X, row 2, column 2: the cell is empty'],
  ['ragged CSV', { X: 'ragged.csv' }, 'ragged.csv, X, row 2: has 1 numbers, the rows before have 2'],
  [
    'NaN in CSV',
    { X: 'nan.csv' },
    'nan.csv, X, row 2, column 2: "NaN" is not a finite number (expected a CSV of numbers without header)',
  ],
  [
    'header in CSV',
    { X: 'header.csv' },
    'header.csv, X, row 1, column 1: the text in this cell is not a finite number (expected a CSV of numbers without header)',
  ],
  ['empty CSV', { X: 'empty.csv' }, 'empty.csv, X: the file is empty'],
];

for (const [name, change, message] of malformed) {
  test(`refused: ${name}`, () => {
    refuses(() => parse(change), message);
  });
}

test('refused: no JSON, or not an object', () => {
  assert.throws(
    () => parseProblemFile('{"format": ', 'p.json', () => ''),
    (error: unknown) => error instanceof ProblemError && error.message.startsWith('p.json: not valid JSON: '),
  );
  refuses(() => parseProblemFile('[1, 2]', 'p.json', () => ''), 'p.json, format: is missing');
  refuses(() => parseProblemFile('null', 'p.json', () => ''), 'p.json: the problem must be a JSON object');
});

test('a name of thousands of characters is not quoted whole', () => {
  assert.throws(
    () => parse({ X: 'a'.repeat(5000) }),
    (error: unknown) =>
      error instanceof ProblemError && error.message.length < 500 && error.message.includes('no such file'),
  );
});
