import type { MarkShape, Tone } from '../../charts/spec.ts';

export type Vector = readonly [number, number, number];

/** A surface, curve, hull, plane or set of points; layers are shown and hidden one by one. */
export type Layer = { readonly id: string; readonly label: string; readonly tone: Tone; readonly hidden?: boolean } & (
  | {
      /** Rings of a sphere of directions, `columns` points each. */
      readonly kind: 'mesh';
      readonly points: readonly number[];
      readonly columns: number;
      /** Tone of a patch by its first point; otherwise the layer's. */
      readonly toneOf?: (point: number) => Tone;
    }
  | { readonly kind: 'curve'; readonly points: readonly number[] }
  | { readonly kind: 'faces'; readonly corners: readonly number[]; readonly faces: readonly number[] }
  /** normal'z = level for every level, within the box. */
  | { readonly kind: 'planes'; readonly normal: Vector; readonly levels: readonly number[] }
  | {
      readonly kind: 'marks';
      readonly points: readonly Vector[];
      readonly mark: MarkShape;
      readonly describe: (i: number) => string;
    }
);

export interface Scene {
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  readonly axes: readonly [string, string, string];
  readonly layers: readonly Layer[];
}

/** Where the viewer is: turned about the third axis, tilted up, and how near. */
export interface Camera {
  readonly yaw: number;
  readonly pitch: number;
  readonly zoom: number;
}

export const homeCamera: Camera = { yaw: 0.7, pitch: 0.45, zoom: 1.25 };

/** Something to draw on the screen, far ones first. */
export type Primitive =
  | {
      readonly kind: 'polygon';
      /** Pixels, x y. */
      readonly points: readonly number[];
      readonly depth: number;
      readonly tone: Tone;
      readonly fill: number;
      readonly stroke: number;
    }
  | {
      readonly kind: 'line';
      readonly points: readonly number[];
      readonly depth: number;
      readonly tone: Tone;
      readonly width: number;
      readonly alpha: number;
    }
  | {
      readonly kind: 'mark';
      readonly at: readonly [number, number];
      readonly depth: number;
      readonly tone: Tone;
      readonly mark: MarkShape;
      readonly layer: string;
      readonly index: number;
    }
  | { readonly kind: 'text'; readonly at: readonly [number, number]; readonly depth: number; readonly text: string };

/** Smallest box around all points of the shown layers, a little larger; the same unit on every axis. */
function boxOf(layers: readonly Layer[]): { readonly low: Vector; readonly high: Vector } {
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  const take = (x: number, k: number): void => {
    low[k] = Math.min(low[k], x);
    high[k] = Math.max(high[k], x);
  };
  for (const layer of layers) {
    if (layer.kind === 'mesh' || layer.kind === 'curve') layer.points.forEach((x, i) => take(x, i % 3));
    else if (layer.kind === 'faces') layer.corners.forEach((x, i) => take(x, i % 3));
    else if (layer.kind === 'marks') layer.points.forEach((point) => point.forEach(take));
  }
  [0, 1, 2].forEach((k) => take(0, k));
  const size = Math.max(...[0, 1, 2].map((k) => high[k] - low[k]), 1e-12);
  const pad = 0.06 * size;
  return {
    low: [low[0] - pad, low[1] - pad, low[2] - pad],
    high: [high[0] + pad, high[1] + pad, high[2] + pad],
  };
}

/** The part of the plane normal'z = level in a box, corners in order around it; empty when it misses the box. */
export function planeInBox(normal: Vector, level: number, low: Vector, high: Vector): Vector[] {
  const corner = (bits: number): Vector => [
    bits & 1 ? high[0] : low[0],
    bits & 2 ? high[1] : low[1],
    bits & 4 ? high[2] : low[2],
  ];
  const value = (p: Vector): number => normal[0] * p[0] + normal[1] * p[1] + normal[2] * p[2] - level;
  const cuts: Vector[] = [];
  for (let bits = 0; bits < 8; bits++) {
    for (const axis of [1, 2, 4]) {
      if (bits & axis) continue;
      const [a, b] = [corner(bits), corner(bits | axis)];
      const [fa, fb] = [value(a), value(b)];
      if (fa === fb || fa > 0 === fb > 0) continue;
      const t = fa / (fa - fb);
      cuts.push([a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1]), a[2] + t * (b[2] - a[2])]);
    }
  }
  if (cuts.length < 3) return [];
  const middle = [0, 1, 2].map((k) => cuts.reduce((s, p) => s + p[k], 0) / cuts.length);
  // Two directions in the plane to measure angles by.
  const first = [0, 1, 2].map((k) => cuts[0][k] - middle[k]);
  const second = [
    normal[1] * first[2] - normal[2] * first[1],
    normal[2] * first[0] - normal[0] * first[2],
    normal[0] * first[1] - normal[1] * first[0],
  ];
  const n = Math.hypot(...normal) || 1;
  const angle = (p: Vector): number => {
    const d = [0, 1, 2].map((k) => p[k] - middle[k]);
    const along = (v: readonly number[]): number => d[0] * v[0] + d[1] * v[1] + d[2] * v[2];
    return Math.atan2(along(second) / n, along(first));
  };
  return cuts.sort((p, q) => angle(p) - angle(q));
}

const steps = [0, 1, 2] as const;

/** A picture of a scene being put together: a camera that places points, and what it has seen so far. */
class Canvas {
  readonly out: Primitive[] = [];
  private readonly middle: readonly number[];
  private readonly reach: number;
  private readonly scale: number;
  private readonly turned: { readonly sy: number; readonly cy: number; readonly sp: number; readonly cp: number };

  /** @param size of the picture in pixels */
  constructor(
    readonly low: Vector,
    readonly high: Vector,
    camera: Camera,
    private readonly size: { readonly width: number; readonly height: number },
  ) {
    this.middle = steps.map((k) => (low[k] + high[k]) / 2);
    this.reach = Math.hypot(...steps.map((k) => high[k] - low[k])) / 2;
    this.scale = (camera.zoom * 0.92 * Math.min(size.width, size.height)) / (2 * this.reach);
    const { yaw, pitch } = camera;
    this.turned = { sy: Math.sin(yaw), cy: Math.cos(yaw), sp: Math.sin(pitch), cp: Math.cos(pitch) };
  }

  /** Pixels and depth (larger is farther); parallel projection, so that planes seen from the side stay lines. */
  view(p: ArrayLike<number>): readonly [number, number, number] {
    const { middle, scale, size } = this;
    const { sy, cy, sp, cp } = this.turned;
    const [x, y, z] = [p[0] - middle[0], p[1] - middle[1], p[2] - middle[2]];
    const right = -sy * x + cy * y;
    const toward = cy * x + sy * y;
    return [size.width / 2 + scale * right, size.height / 2 - scale * (cp * z - sp * toward), -(cp * toward + sp * z)];
  }

  polygon(points: readonly ArrayLike<number>[], tone: Tone, fill: number, stroke: number): void {
    this.out.push({ kind: 'polygon', ...this.placed(points), tone, fill, stroke });
  }

  /** @param lift how far in front of where it lies it is drawn, over the reach of the scene */
  line(points: readonly ArrayLike<number>[], tone: Tone, width: number, lift = 0): void {
    const { points: pixels, depth } = this.placed(points);
    this.out.push({ kind: 'line', points: pixels, depth: depth - lift * this.reach, tone, width, alpha: 1 });
  }

  /** A mark in front of the surface that it lies on. */
  mark(point: Vector, layer: Extract<Layer, { kind: 'marks' }>, index: number): void {
    const [x, y, depth] = this.view(point);
    const { tone, mark, id } = layer;
    this.out.push({ kind: 'mark', at: [x, y], depth: depth - 0.05 * this.reach, tone, mark, layer: id, index });
  }

  private placed(points: readonly ArrayLike<number>[]): { readonly points: number[]; readonly depth: number } {
    const placed = points.map((p) => this.view(p));
    return {
      points: placed.flatMap(([x, y]) => [x, y]),
      depth: placed.reduce((s, p) => s + p[2], 0) / placed.length,
    };
  }
}

/** Axes through the origin, with names at their ends. */
function drawAxes(canvas: Canvas, names: Scene['axes']): void {
  steps.forEach((k) => {
    const from = [0, 0, 0];
    const to = [0, 0, 0];
    from[k] = Math.min(0, canvas.low[k]);
    to[k] = canvas.high[k];
    for (let part = 0; part < 8; part++) {
      const at = (t: number): number[] => from.map((x, i) => x + (t / 8) * (to[i] - x));
      canvas.line([at(part), at(part + 1)], 'muted', 1);
    }
    const end = canvas.view(to);
    canvas.out.push({ kind: 'text', at: [end[0], end[1]], depth: -Infinity, text: names[k] });
  });
}

function drawMesh(canvas: Canvas, layer: Extract<Layer, { kind: 'mesh' }>): void {
  const { points, columns } = layer;
  const at = (i: number): readonly number[] => points.slice(3 * i, 3 * i + 3);
  const rows = points.length / 3 / columns;
  for (let r = 0; r + 1 < rows; r++) {
    for (let c = 0; c + 1 < columns; c++) {
      const i = r * columns + c;
      const corners = [at(i), at(i + 1), at(i + columns + 1), at(i + columns)];
      canvas.polygon(corners, layer.toneOf?.(i) ?? layer.tone, 0.5, 0.25);
    }
  }
}

function drawLayer(canvas: Canvas, layer: Layer): void {
  switch (layer.kind) {
    case 'mesh':
      drawMesh(canvas, layer);
      return;
    case 'curve': {
      const { points, tone } = layer;
      for (let i = 0; i + 5 < points.length; i += 3)
        canvas.line([points.slice(i, i + 3), points.slice(i + 3, i + 6)], tone, 2.2, 0.002);
      return;
    }
    case 'faces': {
      const at = (i: number): readonly number[] => layer.corners.slice(3 * i, 3 * i + 3);
      for (let f = 0; f + 2 < layer.faces.length; f += 3)
        canvas.polygon([at(layer.faces[f]), at(layer.faces[f + 1]), at(layer.faces[f + 2])], layer.tone, 0.07, 0.22);
      return;
    }
    case 'planes':
      for (const level of layer.levels) {
        const corners = planeInBox(layer.normal, level, canvas.low, canvas.high);
        if (corners.length >= 3) canvas.polygon(corners, layer.tone, 0.16, 0.9);
      }
      return;
    case 'marks':
      layer.points.forEach((point, index) => canvas.mark(point, layer, index));
      return;
  }
}

/** What is seen of a scene on a picture of the given size, far things first (painter's order). */
export function seen(
  scene: Scene,
  hidden: ReadonlySet<string>,
  camera: Camera,
  width: number,
  height: number,
): Primitive[] {
  const { low, high } = boxOf(scene.layers);
  const canvas = new Canvas(low, high, camera, { width, height });
  drawAxes(canvas, scene.axes);
  for (const layer of scene.layers) if (!hidden.has(layer.id)) drawLayer(canvas, layer);
  return canvas.out.sort((a, b) => b.depth - a.depth);
}
