import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRng } from '../../../../src/core/base/rng.ts';
import {
  LinearCone,
  type ScaledCone,
  SecondOrderCones,
  SemidefiniteCone,
} from '../../../../src/core/certify/conic/scaledCones.ts';
import { SemidefiniteTriples } from '../../../../src/core/certify/conic/semidefiniteTriples.ts';

type Rng = ReturnType<typeof createRng>;

/** A point inside each kind of cone. */
const kinds: { name: string; make: () => ScaledCone; inside: (rng: Rng, out: Float64Array) => void }[] = [
  {
    name: 'half-lines',
    make: () => new LinearCone(5),
    inside: (rng, out) => out.forEach((_, k) => (out[k] = 0.01 + Math.abs(rng.normal()))),
  },
  {
    name: 'second-order cones',
    make: () => new SecondOrderCones(3, 4),
    inside: (rng, out) => {
      for (let at = 0; at < out.length; at += 4) {
        for (let k = 1; k < 4; k++) out[at + k] = rng.normal();
        out[at] = Math.hypot(out[at + 1], out[at + 2], out[at + 3]) + 0.01 + rng.uniform();
      }
    },
  },
  {
    name: 'semidefinite matrices',
    make: () => new SemidefiniteCone(4),
    inside: (rng, out) => {
      const A = Float64Array.from({ length: 16 }, () => rng.normal());
      for (let i = 0; i < 4; i++) {
        for (let j = 0; j < 4; j++) {
          out[i * 4 + j] = i === j ? 0.05 : 0;
          for (let k = 0; k < 4; k++) out[i * 4 + j] += A[i * 4 + k] * A[j * 4 + k];
        }
      }
    },
  },
];

kinds.push({
  name: 'semidefinite matrices of order three',
  make: () => new SemidefiniteTriples(2),
  inside: (rng, out) => {
    for (let at = 0; at < out.length; at += 9) {
      const A = Float64Array.from({ length: 9 }, () => rng.normal());
      for (let i = 0; i < 3; i++) {
        for (let j = 0; j < 3; j++) {
          out[at + 3 * i + j] = i === j ? 0.05 : 0;
          for (let k = 0; k < 3; k++) out[at + 3 * i + j] += A[3 * i + k] * A[3 * j + k];
        }
      }
    }
  },
});

const close = (a: ArrayLike<number>, b: ArrayLike<number>, what: string): void => {
  for (let k = 0; k < a.length; k++) {
    assert.ok(Math.abs(a[k] - b[k]) <= 1e-8 * (1 + Math.abs(b[k])), `${what}: ${a[k]} and ${b[k]}`);
  }
};

for (const { name, make, inside } of kinds) {
  describe(`Nesterov-Todd scaling of ${name}`, () => {
    it('maps the primal point to the dual point', () => {
      const rng = createRng(3);
      for (let round = 0; round < 50; round++) {
        const cone = make();
        inside(rng, cone.s);
        inside(rng, cone.z);
        assert.ok(cone.rescale());
        const out = new Float64Array(cone.s.length);
        cone.inverseSquare(cone.s, out);
        close(out, cone.z, 'W^-2 s = z');
      }
    });

    it('asks for nothing at the central point, and for all of z when the target is zero', () => {
      const rng = createRng(4);
      const cone = make();
      inside(rng, cone.s);
      cone.centre(0.3);
      let product = 0;
      cone.s.forEach((s, k) => (product += s * cone.z[k]));
      assert.ok(Math.abs(product - 0.3 * cone.degree) < 1e-10);
      assert.ok(cone.rescale());
      const zero = new Float64Array(cone.s.length);
      const out = new Float64Array(cone.s.length);
      cone.correction(0.3, zero, zero, out);
      close(out, zero, 'centred');
      cone.correction(0, zero, zero, out);
      close(
        out,
        cone.z.map((z) => -z),
        'affine',
      );
    });

    it('steps exactly to the boundary', () => {
      const rng = createRng(5);
      for (let round = 0; round < 50; round++) {
        const cone = make();
        inside(rng, cone.s);
        inside(rng, cone.z);
        assert.ok(cone.rescale());
        const still = new Float64Array(cone.s.length);
        // towards a point outside: the negative of a point inside
        const away = new Float64Array(cone.s.length);
        inside(rng, away);
        const ds = away.map((x, k) => -x - cone.s[k]);
        const t = cone.longestStep(ds, still);
        assert.ok(t > 0 && t < 1);
        const at = (length: number): boolean => {
          const moved = make();
          ds.forEach((d, k) => (moved.s[k] = cone.s[k] + length * d));
          inside(rng, moved.z);
          return moved.rescale();
        };
        assert.ok(at(t * (1 - 1e-6)), 'inside before');
        assert.ok(!at(t * (1 + 1e-6)), 'outside after');
      }
    });
  });
}
