/** Corners of the convex hull of points in the plane, counter-clockwise (Andrew 1979, monotone chain). */
export function planarHull(points: readonly (readonly [number, number])[]): [number, number][] {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const turn = (o: readonly [number, number], a: readonly [number, number], b: readonly [number, number]): number =>
    (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
  const chain = (list: readonly (readonly [number, number])[]): [number, number][] => {
    const out: [number, number][] = [];
    for (const point of list) {
      while (out.length >= 2 && turn(out[out.length - 2], out[out.length - 1], point) <= 0) out.pop();
      out.push([point[0], point[1]]);
    }
    out.pop();
    return out;
  };
  return sorted.length < 3 ? sorted.map(([x, y]) => [x, y]) : [...chain(sorted), ...chain(sorted.reverse())];
}

interface Face {
  readonly corners: readonly [number, number, number];
  /** Outward unit normal and its product with the corners. */
  readonly normal: readonly [number, number, number];
  readonly level: number;
}

/**
 * Convex hull of points in space (flat coordinates x y z): triangles as index triples, oriented outward, found by adding one point
 * after the other and closing the horizon of what it sees (Clarkson and Shor 1989, without their bookkeeping; O(points x faces)).
 * Points closer to a face than 1e-10 of the extent count as on it. Empty when all points lie in a plane.
 */
export function spatialHull(points: ArrayLike<number>): [number, number, number][] {
  const n = Math.floor(points.length / 3);
  const at = (i: number): readonly [number, number, number] => [points[3 * i], points[3 * i + 1], points[3 * i + 2]];
  const minus = (a: readonly number[], b: readonly number[]): [number, number, number] => [
    a[0] - b[0],
    a[1] - b[1],
    a[2] - b[2],
  ];
  const cross = (a: readonly number[], b: readonly number[]): [number, number, number] => [
    a[1] * b[2] - a[2] * b[1],
    a[2] * b[0] - a[0] * b[2],
    a[0] * b[1] - a[1] * b[0],
  ];
  const dot = (a: readonly number[], b: readonly number[]): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
  if (n < 4) return [];
  let extent = 0;
  for (let k = 0; k < 3; k++) {
    let low = Infinity;
    let high = -Infinity;
    for (let i = 0; i < n; i++) {
      low = Math.min(low, points[3 * i + k]);
      high = Math.max(high, points[3 * i + k]);
    }
    extent = Math.max(extent, high - low);
  }
  const tolerance = 1e-10 * extent;

  // Four corners of a tetrahedron, each as far as possible from what the ones before span.
  const farthest = (distance: (i: number) => number): readonly [number, number] => {
    let best = 0;
    let value = -1;
    for (let i = 0; i < n; i++) {
      const d = distance(i);
      if (d > value) [best, value] = [i, d];
    }
    return [best, value];
  };
  const norm = (a: readonly number[]): number => Math.sqrt(dot(a, a));
  const [a] = farthest((i) => points[3 * i] - points[0] + extent);
  const [b, ab] = farthest((i) => norm(minus(at(i), at(a))));
  if (!(ab > tolerance)) return [];
  const line = minus(at(b), at(a));
  const [c, abc] = farthest((i) => norm(cross(line, minus(at(i), at(a)))) / ab);
  if (!(abc > tolerance)) return [];
  const across = cross(line, minus(at(c), at(a)));
  const [d, abcd] = farthest((i) => Math.abs(dot(across, minus(at(i), at(a)))) / norm(across));
  if (!(abcd > 1e-7 * extent)) return [];
  const middle = [0, 1, 2].map((k) => (at(a)[k] + at(b)[k] + at(c)[k] + at(d)[k]) / 4);

  const face = (i: number, j: number, k: number): Face => {
    const raw = cross(minus(at(j), at(i)), minus(at(k), at(i)));
    const size = norm(raw) || 1;
    const normal: [number, number, number] = [raw[0] / size, raw[1] / size, raw[2] / size];
    return { corners: [i, j, k], normal, level: dot(normal, at(i)) };
  };
  const outward = (i: number, j: number, k: number): Face => {
    const first = face(i, j, k);
    return dot(first.normal, middle) > first.level ? face(i, k, j) : first;
  };
  let faces: Face[] = [outward(a, b, c), outward(a, b, d), outward(a, c, d), outward(b, c, d)];
  for (let p = 0; p < n; p++) {
    const point = at(p);
    const seen = faces.filter(({ normal, level }) => dot(normal, point) > level + tolerance);
    if (seen.length === 0) continue;
    // Edges of seen faces that no other seen face has the other way round.
    const edges = new Set(seen.flatMap(({ corners: [i, j, k] }) => [`${i},${j}`, `${j},${k}`, `${k},${i}`]));
    const gone = new Set(seen);
    faces = faces.filter((other) => !gone.has(other));
    for (const edge of edges) {
      const [i, j] = edge.split(',').map(Number);
      if (!edges.has(`${j},${i}`)) faces.push(face(i, j, p));
    }
  }
  return faces.map(({ corners: [i, j, k] }) => [i, j, k]);
}
