import { type PatternSet, isOn, patternsOfGates } from '../base/patterns.ts';
import type { Kernels } from '../base/kernels/kernels.ts';
import { type DenseMatrix, denseMatrix } from '../base/linalg/matrix.ts';
import type { PreparedProblem } from '../problem/prepare.ts';
import type { OutputPenalty } from '../problem/penalties/penalties.ts';
import { ProblemError } from '../base/problemError.ts';
import { namedEntry } from '../base/registry.ts';
import type { Rng } from '../base/rng.ts';
import type { TrainableModel } from './model.ts';

/**
 * How the hidden units are tied to the outputs, so that weight decay on them is the penalty the convex program is exact for
 * (minimise over the scaling w -> s w, a -> a / s, which leaves the function alone):
 *
 * - single: every unit feeds one output, beta/2 (||w||^2 + a^2); becomes beta ||a w|| per unit: groups per output.
 *   The same infimum as beta/2 (||w||^2 + ||a||_1^2) with units shared by the outputs.
 * - block (gated only): the unit of gate i holds a d x c matrix V and one scale s, beta/2 (||V||_F^2 + s^2); becomes
 *   beta ||s V||_F: Frobenius blocks.
 * - shared: plain weight decay beta/2 (||w||^2 + ||a||_2^2) with a in R^c; becomes the nuclear norm of each gate's block.
 */
export type UnitForm = 'single' | 'block' | 'shared';

/**
 * The two-layer network f(x) = sum_k phi_k(w_k . x) a_k + b2 as a trainable model; phi_k is the ReLU, or the fixed gate of column k.
 * Parameters in order: `columns` x `inputs` inner weights by rows, then the outer weights (`single`: one per column; `block`: one per
 * gate; `shared`: columns x c by rows), then c output offsets when the bias is free. Inputs include the ones column.
 */
export interface TwoLayerModel extends TrainableModel {
  readonly form: UnitForm;
  /** n x d effective inputs: a ones column is appended unless the bias mode is `none`. */
  readonly X: DenseMatrix;
  readonly inputs: number;
  readonly columns: number;
  readonly outputs: number;
  /** Columns that share one outer weight (c for `block`, else 1). */
  readonly columnsPerScale: number;
  /** Start of the outer weights and of the offsets in the parameter vector (offsets: equal to `size` when there are none). */
  readonly outerStart: number;
  readonly offsetStart: number;
  /** The inputs that count in the penalty: all, or all but the last when the hidden bias is free. */
  readonly penalizedInputs: number;
  /** P x d fixed gates, and the number of consecutive columns per gate. */
  readonly gates?: DenseMatrix;
  readonly columnsPerGate: number;
  /** The gates' patterns on the rows. */
  readonly patterns?: PatternSet;
  /** Output of column k for the forms with one output per column. */
  outputOf(column: number): number;
  /** Normal start: inner weights N(0, scale^2 2/d), outer weights N(0, scale^2 / (units per output)), offsets 0. */
  initialise(rng: Rng, scale: number): Float64Array;
  /** Outputs n x c on the training rows. */
  predict(theta: Float64Array): Float64Array;
}

/** What the hidden layer is: `width` ReLU units (at least one per output is made), or fixed gates (P x d, on effective inputs). */
export type HiddenLayer =
  { readonly kind: 'relu'; readonly width: number } | { readonly kind: 'gated'; readonly gates: DenseMatrix };

/** One byte per row and gate (n x P), the order in which the forward pass reads them. */
function bytesByRow(patterns: PatternSet): Uint8Array {
  const out = new Uint8Array(patterns.rows * patterns.count);
  for (let p = 0; p < patterns.count; p++) {
    for (let r = 0; r < patterns.rows; r++) if (isOn(patterns, p, r)) out[r * patterns.count + p] = 1;
  }
  return out;
}

const unitForms: Readonly<Record<OutputPenalty, UnitForm>> = {
  'per-output': 'single',
  frobenius: 'block',
  nuclear: 'shared',
};

/**
 * The trainable two-layer network of a problem.
 * @throws {ProblemError} for Frobenius blocks without gates, which no network with weight decay stands for, and for a gated nuclear
 * penalty with a free bias
 */
export function createTwoLayerModel(problem: PreparedProblem, hidden: HiddenLayer, kernels: Kernels): TwoLayerModel {
  const c = problem.outputs;
  const X = problem.X;
  const n = X.rows;
  const d = X.cols;
  const { beta, datafit } = problem;
  const gates = hidden.kind === 'gated' ? hidden.gates : undefined;
  const form = c > 1 ? namedEntry(unitForms, problem.outputPenalty, 'outputPenalty') : 'single';
  if (form === 'block' && gates === undefined) {
    throw new ProblemError('Frobenius blocks exist for gated networks only; use per-output or nuclear', {
      field: 'outputPenalty',
    });
  }
  if (form === 'shared' && gates !== undefined && problem.bias === 'free') {
    throw new ProblemError('nuclear penalties of gated networks need a regularized bias or none', { field: 'bias' });
  }
  const gateCount = gates?.rows ?? 0;
  const columnsPerGate = form === 'shared' ? Math.min(c, d) : c;
  const columns =
    hidden.kind === 'gated'
      ? gateCount * columnsPerGate
      : Math.max(Math.floor(hidden.width), form === 'single' ? c : 1);
  const columnsPerScale = form === 'block' ? c : 1;
  const scales = form === 'shared' ? columns * c : columns / columnsPerScale;
  const outerStart = columns * d;
  const offsetStart = outerStart + scales;
  const freeOffsets = problem.bias === 'free' ? c : 0;
  const size = offsetStart + freeOffsets;
  const penalizedInputs = problem.penalizedCols;
  const patterns = gates === undefined ? undefined : patternsOfGates(X, gates);
  const gateOn = patterns === undefined ? undefined : bytesByRow(patterns);

  const block = Math.max(16, Math.min(256, Math.floor(65536 / Math.max(columns, 1))));
  const H = kernels.alloc(block * columns);
  const F = new Float64Array(block * c);
  const G = new Float64Array(block * c);
  const gathered = kernels.alloc(block * d);

  /** Activations of a block of rows into H (block x columns) and outputs into F; returns the block's inputs. */
  const forward = (theta: Float64Array, order: Int32Array | null, start: number, count: number): Float64Array => {
    let inputs: Float64Array;
    if (order !== null) {
      for (let k = 0; k < count; k++) {
        const from = order[start + k] * d;
        for (let j = 0; j < d; j++) gathered[k * d + j] = X.data[from + j];
      }
      inputs = gathered.subarray(0, count * d);
    } else {
      inputs = X.data.subarray(start * d, (start + count) * d);
    }
    kernels.gemm(false, true, count, columns, d, 1, inputs, theta.subarray(0, outerStart), 0, H);
    for (let k = 0; k < count; k++) {
      const h = k * columns;
      const f = k * c;
      for (let o = 0; o < c; o++) F[f + o] = freeOffsets > 0 ? theta[offsetStart + o] : 0;
      if (gateOn !== undefined) {
        const g = (order === null ? start + k : order[start + k]) * gateCount;
        for (let p = 0, j = h; p < gateCount; p++) {
          const on = gateOn[g + p];
          for (let q = 0; q < columnsPerGate; q++, j++) if (on === 0) H[j] = 0;
        }
      } else {
        for (let j = h; j < h + columns; j++) if (!(H[j] > 0)) H[j] = 0;
      }
      if (form === 'shared') {
        for (let j = 0, a = outerStart; j < columns; j++, a += c) {
          const value = H[h + j];
          if (value !== 0) for (let o = 0; o < c; o++) F[f + o] += value * theta[a + o];
        }
      } else if (c === 1) {
        let s = F[f];
        for (let j = 0; j < columns; j++) s += H[h + j] * theta[outerStart + j];
        F[f] = s;
      } else {
        for (let j = 0, o = 0, a = outerStart; j < columns; j++) {
          F[f + o] += H[h + j] * theta[a];
          if (++o === c) {
            o = 0;
            if (columnsPerScale > 1) a++;
          }
          if (columnsPerScale === 1) a++;
        }
      }
    }
    return inputs;
  };

  /** Adds the outer gradient and turns H from activations into dLoss/dH. */
  const backward = (
    theta: Float64Array,
    order: Int32Array | null,
    start: number,
    count: number,
    gradient: Float64Array,
  ): void => {
    for (let k = 0; k < count; k++) {
      const h = k * columns;
      const f = k * c;
      const g = gateOn === undefined ? 0 : (order === null ? start + k : order[start + k]) * gateCount;
      for (let o = 0; o < freeOffsets; o++) gradient[offsetStart + o] += G[f + o];
      for (let j = 0; j < columns; j++) {
        const value = H[h + j];
        const on = gateOn === undefined ? value > 0 : gateOn[g + Math.floor(j / columnsPerGate)] === 1;
        if (!on) {
          H[h + j] = 0;
          continue;
        }
        if (form === 'shared') {
          const a = outerStart + j * c;
          let back = 0;
          for (let o = 0; o < c; o++) {
            gradient[a + o] += value * G[f + o];
            back += theta[a + o] * G[f + o];
          }
          H[h + j] = back;
        } else {
          const a = outerStart + (columnsPerScale === 1 ? j : Math.floor(j / columnsPerScale));
          const out = G[f + (c === 1 ? 0 : j % c)];
          gradient[a] += value * out;
          H[h + j] = theta[a] * out;
        }
      }
    }
  };

  return {
    form,
    X,
    size,
    rows: n,
    flopsPerRow: 4 * columns * (d + 2),
    inputs: d,
    columns,
    outputs: c,
    columnsPerScale,
    outerStart,
    offsetStart,
    penalizedInputs,
    gates,
    patterns,
    columnsPerGate,
    vector: () => kernels.alloc(size),
    release: (vector) => kernels.free(vector),
    outputOf: (column) => column % c,
    addLoss(theta, order, start, count, gradient): number {
      let sum = 0;
      for (let from = start; from < start + count; from += block) {
        const rows = Math.min(block, start + count - from);
        const inputs = forward(theta, order, from, rows);
        sum += datafit.lossOfRows(F, order, from, rows, G);
        if (gradient === null) continue;
        backward(theta, order, from, rows, gradient);
        kernels.gemm(true, false, columns, d, rows, 1, H, inputs, 1, gradient.subarray(0, outerStart));
      }
      return sum;
    },
    addPenalty(theta, factor, gradient): number {
      let sum = 0;
      if (penalizedInputs === d) {
        for (let i = 0; i < outerStart; i++) sum += theta[i] * theta[i];
        if (gradient !== null) for (let i = 0; i < outerStart; i++) gradient[i] += factor * beta * theta[i];
      } else {
        for (let k = 0; k < columns; k++) {
          for (let i = k * d; i < k * d + penalizedInputs; i++) {
            sum += theta[i] * theta[i];
            if (gradient !== null) gradient[i] += factor * beta * theta[i];
          }
        }
      }
      for (let i = outerStart; i < offsetStart; i++) {
        sum += theta[i] * theta[i];
        if (gradient !== null) gradient[i] += factor * beta * theta[i];
      }
      return 0.5 * beta * sum;
    },
    initialise(rng, scale): Float64Array {
      const theta = new Float64Array(size);
      const inner = scale * Math.sqrt(2 / d);
      const outer = scale / Math.sqrt(Math.max(1, form === 'single' ? columns / c : columns));
      for (let i = 0; i < outerStart; i++) theta[i] = inner * rng.normal();
      for (let i = outerStart; i < offsetStart; i++) theta[i] = outer * rng.normal();
      return theta;
    },
    predict(theta): Float64Array {
      const out = denseMatrix(n, c).data;
      for (let from = 0; from < n; from += block) {
        const rows = Math.min(block, n - from);
        forward(theta, null, from, rows);
        out.set(F.subarray(0, rows * c), from * c);
      }
      return out;
    },
    dispose(): void {
      kernels.free(H);
      kernels.free(gathered);
    },
  };
}
