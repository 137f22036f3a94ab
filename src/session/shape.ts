import type { PreparedData } from '../core/data/prepareData.ts';
import { whitened } from '../core/data/whiten.ts';
import { inOriginalUnits } from '../core/network/formats/originalUnits.ts';
import { denseMatrix, type DenseMatrix } from '../core/base/linalg/matrix.ts';
import { predictedClass } from '../core/metrics/predictedClass.ts';
import { networkFit } from '../core/network/evaluate.ts';
import type { TwoLayerNetwork } from '../core/network/network.ts';
import type { ShapeRecord } from '../shared/run.ts';

/** Margin around the data, as a share of their range. */
const margin = 0.08;
const curvePoints = 401;
const surfacePoints = 81;
/** Outputs up to which the surface keeps all of them, for shades and contours. */
const logitLimit = 8;

function paddedRange(values: readonly number[]): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const pad = (high - low) * margin;
  return [low - pad, high + pad];
}

function grid([low, high]: [number, number], points: number): number[] {
  return Array.from({ length: points }, (_, i) => low + ((high - low) * i) / (points - 1));
}

/** Original values of an encoded input. */
function originalValues(data: PreparedData, k: number): number[] {
  const { mean, scale } = data.scaling.inputs[k];
  const { rows, cols, data: values } = data.unwhitened ?? data.X;
  return Array.from({ length: rows }, (_, i) => values[i * cols + k] * scale + mean);
}

/** Outputs at points in original units, row by row. */
type Fit = (points: DenseMatrix) => Float64Array;

/** A function over its one or two numeric features, in original units; undefined for any other number of features. */
function shapeOf(at: Fit, lines: () => readonly Line[], data: PreparedData): ShapeRecord | undefined {
  const { inputs } = data.scaling;
  if (inputs.length > 2 || inputs.some(({ category }) => category !== undefined)) return undefined;
  return inputs.length === 1 ? curve(at, lines(), data) : surface(at, lines(), data);
}

/** That of a two-layer network, with the kinks or hinges of its neurons. */
export function networkShape(network: TwoLayerNetwork, data: PreparedData): ShapeRecord | undefined {
  const original = inOriginalUnits(network, data.scaling);
  const lines = (): Line[] => Array.from({ length: original.W1.rows }, (_, j) => lineOf(original, j));
  return shapeOf((points) => networkFit(original, points).data, lines, data);
}

/** That of any function of encoded inputs. */
export function functionShape(predict: (X: DenseMatrix) => DenseMatrix, data: PreparedData): ShapeRecord | undefined {
  const { inputs, whitening, target } = data.scaling;
  const at = (points: DenseMatrix): Float64Array => {
    const encoded = denseMatrix(points.rows, points.cols);
    for (let i = 0; i < points.rows; i++) {
      inputs.forEach(({ mean, scale }, k) => {
        encoded.data[i * points.cols + k] = (points.data[i * points.cols + k] - mean) / scale;
      });
    }
    const fit = predict(whitening === undefined ? encoded : whitened(encoded, whitening)).data;
    return data.task === 'regression' ? fit.map((value) => value * target.scale + target.mean) : fit;
  };
  return shapeOf(at, () => [], data);
}

interface Line {
  readonly slopes: number[];
  readonly offset: number;
}

/** The line (of a gate, or of the kink of a ReLU) of neuron j: slopes and offset. */
function lineOf(network: TwoLayerNetwork, j: number): Line {
  const [W, b] = network.gates === undefined ? [network.W1, network.b1] : [network.gates, network.gateBias];
  const d = W.cols;
  return { slopes: Array.from(W.data.subarray(j * d, (j + 1) * d)), offset: b?.[j] ?? 0 };
}

function curve(fit: Fit, lines: readonly Line[], data: PreparedData): ShapeRecord {
  const x = originalValues(data, 0);
  const [low, high] = paddedRange(x);
  const kinks = lines
    .map(({ slopes, offset }) => (slopes[0] === 0 ? NaN : -offset / slopes[0]))
    .filter((kink) => kink > low && kink < high)
    .sort((a, b) => a - b);
  // The kinks themselves are drawn, so that the corners are sharp; a gated network may jump there.
  const at = [...new Set([...grid([low, high], curvePoints), ...kinks])].sort((a, b) => a - b);
  const values = fit(denseMatrix(at.length, 1, Float64Array.from(at)));
  const c = values.length / at.length;
  return {
    kind: 'curve',
    feature: data.scaling.inputs[0].name,
    x: at,
    y: Array.from({ length: c }, (_, o) => at.map((_, i) => values[i * c + o])),
    kinks,
    points: { x, y: Array.from(data.y), split: Array.from(data.split) },
  };
}

function surface(at: Fit, lines: readonly Line[], data: PreparedData): ShapeRecord {
  const x1 = originalValues(data, 0);
  const x2 = originalValues(data, 1);
  const range1 = paddedRange(x1);
  const range2 = paddedRange(x2);
  const gx = grid(range1, surfacePoints);
  const gy = grid(range2, surfacePoints);
  const points = denseMatrix(gx.length * gy.length, 2);
  gy.forEach((b, j) => gx.forEach((a, i) => points.data.set([a, b], 2 * (j * gx.length + i))));
  const fit = at(points);
  const c = fit.length / points.rows;
  const value =
    data.task === 'regression'
      ? Array.from(fit)
      : Array.from({ length: points.rows }, (_, i) => predictedClass(fit, i, c));
  const hinges: [number, number, number, number][] = [];
  for (const { slopes, offset } of lines) {
    const segment = clipLine(slopes[0], slopes[1], offset, range1, range2);
    if (segment !== null) hinges.push(segment);
  }
  return {
    kind: 'surface',
    features: [data.scaling.inputs[0].name, data.scaling.inputs[1].name],
    x: gx,
    y: gy,
    value,
    ...(data.task === 'regression' || c > logitLimit
      ? {}
      : { logits: Array.from(fit, (v) => Number(v.toPrecision(6))) }),
    classes: data.classes,
    points: { x: x1, y: x2, target: Array.from(data.y), split: Array.from(data.split) },
    hinges,
  };
}

/** The part of the line a x + b y + c = 0 inside a rectangle, as x1 y1 x2 y2; null when it misses. */
function clipLine(
  a: number,
  b: number,
  c: number,
  [x1, x2]: [number, number],
  [y1, y2]: [number, number],
): [number, number, number, number] | null {
  const ends: [number, number][] = [];
  const add = (x: number, y: number): void => {
    if (!ends.some(([u, v]) => Math.abs(u - x) <= 1e-9 * (x2 - x1) && Math.abs(v - y) <= 1e-9 * (y2 - y1))) {
      ends.push([x, y]);
    }
  };
  if (b !== 0) {
    for (const x of [x1, x2]) {
      const y = -(a * x + c) / b;
      if (y >= y1 && y <= y2) add(x, y);
    }
  }
  if (a !== 0) {
    for (const y of [y1, y2]) {
      const x = -(b * y + c) / a;
      if (x >= x1 && x <= x2) add(x, y);
    }
  }
  return ends.length < 2 ? null : [...ends[0], ...ends[1]];
}
