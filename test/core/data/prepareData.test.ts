import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DataError } from '../../../src/core/data/dataError.ts';
import { prepareData, type PreparedData, type PrepareOptions } from '../../../src/core/data/prepareData.ts';
import { readTable } from '../../../src/core/data/reader.ts';
import { meanAndScale } from '../../../src/core/data/scaling.ts';
import { splitRows } from '../../../src/core/data/split.ts';
import { uncontrolled } from '../../../src/core/base/control.ts';
import { memorySource, sampleSource } from '../../support/memorySource.ts';

const defaults: PrepareOptions = {
  target: '',
  task: 'auto',
  features: [],
  missing: 'drop',
  standardize: true,
  testFraction: 0,
  seed: 1,
};

async function prepare(text: string, options: Partial<PrepareOptions> = {}): Promise<PreparedData> {
  return prepareData(await readTable(memorySource(text), {}, uncontrolled), { ...defaults, ...options });
}

async function refuses(text: string, options: Partial<PrepareOptions>, expected: Partial<DataError>, pattern: RegExp) {
  await assert.rejects(prepare(text, options), (error: unknown) => {
    assert.ok(error instanceof DataError, String((error as Error).stack));
    for (const [key, value] of Object.entries(expected)) assert.equal(error[key as keyof DataError], value, key);
    assert.match(error.message, pattern);
    assert.match(error.message, /^data\.csv/);
    return true;
  });
}

const csv = (header: string, rows: readonly (readonly (string | number)[])[]): string =>
  `${header}\n${rows.map((row) => row.join(',')).join('\n')}\n`;
const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const role = (data: PreparedData, name: string) => data.columns.find((column) => column.name === name)!;
/** An encoded input in original units. */
const original = (data: PreparedData, k: number): number[] => {
  const { mean, scale } = data.scaling.inputs[k];
  return range(data.X.rows).map((i) => data.X.data[i * data.X.cols + k] * scale + mean);
};

describe('choosing target and task', () => {
  it('takes a column by its name before the last one', async () => {
    for (const name of ['target', 'Label', 'class', 'y']) {
      const data = await prepare(
        csv(
          `${name},b,c`,
          range(20).map((i) => [i * 0.7, i * i, (i * 7) % 5]),
        ),
      );
      assert.equal(data.target, name);
    }
    assert.equal(
      (
        await prepare(
          csv(
            'a,b,c',
            range(20).map((i) => [i * 0.5, i * i, i * 1.5]),
          ),
        )
      ).target,
      'c',
    );
  });

  const tasks: [string, (i: number) => string | number, string][] = [
    ['numbers', (i) => i * 0.37, 'regression'],
    ['two texts', (i) => (i % 2 ? 'yes' : 'no'), 'binary'],
    ['-1 and 1', (i) => (i % 2 ? 1 : -1), 'binary'],
    ['three texts', (i) => `c${i % 3}`, 'multiclass'],
    ['codes 0, 1, 2', (i) => i % 3, 'multiclass'],
    ['codes 1..10', (i) => 1 + (i % 10), 'multiclass'],
    ['grades 3..9', (i) => 3 + (i % 7), 'regression'],
    ['many integers', (i) => (i * 13) % 40, 'regression'],
  ];
  for (const [what, value, task] of tasks) {
    it(`${what}: ${task}`, async () => {
      const data = await prepare(
        csv(
          'x,z,y',
          range(80).map((i) => [i * 0.1, i * i, value(i)]),
        ),
      );
      assert.equal(data.task, task);
    });
  }

  it('follows an explicit task', async () => {
    const text = csv(
      'x,y',
      range(60).map((i) => [i * 0.1, i % 3]),
    );
    assert.equal((await prepare(text, { task: 'regression' })).task, 'regression');
    await refuses(
      text,
      { task: 'binary' },
      { code: 'class-count', column: 2, columnName: 'y' },
      /3 distinct values, not two/,
    );
  });

  it('warns about an id-like target and refuses texts that are no classes', async () => {
    const ids = csv(
      'x,customer_id',
      range(60).map((i) => [i * 0.1, 1000 + ((i * 37) % 60)]),
    );
    const data = await prepare(ids, { target: 'customer_id' });
    assert.ok(
      data.warnings.some((text) => /"customer_id".*identifier/.test(text)),
      data.warnings.join(),
    );
    await refuses(
      csv(
        'x,name',
        range(300).map((i) => [i * 0.1, `n${i}`]),
      ),
      { target: 'name' },
      { code: 'too-many-classes', columnName: 'name' },
      /300 distinct texts: this is not a class label/,
    );
  });

  it('refuses 100,000 categories as a target and leaves them out as a feature', async () => {
    const text = csv(
      'who,x,y',
      range(100_000).map((i) => [`person ${i}`, i % 17, (i % 13) * 0.3]),
    );
    await refuses(text, { target: 'who' }, { code: 'too-many-classes' }, /more than 50000 distinct texts/);
    const data = await prepare(text, { target: 'y' });
    assert.equal(role(data, 'who').role, 'left-out');
    assert.match(role(data, 'who').note, /more than 50000 distinct values.*names or free text/);
    assert.deepEqual(
      data.scaling.inputs.map(({ column }) => column),
      ['x'],
    );
  });

  it('names the columns there are when one is unknown', () =>
    refuses(
      'a,b\n1,2\n3,5\n',
      { target: 'c' },
      { code: 'unknown-column' },
      /no column "c" to use as target; the columns are a, b/,
    ));

  it('refuses the target as a feature', () =>
    refuses(
      'a,b\n1,2\n3,5\n',
      { target: 'b', features: ['a', 'b'] },
      { code: 'settings' },
      /cannot be a feature as well/,
    ));

  it('reads the shipped samples as their description says', async () => {
    const expected: Record<string, [string, string]> = {
      'abalone.csv': ['target_rings', 'regression'],
      'airfoil.csv': ['target_spl_db', 'regression'],
      'breast_cancer.csv': ['target', 'binary'],
      'co2_1d.csv': ['target_co2_ppm', 'regression'],
      'diabetes.csv': ['target', 'regression'],
      'ionosphere.csv': ['target', 'binary'],
      'iris.csv': ['target', 'multiclass'],
      'penguins.csv': ['target', 'multiclass'],
      'sonar.csv': ['target', 'binary'],
      'spambase.csv': ['target', 'binary'],
      'spirals_2d.csv': ['target', 'binary'],
      'wine.csv': ['target', 'multiclass'],
      'winequality_white.csv': ['target_quality', 'regression'],
      'xor_2d.csv': ['target', 'binary'],
    };
    for (const [name, [target, task]] of Object.entries(expected)) {
      const data = prepareData(await readTable(sampleSource(name), {}, uncontrolled), defaults);
      assert.deepEqual([name, data.target, data.task], [name, target, task]);
      const left = data.columns.filter((column) => column.role === 'left-out').map((column) => column.name);
      assert.deepEqual([name, left], [name, name === 'ionosphere.csv' ? ['f02'] : []]);
    }
  });
});

describe('targets that cannot be learned', () => {
  it('a constant number', () =>
    refuses(
      'x,y\n1,5\n2,5\n3,5\n',
      { target: 'y' },
      { code: 'constant-target', column: 2 },
      /always 5: there is nothing to learn/,
    ));
  it('one class', () =>
    refuses('x,y\n1,a\n2,a\n3,a\n', { target: 'y' }, { code: 'one-class', column: 2 }, /one class only/));
  it('one class once incomplete rows are gone', () =>
    refuses('x,y\n1,a\n2,a\n,b\n', { target: 'y' }, { code: 'one-class' }, /one class only \("a"\)/));
  it('constant once incomplete rows are gone', () =>
    refuses(
      'x,y\n1,5\n2,5\n,7\n3,5\nNA,9\n',
      { target: 'y', task: 'regression' },
      { code: 'constant-target' },
      /always 5/,
    ));
  it('no values', () => refuses('x,y\n1,\n2,\n', { target: 'y' }, { code: 'bad-target' }, /no values/));
  it('text for a regression', () =>
    refuses(
      'x,y\n1,a\n2,b\n',
      { target: 'y', task: 'regression' },
      { code: 'not-a-number', line: 2, column: 2 },
      /"a" is not a number/,
    ));
  it('one row', () => refuses('x,y\n1,5\n', { target: 'y', task: 'regression' }, {}, /data\.csv/));
  it('one row beside incomplete ones', () =>
    refuses('x,y\n1,5\n2,\n,7\n', { target: 'y' }, { code: 'too-few-rows', line: 2 }, /only one row to train on/));
});

describe('features', () => {
  it('leaves out constant columns, row counters, ids, dates and free text, and says why', async () => {
    const data = await prepare(
      csv(
        'nr,flat,empty,when,free,user_id,x,colour,y',
        range(40).map((i) => [
          i + 1,
          7,
          '',
          `${i % 24}:${10 + i}`,
          `t${i}`,
          (i * 7919) % 1000,
          i * 0.5,
          ['red', 'green'][i % 2],
          i * i * 0.1,
        ]),
      ),
    );
    const notes = Object.fromEntries(data.columns.map(({ name, role: r, note }) => [name, `${r}: ${note}`]));
    assert.match(notes.nr, /left-out: numbers the rows/);
    assert.match(notes.flat, /left-out: always 7/);
    assert.match(notes.empty, /left-out: no values/);
    assert.match(notes.when, /left-out: dates/);
    assert.match(notes.free, /left-out: text with 40 distinct values.*names or free text/);
    assert.match(notes.user_id, /left-out: .*identifier/);
    assert.deepEqual(
      data.scaling.inputs.map(({ name }) => name),
      ['x', 'colour = red'],
    );
    assert.equal(notes.y, 'target: regression target');
  });

  it('keeps a row counter when it is the only feature', async () => {
    const data = await prepare(
      csv(
        't,y',
        range(30).map((i) => [i, i * i * 0.5]),
      ),
    );
    assert.deepEqual(
      data.scaling.inputs.map(({ name }) => name),
      ['t'],
    );
  });

  it('uses what is asked for, even an id; says what it cannot use', async () => {
    const text = csv(
      'id,flat,x,y',
      range(30).map((i) => [i, 1, i * 0.5, i * i * 0.5]),
    );
    const data = await prepare(text, { features: ['id', 'flat'] });
    assert.deepEqual(
      data.scaling.inputs.map(({ name }) => name),
      ['id'],
    );
    assert.equal(role(data, 'x').note, 'not chosen');
    assert.ok(data.warnings.some((w) => w.includes('"flat" is left out: always 1')));
    await refuses(text, { features: ['flat'] }, { code: 'no-features' }, /no feature is left/);
  });

  it('takes a few cells that are no numbers as missing and says where; many are an error with line and column', async () => {
    const cells = (odd: (i: number) => boolean): string =>
      csv(
        'x,z,y',
        range(60).map((i) => [odd(i) ? 'oops' : i * 0.3, i, i * 0.1]),
      );
    const data = await prepare(cells((i) => i === 20 || i === 31));
    assert.deepEqual(data.dropped, [{ reason: '"x" is missing', count: 2, lines: [22, 33] }]);
    assert.ok(data.warnings.some((w) => /"x" \(column 1\): "oops" and 1 more are no number .*line 22, 33/.test(w)));
    await refuses(
      cells((i) => i >= 20 && i < 30)
        .replace('oops,25', 'other,25')
        .replace('oops,26', 'third,26')
        .replace('oops,27', 'fourth,27'),
      { features: ['x', 'z'] },
      { code: 'not-a-number', line: 22, column: 1, columnName: 'x' },
      /line 22, column 1 \("x"\): "oops" is not a number in a column of numbers \(10 such cells in 60 rows\)/,
    );
  });

  it('does not mind bad cells in columns that are not used', async () => {
    const text = csv(
      'x,z,y',
      range(60).map((i) => [i === 20 ? 'oops' : i * 0.3, i * 0.7, i * 0.1]),
    );
    assert.equal((await prepare(text, { features: ['z'] })).y.length, 60);
  });

  it('treats a column with few distinct values, some of them words, as categories', async () => {
    const data = await prepare(
      csv(
        'size,y',
        range(60).map((i) => [[1, 2, 'large'][i % 3], i * 0.1]),
      ),
    );
    assert.deepEqual(
      data.scaling.inputs.map(({ name }) => name),
      ['size = 1', 'size = 2', 'size = large'],
    );
  });

  it('gives two categories one indicator and more one each', async () => {
    const data = await prepare(
      csv(
        'a,b,y',
        range(60).map((i) => [i % 2 ? 'u' : 'v', `k${i % 3}`, i * 0.1]),
      ),
    );
    assert.deepEqual(
      data.scaling.inputs.map(({ name }) => name),
      ['a = v', 'b = k0', 'b = k1', 'b = k2'],
    );
    assert.deepEqual(
      original(data, 0).map((x) => Math.round(x)),
      range(60).map((i) => (i % 2 ? 0 : 1)),
    );
  });

  it('encodes the commonest 20 of many categories when asked for the column', async () => {
    const data = await prepare(
      csv(
        'a,y',
        range(300).map((i) => [`c${(i * i) % 47}`, i * 0.1]),
      ),
      { features: ['a'] },
    );
    assert.equal(data.scaling.inputs.length, 20);
    assert.ok(data.warnings.some((w) => w.includes('only the 20 commonest')));
  });
});

describe('missing cells', () => {
  const text = csv('x,c,y', [
    [1, 'a', 1],
    ['', 'a', 2],
    [3, 'b', 3],
    [10, '', 4],
    [4, 'a', ''],
    [5, 'b', 6],
    ['inf', 'a', 7],
  ]);
  it('drops rows and says which and why', async () => {
    const data = await prepare(text, { target: 'y', task: 'regression' });
    assert.deepEqual(Array.from(data.lines), [2, 4, 7]);
    assert.deepEqual(data.dropped, [
      { reason: '"x" is missing', count: 1, lines: [3] },
      { reason: '"c" is missing', count: 1, lines: [5] },
      { reason: 'target "y" is missing', count: 1, lines: [6] },
      { reason: '"x" is infinite', count: 1, lines: [8] },
    ]);
  });

  it('fills gaps with median and mode of the training rows, never the target', async () => {
    const data = await prepare(text, { target: 'y', task: 'regression', missing: 'impute' });
    assert.equal(data.y.length, 6);
    const filled = original(data, 0);
    // Median of 1, 3, 10, 5; the infinite cell counts as a gap.
    assert.ok(Math.abs(filled[1] - 4) < 1e-12 && Math.abs(filled[5] - 4) < 1e-12, filled.join());
    assert.match(role(data, 'x').note, /2 missing cells filled with the median 4/);
    assert.match(role(data, 'c').note, /1 missing cell filled with the commonest "a"/);
    assert.deepEqual(
      data.dropped.map(({ reason }) => reason),
      ['target "y" is missing'],
    );
  });

  it('takes median and mode from the training rows alone', async () => {
    const rows = range(200).map((i) => [i % 10 === 0 ? '' : i, i * 0.5]);
    const data = await prepare(csv('x,y', rows), { missing: 'impute', testFraction: 0.5, seed: 5, features: ['x'] });
    const x = original(data, 0);
    const present = Array.from(data.trainRows)
      .filter((i) => i % 10 !== 0)
      .map((i) => i)
      .sort((a, b) => a - b);
    const half = present.length >> 1;
    const median = present.length % 2 ? present[half] : (present[half - 1] + present[half]) / 2;
    for (let i = 0; i < 200; i += 10) assert.ok(Math.abs(x[i] - median) < 1e-9, `${x[i]} ${median}`);
  });

  it('says what to do when nothing is left', () =>
    refuses('x,z,y\n1,,2\n,3,4\n5,,6\n,4,8\n', { target: 'y' }, { code: 'missing' }, /no row has a value.*impute/));
});

describe('extreme numbers', () => {
  it('standardises around a cell of 1e50 without overflow and warns', async () => {
    const data = await prepare(
      csv(
        'x,z,y',
        range(30).map((i) => [i === 7 ? '1e50' : i, i % 7, i * 0.1]),
      ),
    );
    assert.ok(data.X.data.every((value) => Number.isFinite(value)));
    assert.ok(
      data.warnings.some((w) => w.includes('"x": 1e+50 on line 9 is more than a million times')),
      data.warnings.join(),
    );
  });
  it('refuses it without standardisation, with line and column', () =>
    refuses(
      csv(
        'x,y',
        range(30).map((i) => [i === 7 ? '1e300' : i * 0.5, i * 0.1]),
      ),
      { standardize: false },
      { code: 'too-large', line: 9, column: 1 },
      /1e\+300 is too large.*standardise/,
    ));
  it('refuses what is out of range with or without standardisation, and leaves out what hardly differs', async () => {
    const cells = (cell: (i: number) => string | number): string => csv('x,z,y', range(30).map((i) => [cell(i), i % 7, i * 0.1])); // prettier-ignore
    await refuses(cells((i) => (i === 7 ? '1e200' : i)), {}, { code: 'too-large', line: 9, column: 1 }, /too large/); // prettier-ignore
    const tiny = await prepare(cells((i) => `${i}e-200`));
    assert.deepEqual(tiny.scaling.inputs.map(({ name }) => name), ['z']); // prettier-ignore
    assert.ok(tiny.warnings.some((w) => w.includes('"x" is left out: its values differ by no more than')));
    await refuses(csv('x,y', range(30).map((i) => [i, `${i}e-200`])), {}, { code: 'too-large', column: 2 }, /too little/); // prettier-ignore
  });
  it('computes mean and scale of tiny and huge columns', () => {
    const rows = range(5);
    for (const unit of [1e-300, 1, 1e300]) {
      const { mean, scale } = meanAndScale(
        rows.map((i) => i * unit),
        rows,
      );
      assert.ok(Math.abs(mean / unit - 2) < 1e-12 && Math.abs(scale / unit - Math.SQRT2) < 1e-12, `${unit}`);
    }
    assert.equal(meanAndScale([0.1 + 0.2, 0.3, 0.3], [0, 1, 2]).scale, 0, 'rounding is no spread');
  });
});

describe('standardising', () => {
  it('uses training rows only, and mean 0, scale 1 when it is off', async () => {
    const text = csv(
      'x,z,y',
      range(100).map((i) => [i * i, Math.sin(i), i * 0.3]),
    );
    const data = await prepare(text, { testFraction: 0.3, seed: 4 });
    for (let k = 0; k < data.X.cols; k++) {
      const train = Array.from(data.trainRows, (i) => data.X.data[i * data.X.cols + k]);
      const mean = train.reduce((a, b) => a + b, 0) / train.length;
      const square = train.reduce((a, b) => a + b * b, 0) / train.length;
      assert.ok(Math.abs(mean) < 1e-12 && Math.abs(square - 1) < 1e-12);
    }
    assert.ok(original(data, 0).every((x, i) => Math.abs(x - i * i) < 1e-9));
    const plain = await prepare(text, { standardize: false });
    assert.deepEqual(Array.from(plain.X.data.subarray(0, 4)), [0, 0, 1, Math.sin(1)]);
    assert.deepEqual(plain.scaling.target, { mean: 0, scale: 1 });
  });

  it('leaves out what is constant in the training rows', async () => {
    // Only one row has another value, and seed 1 may put it on either side: look for a seed that holds it out.
    const text = csv(
      'x,z,y',
      range(40).map((i) => [i === 39 ? 5 : 1, i * 0.5, i * 0.3]),
    );
    let seen = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const data = await prepare(text, { testFraction: 0.4, seed });
      const heldOut = data.split[39] === 1;
      assert.equal(role(data, 'x').role, heldOut ? 'left-out' : 'feature');
      if (heldOut) {
        seen++;
        assert.equal(role(data, 'x').note, 'constant in the training rows');
      }
    }
    assert.ok(seen > 0);
  });
});

describe('splitting', () => {
  it('is seeded, keeps the share in every class and never empties a class of the training rows', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 2, maxLength: 200 }),
        fc.double({ min: 0, max: 0.9, noNaN: true }),
        fc.integer({ min: 0, max: 1000 }),
        (ids, fraction, seed) => {
          const split = splitRows(ids.length, fraction, seed, { ids, count: 5 });
          assert.deepEqual(split, splitRows(ids.length, fraction, seed, { ids, count: 5 }));
          let train = 0;
          for (let k = 0; k < 5; k++) {
            const rows = range(ids.length).filter((i) => ids[i] === k);
            const test = rows.filter((i) => split[i] === 1).length;
            train += rows.length - test;
            if (rows.length === 0) continue;
            assert.ok(test < rows.length, 'a class keeps a training row');
            assert.ok(Math.abs(test - fraction * rows.length) <= 2, `${test} of ${rows.length} at ${fraction}`);
          }
          assert.ok(train >= 2);
        },
      ),
      { seed: 3, numRuns: 300 },
    );
  });

  it('differs by seed and has about the right size', () => {
    const a = splitRows(1000, 0.2, 1);
    assert.equal(
      a.reduce((s, x) => s + x, 0),
      200,
    );
    assert.notDeepEqual(a, splitRows(1000, 0.2, 2));
  });

  it('keeps classes with one member for training and says so', async () => {
    const data = await prepare(
      csv(
        'x,y',
        range(30).map((i) => [i * 0.5, i === 3 ? 'rare' : i % 2 ? 'a' : 'b']),
      ),
      { testFraction: 0.3 },
    );
    assert.deepEqual(data.classes, ['a', 'b', 'rare']);
    assert.equal(data.split[3], 0);
    assert.ok(data.warnings.some((w) => w.includes('Class "rare" has one row only')));
  });

  it('says so when there are too few rows to hold any out', async () => {
    const data = await prepare('x,y\n1,2.5\n2,3.5\n', { target: 'y', task: 'regression', testFraction: 0.2 });
    assert.equal(data.testRows.length, 0);
    assert.ok(data.warnings.some((w) => w.includes('no test scores')));
  });
});
