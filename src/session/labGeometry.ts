import { planarHull, spatialHull } from '../core/theory/flow/convexHull.ts';
import { directionGrid, outputAxes, rectified, rowBasis } from '../core/theory/flow/rectifiedSet.ts';
import { type DenseMatrix, norm2 } from '../core/base/linalg/matrix.ts';
import type { Control } from '../core/base/control.ts';
import type { LabSettings, LabVerdict } from '../shared/lab.ts';
import { plural } from '../shared/plural.ts';
import type {
  CircleGeometry,
  FlowCertificateRecord,
  GeometryResult,
  OutputGeometry,
  SphereGeometry,
  TouchingNeuron,
} from '../shared/labFlow.ts';
import { type LabRows, withOnes } from './labData.ts';
import { planeOf, refuseTooManyMarginRows } from './labFlow.ts';
import { flowRun } from './labFlowRun.ts';
import { marginRecord, marginVerdict } from './labMargin.ts';
import { LabRefusal } from './labRefusal.ts';

const curvePoints = 721;
/** A neuron within this distance of the supporting plane is on it; one that flow has brought there by a finite margin, within the second. */
const touching = 1e-3;
const nearlyTouching = 1e-2;
/** Neurons of the flow with less of the norm are left out. */
const shownShare = 1e-3;

export interface GeometryOutcome {
  readonly result: GeometryResult;
  readonly verdicts: readonly LabVerdict[];
  readonly cancelled: boolean;
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let s = 0;
  for (let i = 0; i < b.length; i++) s += a[i] * b[i];
  return s;
}

/** A neuron with its place in the space of outputs. */
interface PlacedNeuron {
  readonly neuron: TouchingNeuron;
  readonly point: Float64Array;
}

export function labGeometry(
  rows: LabRows,
  settings: LabSettings['geometry'],
  control: Control,
  say: (message: string, fraction: number | null, cell?: string) => void,
): GeometryOutcome {
  const X = settings.bias ? withOnes(rows.X) : rows.X;
  const names = settings.bias ? [...rows.names, 'bias'] : rows.names;
  refuseTooManyMarginRows(X.rows);
  refuseManyDimensions(X, rows, settings);
  say('Max-margin program', null);
  const margin = marginRecord(X, rows.y, settings.seed, control);
  const lambda = Float64Array.from(margin.lambda);
  const place = (
    of: TouchingNeuron['of'],
    u: ArrayLike<number>,
    sign: number,
    share: number,
    count: number,
  ): PlacedNeuron => {
    const size = norm2(Float64Array.from(u)) || 1;
    const direction = Array.from(u, (value) => value / size);
    const point = rectified(X, direction);
    const constraint = Math.abs(dot(lambda, point));
    return { neuron: { of, sign, share, count, direction: X.cols <= 3 ? direction : [], constraint }, point };
  };
  const total = margin.neurons.reduce((s, { u }) => s + norm2(Float64Array.from(u)), 0);
  const placed = merged(
    margin.neurons.map(({ u, sign }) => ({
      u: Float64Array.from(u),
      sign,
      share: norm2(Float64Array.from(u)) / total,
    })),
  ).map(({ u, sign, share, count }) => place('optimal', u, sign, share, count));
  let flow: FlowCertificateRecord | null = null;
  if (margin.value !== null && !control.shouldStop()) {
    say('Gradient flow', null, `Max-margin program: ${margin.status}`);
    const { neurons, initScale, steps, seed } = settings;
    const plane = planeOf(X, rows.y, names, margin);
    const { record } = flowRun(X, rows.y, { neurons, initScale }, { seed, steps, plane }, control);
    flow = record.certificate;
    const sizes = record.a.map((a, j) => Math.abs(a) * norm2(Float64Array.from(record.w[j])));
    const sum = sizes.reduce((s, size) => s + size, 0);
    const ends = record.a
      .map((a, j) => ({ u: Float64Array.from(record.w[j]), sign: Math.sign(a), share: sizes[j] / sum }))
      .filter(({ share }) => share > shownShare);
    for (const { u, sign, share, count } of merged(ends)) placed.push(place('flow', u, sign, share, count));
  }
  // Pictures of hundreds of rows take their time; a stop does not wait for them.
  const pictures = !control.shouldStop();
  const output = pictures ? outputGeometry(X, lambda, placed, rows.data.lines) : null;
  const circle = pictures && X.cols === 2 ? circleGeometry(X, lambda, placed, [names[0], names[1]]) : null;
  const sphere = pictures && X.cols === 3 ? sphereGeometry(X, lambda, [names[0], names[1], names[2]]) : null;
  const neurons = placed.map(({ neuron }) => neuron);
  // neurons of a program that is not solved need not touch the planes
  const solved = margin.relativeGap !== null && margin.relativeGap <= touching;
  return {
    result: { margin, output, circle, sphere, neurons, flow },
    verdicts: [
      planeVerdict(neurons, solved),
      supportVerdict(X, lambda, placed, solved),
      ...(flow === null ? [] : [flowVerdict(neurons, flow)]),
      marginVerdict(margin),
    ],
    cancelled: control.shouldStop(),
  };
}

interface SizedDirection {
  readonly u: Float64Array;
  readonly sign: number;
  readonly share: number;
}

/** Cosine from which on two directions are one in a picture: 0.8 degrees. */
const oneDirection = 1 - 1e-4;

/** Neurons of one direction and sign are one: that of the largest share stands for all, with what they have together. */
function merged(neurons: readonly SizedDirection[]): (SizedDirection & { readonly count: number })[] {
  const out: (SizedDirection & { readonly count: number })[] = [];
  for (const neuron of [...neurons].sort((a, b) => b.share - a.share)) {
    const at = out.findIndex(
      ({ u, sign }) =>
        sign === neuron.sign && dot(u, neuron.u) >= oneDirection * (norm2(u) * norm2(neuron.u) || Infinity),
    );
    if (at < 0) out.push({ ...neuron, count: 1 });
    else out[at] = { ...out[at], share: out[at].share + neuron.share, count: out[at].count + 1 };
  }
  return out;
}

function refuseManyDimensions(X: DenseMatrix, rows: LabRows, settings: LabSettings['geometry']): void {
  if (X.cols <= 3 || X.rows <= 3) return;
  const pair = rows.singleColumns.slice(0, 2);
  throw new LabRefusal(
    `there is a picture for two or three inputs, or for two or three rows; here are ${X.cols} inputs${settings.bias ? ' (the bias is one)' : ''} and ${X.rows} rows`,
    pair.length < 2
      ? undefined
      : { label: `Use ${pair.join(' and ')} without a bias`, settings: { features: pair, bias: false } },
  );
}

/** The set where rows are axes; with more than three rows its projection on three directions of that space. */
function outputGeometry(
  X: DenseMatrix,
  lambda: Float64Array,
  placed: readonly PlacedNeuron[],
  lines: readonly number[],
): OutputGeometry {
  const { columns, directions } = directionGrid(rowBasis(X, 3), X.cols);
  const points = directions.map((u) => rectified(X, u));
  const exact = X.rows <= 3;
  const axes = exact ? [] : outputAxes(points, lambda);
  // A set that fills fewer dimensions is drawn in the first of them.
  const project = (point: ArrayLike<number>): number[] =>
    exact
      ? [...Array.from(point), ...new Array<number>(Math.max(0, 2 - X.rows)).fill(0)]
      : [...new Array<number>(3 - axes.length).fill(0), ...axes.map((axis) => dot(axis, point))];
  const dimension = exact && X.rows <= 2 ? 2 : 3;
  const boundary = points.flatMap(project);
  const neurons = placed.map(({ point }) => project(point));
  const all = [...new Array<number>(dimension).fill(0), ...boundary, ...neurons.flat()];
  let corners: number[];
  let faces: number[] = [];
  if (dimension === 2) {
    const pairs = Array.from({ length: all.length / 2 }, (_, i) => [all[2 * i], all[2 * i + 1]] as const);
    corners = planarHull(pairs).flat();
  } else {
    faces = spatialHull(all).flat();
    const used = [...new Set(faces)];
    const index = new Map(used.map((corner, i) => [corner, i]));
    corners = used.flatMap((corner) => all.slice(3 * corner, 3 * corner + 3));
    faces = faces.map((corner) => index.get(corner)!);
  }
  const byLine = [0, 1, 2].map((i) => (i < X.rows ? `output at line ${lines[i]}` : ''));
  return {
    dimension,
    axes: exact ? byLine.slice(0, dimension) : ['widest direction', 'next widest', 'along the dual variable'],
    exact,
    columns,
    boundary,
    corners,
    faces,
    normal: project(lambda),
    neurons,
  };
}

function circleGeometry(
  X: DenseMatrix,
  lambda: Float64Array,
  placed: readonly PlacedNeuron[],
  axes: readonly [string, string],
): CircleGeometry {
  const kinks = Array.from({ length: X.rows }, (_, i) => Math.atan2(X.data[2 * i + 1], X.data[2 * i]))
    .flatMap((angle) => [angle - Math.PI / 2, angle + Math.PI / 2])
    .map((angle) => Math.atan2(Math.sin(angle), Math.cos(angle)));
  const own = placed.map(({ neuron }) => Math.atan2(neuron.direction[1], neuron.direction[0]));
  const grid = Array.from({ length: curvePoints }, (_, i) => -Math.PI + (2 * Math.PI * i) / (curvePoints - 1));
  const angle = [...grid, ...kinks, ...own].sort((a, b) => a - b);
  return { angle, value: angle.map((t) => dot(lambda, rectified(X, [Math.cos(t), Math.sin(t)]))), axes };
}

function sphereGeometry(X: DenseMatrix, lambda: Float64Array, axes: readonly [string, string, string]): SphereGeometry {
  const unit = [0, 1, 2].map((k) => Float64Array.from({ length: 3 }, (_, i) => (i === k ? 1 : 0)));
  const { columns, directions } = directionGrid(unit, 3);
  return { columns, value: directions.map((u) => dot(lambda, rectified(X, u))), axes };
}

function planeVerdict(neurons: readonly TouchingNeuron[], solved: boolean): LabVerdict {
  const optimal = neurons.filter((neuron) => neuron.of === 'optimal');
  const worst = optimal.length === 0 ? null : Math.max(...optimal.map((neuron) => Math.abs(neuron.constraint - 1)));
  const agrees = worst !== null && worst <= touching;
  const subject =
    optimal.length === 1
      ? 'The neuron of the max-margin network is'
      : `The ${optimal.length} neurons of the max-margin network are`;
  return {
    id: 'extreme-points',
    title: 'Every neuron sits at an extreme point that the dual variable supports',
    quantity: 'largest distance of a neuron from the supporting plane',
    value: worst,
    tolerance: [0, touching],
    verdict: agrees ? 'agrees' : worst !== null && solved ? 'disagrees' : 'not tested',
    sentence:
      worst === null
        ? 'No separating network was found, so there are no neurons to look at.'
        : `${subject} within ${worst.toExponential(1)} of the plane on which the dual constraint is 1.`,
  };
}

/** The planes support the set where no point is beyond them; looked at on a grid of directions, the program's bound is the proof. */
function supportVerdict(
  X: DenseMatrix,
  lambda: Float64Array,
  placed: readonly PlacedNeuron[],
  solved: boolean,
): LabVerdict {
  const { directions } = directionGrid(rowBasis(X, 3), X.cols);
  const points = [...directions.map((u) => rectified(X, u)), ...placed.map(({ point }) => point)];
  const largest = points.reduce((most, point) => Math.max(most, Math.abs(dot(lambda, point))), 0);
  const found = placed.length > 0;
  return {
    id: 'supporting-plane',
    title: 'The planes support the rectified ellipsoid',
    quantity: 'largest dual constraint on a grid of directions',
    value: found ? largest : null,
    tolerance: [null, 1 + 1e-6],
    verdict: found && largest <= 1 + 1e-6 ? 'agrees' : found && solved ? 'disagrees' : 'not tested',
    sentence: found
      ? `On ${points.length} directions the dual constraint is at most ${largest.toPrecision(7)}${largest <= 1 + 1e-6 ? ': nothing of the set is beyond the planes at 1 and −1' : ''}.`
      : 'No separating network was found, so there is no plane that neurons could touch.',
  };
}

function flowVerdict(neurons: readonly TouchingNeuron[], flow: FlowCertificateRecord): LabVerdict {
  const mine = neurons.filter((neuron) => neuron.of === 'flow');
  const worst = mine.length === 0 ? null : Math.max(...mine.map((neuron) => Math.abs(neuron.constraint - 1)));
  const tested = worst !== null && flow.verdict === 'global';
  return {
    id: 'flow-extreme-points',
    title: 'Gradient flow ends at the same extreme points',
    quantity: 'largest distance of a neuron of the flow from the supporting plane',
    value: worst,
    tolerance: [0, nearlyTouching],
    verdict: !tested ? 'not tested' : worst <= nearlyTouching ? 'agrees' : 'disagrees',
    sentence: tested
      ? `The flow ended at a global optimum, and its ${plural(mine.length, 'neuron')} of weight ${mine.length === 1 ? 'is' : 'are'} within ${worst.toExponential(1)} of the plane.`
      : `The flow did not end at a certified global optimum, so its neurons need not touch the plane. ${flow.sentence}`,
  };
}
