import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { foldsOf } from '../../src/core/data/folds.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { samplesFolder } from '../support/memorySource.ts';
import { runProgram, runWarm } from './program.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'convexnet-cv-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});
const at = (name: string): string => path.join(folder, name);
const readRun = (name: string): RunRecord => JSON.parse(readFileSync(at(name), 'utf8')) as RunRecord;
const quick = [
  '--target',
  'target',
  '--model',
  'gated-relu',
  '--gates',
  '15',
  '--no-compare',
  '--certify-seconds',
  '0',
];

describe('cross-validation, computed again', () => {
  it('is what training on the rows of a fold and predicting the others gives', async () => {
    const sample = path.join(samplesFolder, 'diabetes.csv');
    const auto = [...quick, '--beta', 'auto', '--folds', '4', '--path-points', '6', '--path-smallest', '0.05'];
    const { status, stdout } = await runProgram([
      ...['train', sample, ...auto, '--time-limit', '300'],
      ...['--out', at('run.json')],
    ]);
    assert.equal(status, 0);
    assert.match(stdout, /Beta chosen by 4-fold cross-validation on the training rows: mean squared error/);
    assert.match(stdout, /result: Explains .* on 88 held-out rows; ridge regression:/);
    const run = readRun('run.json');
    const curve = run.crossValidation!;
    const lines = readFileSync(sample, 'utf8').trim().split('\n');
    const train = run.rows.line.filter((_, row) => run.rows.split[row] === 0);
    const folds = foldsOf(train.length, { count: 4, seed: run.settings.seed });
    const again = await runProgram([
      ...['train', sample, ...auto, '--time-limit', '300', '--threads', '2'],
      ...['--out', at('threads.json')],
    ]);
    assert.equal(again.status, 0);
    assert.deepEqual(readRun('threads.json').crossValidation!.points, curve.points);
    const point = Math.min(3, curve.points.length - 1);
    for (const fold of [0, 2]) {
      const [kept, held] = [train.filter((_, i) => folds[i] !== fold), train.filter((_, i) => folds[i] === fold)];
      const table = (rows: readonly number[]): string => [lines[0], ...rows.map((line) => lines[line - 1])].join('\n');
      writeFileSync(at('kept.csv'), table(kept));
      writeFileSync(at('held.csv'), table(held));
      const beta = (curve.points[point].beta * kept.length) / train.length;
      const solved = await runWarm([
        ...['train', at('kept.csv'), ...quick, '--test-fraction', '0', '--beta', String(beta)],
        ...['--out', at('fold.json')],
      ]);
      assert.equal(solved.status, 0);
      const predicted = await runWarm(['predict', at('fold.json'), at('held.csv'), '--out', at('predicted.csv')]);
      assert.equal(predicted.status, 0);
      const [header, ...rows] = readFileSync(at('predicted.csv'), 'utf8').trim().split(/\r?\n/);
      const column = header.split(',').findIndex((name) => name.startsWith('predict'));
      assert.ok(column >= 0, header);
      const target = lines[0].split(',').indexOf('target');
      const error =
        rows.reduce((sum, row, i) => {
          const truth = Number(lines[held[i] - 1].split(',')[target]);
          return sum + (truth - Number(row.split(',')[column])) ** 2;
        }, 0) / rows.length;
      // folds are solved to a relative gap of 1e-3
      assert.ok(
        Math.abs(error / curve.points[point].folds[fold] - 1) < 0.01,
        `${error} ${curve.points[point].folds[fold]}`,
      );
    }
  });
});
