import { DataError } from '../core/data/dataError.ts';
import { denseMatrix } from '../core/base/linalg/matrix.ts';
import type { Problem } from '../core/problem/problem.ts';
import { createRng, shuffle } from '../core/base/rng.ts';
import type { LabReader, LabRows } from './labData.ts';
import { pickRows } from './pickRows.ts';

/**
 * The rows of a problem file for the Lab: numbers as they are, columns named x1 .. xd, "lines" counted as rows from 1. Unlike data files
 * they may have one label only, as constructed cases do.
 */
export function problemReader(problem: Problem, file: string, sha256: string): LabReader {
  const fail = (message: string): never => {
    throw new DataError('settings', message, { file });
  };
  // oxlint-disable-next-line typescript/require-await
  return async (settings, { testFraction, binary, features = [] }): Promise<LabRows> => {
    if (problem.y.cols !== 1) fail(`y needs one column here, not ${problem.y.cols}`);
    if (problem.weights !== undefined) fail('the pages of the Lab are for rows that count alike: leave weights out');
    if (settings.negative !== '') fail('y has no names of classes: say positive=VALUE alone');
    if (settings.standardize)
      fail('the numbers of a problem file are taken as they are; standardize is for data files');
    const names = Array.from({ length: problem.X.cols }, (_, k) => `x${k + 1}`);
    const missing = features.find((name) => !names.includes(name));
    if (missing !== undefined) fail(`there is no column "${missing}"; the columns are x1 to x${names.length}`);
    const columns = features.length === 0 ? names.map((_, k) => k) : features.map((name) => names.indexOf(name));
    const { y, classes } = labelsOf(problem.y.data, settings.positive, binary, fail);
    const rng = createRng(settings.seed).fork('rows');
    const order = Int32Array.from({ length: y.length }, (_, i) => i);
    let used = y.length;
    if (settings.maxRows > 0 && settings.maxRows < used) {
      shuffle(order, rng);
      used = settings.maxRows;
    }
    let chosen = order.slice(0, used).sort();
    let held = new Int32Array(0);
    const tests = Math.floor(testFraction * used);
    if (tests > 0 && tests < used) {
      shuffle(chosen, rng);
      held = chosen.slice(0, tests).sort();
      chosen = chosen.slice(tests).sort();
    }
    const part = (rows: Int32Array): { X: LabRows['X']; y: Float64Array } => {
      const all = pickRows(problem.X, rows);
      const X = denseMatrix(rows.length, columns.length);
      rows.forEach((_, i) => columns.forEach((k, c) => (X.data[i * columns.length + c] = all.data[i * all.cols + k])));
      return { X, y: Float64Array.from(rows, (row) => y[row]) };
    };
    const kept = columns.map((k) => names[k]);
    return {
      ...part(chosen),
      test: held.length > 0 ? part(held) : null,
      names: kept,
      unit: 1,
      singleColumns: kept,
      data: {
        name: file,
        sha256,
        target: 'y',
        task: classes.length > 0 ? 'binary' : 'regression',
        classes,
        features: kept,
        lines: Array.from(chosen, (row) => row + 1),
        testRows: held.length,
        rowsInFile: problem.X.rows,
        warnings: [],
      },
    };
  };
}

/** -1/+1 and the names of the two classes; without classes the numbers as they are. */
function labelsOf(
  values: Float64Array,
  positive: string,
  binary: boolean,
  fail: (message: string) => never,
): { readonly y: Float64Array; readonly classes: readonly string[] } {
  const distinct = [...new Set(values)].sort((a, b) => a - b);
  if (positive !== '') {
    const one = Number(positive);
    if (!distinct.includes(one)) fail(`no row has y = ${positive}`);
    return { y: values.map((value) => (value === one ? 1 : -1)), classes: [`not ${positive}`, positive] };
  }
  if (distinct.every((value) => value === 1 || value === -1)) return { y: values, classes: ['-1', '1'] };
  if (binary && distinct.length === 2) {
    return { y: values.map((value) => (value === distinct[1] ? 1 : -1)), classes: distinct.map(String) };
  }
  if (binary) {
    fail(
      `this page needs two classes, and y has ${distinct.length} different values; say positive=VALUE, the value that is to be +1`,
    );
  }
  return { y: values, classes: [] };
}
