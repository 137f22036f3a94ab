import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { toRows } from '../../src/core/base/linalg/matrix.ts';
import type { PreparedData } from '../../src/core/data/prepareData.ts';

/** Mean errors on the test rows, as `evaluation` of a run has them. */
export interface TabularErrors {
  readonly mlp: number;
  readonly boosting: number;
}

const python = process.env.PYTHON ?? 'python3';
const script = path.resolve('test/bench/peers/runTabular.py');
/** Seconds of wall time for both models on one problem: `TABULAR_SECONDS`. */
const patience = Number(process.env.TABULAR_SECONDS ?? 240);

/** Whether the interpreter has scikit-learn. */
export function hasTabularPeers(): boolean {
  const { status, stdout } = spawnSync(python, [script], { encoding: 'utf8' });
  return status === 0 && stdout.includes('mlp');
}

/** scikit-learn's perceptron, its penalty by cross-validation, and its gradient boosting on the same rows; undefined when they do not end in time. */
export function tabularErrors(data: PreparedData, seed: number): TabularErrors | undefined {
  const folder = mkdtempSync(path.join(tmpdir(), 'peer-'));
  try {
    const [input, output] = [path.join(folder, 'task.json'), path.join(folder, 'answer.json')];
    const { X, y, classes, trainRows, testRows } = data;
    const rows = { train: Array.from(trainRows), test: Array.from(testRows) };
    writeFileSync(input, JSON.stringify({ X: toRows(X), y: Array.from(y), classes: classes.length, ...rows, seed }));
    const { status } = spawnSync(python, [script, input, output], { timeout: 1000 * patience, stdio: 'ignore' });
    return status === 0 ? (JSON.parse(readFileSync(output, 'utf8')) as TabularErrors) : undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
