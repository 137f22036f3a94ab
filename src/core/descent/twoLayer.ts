import { type PatternSet, patternsOfGates } from '../base/patterns.ts';
import type { Kernels } from '../base/kernels/kernels.ts';
import type { DenseMatrix } from '../base/linalg/matrix.ts';
import type { PreparedProblem } from '../problem/prepare.ts';
import type { OutputPenalty } from '../problem/penalties/penalties.ts';
import { ProblemError } from '../base/problemError.ts';
import { namedEntry } from '../base/registry.ts';
import type { Rng } from '../base/rng.ts';
import { type Range, weightDecay } from './decay.ts';
import { createRelu } from './layers/activation.ts';
import { createDense } from './layers/dense.ts';
import { createGate } from './layers/gate.ts';
import type { Layer } from './layers/layer.ts';
import { createOffset, createPerOutput } from './layers/perOutput.ts';
import { Sequence } from './layers/sequence.ts';
import type { TrainableModel } from './model.ts';
import { lossOnRows, rowsPerPass } from './onRows.ts';
import { biasOf } from '../problem/problem.ts';

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
export type HiddenLayer = { readonly kind: 'relu'; readonly width: number } | GatedLayer;

interface GatedLayer {
  readonly kind: 'gated';
  readonly gates: DenseMatrix;
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
  const d = X.cols;
  const gates = hidden.kind === 'gated' ? hidden.gates : undefined;
  const form = c > 1 ? namedEntry(unitForms, problem.outputPenalty, 'outputPenalty') : 'single';
  if (form === 'block' && gates === undefined) {
    throw new ProblemError('Frobenius blocks exist for gated networks only; use per-output or nuclear', {
      field: 'outputPenalty',
    });
  }
  if (form === 'shared' && gates !== undefined && biasOf(problem.bias).free) {
    throw new ProblemError('nuclear penalties of gated networks need a regularized bias or none', { field: 'bias' });
  }
  const columnsPerGate = form === 'shared' ? Math.min(c, d) : c;
  const columns =
    hidden.kind === 'gated'
      ? hidden.gates.rows * columnsPerGate
      : Math.max(Math.floor(hidden.width), form === 'single' ? c : 1);
  const patterns = gates === undefined ? undefined : patternsOfGates(X, gates);
  const block = rowsPerPass(columns);
  const layers: Layer[] = [
    createDense({ inputs: d, outputs: columns, kernels }),
    patterns === undefined ? createRelu(columns, block, kernels) : createGate(patterns, columnsPerGate),
    outerLayer(form, columns, c, kernels),
  ];
  if (biasOf(problem.bias).free) layers.push(createOffset(c));
  const network = new Sequence(layers, block, kernels);
  const { size } = network;
  const [outerStart, offsetStart] = [network.starts[2], network.starts[3]];
  return {
    ...lossOnRows(network, X, problem.datafit, kernels),
    form,
    X,
    flopsPerRow: 4 * columns * (d + 2),
    inputs: d,
    columns,
    outputs: c,
    columnsPerScale: form === 'block' ? c : 1,
    outerStart,
    offsetStart,
    penalizedInputs: problem.penalizedCols,
    gates,
    patterns,
    columnsPerGate,
    outputOf: (column) => column % c,
    addPenalty: weightDecay(problem.beta, penalised(problem, columns, outerStart, offsetStart)),
    initialise(rng, scale): Float64Array {
      const theta = new Float64Array(size);
      const inner = scale * Math.sqrt(2 / d);
      const outer = scale / Math.sqrt(Math.max(1, form === 'single' ? columns / c : columns));
      for (let i = 0; i < outerStart; i++) theta[i] = inner * rng.normal();
      for (let i = outerStart; i < offsetStart; i++) theta[i] = outer * rng.normal();
      return theta;
    },
  };
}

function outerLayer(form: UnitForm, columns: number, outputs: number, kernels: Kernels): Layer {
  // with one output all forms are the same
  if (outputs === 1 || form === 'shared') {
    return createDense({ inputs: columns, outputs, kernels, layout: 'by-input' });
  }
  return createPerOutput(columns, outputs, form === 'block' ? 'outputs' : 1);
}

/** All weights but those of a free hidden bias, the last input of each column, and the offsets. */
function penalised({ X, penalizedCols }: PreparedProblem, columns: number, outerStart: number, end: number): Range[] {
  if (penalizedCols === X.cols) return [{ from: 0, to: end }];
  const inner = Array.from({ length: columns }, (_, k) => ({ from: k * X.cols, to: k * X.cols + penalizedCols }));
  return [...inner, { from: outerStart, to: end }];
}
