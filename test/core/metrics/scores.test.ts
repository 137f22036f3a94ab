import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { predictedClass } from '../../../src/core/metrics/predictedClass.ts';
import { logLossOfRow, scoreOf, scoresOf, type Predictions } from '../../../src/core/metrics/scores.ts';

const close = (a: number, b: number, tolerance = 1e-12): void =>
  assert.ok(Math.abs(a - b) <= tolerance * (1 + Math.abs(b)), `${a} is not ${b}`);
const all = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('regression scores', () => {
  const predictions: Predictions = {
    target: [1, 2, 4, 100],
    prediction: [1, 3, 2, 0],
    outputs: 1,
    classes: 0,
    loss: 'squared',
  };
  it('RMSE, MAE and R² by hand', () => {
    const rows = [0, 1, 2];
    close(scoreOf(predictions, rows, 'RMSE'), Math.sqrt(5 / 3));
    close(scoreOf(predictions, rows, 'MAE'), 1);
    close(scoreOf(predictions, rows, 'R²'), 1 - 5 / (14 / 3));
  });
  it('no R² without spread, nothing without rows', () => {
    assert.deepEqual(
      scoresOf(predictions, [1]).map(({ measure }) => measure),
      ['RMSE', 'MAE'],
    );
    assert.deepEqual(scoresOf(predictions, []), []);
  });
  it('scales with the units, even near the end of the range of doubles', () => {
    for (const unit of [1e-200, 1e200]) {
      const scaled: Predictions = {
        ...predictions,
        target: [1, 2, 4].map((x) => x * unit),
        prediction: [1, 3, 2].map((x) => x * unit),
      };
      close(scoreOf(scaled, all(3), 'RMSE') / unit, Math.sqrt(5 / 3));
      close(scoreOf(scaled, all(3), 'R²'), 1 - 5 / (14 / 3));
    }
  });
});

describe('class scores', () => {
  it('two classes: sign decides, probability is the sigmoid', () => {
    const predictions: Predictions = {
      target: [0, 1, 1, 1],
      prediction: [-1, 2, -3, 0.5],
      outputs: 1,
      classes: 2,
      loss: 'logistic',
    };
    close(scoreOf(predictions, all(4), 'accuracy'), 0.75);
    close(scoreOf(predictions, all(4), 'balanced accuracy'), (1 + 2 / 3) / 2);
    const p = (f: number): number => 1 / (1 + Math.exp(-f));
    close(
      scoreOf(predictions, all(4), 'log loss'),
      -(Math.log(1 - p(-1)) + Math.log(p(2)) + Math.log(p(-3)) + Math.log(p(0.5))) / 4,
    );
    assert.ok(Number.isNaN(scoreOf({ ...predictions, loss: 'squared' }, all(4), 'log loss')));
  });
  it('softmax: adding a constant to a row changes nothing, and equal outputs cost log c', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 3, maxLength: 3 }), {
          minLength: 1,
          maxLength: 8,
        }),
        fc.double({ min: -500, max: 500, noNaN: true }),
        (rows, shift) => {
          const target = rows.map((_, i) => i % 3);
          const base: Predictions = { target, prediction: rows.flat(), outputs: 3, classes: 3, loss: 'softmax' };
          const moved = { ...base, prediction: rows.flat().map((x) => x + shift) };
          close(scoreOf(moved, all(rows.length), 'log loss'), scoreOf(base, all(rows.length), 'log loss'), 1e-10);
        },
      ),
      { seed: 1 },
    );
    const even: Predictions = { target: [2], prediction: [7, 7, 7], outputs: 3, classes: 3, loss: 'softmax' };
    close(scoreOf(even, [0], 'log loss'), Math.log(3));
  });
  it('takes the first of equal outputs, and balanced accuracy over the classes that occur', () => {
    assert.equal(predictedClass([1, 3, 3], 0, 3), 1);
    const predictions: Predictions = {
      target: [0, 0, 2],
      prediction: [1, 0, 0, 0, 1, 0, 0, 0, 1],
      outputs: 3,
      classes: 4,
      loss: 'softmax',
    };
    close(scoreOf(predictions, all(3), 'balanced accuracy'), 0.75);
  });
});

it('log loss is finite however sure the outputs are of the wrong class', () => {
  const wrong = (prediction: number[], outputs: number, loss: 'logistic' | 'softmax'): number =>
    logLossOfRow({ target: [1], prediction, outputs, classes: Math.max(2, outputs), loss }, 0, 1)!;
  assert.equal(wrong([-1e40], 1, 'logistic'), 1e40);
  assert.ok(Math.abs(wrong([-2, 1, 0], 3, 'softmax') - Math.log(1 + Math.exp(-3) + Math.exp(-1))) < 1e-14);
  assert.ok(Math.abs(wrong([-1e5, -1e6, -1e5], 3, 'logistic') - 9e5 - Math.LN2) < 1e-6);
});
