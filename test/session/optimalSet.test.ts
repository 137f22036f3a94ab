import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { optimalSetWords, presenceWords } from '../../src/shared/optimalSet.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { memorySource, sampleSource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

const relu = {
  ...quickSettings,
  model: 'relu',
  arrangements: 'adaptive',
  target: 'target',
  bias: 'none',
  testFraction: 0,
  beta: { kind: 'relative', value: 0.3 },
} as const;

/** A hexagon with equal targets, and a row in its middle that no network without biases can reach: encoded targets keep mean zero. */
function hexagon(): string {
  const rows = Array.from({ length: 6 }, (_, k) => {
    const angle = 0.2 + (k * Math.PI) / 3;
    return [Math.cos(angle), Math.sin(angle), 1];
  });
  return ['a,b,target', ...[...rows, [0, 0, -6]].map((row) => row.join(','))].join('\n');
}

const counts = ({ neurons }: RunRecord, presence: string): number =>
  neurons.filter((neuron) => neuron.presence === presence).length;

describe('what a run says about other optimal networks', () => {
  it('two triangles on a hexagon do equally well: none of the neurons is in every optimum', async () => {
    const heard = listen();
    const run = await testSession(memorySource(hexagon())).train({ ...relu, certifySeconds: 60 }, heard, running);
    assert.deepEqual(run.solution.optimalSet, { scope: 'proven', directions: 6 });
    assert.ok(run.neurons.length >= 3);
    assert.equal(counts(run, 'not every'), run.neurons.length);
    assert.equal(presenceWords(run.neurons[0], run.solution.optimalSet), 'can be replaced');
    assert.equal(
      optimalSetWords(run),
      'Every optimal network is made of at most 6 directions (proven over all activation patterns). ' +
        `All ${run.neurons.length} neurons are replaceable: some optimal network does without.`,
    );
    // before the proof its own neurons are the only candidates, and these are independent
    const [early] = heard.records;
    assert.deepEqual(early.solution.optimalSet, { scope: 'found' });
    assert.equal(counts(early, 'every'), early.neurons.length);
    assert.match(optimalSetWords(early)!, /^None of these neurons can be replaced by the others\. .* not proven\.$/);
    assert.equal(presenceWords(early.neurons[0], early.solution.optimalSet), 'not replaceable by the others');
  });

  it('where neurons are needed this is proven over all patterns, and a search alone claims no more than it knows', async () => {
    const proven = await testSession(sampleSource('xor_2d.csv')).train(
      { ...relu, bias: 'regularized', maxRows: 40, certifySeconds: 60, tolerance: 1e-9 },
      listen(),
      running,
    );
    assert.equal(proven.solution.optimalSet?.scope, 'proven');
    assert.ok(counts(proven, 'every') > 0);
    assert.match(optimalSetWords(proven)!, /proven over all activation patterns/);
    const found = await testSession(sampleSource('xor_2d.csv')).train(
      { ...relu, bias: 'regularized', maxRows: 40, certifySeconds: 0 },
      listen(),
      running,
    );
    assert.equal(found.solution.optimalSet?.scope, 'found');
    assert.doesNotMatch(optimalSetWords(found)!, /unique|at most/);
  });

  it('nothing is said about gated networks and runs without the entry', async () => {
    const run = await testSession(sampleSource('xor_2d.csv')).train(
      { ...relu, model: 'gated-relu', arrangements: 'sampled' },
      listen(),
      running,
    );
    assert.equal(run.solution.optimalSet, undefined);
    assert.ok(run.neurons.length > 0 && run.neurons.every(({ presence }) => presence === undefined));
    assert.equal(optimalSetWords(run), undefined);
    assert.equal(presenceWords(run.neurons[0], run.solution.optimalSet), undefined);
  });
});
