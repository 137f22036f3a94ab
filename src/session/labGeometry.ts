import type { Kernels } from '../core/kernels/kernels.ts';
import { type DenseMatrix, norm2, rowOf } from '../core/linalg/matrix.ts';
import type { Control } from '../core/solver/control.ts';
import type { LabSettings, LabVerdict } from '../shared/lab.ts';
import type { CircleGeometry, GeometryResult, OutputGeometry, TouchingNeuron } from '../shared/labFlow.ts';
import { type LabRows, withOnes } from './labData.ts';
import { refuseTooManyMarginRows } from './labFlow.ts';
import { marginRecord, marginVerdict } from './labMargin.ts';
import { LabRefusal } from './labRefusal.ts';

const curvePoints = 721;
const sphereRings = 36;
/** A neuron within this distance of the supporting plane is on it. */
const touching = 1e-3;

export interface GeometryOutcome {
  readonly result: GeometryResult;
  readonly verdicts: readonly LabVerdict[];
  readonly cancelled: boolean;
}

/** (Xu)_+ */
function rectified(X: DenseMatrix, u: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: X.rows }, (_, i) => {
    let s = 0;
    for (let k = 0; k < X.cols; k++) s += X.data[i * X.cols + k] * u[k];
    return Math.max(0, s);
  });
}

function constraint(lambda: ArrayLike<number>, point: ArrayLike<number>): number {
  let s = 0;
  for (let i = 0; i < point.length; i++) s += lambda[i] * point[i];
  return s;
}

/** Corners of the convex hull of points in the plane, counter-clockwise (Andrew's monotone chain). */
export function convexHull(points: readonly (readonly [number, number])[]): [number, number][] {
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

/** Orthonormal basis of the span of the rows, at most three vectors. */
function rowBasis(X: DenseMatrix): Float64Array[] {
  const basis: Float64Array[] = [];
  for (let i = 0; i < X.rows && basis.length < 3; i++) {
    const v = rowOf(X, i).slice();
    const before = norm2(v);
    for (let pass = 0; pass < 2; pass++) {
      for (const q of basis) {
        let s = 0;
        for (let k = 0; k < v.length; k++) s += q[k] * v[k];
        for (let k = 0; k < v.length; k++) v[k] -= s * q[k];
      }
    }
    const size = norm2(v);
    if (size > 1e-9 * before) basis.push(v.map((value) => value / size));
  }
  return basis;
}

/** Unit directions in the span of a basis: a circle (2) or rings on the sphere (3). */
function directions(basis: readonly Float64Array[], d: number): Float64Array[] {
  const combine = (weights: readonly number[]): Float64Array => {
    const u = new Float64Array(d);
    basis.forEach((q, b) => q.forEach((value, k) => (u[k] += (weights[b] ?? 0) * value)));
    return u;
  };
  if (basis.length <= 2) {
    return Array.from({ length: curvePoints }, (_, i) => {
      const t = (2 * Math.PI * i) / (curvePoints - 1);
      return combine([Math.cos(t), Math.sin(t)]);
    });
  }
  const out: Float64Array[] = [];
  for (let r = 0; r <= sphereRings; r++) {
    const latitude = -Math.PI / 2 + (Math.PI * r) / sphereRings;
    for (let c = 0; c <= 2 * sphereRings; c++) {
      const longitude = (Math.PI * c) / sphereRings;
      out.push(
        combine([
          Math.cos(latitude) * Math.cos(longitude),
          Math.cos(latitude) * Math.sin(longitude),
          Math.sin(latitude),
        ]),
      );
    }
  }
  return out;
}

export function labGeometry(
  rows: LabRows,
  settings: LabSettings['geometry'],
  _kernels: Kernels | undefined,
  control: Control,
  say: (message: string, fraction: number | null, cell?: string) => void,
): GeometryOutcome {
  const X = settings.bias ? withOnes(rows.X) : rows.X;
  const names = settings.bias ? [...rows.names, 'bias'] : rows.names;
  refuseTooManyMarginRows(X.rows);
  const byRows = X.rows === 2 || X.rows === 3;
  if (!byRows && X.cols !== 2) {
    throw new LabRefusal(
      `there is a picture for two inputs or for two or three rows; here are ${X.cols} inputs${settings.bias ? ' (the bias is one)' : ''} and ${X.rows} rows`,
      {
        label:
          settings.bias && rows.names.length === 1
            ? 'Keep the bias'
            : `Use ${rows.names.slice(0, 2).join(' and ')} without a bias`,
        settings: { features: rows.data.features.slice(0, 2), bias: false },
      },
    );
  }
  say('Max-margin program', null);
  const margin = marginRecord(X, rows.y, settings.seed, control);
  const { lambda } = margin;
  const total = margin.neurons.reduce((s, { u }) => s + norm2(Float64Array.from(u)), 0);
  const neurons: TouchingNeuron[] = margin.neurons.map(({ u, sign }) => {
    const size = norm2(Float64Array.from(u));
    const direction = u.map((value) => value / size);
    const point = rectified(X, direction);
    return {
      of: 'optimal',
      sign,
      share: size / total,
      angle: X.cols === 2 ? Math.atan2(u[1], u[0]) : null,
      point: byRows ? Array.from(point) : [],
      constraint: Math.abs(constraint(lambda, point)),
    };
  });
  let circle: CircleGeometry | null = null;
  if (X.cols === 2) {
    const kinks = Array.from({ length: X.rows }, (_, i) => Math.atan2(X.data[2 * i + 1], X.data[2 * i]))
      .flatMap((angle) => [angle - Math.PI / 2, angle + Math.PI / 2])
      .map((angle) => Math.atan2(Math.sin(angle), Math.cos(angle)));
    const own = neurons.flatMap((neuron) => (neuron.angle === null ? [] : [neuron.angle]));
    const grid = Array.from({ length: curvePoints }, (_, i) => -Math.PI + (2 * Math.PI * i) / (curvePoints - 1));
    const angle = [...grid, ...kinks, ...own].sort((a, b) => a - b);
    circle = {
      angle,
      value: angle.map((t) => constraint(lambda, rectified(X, [Math.cos(t), Math.sin(t)]))),
      axes: [names[0], names[1]],
      neurons,
    };
  }
  let output: OutputGeometry | null = null;
  if (byRows) {
    const points = directions(rowBasis(X), X.cols).map((u) => rectified(X, u));
    const hull =
      X.rows === 2 ? convexHull([[0, 0] as const, ...points.map((point) => [point[0], point[1]] as const)]).flat() : [];
    output = {
      rows: Array.from({ length: X.rows }, (_, i) => i),
      boundary: points.flatMap((point) => Array.from(point)),
      hull,
      lambda,
      neurons,
    };
  }
  return {
    result: { margin, dimension: byRows && X.rows === 3 ? 3 : 2, output, circle },
    verdicts: [planeVerdict(neurons), marginVerdict(margin)],
    cancelled: control.shouldStop(),
  };
}

function planeVerdict(neurons: readonly TouchingNeuron[]): LabVerdict {
  const optimal = neurons.filter((neuron) => neuron.of === 'optimal');
  const worst = optimal.length === 0 ? null : Math.max(...optimal.map((neuron) => Math.abs(neuron.constraint - 1)));
  const agrees = worst !== null && worst <= touching;
  return {
    id: 'extreme-points',
    title: 'Every neuron sits at an extreme point that the dual variable supports',
    quantity: 'largest distance of a neuron from the supporting plane',
    value: worst,
    tolerance: [0, touching],
    verdict: worst === null ? 'not tested' : agrees ? 'agrees' : 'disagrees',
    sentence:
      worst === null
        ? 'There is no separating network, so there are no neurons to look at.'
        : `The ${optimal.length} neurons of the max-margin network are within ${worst.toExponential(1)} of the plane on which the dual constraint is 1.`,
  };
}
