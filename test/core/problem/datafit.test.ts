import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { denseMatrix, dot } from '../../../src/core/base/linalg/matrix.ts';
import { bestDualScale, createDatafit, type Datafit } from '../../../src/core/problem/datafit.ts';
import type { LossName } from '../../../src/core/problem/problem.ts';

const losses = ['squared', 'logistic', 'softmax', 'hinge'] as const;

interface Case {
  readonly fit: Datafit;
  readonly F: Float64Array;
  readonly other: Float64Array;
}

/** A random datafit with two random fits. */
function cases(loss: LossName, spread: number): fc.Arbitrary<Case> {
  const entry = fc.double({ min: -spread, max: spread, noNaN: true });
  return fc
    .record({ n: fc.integer({ min: 1, max: 4 }), c: fc.integer({ min: loss === 'softmax' ? 2 : 1, max: 4 }) })
    .chain(({ n, c }) =>
      fc.record({
        targets: fc.array(loss === 'squared' ? entry : fc.integer({ min: 0, max: 1000 }), {
          minLength: n * c,
          maxLength: n * c,
        }),
        F: fc.array(entry, { minLength: n * c, maxLength: n * c }),
        other: fc.array(entry, { minLength: n * c, maxLength: n * c }),
        n: fc.constant(n),
        c: fc.constant(c),
      }),
    )
    .map(({ targets, F, other, n, c }) => {
      const y =
        loss === 'squared'
          ? denseMatrix(n, c, Float64Array.from(targets))
          : loss === 'softmax'
            ? denseMatrix(
                n,
                1,
                Float64Array.from(targets.slice(0, n), (t) => t % c),
              )
            : denseMatrix(
                n,
                c,
                Float64Array.from(targets, (t) => (t % 2 === 0 ? 1 : -1)),
              );
      return { fit: createDatafit(loss, y, c), F: Float64Array.from(F), other: Float64Array.from(other) };
    });
}

const options = { seed: 20211, numRuns: 200 };

function close(actual: number, expected: number, tolerance: number, what: string): void {
  const error = Math.abs(actual - expected);
  assert.ok(error <= tolerance * (1 + Math.abs(expected)), `${what}: ${actual} against ${expected}`);
}

for (const loss of losses) {
  test(`${loss}: the gradient is the derivative of the value`, () => {
    fc.assert(
      fc.property(cases(loss, 4), ({ fit, F }) => {
        const G = new Float64Array(F.length);
        fit.gradient(F, G);
        const h = 1e-6;
        for (let i = 0; i < F.length; i++) {
          // at the kink of the hinge loss there is no derivative
          if (loss === 'hinge' && Math.abs(Math.abs(F[i]) - 1) < 1e-5) continue;
          const [up, down] = [F.slice(), F.slice()];
          up[i] += h;
          down[i] -= h;
          close(G[i], (fit.value(up) - fit.value(down)) / (2 * h), 1e-6, `entry ${i}`);
        }
      }),
      options,
    );
  });

  test(`${loss}: Fenchel-Young holds, with equality at the dual point of the fit`, () => {
    fc.assert(
      fc.property(cases(loss, 30), ({ fit, F, other }) => {
        const V = new Float64Array(F.length);
        fit.dualPoint(other, V);
        // l(F) + l*(-V) >= -<F, V>
        const slack = fit.value(F) - fit.dualValue(V) + dot(F, V);
        assert.ok(slack >= -1e-10 * (1 + fit.value(F)), `slack ${slack}`);
        fit.dualPoint(F, V);
        close(fit.value(F) + dot(F, V), fit.dualValue(V), 1e-10, 'equality');
      }),
      options,
    );
  });

  test(`${loss}: projection onto the dual domain is feasible, idempotent and no farther than any feasible point`, () => {
    fc.assert(
      fc.property(cases(loss, 3), ({ fit, F, other }) => {
        const inside = new Float64Array(F.length);
        fit.dualPoint(other, inside);
        const projected = F.slice();
        fit.projectDual(projected);
        assert.ok(fit.dualValue(projected) > -Infinity, 'feasible');
        const again = projected.slice();
        fit.projectDual(again);
        again.forEach((v, i) => {
          close(v, projected[i], 1e-14, 'idempotent');
        });
        // obtuse angle: (F - projected)'(inside - projected) <= 0
        let angle = 0;
        for (let i = 0; i < F.length; i++) angle += (F[i] - projected[i]) * (inside[i] - projected[i]);
        assert.ok(angle <= 1e-12, `angle ${angle}`);
      }),
      options,
    );
  });

  test(`${loss}: the prox minimises value plus distance`, () => {
    fc.assert(
      fc.property(cases(loss, 5), fc.double({ min: 0.01, max: 100, noNaN: true }), ({ fit, F, other }, tau) => {
        const P = new Float64Array(F.length);
        fit.prox(F, tau, P);
        const objective = (Z: Float64Array): number => {
          let s = 0;
          for (let i = 0; i < Z.length; i++) s += (Z[i] - F[i]) ** 2;
          return fit.value(Z) + s / (2 * tau);
        };
        const least = objective(P);
        for (const t of [1, 0.1, 1e-3]) {
          const Z = P.map((p, i) => p + t * (other[i] - p));
          assert.ok(objective(Z) >= least - 1e-12 * (1 + least), `step ${t}: ${objective(Z)} below ${least}`);
        }
      }),
      options,
    );
  });
}

for (const loss of ['squared', 'logistic', 'softmax'] as const) {
  test(`${loss}: the Hessian is the derivative of the gradient and equals its factor times itself`, () => {
    fc.assert(
      fc.property(cases(loss, 4), ({ fit, F }) => {
        const c = fit.outputs;
        const H = new Float64Array(fit.rows * c * c);
        fit.hessian(F, H);
        const h = 1e-5;
        const [up, down] = [new Float64Array(F.length), new Float64Array(F.length)];
        for (let j = 0; j < F.length; j++) {
          const [a, b] = [F.slice(), F.slice()];
          a[j] += h;
          b[j] -= h;
          fit.gradient(a, up);
          fit.gradient(b, down);
          const row = Math.floor(j / c);
          for (let i = 0; i < F.length; i++) {
            const expected = Math.floor(i / c) === row ? H[(row * c + (i % c)) * c + (j % c)] : 0;
            close((up[i] - down[i]) / (2 * h), expected, 1e-8, `entry ${i}, ${j}`);
          }
        }
        const w = fit.factorCols;
        const L = new Float64Array(F.length * w);
        fit.hessianFactor(F, L);
        for (let i = 0; i < F.length; i++) {
          const row = Math.floor(i / c);
          for (let k = 0; k < c; k++) {
            let s = 0;
            for (let v = 0; v < w; v++) s += L[i * w + v] * L[(row * c + k) * w + v];
            close(s, H[i * c + k], 1e-12, 'factor');
          }
        }
      }),
      options,
    );
  });

  test(`${loss}: the fit of a dual point has that dual point, also for confident fits`, () => {
    fc.assert(
      fc.property(cases(loss, 8), ({ fit, F }) => {
        const V = new Float64Array(F.length);
        fit.dualPoint(F, V);
        const back = new Float64Array(F.length);
        fit.fitOfDual(V, back);
        const again = new Float64Array(F.length);
        fit.dualPoint(back, again);
        again.forEach((v, i) => {
          close(v, V[i], 1e-10, `entry ${i}`);
        });
      }),
      options,
    );
  });
}

test('no loss overflows for fits of size 1e6', () => {
  const F = Float64Array.from([1e6, -1e6]);
  for (const fit of [
    createDatafit('logistic', denseMatrix(2, 1, Float64Array.from([1, 1])), 1),
    createDatafit('softmax', denseMatrix(1, 1, Float64Array.from([1])), 2),
  ]) {
    const G = new Float64Array(2);
    fit.gradient(F, G);
    assert.ok(Number.isFinite(fit.value(F)));
    assert.ok(G.every(Number.isFinite));
  }
});

test('the best scaling of a dual point: closed form for squared loss, and within the domain for the others', () => {
  const y = Float64Array.from([1, 2, -1]);
  const V = Float64Array.from([2, 1, 1]);
  const squared = createDatafit('squared', denseMatrix(3, 1, y), 1);
  // max of t v'y - t^2/2 ||v||^2 is at v'y / ||v||^2 = 3/6
  assert.ok(Math.abs(bestDualScale(squared, V, 10) - 0.5) < 1e-7);
  assert.equal(bestDualScale(squared, V, 0.25), 0.25);
  const hinge = createDatafit('hinge', denseMatrix(1, 1, Float64Array.from([1])), 1);
  const t = bestDualScale(hinge, Float64Array.from([0.5]), 100);
  assert.ok(Math.abs(t - 2) < 1e-9, `${t}`);
});
