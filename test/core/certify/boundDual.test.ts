/**
 * `dual` of a result file is the point that proves its `dualBound`. Checked from problem and result alone, with formulas written down here: the conjugates
 * of the losses, and the dual constraints by listing candidates (bare hands geometry in two and three dimensions). Nothing of the product is called.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRng } from '../../../src/core/base/rng.ts';
import { parseProblemFile } from '../../../src/core/problem/problemFile.ts';
import { solveToRecord } from '../../../src/core/family/solveToRecord.ts';
import { uncontrolled } from '../../../src/core/base/control.ts';

type Rows = number[][];

interface Given {
  readonly X: Rows;
  readonly y: number[] | Rows;
  readonly beta: number;
  readonly loss: 'squared' | 'logistic' | 'softmax' | 'hinge';
  readonly model: string;
  readonly bias: 'none' | 'regularized' | 'free';
  readonly outputPenalty?: string;
  readonly [more: string]: unknown;
}

interface Result {
  readonly status: string;
  readonly objective: number;
  readonly dualBound: number;
  readonly relativeGap: number;
  readonly dual: number[] | Rows;
  readonly gates?: Rows;
  readonly scope: string;
  readonly global?: { readonly lowerBound: number; readonly relativeGap: number; readonly dual?: number[] | Rows };
}

const asRows = (a: number[] | Rows): Rows => a.map((x: number | number[]) => (Array.isArray(x) ? x : [x]));
const dot = (a: readonly number[], b: readonly number[]): number => a.reduce((s, x, k) => s + x * b[k], 0);
const norm = (a: readonly number[]): number => Math.sqrt(dot(a, a));
/** (1 - p) ln(1 - p) without cancellation. */
const complement = (p: number): number => (p < 1 ? (1 - p) * Math.log1p(-p) : 0);
const xlogx = (p: number): number => (p > 0 ? p * Math.log(p) : 0);

/** `looks`: how often the solve may look for a stop before it gets one. */
function solved(given: Given, certifySeconds = 1, looks = Infinity): Result {
  const text = JSON.stringify({ format: 'convexnet-problem/1', ...given });
  const problem = parseProblemFile(text, 'p.json', () => '');
  let asked = 0;
  const control = { ...uncontrolled, shouldStop: () => ++asked > looks };
  const { record } = solveToRecord(problem, { certifySeconds }, control);
  return JSON.parse(JSON.stringify(record)) as Result;
}

/** -l*(-V) by the formulas of the textbooks. */
function dualValue({ loss, y }: Given, V: Rows): number {
  let total = 0;
  V.forEach((v, i) => {
    if (loss === 'softmax') {
      assert.ok(Math.abs(v.reduce((a, b) => a + b, 0)) <= 1e-14, 'rows of a softmax dual point sum to zero');
      v.forEach((value, k) => {
        const p = (k === y[i] ? 1 : 0) - value;
        assert.ok(p >= -1e-14 && p <= 1 + 1e-14, `probability ${p}`);
        total -= k === y[i] ? complement(value) : xlogx(p);
      });
      return;
    }
    v.forEach((value, o) => {
      const target = asRows(y)[i][o];
      if (loss === 'squared') total += target * value - (value * value) / 2;
      else {
        const p = target * value;
        assert.ok(p >= 0 && p <= 1, `p = ${p}`);
        total += loss === 'hinge' ? p : -xlogx(p) - complement(p);
      }
    });
  });
  return total;
}

const effective = ({ X, bias }: Given): Rows => (bias === 'none' ? X : X.map((row) => [...row, 1]));

/** Rays, facets and edges on which a linear function may have its maximum over a cone {s_i x_i'u >= 0} cut by the ball; 2 or 3 dimensions. */
function candidates(X: Rows, g: readonly number[]): Rows {
  const list: Rows = [g.slice()];
  if (g.length === 2) for (const [a, b] of X) list.push([-b, a], [b, -a]);
  if (g.length === 3) {
    X.forEach((x, i) => {
      const square = dot(x, x);
      if (square > 0) list.push(g.map((v, k) => v - (dot(g, x) / square) * x[k]));
      for (let j = 0; j < i; j++) {
        const z = X[j];
        const e = [x[1] * z[2] - x[2] * z[1], x[2] * z[0] - x[0] * z[2], x[0] * z[1] - x[1] * z[0]];
        list.push(
          e,
          e.map((v) => -v),
        );
      }
    });
  }
  return list;
}

/** max over u in the cone, ||u|| <= 1, of g'u. With a free bias and one feature: over |w| = 1, kinks at rows. */
function coneMaximum(given: Given, X: Rows, signs: readonly number[], g: readonly number[]): number {
  const free = given.bias === 'free';
  const list = free ? [1, -1].flatMap((w) => X.map((x) => [w, -w * x[0]])) : candidates(X, g);
  if (free && signs.every((s) => s > 0)) return Math.abs(g[0]);
  let top = 0;
  for (const u of list) {
    const size = free ? 1 : norm(u);
    if (!(size > 1e-12)) continue;
    const inside = X.every((x, i) => (signs[i] * dot(x, u)) / size >= -1e-9 * (1 + norm(x)));
    if (inside) top = Math.max(top, dot(g, u) / size);
  }
  return top;
}

/** X'D V, c columns. */
function slopes(X: Rows, on: readonly boolean[], V: Rows): Rows {
  return V[0].map((_, o) => X[0].map((__, k) => X.reduce((s, x, i) => s + (on[i] ? x[k] * V[i][o] : 0), 0)));
}

function spectral(A: Rows): number {
  // largest eigenvalue of the Gram matrix of two columns
  if (A.length === 1) return norm(A[0]);
  const [a, b, c] = [dot(A[0], A[0]), dot(A[0], A[1]), dot(A[1], A[1])];
  return Math.sqrt((a + c) / 2 + Math.hypot((a - c) / 2, b));
}

/** Largest dual constraint over the patterns of gate directions. */
function constraint(given: Given, gates: Rows, V: Rows): number {
  const X = effective(given);
  let top = 0;
  for (const gate of gates) {
    const g = gate.length < X[0].length ? [...gate, 0] : gate;
    const on = X.map((x) => dot(x, g) >= 0);
    const columns = slopes(X, on, V);
    if (given.model === 'gated-relu') {
      const value =
        given.outputPenalty === 'nuclear'
          ? spectral(columns)
          : given.outputPenalty === 'frobenius'
            ? norm(columns.flat())
            : Math.max(...columns.map(norm));
      top = Math.max(top, value);
      continue;
    }
    const signs = on.map((is) => (is ? 1 : -1));
    const along = (s: readonly number[]): number =>
      coneMaximum(
        given,
        X,
        signs,
        X[0].map((_, k) => columns.reduce((sum, column, o) => sum + s[o] * column[k], 0)),
      );
    if (given.outputPenalty === 'nuclear') {
      // plain weight decay: the best outgoing direction, from a grid and then ever closer around the best of it
      let [best, step] = [0, Math.PI / 40];
      const value = (t: number): number => along([Math.cos(t), Math.sin(t)]);
      let most = value(0);
      const look = (t: number): void => {
        const there = value(t);
        if (there > most) [most, best] = [there, t];
      };
      for (let k = 1; k < 80; k++) look(k * step);
      for (; step > 1e-5; step /= 3) for (const k of [-2, -1, 1, 2]) look(best + (k * step) / 3);
      top = Math.max(top, most);
    } else {
      const outer = V[0].flatMap((_, o) => [1, -1].map((s) => V[0].map((__, k) => (k === o ? s : 0))));
      for (const s of outer) top = Math.max(top, along(s));
    }
  }
  return top;
}

function check(given: Given, result: Result, gates: Rows): void {
  const at = JSON.stringify({ ...given, X: undefined, y: undefined });
  const V = asRows(result.dual);
  const value = dualValue(given, V);
  const scale = Math.max(Math.abs(result.objective), 1e-300);
  assert.ok(value >= result.dualBound - 1e-14 * scale, `${at}: ${value} does not prove ${result.dualBound}`);
  assert.ok(value <= result.dualBound + 1e-9 * scale, `${at}: ${value} proves more than ${result.dualBound}`);
  const M = constraint(given, gates, V);
  assert.ok(M <= given.beta * (1 + 1e-12), `${at}: M = ${M}, beta = ${given.beta}`);
  if (given.bias === 'free') {
    V[0].forEach((_, o) => assert.ok(Math.abs(V.reduce((s, v) => s + v[o], 0)) <= 1e-13));
  }
  assert.ok(result.dualBound <= result.objective, at);
  assert.ok(Math.abs(result.relativeGap - (result.objective - result.dualBound) / scale) <= 1e-14, at);
  if (result.global !== undefined) {
    assert.ok(result.global.lowerBound <= result.objective, at);
    const own = (result.objective - result.global.lowerBound) / scale;
    assert.ok(Math.abs(result.global.relativeGap - own) <= 1e-14, at);
  }
}

function data(seed: number, n: number, d: number, loss: Given['loss'], outputs: number): Pick<Given, 'X' | 'y'> {
  const rng = createRng(seed);
  const X = Array.from({ length: n }, () => Array.from({ length: d }, () => rng.normal()));
  const target = (i: number, o: number): number => (loss === 'squared' ? rng.normal() : (i + o) % 2 === 0 ? 1 : -1);
  if (loss === 'softmax') return { X, y: X.map((_, i) => i % outputs) };
  return { X, y: X.map((_, i) => Array.from({ length: outputs }, (__, o) => target(i, o))) };
}

/** Directions that see every cell of few rows. */
function everywhere(given: Given): Rows {
  const rng = createRng(99);
  const X = effective(given);
  const seen = new Map<string, number[]>();
  for (let k = 0; k < 4000; k++) {
    const g = X[0].map(() => rng.normal() * (k % 2 === 0 ? 1 : 3));
    seen.set(X.map((x) => (dot(x, g) >= 0 ? 1 : 0)).join(''), g);
  }
  return [...seen.values()];
}

const losses = ['squared', 'logistic', 'softmax', 'hinge'] as const;

void test('gated: every loss, penalty and bias', () => {
  for (const loss of losses) {
    for (const outputPenalty of ['per-output', 'frobenius', 'nuclear']) {
      for (const bias of ['none', 'regularized'] as const) {
        const outputs = loss === 'hinge' ? 1 : 2;
        const gates = createRng(4);
        const rows = Array.from({ length: 6 }, () => Array.from({ length: 2 }, () => gates.normal()));
        const given = {
          ...data(3, 9, 2, loss, outputs),
          beta: 0.3,
          loss,
          model: 'gated-relu',
          bias,
          outputPenalty,
          outputs,
        };
        // given to a coarse tolerance as well: then the dual point is far from the optimal one, and has to be feasible all the same
        for (const tolerance of [1e-8, 0.3]) {
          check(given, solved({ ...given, gates: rows, tolerance }), rows);
        }
      }
    }
  }
});

void test('ReLU on given gates and over all patterns: every loss and bias, outputs one by one and together', () => {
  for (const loss of ['squared', 'logistic', 'softmax'] as const) {
    for (const bias of ['none', 'regularized', 'free'] as const) {
      const d = bias === 'free' ? 1 : 2;
      const rng = createRng(8);
      const width = d + (bias === 'none' ? 0 : 1);
      const gates = Array.from({ length: 5 }, () => Array.from({ length: width }, () => rng.normal()));
      const given = { ...data(6, 8, d, loss, 2), beta: 0.2, loss, model: 'relu', bias, outputs: 2 };
      check(given, solved({ ...given, gates }), gates);
      for (const outputPenalty of ['per-output', 'nuclear']) {
        const result = solved({ ...given, outputPenalty });
        assert.equal(result.status, 'optimal');
        const all = result.scope === 'all-arrangements';
        check({ ...given, outputPenalty }, result, all ? everywhere(given) : result.gates!);
      }
    }
  }
});

void test('linear networks of two layers: the norm of the products with the columns', () => {
  for (const loss of ['squared', 'logistic', 'softmax'] as const) {
    for (const bias of ['none', 'regularized'] as const) {
      const given: Given = { ...data(12, 9, 2, loss, 2), beta: 0.3, loss, model: 'linear', bias, outputs: 2 };
      const result = solved(given);
      const V = asRows(result.dual);
      const X = effective(given);
      assert.ok(
        spectral(
          slopes(
            X,
            X.map(() => true),
            V,
          ),
        ) <=
          given.beta * (1 + 1e-12),
      );
      const value = dualValue(given, V);
      assert.ok(value >= result.dualBound - 1e-14 * result.objective && value <= result.dualBound * (1 + 1e-9));
      assert.ok(result.dualBound <= result.objective);
    }
  }
});

void test('three layers over all tuples: no branch of a thousand random ones is worth more than beta', () => {
  const rng = createRng(31);
  for (const loss of ['squared', 'logistic'] as const) {
    const given: Given = { ...data(21, 5, 2, loss, 1), beta: 0.1, loss, model: 'three-layer', bias: 'none' };
    const result = solved({ ...given, hidden: { m1: 2 }, arrangements: { kind: 'all' } });
    assert.equal(result.status, 'optimal');
    const V = asRows(result.dual);
    const value = dualValue(given, V);
    assert.ok(value >= result.dualBound - 1e-14 * result.objective && value <= result.dualBound * (1 + 1e-9));
    for (let k = 0; k < 20_000; k++) {
      const [p, q] = [0, 1].map(() => [rng.normal(), rng.normal()]);
      const size = norm(p) + norm(q);
      let total = 0;
      given.X.forEach((x, i) => {
        const h = Math.max(0, dot(x, p)) - Math.max(0, dot(x, q));
        total += V[i][0] * Math.max(0, h);
      });
      assert.ok(Math.abs(total) <= given.beta * size * (1 + 1e-9));
    }
  }
});

void test('thousands of small problems: no bound is above its objective, and every gap is that of the numbers', () => {
  fc.assert(
    fc.property(
      fc.record({
        seed: fc.integer({ min: 1, max: 1e6 }),
        n: fc.integer({ min: 1, max: 5 }),
        d: fc.integer({ min: 1, max: 2 }),
        loss: fc.constantFrom(...losses),
        model: fc.constantFrom('gated-relu', 'relu', 'linear'),
        bias: fc.constantFrom('none', 'regularized', 'free'),
        size: fc.integer({ min: -6, max: 6 }),
        beta: fc.integer({ min: -8, max: 2 }),
      }),
      ({ seed, n, d, loss, model, bias, size, beta }) => {
        if (model !== 'gated-relu' && loss === 'hinge') return;
        if (bias === 'free' && (model !== 'relu' || (loss !== 'squared' && n < 2))) return;
        const { X, y } = data(seed, n, d, loss, loss === 'softmax' ? 2 : 1);
        const scaled = X.map((row) => row.map((x) => x * 10 ** size));
        const given = {
          X: scaled,
          y,
          loss,
          model,
          bias,
          beta: 10 ** (beta + size),
          ...(loss === 'softmax' ? { outputs: 2 } : {}),
        };
        const gates = { arrangements: { kind: 'sampled', count: 4, seed: 1 } };
        const result = solved({ ...given, ...(model === 'linear' ? {} : gates) }, 0, 150);
        assert.ok(result.dualBound <= result.objective);
        const scale = Math.max(Math.abs(result.objective), Number.MIN_VALUE);
        assert.ok(Math.abs(result.relativeGap - (result.objective - result.dualBound) / scale) <= 1e-14);
        const value = dualValue(given, asRows(result.dual));
        assert.ok(value >= result.dualBound - 1e-14 * scale, `${value} ${result.dualBound}`);
      },
    ),
    { seed: 1, numRuns: 2000 },
  );
});
