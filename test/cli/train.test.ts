import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import type { RunRecord } from '../../src/shared/run.ts';
import { naiveRows } from '../core/data/naiveCsv.ts';
import { samplesFolder } from '../support/memorySource.ts';
import { decodeOnnx } from '../support/onnxDecoder.ts';
import { recompute } from '../support/recompute.ts';
import { runProgram, runWarm, startProgram } from './program.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-train-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

const sample = (name: string): string => path.join(samplesFolder, name);
const at = (name: string): string => path.join(folder, name);
function file(name: string, content: string): string {
  writeFileSync(at(name), content);
  return at(name);
}
const readRun = (name: string): RunRecord => JSON.parse(readFileSync(at(name), 'utf8')) as RunRecord;
const small = ['--model', 'gated-relu', '--gates', '20', '--no-path', '--no-compare'];
const quick = [...small, '--beta-rel', '0.1'];

describe('convexnet train', () => {
  it('takes the squared loss by itself where a deep linear network needs it', async () => {
    const deep = [
      ...['train', sample('iris.csv'), '--model', 'linear', '--depth', '3', '--beta-rel', '0.1'],
      '--no-path',
      '--no-compare',
    ];
    const { status, stdout } = await runWarm([...deep, '--out', at('deep.json')]);
    assert.equal(status, 0);
    assert.match(stdout, /linear, squared loss/);
    const refused = await runWarm([...deep, '--loss', 'softmax']);
    assert.equal(refused.status, 2);
    assert.match(refused.stderr, /need squared loss/);
  });

  it('compares models by the same cross-validation where that is asked for', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => `${Math.sin(7 * i)},${Math.max(0, Math.sin(7 * i))}`);
    const { status, stdout } = await runWarm([
      ...['train', file('kink.csv', ['a,y', ...rows].join('\n')), '--compare-models', '--folds', '3', '--no-path'],
      ...['--no-compare', '--gates', '20', '--time-limit', '300', '--out', at('kink.json')],
    ]);
    assert.equal(status, 0);
    assert.match(stdout, /models by 3-fold cross-validation on the training rows, mean squared error\n/);
    assert.match(stdout, /\n +linear +\S+ +\S+ +\S+ +1 +\S+\n/);
    assert.match(stdout, /Smallest mean squared error of 3-fold cross-validation: two-layer /);
    assert.deepEqual(
      readRun('kink.json').models!.models.map(({ network }) => network),
      ['relu', 'gated-relu', 'relu-batch-norm', 'linear'],
    );
  });

  it('trains with everything, prints a summary and writes the run and all exports', async () => {
    const { status, stdout, stderr } = await runProgram([
      'train',
      sample('xor_2d.csv'),
      ...[
        '--target',
        'target',
        '--beta-rel',
        '0.1',
        '--certify-seconds',
        '60',
        '--path-points',
        '3',
        '--path-smallest',
        '0.1',
      ],
      ...['--optimizers', 'adam', '--seeds', '1', '--epochs', '50', '--max-rows', '60'],
      ...['--out', at('run.json'), '--onnx', at('m.onnx'), '--network', at('n.json'), '--pytorch', at('m.py')],
      ...['--predictions', at('p.csv'), '--problem', at('problem.json')],
    ]);
    assert.equal(stderr, '');
    assert.equal(status, 0);
    const run = readRun('run.json');
    assert.equal(run.dataset.uri, 'xor_2d.csv', 'what is written elsewhere says nothing about this machine');
    assert.equal(run.path?.points.length, 3);
    assert.equal(run.compare?.runs.length, 1);
    assert.match(stdout, /xor_2d\.csv: 160 rows, 3 columns; 48 for training, 12 for testing/);
    assert.match(stdout, /target: target, binary \(different, same\)/);
    assert.match(
      stdout,
      /verdict: Globally optimal: no network does better \(relative gap .*\n {2}This holds over all two-layer ReLU networks/,
    );
    assert.match(stdout, /of betaMax \d/, 'two inputs and a bias: its largest value is proven');
    assert.match(stdout, /left out 100 rows: not in the seeded sample/);
    for (const word of [
      'objective ',
      'majority class',
      'logistic regression',
      'active neurons',
      'path: 3 betas',
      'adam',
    ]) {
      assert.ok(stdout.includes(word), word);
    }
    assert.match(stdout, /class means, inputs: scatter within over between \d/);
    assert.ok(!stdout.includes('simplex'), 'two means are opposite whatever the features are');
    // The record, by the definitions and the file.
    const rows = naiveRows(readFileSync(sample('xor_2d.csv'), 'utf8'), ',');
    const cells = new Map(rows.map(({ line, cells: row }) => [line, row]));
    const { objective } = recompute(
      run,
      run.rows.line.map((line) => cells.get(line)!),
      rows[0].cells,
    );
    assert.ok(Math.abs(objective - run.solution.objective) <= 1e-9 * objective);
    // The other files belong to it.
    assert.equal(decodeOnnx(readFileSync(at('m.onnx'))).input.columns, 2);
    assert.equal((JSON.parse(readFileSync(at('n.json'), 'utf8')) as { W1: unknown[] }).W1.length, run.neurons.length);
    assert.match(readFileSync(at('m.py'), 'utf8'), /^# xor_2d\.csv: target/m);
    const predicted = readFileSync(at('p.csv'), 'utf8').trim().split('\n');
    assert.equal(predicted.length, 161, 'every row of the file');
    assert.equal(predicted.filter((line) => line.includes(',unused,')).length, 100);
    const solved = await runWarm(['solve', at('problem.json')]);
    assert.equal(solved.status, 0);
    const again = (JSON.parse(solved.stdout) as { objective: number }).objective;
    assert.ok(Math.abs(again - run.solution.objective) <= 2e-6 * again);
    assert.ok(readdirSync(folder).every((name) => !name.endsWith('.tmp')));
  });

  it('says which target it inferred, what it left out and why', async () => {
    const { status, stdout } = await runWarm(['train', sample('ionosphere.csv'), ...quick, '--max-rows', '100']);
    assert.equal(status, 0);
    assert.match(stdout, /target: target \(inferred\), binary \(b, g\)/);
    assert.match(stdout, /left out: f02 \(always 0\)/);
    assert.match(
      stdout,
      /verdict: Optimal for its \d+ sampled gates, to relative gap .*\n {2}A gated network is defined by its gates; one with other gates may be better/,
    );
  });

  it('writes a gated network as a ReLU network with the same fit, and says what both cost', async () => {
    const { status, stdout, stderr } = await runWarm([
      ...['train', sample('diabetes.csv'), ...quick, '--target', 'target', '--max-rows', '60'],
      ...['--network', at('gated.json'), '--decompose', at('relu.json')],
    ]);
    assert.equal(status, 0, stderr);
    const match =
      /ReLU network by cone decomposition: (\d+) neurons, objective (\S+) \(gated: (\d+) neurons, (\S+)\)/.exec(stdout);
    assert.ok(match, stdout);
    assert.ok(Number(match[2]) >= Number(match[4]));
    const relu = JSON.parse(readFileSync(at('relu.json'), 'utf8')) as { model: string; W1: unknown[]; gates?: unknown };
    assert.equal(relu.model, 'relu');
    assert.equal(relu.W1.length, Number(match[1]));
    assert.equal(relu.gates, undefined);
    const wrong = await runWarm(['train', sample('diabetes.csv'), '--decompose', at('relu.json')]);
    assert.equal(wrong.status, 2);
    assert.match(wrong.stderr, /needs --model gated-relu/);
  });

  it('predicts on another file with a run that it wrote', async () => {
    const trained = await runWarm(['train', sample('iris.csv'), ...quick, '--target', 'target', '--out', at('i.json')]);
    assert.equal(trained.status, 0);
    const { status, stderr } = await runProgram(['predict', at('i.json'), sample('iris.csv'), '--out', at('ip.csv')]);
    assert.equal(status, 0, stderr);
    const lines = readFileSync(at('ip.csv'), 'utf8').trim().split('\n');
    assert.match(lines[0], /^line,target,predicted target,output /);
    assert.equal(lines.length, 1 + readRun('i.json').dataset.rowsTotal);
    const other = await runWarm(['predict', at('i.json'), sample('xor_2d.csv')]);
    assert.equal(other.status, 2);
    assert.match(other.stderr, /xor_2d\.csv: the network needs the columns/);
  });

  it('passes options on', async () => {
    const data = file(
      'a b.csv',
      'id;größe;farbe;y\n1;1,5;rot;2,5\n2;2,5;blau;3,5\n3;;rot;5\n4;4,5;blau;1\n5;8;rot;2\n6;1;blau;9\n',
    );
    const { status, stderr } = await runWarm([
      'train',
      data,
      ...small,
      ...[
        '--target',
        'y',
        '--task',
        'regression',
        '--features',
        'größe, farbe',
        '--missing',
        'impute',
        '--beta',
        '0.25',
        '--seed',
        '7',
      ],
      ...[
        '--test-fraction',
        '0',
        '--no-standardize',
        '--bias',
        'none',
        '--loss',
        'squared',
        '--tolerance',
        '1e-8',
        '--out',
        at('o.json'),
      ],
    ]);
    assert.equal(stderr, '');
    assert.equal(status, 0);
    const run = readRun('o.json');
    assert.equal(run.dataset.delimiter, ';');
    assert.equal(run.dataset.decimal, ',');
    assert.equal(run.resolved.beta, 0.25);
    assert.equal(run.resolved.testRows, 0);
    assert.deepEqual(
      run.scaling.inputs.map(({ name, mean, scale }) => [name, mean, scale]),
      [
        ['größe', 0, 1],
        ['farbe = rot', 0, 1],
      ],
    );
    assert.equal(run.settings.seed, 7);
    assert.ok(run.solution.relativeGap <= 1e-8);
  });

  const bad: [string, string, string[], RegExp][] = [
    ['a missing file', '', ['train', at('none.csv')], /none\.csv: (there is no such file|the file cannot be read)/],
    ['an empty file', 'empty.csv', [], /empty\.csv: the file is empty/],
    ['a ragged file', 'ragged.csv', [], /ragged\.csv, line 3: 3 cells where the header has 2/],
    ['a bad cell', 'cell.csv', [], /cell\.csv, line 32, column 1 \("x"\): "oops30" is not a number/],
    ['an unknown target', 'good.csv', ['--target', 'z'], /good\.csv: there is no column "z"/],
    ['a wrong choice', 'good.csv', ['--model', 'cnn'], /--model: /],
    ['a wrong number', 'good.csv', ['--beta-rel', 'x'], /--beta-rel needs a number, not "x"/],
    ['a number out of range', 'good.csv', ['--test-fraction', '2'], /--test-fraction: /],
    ['an unknown optimiser', 'good.csv', ['--optimizers', 'adam,lion'], /--optimizers: /],
    ['contradicting options', 'good.csv', ['--beta', '1', '--beta-rel', '1'], /either --beta or --beta-rel/],
    ['an unknown option', 'good.csv', ['--gate', '1'], /--gate/],
    [
      'a problem beyond the memory allowed',
      'good.csv',
      ['--model', 'gated-relu', '--gates', '100000', '--memory', '0.02'],
      /good\.csv: .*\d+ gates would fit on all rows.*or allow more memory/,
    ],
    ['memory that is none', 'good.csv', ['--memory', '0'], /--memory: /],
    ['an impossible output', 'good.csv', ['--out', at('no/such/run.json')], /does not exist/],
    ['no file', '', ['train'], /no data file given/],
  ];
  const contents: Record<string, string> = {
    'empty.csv': '',
    'ragged.csv': 'x,y\n1,2\n1,2,3\n',
    'cell.csv': `x,y\n${Array.from({ length: 60 }, (_, i) => `${i >= 30 && i < 36 ? `oops${i}` : i * 0.5},${i * 0.25}`).join('\n')}\n`,
    'good.csv': `x,y\n${Array.from({ length: 20 }, (_, i) => `${i * 0.5},${i * 0.25}`).join('\n')}\n`,
  };
  for (const [what, name, args, pattern] of bad) {
    it(`${what}: status 2 and one clear line`, async () => {
      const command = name === '' ? args : ['train', file(name, contents[name]), ...small.slice(2), ...args];
      const { status, stdout, stderr } = await runWarm(command);
      assert.match(stderr, pattern);
      assert.match(stderr, /^convexnet train: /);
      assert.equal(status, 2);
      assert.equal(stdout, '');
    });
  }

  it('status 3 with the run written when the time limit comes first', async () => {
    const { status, stdout } = await runWarm([
      'train',
      sample('breast_cancer.csv'),
      ...['--model', 'gated-relu', '--gates', '300', '--no-path', '--no-compare', '--beta-rel', '0.001'],
      ...['--tolerance', '1e-11', '--time-limit', '0.05', '--out', at('stopped.json')],
    ]);
    assert.equal(status, 3);
    const run = readRun('stopped.json');
    assert.equal(run.solution.status, 'time-limit');
    assert.ok(run.solution.relativeGap > 1e-11);
    assert.match(stdout, /verdict: Stopped at the time limit\. /);
    assert.match(stdout, /note: The solve's part of the time limit, 0\.\d+ s, ended it/);
  });

  it('an interrupt stops it and keeps what there is', async () => {
    const { child, done } = startProgram([
      'train',
      sample('diabetes.csv'),
      ...['--model', 'gated-relu', '--gates', '50', '--beta-rel', '0.1', '--path-points', '200'],
      ...['--progress', '--out', at('cut.json')],
    ]);
    let sent = false;
    child.stderr!.on('data', (text: string) => {
      if (sent || !text.includes('path: ')) return;
      sent = true;
      child.kill('SIGINT');
    });
    const { status, stdout } = await done;
    assert.ok(sent, 'it was on the path');
    const run = readRun('cut.json');
    assert.equal(run.solution.status, 'optimal');
    assert.equal(status, 0, 'the network itself was solved to tolerance');
    assert.ok(run.path!.points.length < 200 && !run.path!.complete);
    assert.equal(run.compare, undefined);
    assert.match(stdout, /note: The regularisation path was cut short by Stop/);
  });
});
