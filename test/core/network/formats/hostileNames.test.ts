import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { ensurePython } from '../../../../src/build/ensure.mjs';
import { csvText } from '../../../../src/core/data/csv.ts';
import { formulasAmong, neutralized } from '../../../../src/core/data/formulaCells.ts';
import { pytorchSnippet } from '../../../../src/core/network/formats/pytorch.ts';
import { denseMatrix } from '../../../../src/core/base/linalg/matrix.ts';
import { naiveRows } from '../../data/naiveCsv.ts';

/** Names that mean something to Python, to its reader of encodings, or to a spreadsheet. */
const chosen = [
  "Á\"\", None), __import__('os').system('id>PWNED'),#",
  'y coding:shift_jis',
  '-*- coding: utf-7 -*-',
  '\u000c# vim: set fileencoding=cp932 :',
  'a\\',
  'a\\"',
  '\\N{LATIN SMALL LETTER A}',
  '"""',
  "'''\nimport os\nos.system('id>PWNED')\n'''",
  '\r__import__("os").system("id>PWNED")#',
  '\u2028x\u2029y\u0085z',
  '\0',
  '\ud800',
  '{0}',
  '%s',
  '温度',
  '😀',
];
const name = fc.oneof(
  fc.constantFrom(...chosen),
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.string({
    unit: fc.constantFrom('"', "'", '\\', '\n', '\r', '#', '(', ')', ',', '\u00a5', '\u8a31', 'u', 'x', 'N', '{', '0'),
  }),
);

const network = {
  W1: denseMatrix(1, 2, Float64Array.of(1, 2)),
  b1: Float64Array.of(0.5),
  W2: denseMatrix(1, 2, Float64Array.of(3, 4)),
  b2: Float64Array.of(0, 0),
};

function moduleOf([title, column, category, first, second]: readonly string[]): string {
  return pytorchSnippet({
    network,
    scaling: {
      inputs: [
        { name: 'a', column, mean: 1 / 3, scale: 0.1 },
        { name: 'b', column: 'b', category, mean: 0.25, scale: 0.5 },
      ],
      target: { mean: 0, scale: 1 },
    },
    classes: [first, second],
    loss: 'softmax',
    bias: 'regularized',
    outputPenalty: 'per-output',
    beta: 0.1,
    trainRows: 10,
    title,
  });
}

/** Runs every module in a folder with a stand-in for torch, and says what its names are; strings as lists of UTF-16 units. */
const runner = `
import json, os, sys, types
from unittest.mock import MagicMock
torch = types.ModuleType("torch")
torch.__getattr__ = lambda name: MagicMock()
torch.nn = types.SimpleNamespace(Module=object, Parameter=lambda x: x)
torch.tensor = lambda x, dtype=None: x
torch.zeros = lambda *a, **k: []
sys.modules["torch"] = torch
class Module:
    def register_buffer(self, *a): pass
torch.nn.Module = Module
def units(text):
    data = text.encode("utf-16-le", "surrogatepass")
    return [data[i] + 256 * data[i + 1] for i in range(0, len(data), 2)]
out = []
os.chdir(sys.argv[1])
for i in range(int(sys.argv[2])):
    with open(f"m{i}.py", "rb") as file:
        source = file.read()
    names = {"__name__": "m"}
    exec(compile(source, f"m{i}.py", "exec"), names)
    (a, none), (b, category) = names["INPUTS"]
    assert none is None and b == "b"
    out.append([units(x) for x in [a, category, *names["CLASSES"]]])
    doc = names["TwoLayerNetwork"].__doc__
    assert "Rows x 2 inputs" in doc
print(json.dumps(out))
`;

describe('exported Python', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'convexnet-python-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('runs nothing of a name and gives every name back, in any encoding that a name asks for', () => {
    const cases = [
      ...chosen.map((text) => [text, text, text, text, text]),
      ...fc.sample(fc.tuple(name, name, name, name, name), { numRuns: 400, seed: 5 }),
    ];
    cases.forEach((names, i) => {
      const code = moduleOf(names);
      assert.match(code, /^# -\*- coding: utf-8 -\*-\n/);
      assert.doesNotMatch(code, /[^\n\x20-\x7e]/);
      writeFileSync(path.join(folder, `m${i}.py`), code, 'utf8');
    });
    const { status, stdout, stderr } = spawnSync(ensurePython(), ['-c', runner, folder, String(cases.length)], {
      encoding: 'utf8',
      maxBuffer: 1 << 28,
    });
    assert.equal(status, 0, stderr);
    const units = (text: string): number[] => Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
    assert.deepEqual(
      JSON.parse(stdout),
      cases.map(([, ...names]) => names.map(units)),
    );
    const strangers = readdirSync(folder).filter((file) => !/^m\d+\.py$/.test(file));
    assert.deepEqual(strangers, [], 'no name ran a command');
  });

  it('of a network that is not finite is refused', () => {
    const broken = { ...network, b1: Float64Array.of(NaN) };
    assert.throws(() => moduleOfNetwork(broken), /only finite networks/);
  });
});

function moduleOfNetwork(given: typeof network): string {
  return pytorchSnippet({
    network: given,
    scaling: {
      inputs: ['a', 'b'].map((column) => ({ name: column, column, mean: 0, scale: 1 })),
      target: { mean: 0, scale: 1 },
    },
    classes: [],
    loss: 'squared',
    bias: 'none',
    outputPenalty: 'per-output',
    beta: 1,
    trainRows: 2,
    title: '',
  });
}

describe('cells that a spreadsheet would run', () => {
  const refused = [
    '=1+1',
    '+1+1',
    '-2+3',
    '@SUM(A1)',
    "=cmd|' /C calc'!A0",
    ' =1',
    '\t=1',
    '\r=1',
    '\tx',
    '＝1',
    'a;=1',
    'a\n=1',
    '"=1',
  ];
  for (const text of refused) {
    it(`${JSON.stringify(text)} gets an apostrophe before what would run`, () => {
      assert.notEqual(neutralized(text), text);
      assert.doesNotMatch(neutralized(text), /(^|[;,|\t\r\n"])\s*[=+\-@＝]/);
      assert.equal(neutralized(text).replaceAll("'", ''), text.replaceAll("'", ''));
    });
  }
  for (const text of ['-3.5', '+1', '-1,5', '1e-9', '-.5', 'a-b', 'x = 1', '5 %', '2020-01-01', 'größe', '']) {
    it(`${JSON.stringify(text)} stays`, () => assert.equal(neutralized(text), text));
  }

  it('no cell of a table begins a formula, whatever the names; with "keep" they come back as they were', () => {
    const cell = fc.oneof(
      fc.string({
        unit: fc.constantFrom('=', '+', '-', '@', ' ', '\t', '\n', '\r', ';', ',', '|', '"', "'", 'a', '1', '.'),
      }),
      fc.constantFrom(...refused),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 5 }), (rows) => {
        const { csv } = csvText(rows, 'neutralize');
        for (const { cells } of naiveRows(csv, ','))
          for (const text of cells)
            if (!/^\s*[+-]?[\d.][\d .,]*$/.test(text)) assert.doesNotMatch(text, /^\s*[=+\-@]/, JSON.stringify(text));
      }),
      { numRuns: 2_000, seed: 6 },
    );
    assert.equal(csvText([['=1', 2]], 'keep').csv, '=1,2\n');
    assert.deepEqual(
      csvText(
        [
          ['=1', -2],
          ['b', '=1'],
        ],
        'neutralize',
      ),
      { csv: "'=1,-2\nb,'=1\n", neutralized: 2 },
    );
    assert.deepEqual(formulasAmong(['a', '=1', '=1', '-1']), ['=1']);
  });
});
