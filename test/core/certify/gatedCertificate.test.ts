import assert from 'node:assert/strict';
import { test } from 'node:test';
import { patternsOfGates } from '../../../src/core/base/patterns.ts';
import { certifyGated, type GatedClaim } from '../../../src/core/certify/gatedCertificate.ts';
import { denseMatrix, fromRows } from '../../../src/core/base/linalg/matrix.ts';
import { createDatafit } from '../../../src/core/problem/datafits/losses.ts';
import type { OutputPenalty } from '../../../src/core/problem/problem.ts';
import { createRng } from '../../../src/core/base/rng.ts';
import { solve } from '../../../src/core/engine/solve.ts';
import { randomProblem } from '../engine/problems.ts';

/** One row x = (3, 4), y = 2, one gate that is on: min 1/2 (x'u - 2)^2 + ||u||, solved by u = 0.36 (0.6, 0.8). */
function oneRow(vector: readonly number[], dual?: number): GatedClaim {
  return {
    X: fromRows([[3, 4]]),
    patterns: patternsOfGates(fromRows([[3, 4]]), fromRows([[1, 0]])),
    datafit: createDatafit('squared', fromRows([[2]]), 1),
    beta: 1,
    penalty: 'per-output',
    blocks: vector.every((u) => u === 0) ? [] : [{ gate: 0, vector: Float64Array.from(vector) }],
    dual: dual === undefined ? undefined : Float64Array.of(dual),
  };
}

function near(actual: number, expected: number, tolerance = 1e-12): void {
  assert.ok(Math.abs(actual - expected) <= tolerance, `${actual} against ${expected}`);
}

test('the optimum of a one-row problem, by hand', () => {
  const certificate = certifyGated(oneRow([0.216, 0.288]));
  near(certificate.objective, 0.38);
  near(certificate.dualBound, 0.38);
  near(certificate.dual[0], 0.2);
  near(certificate.gateConstraint[0], 1);
  near(certificate.betaMax!, 10);
  near(certificate.kkt.stationarity, 0);
  near(certificate.kkt.complementarity, 0);
});

test('a wrong point: larger objective, valid bound, visible residuals', () => {
  const certificate = certifyGated(oneRow([0.3, 0]));
  // f = 0.9, v = 1.1, ||x|| v = 5.5 = M; t = 1/5.5, bound t v y - (t v)^2 / 2 = 0.4 - 0.02
  near(certificate.objective, 0.5 * 1.1 * 1.1 + 0.3);
  near(certificate.dualBound, 0.38, 1e-9);
  assert.ok(certificate.kkt.stationarity > 1);
  assert.ok(certificate.relativeGap > 0.5);
});

test('the zero network has the zero fit, and a dual point handed in is used when it is better', () => {
  const zero = certifyGated(oneRow([0, 0]));
  near(zero.objective, 2);
  near(zero.dualBound, 0.38, 1e-9);
  const tooSmall = certifyGated(oneRow([0, 0], 1e-3));
  near(tooSmall.dualBound, 0.38, 1e-9);
});

test('a dual point that is infeasible, or outside the domain, never gives a bound above the optimum', () => {
  const rng = createRng(1);
  for (const loss of ['squared', 'logistic', 'softmax', 'hinge'] as const) {
    for (const outputPenalty of ['per-output', 'frobenius', 'nuclear'] as const satisfies OutputPenalty[]) {
      const problem = randomProblem(3, { n: 12, d: 2, outputs: 3 }, { loss, outputPenalty, beta: 0.3, bias: 'none' });
      const solution = solve(problem);
      const datafit = createDatafit(loss, problem.y, 3);
      for (const size of [0.1, 1, 10]) {
        const certificate = certifyGated({
          X: problem.X,
          patterns: patternsOfGates(problem.X, solution.gates),
          datafit,
          beta: problem.beta,
          penalty: outputPenalty,
          blocks: [{ gate: 0, vector: Float64Array.from({ length: 6 }, () => rng.normal()) }],
          dual: Float64Array.from({ length: 36 }, () => size * rng.normal()),
        });
        assert.ok(certificate.dualBound <= solution.objective * (1 + 1e-12), `${loss}: bound above the optimum`);
        assert.ok(certificate.objective >= solution.dualBound * (1 - 1e-12), `${loss}: objective below the bound`);
      }
    }
  }
});

test('given up early, the bound is that of the dual points judged by then, and nothing is claimed beyond', () => {
  // enough rows for a look at `giveUp` within each dual point
  const { X, y } = randomProblem(4, { n: 60000, d: 4 });
  const rng = createRng(5);
  const gates = denseMatrix(
    30,
    4,
    Float64Array.from({ length: 120 }, () => rng.normal()),
  );
  const claim: GatedClaim = {
    X,
    patterns: patternsOfGates(X, gates),
    datafit: createDatafit('squared', y, 1),
    beta: 200,
    penalty: 'per-output',
    blocks: [{ gate: 7, vector: Float64Array.of(0.1, 0, 0, 0.2) }],
    dual: y.data.map((v) => v + 0.1 * rng.normal()),
  };
  let asked = 0;
  const whole = certifyGated({ ...claim, giveUp: () => (asked++, false) });
  assert.ok(asked >= 3, `${asked} looks`);
  let [last, bounds] = [0, 0];
  for (let allowed = 0; allowed < asked; allowed++) {
    let looks = 0;
    const cut = certifyGated({ ...claim, giveUp: () => looks++ >= allowed });
    assert.equal(cut.objective, whole.objective);
    assert.ok(cut.dualBound >= last && cut.dualBound <= whole.dualBound);
    assert.equal(cut.betaMax, undefined);
    if (cut.dualBound > last) bounds++;
    last = cut.dualBound;
    if (allowed === 0) {
      assert.equal(cut.dualBound, 0);
      assert.equal(cut.relativeGap, 1);
      assert.ok(cut.gateConstraint.every((x) => x === 0));
    }
  }
  assert.ok(bounds >= 1, 'the point handed in counts once it has been judged');
});
