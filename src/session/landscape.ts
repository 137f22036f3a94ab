import type { PreparedData } from '../core/data/prepareData.ts';
import { encodedName } from '../core/data/scaling.ts';
import { type DenseMatrix, norm2, rowOf } from '../core/base/linalg/matrix.ts';
import { couplesOutputs } from '../core/problem/penalties/penalties.ts';
import { prepare } from '../core/problem/prepare.ts';
import { biasOf, type Problem } from '../core/problem/problem.ts';
import type { Solution } from '../core/engine/solution/solution.ts';
import { modelTraits } from '../shared/models.ts';
import type { DualLandscape, NeuronRecord } from '../shared/run.ts';

const circlePoints = 720;
const longitudes = 120;
const latitudes = 61;

/**
 * v'(Xu)_+ / beta of the output where it is largest in size, with its sign, or ||V'(Xu)_+|| / beta where neurons feed all outputs (`joint`);
 * X with the bias column, v n x c.
 */
function dualConstraint(
  X: DenseMatrix,
  v: DenseMatrix,
  beta: number,
  u: readonly number[],
  sums: Float64Array,
  joint: boolean,
): number {
  const c = v.cols;
  sums.fill(0);
  for (let i = 0; i < X.rows; i++) {
    const x = rowOf(X, i);
    let h = 0;
    for (let k = 0; k < u.length; k++) h += x[k] * u[k];
    if (h <= 0) continue;
    for (let o = 0; o < c; o++) sums[o] += h * v.data[i * c + o];
  }
  if (joint) return norm2(sums) / beta;
  return sums.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0) / beta;
}

function turn(angle: number): number {
  return angle < 0 ? angle + 2 * Math.PI : angle;
}

/**
 * The dual constraint over the directions of a ReLU network with two or three effective inputs (a regularised bias is one of
 * them); undefined for gated ones and other sizes, and for a free bias, which is not in the norm.
 */
export function landscapeOf(
  problem: Problem,
  data: PreparedData,
  solution: Solution,
  neurons: readonly NeuronRecord[],
): DualLandscape | undefined {
  if (modelTraits(problem.model).patterns !== 'free' || biasOf(problem.bias).free) return undefined;
  const hasBias = biasOf(problem.bias).counted;
  const axes = [...data.scaling.inputs.map((_, k) => encodedName(data.scaling, k)), ...(hasBias ? ['bias'] : [])];
  if (axes.length !== 2 && axes.length !== 3) return undefined;
  const { X } = prepare(problem);
  const joint = couplesOutputs(problem.outputPenalty, problem.outputs);
  const sums = new Float64Array(solution.dual.cols);
  const at = (u: readonly number[]): number => dualConstraint(X, solution.dual, problem.beta, u, sums, joint);
  const directions = neurons.map(({ id, weights, bias }) => {
    const u = hasBias ? [...weights, bias] : weights;
    const length = Math.hypot(...u);
    return { id, u: u.map((value) => value / length) };
  });
  if (axes.length === 2) {
    const angle = Array.from({ length: circlePoints }, (_, i) => (2 * Math.PI * i) / circlePoints);
    return {
      kind: 'circle',
      axes: [axes[0], axes[1]],
      angle,
      value: angle.map((a) => at([Math.cos(a), Math.sin(a)])),
      neurons: directions.map(({ id, u }) => ({ id, angle: turn(Math.atan2(u[1], u[0])), value: at(u) })),
    };
  }
  const longitude = Array.from({ length: longitudes }, (_, i) => (2 * Math.PI * i) / longitudes);
  const latitude = Array.from({ length: latitudes }, (_, i) => -Math.PI / 2 + (Math.PI * i) / (latitudes - 1));
  return {
    kind: 'sphere',
    axes: [axes[0], axes[1], axes[2]],
    longitude,
    latitude,
    value: latitude.flatMap((b) =>
      longitude.map((a) => at([Math.cos(b) * Math.cos(a), Math.cos(b) * Math.sin(a), Math.sin(b)])),
    ),
    neurons: directions.map(({ id, u }) => ({
      id,
      longitude: turn(Math.atan2(u[1], u[0])),
      latitude: Math.asin(Math.max(-1, Math.min(1, u[2]))),
      value: at(u),
    })),
  };
}
