import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type CrossEnd,
  type CrossOptions,
  type CrossValidation,
  crossValidate,
  type Fold,
} from '../../../src/core/family/crossValidation.ts';
import { uncontrolled } from '../../../src/core/base/control.ts';

const options: CrossOptions = { betaMax: 10, points: 11, smallest: 0.01, floor: 1e-4, rule: 'smallest' };
/** Of the grid: 11 points over two decades. */
const step = 0.01 ** (1 / 10);
const placeOf = (beta: number): number => Math.round(Math.log(beta / 10) / Math.log(step));

/** Folds whose error at beta is a function of log10(beta / betaMax). */
function folds(error: (decade: number, fold: number) => number, asked: number[] = []): Fold<number>[] {
  return [0, 1, 2, 3].map((fold) => ({
    share: 0.75,
    heldOut: 5,
    solve(beta, warm) {
      if (fold === 0) {
        const nearest = Math.min(...asked.filter((other) => other > beta));
        assert.equal(warm, nearest === Infinity ? undefined : nearest, 'starts from the nearest solution above');
        asked.push(beta);
      }
      return { error: error(Math.log10(beta / 0.75 / 10), fold), active: fold, warm: beta };
    },
  }));
}

const run = async (
  parts: Fold<number>[],
  control = uncontrolled,
  more: Partial<CrossOptions> = {},
): Promise<CrossValidation> => await crossValidate(parts, { ...options, ...more }, control);

describe('cross-validation of beta', () => {
  it('finds the smallest mean of the grid from a coarse curve, and ends where the error has risen', async () => {
    for (const bottom of [-0.35, -0.8, -1.27, -1.9]) {
      // away from the bottom the folds hardly differ, so that the rise is clear
      const found = await run(folds((decade, fold) => (decade - bottom) ** 2 + 1e-3 * fold));
      const { points, best } = found;
      assert.ok(Math.abs(Math.log10(points[best].beta / 10) - bottom) <= 0.1 + 1e-9, String(bottom));
      assert.equal(found.end, 'risen' satisfies CrossEnd);
      assert.ok(points.length < 11);
      const places = points.map(({ beta }) => placeOf(beta));
      assert.deepEqual(
        places,
        places.toSorted((a, b) => a - b),
      );
      const at = places[best];
      assert.ok(places.includes(at - 1) && places.includes(at + 1), 'its neighbours on the grid are known');
    }
  });

  it('gives mean and standard error over the folds', async () => {
    const { points } = await run(folds((decade, fold) => decade ** 2 + fold));
    const decade = Math.log10(points[0].beta / 10);
    assert.ok(Math.abs(points[0].mean - 1.5 - decade ** 2) < 1e-9);
    // 0, 1, 2, 3 spread 1.25 about their mean
    assert.ok(Math.abs(points[0].standardError - Math.sqrt(1.25 / 3)) < 1e-9);
    assert.equal(points[0].active, 1.5);
  });

  it('names the largest beta within one standard error of the best, and looks closely around it when the rule wants it', async () => {
    const found = await run(
      folds((decade, fold) => Math.abs(decade + 1.5) + 0.5 * fold),
      uncontrolled,
      { rule: 'one-standard-error' },
    );
    const { points, oneStandardError: picked } = found;
    const limit = points[found.best].mean + points[found.best].standardError;
    assert.ok(points[picked].mean <= limit && picked < found.best);
    for (let k = 0; k < picked; k++) assert.ok(points[k].mean > limit);
    assert.equal(
      placeOf(points[picked - 1].beta),
      placeOf(points[picked].beta) - 1,
      'the next larger one is not within',
    );
  });

  it('goes below the grid while the error falls, not below the floor', async () => {
    const found = await run(folds((decade) => decade));
    assert.equal(found.end, 'smallest');
    assert.equal(found.best, found.points.length - 1);
    const lowest = found.points[found.best].beta / 10;
    assert.ok(lowest < 0.01 && lowest >= 1e-4 * (1 - 1e-9));
    const turned = await run(folds((decade) => Math.abs(decade + 2.3)));
    assert.ok(Math.abs(Math.log10(turned.points[turned.best].beta / 10) + 2.3) <= 0.1 + 1e-9);
  });

  it('goes up to betaMax when the error only rises', async () => {
    const asked: number[] = [];
    const found = await run(folds((decade, fold) => -decade + 1e-3 * fold, asked));
    assert.equal(found.points[found.best].beta, 10);
    assert.ok(Math.abs(Math.max(...asked) - 7.5) < 1e-12, "a fold's beta is in proportion to its rows");
  });

  it('keeps the points that all folds have when it is cut short', async () => {
    let looks = 0;
    const seen: number[] = [];
    const found = await crossValidate(
      folds((decade) => decade),
      options,
      { ...uncontrolled, shouldStop: () => ++looks > 10 },
      ({ points }) => seen.push(points.length),
    );
    assert.equal(found.end, 'cut short');
    assert.equal(found.points.length, 2);
    assert.deepEqual(seen, [1, 2]);
  });
});
