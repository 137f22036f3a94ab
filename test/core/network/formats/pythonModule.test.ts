import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { ensurePython } from '../../../../src/build/ensure.mjs';
import { exportRun } from '../../../../src/session/exportRun.ts';
import { predictOn } from '../../../../src/session/predictOn.ts';
import type { RunRecord } from '../../../../src/shared/run.ts';
import type { TrainSettings } from '../../../../src/shared/settings.ts';
import { memorySource } from '../../../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../../../support/sessionHarness.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-python-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Reads a CSV as texts, runs the module on them, and writes line, prediction and outputs as JSON. */
const driver = `
import csv, importlib.util, json, sys
spec = importlib.util.spec_from_file_location("exported", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
with open(sys.argv[2], encoding="utf-8", newline="") as file:
    rows = list(csv.DictReader(file, delimiter=sys.argv[3]))
frame = {name: [row[name] for row in rows] for name in rows[0]}
raw = module.outputs(frame)
json.dump({
    "predicted": [p if p is None or isinstance(p, str) else None if p != p else float(p) for p in module.predict(frame)],
    "raw": [[None if value != value else value for value in row] for row in raw.tolist()],
}, sys.stdout)
`;
writeFileSync(path.join(folder, 'driver.py'), driver);
let files = 0;

function inPython(run: RunRecord, csv: string, delimiter: string): { predicted: unknown[]; raw: (number | null)[][] } {
  const module = path.join(folder, `module${files}.py`);
  const data = path.join(folder, `data${files++}.csv`);
  writeFileSync(module, exportRun(run, 'python'));
  writeFileSync(data, csv);
  const python = ensurePython({ numpy: true });
  const args = ['-B', path.join(folder, 'driver.py'), module, data, delimiter];
  const { status, stdout, stderr } = spawnSync(python, args, {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as ReturnType<typeof inPython>;
}

/** Trains on a file, and compares what the module says of its raw cells with the predictions that `predict` writes. */
async function agrees(csv: string, change: Partial<TrainSettings>, delimiter = ','): Promise<RunRecord> {
  const run = await testSession(memorySource(csv)).train({ ...quickSettings, ...change }, listen(), running);
  const table = (await predictOn(run, memorySource(csv), running, 'keep'))!.csv.trim().split(/\r?\n/);
  const [header, ...lines] = table.map((line) => line.split(','));
  const { predicted, raw } = inPython(run, csv, delimiter);
  assert.equal(predicted.length, lines.length);
  const at = header.findIndex((name) => name.startsWith('predict'));
  const classes = run.resolved.classes.length > 0;
  lines.forEach((line, row) => {
    const wanted = line[at];
    const got = predicted[row];
    if (wanted === '') return assert.ok(got === null || Number.isNaN(got), `row ${row}: ${String(got)}`);
    if (classes) return assert.equal(got, wanted, `row ${row}`);
    const value = Number(wanted);
    assert.ok(
      Math.abs((got as number) - value) <= 1e-9 * (1 + Math.abs(value)),
      `row ${row}: ${String(got)}, ${value}`,
    );
  });
  // the run's own predictions are of the rows that it used
  run.rows.line.forEach((fileLine, row) => {
    const python = raw[fileLine - 2][0]!;
    const own = run.rows.prediction[row * run.resolved.outputs];
    assert.ok(Math.abs(python - own) <= 1e-8 * (1 + Math.abs(own)), `line ${fileLine}: ${python}, ${own}`);
  });
  return run;
}

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun'];
/** Numbers with units, grouped thousands, percent and other minus signs, dates, two and three categories, and gaps. */
const mixed = [
  'weight,price,share,when,kind,side,size,y',
  ...Array.from({ length: 48 }, (_, i) => {
    const weight = i % 11 === 3 ? 'n/a' : `${(50 + 7 * Math.sin(i)).toFixed(1)} kg`;
    const price = `"$${(1000 + 37 * i).toLocaleString('en')}.50"`;
    const share = i % 7 === 0 ? '' : `\u2212${i} %`;
    const when = `${(i % 27) + 1} ${months[i % 6]} ${2020 + (i % 3)} 1${i % 10}:30`;
    const kind = i % 13 === 5 ? '' : ['red', 'Green', 'blue, dark'][i % 3];
    const y = (Math.sin(i) * 3 + (i % 3) * 2 + 0.01 * i).toFixed(3);
    return [weight, price, share, when, `"${kind}"`, i % 2 ? 'left' : 'RIGHT', i % 4, y].join(',');
  }),
].join('\n');

describe('exported Python module', () => {
  it('reads units, currencies, dates, categories and gaps of raw cells as training did', async () => {
    const run = await agrees(mixed, { target: 'y', missing: 'impute', columnTypes: { size: 'classes' } });
    const names = run.scaling.inputs.map(({ column }) => column);
    for (const column of ['weight', 'price', 'share', 'when', 'kind', 'side', 'size'])
      assert.ok(names.includes(column), `${column} is an input`);
  });

  it('makes weekday and season of dates as training did, of gaps as well', async () => {
    const csv = mixed.replace(/15 Apr 2020 13:30/, '');
    const run = await agrees(csv, { target: 'y', missing: 'impute', dateParts: ['weekday', 'season'] });
    assert.equal(run.scaling.inputs.filter(({ wave }) => wave !== undefined).length, 4);
  });

  it('leaves rows with gaps unpredicted where training left them out', async () => {
    await agrees(mixed, { target: 'y', missing: 'drop' });
  });

  it('takes decimal commas, day before month, markers of its own', async () => {
    const csv = [
      'a;b;t',
      ...Array.from(
        { length: 30 },
        (_, i) => `${i === 4 ? '-7' : `1.${100 + i},5`};${(i % 28) + 1}.0${(i % 9) + 1}.2021;${i},25`,
      ),
    ].join('\n');
    const dialect = { delimiter: ';', decimal: ',', na: ['-7'] } as const;
    await agrees(csv, { target: 't', dialect, missing: 'impute', features: ['a', 'b'] }, ';');
  });

  it('runs every family and task', async () => {
    const rows = Array.from({ length: 24 }, (_, i) => {
      const [a, b] = [Math.sin(2 * i), Math.cos(3 * i)];
      return `${a.toFixed(4)},${b.toFixed(4)},${['p', 'q', 'r'][i % 3]},${a > b ? 'yes' : 'no'},${(a * b).toFixed(4)}`;
    });
    const csv = ['a,b,three,two,y', ...rows].join('\n');
    const families: Partial<TrainSettings>[] = [
      { model: 'relu', arrangements: 'sampled', gates: 10 },
      { model: 'gated-relu', gates: 10, bias: 'none' },
      { model: 'three-layer', m1: 1, arrangements: 'sampled', gates: 8 },
      { model: 'linear', depth: 2, whiten: true },
    ];
    for (const family of families) {
      for (const target of ['y', 'two', 'three'])
        await agrees(csv, { ...family, target, features: ['a', 'b'], beta: { kind: 'relative', value: 0.2 } });
    }
  });

  it('says which cell it cannot read, and which column is missing', async () => {
    const run = await testSession(memorySource(mixed)).train({ ...quickSettings, target: 'y' }, listen(), running);
    const module = path.join(folder, 'refusals.py');
    writeFileSync(module, exportRun(run, 'python'));
    const python = ensurePython({ numpy: true });
    const said = (code: string): string =>
      spawnSync(
        python,
        ['-B', '-c', `import sys; sys.path.insert(0, ${JSON.stringify(folder)})\nimport refusals\n${code}`],
        {
          encoding: 'utf8',
        },
      ).stderr;
    assert.match(said('refusals.predict({"weight": ["1"]})'), /the network needs the column/);
    assert.match(
      said('refusals.predict({c: ["heavy"] for c, *_ in refusals.INPUTS})'),
      /row 0, column 'weight': 'heavy' is not a number/,
    );
  });
});
