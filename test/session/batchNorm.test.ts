import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import Papa from 'papaparse';
import { inOriginalUnits } from '../../src/core/network/formats/originalUnits.ts';
import { denseMatrix } from '../../src/core/base/linalg/matrix.ts';
import { networkFit } from '../../src/core/network/evaluate.ts';
import { exportRun } from '../../src/session/exportRun.ts';
import { predictOn } from '../../src/session/predictOn.ts';
import { networkOfRun } from '../../src/session/runNetwork.ts';
import { batchNormWords, idleClassWords } from '../../src/shared/batchNorm.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { defaultSettings, type TrainSettings } from '../../src/shared/settings.ts';
import { describeVerdict } from '../../src/shared/verdict.ts';
import { memorySource } from '../support/memorySource.ts';
import { runOnnx } from '../support/onnxRuntime.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

/** Correlated inputs of different sizes, far from zero. */
const rows = Array.from({ length: 40 }, (_, i) => {
  const a = 100 + 20 * Math.sin(1 + 2.1 * i);
  const b = 0.02 * a + 0.3 * Math.cos(2 + 1.3 * i);
  const c = -5 + 0.01 * Math.sin(3.7 * i * i);
  return { a, b, c, y: 10 + Math.abs(a - 100) + 5 * b + 40 * c, label: 'uvw'[i % 3] };
});
const csvOf = (list: typeof rows): string =>
  `a,b,c,y,label\n${list.map(({ a, b, c, y, label }) => [a, b, c, y, label].join()).join('\n')}\n`;
const source = memorySource(csvOf(rows));
const settings: TrainSettings = {
  ...quickSettings,
  model: 'relu',
  arrangements: 'adaptive',
  target: 'y',
  features: ['a', 'b', 'c'],
  batchNorm: true,
  testFraction: 0.25,
  beta: { kind: 'relative', value: 0.05 },
};
const trained = (change: Partial<TrainSettings>, of = source): Promise<RunRecord> =>
  testSession(of).train({ ...settings, ...change }, listen(), running);
const close = (found: number, wanted: number, tolerance: number): void =>
  assert.ok(Math.abs(found - wanted) <= tolerance * Math.max(1, Math.abs(wanted)), `${found}, expected ${wanted}`);

describe('a run with batch normalisation', () => {
  let run: RunRecord;
  before(async () => {
    run = await trained({
      certifySeconds: 60,
      compare: { ...defaultSettings.compare, enabled: true, optimizers: ['adam'], seeds: 2, epochs: 300 },
    });
  });

  it('has the objective of its network run with batch statistics', () => {
    assert.ok(run.neurons.length >= 2);
    close(run.batchNorm!.objective, run.solution.objective, 1e-9);
    assert.match(batchNormWords(run)!, /beta\/2 · Σ \(scale² \+ shift² \+ outgoing weight²\);/);
  });

  it('is that of whitened inputs with a penalised bias at the same beta', async () => {
    const beta = { kind: 'absolute', value: run.resolved.beta } as const;
    const whitened = await trained({ batchNorm: false, whiten: true, bias: 'regularized', beta });
    close(whitened.solution.objective, run.solution.objective, 1e-7);
    assert.equal(whitened.batchNorm, undefined);
    assert.equal(batchNormWords(whitened), undefined);
  });

  it('is proven over all networks with batch normalisation', () => {
    const { strength, because } = describeVerdict(run);
    assert.equal(strength, 'proven');
    assert.match(because, /all two-layer ReLU networks with batch normalisation in the hidden layer, of any width/);
  });

  it('has gradient descent on the batch-normalised network above the proven bound', () => {
    const { compare } = run;
    assert.equal(compare?.runs.length, 2);
    for (const { objective, merged, final } of compare.runs) {
      for (const value of [...objective, merged]) assert.ok(value >= compare.lowerBound! * (1 - 1e-9));
      assert.ok(merged <= final * (1 + 1e-9));
    }
  });

  const raw = (): number[][] =>
    run.rows.line.map((line) => {
      const { a, b, c } = rows[line - 2];
      return [a, b, c];
    });
  const predicts = (found: ArrayLike<number>, tolerance = 1e-8): void =>
    run.rows.prediction.forEach((wanted, i) => close(found[i], wanted, tolerance));

  it('predicts the same from every file', async () => {
    const X = denseMatrix(40, 3, Float64Array.from(raw().flat()));
    predicts(networkFit(inOriginalUnits(networkOfRun(run), run.scaling), X).data);
    predicts((await runOnnx(exportRun(run, 'onnx') as Uint8Array, 40, X.data)).data);
    const json = JSON.parse(exportRun(run, 'json') as string) as { originalUnits: Record<'W1' | 'W2', number[][]> } & {
      originalUnits: Record<'b1' | 'b2', number[]>;
    };
    const { W1, b1, W2, b2 } = json.originalUnits;
    const dot = (u: readonly number[], x: readonly number[]): number => u.reduce((sum, w, k) => sum + w * x[k], 0);
    predicts(
      raw().map((x) => W1.reduce((sum, w, j) => sum + Math.max(0, dot(w, x) + b1[j]) * W2[j][0], b2[0])),
      1e-8,
    );
    const code = exportRun(run, 'pytorch') as string;
    assert.match(code, /Trained with batch normalisation/);
    const constant = (name: string): unknown =>
      JSON.parse(
        new RegExp(`^${name} = torch.tensor\\(([^)]*), dtype`, 'm').exec(code)![1].replaceAll(/,(\s*\])/g, '$1'),
      );
    const [mean, scale, inner, outer] = ['MEAN', 'SCALE', 'B1', 'B2'].map((name) => constant(name) as number[]);
    const [whiten, first, last] = ['WHITEN', 'W1', 'W2'].map((name) => constant(name) as number[][]);
    const [, offset, factor] = /return (\S+) \+ (\S+) \* \(hidden/.exec(code)!.map(Number);
    predicts(
      raw().map((x) => {
        const s = x.map((value, k) => (value - mean[k]) / scale[k]);
        const z = s.map((_, k) =>
          dot(
            whiten.map((row) => row[k]),
            s,
          ),
        );
        const hidden = first.map((w, j) => Math.max(0, dot(w, z) + inner[j]));
        return offset + factor * (dot(last[0], hidden) + outer[0]);
      }),
    );
  });

  it('predicts new rows one by one, with the statistics of training', async () => {
    const alone = (await predictOn(run, memorySource(csvOf([rows[7]])), running))!;
    const [row] = Papa.parse<Record<string, string>>(alone.csv, { header: true, skipEmptyLines: true }).data;
    close(Number(row['predicted y']), run.rows.prediction[run.rows.line.indexOf(9)], 1e-9);
  });
});

describe('batch normalisation', () => {
  it('does not depend on how the inputs are scaled or mixed', async () => {
    const { solution, resolved } = await trained({});
    const mixed = rows.map((row) => ({ ...row, a: row.a - 30 * row.b, b: 7 * row.b + 0.1 * row.a }));
    const beta = { kind: 'absolute', value: resolved.beta } as const;
    const other = await trained({ beta, standardize: true }, memorySource(csvOf(mixed)));
    close(other.solution.objective, solution.objective, 1e-6);
  });

  it('holds without a shift, with a free one, for several classes, and on numbers as they are', async () => {
    for (const change of [
      { bias: 'none' },
      { bias: 'free' },
      { target: 'label' },
      { target: 'label', loss: 'squared', outputPenalty: 'nuclear' },
      { standardize: false, maxRows: 20 },
      { features: ['a'] },
    ] satisfies Partial<TrainSettings>[]) {
      const run = await trained(change);
      assert.ok(run.neurons.length > 0, JSON.stringify(change));
      close(run.batchNorm!.objective, run.solution.objective, 1e-8);
    }
  });

  it('has the two-neuron formula when the rows are as many as the inputs and one', async () => {
    const few = rows.slice(0, 4);
    const run = await trained({ testFraction: 0 }, memorySource(csvOf(few)));
    const form = run.structure?.forms.find(({ id }) => id === 'whitened');
    assert.equal(form?.applies, true, form?.reason);
    close(form.objective!, run.solution.objective, 1e-7);
    close(form.betaMax!, run.resolved.betaMax, 1e-7);
    assert.ok(run.neurons.length <= 2);
    const more = await trained({ testFraction: 0 }, memorySource(csvOf(rows.slice(0, 5))));
    assert.equal(more.structure?.forms.find(({ id }) => id === 'whitened')?.applies, false);
  });

  it('gives the class-mean network of the theorem the beta that belongs to features of norm 1', async () => {
    const { structure, resolved } = await trained({ target: 'label', loss: 'squared' });
    const { batchNorm, forms } = structure!;
    close(batchNorm!.beta! * Math.sqrt(resolved.trainRows), resolved.beta, 1e-12);
    close(batchNorm!.formula, batchNorm!.objective, 1e-8);
    const { neurons } = batchNorm!;
    assert.equal(
      idleClassWords({ neurons }) === '',
      neurons.every(({ weight }) => weight > 0),
    );
    const gone = { ...neurons[0], weight: 0 };
    assert.match(idleClassWords({ neurons: [...neurons, gone] }), /^[1-9] of \d classes have no neuron/);
    assert.match(idleClassWords({ neurons: [gone] }), /^The zero network is optimal/);
    close(forms.find(({ id }) => id === 'batch-norm')!.objective!, batchNorm!.formula, 1e-12);
  });

  it('is refused for other models, with the reason', async () => {
    for (const model of ['gated-relu', 'three-layer', 'linear'] as const) {
      await assert.rejects(trained({ model }), /batch normalisation goes with the two-layer ReLU network/);
    }
  });
});
