import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRng } from '../../src/core/base/rng.ts';
import { networkObjective } from '../../src/core/network/evaluate.ts';
import { prepare } from '../../src/core/problem/prepare.ts';
import { predictOn } from '../../src/session/predictOn.ts';
import { exportRun } from '../../src/session/exportRun.ts';
import { networkOfRun } from '../../src/session/runNetwork.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { parseProblemFile } from '../../src/core/problem/problemFile.ts';
import { describeRun } from '../../src/cli/trainReport.ts';
import { trainCommandLine } from '../../src/shared/commandLine.ts';
import type { TrainSettings } from '../../src/shared/settings.ts';
import { memorySource } from '../support/memorySource.ts';
import { confusion } from '../../webview/app/views/overview/fitModel.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

/** 90 rows, one in six of the class "rare", which lies at one side with overlap. */
const rng = createRng(5);
const text = `a,b,kind\n${Array.from({ length: 90 }, (_, i) => {
  const rare = i % 6 === 0;
  return `${rng.normal() + (rare ? 1 : 0)},${rng.normal()},${rare ? 'rare' : 'usual'}`;
}).join('\n')}\n`;

const train = async (change: Partial<TrainSettings>, data = text): Promise<{ run: RunRecord; problem: string }> => {
  const session = testSession(memorySource(data, { name: 'kinds.csv' }));
  const run = await session.train({ ...quickSettings, ...change }, listen(), running);
  return { run, problem: await session.exportProblem() };
};

const test = (run: RunRecord, model: string, measure: string): number =>
  run.metrics.find((row) => row.model === model && row.measure === measure)!.train;

describe('class weights', () => {
  it('balanced: every class weighs alike, in the program as in everything that is said of it', async () => {
    const { run, problem } = await train({ classWeights: { by: 'balanced' }, model: 'relu' });
    const { run: plain } = await train({ model: 'relu' });
    const n = run.resolved.trainRows;
    const rare = run.rows.target.filter((label, row) => label === 0 && run.rows.split[row] === 0).length;
    assert.deepEqual(run.resolved.classWeights, [n / 2 / rare, n / 2 / (n - rare)]);
    const own = parseProblemFile(problem, 'p.json', () => '');
    const weights = run.rows.target
      .filter((_, row) => run.rows.split[row] === 0)
      .map((k) => run.resolved.classWeights![k]);
    assert.deepEqual([...own.weights!], weights);
    // by hand: weights times ln(1 + exp(-y f)), and beta times the norms
    const logits = run.rows.prediction.filter((_, row) => run.rows.split[row] === 0);
    const loss = logits.reduce((sum, f, i) => sum + weights[i] * Math.log1p(Math.exp(-own.y.data[i] * f)), 0);
    const norms = run.neurons.reduce((sum, { norm }) => sum + norm, 0);
    assert.ok(Math.abs(loss + run.resolved.beta * norms - run.solution.objective) < 1e-6 * run.solution.objective);
    const network = networkOfRun(run);
    const again = networkObjective(network, own.X, prepare(own).datafit, own.beta, own.outputPenalty, own.bias);
    assert.ok(Math.abs(again - run.solution.objective) < 1e-6 * again);
    for (const model of ['convex network', 'logistic regression'])
      assert.ok(test(run, model, 'balanced accuracy') > test(plain, model, 'balanced accuracy') + 0.1, model);
    assert.equal(run.evaluation?.classWeighted, true);
    assert.match(describeRun(run, false), /rows count \d.* times in class rare, .* times in class usual/);
    assert.match(exportRun(run, 'pytorch') as string, /The loss is weighted: rows count/);
    assert.deepEqual(
      (JSON.parse(exportRun(run, 'json') as string) as RunRecord['resolved']).classWeights,
      run.resolved.classWeights,
    );
    assert.match(trainCommandLine(run), /--class-weights=balanced/);
  });

  it('given by name, found in folds, and refused where there are no such classes', async () => {
    const given = { by: 'given', given: { rare: 4 } } as const;
    const path = { points: 4, smallest: 0.1 };
    const beta = { kind: 'auto', value: 0.1 } as const;
    const { run } = await train({ classWeights: given, beta, path, crossValidation: { folds: 2, rule: 'smallest' } });
    assert.deepEqual(run.resolved.classWeights, [4, 1]);
    assert.equal(run.crossValidation?.classWeighted, true);
    assert.match(trainCommandLine(run), /--class-weights=given.*--class-weight=rare=4/);
    await assert.rejects(
      train({ classWeights: { by: 'given', given: { often: 2 } } }),
      /no class "often" to weigh; it has "rare", "usual"/,
    );
    await assert.rejects(train({ classWeights: { by: 'balanced' }, target: 'a' }), /class weights need classes/);
    const equal = text.replace(/\n$/, '');
    assert.equal(
      (await train({ classWeights: { by: 'given', given: { rare: 1 } } }, equal)).run.resolved.classWeights,
      undefined,
    );
  });
});

describe('a threshold chosen on folds', () => {
  it('is the one that separate runs on the folds would choose, and everything that says a class uses it', async () => {
    const folds = { folds: 3, rule: 'smallest' } as const;
    const { run } = await train({ threshold: 'balanced-accuracy', crossValidation: folds });
    const { run: plain } = await train({});
    const { at, score, usual } = run.resolved.threshold!;
    assert.ok(score > usual + 0.05, `${score} ${usual}`);
    assert.deepEqual(run.rows.prediction, plain.rows.prediction);
    const classOf = (row: number): number => (run.rows.prediction[row] > at ? 1 : 0);
    const held = run.rows.line.map((_, row) => row).filter((row) => run.rows.split[row] === 1);
    const right = held.filter((row) => classOf(row) === run.rows.target[row]).length;
    assert.equal(run.metrics.find(({ measure }) => measure === 'accuracy')!.test, right / held.length);
    assert.ok(held.some((row) => classOf(row) !== (run.rows.prediction[row] > 0 ? 1 : 0)));
    assert.equal(confusion(run, 1).correct, right);
    const written = (exportRun(run, 'predictions') as string).trimEnd().split('\n').slice(1);
    written.forEach((line, row) => assert.equal(line.split(',')[3], run.resolved.classes[classOf(row)]));
    assert.match(
      exportRun(run, 'python') as string,
      new RegExp(`THRESHOLD = ${String(at).slice(0, 6).replace('.', '\\.')}`),
    );
    assert.match(describeRun(run, false), /usual from a probability above .* on the rows that 3 folds held out/);
    const predicted = (await predictOn(run, memorySource(text, { name: 'kinds.csv' }), running))!;
    const again = predicted.csv.trimEnd().split('\n').slice(1);
    run.rows.line.forEach((line, row) =>
      assert.equal(again[line - 2].split(',')[2], run.resolved.classes[classOf(row)]),
    );
    const shape = run.shape?.kind === 'surface' ? run.shape : undefined;
    shape!.value.forEach((value, cell) => assert.equal(value, shape!.logits![cell] > at ? 1 : 0));
  });

  it('is said not to be there for softmax and for numbers', async () => {
    const softmax = await train({ threshold: 'f1', loss: 'softmax' });
    assert.match(softmax.run.notes.join(), /No threshold was chosen: the softmax loss has an output for each class/);
    assert.match((await train({ threshold: 'f1', target: 'a' })).run.notes.join(), /there are not two classes/);
  });
});
