import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { prepareData, type PreparedData, type PrepareOptions } from '../../../src/core/data/prepareData.ts';
import { readTable } from '../../../src/core/data/reader.ts';
import { encodedName, scalingWords } from '../../../src/core/data/scaling.ts';
import { inOriginalUnits } from '../../../src/core/network/formats/originalUnits.ts';
import { denseMatrix, dot, rowOf } from '../../../src/core/base/linalg/matrix.ts';
import { networkFit } from '../../../src/core/network/evaluate.ts';
import { createRng } from '../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../src/core/base/control.ts';
import { networkOfRun } from '../../../src/session/runNetwork.ts';
import { memorySource } from '../../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../../support/sessionHarness.ts';

const rng = createRng(8);
/** A table of correlated columns x0.. with different scales and means, and a target y. */
function table(rows: number, columns: number): { readonly csv: string; readonly inputs: number[][] } {
  const inputs = Array.from({ length: rows }, () => {
    const common = rng.normal();
    return Array.from({ length: columns }, (_, k) => Number(((k + 1) * (common + rng.normal()) + 3 * k).toFixed(6)));
  });
  const header = [...Array.from({ length: columns }, (_, k) => `x${k}`), 'y'].join(',');
  return {
    inputs,
    csv: `${header}\n${inputs.map((row, i) => [...row, (Math.sin(3 * i) + row[0]).toFixed(6)].join(',')).join('\n')}\n`,
  };
}

const defaults: PrepareOptions = {
  target: 'y',
  task: 'auto',
  features: [],
  missing: 'drop',
  standardize: true,
  whiten: true,
  testFraction: 0,
  seed: 1,
};
async function prepare(csv: string, options: Partial<PrepareOptions> = {}): Promise<PreparedData> {
  return prepareData(await readTable(memorySource(csv), {}, uncontrolled), { ...defaults, ...options });
}
const close = (found: number, wanted: number, tolerance: number): void =>
  assert.ok(Math.abs(found - wanted) <= tolerance * Math.max(1, Math.abs(wanted)), `${found}, expected ${wanted}`);

describe('whitened data', () => {
  it('makes the inputs uncorrelated with deviation 1 on the training rows', async () => {
    const { csv } = table(40, 4);
    const { X, trainRows, scaling } = await prepare(csv, { testFraction: 0.25 });
    for (let a = 0; a < 4; a++) {
      let mean = 0;
      for (const i of trainRows) mean += X.data[i * 4 + a] / trainRows.length;
      close(mean, 0, 1e-10);
      for (let b = 0; b < 4; b++) {
        let sum = 0;
        for (const i of trainRows) sum += X.data[i * 4 + a] * X.data[i * 4 + b];
        close(sum / trainRows.length, a === b ? 1 : 0, 1e-10);
      }
    }
    assert.equal(scaling.whitening?.rowsOrthogonal, false);
    assert.match(scalingWords(scaling), /whitened/);
    assert.equal(encodedName(scaling, 2), 'x2, whitened');
    assert.equal(encodedName(scaling, 4), 'bias');
  });

  it('makes few rows orthogonal and of equal length, without taking a mean off', async () => {
    const { csv } = table(5, 8);
    for (const standardize of [true, false]) {
      const { X, scaling } = await prepare(csv, { standardize });
      for (let i = 0; i < 5; i++) {
        for (let j = 0; j <= i; j++) close(dot(rowOf(X, i), rowOf(X, j)), i === j ? 5 : 0, 1e-9);
      }
      assert.equal(scaling.whitening?.rowsOrthogonal, true);
      for (const { mean } of scaling.inputs) assert.equal(mean, 0);
    }
  });

  it('says when the rows or inputs are dependent', async () => {
    const { inputs } = table(12, 2);
    const csv = `a,b,c,y\n${inputs.map(([a, b], i) => `${a},${b},${(a + b).toFixed(6)},${i % 4}`).join('\n')}\n`;
    const { warnings } = await prepare(csv, { task: 'regression' });
    assert.ok(warnings.some((text) => text.includes('the 3 inputs span 2 dimensions')));
    const twice = 'a,b,c,y\n1,2,3,1\n2,4,6,2\n0,1,1,5\n';
    const few = await prepare(twice, { standardize: false, task: 'regression' });
    assert.ok(
      few.warnings.some((text) => text.includes('span 2 dimensions only, so they cannot all be made orthogonal')),
    );
  });

  it('is a scale for one input', async () => {
    const { X, scaling } = await prepare('x,y\n1,0\n2,1\n4,0\n7,2\n', { standardize: false });
    assert.equal(scaling.whitening, undefined);
    assert.equal(scaling.inputs[0].mean, 0);
    close(dot(X.data, X.data), 4, 1e-12);
    close(X.data[3] * scaling.inputs[0].scale, 7, 1e-12);
  });

  it('is refused for more inputs than a record can hold', async () => {
    const d = 401;
    const csv = `${Array.from({ length: d }, (_, k) => `x${k}`).join(',')},y\n${[0, 1, 2]
      .map((i) => [...Array.from({ length: d }, (_, k) => Math.sin(i * d + k).toFixed(4)), i].join(','))
      .join('\n')}\n`;
    await assert.rejects(prepare(csv, { task: 'regression' }), /3 training rows by 401 inputs are too many to whiten/);
  });
});

describe('a run on whitened data', () => {
  it('gives the same predictions from the weights in original units', async () => {
    const { csv, inputs } = table(30, 3);
    const run = await testSession(memorySource(csv)).train(
      { ...quickSettings, target: 'y', whiten: true, beta: { kind: 'relative', value: 0.05 } },
      listen(),
      running,
    );
    const network = inOriginalUnits(networkOfRun(run), run.scaling);
    const fit = networkFit(network, denseMatrix(30, 3, Float64Array.from(inputs.flat())));
    run.rows.prediction.forEach((value, i) => close(fit.data[i], value, 1e-8));
    assert.ok(run.neurons.length > 0);
  });

  it('finds the closed form of whitened rows and agrees with the solver', async () => {
    const { csv } = table(8, 12);
    const run = await testSession(memorySource(csv)).train(
      {
        ...quickSettings,
        target: 'y',
        whiten: true,
        bias: 'none',
        testFraction: 0,
        model: 'relu',
        arrangements: 'adaptive',
      },
      listen(),
      running,
    );
    const form = run.structure?.forms.find(({ id }) => id === 'whitened');
    assert.equal(form?.applies, true, form?.reason);
    close(form.objective!, run.solution.objective, 1e-6);
    assert.ok(form?.difference !== undefined && form.difference < 1e-6);
  });
});
