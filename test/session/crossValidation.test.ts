import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { MessageChannel } from 'node:worker_threads';
import nodeEndpoint from 'comlink/dist/umd/node-adapter.js';
import { createKernels } from '../../src/core/base/kernels/createKernels.ts';
import { type FoldThreads, serveFolds } from '../../src/session/foldThreads.ts';
import { sharedControl, type SharedMark, SharedStops } from '../../src/shared/stopFlag.ts';
import { remarksOf } from '../../src/shared/remarks.ts';
import { scoreHeadline, standingOf } from '../../src/shared/usefulness.ts';
import type { TrainSettings } from '../../src/shared/settings.ts';
import { memorySource, sampleSource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

/** Threads that are none, but what goes to them and back is cloned as between threads. */
function channelThreads(count: number): FoldThreads {
  return {
    count,
    createStops: () => new SharedStops(),
    start: () => {
      const { port1, port2 } = new MessageChannel();
      serveFolds(nodeEndpoint(port2), (mark) => sharedControl(mark as SharedMark));
      const terminate = (): void => port1.close();
      return { endpoint: nodeEndpoint(port1), onEnd: () => undefined, terminate };
    },
  };
}

const settings: TrainSettings = {
  ...quickSettings,
  beta: { kind: 'auto', value: 0.1 },
  path: { points: 8, smallest: 0.02 },
  crossValidation: { folds: 3, rule: 'smallest' },
  timeLimitSeconds: 600,
  maxRows: 150,
};

describe('beta by cross-validation', () => {
  it('does not let the first network wait for the simple models, which all later records are compared with', async () => {
    const heard = listen();
    await testSession(sampleSource('diabetes.csv')).train({ ...settings, target: 'target' }, heard, running);
    const [first, ...later] = heard.records;
    const modelsOf = (record: (typeof later)[number]): string[] => [
      ...new Set(record.metrics.map(({ model }) => model)),
    ];
    assert.deepEqual(modelsOf(first), ['convex network']);
    assert.equal(first.evaluation, undefined);
    assert.ok(later.length > 3);
    for (const record of later) {
      assert.deepEqual(modelsOf(record), ['convex network', 'ridge regression', 'mean']);
      assert.equal(record.evaluation?.baselineModel, 'ridge regression');
    }
  });

  it('shows a network first, then the curve as it grows, and ends at the beta of the smallest error', async () => {
    const heard = listen();
    const run = await testSession(sampleSource('diabetes.csv')).train(
      { ...settings, target: 'target' },
      heard,
      running,
    );
    const curve = run.crossValidation!;
    assert.ok(curve.points.length >= 4);
    assert.equal(run.resolved.beta, curve.points[curve.best].beta);
    assert.equal(Math.min(...curve.points.map(({ mean }) => mean)), curve.points[curve.best].mean);
    const lengths = heard.records.map((record) => record.crossValidation?.points.length ?? 0);
    assert.equal(lengths[0], 0);
    assert.ok(lengths.includes(2) && lengths.includes(curve.points.length));
    assert.ok(heard.records[0].missing?.includes('cross-validation'));
    assert.equal(run.missing, undefined);
    assert.ok(heard.stages.includes('cross-validation'));
    assert.ok(Math.abs(heard.records[0].resolved.beta - 0.1 * run.resolved.betaMax) < 1e-9 * run.resolved.betaMax);

    // the network that was shown before it was solved to tolerance counts: the solve goes on from it
    const rough = heard.records.find((record) => record.resolved.beta === run.resolved.beta)!;
    const { times, seconds } = run.solution;
    assert.ok(rough.missing?.includes('solve') && rough.solution.seconds > 0);
    assert.ok(times!.final >= rough.solution.seconds && seconds >= times!.final && times!.found <= times!.final);
    assert.ok(run.trace.length > rough.trace.length);
    run.trace.slice(1).forEach((point, k) => assert.ok(point.seconds >= run.trace[k].seconds));
  });

  it('follows the one-standard-error rule where that is asked for, with fewer or as many neurons', async () => {
    const train = async (rule: 'smallest' | 'one-standard-error') =>
      await testSession(sampleSource('diabetes.csv')).train(
        { ...settings, target: 'target', crossValidation: { folds: 3, rule } },
        listen(),
        running,
      );
    const [smallest, sparse] = [await train('smallest'), await train('one-standard-error')];
    assert.equal(sparse.resolved.beta, sparse.crossValidation!.points[sparse.crossValidation!.oneStandardError].beta);
    assert.ok(sparse.resolved.beta >= smallest.resolved.beta);
  });

  it('never looks at the test rows', async () => {
    const text = ['a,b,y'];
    for (let i = 0; i < 60; i++) text.push(`${(i * 7) % 11},${(i * 5) % 13},${((i * 7) % 11) - 0.3 * ((i * 5) % 13)}`);
    const train = async (lines: readonly string[]) =>
      await testSession(memorySource(lines.join('\n'), { name: 't.csv' })).train(
        { ...settings, target: 'y' },
        listen(),
        running,
      );
    const first = await train(text);
    const test = new Set(first.rows.line.filter((_, row) => first.rows.split[row] === 1));
    const other = await train(text.map((line, k) => (test.has(k + 1) ? line.replace(/[^,]*$/, '999') : line)));
    assert.deepEqual(other.crossValidation!.points, first.crossValidation!.points);
  });

  it('has the same curve where folds are solved on threads, and says which is solved in order', async () => {
    const kernels = createKernels();
    const quick: TrainSettings = { ...settings, target: 'target', crossValidation: { folds: 3, rule: 'smallest' } };
    const train = async (folds?: FoldThreads) => {
      const messages: string[] = [];
      const heard = listen(({ stage, message }) => {
        if (stage === 'cross-validation' && message.includes(' at ')) messages.push(message);
      });
      const run = await testSession(sampleSource('diabetes.csv'), { kernels, folds }).train(quick, heard, running);
      return { points: run.crossValidation!.points, messages };
    };
    const [alone, onThreads] = [await train(), await train(channelThreads(2))];
    assert.deepEqual(onThreads, alone);
    assert.equal(alone.messages.length, 3 * alone.points.length);
    alone.messages.forEach((message, k) =>
      assert.match(message, new RegExp(`^Cross-validation: fold ${(k % 3) + 1} of 3`)),
    );
  });

  it('keeps the curve when beta is changed by hand', async () => {
    const session = testSession(sampleSource('diabetes.csv'));
    const run = await session.train({ ...settings, target: 'target' }, listen(), running);
    const again = await session.resolve(run.resolved.beta * 2, { final: true }, listen(), running);
    assert.deepEqual(again.crossValidation, run.crossValidation);
    assert.equal(again.resolved.beta, run.resolved.beta * 2);
  });

  it('is stopped with what there is', async () => {
    const heard = listen();
    let stop = false;
    const control = { ...running, shouldStop: () => stop };
    heard.record = (record) => {
      heard.records.push(record);
      if ((record.crossValidation?.points.length ?? 0) === 2) stop = true;
    };
    const run = await testSession(sampleSource('diabetes.csv')).train(
      { ...settings, target: 'target' },
      heard,
      control,
    );
    assert.equal(run.crossValidation!.end, 'cut short');
    assert.ok(run.notes.some((note) => note.includes('Cross-validation was cut short by Stop')));
  });
});

describe('what a run is worth', () => {
  it('says the score and the simple model beside it', async () => {
    const run = await testSession(sampleSource('diabetes.csv')).train(
      { ...quickSettings, target: 'target', beta: { kind: 'relative', value: 0.05 } },
      listen(),
      running,
    );
    assert.match(
      scoreHeadline(run)!,
      /^Explains \d.* % of the variance on 88 held-out rows; ridge regression: \d.* %\.$/,
    );
    const { evaluation, metrics } = run;
    const rmse = metrics.find(({ model, measure }) => model === 'convex network' && measure === 'RMSE')!;
    assert.ok(Math.abs(Math.sqrt(evaluation!.network) - rmse.test!) < 1e-9 * rmse.test!);
    assert.ok(Math.abs(evaluation!.network - evaluation!.baseline - evaluation!.difference) < 1e-6);
  });

  it('warns of a network that says the same for every row, and of a better simple model', async () => {
    const run = await testSession(sampleSource('breast_cancer.csv')).train(
      { ...quickSettings, beta: { kind: 'relative', value: 0.9 } },
      listen(),
      running,
    );
    assert.equal(standingOf(run.evaluation), 'worse');
    assert.ok(remarksOf(run).some(({ code, remedy }) => code === 'baseline-better' && remedy === 'choose-beta'));
    const zero = await testSession(sampleSource('breast_cancer.csv')).train(
      { ...quickSettings, beta: { kind: 'relative', value: 1.2 } },
      listen(),
      running,
    );
    assert.equal(remarksOf(zero)[0].code, 'zero-network');
  });
});
