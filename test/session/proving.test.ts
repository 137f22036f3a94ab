import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defaultSettings } from '../../src/shared/settings.ts';
import { betaMaxIsProven, describeVerdict } from '../../src/shared/verdict.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';
import { sampleSource } from '../support/memorySource.ts';

const relu = { ...quickSettings, model: 'relu', arrangements: 'adaptive', target: 'target' } as const;

describe('a ReLU run with a proof', () => {
  it('is shown before its proof, marked as searched only, and again with the proof under the same id', async () => {
    const heard = listen();
    const run = await testSession(sampleSource('xor_2d.csv')).train({ ...relu, certifySeconds: 60 }, heard, running);
    const [early, proven] = heard.records;
    assert.equal(early.solution.proving, true);
    assert.equal(early.solution.global, undefined);
    assert.equal(describeVerdict(early).strength, 'searched');
    assert.equal(early.id, run.id);
    assert.ok(early.neurons.length > 0 && early.metrics.length > 0 && early.rows.prediction.length > 0);
    for (const record of heard.records.slice(1)) assert.equal(record.solution.proving, undefined);
    assert.equal(describeVerdict(proven).strength, 'proven');
    assert.ok(proven.solution.objective <= early.solution.objective * (1 + 1e-12));
  });

  it('has none of this without a proof: no time for it, or gates that are fixed', async () => {
    for (const settings of [relu, { ...relu, model: 'gated-relu', certifySeconds: 1 } as const]) {
      const heard = listen();
      await testSession(sampleSource('xor_2d.csv')).train(settings, heard, running);
      assert.ok(heard.records.every(({ solution }) => solution.proving === undefined));
    }
  });

  it('has a proven beta max with two inputs, and one that is at least so large where the proof has no time', async () => {
    const flat = await testSession(sampleSource('xor_2d.csv')).train(
      { ...relu, certifySeconds: 60 },
      listen(),
      running,
    );
    assert.ok(betaMaxIsProven(flat));
    const wide = await testSession(sampleSource('diabetes.csv')).train(
      { ...relu, maxRows: 60, seed: defaultSettings.seed },
      listen(),
      running,
    );
    assert.ok(!betaMaxIsProven(wide));
    assert.ok(wide.resolved.betaMaxUpper! > wide.resolved.betaMax);
  });

  it('bounds also what the time limit cut short, in the time of the proof', async () => {
    const cut = { ...relu, beta: { kind: 'relative', value: 0.05 }, timeLimitSeconds: 0.01 } as const;
    const train = (certifySeconds: number) =>
      testSession(sampleSource('diabetes.csv')).train({ ...cut, certifySeconds }, listen(), running);
    const [bare, bounded] = [await train(0), await train(5)];
    for (const { solution } of [bare, bounded]) assert.equal(solution.status, 'time-limit');
    assert.equal(bare.solution.global, undefined);
    const { global, dualBound, objective } = bounded.solution;
    assert.ok(global !== undefined && global.lowerBound > 0 && global.lowerBound <= objective);
    assert.equal(dualBound, global.lowerBound);
    assert.match(describeVerdict(bounded).headline, /Proven is only that/);
  });
});

describe('times of a solve', () => {
  it('keep what was found, what was final and the proof apart', async () => {
    const run = await testSession(sampleSource('xor_2d.csv')).train({ ...relu, certifySeconds: 60 }, listen(), running);
    const { times, seconds } = run.solution;
    assert.ok(times?.proof !== undefined);
    assert.ok(0 <= times.found && times.found <= times.final && times.proof >= 0);
    assert.ok(Math.abs(times.final + times.proof - seconds) <= 1e-9 * seconds);
    const first = run.trace.find(({ objective }) => objective <= run.solution.objective * (1 + run.settings.tolerance));
    assert.ok(first === undefined ? times.found === times.final : times.found <= Math.max(first.seconds, 0));
    const gated = await testSession(sampleSource('xor_2d.csv')).train(
      { ...quickSettings, target: 'target', certifySeconds: 1 },
      listen(),
      running,
    );
    assert.equal(gated.solution.times?.proof, undefined);
    assert.equal(gated.solution.times?.final, gated.solution.seconds);
  });
});
