import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type CrossEnd,
  type CrossValidation,
  crossValidate,
  type Fold,
} from '../../../src/core/family/crossValidation.ts';
import { uncontrolled } from '../../../src/core/base/control.ts';

const options = { betaMax: 10, points: 11, smallest: 0.01, floor: 1e-4 };

/** Folds whose error at beta is a function of log10(beta / betaMax). */
function folds(error: (decade: number, fold: number) => number, asked: number[] = []): Fold<number>[] {
  return [0, 1, 2, 3].map((fold) => ({
    share: 0.75,
    heldOut: 5,
    solve(beta, warm) {
      if (fold === 0) asked.push(beta);
      assert.equal(warm === undefined, asked.length === 1, 'starts from the last solution');
      return { error: error(Math.log10(beta / 0.75 / 10), fold), active: fold, warm: beta };
    },
  }));
}

function run(parts: Fold<number>[], control = uncontrolled): CrossValidation {
  const steps = crossValidate(parts, options, control);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

describe('cross-validation of beta', () => {
  it('finds the smallest mean and ends where the error has risen', () => {
    const found = run(folds((decade) => (decade + 0.8) ** 2));
    assert.ok(Math.abs(Math.log10(found.points[found.best].beta / 10) + 0.8) < 0.11);
    assert.equal(found.end, 'risen' satisfies CrossEnd);
    assert.ok(found.points.length < 11);
  });

  it('gives mean and standard error over the folds', () => {
    const { points } = run(folds((decade, fold) => decade ** 2 + fold));
    assert.ok(Math.abs(points[0].mean - 1.5) < 1e-9);
    // 0, 1, 2, 3 spread 1.25 about their mean
    assert.ok(Math.abs(points[0].standardError - Math.sqrt(1.25 / 3)) < 1e-9);
    assert.equal(points[0].active, 1.5);
  });

  it('names the largest beta within one standard error of the best', () => {
    const found = run(folds((decade, fold) => Math.abs(decade + 1) + 0.5 * fold));
    const limit = found.points[found.best].mean + found.points[found.best].standardError;
    assert.ok(found.points[found.oneStandardError].mean <= limit);
    assert.ok(found.oneStandardError < found.best);
    for (let k = 0; k < found.oneStandardError; k++) assert.ok(found.points[k].mean > limit);
  });

  it('goes below the grid while the error falls, not below the floor', () => {
    const found = run(folds((decade) => decade));
    assert.equal(found.end, 'smallest');
    assert.equal(found.best, found.points.length - 1);
    const lowest = found.points[found.best].beta / 10;
    assert.ok(lowest < 0.01 && lowest >= 1e-4 * (1 - 1e-9));
    const turned = run(folds((decade) => Math.abs(decade + 2.3)));
    assert.ok(turned.points[turned.best].beta < 0.1 && turned.points.length > 11);
  });

  it('scales beta to the rows of a fold', () => {
    const asked: number[] = [];
    run(folds((decade) => decade, asked));
    assert.ok(Math.abs(asked[0] - 7.5) < 1e-12);
  });

  it('keeps the points that all folds have when it is cut short', () => {
    let looks = 0;
    const found = run(
      folds((decade) => decade),
      { ...uncontrolled, shouldStop: () => ++looks > 10 },
    );
    assert.equal(found.end, 'cut short');
    assert.equal(found.points.length, 2);
  });
});
