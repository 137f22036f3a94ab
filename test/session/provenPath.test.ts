import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { denseMatrix } from '../../src/core/base/linalg/matrix.ts';
import { solve } from '../../src/core/engine/solve.ts';
import { pathProofOf } from '../../src/shared/pathProof.ts';
import { runFault } from '../../src/shared/runSchema.ts';
import { gapPartsOf } from '../../src/shared/verdict.ts';
import { memorySource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

const rows = Array.from({ length: 24 }, (_, i) => {
  const x = i / 4;
  return `${x},${(Math.abs(x - 3) + 0.2 * Math.sin(7 * i)).toFixed(6)}`;
});
const table = (values: readonly string[]): string => `x,y\n${values.join('\n')}\n`;

const settings = {
  ...quickSettings,
  target: 'y',
  model: 'relu',
  arrangements: 'adaptive',
  testFraction: 0,
  beta: { kind: 'absolute', value: 0.2 },
  standardize: false,
  certifySeconds: 10,
} as const;

const train = (text: string, more: object = {}) =>
  testSession(memorySource(text)).train({ ...settings, ...more }, listen(), running);

describe('a path that is proven', () => {
  it('holds at a beta between its points, and is kept with the run', async () => {
    const run = await train(table(rows), { path: { points: 5, smallest: 0.1 } });
    const proof = pathProofOf(run.path!)!;
    assert.ok(run.path!.proofSeconds! >= 0);
    assert.ok(proof.gap > 0 && proof.gap < 0.5 && proof.from < proof.to);
    assert.equal(run.missing, undefined);
    for (const share of [0.15, 0.3, 0.7]) {
      const beta = proof.from + share * (proof.to - proof.from);
      const best = (await train(table(rows), { beta: { kind: 'absolute', value: beta } })).solution;
      const there = proof.segments.find(({ from, to }) => from <= beta && beta <= to)!;
      assert.ok(proof.objectiveAt(beta) >= best.objective * (1 - 1e-9));
      assert.ok(1 - best.objective / proof.objectiveAt(beta) <= there.gap + 1e-9);
    }
  });

  it('has no proof with fewer than two proven points', () => {
    assert.equal(pathProofOf({ points: [] }), undefined);
  });
});

describe('how far the target of a row may move', () => {
  it('keeps the network within the share with the row moved that far', async () => {
    const run = await train(table(rows));
    const { share, lower, upper } = run.rows.targetIntervals!;
    assert.equal(lower.length, rows.length);
    const { problem } = await testSession(memorySource(table(rows))).problem(settings, running);
    const { scale } = run.scaling.target;
    for (const [row, moved] of [
      [3, upper[3]],
      [11, lower[11]],
    ] as const) {
      const y = denseMatrix(rows.length, 1, problem.y.data.slice());
      y.data[row] += moved / scale;
      const best = solve({ ...problem, y }, { certifySeconds: 10 });
      // the objective of the network as it stands, with the target moved
      const residual = (run.rows.target[row] - run.rows.prediction[row]) / scale;
      const kept = run.solution.objective + residual * (moved / scale) + (moved / scale) ** 2 / 2;
      assert.ok(kept <= (1 + share) * best.objective * (1 + 1e-6), `row ${row}`);
      assert.ok(kept > best.objective * (1 + share / 100), 'an interval that says something');
    }
  });

  it('is not said of classes', async () => {
    const classes = rows.map((line, i) => `${line.split(',')[0]},${i % 3 === 0 ? 'a' : 'b'}`);
    assert.equal((await train(table(classes))).rows.targetIntervals, undefined);
  });
});

describe('the parts of an open gap', () => {
  it('sum to it, and are none for records that do not know', async () => {
    const run = await train(table(rows));
    const { objective, global } = run.solution;
    const parts = gapPartsOf(run)!;
    assert.ok(parts.network >= 0 && parts.proof >= 0);
    assert.ok(Math.abs(parts.network + parts.proof - (objective - global!.lowerBound) / objective) < 1e-12);
    const before = { ...global!, searchedBound: undefined };
    assert.equal(gapPartsOf({ solution: { ...run.solution, global: before } }), undefined);
    assert.equal(runFault(run), undefined);
  });
});
