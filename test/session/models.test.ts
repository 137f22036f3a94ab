import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  bestModel,
  type ComparedModel,
  levelModels,
  modelComparisonSentence,
} from '../../src/shared/modelComparison.ts';
import { runFault } from '../../src/shared/runSchema.ts';
import type { TrainSettings } from '../../src/shared/settings.ts';
import { memorySource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

const settings: TrainSettings = {
  ...quickSettings,
  model: 'relu',
  gates: 8,
  target: 'y',
  beta: { kind: 'auto', value: 0.1 },
  path: { points: 3, smallest: 0.1 },
  crossValidation: { folds: 2, rule: 'smallest' },
  timeLimitSeconds: 600,
};

/** A kink, which no linear map has, and some noise. */
const text = ['a,b,y'];
for (let i = 0; i < 36; i++) {
  const [a, b] = [Math.sin(7 * i), Math.cos(5 * i * i)];
  text.push(`${a},${b},${Math.max(0, a + 0.5 * b) + 0.05 * Math.sin(31 * i)}`);
}
const source = () => memorySource(text.join('\n'), { name: 'kink.csv' });

describe('models that are level', () => {
  const model = (...folds: number[]): ComparedModel => ({
    network: 'relu',
    point: { beta: 1, mean: folds.reduce((a, b) => a + b) / folds.length, standardError: 1, folds, active: 1 },
  });
  it('differ fold by fold by no more than chance: folds that are hard for all say nothing', () => {
    const [best, worse, level] = [model(1, 5, 9), model(1.5, 5.6, 9.4), model(2, 4.5, 9.1)];
    assert.deepEqual(levelModels({ models: [worse, best, level] }), [2]);
    assert.deepEqual(levelModels({ models: [best, model(2, 4)] }), [], 'other folds');
  });
});

describe('models compared', () => {
  it('judges every model by the cross-validation that training with it would choose beta by', async () => {
    const run = await testSession(source()).train({ ...settings, compareModels: true }, listen(), running);
    const { models: record } = run;
    assert.equal(runFault(run), undefined);
    assert.deepEqual(
      record!.models.map(({ network }) => network),
      ['relu', 'gated-relu', 'relu-batch-norm', 'linear'],
    );
    assert.ok(record!.complete);
    const [relu, gated, , linear] = record!.models;
    const { crossValidation, resolved, neurons } = run;
    assert.deepEqual(relu.point, crossValidation!.points[crossValidation!.best]);
    assert.equal(relu.point.beta, resolved.beta);
    assert.equal(relu.trained!.active, neurons.length);
    assert.ok(relu.point.mean < linear.point!.mean, 'a kink is no line');
    assert.ok(bestModel(record!) !== 3 && !levelModels(record!).includes(bestModel(record!)));
    assert.match(modelComparisonSentence(record!)!, /^Smallest mean squared error of 2-fold cross-validation: /);

    // the linear problem is solved as a whole; a gated one on its gates
    assert.equal(linear.trained!.over, 'family');
    assert.ok(linear.trained!.gap! <= settings.tolerance);
    assert.equal(gated.trained!.over, 'gates');

    for (const [k, model] of [
      [1, 'gated-relu'],
      [3, 'linear'],
    ] as const) {
      const alone = await testSession(source()).train({ ...settings, model }, listen(), running);
      const curve = alone.crossValidation!;
      assert.deepEqual(record!.models[k].point, curve.points[curve.best], model);
      assert.equal(record!.models[k].betaMax, alone.resolved.betaMax);
    }
  });

  it('is done for a run that is there, and kept when beta is changed', async () => {
    const run = await testSession(source()).train(settings, listen(), running);
    assert.equal(run.models, undefined);
    const session = testSession(source());
    const heard = listen();
    const compared = await session.compareModels(run, heard, running);
    assert.equal(compared.id, run.id);
    assert.deepEqual(compared.solution, run.solution);
    assert.ok(compared.models!.complete && compared.models!.models.length === 4);
    assert.deepEqual(
      heard.records.map(({ models }) => models!.models.length),
      [1, 2, 3],
    );
    assert.ok(compared.revision! > run.revision! && heard.stages.includes('models'));
    const again = await session.resolve(2 * run.resolved.beta, { final: true, from: compared }, listen(), running);
    assert.deepEqual(again.models, compared.models);
  });

  it('keeps what there is on Stop, and says so', async () => {
    const run = await testSession(source()).train(settings, listen(), running);
    let stop = false;
    const heard = listen();
    heard.record = (record) => {
      heard.records.push(record);
      stop = record.models!.models.length === 2;
    };
    const compared = await testSession(source()).compareModels(run, heard, { ...running, shouldStop: () => stop });
    assert.equal(compared.models!.complete, false);
    assert.equal(compared.models!.models.length, 2);
    assert.ok(
      compared.notes.some((note) => note.includes('comparison of models was cut short by Stop: 2 of 4 models')),
    );
  });

  it('says why a model is refused, and keeps the others', async () => {
    const weighted = text.map((line, i) => (i === 0 ? line : line.replace(/[^,]*$/, i % 3 === 0 ? 'no' : 'yes')));
    const run = await testSession(memorySource(weighted.join('\n'), { name: 'k.csv' })).train(
      { ...settings, model: 'gated-relu', loss: 'hinge', compareModels: true },
      listen(),
      running,
    );
    const [own, ...others] = run.models!.models;
    assert.ok(own.point !== undefined && own.refused === undefined);
    assert.ok(others.every(({ refused, point }) => refused !== undefined && point === undefined));
    assert.equal(run.models!.measure, 'misclassification');
  });
});
