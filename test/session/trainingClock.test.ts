import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { TrainingClock } from '../../src/session/stages/clock.ts';
import type { StageName } from '../../src/shared/run.ts';

const order: readonly StageName[] = [
  'cross-validation',
  'solve',
  'threshold',
  'path',
  'structure',
  'extras',
  'compare',
  'refine',
  'importance',
];

describe('the time limit of a training', () => {
  it('is never passed, whatever stages there are and however much of their parts they use; proofs do not count', () => {
    fc.assert(
      fc.property(
        fc.subarray([...order], { minLength: 1 }),
        fc.array(fc.record({ used: fc.double({ min: 0, max: 1, noNaN: true }), proof: fc.nat(100) }), {
          minLength: order.length,
          maxLength: order.length,
        }),
        fc.double({ min: 0.01, max: 1e4, noNaN: true }),
        (stages, uses, limit) => {
          let now = 5;
          let proofs = 0;
          const clock = new TrainingClock({ now: () => now }, limit);
          for (const [k, stage] of stages.entries()) {
            const seconds = clock.secondsFor(stage, stages.slice(k + 1));
            assert.ok(seconds >= 0);
            now += uses[k].used * seconds + uses[k].proof;
            proofs += uses[k].proof;
            clock.leaveOut(uses[k].proof);
            assert.ok(now - 5 - proofs <= limit * (1 + 1e-9) + 1e-9);
          }
        },
      ),
      { seed: 11, numRuns: 200 },
    );
  });

  it('is used up by stages that take their parts whole, and what one leaves goes to the next', () => {
    let now = 0;
    const clock = new TrainingClock({ now: () => now }, 45);
    const stages: readonly StageName[] = ['solve', 'path', 'compare'];
    for (const [k, stage] of stages.entries()) now += clock.secondsFor(stage, stages.slice(k + 1));
    assert.ok(Math.abs(now - 45) < 1e-9);

    now = 100;
    const other = new TrainingClock({ now: () => now }, 45);
    const part = other.secondsFor('path', ['compare']);
    now += other.secondsFor('solve', ['path', 'compare']) / 10;
    assert.ok(other.secondsFor('path', ['compare']) > 0.9 * part);
    assert.equal(other.secondsFor('compare', []), 45 - (now - 100));
  });
});
