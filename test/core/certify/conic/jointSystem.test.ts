import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createReferenceKernels } from '../../../../src/core/base/kernels/reference.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { RelaxedAtom } from '../../../../src/core/certify/conic/atom.ts';
import { JointSystem } from '../../../../src/core/certify/conic/jointSystem.ts';
import { unitLines } from '../../../../src/core/certify/conic/lines.ts';
import type { LineTriangle } from '../../../../src/core/certify/conic/triangles.ts';
import { denseMatrix } from '../../../../src/core/base/linalg/matrix.ts';

const triangle = (line: number, others: readonly number[], factors: readonly number[]): LineTriangle => ({
  line,
  others: Int32Array.from(others),
  factors: Float64Array.from(factors),
});

const n = 9;
const outputs = 2;

/** (A'W^-2 A + loss) y from what the atoms and cones say of themselves. */
function product(atoms: readonly RelaxedAtom[], H: Float64Array, y: readonly Float64Array[], offsets: Float64Array) {
  const F = new Float64Array(n * outputs);
  if (offsets.length > 0) for (let e = 0; e < F.length; e++) F[e] = offsets[e % outputs];
  for (const [k, atom] of atoms.entries()) atom.addFit(y[k], F, outputs);
  const G = new Float64Array(n * outputs);
  for (let i = 0; i < n; i++) {
    for (let o = 0; o < outputs; o++) {
      for (let r = 0; r < outputs; r++) G[i * outputs + o] += H[(i * outputs + o) * outputs + r] * F[i * outputs + r];
    }
  }
  const parts = atoms.map((atom, k) => {
    const out = new Float64Array(atom.size);
    atom.addFitAdjoint(G, outputs, out);
    atom.apply(y[k], atom.ds);
    atom.cones.forEach((cone, m) => cone.inverseSquare(atom.ds[m], atom.work[m]));
    atom.addAdjoint(atom.work, 1, out);
    return out;
  });
  const own = offsets.map((_, o) => G.reduce((sum, g, e) => sum + (e % outputs === o ? g : 0), 0));
  return { parts, own };
}

describe('Newton matrix of all atoms together', () => {
  for (const [name, free, pairs, triangles] of [
    ['without pairs', false, [], []],
    [
      'with pairs',
      false,
      [
        { i: 0, j: 3 },
        { i: 2, j: 3 },
        { i: 1, j: 6 },
      ],
      [],
    ],
    ['with a free bias and pairs', true, [{ i: 0, j: 1 }], []],
    ['with triangles', false, [], [triangle(0, [3, 5], [0.4, -0.7])]],
    [
      'with pairs and triangles',
      false,
      [{ i: 1, j: 4 }],
      [triangle(4, [1], [0.3]), triangle(7, [0, 1, 2], [0.2, -0.1, 0.6])],
    ],
    ['with a free bias and triangles', true, [], [triangle(2, [0, 8], [-0.5, 0.9])]],
  ] as const) {
    it(`is inverted ${name}`, () => {
      const rng = createRng(free ? 5 : 3 + pairs.length);
      const next = (): number => rng.uniform();
      const normal = (): number => rng.normal();
      const d = 3;
      const X = denseMatrix(
        n,
        d,
        Float64Array.from({ length: n * d }, (_, e) => (e % d === d - 1 ? 1 : normal())),
      );
      const lines = unitLines(X, free ? d - 1 : d);
      const kernels = createReferenceKernels();
      const atoms = [0, 1].flatMap((output) =>
        ([1, -1] as const).map((sign) => {
          const lifts = sign === 1 ? { pairs, triangles } : { pairs: [], triangles: [] };
          return new RelaxedAtom(lines, lifts, output, sign, kernels);
        }),
      );
      for (const atom of atoms) {
        atom.start(0.5 + next());
        for (const cone of atom.cones) {
          cone.centre(0.1 + next());
          assert.ok(cone.rescale());
        }
      }
      const H = new Float64Array(n * outputs * outputs);
      for (let i = 0; i < n; i++) {
        const [a, b, c] = [normal(), normal(), normal()];
        H.set([a * a + 0.1, a * b, a * b, b * b + c * c], 4 * i);
      }
      const joined = atoms.map(({ newton, output, sign }) => ({ system: newton, output, sign }));
      const joint = new JointSystem(lines, joined, outputs, free, kernels);
      assert.ok(
        joint.factor(
          atoms.map((atom) => atom.scaling),
          H,
          () => false,
        ),
      );
      const y = atoms.map((atom) => Float64Array.from({ length: atom.size }, normal));
      const offsets = Float64Array.from({ length: free ? outputs : 0 }, normal);
      const { parts, own } = product(atoms, H, y, offsets);
      joint.solve(parts, own);
      const off = Math.max(
        ...parts.flatMap((part, k) => Array.from(part, (value, e) => Math.abs(value - y[k][e]))),
        ...Array.from(own, (value, e) => Math.abs(value - offsets[e])),
      );
      assert.ok(off < 1e-8, `off by ${off}`);
      joint.dispose();
      for (const atom of atoms) atom.dispose();
    });
  }
});
