import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import { naiveRows } from '../core/data/naiveCsv.ts';
import { samplesFolder, sampleSource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';
import { contributionsOf } from '../../webview/app/contributions.ts';
import { decodeOn } from '../../webview/app/runData.ts';

describe('what neurons add to a row', () => {
  it('sums with its base to the recorded prediction; only neurons that are on; nothing from a file that changed', async () => {
    const settings = { ...quickSettings, model: 'relu' as const, maxRows: 40 };
    const run = await testSession(sampleSource('xor_2d.csv')).train(settings, listen(), running);
    const [head, ...lines] = naiveRows(readFileSync(path.join(samplesFolder, 'xor_2d.csv'), 'utf8'), ',');
    const byLine = new Map(lines.map(({ line, cells }) => [line, cells]));
    assert.ok(run.neurons.length > 0);
    let seen = 0;
    run.rows.line.forEach((line, row) => {
      const cell = (column: string): string => byLine.get(line)![head.cells.indexOf(column)];
      const found = contributionsOf(run, row, cell);
      assert.ok(found !== null);
      const sum = [...found.adds.values()].reduce((total, { value }) => total + value, found.base);
      assert.ok(Math.abs(sum - run.rows.prediction[row]) <= 1e-8 * (1 + Math.abs(sum)));
      for (const [id, { value, share }] of found.adds) {
        const neuron = run.neurons.find((item) => item.id === id)!;
        assert.equal(decodeOn(neuron, run.rows.line.length)[row], 1);
        if (value !== 0) assert.equal(Math.sign(value), neuron.sign);
        seen += share;
      }
      assert.equal(
        contributionsOf(run, row, (column) => String(3 * Number(cell(column)) + 1)),
        null,
      );
    });
    // the shares of each row with a neuron that is on are 1 together
    assert.ok(Math.abs(seen - Math.round(seen)) < 1e-9 && seen > 10);
  });
});
