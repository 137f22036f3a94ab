import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { denseMatrix } from '../../../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { conicInstance } from '../../../../src/core/certify/conic/cbf.ts';
import { unitLines } from '../../../../src/core/certify/conic/lines.ts';
import { lineLoads } from '../../../../src/core/certify/conic/majorant.ts';
import { certifiedPath, type PathPoint } from '../../../../src/core/certify/global/certifiedPath.ts';
import { targetIntervals } from '../../../../src/core/certify/global/targetIntervals.ts';
import { solve } from '../../../../src/core/engine/solve.ts';
import type { Problem } from '../../../../src/core/problem/problem.ts';
import { randomProblem } from '../../engine/problems.ts';

const base = randomProblem(
  4,
  { n: 14, d: 2, outputs: 1 },
  { model: 'relu', arrangements: { kind: 'adaptive', seed: 1 }, beta: 1, bias: 'none' },
);
const solved = (problem: Problem) => solve(problem, { certifySeconds: 20 });

describe('certified path', () => {
  const betaMax = solve({ ...base, beta: 1e6 }, { certifySeconds: 0 }).betaMax;
  const points = [0.7, 0.5, 0.3, 0.2].map((share): PathPoint => {
    const { datafit, penalty, global } = solved({ ...base, beta: share * betaMax! });
    return { beta: share * betaMax!, datafit, penalty, lowerBound: global!.lowerBound };
  });
  const { segments, gap } = certifiedPath(points);

  it('holds at every beta between its points', () => {
    assert.equal(segments.length, 3);
    for (let step = 0; step <= 30; step++) {
      const beta = betaMax! * (0.2 + (0.5 * step) / 30);
      const best = solved({ ...base, beta }).objective;
      const network = Math.min(...points.map(({ datafit, penalty }) => datafit + beta * penalty));
      const segment = segments.find(({ from, to }) => beta >= from * (1 - 1e-12) && beta <= to * (1 + 1e-12))!;
      assert.ok((network - best) / network <= segment.gap + 1e-9, `${beta}`);
    }
    assert.equal(gap, Math.max(...segments.map((s) => s.gap)));
    assert.ok(gap < 0.5 && gap > 0);
  });

  it('is the gap at the ends when nothing is between, and refuses what is no path', () => {
    const flat = certifiedPath([
      { beta: 1, datafit: 1, penalty: 1, lowerBound: 1 },
      { beta: 2, datafit: 1, penalty: 1, lowerBound: 3 },
    ]);
    assert.deepEqual(flat.segments[0], { from: 1, to: 2, gap: 0.5, at: 1 });
    assert.throws(() => certifiedPath(points.slice(1, 2)), RangeError);
    assert.throws(() => certifiedPath([points[0], points[0]]), RangeError);
  });
});

describe('how far a target may move', () => {
  const problem = { ...base, beta: 1.5 };
  const solution = solved(problem);
  const { objective, global, fit } = solution;
  const intervals = targetIntervals(fit, problem.y, global!.dual!, { objective, lowerBound: global!.lowerBound }, 0.01);

  it('holds the present target, and the network stays within one percent up to the ends', () => {
    intervals.forEach((interval, i) => {
      assert.ok(interval !== undefined && interval.lower < 0 && interval.upper > 0);
      for (const t of [interval.lower, 0.5 * interval.upper, interval.upper]) {
        const y = denseMatrix(problem.y.rows, 1, problem.y.data.slice());
        y.data[i] += t;
        const residual = problem.y.data[i] - fit.data[i];
        const kept = objective + residual * t + (t * t) / 2;
        const best = solved({ ...problem, y }).objective;
        assert.ok(kept <= 1.01 * best * (1 + 1e-9), `row ${i}: ${kept} against ${best}`);
      }
    });
  });

  it('claims nothing for a network that is further off', () => {
    const loose = { objective, lowerBound: 0.9 * objective };
    assert.ok(targetIntervals(fit, problem.y, global!.dual!, loose, 0.01).every((interval) => interval === undefined));
    assert.throws(() => targetIntervals(fit, problem.y, global!.dual!, loose, 0), RangeError);
  });
});

describe('the instance for other solvers (CBF)', () => {
  for (const free of [false, true]) {
    it(`is met by every direction, with the value of its neuron${free ? ', with a free bias' : ''}`, () => {
      const rng = createRng(8);
      const [n, d] = [7, 3];
      const X = denseMatrix(
        n,
        d,
        Float64Array.from({ length: n * d }, (_, k) => (free && k % d === d - 1 ? 1 : rng.normal())),
      );
      const v = Float64Array.from({ length: n }, () => rng.normal());
      // a free bias asks of a dual point that it sums to zero
      if (free) v[n - 1] -= v.reduce((a, b) => a + b, 0);
      const lines = unitLines(X, free ? d - 1 : d);
      const text = conicInstance(lines, lineLoads(lines, v));
      const section = (name: string): string[] => text.split(`${name}\n`)[1].split('\n\n')[0].split('\n');
      const coordinates = (name: string): number[][] =>
        section(name)
          .slice(1)
          .filter((line) => line !== '')
          .map((line) => line.split(' ').map(Number));
      const L = lines.unit.rows;
      const p = d + (d * (d + 1)) / 2;
      for (let round = 0; round < 20; round++) {
        const w = Array.from({ length: lines.penalized }, () => rng.normal());
        const size = Math.hypot(...w);
        const unit = [...w.map((t) => t / size), ...(free ? [2 * rng.uniform() - 1] : [])];
        const values = [...unit];
        for (let k = 0; k < d; k++) for (let l = 0; l <= k; l++) values.push(unit[k] * unit[l]);
        const products = Array.from({ length: L }, (_, i) =>
          unit.reduce((s, t, k) => s + t * lines.unit.data[i * d + k], 0),
        );
        values.push(...products.map(Math.abs));
        assert.equal(values.length, p + L);
        const objective = coordinates('OBJACOORD').reduce((s, [k, c]) => s + c * values[k], 0);
        // the neuron on the inputs as they are: a free bias in the units of the lines, less what their centre adds
        const bias = free
          ? unit[d - 1] * lines.biasUnit - unit.slice(0, d - 1).reduce((s, t, k) => s + t * lines.centre[k], 0)
          : 0;
        let h = 0;
        for (let i = 0; i < n; i++) {
          let t = bias;
          for (let k = 0; k < lines.penalized; k++) t += X.data[i * d + k] * unit[k];
          h += v[i] * Math.max(0, t);
        }
        assert.ok(Math.abs(objective - h) < 1e-12 * (1 + Math.abs(h)), `${objective} ${h}`);
        const [total] = section('\nCON')[0].split(' ').map(Number);
        const at = new Float64Array(total);
        for (const [row, k, c] of coordinates('\nACOORD')) at[row] += c * values[k];
        for (const [row, c] of coordinates('BCOORD')) at[row] += c;
        let row = 0;
        for (const [kind, dim] of section('\nCON')
          .slice(1)
          .map((line) => line.split(' '))) {
          const cone = at.subarray(row, (row += Number(dim)));
          const tail = Math.hypot(...cone.subarray(1));
          if (kind === 'L=') assert.ok(Math.abs(cone[0]) < 1e-12);
          else if (kind === 'L+') assert.ok(cone.every((t) => t >= -1e-12));
          else if (kind === 'Q') assert.ok(cone[0] >= tail - 1e-12);
          else assert.ok(2 * cone[0] * cone[1] >= cone[2] ** 2 - 1e-12);
        }
        assert.equal(row, total);
      }
    });

    it(`lets no bias beyond its unit be${free ? '' : ', where there is none'}`, () => {
      const X = denseMatrix(3, 2, Float64Array.of(-1, 1, 0.5, 1, 2, 1));
      const lines = unitLines(X, free ? 1 : 2);
      const text = conicInstance(lines, lineLoads(lines, [1, -2, 1]));
      assert.equal(/^L\+ 1$/m.test(text), free);
    });
  }
});
