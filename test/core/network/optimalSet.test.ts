import assert from 'node:assert/strict';
import { test } from 'node:test';
import { enumerateCells } from '../../../src/core/problem/patterns/enumerate.ts';
import { dot, fromRows, withOnesColumn } from '../../../src/core/base/linalg/matrix.ts';
import { type ConvexNeuron, neuronsOfNetwork } from '../../../src/core/network/mapping.ts';
import { essentialNeurons } from '../../../src/core/certify/optimalSet.ts';
import type { Problem } from '../../../src/core/problem/problem.ts';
import { createRng } from '../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../src/core/base/control.ts';
import type { Solution } from '../../../src/core/engine/solution/solution.ts';
import { solve } from '../../../src/core/engine/solve.ts';
import { randomProblem } from '../engine/problems.ts';

function adaptive(problem: Problem, seed = 1): Problem {
  return { ...problem, model: 'relu', arrangements: { kind: 'adaptive', seed } };
}

const proven = (problem: Problem): Solution => solve(adaptive(problem), { certifySeconds: 60 }, uncontrolled);

void test('neurons that the others can make up for are not essential among them', () => {
  const X = fromRows([
    [1, 0],
    [0, 1],
  ]);
  const of = (a: number, b: number): ConvexNeuron => ({ u: Float64Array.of(a, b), sign: 1, output: 0 });
  assert.deepEqual(essentialNeurons(X, [of(1, 0), of(0, 1)]), [true, true]);
  // (1, 1) is the sum of the other two, but they can only do without it when their lengths may grow
  assert.deepEqual(essentialNeurons(X, [of(1, 0), of(0, 1), of(1, 1)]), [false, false, false]);
  assert.deepEqual(essentialNeurons(X, [of(1, 0), of(1, 1), of(2, 2)]), [true, false, false]);
  // on for every row by the same amount: a free offset does as well
  assert.deepEqual(essentialNeurons(X, [of(1, 0), of(1, 1)], true), [true, false]);
});

void test('among many neurons only those that another one can replace are not essential', () => {
  const rng = createRng(9);
  const vector = (): Float64Array => Float64Array.from({ length: 6 }, () => rng.normal());
  const X = fromRows(Array.from({ length: 80 }, () => [...vector()]));
  const neurons = Array.from({ length: 30 }, (_, k): ConvexNeuron => ({
    u: vector(),
    sign: k % 3 === 0 ? -1 : 1,
    output: k % 2,
  }));
  assert.ok(essentialNeurons(X, neurons)!.every((is) => is));
  assert.ok(essentialNeurons(X, neurons, true)!.every((is) => is));
  // a twin of the first one: either will do for output 0, which says nothing about output 1
  const twin = { ...neurons[0], u: neurons[0].u.map((x) => 2.5 * x) };
  const expected = [...neurons.map((_, k) => k !== 0), false];
  assert.deepEqual(essentialNeurons(X, [...neurons, twin]), expected);
  assert.deepEqual(essentialNeurons(X, [...neurons, twin], true), expected);
  let left = 3;
  assert.equal(
    essentialNeurons(X, [...neurons, twin], false, () => left-- <= 0),
    undefined,
  );
});

void test('on a hexagon with equal targets two triangles of neurons do equally well, so that none is in every optimum', () => {
  const rng = createRng(5);
  for (let round = 0; round < 6; round++) {
    const turn = 6 * rng.uniform();
    const scale = 0.5 + rng.uniform();
    const rows = Array.from({ length: 6 }, (_, k) => {
      const angle = turn + (k * Math.PI) / 3;
      return [scale * Math.cos(angle), scale * Math.sin(angle)];
    });
    // the second output belongs to one neuron alone, whatever the first does
    const y = rows.map(([a]) => [1, Math.max(0, a)]);
    const problem = { ...randomProblem(1, { n: 6, d: 2, outputs: 2 }), bias: 'none' as const };
    const solution = proven({ ...problem, X: fromRows(rows), y: fromRows(y), beta: 0.2 * scale });
    const set = solution.optimalSet!;
    assert.equal(set.scope, 'proven');
    neuronsOfNetwork(solution.network, 'none').forEach(({ output }, j) => {
      assert.equal(set.presence[j], output === 0 ? 'not every' : 'every', `output ${output}, turn ${turn}`);
    });
    assert.equal(set.directions, 7);
    // no neuron is left that could be pruned: independent fits
    assert.ok(solution.network.W1.rows <= 5 + 1, `${solution.network.W1.rows} neurons`);
  }
});

void test('in every optimum exactly when the program without its cell is dearer, for neurons inside a cell', () => {
  let checked = 0;
  let replaceable = 0;
  for (let seed = 1; seed <= 24; seed++) {
    const logistic = seed % 3 === 0;
    const bias = seed % 2 === 0 ? ('none' as const) : ('regularized' as const);
    const base = randomProblem(
      seed,
      { n: 7, d: bias === 'none' ? 2 : 1 },
      { bias, loss: logistic ? 'logistic' : 'squared' },
    );
    const top = solve(adaptive({ ...base, beta: 1e3 }), {}, uncontrolled).betaMax!;
    const problem = { ...base, beta: 0.15 * top, tolerance: 1e-9 };
    const solution = proven(problem);
    const set = solution.optimalSet!;
    assert.equal(set.scope, 'proven', `seed ${seed}`);
    assert.equal(set.presence.length, solution.network.W1.rows);
    const X = bias === 'none' ? problem.X : withOnesColumn(problem.X);
    const cells = enumerateCells(X, 1e5, uncontrolled)!;
    neuronsOfNetwork(solution.network, bias).forEach(({ u }, j) => {
      const products = Array.from({ length: X.rows }, (_, i) => dot(X.data.subarray(i * X.cols, (i + 1) * X.cols), u));
      if (products.some((t) => Math.abs(t) < 1e-6)) return;
      const kept: number[][] = [];
      for (let p = 0; p < cells.directions.rows; p++) {
        const g = cells.directions.data.subarray(p * X.cols, (p + 1) * X.cols);
        const own = products.every((t, i) => t > 0 === dot(X.data.subarray(i * X.cols, (i + 1) * X.cols), g) > 0);
        if (!own) kept.push(Array.from(g));
      }
      const without = solve(
        { ...problem, model: 'relu', arrangements: { kind: 'given', gates: fromRows(kept) } },
        {},
        uncontrolled,
      );
      const dearer = without.dualBound > solution.objective * (1 + 1e-7);
      assert.equal(set.presence[j] === 'every', dearer, `seed ${seed} neuron ${j}: ${set.presence[j]}`);
      checked++;
      if (!dearer) replaceable++;
    });
  }
  assert.ok(checked >= 20, `${checked} neurons inside cells`);
  assert.ok(replaceable < checked);
});

void test('with a free bias, and without time for a proof, only the neurons at hand are compared', () => {
  const free = proven(randomProblem(3, { n: 8, d: 1 }, { bias: 'free', beta: 0.3 }));
  assert.equal(free.optimalSet!.scope, 'found');
  assert.equal(free.optimalSet!.directions, undefined);
  const quick = solve(adaptive(randomProblem(3, { n: 8, d: 2 }, { beta: 0.3 })), {}, uncontrolled);
  assert.equal(quick.optimalSet!.scope, 'found');
  const large = adaptive(randomProblem(3, { n: 40, d: 8 }, { beta: 8 }));
  const wide = solve(large, { certifySeconds: 1 }, uncontrolled);
  assert.equal(wide.optimalSet!.scope, 'found');
});

void test('the zero network has nothing to tell about', () => {
  const problem = randomProblem(4, { n: 6, d: 2 }, { beta: 1e4 });
  const { optimalSet, network } = proven(problem);
  assert.equal(network.W1.rows, 0);
  assert.deepEqual(optimalSet!.presence, []);
});
