import assert from 'node:assert/strict';
import { test } from 'node:test';
import { solve } from '../../../../src/core/engine/solve.ts';
import { reference, relative, reluProblem } from './support.ts';

for (const name of ['r03_iris2_sq', 'l04_disc_log_relu', 'v07_iris3_relu_ova']) {
  void test(`reference ${name} on its gates`, () => {
    const { problem, objective } = reference(name);
    const solution = solve(reluProblem(problem));
    assert.equal(solution.status, 'optimal');
    assert.ok(relative(solution.objective, objective) <= 1e-10, `${solution.objective}, reference ${objective}`);
    assert.ok(solution.relativeGap <= 1e-10 && solution.relativeGap >= -1e-12);
    assert.ok(relative(solution.networkObjective, solution.objective) <= 1e-9);
    assert.ok(solution.kkt.stationarity <= 1e-8 && solution.kkt.cone <= 1e-12 && solution.kkt.complementarity <= 1e-10);
  });
}

for (const name of ['global_t03_xor_nobias', 'global_t06_rand_n12_d3', 'global_t12_disc_n12_log']) {
  void test(`reference ${name} over all networks, proven`, () => {
    const { problem, objective } = reference(name);
    const solution = solve(reluProblem(problem), { certifySeconds: 60 });
    assert.ok(relative(solution.objective, objective) <= 1e-10, `${solution.objective}, reference ${objective}`);
    assert.equal(solution.global?.proof, 'exact');
    assert.equal(solution.scope, 'all-arrangements');
    assert.ok(relative(solution.global.lowerBound, objective) <= 1e-6);
    assert.ok(solution.global.lowerBound <= solution.objective * (1 + 1e-12));
  });
}
