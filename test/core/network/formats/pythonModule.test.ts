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
import { everyFamilyAndTask, smallFile } from '../../../support/everyFamily.ts';
import { memorySource } from '../../../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../../../support/sessionHarness.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-python-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** For each case: reads a CSV as texts, runs the module on them, and writes prediction and outputs as JSON. */
const driver = `
import csv, importlib.util, json, sys

def run(module_file, data, delimiter):
    spec = importlib.util.spec_from_file_location("exported", module_file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with open(data, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=delimiter))
    frame = {name: [row[name] for row in rows] for name in rows[0]}
    raw = module.outputs(frame)
    return {
        "predicted": [p if p is None or isinstance(p, str) else None if p != p else float(p) for p in module.predict(frame)],
        "raw": [[None if value != value else value for value in row] for row in raw.tolist()],
    }

json.dump([run(*case) for case in json.loads(sys.argv[1])], sys.stdout)
`;
writeFileSync(path.join(folder, 'driver.py'), driver);
let files = 0;

interface Case {
  readonly csv: string;
  readonly change: Partial<TrainSettings>;
  readonly delimiter?: string;
}
interface Answer {
  readonly predicted: readonly unknown[];
  readonly raw: readonly (readonly (number | null)[])[];
}

/** Trains on files, and compares what the modules say of their raw cells with the predictions that `predict` writes; one Python for all. */
async function agree(cases: readonly Case[]): Promise<RunRecord[]> {
  const runs: RunRecord[] = [];
  const given = [];
  for (const { csv, change, delimiter = ',' } of cases) {
    const run = await testSession(memorySource(csv)).train({ ...quickSettings, ...change }, listen(), running);
    const module = path.join(folder, `module${files}.py`);
    const data = path.join(folder, `data${files++}.csv`);
    writeFileSync(module, exportRun(run, 'python'));
    writeFileSync(data, csv);
    runs.push(run);
    given.push([module, data, delimiter]);
  }
  const args = ['-B', path.join(folder, 'driver.py'), JSON.stringify(given)];
  const { status, stdout, stderr } = spawnSync(ensurePython({ numpy: true }), args, {
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  });
  assert.equal(status, 0, stderr);
  const answers = JSON.parse(stdout) as Answer[];
  assert.equal(answers.length, cases.length);
  for (const [i, { csv }] of cases.entries()) await agrees(runs[i], csv, answers[i]);
  return runs;
}

async function agrees(run: RunRecord, csv: string, { predicted, raw }: Answer): Promise<void> {
  const table = (await predictOn(run, memorySource(csv), running, 'keep'))!.csv.trim().split(/\r?\n/);
  const [header, ...lines] = table.map((line) => line.split(','));
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
    const change = { target: 'y', missing: 'impute', columnTypes: { size: 'classes' } } as const;
    const [run] = await agree([{ csv: mixed, change }]);
    const names = run.scaling.inputs.map(({ column }) => column);
    for (const column of ['weight', 'price', 'share', 'when', 'kind', 'side', 'size'])
      assert.ok(names.includes(column), `${column} is an input`);
  });

  it('makes weekday and season of dates as training did, of gaps as well', async () => {
    const csv = mixed.replace(/15 Apr 2020 13:30/, '');
    const change = { target: 'y', missing: 'impute', dateParts: ['weekday', 'season'] } as const;
    const [run] = await agree([{ csv, change }]);
    assert.equal(run.scaling.inputs.filter(({ wave }) => wave !== undefined).length, 4);
  });

  it('leaves rows with gaps unpredicted where training left them out', async () => {
    await agree([{ csv: mixed, change: { target: 'y', missing: 'drop' } }]);
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
    const change = { target: 't', dialect, missing: 'impute', features: ['a', 'b'] } as const;
    await agree([{ csv, change, delimiter: ';' }]);
  });

  it('runs every family and task', async () => {
    await agree(Object.values(everyFamilyAndTask).map((change) => ({ csv: smallFile, change })));
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
