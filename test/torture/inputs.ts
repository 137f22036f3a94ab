import type { Rng } from '../../src/core/base/rng.ts';
import { defaultSettings, type TrainSettings } from '../../src/shared/settings.ts';
import { damaged, mutated, pick } from './tally.ts';

const words = ['', 'NA', '?', '1,5', '1.5', '-', '=1+1', '](command:x)', '2020-01-02', '99999999999999999999', 'é', '\u202e', '1e400', '1e-400', '"', 'nan', 'inf', '0x10', '١', ' ']; // prettier-ignore

/** Text that may be a table: delimiters, quotes, ragged rows, odd cells, encodings. */
export function tableText(rng: Rng): Uint8Array {
  const delimiter = pick(rng, [',', ';', '\t', '|', ', ']);
  const end = pick(rng, ['\n', '\r\n', '\r']);
  const [rows, cols] = [rng.integer(40), 1 + rng.integer(8)];
  const lines: string[] = [];
  for (let i = 0; i < rows; i++) {
    const width = rng.uniform() < 0.03 ? rng.integer(12) : cols;
    const cells = Array.from({ length: width }, (_, j) => {
      const kind = rng.uniform();
      const cell = i === 0 ? `${pick(rng, ['a', 'b', 'target', 'x', 'x', ''])}${rng.integer(3)}` : kind < 0.7 ? String(rng.normal() * 10 ** rng.integer(4)) : kind < 0.9 ? pick(rng, ['red', 'green', 'blue']) : pick(rng, words); // prettier-ignore
      return rng.uniform() < 0.05 || (j === 0 && rng.uniform() < 0.02) ? `"${cell.replaceAll('"', '""')}"` : cell;
    });
    lines.push(cells.join(delimiter));
  }
  const text = lines.join(end) + (rng.uniform() < 0.5 ? end : '');
  const encoding = pick(rng, ['utf8', 'utf8', 'utf8', 'utf16le', 'latin1'] as const);
  return Buffer.from((rng.uniform() < 0.1 ? '\uFEFF' : '') + text, encoding);
}

const columns: Readonly<Record<string, (rng: Rng, i: number) => number>> = {
  normal: (rng) => rng.normal(),
  bin: (rng) => rng.integer(2),
  int: (rng) => rng.integer(9),
  tiny: (rng) => rng.normal() * 1e-300,
  small: (rng) => rng.normal() * 1e-50,
  huge: (rng) => rng.normal() * 1e299,
  large: (rng) => rng.normal() * 1e50,
  e150: (rng) => rng.normal() * 1e150,
  denormal: (rng) => rng.integer(9) * 5e-324,
  mixed: (rng) => rng.normal() * 10 ** (rng.integer(600) - 300),
  spread: (rng) => rng.normal() * 10 ** (rng.integer(60) - 30),
  outlier: (rng, i) => (i === 1 ? 1e200 : rng.normal()),
  far: (rng, i) => (i === 1 ? 1e30 : rng.normal()),
  almostconst: (_rng, i) => 1 + (i === 0 ? 1e-15 : 0),
  constant: () => 7,
};

/** A table of numbers at the ends of what doubles hold, and settings that go with it or do not. */
export function extremeTraining(rng: Rng): { readonly csv: string; readonly settings: TrainSettings } {
  const moderate = rng.uniform() < 0.6 ? ['normal', 'bin', 'int', 'spread', 'far', 'small', 'large', 'almostconst'] : Object.keys(columns); // prettier-ignore
  const kinds = Array.from({ length: 1 + rng.integer(6) }, () => pick(rng, moderate));
  const target = pick(rng, [...moderate, 'bin', 'int']);
  const n = 2 + rng.integer(30);
  const rows = Array.from({ length: n }, (_, i) => [...kinds, target].map((kind) => columns[kind](rng, i)));
  if (rng.uniform() < 0.2 && kinds.length > 1) for (const row of rows) row[1] = row[0];
  const header = [...kinds.map((_, k) => `f${k}`), 'target'].join(',');
  const model = pick(rng, ['relu', 'relu', 'gated-relu', 'three-layer', 'linear'] as const);
  const settings: TrainSettings = {
    ...defaultSettings,
    target: 'target',
    model,
    depth: 2 + rng.integer(3),
    m1: 1 + rng.integer(2),
    beta: pick(rng, [{ kind: 'auto', value: 0.1 }, { kind: 'relative', value: 0.1 }, { kind: 'relative', value: 1e-6 }, { kind: 'relative', value: 1e-200 }, { kind: 'relative', value: 10 }, { kind: 'absolute', value: 1e-12 }, { kind: 'absolute', value: 1e12 }, { kind: 'absolute', value: 5e-324 }] as const), // prettier-ignore
    arrangements: pick(rng, ['sampled', 'adaptive', 'all'] as const),
    gates: 1 + rng.integer(60),
    seed: rng.integer(1000),
    bias: pick(rng, ['none', 'regularized', 'free'] as const),
    standardize: rng.uniform() < 0.7,
    whiten: rng.uniform() < 0.2,
    batchNorm: model === 'relu' && rng.uniform() < 0.1,
    outputPenalty: pick(rng, ['per-output', 'frobenius'] as const),
    missing: pick(rng, ['drop', 'impute'] as const),
    testFraction: pick(rng, [0, 0.2, 0.9]),
    timeLimitSeconds: 1,
    certifySeconds: 0.3,
    path: { points: pick(rng, [0, 3]), smallest: 0.01 },
    compare: { ...defaultSettings.compare, enabled: rng.uniform() < 0.3, seeds: 1, epochs: 10 },
  };
  return { csv: `${header}\n${rows.map((row) => row.join(',')).join('\n')}\n`, settings };
}

/** What a number of a JSON text may be replaced by: no numbers, numbers that are none, odd spellings, nests. */
const oddNumbers = ['NaN', 'Infinity', '-Infinity', '1e999', '-1e999', '1e400', '01', '0x10', '1_000', '.5', '5.', '--1', '1e', '"1"', 'null', 'undefined', '-0', '9007199254740993', '[['.repeat(3000), `${'['.repeat(9000)}${']'.repeat(9000)}`, '{"a":'.repeat(3000)]; // prettier-ignore
const oddKeys = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'length', '', '\u0000', 'format', 'W1', 'network', 'proof', 'branches', 'gates']; // prettier-ignore

/** A damaged copy of a JSON file as people and programs damage them: values, spellings, keys, encoding, ends, versions. */
export function hostileText(rng: Rng, value: unknown): Uint8Array {
  let text = JSON.stringify(rng.uniform() < 0.6 ? damaged(rng, value) : value);
  const kind = rng.integer(10);
  const number = /(?<=[[,:])-?\d[\d.e+-]*/g;
  if (kind === 0) {
    const numbers = [...text.matchAll(number)];
    if (numbers.length > 0) {
      const { index, 0: found } = pick(rng, numbers);
      text = text.slice(0, index) + pick(rng, oddNumbers) + text.slice(index + found.length);
    }
  } else if (kind === 1) {
    // a key twice, or one that every object has
    const at = text.indexOf('{') + 1;
    const again = /"(\w+)":/.exec(text)?.[1] ?? 'a';
    const key = rng.uniform() < 0.5 ? again : pick(rng, oddKeys);
    const other = pick(rng, ['{"x":1}', '[]', 'null', '1e308', '"y"', '{"__proto__":{"rows":1}}']);
    text = `${text.slice(0, at)}${JSON.stringify(key)}:${other},${text.slice(at)}`;
    if (rng.uniform() < 0.5) text = text.replace(/\}$/, `,${JSON.stringify(key)}:${other}}`);
  } else if (kind === 2) text = text.slice(0, rng.integer(text.length));
  else if (kind === 3) text = text.replace(/convexnet-[a-z]+\/\d/, (name) => `${name}${pick(rng, ['0', '9', '.1', '\u202e', ''])}`);
  else if (kind === 4) text = pick(rng, ['', ' ', 'null', '[]', '{}', '"x"', '7', '[[]]', '{"format":"convexnet-run/1"}', text + text, `[${text}]`, `${text},`, `// x\n${text}`]); // prettier-ignore
  const encoding = rng.uniform() < 0.08 ? 'utf16le' : 'utf8';
  const bytes = Buffer.from((rng.uniform() < 0.1 ? '\uFEFF' : '') + text, encoding);
  return rng.uniform() < 0.15 ? mutated(rng, bytes) : bytes;
}
