import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import * as v from 'valibot';
import { studyJsonSchema } from '../../src/build/studyJsonSchema.mts';
import { defaultSettings } from '../../src/shared/settings.ts';
import { valuesOfRange } from '../../src/study/axes.ts';
import { needsOf } from '../../src/study/estimate.ts';
import { type DataFile, type StudyTask, tasksOf } from '../../src/study/plan.ts';
import { StudyError } from '../../src/study/studyError.ts';
import { studySchema } from '../../src/study/studyFile.ts';
import { hashOf } from '../../src/store/study/studyFolder.ts';

const iris: DataFile = { name: 'iris', file: '/data/iris.csv', bytes: 4000, sha256: 'a'.repeat(64) };
const moons: DataFile = { name: 'moons', file: '/data/moons.csv', bytes: 9000, sha256: 'b'.repeat(64) };

function expand(rest: object, files: readonly DataFile[] = [iris]): StudyTask[] {
  const study = v.parse(studySchema, {
    format: 'convexnet-study/1',
    data: files.map(({ file }) => ({ file })),
    ...rest,
  });
  return tasksOf({ study, files }, hashOf);
}

function complaint(rest: object): StudyError {
  try {
    expand(rest);
  } catch (error) {
    assert.ok(error instanceof StudyError, String(error));
    return error;
  }
  return assert.fail('it is taken');
}

describe('tasks of a study', () => {
  it('multiplies everything with everything, in one order', () => {
    const tasks = expand(
      {
        vary: {
          model: ['relu', 'linear'],
          beta: ['auto', { relative: [0.1, 0.2] }, { absolute: 3 }],
          seed: { from: 1, to: 5 },
        },
        solvers: ['convex', 'adam'],
        folds: 3,
      },
      [iris, moons],
    );
    assert.equal(tasks.length, 2 * 2 * 4 * 5 * 2 * 3);
    assert.deepEqual(
      tasks.map(({ number }) => number),
      tasks.map((_, k) => k + 1),
    );
    assert.equal(new Set(tasks.map(({ key }) => key)).size, tasks.length);
    assert.deepEqual(tasks.at(-1)?.cells, {
      ...{ data: 'moons', target: null, solver: 'adam', fold: 3, model: 'linear', seed: 5 },
      ...{ 'beta.kind': 'absolute', 'beta.value': 3 },
    });
    const last = tasks.at(-1)!.settings;
    assert.deepEqual(last.beta, { kind: 'absolute', value: 3 });
    assert.deepEqual(last.fold, { index: 2, count: 3 });
    assert.deepEqual(last.compare, { ...defaultSettings.compare, optimizers: ['adam'], seeds: 1 });
    assert.equal(tasks[0].settings.compare.enabled, false);
    assert.equal(last.path.points, 0);
    assert.equal(tasks[0].settings.path.points, defaultSettings.path.points, 'cross-validation goes along it');
  });

  it('takes any setting, nested or dotted, of the study, a data set, a parameter', () => {
    const tasks = expand({
      settings: { crossValidation: { folds: 4 }, 'compare.epochs': 7, gates: 9 },
      vary: { size: { small: { gates: 10, maxRows: 50 }, large: { gates: 400, beta: { absolute: 1 } } } },
    });
    assert.deepEqual(
      tasks.map(({ settings, cells }) => [cells.size, settings.gates, settings.maxRows, settings.beta.kind]),
      [
        ['small', 10, 50, defaultSettings.beta.kind],
        ['large', 400, defaultSettings.maxRows, 'absolute'],
      ],
    );
    assert.equal(tasks[0].settings.crossValidation?.folds, 4);
    assert.equal(tasks[0].settings.compare.epochs, 7);
  });

  it('knows a task by what it depends on, whatever else the study holds', () => {
    const few = expand({ vary: { seed: [2, 3] } });
    const many = expand({ name: 'other', vary: { gates: [defaultSettings.gates, 7], seed: [1, 2, 3] } });
    const keys = new Set(many.map(({ key }) => key));
    assert.ok(few.every(({ key }) => keys.has(key)));
    const [moved] = expand({ vary: { seed: [2] } }, [{ ...iris, file: '/elsewhere/x.csv', name: 'x' }]);
    assert.equal(moved.key, few[0].key);
    const [changed] = expand({ vary: { seed: [2] } }, [{ ...iris, sha256: 'c'.repeat(64) }]);
    assert.notEqual(changed.key, few[0].key);
  });

  it('leaves out what conditions say', () => {
    const count = (more: object): number =>
      expand({ vary: { model: ['relu', 'linear'], beta: [{ relative: [0.1, 0.2, 0.3] }], seed: [1, 2] }, ...more })
        .length;
    assert.equal(count({}), 12);
    assert.equal(count({ skip: [{ model: 'linear', seed: 2 }] }), 9);
    assert.equal(count({ skip: [{ 'beta.value': { least: 0.15 } }] }), 4);
    assert.equal(count({ only: [{ seed: [1, 7] }] }), 6);
    assert.equal(count({ only: [{ seed: 1 }, { model: 'relu' }], skip: [{ 'beta.value': 0.1 }] }), 6);
    assert.match(complaint({ vary: { seed: [1] }, skip: [{ gates: 3 }] }).message, /no "gates" among .*seed/);
    assert.match(complaint({ vary: { seed: [1] }, only: [{ seed: 5 }] }).message, /no task is left/);
  });

  it('says where the study is wrong', () => {
    const cases: readonly [object, RegExp, readonly (string | number)[]][] = [
      [{ settings: { modle: 'relu' } }, /no setting "modle"/, ['settings', 'modle']],
      [{ settings: { path: { pionts: 3 } } }, /no setting "path.pionts"/, ['settings', 'path', 'pionts']],
      [{ vary: { seed: [1, 1.5] } }, /seed: must be a whole number/, ['vary', 'seed', 1]],
      [{ vary: { seed: [] } }, /no value/, ['vary', 'seed']],
      [{ vary: { seed: [1, 1] } }, /twice/, ['vary', 'seed']],
      [{ vary: { beta: [0.1] } }, /relative/, ['vary', 'beta', 0]],
      [{ vary: { beta: [{ relative: -1 }] } }, /beta.value/, ['vary', 'beta', 0]],
      [{ vary: { depht: [1, 2] } }, /no setting "depht"; a parameter/, ['vary', 'depht']],
      [{ vary: { path: { points: [1] } } }, /group of settings/, ['vary', 'path']],
      [{ vary: { size: { small: { gatse: 1 } } } }, /no setting "gatse"/, ['vary', 'size', 'small', 'gatse']],
      [{ vary: { seed: { from: 5, to: 1 } } }, /upwards/, ['vary', 'seed']],
      [{ vary: { seed: { from: 1, to: 4_000_000 } } }, /too long/, ['vary', 'seed']],
      [{ vary: { seed: { from: 1, to: 1000 }, gates: { from: 1, to: 1000 } } }, /more than 200000 tasks/, []],
      [{ data: [{ file: 'x', settings: { seeed: 1 } }] }, /no setting "seeed"/, ['data', 0, 'settings', 'seeed']],
    ];
    for (const [rest, message, path] of cases) {
      const error = complaint(rest);
      assert.match(error.message, message);
      assert.deepEqual(error.path, path, error.message);
    }
  });

  it('ranges begin and end where they say, in steps or in ratios', () => {
    assert.deepEqual(valuesOfRange({ from: 0.1, to: 0.5, step: 0.1 }, []), [0.1, 0.2, 0.3, 0.4, 0.5]);
    assert.deepEqual(valuesOfRange({ from: 0.001, to: 1, points: 4, scale: 'log' }, []), [0.001, 0.01, 0.1, 1]);
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9999 }),
        fc.integer({ min: 1, max: 9999 }),
        fc.integer({ min: 2, max: 50 }),
        (a, b, points) => {
          const [from, to] = [a / 1000, (a + b) / 1000];
          for (const scale of ['linear', 'log'] as const) {
            const values = valuesOfRange({ from, to, points, scale }, []);
            assert.equal(values.length, points);
            assert.deepEqual([values[0], values[points - 1]], [from, to]);
            assert.ok(values.every((value, k) => k === 0 || value >= values[k - 1]));
          }
        },
      ),
      { seed: 7, numRuns: 100 },
    );
  });

  it('estimates from the limits of the settings, unless the study says what a task takes', () => {
    const tasks = expand({ settings: { timeLimitSeconds: 100, certifySeconds: 20, memoryGiB: 1 }, solvers: ['adam'] });
    const needs = needsOf({ format: 'convexnet-study/1', data: [] }, tasks);
    assert.ok(needs.seconds >= 250 && needs.seconds < 400, `${needs.seconds}`);
    assert.ok(needs.memoryMiB > 1024 && needs.memoryMiB < 2048, `${needs.memoryMiB}`);
    const said = needsOf({ format: 'convexnet-study/1', data: [], resources: { memoryMiB: 500, seconds: 9 } }, tasks);
    assert.deepEqual(said, { memoryMiB: 500, seconds: 9 });
  });

  it('have a published schema that knows every setting', () => {
    const published = JSON.parse(
      readFileSync(new URL('../../docs/study.schema.json', import.meta.url), 'utf8'),
    ) as object;
    assert.deepEqual(published, JSON.parse(JSON.stringify(studyJsonSchema())), 'npm run study-schema writes it');
  });
});
