import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { certifyRelu, type ReluClaim } from '../../../src/core/certify/reluCertificate.ts';
import { fromRows, rowOf, toRows } from '../../../src/core/base/linalg/matrix.ts';
import { uncontrolled } from '../../../src/core/base/control.ts';
import { createRng } from '../../../src/core/base/rng.ts';
import { trainGradient } from '../../../src/core/descent/train.ts';
import { solve } from '../../../src/core/engine/solve.ts';
import { createDatafit, lossOf } from '../../../src/core/problem/datafits/losses.ts';
import { enumerateCells } from '../../../src/core/problem/patterns/enumerate.ts';
import { prepare } from '../../../src/core/problem/prepare.ts';
import { type BiasMode, biasModes, type LossName, type Problem } from '../../../src/core/problem/problem.ts';
import { randomProblem } from '../engine/problems.ts';

const losses = ['squared', 'huber', 'logistic', 'softmax'] as const satisfies readonly LossName[];
/** Problems whose optimum uses neurons, with every class. */
const seeds = { squared: 9, huber: 8, logistic: 12, softmax: 9 } as const;

function problemOf(seed: number, size: { n: number; d: number }, loss: LossName, bias: BiasMode, delta = 0.6): Problem {
  const outputs = loss === 'softmax' ? 3 : 1 + (seed % 2);
  const problem = randomProblem(
    seed,
    { ...size, outputs },
    {
      loss: lossOf(loss).targets === 'numbers' ? 'squared' : loss,
      delta,
      bias,
      model: 'relu',
      beta: 0.3,
      tolerance: 1e-8,
      arrangements: { kind: 'all' },
    },
  );
  return { ...problem, loss };
}

function everyClassOccurs({ y, outputs, loss }: Problem): boolean {
  if (loss === 'softmax') return new Set(y.data).size === outputs;
  return Array.from({ length: outputs }, (_, o) => toRows(y).map((row) => row[o])).every((t) => new Set(t).size === 2);
}

/** The network of a solution as a point over all cells: each neuron is in a cell of its own direction. */
function claimOf(problem: Problem): ReluClaim {
  const { X, penalizedCols, datafit, beta, bias, outputs } = prepare(problem);
  const { W1, b1, W2, b2 } = solve(problem, { certifySeconds: 0 }).network;
  const cells = enumerateCells(X, 1e4, uncontrolled)!.directions;
  const own = Array.from({ length: W1.rows }, (_, j) => [...rowOf(W1, j), ...(bias === 'none' ? [] : [b1[j]])]);
  const vectors = own.flatMap((w, j) =>
    Array.from({ length: outputs }, (_, output) => {
      const a = W2.data[j * outputs + output];
      const vector = Float64Array.from(w, (value) => Math.abs(a) * value);
      return { gate: cells.rows + j, output, sign: a > 0 ? (1 as const) : (-1 as const), vector };
    }).filter(({ vector }) => vector.some((value) => value !== 0)),
  );
  const gates = fromRows([...toRows(cells), ...own]);
  return { X, penalizedCols, gates, datafit, beta, vectors, ...(bias === 'free' ? { offset: b2 } : {}) };
}

/** Copies of a claim with one number changed by a thousandth of the largest of its kind. */
function tampered(claim: ReluClaim): ReluClaim[] {
  const largest = Math.max(...claim.vectors.flatMap(({ vector }) => Array.from(vector, Math.abs)));
  const moved = (values: Float64Array, k: number, size: number): Float64Array => {
    const copy = values.slice();
    copy[k] += 1e-3 * size;
    return copy;
  };
  const vectors = claim.vectors.flatMap((group, j) =>
    Array.from(group.vector, (_, k) => ({
      ...claim,
      vectors: claim.vectors.map((other, i) =>
        i === j ? { ...group, vector: moved(group.vector, k, largest) } : other,
      ),
    })),
  );
  const { offset } = claim;
  const offsets = offset === undefined ? [] : Array.from(offset, (_, o) => ({ ...claim, offset: moved(offset, o, 1) }));
  return [...vectors, ...offsets];
}

describe('the certificate of the cone-constrained program', () => {
  it('is right on one neuron by hand', () => {
    // X = 1, y = 3: the fit is 3 - beta, the objective beta (3 - beta) + beta^2 / 2, the dual point beta
    const claim = (u: number): ReluClaim => ({
      ...{ X: fromRows([[1]]), penalizedCols: 1, gates: fromRows([[1]]), beta: 0.5 },
      datafit: createDatafit('squared', fromRows([[3]]), 1),
      vectors: [{ gate: 0, output: 0, sign: 1, vector: Float64Array.of(u) }],
    });
    const best = certifyRelu(claim(2.5));
    assert.ok(Math.abs(best.objective - 1.375) <= 1e-15 && Math.abs(best.dualBound - 1.375) <= 1e-14);
    assert.ok(best.dualBound <= best.objective);
    assert.ok(Math.abs(best.gateConstraint[0] - 1) <= 1e-15 && Math.abs(best.betaMax - 3) <= 1e-15);
    assert.deepEqual(best.kkt, { stationarity: 0, cone: 0, complementarity: 0 });
    // V = 3 - u, its constraint (3 - u) / beta above 1: shortened to beta, worth beta 3 - beta^2 / 2 as before
    const short = certifyRelu(claim(2));
    assert.ok(Math.abs(short.gateConstraint[0] - 2) <= 1e-15 && Math.abs(short.dualBound - 1.375) <= 1e-14);
    assert.ok(Math.abs(short.objective - 1.5) <= 1e-15 && Math.abs(short.kkt.stationarity - 1) <= 1e-15);
    // outside its cone: it adds its product all the same, and the violation is told
    assert.equal(certifyRelu(claim(-1)).kkt.cone, 1);
  });

  for (const loss of losses) {
    for (const bias of biasModes) {
      it(`${loss}, bias ${bias}: accepts the optimum and no number of it changed by a thousandth`, () => {
        const claim = claimOf(problemOf(seeds[loss], { n: 12, d: bias === 'none' ? 2 : 1 }, loss, bias, 1.2));
        const best = certifyRelu(claim);
        assert.ok(claim.vectors.length > 1, 'the zero network shows nothing');
        assert.ok(best.relativeGap >= 0 && best.relativeGap <= 1e-8, `gap ${best.relativeGap}`);
        const { stationarity, cone, complementarity } = best.kkt;
        assert.ok(Math.max(stationarity, complementarity) <= 1e-5 && cone <= 1e-11, JSON.stringify(best.kkt));
        for (const other of tampered(claim)) {
          const { objective, dualBound, kkt } = certifyRelu(other);
          assert.ok(dualBound <= best.objective, `bound ${dualBound} above the optimum ${best.objective}`);
          // a smaller objective comes from outside the cones only
          assert.ok(objective >= best.dualBound || kkt.cone > 1e-6, `objective ${objective}`);
          const residual = Math.max(kkt.stationarity, kkt.cone, kkt.complementarity);
          assert.ok(residual > 1e-5, `accepted: ${JSON.stringify(kkt)}`);
          assert.ok(residual > 10 * Math.max(stationarity, complementarity));
        }
      });
    }
  }

  it('bounds every network from any dual point, over all cells of random small problems', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.constantFrom(...losses),
        fc.constantFrom(...biasModes),
        fc.integer({ min: 3, max: 6 }),
        fc.integer({ min: 1, max: 2 }),
        (seed, loss, bias, n, d) => {
          const rng = createRng(seed);
          const problem = { ...problemOf(seed, { n, d }, loss, bias), beta: Math.exp(2 * rng.normal() - 1) };
          // without one of the classes a free offset has no optimum
          fc.pre(bias !== 'free' || lossOf(loss).coercive || everyClassOccurs(problem));
          const prepared = prepare(problem);
          const { X, penalizedCols, datafit, beta, outputs } = prepared;
          const gates = enumerateCells(X, 1e4, uncontrolled)!.directions;
          const exact = solve(problem, { certifySeconds: 0 });
          const options = { rule: 'adam', seed, epochs: 150, batchSize: 0, learningRate: 0.05 } as const;
          const descended = trainGradient(prepared, { kind: 'relu', width: 8 }, options);
          const above = Math.min(exact.objective, descended.final, descended.merged);
          const offset = bias === 'free' ? { offset: Float64Array.from({ length: outputs }, () => rng.normal()) } : {};
          for (const size of [0, 0.1, 1, 10]) {
            // the direction of a cell is in its cone
            const vectors = Array.from({ length: gates.rows }, (_, gate) => {
              const length = size * rng.uniform();
              const sign = rng.uniform() < 0.5 ? (1 as const) : (-1 as const);
              const vector = gates.data.slice(gate * X.cols, (gate + 1) * X.cols).map((value) => length * value);
              return { gate, output: rng.integer(outputs), sign, vector };
            }).filter(() => size > 0);
            const claim = { X, penalizedCols, gates, datafit, beta, vectors, ...offset };
            // a certificate that is stopped at any moment is valid, only weaker
            const later = (): (() => boolean) => {
              let left = rng.integer(2 * gates.rows);
              return () => left-- <= 0;
            };
            const hurried = {
              quick: { quick: true },
              stopped: { shouldStop: later() },
              'given up': { giveUp: later() },
            };
            const whole = certifyRelu(claim);
            for (const [how, haste] of [['whole', {}], ...Object.entries(hurried)] as const) {
              const { dualBound, objective, kkt, gateConstraint, betaMax } = certifyRelu({ ...claim, ...haste });
              assert.ok(dualBound <= above, `${dualBound} > ${above} (${loss}, ${bias}, ${how})`);
              assert.ok(objective >= exact.dualBound && kkt.cone <= 1e-9, `${objective} < ${exact.dualBound}`);
              assert.ok(betaMax >= whole.betaMax * (1 - 1e-9), `${betaMax} < ${whole.betaMax} (${bias}, ${how})`);
              const floor = 1e-9 * Math.max(...whole.gateConstraint);
              whole.gateConstraint.forEach((value, gate) => {
                assert.ok(
                  gateConstraint[gate] >= value - floor,
                  `${gateConstraint[gate]} < ${value} (${bias}, ${how})`,
                );
              });
            }
          }
          assert.ok(descended.merged >= exact.dualBound, `${descended.merged} < ${exact.dualBound}`);
        },
      ),
      { seed: 5, numRuns: 40, includeErrorInReport: true },
    );
  });
});
