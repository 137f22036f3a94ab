import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { denseMatrix, dot } from '../../../src/core/base/linalg/matrix.ts';
import { bestDualScale, type Datafit } from '../../../src/core/problem/datafits/datafit.ts';
import { createDatafit, lossNames, lossOf } from '../../../src/core/problem/datafits/losses.ts';
import type { LossName } from '../../../src/core/problem/problem.ts';

const delta = 1.25;

interface Case {
  readonly fit: Datafit;
  readonly F: Float64Array;
  readonly other: Float64Array;
}

/** Every loss, and each with weights of rows. */
const kinds = lossNames.flatMap((loss) => [loss, `${loss}, weighted`] as const);
type KindName = (typeof kinds)[number];
const lossIn = (kind: KindName): LossName => kind.split(',')[0] as LossName;

/** A random datafit with two random fits. */
function cases(kind: KindName, spread: number): fc.Arbitrary<Case> {
  const loss = lossIn(kind);
  const weight = kind === loss ? fc.constant(1) : fc.constantFrom(0.3, 1, 2.5, 7);
  const entry = fc.double({ min: -spread, max: spread, noNaN: true });
  return fc
    .record({ n: fc.integer({ min: 1, max: 4 }), c: fc.integer({ min: loss === 'softmax' ? 2 : 1, max: 4 }) })
    .chain(({ n, c }) =>
      fc.record({
        targets: fc.array(lossOf(loss).targets === 'numbers' ? entry : fc.integer({ min: 0, max: 1000 }), {
          minLength: n * c,
          maxLength: n * c,
        }),
        F: fc.array(entry, { minLength: n * c, maxLength: n * c }),
        other: fc.array(entry, { minLength: n * c, maxLength: n * c }),
        weights: fc.array(weight, { minLength: n, maxLength: n }),
        n: fc.constant(n),
        c: fc.constant(c),
      }),
    )
    .map(({ targets, F, other, weights, n, c }) => {
      const y =
        lossOf(loss).targets === 'numbers'
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
      const parameters = { delta, weights: Float64Array.from(weights) };
      return { fit: createDatafit(loss, y, c, parameters), F: Float64Array.from(F), other: Float64Array.from(other) };
    });
}

const options = { seed: 20211, numRuns: 150 };

function close(actual: number, expected: number, tolerance: number, what: string): void {
  const error = Math.abs(actual - expected);
  assert.ok(error <= tolerance * (1 + Math.abs(expected)), `${what}: ${actual} against ${expected}`);
}

for (const loss of kinds) {
  test(`${loss}: the gradient is the derivative of the value`, () => {
    fc.assert(
      fc.property(cases(loss, 4), ({ fit, F }) => {
        const G = new Float64Array(F.length);
        fit.gradient(F, G);
        const h = 1e-6;
        for (let i = 0; i < F.length; i++) {
          // at the kink of the hinge loss there is no derivative
          if (lossIn(loss) === 'hinge' && Math.abs(Math.abs(F[i]) - 1) < 1e-5) continue;
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

for (const loss of kinds.filter((kind) => lossOf(lossIn(kind)).curved)) {
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

for (const loss of kinds) {
  test(`${loss}: value and gradient of rows in any order are those of the whole`, () => {
    fc.assert(
      fc.property(cases(loss, 6), fc.array(fc.nat(1000), { minLength: 1, maxLength: 6 }), ({ fit, F }, picks) => {
        const c = fit.outputs;
        const order = Int32Array.from(picks, (k) => k % fit.rows);
        const some = Float64Array.from(
          { length: order.length * c },
          (_, i) => F[order[Math.floor(i / c)] * c + (i % c)],
        );
        const G = new Float64Array(some.length);
        const all = new Float64Array(F.length);
        const total = fit.lossOfRows(F, null, 0, fit.rows, all);
        close(total, fit.value(F), 1e-12, 'all rows');
        const whole = new Float64Array(F.length);
        fit.gradient(F, whole);
        all.forEach((g, i) => close(g, whole[i], 1e-12, `gradient ${i}`));
        let sum = 0;
        order.forEach((row, k) => {
          const one = new Float64Array(c);
          sum += fit.lossOfRows(F.subarray(row * c, (row + 1) * c), null, row, 1, one);
          one.forEach((g, o) => close(g, whole[row * c + o], 1e-12, `row ${k}`));
        });
        close(fit.lossOfRows(some, order, 0, order.length, G), sum, 1e-12, 'some rows');
      }),
      options,
    );
  });

  test(`${loss}: a balanced dual point is in the domain and its columns sum to zero`, () => {
    fc.assert(
      fc.property(cases(loss, 4), ({ fit, F }) => {
        const { rows: n, outputs: c } = fit;
        const V = F.slice();
        fit.projectDual(V);
        fit.balanceDual(V);
        if (fit.targets === 'classes') return;
        assert.ok(fit.dualValue(V) > -Infinity, 'in the domain');
        for (let k = 0; k < c; k++) {
          let s = 0;
          for (let i = 0; i < n; i++) s += V[i * c + k];
          assert.ok(Math.abs(s) <= 1e-12 * n, `column ${k} sums to ${s}`);
        }
      }),
      options,
    );
  });

  if (lossOf(lossIn(loss)).separable) {
    test(`${loss}: the sum of its outputs alone`, () => {
      fc.assert(
        fc.property(cases(loss, 4), ({ fit, F }) => {
          const { rows: n, outputs: c } = fit;
          let sum = 0;
          for (let k = 0; k < c; k++) {
            sum += fit.ofOutput(k).value(Float64Array.from({ length: n }, (_, i) => F[i * c + k]));
          }
          close(sum, fit.value(F), 1e-12, 'sum');
        }),
        options,
      );
    });
  }

  if (!lossOf(lossIn(loss)).curved) {
    test(`${loss}: the slope of the prox is its derivative`, () => {
      fc.assert(
        fc.property(cases(loss, 5), fc.double({ min: 0.01, max: 10, noNaN: true }), ({ fit, F: Z }, tau) => {
          const at = (z: Float64Array): Float64Array => {
            const P = new Float64Array(z.length);
            fit.prox(z, tau, P);
            return P;
          };
          const h = 1e-6;
          const S = new Float64Array(Z.length);
          fit.proxSlope!(Z, tau, at(Z), S);
          const [up, down] = [at(Z.map((z) => z + h)), at(Z.map((z) => z - h))];
          S.forEach((slope, i) => {
            const [right, left] = [(up[i] - at(Z)[i]) / h, (at(Z)[i] - down[i]) / h];
            // at a kink of the prox either side will do
            assert.ok(Math.min(Math.abs(slope - right), Math.abs(slope - left)) <= 1e-6, `entry ${i}`);
          });
        }),
        options,
      );
    });
  }
}

test('Huber: quadratic up to delta, linear beyond, squared loss for a delta that no residual reaches', () => {
  const y = denseMatrix(4, 1);
  const F = Float64Array.of(0.5, -1, 3, -10);
  // 1/8 + 1/2 + (3 - 1/2) + (10 - 1/2)
  assert.equal(createDatafit('huber', y, 1, { delta: 1 }).value(F), 12.625);
  assert.equal(createDatafit('huber', y, 1, { delta: 100 }).value(F), createDatafit('squared', y, 1).value(F));
  for (const bad of [undefined, 0, -1, NaN, Infinity]) {
    assert.throws(() => createDatafit('huber', y, 1, { delta: bad }), /delta/);
  }
});

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
