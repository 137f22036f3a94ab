import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  compareRuns,
  comparisonRefusal,
  differingSettings,
  pairedScore,
  sharedNeurons,
} from '../../src/shared/compareRuns.ts';
import { comparisonDigest } from '../../src/shared/runDigest.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import type { TrainSettings } from '../../src/shared/settings.ts';
import { writeComparison } from '../../webview/report/report.ts';
import { memorySource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

const rows = Array.from({ length: 40 }, (_, i) => {
  const [a, b] = [Math.sin(2 * i), Math.cos(3 * i)];
  return `${a.toFixed(4)},${b.toFixed(4)},${(Math.abs(a) - Math.max(0, a + b) + 0.2 * Math.sin(7 * i)).toFixed(4)},${a > b ? 'x' : 'y'}`;
});
const csv = ['a,b,y,kind', ...rows].join('\n');
const train = (change: Partial<TrainSettings>, text = csv): Promise<RunRecord> =>
  testSession(memorySource(text)).train(
    { ...quickSettings, target: 'y', features: ['a', 'b'], path: { points: 3, smallest: 0.1 }, ...change },
    listen(),
    running,
  );

describe('runs beside each other', () => {
  it('differ in what was asked differently, and in nothing else', async () => {
    const [one, two] = [await train({}), await train({ gates: 31, beta: { kind: 'relative', value: 0.2 } })];
    assert.deepEqual(
      differingSettings([one, two]).map(({ name, values }) => [name, values]),
      [
        ['gates', [20, 31]],
        ['beta', [one.resolved.beta, two.resolved.beta]],
      ],
    );
    assert.deepEqual(differingSettings([one, one]), []);
  });

  it('are scored on the rows held out of both, row by row', async () => {
    const [one, two] = [await train({}), await train({ beta: { kind: 'relative', value: 0.6 } })];
    const held = one.rows.line.flatMap((line, row) => (one.rows.split[row] === 1 ? [{ line, row }] : []));
    const difference = held.map(({ row, line }) => {
      const other = two.rows.line.indexOf(line);
      assert.equal(two.rows.split[other], 1);
      const error = (run: RunRecord, at: number): number => (run.rows.target[at] - run.rows.prediction[at]) ** 2;
      return error(two, other) - error(one, row);
    });
    const mean = difference.reduce((sum, value) => sum + value, 0) / difference.length;
    const paired = pairedScore(two, one)!;
    assert.equal(paired.rows, held.length);
    assert.ok(Math.abs(paired.difference - mean) < 1e-12);
    assert.ok(Math.abs(paired.run - paired.baseline - mean) < 1e-12);
    const other = await train({}, csv.replace(/0\.1/, '0.2'));
    assert.equal(pairedScore(other, one), undefined, 'another file');
    const split = await train({ testFraction: 0 });
    assert.equal(pairedScore(split, one), undefined, 'nothing held out of both');
  });

  it('share all neurons with themselves, also where features are in other units', async () => {
    const run = await train({ testFraction: 0 });
    assert.ok(run.neurons.length > 1);
    const own = sharedNeurons(run, run)!;
    assert.equal(own.length, run.neurons.length);
    assert.ok(own.every(({ run: a, baseline: b, cosine }) => a === b && cosine > 1 - 1e-12));
    const scaled = csv
      .split('\n')
      .map((line, i) => {
        const [a, ...rest] = line.split(',');
        return i === 0 ? line : [String(5 + 100 * Number(a)), ...rest].join(',');
      })
      .join('\n');
    const other = await train({ testFraction: 0 }, scaled);
    // the gates are sampled on the same standardised data
    const shared = sharedNeurons(other, run)!;
    assert.ok(shared.every(({ cosine }) => cosine >= 0.99));
    const linear = await train({ model: 'linear' });
    assert.equal(sharedNeurons(linear, run), undefined);
  });

  it('are measured by the one that is chosen, and hold all that a page shows as plain data', async () => {
    const runs = [await train({}), await train({ beta: { kind: 'relative', value: 0.6 } })];
    const comparison = compareRuns(runs, 1);
    assert.equal(comparison.against[1], null);
    const { paired, shared, common } = comparison.against[0]!;
    assert.deepEqual(paired, pairedScore(runs[0], runs[1]));
    assert.deepEqual(shared, sharedNeurons(runs[0], runs[1]));
    assert.deepEqual(
      [common!.rows, common!.run, common!.baseline],
      [runs[0].rows.line.length, runs[0].rows.prediction, runs[1].rows.prediction],
    );
    const crossed = JSON.parse(JSON.stringify(comparison)) as typeof comparison;
    assert.deepEqual(crossed.against, comparison.against);
    assert.throws(() => compareRuns(runs, 2), /no run 3 of 2/);
  });

  it('are refused with the reason', async () => {
    const [one, two] = [await train({}), await train({ target: 'kind' })];
    assert.match(comparisonRefusal([one])!, /2 to 20/);
    assert.match(comparisonRefusal([one, two])!, /"y" \(regression\) and "kind" \(binary\)/);
    assert.equal(comparisonRefusal([one, one]), undefined);
  });

  it('are written as a page with tables and pictures, and told to assistants', async () => {
    const runs = [await train({}), await train({ gates: 31 }), await train({ model: 'linear' })];
    const html = writeComparison(runs, 'html');
    assert.doesNotMatch(html, /NaN|undefined|\[object|<script/);
    for (const words of [
      'What differs',
      'Results',
      'Along beta',
      'Predicted against predicted',
      'Shared with the baseline',
    ])
      assert.ok(html.includes(words), words);
    assert.ok((html.match(/<svg /g) ?? []).length >= 6);
    assert.match(writeComparison(runs, 'md'), /\| gates \| 20 \| \*\*31\*\* \| 20 \|/);
    const second = writeComparison(runs, 'html', { baseline: 1 });
    assert.ok(second.includes('Run 2 (baseline)') && second.includes('Differences from Run 2 (baseline)'));
    assert.match(writeComparison(runs, 'csv'), /\nSetting,Run 1 \(baseline\),Run 2,Run 3\n/);
    const { runs: told } = comparisonDigest(runs) as { runs: { objective: number }[] };
    assert.deepEqual(
      told.map(({ objective }) => objective),
      runs.map(({ solution }) => solution.objective),
    );
    const classes = [await train({ target: 'kind' }), await train({ target: 'kind', loss: 'squared' })];
    assert.equal(pairedScore(classes[1], classes[0])?.measure, 'misclassification');
    assert.doesNotMatch(writeComparison(classes, 'html'), /NaN|undefined/);
  });
});
