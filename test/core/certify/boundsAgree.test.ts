/**
 * Every way to a lower bound over all networks against every way to an objective, on random small problems: a bound above any objective is a false
 * proof, however it came about. Objectives are recomputed with formulas of the tests.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { uncontrolled } from '../../../src/core/base/control.ts';
import { denseMatrix, rowOf, toRows } from '../../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../../src/core/base/rng.ts';
import { canBoundConically, conicBound } from '../../../src/core/certify/conic/conicBound.ts';
import { dualBoundAt } from '../../../src/core/certify/dual/bound.ts';
import { dualPointOf, globalBound } from '../../../src/core/certify/global/globalBound.ts';
import { trainGradient } from '../../../src/core/descent/train.ts';
import { solve } from '../../../src/core/engine/solve.ts';
import { networkFit } from '../../../src/core/network/evaluate.ts';
import type { TwoLayerNetwork } from '../../../src/core/network/network.ts';
import { lossOf } from '../../../src/core/problem/datafits/losses.ts';
import { prepare } from '../../../src/core/problem/prepare.ts';
import { type BiasMode, biasModes, type LossName, type Problem } from '../../../src/core/problem/problem.ts';
import { randomProblem } from '../engine/problems.ts';
import { delta, lossOfRow } from '../formulas.ts';

const losses = ['squared', 'huber', 'logistic', 'softmax'] as const satisfies readonly LossName[];

/** Loss plus beta / 2 times the squared weights, per output: sum_j ||w_j||^2 + (sum_o |a_jo|)^2. */
function objectiveOf({ X, y, loss, beta, bias }: Problem, { W1, b1, W2, b2 }: TwoLayerNetwork): number {
  let total = 0;
  for (let j = 0; j < W1.rows; j++) {
    const outer = rowOf(W2, j).reduce((sum, a) => sum + Math.abs(a), 0);
    total += (beta / 2) * (rowOf(W1, j).reduce((sum, w) => sum + w * w, 0) + outer * outer);
    if (bias === 'regularized') total += (beta / 2) * b1[j] ** 2;
  }
  toRows(X).forEach((x, i) => {
    const f = Array.from(b2);
    for (let j = 0; j < W1.rows; j++) {
      const h = x.reduce((sum, value, k) => sum + value * W1.data[j * x.length + k], b1[j]);
      if (h > 0) f.forEach((_, o) => (f[o] += h * W2.data[j * f.length + o]));
    }
    total += lossOfRow[loss](f, Array.from(rowOf(y, i)));
  });
  return total;
}

function everyClassOccurs({ y, outputs, loss }: Problem): boolean {
  if (loss === 'softmax') return new Set(y.data).size === outputs;
  return Array.from({ length: outputs }, (_, o) => toRows(y).map((row) => row[o])).every((t) => new Set(t).size === 2);
}

function problemOf(seed: number, n: number, d: number, loss: LossName, bias: BiasMode): Problem {
  const outputs = loss === 'softmax' ? 2 + (seed % 2) : 1 + (seed % 2);
  const beta = Math.exp(2 * createRng(seed).normal() - 1);
  const model = { model: 'relu', outputPenalty: 'per-output', tolerance: 1e-7, arrangements: { kind: 'all' } } as const;
  const targets = lossOf(loss).targets === 'numbers' ? 'squared' : loss;
  return { ...randomProblem(seed, { n, d, outputs }, { ...model, loss: targets, beta, bias }), loss, delta };
}

describe('bounds over all networks', () => {
  it('are below the optimum of enumeration and below networks found by descent, from good and from poor dual points', () => {
    let conic = 0;
    let close = 0;
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.constantFrom(...losses),
        fc.constantFrom(...biasModes),
        fc.integer({ min: 3, max: 6 }),
        fc.integer({ min: 1, max: 2 }),
        (seed, loss, bias, n, d) => {
          const problem = problemOf(seed, n, d, loss, bias);
          fc.pre(bias !== 'free' || lossOf(loss).coercive || everyClassOccurs(problem));
          const prepared = prepare(problem);
          const rng = createRng(seed);
          const exact = solve(problem, { certifySeconds: 0 });
          const options = { rule: 'adam', seed, epochs: 300, batchSize: 0, learningRate: 0.03 } as const;
          const descended = trainGradient(prepared, { kind: 'relu', width: 6 }, options);
          const objectives = [exact.network, descended.network].map((network) => objectiveOf(problem, network));
          const least = Math.min(...objectives);
          const below = (bound: number, how: string): void =>
            assert.ok(bound <= least * (1 + 1e-12), `${how}: ${bound} > ${least} (${loss}, ${bias}, seed ${seed})`);
          below(exact.dualBound, 'enumeration');
          const noise = Float64Array.from({ length: n * problem.outputs }, () => rng.normal());
          const points = {
            'the optimum': exact.dual,
            descent: dualPointOf(prepared, networkFit(descended.network, problem.X)),
            'a random fit': dualPointOf(prepared, denseMatrix(n, problem.outputs, noise)),
          };
          // an objective that is not what keeps the bound down
          for (const [how, V] of Object.entries(points)) {
            for (const seconds of [0, 0.3]) {
              const { lowerBound } = globalBound(prepared, V, 2 * least + 1, { seconds }, uncontrolled);
              below(lowerBound, `${how}, ${seconds} s`);
              if (how === 'the optimum' && lowerBound > least * (1 - 1e-4)) close++;
            }
          }
          if (!canBoundConically(prepared)) return;
          const bound = conicBound(prepared, { seconds: 0.3, objective: least, tolerance: 1e-4 }, uncontrolled);
          if (bound === undefined) return;
          conic++;
          below(dualBoundAt(prepared.datafit, bound.V, bound.top / prepared.beta).value, 'conic');
        },
      ),
      { seed: 3, numRuns: 24, includeErrorInReport: true },
    );
    // the comparison is with bounds that say something
    assert.ok(conic > 5 && close > 9, `${conic} conic, ${close} close`);
  });
});
