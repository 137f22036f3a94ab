import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromRows, norm2 } from '../../../../src/core/base/linalg/matrix.ts';
import { createRng, type Rng } from '../../../../src/core/base/rng.ts';
import { uncontrolled } from '../../../../src/core/base/control.ts';
import { CellFactory, type ConeCell } from '../../../../src/core/engine/relu/cell.ts';
import { solveConeProgram } from '../../../../src/core/engine/relu/coneProgram.ts';
import { ConeProx, type ProxPoint } from '../../../../src/core/engine/relu/coneProx.ts';
import { CellPricer } from '../../../../src/core/engine/relu/pricing.ts';
import { prepare } from '../../../../src/core/problem/prepare.ts';
import { gaussian, randomProblem, reluProblem } from './support.ts';

const [n, d] = [12, 4];

function cellsOf(rng: Rng, rows: number[][], count: number, penalizedCols = d): ConeCell[] {
  const factory = new CellFactory(fromRows(rows), penalizedCols);
  const cells = Array.from({ length: count }, () => factory.cell(factory.signsOf(gaussian(rng, 1, d)[0])));
  return [...new Set(cells)].filter((cell) => cell !== undefined);
}

const inside = (rows: number[][], { signs }: ConeCell, u: ArrayLike<number>, slack = 0): boolean =>
  rows.every((row, i) => signs[i] * row.reduce((s, x, j) => s + x * u[j], 0) >= -slack);

function emptyPoint(): ProxPoint {
  return { u: new Float64Array(d), dual: new Float64Array(d), size: 0, tight: new Int32Array(0) };
}

for (const free of [false, true]) {
  void test(`prox on a cone: the variational inequality of its minimum${free ? ', free bias' : ''}`, () => {
    const rng = createRng(free ? 5 : 4);
    const q = free ? d - 1 : d;
    const rows = gaussian(rng, n, d).map((row) => (free ? [...row.slice(0, q), 1] : row));
    const prox = new ConeProx(fromRows(rows), q, () => undefined);
    let moved = 0;
    let compared = 0;
    for (const cell of cellsOf(rng, rows, 12, q)) {
      if (cell.linear) continue;
      const point = emptyPoint();
      const x = Float64Array.from(gaussian(rng, 1, d)[0], (value) => 3 * value);
      const tau = 0.3;
      prox.apply(cell, x, tau, point);
      const { u } = point;
      assert.ok(inside(rows, cell, u, 1e-9));
      assert.equal(norm2(u) > 0, point.size > tau);
      if (norm2(u) > 0) moved++;
      const value = (v: ArrayLike<number>): number => {
        let s = tau * norm2(Float64Array.from(v).subarray(0, q));
        for (let j = 0; j < d; j++) s += 0.5 * (v[j] - x[j]) ** 2;
        return s;
      };
      for (let k = 0; k < 400; k++) {
        const step = 10 ** (-3 * rng.uniform());
        const v = Float64Array.from(u, (t) => t + step * rng.normal());
        if (!inside(rows, cell, v)) continue;
        compared++;
        assert.ok(value(v) >= value(u) - 1e-12, `${value(v)} below ${value(u)}`);
      }
    }
    assert.ok(moved > 2 && compared > 100, `${moved} points moved, ${compared} compared`);
  });
}

void test('prox on a cone: its derivative, by finite differences within a face', () => {
  const rng = createRng(7);
  const rows = gaussian(rng, n, d);
  const prox = new ConeProx(fromRows(rows), d, () => undefined);
  let checked = 0;
  for (const cell of cellsOf(rng, rows, 20)) {
    const tau = 0.2;
    const x = Float64Array.from(gaussian(rng, 1, d)[0], (value) => 3 * value);
    const at = (shift: number, h: ArrayLike<number>): ProxPoint => {
      const point = emptyPoint();
      prox.apply(
        cell,
        x.map((value, j) => value + shift * h[j]),
        tau,
        point,
      );
      return point;
    };
    const h = gaussian(rng, 1, d)[0];
    const [middle, before, after] = [at(0, h), at(-1e-6, h), at(1e-6, h)];
    const same = [before, after].every(({ tight }) => tight.toString() === middle.tight.toString());
    if (!(middle.size > 1.01 * tau) || !same) continue;
    const C = prox.derivativeFactor(cell, middle, tau);
    const product = new Float64Array(d);
    for (let k = 0; k < C.length / d; k++) {
      let s = 0;
      for (let j = 0; j < d; j++) s += C[k * d + j] * h[j];
      for (let j = 0; j < d; j++) product[j] += s * C[k * d + j];
    }
    for (let j = 0; j < d; j++) assert.ok(Math.abs(product[j] - (after.u[j] - before.u[j]) / 2e-6) < 1e-6);
    checked++;
  }
  assert.ok(checked > 3);
});

for (const fields of [{ loss: 'squared' }, { loss: 'logistic' }, { loss: 'squared', bias: 'free' }] as const) {
  void test(`cone program, ${fields.loss}, bias ${'bias' in fields ? fields.bias : 'none'}: no group is worth more than beta, and the gap is closed`, () => {
    const bias = 'bias' in fields ? fields.bias : 'none';
    const prepared = prepare(reluProblem(randomProblem(3, { ...fields, n: 15, d: 3, beta: 0.3 })));
    const { X, penalizedCols, datafit, beta } = prepared;
    const rng = createRng(2);
    const factory = new CellFactory(X, penalizedCols);
    const drawn = Array.from({ length: 8 }, () => factory.cell(factory.signsOf(gaussian(rng, 1, X.cols)[0])));
    const cells = [...new Set(drawn)].filter((cell) => cell !== undefined);
    const groups = cells.flatMap((cell) =>
      (cell.linear ? [1 as const] : [1 as const, -1 as const]).map((sign) => ({ cell, output: 0, sign })),
    );
    const program = { X, penalizedCols, datafit, beta, groups, offset: bias === 'free' };
    const result = solveConeProgram(program, 1e-10, uncontrolled);
    // objective from the vectors
    const fit = new Float64Array(X.rows).fill(result.offset[0]);
    let penalty = 0;
    groups.forEach(({ cell, sign }, g) => {
      const u = result.vectors[g];
      penalty += norm2(u.subarray(0, penalizedCols));
      for (const i of cell.on) for (let j = 0; j < X.cols; j++) fit[i] += sign * X.data[i * X.cols + j] * u[j];
    });
    const objective = datafit.value(fit) + beta * penalty;
    assert.ok(Math.abs(objective - result.objective) <= 1e-10 * objective);
    assert.ok(penalty > 0);
    // weak duality, with prices by non-negative least squares
    const pricer = new CellPricer(X, penalizedCols);
    let top = 0;
    for (const { cell, sign } of groups) top = Math.max(top, pricer.price(cell, result.V, 1, 0, sign));
    assert.ok(top <= beta * (1 + 1e-6), `price ${top / beta} beta`);
    const bound = datafit.dualValue(result.V.map((v) => v * Math.min(1, beta / top)));
    assert.ok(objective - bound <= 1e-6 * objective, `gap ${objective - bound}`);
  });
}
