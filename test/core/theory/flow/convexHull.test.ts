import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planarHull, spatialHull } from '../../../../src/core/theory/flow/convexHull.ts';
import { createRng } from '../../../../src/core/base/rng.ts';

test('hull in the plane: corners counter-clockwise, inner and edge points left out', () => {
  assert.deepEqual(
    planarHull([
      [0, 0],
      [1, 0],
      [0.5, 0.2],
      [1, 1],
      [0, 1],
      [0.5, 0],
    ]),
    [
      [0, 0],
      [1, 0],
      [1, 1],
      [0, 1],
    ],
  );
});

/** Largest distance of a point outside a face, and the volume by the divergence theorem. */
function inspect(points: readonly number[], faces: readonly (readonly number[])[]): { out: number; volume: number } {
  let out = -Infinity;
  let volume = 0;
  for (const [i, j, k] of faces) {
    const [a, b, c] = [i, j, k].map((v) => points.slice(3 * v, 3 * v + 3));
    const u = b.map((x, t) => x - a[t]);
    const v = c.map((x, t) => x - a[t]);
    const normal = [u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0]];
    const size = Math.hypot(...normal);
    volume += (normal[0] * a[0] + normal[1] * a[1] + normal[2] * a[2]) / 6;
    if (size < 1e-9) continue;
    for (let p = 0; p < points.length; p += 3) {
      const height = normal.reduce((s, x, t) => s + (x / size) * (points[p + t] - a[t]), 0);
      out = Math.max(out, height);
    }
  }
  return { out, volume };
}

test('hull in space: a cube with points on faces and inside, spheres and rectified points', () => {
  const cube: number[] = [];
  for (let x = 0; x <= 4; x++) for (let y = 0; y <= 4; y++) for (let z = 0; z <= 4; z++) cube.push(x / 4, y / 4, z / 4);
  const faces = spatialHull(cube);
  const found = inspect(cube, faces);
  assert.ok(found.out < 1e-9);
  assert.ok(Math.abs(found.volume - 1) < 1e-9, String(found.volume));

  const rng = createRng(3);
  const ball: number[] = [];
  const rectified: number[] = [];
  for (let i = 0; i < 500; i++) {
    const u = [rng.normal(), rng.normal(), rng.normal()];
    const size = Math.hypot(...u);
    ball.push(...u.map((x) => x / size));
    rectified.push(...u.map((x) => Math.max(0, x / size)));
  }
  const sphere = inspect(ball, spatialHull(ball));
  assert.ok(sphere.out < 1e-9);
  assert.ok(sphere.volume < (4 / 3) * Math.PI && sphere.volume > 0.95 * (4 / 3) * Math.PI);
  // Many points share the planes of the coordinates; Euler's formula for a closed surface of triangles.
  const triangles = spatialHull(rectified);
  const corners = new Set(triangles.flat());
  assert.equal(triangles.length, 2 * corners.size - 4);
  assert.ok(inspect(rectified, triangles).out < 1e-9);
});

test('points in a plane or too few have no hull in space', () => {
  assert.deepEqual(spatialHull([0, 0, 0, 1, 0, 0, 0, 1, 0]), []);
  assert.deepEqual(spatialHull([0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, 0.5, 0.2, 1]), []);
});
