import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { errorMeasureOf, pairedDifference, rowErrors } from '../../../src/core/metrics/rowErrors.ts';
import { scoreOf } from '../../../src/core/metrics/scores.ts';

describe('errors of rows', () => {
  it('have the scores as their means', () => {
    const numbers = {
      target: [1, 2, 4],
      prediction: [1.5, 2, 1],
      outputs: 1,
      classes: 0,
      loss: 'squared' as const,
    };
    assert.deepEqual([...rowErrors(numbers, [0, 2])], [0.25, 9]);
    assert.ok(Math.abs(scoreOf(numbers, [0, 2], 'RMSE') - Math.sqrt(9.25 / 2)) < 1e-12);
    const classes = {
      target: [0, 1, 2],
      prediction: [2, 1, 0, 0, 3, 1, 1, 1, 1],
      outputs: 3,
      classes: 3,
      loss: 'softmax' as const,
    };
    const mean = rowErrors(classes, [0, 1, 2]).reduce((a, b) => a + b, 0) / 3;
    assert.ok(Math.abs(mean - scoreOf(classes, [0, 1, 2], 'log loss')) < 1e-12);
    assert.ok(Math.abs(rowErrors(classes, [2])[0] - Math.log(3)) < 1e-12);
  });

  it('count wrong classes where outputs are no probabilities', () => {
    const hinge = { target: [0, 1], prediction: [0, -1], outputs: 1, classes: 2, loss: 'hinge' as const };
    assert.equal(errorMeasureOf(hinge), 'misclassification');
    assert.deepEqual([...rowErrors(hinge, [0, 1])], [0, 1]);
  });
});

describe('paired difference', () => {
  it('is the mean and its standard error', () => {
    const { mean, standardError } = pairedDifference([1, 2, 3, 6], [0, 2, 4, 2])!;
    assert.equal(mean, 1);
    // differences 1, 0, -1, 4: variance 14/3, over 4 rows
    assert.ok(Math.abs(standardError - Math.sqrt(14 / 3 / 4)) < 1e-12);
    // squares beyond the range of doubles
    const far = pairedDifference([1e200, 2e200, 3e200, 6e200], [0, 2e200, 4e200, 2e200])!;
    assert.ok(Math.abs(far.standardError / standardError / 1e200 - 1) < 1e-12);
    assert.equal(pairedDifference([1], [2]), undefined);
    assert.throws(() => pairedDifference([1], [1, 2]), RangeError);
  });
});
