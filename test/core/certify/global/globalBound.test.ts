import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { dualPointOf, globalBound } from '../../../../src/core/certify/global/globalBound.ts';
import { denseMatrix } from '../../../../src/core/base/linalg/matrix.ts';
import { networkFit, networkObjective } from '../../../../src/core/network/evaluate.ts';
import { neuronsOfNetwork } from '../../../../src/core/network/mapping.ts';
import type { TwoLayerNetwork } from '../../../../src/core/network/network.ts';
import { prepare } from '../../../../src/core/problem/prepare.ts';
import type { BiasMode, LossName, OutputPenalty, Problem } from '../../../../src/core/problem/problem.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { type Control, uncontrolled } from '../../../../src/core/base/control.ts';
import { solve } from '../../../../src/core/engine/solve.ts';
import { randomProblem, reference } from '../../engine/problems.ts';

function randomNetwork(seed: number, m: number, d: number, c: number, bias: BiasMode, scale: number): TwoLayerNetwork {
  const rng = createRng(seed);
  const draw = (n: number, s: number): Float64Array => Float64Array.from({ length: n }, () => s * rng.normal());
  return {
    W1: denseMatrix(m, d, draw(m * d, scale)),
    b1: bias === 'none' ? new Float64Array(m) : draw(m, scale),
    W2: denseMatrix(m, c, draw(m * c, scale)),
    b2: bias === 'free' ? draw(c, scale) : new Float64Array(c),
  };
}

/** A control whose clock goes on by a millisecond each time somebody looks: limits bound the work, whatever else the machine does. */
function ticking(): Control {
  let looks = 0;
  return { ...uncontrolled, now: () => looks++ / 1000 };
}

/** The proven bound that a network's own dual point gives, and the network's objective. */
function boundOf(problem: Problem, network: TwoLayerNetwork, seconds: number): { bound: number; objective: number } {
  const prepared = prepare(problem);
  const fit = networkFit(network, problem.X);
  const objective = networkObjective(
    network,
    problem.X,
    prepared.datafit,
    problem.beta,
    problem.outputPenalty,
    problem.bias,
  );
  const { lowerBound } = globalBound(prepared, dualPointOf(prepared, fit), objective, { seconds }, ticking());
  return { bound: lowerBound, objective };
}

describe('global lower bound', () => {
  for (const name of ['global_t03_xor_nobias', 'global_t06_rand_n12_d3', 'global_t12_disc_n12_log']) {
    it(`is exact on ${name}`, () => {
      const { problem, objective } = reference(name);
      const solution = solve({ ...problem, model: 'relu' }, {}, uncontrolled);
      const prepared = prepare(problem);
      const bound = globalBound(
        prepared,
        solution.dual,
        solution.objective,
        { seconds: 20, candidates: neuronsOfNetwork(solution.network, problem.bias).map(({ u }) => u) },
        ticking(),
      );
      assert.equal(bound.proof, 'exact');
      assert.ok(bound.lowerBound <= objective * (1 + 1e-9), `${bound.lowerBound} above the optimum ${objective}`);
      assert.ok(bound.lowerBound >= objective * (1 - 1e-6), `${bound.lowerBound} far below ${objective}`);
      assert.ok(bound.relativeGap < 1e-6);
      assert.match(bound.reason, /globally optimal/);
    });
  }

  it('stays below every random network, for every loss and bias mode (weak duality across networks)', () => {
    const losses: LossName[] = ['squared', 'logistic', 'softmax', 'hinge'];
    const biases: BiasMode[] = ['none', 'regularized', 'free'];
    const penalties: OutputPenalty[] = ['per-output', 'frobenius', 'nuclear'];
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.constantFrom(...losses),
        fc.constantFrom(...biases),
        fc.constantFrom(...penalties),
        fc.integer({ min: 1, max: 2 }),
        (seed, loss, bias, outputPenalty, d) => {
          const outputs = loss === 'softmax' ? 3 : 1 + (seed % 2);
          const rng = createRng(seed);
          const problem = randomProblem(
            seed,
            { n: 8, d, outputs },
            { loss, bias, outputPenalty, model: 'relu', beta: Math.exp(2 * rng.normal() - 1) },
          );
          // the dual point of one network bounds the objective of all of them
          const bounds = [0.1, 1].map((scale, k) =>
            boundOf(problem, randomNetwork(seed + k, 4, d, outputs, bias, scale), 0.02),
          );
          const objectives = bounds.map(({ objective }) => objective);
          for (let k = 0; k < 6; k++) {
            const network = randomNetwork(seed + 10 + k, 1 + k, d, outputs, bias, 0.3 * (k + 1));
            const { datafit } = prepare(problem);
            objectives.push(networkObjective(network, problem.X, datafit, problem.beta, outputPenalty, bias));
          }
          for (const { bound } of bounds) {
            for (const objective of objectives) {
              assert.ok(
                bound <= objective * (1 + 1e-12),
                `${bound} > ${objective} (${loss}, ${bias}, ${outputPenalty})`,
              );
            }
          }
        },
      ),
      { seed: 11, numRuns: 80 },
    );
  });

  it('stays below the optimum when the dual point is poor, and rises as the network improves', () => {
    const { problem, objective } = reference('global_t06_rand_n12_d3');
    const solution = solve({ ...problem, model: 'relu' }, {}, uncontrolled);
    const gaps = [1, 0.1, 0.01, 0].map((noise) => {
      const rng = createRng(5);
      const W1 = {
        ...solution.network.W1,
        data: solution.network.W1.data.map((w) => w + noise * rng.normal()),
      };
      const { bound } = boundOf(problem, { ...solution.network, W1 }, 10);
      assert.ok(bound <= objective * (1 + 1e-9));
      return objective - bound;
    });
    for (let k = 1; k < gaps.length; k++) assert.ok(gaps[k] < gaps[k - 1], gaps.join(' '));
  });

  it('is the zero network exactly at and above betaMax', () => {
    const base = randomProblem(3, { n: 10, d: 2 }, { model: 'relu' });
    const zero = { W1: denseMatrix(0, 2), b1: new Float64Array(0), W2: denseMatrix(0, 1), b2: new Float64Array(1) };
    const prepared = prepare(base);
    const V = dualPointOf(prepared, denseMatrix(10, 1));
    const { bracket } = globalBound(prepared, V, 1, { seconds: 5 }, ticking());
    const at = boundOf({ ...base, beta: bracket.upper }, zero, 5);
    assert.ok(Math.abs(at.bound - at.objective) <= 1e-12 * at.objective);
    const below = boundOf({ ...base, beta: 0.9 * bracket.lower }, zero, 5);
    assert.ok(below.bound < below.objective * (1 - 1e-4));
  });

  it('bounds by norms when there is no time, and says so', () => {
    const problem = randomProblem(8, { n: 40, d: 14 }, { model: 'relu', beta: 9 });
    const prepared = prepare(problem);
    const fit = denseMatrix(40, 1);
    const objective = prepared.datafit.value(fit.data);
    const bound = globalBound(prepared, dualPointOf(prepared, fit), objective, { seconds: 0 }, ticking());
    const longer = globalBound(prepared, dualPointOf(prepared, fit), objective, { seconds: 1 }, ticking());
    assert.ok(longer.lowerBound > bound.lowerBound);
    assert.equal(bound.proof, 'bound');
    assert.ok(bound.lowerBound > 0 && bound.lowerBound <= objective);
    assert.match(bound.reason, /norm bounds/);
  });

  it('answers a stop request with a valid bound', () => {
    const problem = randomProblem(4, { n: 60, d: 7 }, { model: 'relu', beta: 3 });
    const prepared = prepare(problem);
    const V = dualPointOf(prepared, denseMatrix(60, 1));
    const objective = prepared.datafit.value(new Float64Array(60));
    let polls = 0;
    const control = { ...ticking(), shouldStop: () => polls++ > 400 };
    const bound = globalBound(prepared, V, objective, { seconds: 60 }, control);
    assert.ok(polls < 410, 'went on after the request');
    assert.ok(bound.lowerBound >= 0 && bound.lowerBound <= objective);
  });
});
