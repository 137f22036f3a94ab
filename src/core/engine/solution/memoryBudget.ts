import { formatBytes, KernelMemoryError } from '../../base/kernels/kernels.ts';
import { biasOf, type ModelName, modelOf, type Problem } from '../../problem/problem.ts';
import { lossOf } from '../../problem/datafits/losses.ts';
import { couplesOutputs } from '../../problem/penalties/penalties.ts';
import { ProblemError } from '../../base/problemError.ts';
import { namedEntry } from '../../base/registry.ts';

/** Memory a solve may take unless the caller says otherwise. */
export const defaultMemoryBytes = 4 * 2 ** 30;

/**
 * What the memory of a solve depends on: n rows, d effective columns, c outputs, P gates (tuples of three layers; 0: none, or generated as
 * needed), first hidden width of a three-layer branch.
 */
interface Size {
  readonly rows: number;
  readonly cols: number;
  readonly outputs: number;
  readonly gates: number;
  readonly m1: number;
  /** Outputs that one program is solved for. */
  readonly coupled: number;
}

/**
 * Refuses a problem that needs more memory than allowed, before anything is allocated, and says which size would fit.
 * @throws {ProblemError} naming `X` or, when fewer gates would do, `arrangements`
 */
export function refuseTooLarge(problem: Problem, memoryBytes = defaultMemoryBytes): void {
  const bytesOf = namedEntry(bytesByModel, problem.model, 'model');
  const size = sizeOf(problem);
  const needed = bytesOf(size);
  if (!(needed > memoryBytes)) return;
  const { rows: n, gates: P } = size;
  const rows = largest(n, (k) => bytesOf({ ...size, rows: k }) <= memoryBytes);
  const gates = largest(P, (k) => bytesOf({ ...size, gates: k }) <= memoryBytes);
  const { gate } = modelOf(problem.model);
  const counted = (k: number, what: string): string => `${k} ${what}${k === 1 ? '' : 's'}`;
  const what = `${counted(n, 'row')}${P > 0 ? ` and ${counted(P, gate)}` : ''}`;
  const fits = [
    ...(gates > 0 ? [`${counted(gates, gate)} would fit on all rows`] : []),
    ...(rows > 0 ? [`${counted(rows, 'row')} would fit${P > 0 ? ` with all ${gate}s` : ''}`] : []),
  ];
  throw new ProblemError(
    `${what} of ${size.cols} columns need about ${formatBytes(needed)} of memory, ${formatBytes(memoryBytes)} are allowed; ${fits.length > 0 ? fits.join(', ') : 'no smaller part of it would fit either'}, or allow more memory`,
    { field: gates > 0 ? 'arrangements' : 'X' },
  );
}

/** Runs a solve; memory that the kernels refuse all the same becomes a complaint about the problem. */
export function withinKernelMemory<T>(solve: () => T): T {
  try {
    return solve();
  } catch (error) {
    if (error instanceof KernelMemoryError) throw new ProblemError(`is too large: ${error.message}`, { field: 'X' });
    throw error;
  }
}

function sizeOf({ X, bias, outputs, arrangements, hidden, model, loss, outputPenalty }: Problem): Size {
  // patterns of `all` and `adaptive` are found on the way, a linear network has none
  const gates =
    modelOf(model).patterns === 'none'
      ? 0
      : arrangements.kind === 'given'
        ? arrangements.gates.rows
        : arrangements.kind === 'sampled' && arrangements.count > 0
          ? arrangements.count
          : 0;
  const m1 = hidden?.m1 ?? 2;
  const c = Math.max(1, outputs || 1);
  const coupled = !lossOf(loss).separable || couplesOutputs(outputPenalty, c) ? c : 1;
  return { rows: X.rows, cols: X.cols + (biasOf(bias).column ? 1 : 0), outputs: c, gates, m1, coupled };
}

/** Inputs as given, with a bias column, and again inside the kernels; vectors over rows, the loss curvature among them. */
function dataBytes({ rows: n, cols: d, outputs: c }: Size): number {
  return 8 * (3 * n * d + n * c * (30 + c));
}

/** Bits both ways round, for all gates and for those in use; twelve numbers per entry of a block in the engines; partial sums of products. */
function gatedBytes(size: Size): number {
  const { rows: n, cols: d, outputs: c, gates: P } = size;
  const bits = 32 * Math.max(Math.ceil(n / 64) * P, Math.ceil(P / 64) * n);
  return dataBytes(size) + bits + 8 * (12 * P * d * c + n * c * Math.ceil(d / 8));
}

/**
 * Sides of every row, a list of those that are on and bits for each cell; for each group (cell, output, sign) its vector, centre, best vector, multipliers and
 * the derivative of its prox; the Newton system of all groups in rows or in vectors, with the copy it is restored from, and the features it is made of.
 */
function reluBytes(size: Size): number {
  const { rows: n, cols: d, outputs: c, coupled, gates: P } = size;
  const groups = 2 * P * coupled;
  const order = Math.min(n * coupled, groups * d);
  const features = n * coupled * Math.min(groups * d, Math.max(order, 256, d));
  const bits = 32 * Math.max(Math.ceil(n / 64) * P, Math.ceil(P / 64) * n);
  return (
    dataBytes(size) +
    (5 * n + 16 * d * c) * P +
    bits +
    8 * groups * (d * d + 8 * d + 30) +
    16 * order * order +
    8 * features
  );
}

/** For each tuple the rows of its cone, (m1 + 1) n of m1 d numbers, and its features, at most n of them. */
function threeLayerBytes(size: Size): number {
  const { rows: n, cols: d, gates: P, m1 } = size;
  return dataBytes(size) + P * n * (8 * (m1 + 2) * m1 * d + 2 * m1);
}

const bytesByModel: Readonly<Record<ModelName, (size: Size) => number>> = {
  'gated-relu': gatedBytes,
  relu: reluBytes,
  'three-layer': threeLayerBytes,
  linear: dataBytes,
};

/** Largest k in 0..limit that fits; what fits is downward closed. */
function largest(limit: number, fits: (k: number) => boolean): number {
  let [low, high] = [0, limit];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}
