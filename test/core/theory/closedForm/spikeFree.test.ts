import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gateOnEverywhere, spikeFreeTest } from '../../../../src/core/theory/closedForm/spikeFree.ts';
import { denseMatrix, fromRows } from '../../../../src/core/base/linalg/matrix.ts';
import type { Problem } from '../../../../src/core/problem/problem.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';
import { solve } from '../../../../src/core/engine/solve.ts';

interface Case {
  readonly name: string;
  readonly X: number[][];
  readonly y: number[];
  readonly beta: number;
  readonly expected: { readonly objective: number; readonly counter_example: { readonly X: number[][] } };
}
const cases = JSON.parse(
  readFileSync(new URL('../../../fixtures/analytic_cases.json', import.meta.url), 'utf8'),
) as Case[];
const named = (start: string): Case => cases.find(({ name }) => name.startsWith(start))!;

test('the analytic cases', () => {
  const { X, expected } = named('D5');
  assert.equal(spikeFreeTest(fromRows(X)).spikeFree, true);
  assert.equal(spikeFreeTest(fromRows(expected.counter_example.X)).spikeFree, false);
  assert.equal(
    spikeFreeTest(
      fromRows([
        [1, 0],
        [0, 1],
      ]),
    ).spikeFree,
    true,
  );
});

test('two independent rows are spike-free exactly when their product is not negative', () => {
  const rng = createRng(5);
  for (let trial = 0; trial < 50; trial++) {
    const rows = [0, 1].map(() => Array.from({ length: 3 }, () => rng.normal()));
    const product = rows[0].reduce((sum, value, k) => sum + value * rows[1][k], 0);
    assert.equal(spikeFreeTest(fromRows(rows)).spikeFree, product >= 0, String(product));
  }
});

test('on independent rows a random direction never contradicts the answer', () => {
  // spike-free: the least preimage of (Xu)_+ is never longer than u; otherwise some direction shows a longer one
  const rng = createRng(11);
  let refuted = 0;
  for (let trial = 0; trial < 60; trial++) {
    const rows = Array.from({ length: 3 }, () =>
      Array.from({ length: 3 }, (_, k) => rng.normal() + (k === 0 ? 1.2 : 0)),
    );
    const X = fromRows(rows);
    const { spikeFree } = spikeFreeTest(X);
    assert.ok(spikeFree !== null);
    let longest = 0;
    for (let k = 0; k < 3000; k++) {
      // u = X^-1 (q - p) for random parts: preimage of q against u itself
      const image = Array.from({ length: 3 }, () => rng.normal() * 10 ** (2 * rng.uniform() - 1));
      const u = solve3(rows, image);
      const z = solve3(
        rows,
        image.map((value) => Math.max(0, value)),
      );
      longest = Math.max(longest, Math.hypot(...z) / Math.hypot(...u));
    }
    if (spikeFree) assert.ok(longest <= 1 + 1e-9, String(longest));
    else refuted += longest > 1 ? 1 : 0;
  }
  assert.ok(refuted > 5);
});

/** Cramer's rule. */
function solve3(rows: number[][], b: number[]): number[] {
  const det = (m: number[][]): number =>
    m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
    m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
    m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]);
  const whole = det(rows);
  return [0, 1, 2].map((k) => det(rows.map((row, i) => row.map((value, j) => (j === k ? b[i] : value)))) / whole);
}

test('rank one: free exactly for factors of one sign; dependent rows in general are refuted', () => {
  assert.equal(
    spikeFreeTest(
      fromRows([
        [1, 2],
        [2, 4],
        [0.5, 1],
      ]),
    ).spikeFree,
    true,
  );
  assert.equal(
    spikeFreeTest(
      fromRows([
        [1, 2],
        [-2, -4],
        [0.5, 1],
      ]),
    ).spikeFree,
    false,
  );
  const rng = createRng(3);
  const tall = denseMatrix(
    8,
    2,
    Float64Array.from({ length: 16 }, () => rng.normal()),
  );
  assert.equal(spikeFreeTest(tall).spikeFree, false);
  assert.equal(spikeFreeTest(denseMatrix(2, 2)).spikeFree, null);
});

test('on spike-free data one gate that is on everywhere gives the optimum over all patterns', () => {
  const { y, beta, expected, ...data } = named('D6');
  const X = fromRows(data.X);
  assert.equal(spikeFreeTest(X).spikeFree, true);
  const gates = gateOnEverywhere(X);
  assert.ok(gates !== undefined);
  const base: Problem = {
    X,
    y: denseMatrix(y.length, 1, Float64Array.from(y)),
    outputs: 1,
    model: 'relu',
    loss: 'squared',
    beta,
    arrangements: { kind: 'all' },
    outputPenalty: 'per-output',
    bias: 'none',
    tolerance: 1e-9,
  };
  const all = solve(base, { certifySeconds: 0 }, uncontrolled).objective;
  const one = solve({ ...base, arrangements: { kind: 'given', gates } }, { certifySeconds: 0 }, uncontrolled).objective;
  assert.ok(Math.abs(all - one) <= 1e-8 * all, `${all} ${one}`);
  assert.ok(Math.abs(all - expected.objective) <= 5e-6, String(all));
});
