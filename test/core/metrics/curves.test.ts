import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { calibration, precisionRecall, rocCurve } from '../../../src/core/metrics/curves.ts';
import { probabilityOfClass, scoreOfClass } from '../../../src/core/metrics/probabilities.ts';

describe('curves over thresholds', () => {
  const score = [0.9, 0.8, 0.8, 0.3, 0.1];
  const positive = [true, true, false, false, true];

  it('ROC by hand, with a tie', () => {
    const { x, y, threshold, area } = rocCurve(score, positive)!;
    assert.deepEqual(threshold, [Infinity, 0.9, 0.8, 0.3, 0.1]);
    assert.deepEqual(x, [0, 0, 1 / 2, 1, 1]);
    assert.deepEqual(y, [0, 1 / 3, 2 / 3, 2 / 3, 1]);
    assert.ok(Math.abs(area - 3.5 / 6) < 1e-15);
  });

  it('the area under ROC is how often a positive scores above a negative, ties counting half', () => {
    const rows = fc.array(fc.tuple(fc.integer({ min: 0, max: 6 }), fc.boolean()), { minLength: 2, maxLength: 40 });
    fc.assert(
      fc.property(rows, (list) => {
        const yes = list.filter(([, p]) => p).map(([s]) => s);
        const no = list.filter(([, p]) => !p).map(([s]) => s);
        const curve = rocCurve(
          list.map(([s]) => s),
          list.map(([, p]) => p),
        );
        if (yes.length === 0 || no.length === 0) return curve === undefined;
        const wins = yes.flatMap((a) => no.map((b) => (a > b ? 1 : a === b ? 0.5 : 0)));
        const mean = wins.reduce((a: number, b) => a + b, 0) / wins.length;
        return Math.abs(curve!.area - mean) < 1e-12;
      }),
    );
  });

  it('precision and recall by hand', () => {
    const { x, y, area } = precisionRecall(score, positive)!;
    assert.deepEqual(x, [1 / 3, 2 / 3, 2 / 3, 1]);
    assert.deepEqual(y, [1, 2 / 3, 1 / 2, 3 / 5]);
    assert.ok(Math.abs(area - (1 / 3 + (1 / 3) * (2 / 3) + (1 / 3) * (3 / 5))) < 1e-15);
    assert.equal(precisionRecall([1], [false]), undefined);
  });

  it('bands of probability hold every row once', () => {
    const bands = calibration([0, 0.05, 0.5, 0.55, 1], [false, true, true, false, true]);
    assert.deepEqual(
      bands.map(({ rows, observed }) => [rows, observed]),
      [
        [2, 0.5],
        [2, 0.5],
        [1, 1],
      ],
    );
    assert.ok(bands.every(({ standardError }) => standardError > 0));
  });
});

describe('probabilities of classes', () => {
  it('two classes by one output, several by softmax, and one against all others scaled to one', () => {
    const logistic = { prediction: [Math.log(3)], outputs: 1, loss: 'logistic' } as const;
    assert.ok(Math.abs(probabilityOfClass(logistic, 0, 1)! - 0.75) < 1e-12);
    for (const loss of ['softmax', 'logistic'] as const) {
      const several = { prediction: [1, -2, 0.5], outputs: 3, loss };
      const sum = [0, 1, 2].reduce((total, k) => total + probabilityOfClass(several, 0, k)!, 0);
      assert.ok(Math.abs(sum - 1) < 1e-12);
    }
    const hinge = { prediction: [-0.4], outputs: 1, loss: 'hinge' } as const;
    assert.equal(probabilityOfClass(hinge, 0, 1), undefined);
    assert.deepEqual([scoreOfClass(hinge, 0, 0), scoreOfClass(hinge, 0, 1)], [0.4, -0.4]);
  });
});
