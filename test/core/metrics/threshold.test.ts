import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { predictedClass } from '../../../src/core/metrics/predictedClass.ts';
import { scoreOf } from '../../../src/core/metrics/scores.ts';
import { chooseThreshold } from '../../../src/core/metrics/threshold.ts';

const rows = fc.array(fc.record({ f: fc.integer({ min: -6, max: 6 }), y: fc.boolean() }), {
  minLength: 2,
  maxLength: 25,
});

describe('the decision threshold', () => {
  it('is as good as the best of all outputs and gaps, in the scores that are shown', () => {
    fc.assert(
      fc.property(rows, (list) => {
        const output = list.map(({ f }) => f / 2);
        const second = list.map(({ y }) => y);
        for (const [rule, measure] of [
          ['accuracy', 'accuracy'],
          ['balanced-accuracy', 'balanced accuracy'],
        ] as const) {
          const chosen = chooseThreshold(output, second, rule);
          if (new Set(second).size < 2) {
            assert.equal(chosen, undefined);
            continue;
          }
          const score = (threshold: number): number =>
            scoreOf(
              { target: second.map(Number), prediction: output, outputs: 1, classes: 2, loss: 'logistic', threshold },
              [...list.keys()],
              measure,
            );
          const tried = Array.from({ length: 40 }, (_, k) => -5 + k * 0.25 + 0.01);
          const best = Math.max(...tried.map(score), score(0));
          assert.ok(Math.abs(chosen!.score - best) < 1e-9, `${rule}: ${chosen!.score} against ${best}`);
          assert.ok(Math.abs(score(chosen!.at) - chosen!.score) < 1e-12 && Math.abs(score(0) - chosen!.usual) < 1e-12);
        }
      }),
      { seed: 3, numRuns: 200 },
    );
  });

  it('by F1 of the rarer class: by hand; zero where it is best already', () => {
    // rare rows at 0.1 and 0.4 among others at -1 .. 0.2: above 0.3 one of two is found without a false alarm
    const output = [0.1, 0.4, -1, -0.5, 0, 0.2, -2];
    const second = [true, true, false, false, false, false, false];
    const { at, score, usual } = chooseThreshold(output, second, 'f1')!;
    // above 0.05: both, and one false alarm: 4 / 5
    assert.deepEqual([at, score, usual], [0, 0.8, 0.8]);
    const moved = chooseThreshold(
      output.map((f) => f - 1),
      second,
      'f1',
    )!;
    assert.ok(Math.abs(moved.at + 0.95) < 1e-12 && moved.score === 0.8 && moved.usual === 0);
    // the first class is the rarer one
    const turned = chooseThreshold(
      output.map((f) => 1 - f),
      second.map((yes) => !yes),
      'f1',
    )!;
    assert.ok(Math.abs(turned.at - 0.95) < 1e-12 && turned.score === 0.8);
  });

  it('leaves an output of exactly the threshold with the first class', () => {
    assert.deepEqual(
      [0.3, 0.31, 0].map((f) => predictedClass([f], 0, 1, 0.3)),
      [0, 1, 0],
    );
  });
});
