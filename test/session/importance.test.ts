import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRng } from '../../src/core/base/rng.ts';
import { predictAllRows } from '../../src/session/predictAll.ts';
import { explainOn } from '../../src/session/explainOn.ts';
import { runFault } from '../../src/shared/runSchema.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { memorySource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

const rng = createRng(8);
/** y falls with a, jumps with the category, and has nothing to do with b. */
const rows = Array.from({ length: 80 }, (_, i) => {
  const [a, b] = [10 * rng.normal(), rng.normal()];
  const kind = ['x', 'y', 'z'][i % 3];
  return { a, b, kind, y: -2 * a + (kind === 'z' ? 30 : 0) };
});
const text = `a,b,kind,y\n${rows.map(({ a, b, kind, y }) => `${a},${b},${kind},${y}`).join('\n')}\n`;
const source = memorySource(text, { name: 'columns.csv' });

const train = (change: object): Promise<RunRecord> =>
  testSession(source).train(
    { ...quickSettings, target: 'y', beta: { kind: 'relative', value: 0.02 }, ...change },
    listen(),
    running,
  );

describe('importance of columns', () => {
  it('ranks them by what they do to the error on held-out rows, with partial dependence in their own units', async () => {
    for (const model of ['relu', 'gated-relu', 'linear'] as const) {
      const run = await train({ model });
      const { features, rows: judged, split, complete } = run.importance!;
      assert.deepEqual([split, judged, complete], [1, run.resolved.testRows, true]);
      assert.deepEqual(
        features.slice(0, 2).map(({ column }) => column),
        ['a', 'kind'],
        model,
      );
      const [a, kind, b] = features;
      assert.ok(b.mean < 0.02 * kind.mean, `${model}: b ${b.mean}, kind ${kind.mean}`);
      const { at, value } = a.effect!;
      const slope = (value.at(-1)![0] - value[0][0]) / ((at.at(-1) as number) - (at[0] as number));
      assert.ok(Math.abs(slope + 2) < 0.5, `${model}: slope ${slope}`);
      assert.deepEqual(kind.effect!.at, ['x', 'y', 'z']);
      assert.ok(kind.effect!.value[2][0] - kind.effect!.value[0][0] > 20);
      assert.equal(runFault(run), undefined);
    }
  });

  it('is exactly 0 for a column that the network does not look at, and seeded', async () => {
    const run = await train({ model: 'relu' });
    const inputs = run.scaling.inputs.map(({ column }) => column);
    const without = {
      ...run,
      neurons: run.neurons.map((neuron) => ({
        ...neuron,
        weights: neuron.weights.map((w, k) => (inputs[k] === 'b' ? 0 : w)),
      })),
    };
    const explained = (await explainOn(without, source, [], running))!;
    const b = explained.importance!.features.find(({ column }) => column === 'b')!;
    assert.deepEqual([b.mean, b.deviation, b.effect], [0, 0, undefined]);
    assert.deepEqual(await explainOn(without, source, [], running), explained);
  });

  it('parts of a row sum to its prediction', async () => {
    for (const change of [{ model: 'relu' }, { model: 'gated-relu', bias: 'none' }, { model: 'relu', whiten: true }]) {
      const run = await train(change);
      const lines = run.rows.line.slice(0, 4);
      const { rows: found } = (await explainOn(run, source, lines, running))!;
      found.forEach(({ line, outputs, base, neurons }, k) => {
        assert.equal(line, lines[k]);
        const sum = neurons.reduce((total, { adds }) => total + adds[0], base[0]);
        assert.ok(Math.abs(sum - outputs[0]) < 1e-9 * (1 + Math.abs(sum)));
        assert.ok(
          Math.abs(sum - run.rows.prediction[k]) < 1e-6 * (1 + Math.abs(sum)),
          `${JSON.stringify(change)}: ${sum} ${run.rows.prediction[k]}`,
        );
      });
    }
    await assert.rejects(explainOn(await train({ model: 'linear' }), source, [2], running), /two-layer/);
    await assert.rejects(explainOn(await train({}), source, [500], running), /no row begins here/);
  });
});

describe('predictions of all rows of a file', () => {
  it('have a line for every row in its order: part, target, prediction, or why there is none', async () => {
    const body = rows.map(({ a, b, kind, y }, i) => {
      if (i === 3) return `,${b},${kind},${y}`;
      if (i === 5) return `${a},${b},${kind},`;
      if (i === 7) return `${a},${b},${kind}`;
      return `${a},${b},${kind},${y}`;
    });
    // one row in a hundred may have a wrong number of cells
    const more = Array.from({ length: 60 }, (_, i) => `${i},${-i},x,${i}`);
    const own = memorySource(`a,b,kind,y\n${[...body, ...more].join('\n')}\n`, { name: 'gaps.csv' });
    const settings = { ...quickSettings, target: 'y', missing: 'drop', maxRows: 100 } as const;
    const run = await testSession(own).train(settings, listen(), running);
    const { csv } = (await predictAllRows(run, own, 'neutralize', running))!;
    const [header, ...lines] = csv.trimEnd().split(/\r?\n/);
    assert.equal(header, 'line,split,y,predicted y,no prediction because');
    const cells = lines.map((line) => line.split(','));
    assert.deepEqual(
      cells.map(([line]) => Number(line)),
      Array.from({ length: 140 }, (_, i) => i + 2),
    );
    for (const [line, split, target, predicted, why] of cells) {
      const used = run.rows.line.indexOf(Number(line));
      if (used >= 0) {
        assert.equal(split, run.rows.split[used] === 0 ? 'train' : 'test');
        assert.deepEqual([Number(target), Number(predicted)], [run.rows.target[used], run.rows.prediction[used]]);
      } else assert.equal(split, 'unused');
      const index = Number(line) - 2;
      if (index === 3) assert.deepEqual([predicted, why], ['', '"""a"" is missing"']);
      else if (index === 7) assert.deepEqual([predicted, why], ['', 'wrong number of cells']);
      else assert.ok(predicted !== '' && Number.isFinite(Number(predicted)), line);
      if (index === 5) assert.equal(target, '');
    }
    assert.ok(cells.filter(([, split]) => split === 'unused').length >= 40);
  });
});
