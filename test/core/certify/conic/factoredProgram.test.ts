import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { uncontrolled } from '../../../../src/core/base/control.ts';
import { createReferenceKernels } from '../../../../src/core/base/kernels/reference.ts';
import { minimizeByMemory } from '../../../../src/core/base/linalg/limitedMemory.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { conicBound } from '../../../../src/core/certify/conic/conicBound.ts';
import { FactoredProgram } from '../../../../src/core/certify/conic/factoredProgram.ts';
import { solveFactored } from '../../../../src/core/certify/conic/factoredSolve.ts';
import { unitLines } from '../../../../src/core/certify/conic/lines.ts';
import { lineLoads, proveMajorant } from '../../../../src/core/certify/conic/majorant.ts';
import {
  type AtomShape,
  type RelaxedIterate,
  solveRelaxed,
} from '../../../../src/core/certify/conic/relaxedProgram.ts';
import { prepare } from '../../../../src/core/problem/prepare.ts';
import { randomProblem } from '../../engine/problems.ts';

const kernels = createReferenceKernels();

function relaxed(seed: number, n: number, d: number, outputs: number) {
  const prepared = prepare(randomProblem(seed, { n, d, outputs }, { loss: 'squared', model: 'relu', beta: 0.5 }));
  const lines = unitLines(prepared.X, prepared.penalizedCols);
  const { datafit, beta } = prepared;
  const shapes: AtomShape[] = [];
  for (let output = 0; output < outputs; output++) {
    for (const sign of [1, -1] as const) shapes.push({ output, sign, pairs: [], triangles: [] });
  }
  return { prepared, lines, shapes, program: { lines, datafit, beta, outputs, offset: false } };
}

describe('the relaxed program by its factors', () => {
  it('has the gradient of its value', () => {
    const { shapes, program } = relaxed(3, 12, 4, 2);
    const factored = new FactoredProgram(program, shapes, 3, kernels);
    factored.width = 0.02;
    const rng = createRng(5);
    const x = Float64Array.from({ length: factored.size }, () => 0.5 * rng.normal());
    const gradient = new Float64Array(factored.size);
    const scratch = new Float64Array(factored.size);
    factored.evaluate(x, gradient);
    for (let k = 0; k < x.length; k++) {
      const at = (step: number): number =>
        factored.evaluate(
          Float64Array.from(x, (v, e) => (e === k ? v + step : v)),
          scratch,
        );
      const slope = (at(1e-5) - at(-1e-5)) / 2e-5;
      assert.ok(Math.abs(slope - gradient[k]) < 1e-5 * (1 + Math.abs(slope)), `${k}: ${gradient[k]} against ${slope}`);
    }
  });

  it('reaches the value of the interior point, and proves nearly as much', () => {
    const { prepared, lines, shapes, program } = relaxed(7, 30, 5, 1);
    const objective = prepared.datafit.value(new Float64Array(30));
    let least = Infinity;
    solveRelaxed(program, shapes, { objective, kernels }, uncontrolled, (iterate: RelaxedIterate) => {
      least = Math.min(least, iterate.objective);
      return iterate.iteration < 40;
    });
    const tops: number[] = [];
    const end = solveFactored(program, shapes, { objective, network: [], kernels }, uncontrolled, (iterate) => {
      const V = new Float64Array(30);
      prepared.datafit.dualPoint(iterate.fit, V);
      const signed = shapes.map(({ sign }, k) => {
        const loads = lineLoads(
          lines,
          V.map((v) => sign * v),
        );
        return proveMajorant(lines, loads, iterate.multipliers(k, loads));
      });
      tops.push(Math.max(...signed) / program.beta);
      return 0;
    });
    const value = end?.value ?? 0;
    assert.ok(value >= least * (1 - 1e-6), `${value} below ${least}`);
    assert.ok(value <= least * 1.04, `${value} above ${least}`);
    // at the optimum the dual maximum over the relaxation is beta
    assert.ok(Math.min(...tops) < 1.3 && Math.min(...tops) > 0.99, tops.join(' '));
  });

  it('bounds problems that have too many inputs for an interior point', () => {
    const problem = randomProblem(2, { n: 30, d: 68, outputs: 1 }, { loss: 'logistic', model: 'relu', beta: 3 });
    const prepared = prepare(problem);
    const objective = prepared.datafit.value(new Float64Array(30));
    const options = { seconds: 20, objective, tolerance: 0.1 };
    const bound = conicBound(prepared, options, uncontrolled);
    assert.ok(bound?.pairs === 0);
    assert.ok(bound.limit <= objective);
  });
});

describe('descent with limited memory', () => {
  it('finds the minimum of a badly scaled valley', () => {
    let evaluations = 0;
    const valley = {
      size: 2,
      evaluate: ([x, y]: Float64Array, gradient: Float64Array): number => {
        evaluations++;
        gradient[0] = -400 * x * (y - x * x) - 2 * (1 - x);
        gradient[1] = 200 * (y - x * x);
        return 100 * (y - x * x) ** 2 + (1 - x) ** 2;
      },
    };
    const end = minimizeByMemory(valley, Float64Array.of(-1.2, 1), 200, () => true);
    assert.ok(Math.hypot(end[0] - 1, end[1] - 1) < 1e-6, `${end[0]} ${end[1]}`);
    assert.ok(evaluations < 120);
  });
});
