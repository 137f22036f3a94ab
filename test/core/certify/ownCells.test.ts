import assert from 'node:assert/strict';
import test from 'node:test';
import { createReferenceKernels } from '../../../src/core/base/kernels/reference.ts';
import { createWasmKernels } from '../../../src/core/base/kernels/wasmKernels.ts';
import { denseMatrix, rowNorms, rowOf } from '../../../src/core/base/linalg/matrix.ts';
import { distinctGates, patternsOfGates } from '../../../src/core/base/patterns.ts';
import { createRng } from '../../../src/core/base/rng.ts';
import { activationsOf, certifyByReach } from '../../../src/core/certify/ownCells.ts';
import { certifyRelu } from '../../../src/core/certify/reluCertificate.ts';
import { reachOfRows } from '../../../src/core/certify/rowNormBound.ts';
import { createDatafit } from '../../../src/core/problem/datafits/losses.ts';

const [n, d, outputs] = [5003, 4, 2];

/** Neurons of which some stand on rows, to rounding, among rows of which some are zero and some repeat; a last column of ones with a free bias. */
function setup(free: boolean) {
  const rng = createRng(3);
  const X = denseMatrix(n, d);
  X.data.forEach((_, k) => (X.data[k] = free && k % d === d - 1 ? 1 : rng.normal()));
  if (!free) X.data.fill(0, 10 * d, 12 * d);
  rowOf(X, 5000).set(rowOf(X, 7));
  const directions = denseMatrix(6, d);
  for (let j = 0; j < 6; j++) {
    const u = rowOf(directions, j);
    for (let k = 0; k < d; k++) u[k] = 0.1 * rng.normal();
    // across row 7, as nearly as numbers can be
    const row = rowOf(X, 7 + 4096 * (j & 1));
    const [along, squares] = [u, row].map((a) => a.reduce((s, x, k) => s + x * row[k], 0));
    if (j < 4) for (let k = 0; k < d; k++) u[k] -= (along / squares) * row[k];
  }
  const y = denseMatrix(n, outputs);
  y.data.forEach((_, k) => (y.data[k] = rng.normal()));
  const neurons = Array.from({ length: 6 }, (_, j) => {
    return { u: rowOf(directions, j), sign: j % 3 === 0 ? (-1 as const) : (1 as const), output: j & 1 };
  });
  return { X, directions, neurons, y };
}

for (const [name, create] of [
  ['plain', createReferenceKernels],
  ['WebAssembly', () => createWasmKernels()!],
] as const) {
  for (const free of [false, true]) {
    test(`${name} kernels, ${free ? 'a free bias' : 'no bias'}: neurons by one way through the data are as their certificate has them`, () => {
      const { X, directions, neurons, y } = setup(free);
      const kernels = create();
      const norms = rowNorms(X);
      const { patterns, fit } = activationsOf(X, () => norms, neurons, outputs, kernels);
      assert.deepEqual(patterns, patternsOfGates(X, directions));
      const { gates, indexOf } = distinctGates(X, directions);
      const penalizedCols = free ? d - 1 : d;
      const vectors = neurons.map(({ u, ...rest }, j) => ({ ...rest, vector: u, gate: indexOf[j] }));
      const offset = free ? { offset: Float64Array.of(0.2, -0.3) } : {};
      const datafit = createDatafit('squared', y, outputs);
      const claim = { X, penalizedCols, gates, datafit, beta: 3, vectors, ...offset };
      const exact = certifyRelu({ ...claim, quick: true });
      const reach = reachOfRows(X, penalizedCols, norms);
      const found = certifyByReach({ ...claim, fit, reach });
      for (const [k, value] of exact.fit.entries()) assert.ok(Math.abs(found.fit[k] - value) <= 1e-13);
      assert.ok(Math.abs(found.objective - exact.objective) <= 1e-13 * exact.objective);
      assert.equal(found.penalty, exact.penalty);
      assert.ok(Math.abs(found.kkt.complementarity - exact.kkt.complementarity) <= 1e-12);
      // one number for all gates, above what any of them has
      assert.ok(found.gateConstraint.every((value, gate) => value >= exact.gateConstraint[gate]));
      assert.ok(found.dualBound > 0 && found.dualBound <= exact.dualBound);
      assert.equal(
        certifyRelu(claim, () => true),
        undefined,
      );
    });
  }
}
