import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { linearResiduals } from '../../src/core/certify/networkResiduals.ts';
import { denseMatrix, fromRows } from '../../src/core/base/linalg/matrix.ts';
import { createDatafit } from '../../src/core/problem/datafits/losses.ts';
import type { ModelName } from '../../src/core/problem/problem.ts';
import { familyOf } from '../../src/session/family/registry.ts';
import type { TrainSettings } from '../../src/shared/settings.ts';
import { memorySource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

/** Two features, three classes or a number. */
const rows = Array.from({ length: 24 }, (_, i) => {
  const [a, b] = [Math.sin(1 + 2.1 * i), Math.cos(2 + 1.3 * i)];
  return { a, b, y: Math.abs(a) - Math.max(0, a + b), label: 'pqr'[Math.floor((i * 7) / 5) % 3] };
});
const csvOf = (target: 'y' | 'label'): string =>
  ['a,b,target', ...rows.map((row) => `${row.a},${row.b},${row[target]}`)].join('\n');
const train = (target: 'y' | 'label', change: Partial<TrainSettings>) =>
  testSession(memorySource(csvOf(target))).train(
    { ...quickSettings, target: 'target', testFraction: 0, beta: { kind: 'relative', value: 0.2 }, ...change },
    listen(),
    running,
  );

describe('families', () => {
  it('are chosen by name in one place, which throws on a name that no family has', () => {
    assert.throws(
      () => familyOf('cubic-relu' as ModelName),
      /no model "cubic-relu".*gated-relu, relu, three-layer, linear/,
    );
    assert.throws(() => familyOf('toString' as ModelName), /no model/);
  });

  it('have the residuals that somebody computed, and no others', async () => {
    const has = async (target: 'y' | 'label', change: Partial<TrainSettings>): Promise<string[]> => {
      const { kkt } = (await train(target, change)).solution;
      for (const value of Object.values(kkt)) assert.ok(value >= 0 && value < 1e-4, JSON.stringify(kkt));
      return Object.keys(kkt);
    };
    assert.deepEqual(await has('y', { model: 'gated-relu' }), ['stationarity', 'complementarity']);
    assert.deepEqual(await has('y', { model: 'relu' }), ['stationarity', 'cone', 'complementarity']);
    assert.deepEqual(await has('y', { model: 'three-layer' }), ['complementarity']);
    assert.deepEqual(await has('y', { model: 'linear', depth: 2 }), ['stationarity', 'complementarity']);
    assert.deepEqual(await has('label', { model: 'linear', depth: 2 }), ['stationarity', 'complementarity']);
    assert.deepEqual(await has('y', { model: 'linear', depth: 3 }), ['stationarity']);
    assert.deepEqual(
      Object.keys((await train('y', { model: 'linear', depth: 3, beta: { kind: 'relative', value: 2 } })).solution.kkt),
      [],
    );
  });
});

describe('residuals of linear networks', () => {
  // x = (1, 0), y = (2, 1), beta = 1/2: w = (2 - 1/2) on the one row that has an input, layers sqrt(3/2)
  const X = fromRows([[1], [0]]);
  const datafit = createDatafit('squared', fromRows([[2], [1]]), 1);
  const chain = (w1: number, w2: number) => [{ layers: [fromRows([[w1]]), fromRows([[w2]])], output: -1 }];
  it('are zero at the optimum, by hand', () => {
    const root = Math.sqrt(1.5);
    const { stationarity, complementarity } = linearResiduals(X, chain(root, root), 2, datafit, 0.5);
    assert.ok(stationarity! < 1e-14 && complementarity! < 1e-14);
  });
  it('see weights of another size, unbalanced layers and a wrong zero', () => {
    // w = 1: v = 1, layers of 1 want 1/2, relative 1; pairing 1 against beta |w| = 1/2, objective 1/2 + 1/2 + 1/2
    const small = linearResiduals(X, chain(1, 1), 2, datafit, 0.5);
    assert.ok(Math.abs(small.stationarity! - 1) < 1e-14 && Math.abs(small.complementarity! - 1 / 3) < 1e-14);
    // the same map as the optimum from layers 3 and 1/2
    assert.ok(linearResiduals(X, chain(3, 0.5), 2, datafit, 0.5).stationarity! > 0.5);
    // zero: |X'v| = 2 is four times beta
    assert.equal(linearResiduals(X, [], 2, datafit, 0.5).stationarity, 3);
    assert.deepEqual(linearResiduals(X, [], 3, datafit, 0.5), {});
  });
  it('use the spectral norm where one network has several outputs', () => {
    const two = createDatafit(
      'squared',
      fromRows([
        [3, 0],
        [0, 4],
      ]),
      2,
    );
    const I = denseMatrix(2, 2, Float64Array.of(1, 0, 0, 1));
    const { stationarity } = linearResiduals(I, [], 2, two, 2);
    assert.ok(Math.abs(stationarity! - 1) < 1e-12);
  });
});
