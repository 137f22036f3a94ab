import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { uncontrolled } from '../../../../src/core/base/control.ts';
import { factorSpd, solveSpd } from '../../../../src/core/base/linalg/cholesky.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { ActiveNeurons, type LocalProblem, type NeuronSeed } from '../../../../src/core/engine/relu/activeNeurons.ts';
import { minimizeInBox } from '../../../../src/core/base/systems/boxProgram.ts';
import { gradients } from '../../../../src/core/engine/relu/kinks.ts';
import { NeuronNewton } from '../../../../src/core/engine/relu/neuronNewton.ts';
import type { Kink } from '../../../../src/core/engine/relu/kinkSystem.ts';
import { newtonSystem } from '../../../../src/core/engine/relu/newtonSystem.ts';
import { prepare } from '../../../../src/core/problem/prepare.ts';
import { classifyRows } from '../../../../src/core/problem/patterns/rowClasses.ts';
import { randomProblem, reluProblem } from './support.ts';

/** A problem of the Newton method, and some neurons away from every kink. */
function local(
  seed: number,
  n: number,
  d: number,
  m: number,
  classes = 1,
): { problem: LocalProblem; seeds: NeuronSeed[] } {
  const random = randomProblem(seed, { n, d });
  const several = { y: random.X.map((_, i) => i % classes), loss: 'softmax' } as const;
  const { X, datafit, beta, penalizedCols } = prepare(reluProblem({ ...random, ...(classes > 1 ? several : {}), beta: 0.3 })); // prettier-ignore
  const rng = createRng(seed).fork('neurons');
  const seeds = Array.from({ length: m }, (_, j): NeuronSeed => {
    const u = Float64Array.from({ length: X.cols }, () => rng.normal());
    return { u, sign: j % 2 === 0 ? 1 : -1, output: j % classes };
  });
  return { problem: { X, classes: classifyRows(X), penalizedCols, datafit, beta, offset: false }, seeds };
}

/** Gradient of the objective in all coordinates, at neurons moved by x. */
function gradientAt(problem: LocalProblem, seeds: readonly NeuronSeed[], x: Float64Array): Float64Array {
  const d = problem.X.cols;
  const state = new ActiveNeurons(problem);
  state.set(seeds.map((seed, j) => ({ ...seed, u: seed.u.map((value, k) => value + x[j * d + k]) })));
  const V = new Float64Array(state.F.length);
  problem.datafit.dualPoint(state.F, V);
  gradients(state, V);
  return Float64Array.from(state.neurons.flatMap(({ gradient }) => [...gradient]));
}

// more rows than coordinates, and fewer: the two forms of the system, for one output and for several that the loss couples
for (const [n, d, m, classes] of [
  [60, 3, 4, 1],
  [8, 5, 3, 1],
  [30, 3, 4, 3],
  [8, 5, 6, 3],
] as const) {
  test(`gradient and Newton system by finite differences, ${n} rows, ${m * d} coordinates, ${classes} outputs`, () => {
    const { problem, seeds } = local(3, n, d, m, classes);
    const state = new ActiveNeurons(problem);
    state.set(seeds);
    const size = m * d;
    const V = new Float64Array(n * classes);
    const H = new Float64Array(n * classes * classes);
    problem.datafit.dualPoint(state.F, V);
    problem.datafit.hessian(state.F, H);
    const zero = new Float64Array(size);
    const g = gradientAt(problem, seeds, zero);
    const step = 1e-6;
    const moved = (k: number, by: number): Float64Array => zero.map((_, i) => (i === k ? by : 0));
    const valueAt = (x: Float64Array): number => {
      const other = new ActiveNeurons(problem);
      other.set(seeds.map((seed, j) => ({ ...seed, u: seed.u.map((value, k) => value + x[j * d + k]) })));
      return other.objective;
    };
    const K: Float64Array[] = [];
    for (let k = 0; k < size; k++) {
      const slope = (valueAt(moved(k, step)) - valueAt(moved(k, -step))) / (2 * step);
      assert.ok(Math.abs(slope - g[k]) <= 1e-6 * (1 + Math.abs(g[k])), `gradient ${k}: ${slope} and ${g[k]}`);
      const [after, before] = [gradientAt(problem, seeds, moved(k, step)), gradientAt(problem, seeds, moved(k, -step))];
      K.push(after.map((value, i) => (value - before[i]) / (2 * step)));
    }
    const system = newtonSystem(state, H, 0, () => false)!;
    const rng = createRng(5);
    const b = Float64Array.from({ length: size }, () => rng.normal());
    const times = (x: Float64Array): Float64Array =>
      Float64Array.from(K, (row) => row.reduce((s, value, i) => s + value * x[i], 0));
    // the right-hand side is a product, so that it lies in the range when there are fewer rows than lengths
    const rhs = times(b);
    const x = rhs.slice();
    system.solve(x);
    const again = times(x);
    rhs.forEach((value, i) => assert.ok(Math.abs(again[i] - value) <= 1e-5 * (1 + Math.abs(value)), `row ${i}`));
    const kinks: Kink[] = state.neurons.flatMap((neuron) => [0, 1, 2].map((k) => ({ neuron, k })));
    const Q = system.gram(kinks, () => false)!;
    kinks.forEach(({ neuron, k }, e) => {
      const column = new Float64Array(size);
      for (let j = 0; j < d; j++) column[neuron.at + j] = problem.classes.direction(k)[j];
      system.solve(column);
      kinks.forEach((other, f) => {
        let s = 0;
        for (let j = 0; j < d; j++) s += column[other.neuron.at + j] * problem.classes.direction(other.k)[j];
        const scale = Math.sqrt(Math.abs(Q[e * kinks.length + e] * Q[f * kinks.length + f]));
        assert.ok(Math.abs(s - Q[f * kinks.length + e]) <= 1e-8 * scale, `${e}, ${f}`);
      });
    });
    system.dispose();
  });
}

for (const [n, d, m] of [
  [60, 4, 4],
  [8, 5, 3],
] as const) {
  test(`classes that a step keeps: the Newton system without them, ${n} rows, ${m * d} coordinates`, () => {
    const { problem, seeds } = local(7, n, d, m);
    const state = new ActiveNeurons(problem);
    state.set(seeds);
    const V = new Float64Array(n);
    const H = new Float64Array(n);
    problem.datafit.dualPoint(state.F, V);
    problem.datafit.hessian(state.F, H);
    const [first, second] = state.neurons;
    assert.ok(state.hold(first, 0) && state.hold(first, 1) && state.hold(second, 2));
    state.clean(state.neurons);
    const rng = createRng(8);
    const b = Float64Array.from({ length: m * d }, () => rng.normal());
    // K^-1 of all steps, from which those that leave a held class are taken out by their multipliers
    first.loose = [...first.held];
    second.loose = [...second.held];
    const all = newtonSystem(state, H, 0.1, () => false)!;
    const kinks: Kink[] = [first, second].flatMap((neuron) => neuron.held.map((k) => ({ neuron, k })));
    const Q = all.gram(kinks, () => false)!;
    const x = b.slice();
    all.solve(x);
    const along = (vector: Float64Array, { neuron, k }: Kink): number =>
      Array.from({ length: d }, (_, j) => vector[neuron.at + j] * problem.classes.direction(k)[j]).reduce((s, v) => s + v, 0); // prettier-ignore
    const multipliers = Float64Array.from(kinks, (kink) => along(x, kink));
    assert.ok(factorSpd(Q, kinks.length));
    solveSpd(Q, kinks.length, multipliers);
    const expected = b.slice();
    kinks.forEach(({ neuron, k }, e) => {
      for (let j = 0; j < d; j++) expected[neuron.at + j] -= multipliers[e] * problem.classes.direction(k)[j];
    });
    all.solve(expected);
    all.dispose();
    first.loose = [];
    second.loose = [];
    const firm = newtonSystem(state, H, 0.1, () => false)!;
    const got = b.slice();
    firm.solve(got);
    for (const kink of kinks) assert.ok(Math.abs(along(got, kink)) <= 1e-10 * Math.hypot(...got));
    got.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) <= 1e-7 * Math.hypot(...expected), `${i}`));
    // what is left of a kept class cannot be moved, a free one as much as the difference says
    const free: Kink[] = [...kinks, { neuron: first, k: 3 }, { neuron: state.neurons[2], k: 0 }];
    const left = firm.gram(free, () => false)!;
    free.forEach((kink, e) => {
      const column = new Float64Array(m * d);
      for (let j = 0; j < d; j++) column[kink.neuron.at + j] = problem.classes.direction(kink.k)[j];
      firm.solve(column);
      const size = left[free.length ** 2 - 1];
      free.forEach((other, f) => {
        assert.ok(Math.abs(left[f * free.length + e] - along(column, other)) <= 1e-8 * size, `${e}, ${f}`);
      });
    });
    firm.dispose();
  });
}

test('Newton on kinks: the objective falls to a point that no small step of any neuron lowers', () => {
  for (let seed = 1; seed <= 4; seed++) {
    const { problem, seeds } = local(seed, 30, 3, 6);
    const newton = new NeuronNewton(problem);
    newton.setNeurons(seeds);
    const values = [newton.value];
    const result = newton.run({ tolerance: 1e-11, maxIterations: 200 }, uncontrolled, (objective) =>
      values.push(objective),
    );
    assert.ok(result.converged, `residual ${result.residual} after ${result.iterations} steps`);
    for (let k = 1; k < values.length; k++) assert.ok(values[k] <= values[k - 1] * (1 + 1e-12), `step ${k}`);
    const rng = createRng(seed).fork('steps');
    for (let trial = 0; trial < 50; trial++) {
      const other = new NeuronNewton(problem);
      const size = 10 ** -(2 + 4 * rng.uniform());
      other.setNeurons(
        result.neurons.map((neuron) => ({ ...neuron, u: neuron.u.map((value) => value + size * rng.normal()) })),
      );
      assert.ok(other.value >= result.objective * (1 - 1e-12), `lower by a step of ${size}`);
    }
  }
});

test('quadratic programs in a box: every variable is at a bound that holds it or at rest', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 30 }), fc.integer({ min: 1, max: 40 }), fc.integer(), (size, rank, seed) => {
      const rng = createRng(seed);
      const A = Float64Array.from({ length: size * rank }, () => rng.normal());
      const Q = new Float64Array(size * size);
      for (let i = 0; i < size; i++) {
        for (let j = 0; j < size; j++)
          for (let k = 0; k < rank; k++) Q[i * size + j] += A[i * rank + k] * A[j * rank + k];
        Q[i * size + i] += 1e-3;
      }
      const p = Float64Array.from({ length: size }, () => 3 * rng.normal());
      const low = Float64Array.from({ length: size }, () => -rng.uniform());
      const high = Float64Array.from({ length: size }, () => rng.uniform());
      const k = new Float64Array(size);
      const z = minimizeInBox(Q, p, { low, high }, k, { maxSteps: 8, shouldStop: () => false });
      const scale = 1 + Math.max(...p.map(Math.abs), ...Q.map(Math.abs));
      for (let c = 0; c < size; c++) {
        assert.ok(k[c] >= low[c] && k[c] <= high[c]);
        if (k[c] < high[c]) assert.ok(z[c] >= -1e-6 * scale, `variable ${c} would rise: ${z[c]}`);
        if (k[c] > low[c]) assert.ok(z[c] <= 1e-6 * scale, `variable ${c} would fall: ${z[c]}`);
      }
    }),
    { seed: 7, numRuns: 60 },
  );
});
