import { createWriteStream, readFileSync } from 'node:fs';
import path from 'node:path';
import { finished } from 'node:stream/promises';
import Papa from 'papaparse';
import { type DenseMatrix, denseMatrix } from '../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../src/core/base/rng.ts';

/** A data set ready for training: standardised columns, centred and scaled target or -1/+1. */
export interface BenchData {
  readonly name: string;
  readonly X: DenseMatrix;
  readonly y: DenseMatrix;
}

/**
 * A sample of the repository (target last, columns that are not numeric or constant left out). A target that is not numeric becomes +1 for its first value
 * and -1 for the others; a numeric one is standardised.
 */
export function sampleData(name: string, rows = Infinity): BenchData {
  const text = readFileSync(path.resolve('media/samples', `${name}.csv`), 'utf8');
  const [, ...lines] = Papa.parse<string[]>(text, { skipEmptyLines: true }).data;
  const used = lines.slice(0, rows);
  const columns = used[0].map((_, j) => used.map((row) => Number(row[j])));
  const target = columns.pop()!;
  const first = used[0].at(-1);
  const y = target.some(Number.isNaN) ? used.map((row) => (row.at(-1) === first ? 1 : -1)) : standardised(target);
  const kept = columns.filter((column) => !column.some(Number.isNaN) && new Set(column).size > 1).map(standardised);
  return {
    name,
    X: denseMatrix(used.length, kept.length, Float64Array.from(used.flatMap((_, i) => kept.map((x) => x[i])))),
    y: denseMatrix(used.length, 1, Float64Array.from(y)),
  };
}

/** A sample whose target is a class: the indicator of each class is an output. */
export function sampleClasses(name: string): BenchData {
  const text = readFileSync(path.resolve('media/samples', `${name}.csv`), 'utf8');
  const labels = Papa.parse<string[]>(text, { skipEmptyLines: true })
    .data.slice(1)
    .map((row) => row.at(-1)!);
  const classes = [...new Set(labels)].sort();
  const y = labels.flatMap((label) => classes.map((known) => (label === known ? 1 : 0)));
  return { ...sampleData(name), y: denseMatrix(labels.length, classes.length, Float64Array.from(y)) };
}

function standardised(x: readonly number[]): number[] {
  const mean = x.reduce((s, v) => s + v, 0) / x.length;
  const spread = Math.sqrt(x.reduce((s, v) => s + (v - mean) ** 2, 0) / x.length) || 1;
  return x.map((v) => (v - mean) / spread);
}

/** Gaussian rows; the target comes from a network of ten ReLU neurons with noise. */
export function syntheticData(n: number, d: number, seed = 1): BenchData {
  const rng = createRng(seed);
  const X = denseMatrix(n, d);
  for (let i = 0; i < n * d; i++) X.data[i] = rng.normal();
  const W = Float64Array.from({ length: 10 * d }, () => rng.normal() / Math.sqrt(d));
  const signs = Array.from({ length: 10 }, () => (rng.uniform() < 0.5 ? -1 : 1));
  const y = Array.from({ length: n }, (_, r) => {
    let s = 0.1 * rng.normal();
    for (let k = 0; k < 10; k++) {
      let z = 0;
      for (let j = 0; j < d; j++) z += W[k * d + j] * X.data[r * d + j];
      s += signs[k] * Math.max(0, z);
    }
    return s;
  });
  return { name: `synthetic ${n} x ${d}`, X, y: denseMatrix(n, 1, Float64Array.from(standardised(y))) };
}

/** A CSV of uniform numbers with a target that two kinks make, or the class that it falls in; written in blocks, so that size does not matter. */
export async function writeRows(
  file: string,
  columns: number,
  enough: (rows: number, bytes: number) => boolean,
  classes = false,
): Promise<void> {
  const out = createWriteStream(file);
  out.write(`${Array.from({ length: columns }, (_, k) => `x${k}`).join(',')},y\n`);
  const rng = createRng(1);
  let [rows, bytes] = [0, 0];
  while (!enough(rows, bytes)) {
    let block = '';
    for (let i = 0; i < 500; i++, rows++) {
      const x = Array.from({ length: columns }, () => rng.uniform());
      const y = Math.max(0, x[0] - x[1]) + Math.max(0, x[2] + x[3] - 1) + 0.05 * rng.normal();
      block += `${x.map((value) => value.toFixed(6)).join(',')},${classes ? (y > 0.35 ? 'high' : 'low') : y.toFixed(6)}\n`;
    }
    bytes += block.length;
    if (!out.write(block)) await new Promise((resolve) => out.once('drain', () => resolve(null)));
  }
  out.end();
  await finished(out);
}
