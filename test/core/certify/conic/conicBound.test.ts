import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createKernels } from '../../../../src/core/base/kernels/createKernels.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';
import { canBoundConically, type ConicBound, conicBound } from '../../../../src/core/certify/conic/conicBound.ts';
import { unitLines } from '../../../../src/core/certify/conic/lines.ts';
import { lineLoads, proveMajorant } from '../../../../src/core/certify/conic/majorant.ts';
import { dualBoundAt } from '../../../../src/core/certify/dual/bound.ts';
import { globalBound } from '../../../../src/core/certify/global/globalBound.ts';
import { solve } from '../../../../src/core/engine/solve.ts';
import { neuronsOfNetwork } from '../../../../src/core/network/mapping.ts';
import { prepare, type PreparedProblem } from '../../../../src/core/problem/prepare.ts';
import { biasModes, type LossName } from '../../../../src/core/problem/problem.ts';
import { randomProblem } from '../../engine/problems.ts';

/** The bound, recomputed from the dual point and the multipliers only. */
function checked(prepared: PreparedProblem, bound: ConicBound): number {
  const lines = unitLines(prepared.X, prepared.penalizedCols);
  let top = 0;
  for (const { output, sign, multipliers } of bound.parts) {
    const v = Float64Array.from({ length: prepared.X.rows }, (_, i) => sign * bound.V[i * prepared.outputs + output]);
    top = Math.max(top, proveMajorant(lines, lineLoads(lines, v), multipliers));
  }
  return dualBoundAt(prepared.datafit, bound.V, top / prepared.beta).value;
}

describe('conic bound over all networks', () => {
  it('is never above the objective that training reaches, for every loss and bias, and reaches it on some', () => {
    let closed = 0;
    let total = 0;
    const kernels = createKernels();
    for (const [at, loss] of (['squared', 'logistic', 'softmax'] as const satisfies readonly LossName[]).entries()) {
      for (const [k, bias] of biasModes.entries()) {
        const seed = 21 + 3 * at + k;
        const d = 2 + (seed % 3);
        const outputs = loss === 'softmax' ? 3 : 1 + (seed % 2);
        const base = randomProblem(seed, { n: 10, d, outputs }, { loss, bias, model: 'relu', beta: 1e6 });
        const arrangements = { kind: 'adaptive', seed: 1 } as const;
        const { betaMax } = solve({ ...base, arrangements }, { certifySeconds: 0, kernels });
        const problem = { ...base, arrangements, beta: [0.1, 0.3, 0.7][(at + k) % 3] * betaMax! };
        const prepared = prepare(problem);
        assert.ok(canBoundConically(prepared));
        const { networkObjective } = solve(problem, { certifySeconds: 0, kernels });
        const options = { seconds: 4, objective: networkObjective, tolerance: 1e-7, kernels };
        const bound = conicBound(prepared, options, uncontrolled);
        assert.ok(bound !== undefined);
        const value = checked(prepared, bound);
        assert.ok(value <= networkObjective * (1 + 1e-9), `${value} > ${networkObjective} (${loss}, ${bias})`);
        assert.ok(value > 0);
        total++;
        if (value >= networkObjective * (1 - 1e-5)) closed++;
      }
    }
    assert.ok(closed >= 1, `${closed} of ${total}`);
  });

  it('starts near the network where beta is far below its maximum: as much is proven in fewer steps', () => {
    const arrangements = { kind: 'adaptive', seed: 1 } as const;
    const choice = { loss: 'softmax', model: 'relu', beta: 1e6, arrangements } as const;
    const base = randomProblem(4, { n: 40, d: 3, outputs: 3 }, choice);
    const { betaMax } = solve(base, { certifySeconds: 0 });
    const problem = { ...base, beta: 0.002 * betaMax! };
    const prepared = prepare(problem);
    const { network, networkObjective } = solve(problem, { certifySeconds: 0 });
    const options = { seconds: 30, objective: networkObjective, tolerance: 0.4 };
    const from = neuronsOfNetwork(network, problem.bias);
    const near = conicBound(prepared, { ...options, network: from }, uncontrolled);
    const far = conicBound(prepared, options, uncontrolled);
    assert.ok(near !== undefined && far !== undefined);
    const [value, other] = [checked(prepared, near), checked(prepared, far)];
    assert.ok(value <= networkObjective * (1 + 1e-9));
    assert.ok(value > 0.99 * other, `${value} against ${other}`);
    assert.ok(near.steps < far.steps, `${near.steps} steps against ${far.steps}`);
  });

  it('goes on where the Huber loss is linear for most rows, with every bias', () => {
    for (const bias of biasModes) {
      const choice = { loss: 'huber', delta: 0.3, bias, model: 'relu', beta: 1e6 } as const;
      const base = randomProblem(2, { n: 40, d: 3 }, { ...choice, arrangements: { kind: 'adaptive', seed: 1 } });
      const { betaMax } = solve(base, { certifySeconds: 0 });
      const problem = { ...base, beta: 0.3 * betaMax! };
      const prepared = prepare(problem);
      const { networkObjective } = solve(problem, { certifySeconds: 0 });
      const bound = conicBound(prepared, { seconds: 2, objective: networkObjective, tolerance: 0.1 }, uncontrolled);
      assert.ok(bound !== undefined);
      const value = checked(prepared, bound);
      assert.ok(value <= networkObjective * (1 + 1e-9));
      assert.ok(value > 0.85 * networkObjective, `${value} of ${networkObjective} (${bias})`);
    }
  });

  it('bounds the hinge loss too, through a rounded corner', () => {
    const problem = randomProblem(5, { n: 20, d: 4, outputs: 1 }, { loss: 'hinge', model: 'relu', beta: 4 });
    const prepared = prepare(problem);
    const zero = prepared.datafit.value(new Float64Array(20));
    const options = { seconds: 4, objective: zero, tolerance: 1e-7 };
    const bound = conicBound(prepared, options, uncontrolled);
    assert.ok(bound !== undefined);
    const value = checked(prepared, bound);
    assert.ok(value > 0.05 * zero && value <= zero, `${value} of ${zero}`);
  });

  it('proves eight inputs optimal where cones leave a gap, and says which method did', () => {
    const problem = randomProblem(
      2,
      { n: 60, d: 8, outputs: 1 },
      { loss: 'logistic', model: 'relu', arrangements: { kind: 'adaptive', seed: 1 }, beta: 4 },
    );
    const prepared = prepare(problem);
    const solution = solve(problem, { certifySeconds: 0 });
    assert.ok(solution.groups.length > 0, 'the zero network proves nothing here');
    const bound = globalBound(prepared, solution.dual, solution.networkObjective, { seconds: 40 }, uncontrolled);
    assert.equal(bound.methods[0].method, 'conic');
    const cones = bound.methods.find(({ method }) => method !== 'conic');
    assert.ok(cones !== undefined && cones.lowerBound < bound.lowerBound);
    assert.ok(bound.lowerBound <= solution.networkObjective);
    assert.match(bound.reason, /conic relaxation/);
    assert.equal(checked(prepared, bound.conic!), bound.lowerBound);
  });

  it('answers a stop with the bound that it has', () => {
    const problem = randomProblem(3, { n: 80, d: 20, outputs: 1 }, { loss: 'squared', model: 'relu', beta: 3 });
    const prepared = prepare(problem);
    const objective = prepared.datafit.value(new Float64Array(80));
    let bounds = 0;
    let late = 0;
    const control = {
      ...uncontrolled,
      shouldStop: () => {
        if (bounds < 3) return false;
        late++;
        return true;
      },
    };
    const options = { seconds: 60, objective, tolerance: 1e-9, onBound: () => void bounds++ };
    const bound = conicBound(prepared, options, control);
    assert.ok(bound !== undefined && bounds === 3 && late < 5, `${bounds} ${late}`);
    assert.ok(checked(prepared, bound) <= objective);
  });
});
