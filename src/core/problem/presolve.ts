import { type DenseMatrix, denseMatrix, dot, rowOf } from '../base/linalg/matrix.ts';
import { everyRows } from '../base/polling.ts';
import { effectiveInputs } from './effectiveInputs.ts';
import { effectiveGates } from './effectiveGates.ts';
import { type Arrangements, biasOf, type Problem } from './problem.ts';

/**
 * Units in which a problem is solved, and the way back. With x the inputs of a row, x' = (x - centre) / scale are those that are solved on:
 *
 * - a common factor is an exact change of units: a neuron u on X is s u on X / s, its norm s times as large, so that beta / s asks the same price. The
 *   ones column of a regularised bias is divided as well, since its coefficient is part of the norm;
 * - with a free bias a shift of the columns is one as well: x'w + b = (x - m)'w + (b + m'w), and b costs nothing.
 *
 * Objective, fit and dual point are the same in both; what solvers find hard, inputs far from 0 or of a size far from 1, is gone. The scale is a
 * power of 4: division by it is exact in doubles, and so is its square root, by which the two layers of a balanced network differ.
 */
export interface Frame {
  /** s */
  readonly scale: number;
  /** m, d numbers; with a free bias only. */
  readonly centre: Float64Array | undefined;
}

export interface Presolved {
  /** To be solved: bias "none" on d + 1 columns where the problem has a regularised one. */
  readonly problem: Problem;
  /** Undefined when `problem` is the one that was given. */
  readonly frame: Frame | undefined;
}

interface Inputs {
  readonly X: DenseMatrix;
  readonly frame: Frame;
}

/** Inputs in their frame, by identity of the inputs as given: a second solve on the same data finds the same matrix again. */
const framed = new WeakMap<DenseMatrix, Map<string, Inputs>>();
const movedGates = new WeakMap<Arrangements, { readonly X: DenseMatrix; readonly moved: Arrangements | undefined }>();

/** The problem in the units in which it is solved; its checks (`prepare`) come before. */
export function presolve(problem: Problem, poll: () => void = () => undefined): Presolved {
  const same = { problem, frame: undefined };
  for (const centred of biasOf(problem.bias).free ? [true, false] : [false]) {
    const { X, frame } = inputsOf(problem.X, problem.bias, centred, poll);
    if (frame.scale === 1 && frame.centre === undefined) return same;
    const beta = problem.beta / frame.scale;
    if (!(beta > 0 && Number.isFinite(beta))) return same;
    const arrangements = arrangementsIn(frame, problem, X);
    // a gate through a row may find it on the other side once the columns are shifted: then the scale alone has to do
    if (arrangements === undefined) continue;
    const bias = biasOf(problem.bias).counted ? 'none' : problem.bias;
    return { problem: { ...problem, X, beta, bias, arrangements }, frame };
  }
  return same;
}

function inputsOf(X: DenseMatrix, bias: Problem['bias'], centred: boolean, poll: () => void): Inputs {
  const kinds = framed.get(X) ?? new Map<string, Inputs>();
  framed.set(X, kinds);
  const kind = `${bias} ${centred}`;
  const known = kinds.get(kind);
  if (known !== undefined) return known;
  const { counted } = biasOf(bias);
  const centre = centred ? columnMeans(X, poll) : undefined;
  const size = sizeOf(X, centre, counted, poll);
  const scale = size > 0 ? 4 ** Math.max(-500, Math.min(500, Math.round(Math.log2(size) / 2))) : 1;
  const moves = centre?.some((m) => m !== 0) === true;
  const frame: Frame = { scale, centre: moves ? centre : undefined };
  const made: Inputs =
    scale === 1 && !moves
      ? { X, frame }
      : { X: inFrame(counted ? effectiveInputs(X, bias, undefined, poll) : X, frame, poll), frame };
  kinds.set(kind, made);
  return made;
}

/** Root mean square of the entries of X - centre; `counted`: with a column of ones. */
function sizeOf(
  { rows: n, cols: d, data }: DenseMatrix,
  centre: Float64Array | undefined,
  counted: boolean,
  poll: () => void,
): number {
  const middle = centre ?? new Float64Array(d);
  const look = everyRows(d);
  let largest = counted ? 1 : 0;
  for (let i = 0, at = 0; i < n; i++) {
    if (i % look === look - 1) poll();
    for (let k = 0; k < d; k++) largest = Math.max(largest, Math.abs(data[at++] - middle[k]));
  }
  if (largest === 0) return 0;
  let squares = counted ? n / largest ** 2 : 0;
  for (let i = 0, at = 0; i < n; i++) {
    if (i % look === look - 1) poll();
    for (let k = 0; k < d; k++) {
      const share = (data[at++] - middle[k]) / largest;
      squares += share * share;
    }
  }
  return largest * Math.sqrt(squares / (n * (counted ? d + 1 : d)));
}

function inFrame({ rows: n, cols: d, data }: DenseMatrix, { scale, centre }: Frame, poll: () => void): DenseMatrix {
  const out = denseMatrix(n, d);
  const middle = centre ?? new Float64Array(d);
  const look = everyRows(d);
  for (let i = 0, at = 0; i < n; i++) {
    if (i % look === look - 1) poll();
    for (let k = 0; k < d; k++, at++) out.data[at] = (data[at] - middle[k]) / scale;
  }
  return out;
}

/** Means of the columns, as sums of differences to the first row: exact for constant columns, whatever their size. */
function columnMeans(X: DenseMatrix, poll: () => void): Float64Array {
  const means = new Float64Array(X.cols);
  const look = everyRows(X.cols);
  for (let i = 0; i < X.rows; i++) {
    if (i % look === look - 1) poll();
    for (let k = 0; k < X.cols; k++) means[k] += (X.data[i * X.cols + k] - X.data[k]) / X.rows;
  }
  return means.map((mean, k) => X.data[k] + mean);
}

/** The arrangements on the inputs X of the frame; undefined when a gate would change its pattern there. */
function arrangementsIn(frame: Frame, problem: Problem, X: DenseMatrix): Arrangements | undefined {
  const { arrangements, bias } = problem;
  if (arrangements.kind !== 'given') return arrangements;
  const known = movedGates.get(arrangements);
  if (known?.X === X) return known.moved;
  const given = effectiveGates(arrangements.gates, problem.X.cols, biasOf(bias).column);
  const gates = denseMatrix(given.rows, given.cols, given.data.slice());
  const { centre, scale } = frame;
  const d = given.cols - 1;
  if (biasOf(bias).free) {
    for (let p = 0; p < gates.rows; p++) {
      const g = rowOf(gates, p);
      g[d] = (g[d] + (centre === undefined ? 0 : dot(centre, g))) / scale;
    }
  }
  const kept = centre === undefined || samePatterns(problem.X, given, X, gates);
  const moved: Arrangements | undefined = kept ? { kind: 'given', gates } : undefined;
  movedGates.set(arrangements, { X, moved });
  return moved;
}

/** Whether gates with a bias (P x (d + 1)) are on for the same rows of two inputs (n x d). */
function samePatterns(A: DenseMatrix, gatesOfA: DenseMatrix, B: DenseMatrix, gatesOfB: DenseMatrix): boolean {
  const d = A.cols;
  const on = (X: DenseMatrix, i: number, g: Float64Array): boolean => {
    let s = 0;
    for (let k = 0; k < d; k++) s += X.data[i * d + k] * g[k];
    return s + g[d] >= 0;
  };
  for (let p = 0; p < gatesOfA.rows; p++) {
    const [a, b] = [rowOf(gatesOfA, p), rowOf(gatesOfB, p)];
    for (let i = 0; i < A.rows; i++) if (on(A, i, a) !== on(B, i, b)) return false;
  }
  return true;
}

/** A neuron of the frame (effective inputs) in the units of the problem, in place: w = w' / s, and b = b' - m'w where the bias is free. */
export function neuronBack({ scale, centre }: Frame, bias: Problem['bias'], u: Float64Array): void {
  const slopes = biasOf(bias).free ? u.length - 1 : u.length;
  for (let k = 0; k < slopes; k++) u[k] /= scale;
  if (centre !== undefined) for (let k = 0; k < slopes; k++) u[slopes] -= centre[k] * u[k];
}
