// The Newton systems of the gated engine: every way of solving one solves the same equations.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createKernels } from '../../../src/core/base/kernels/createKernels.ts';
import { createRng } from '../../../src/core/base/rng.ts';
import { gatesOf } from '../../../src/core/engine/gated/gates.ts';
import type { ActivePart } from '../../../src/core/engine/gated/newtonAssembly.ts';
import { NewtonSystem } from '../../../src/core/engine/gated/newtonSystem.ts';
import { type GatedProgram, gatedProgram } from '../../../src/core/engine/gated/program.ts';
import { prepare } from '../../../src/core/problem/prepare.ts';
import type { LossName, OutputPenalty } from '../../../src/core/problem/problem.ts';
import { randomProblem } from './problems.ts';

/** Some gates whose blocks have an active group: the only one, or some of several. */
function someActive(program: GatedProgram, count: number, seed: number): ActivePart {
  const rng = createRng(seed);
  const size = program.features * program.outputs;
  const gates = Int32Array.from({ length: count }, (_, k) => Math.floor((k * program.gates) / count));
  const W = Float64Array.from({ length: count * size }, () => rng.normal());
  const threshold = 0.6 * Math.sqrt(program.features);
  for (let k = 0; program.penalty.groups === 1 && k < count; k++) {
    const block = W.subarray(k * size, (k + 1) * size);
    const scale = (threshold * (1.05 + rng.uniform())) / Math.hypot(...block);
    for (let i = 0; i < size; i++) block[i] *= scale;
  }
  return { gates, W, threshold, sigma: 3 };
}

/** Largest entry of x + S (g + sigma M x), over the largest of x. */
function residual(
  program: GatedProgram,
  system: NewtonSystem,
  part: ActivePart,
  L: Float64Array,
  g: Float64Array,
  x: Float64Array,
): number {
  const { rows, outputs: c, datafit } = program;
  const w = datafit.factorCols;
  const Mx = new Float64Array(rows * c);
  system.apply(part, x, Mx);
  let [worst, largest] = [0, 0];
  for (let r = 0; r < rows; r++) {
    for (let o = 0; o < c; o++) {
      let s = x[r * c + o];
      for (let p = 0; p < c; p++) {
        let curvature = 0;
        for (let v = 0; v < w; v++) curvature += L[(r * c + o) * w + v] * L[(r * c + p) * w + v];
        s += curvature * (g[r * c + p] + part.sigma * Mx[r * c + p]);
      }
      worst = Math.max(worst, Math.abs(s));
      largest = Math.max(largest, Math.abs(x[r * c + o]));
    }
  }
  return worst / largest;
}

const kinds: readonly (readonly [LossName, number, OutputPenalty])[] = [
  ['squared', 1, 'per-output'],
  ['logistic', 1, 'per-output'],
  ['squared', 3, 'frobenius'],
  ['squared', 2, 'per-output'],
  ['softmax', 3, 'frobenius'],
  ['softmax', 3, 'per-output'],
];

for (const [loss, outputs, outputPenalty] of kinds) {
  test(`steps solve their systems: ${loss} loss, ${outputs} outputs, ${outputPenalty} penalty`, () => {
    const kernels = createKernels();
    const used = new Set<string>();
    for (const [n, d, actives] of [
      [300, 3, [4, 7, 5, 9]],
      [40, 6, [30, 25]],
    ] as const) {
      const problem = {
        ...randomProblem(5, { n, d, outputs }, { loss }),
        outputPenalty,
        arrangements: { kind: 'sampled', count: 40, seed: 1 },
      } as const;
      const prepared = prepare(problem);
      const { gateSet } = gatesOf(problem, prepared, { shouldStop: () => false, now: () => 0 }, kernels);
      const program = gatedProgram(prepared, gateSet, kernels);
      const system = new NewtonSystem(program, () => false);
      const rng = createRng(n);
      for (const [step, active] of actives.entries()) {
        // the fit moves at every other step, and with it the curvature of some losses
        const F = Float64Array.from({ length: n * program.outputs }, () => (step >> 1) * rng.normal());
        const L = new Float64Array(n * program.outputs * program.datafit.factorCols);
        program.datafit.hessianFactor(F, L);
        const part = someActive(program, Math.min(active, program.gates), step);
        const g = Float64Array.from({ length: n * program.outputs }, () => rng.normal());
        const x = new Float64Array(g.length);
        assert.ok(system.solve(part, L, g, { relative: 1e-10, consistent: true }, x));
        const error = residual(program, system, part, L, g, x);
        assert.ok(
          error < 1e-7,
          `${n} rows, ${active} gates, step ${step}: residual ${error} by ${system.methodsUsed.join()}`,
        );
      }
      for (const method of system.methodsUsed) used.add(method);
      system.dispose();
      program.operator.dispose();
    }
    assert.ok(used.has('Woodbury') && used.size > 1, [...used].join());
  });
}
