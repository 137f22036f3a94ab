import type { PositiveSystem } from '../../base/systems/positiveSystem.ts';
import type { ActiveNeurons } from './activeNeurons.ts';
import { radialDamping } from './kinkSystem.ts';

/** Where a neuron stands in a system, and the directions that its coordinates there stand for: `dim` rows of d numbers; none for all d as they are. */
export interface Part {
  readonly from: number;
  readonly dim: number;
  readonly basis: Float64Array | undefined;
}

/** Products of features by rows cost the kernels so much less than as many multiplications for blocks of pairs of neurons, which gather their rows. */
const dense = 2;
/** Blocks are kept from step to step, features are made anew: they pay where they cost so many times less. */
const kept = 4;
/** Most features times rows that are kept at a time. */
const mostEntries = 2e7;

/**
 * Whether a system of so many coordinates takes fewer multiplications from the features of these coordinates than from blocks of d x d for all pairs of neurons: it
 * does where most directions are held.
 */
export function featuresPay({ neurons, n, d, c, problem }: ActiveNeurons, size: number): boolean {
  const rows = n * problem.datafit.factorCols;
  if (rows * size > mostEntries) return false;
  const pairs = neurons.reduce((sum, { on }, a) => sum + on.length * (a + 1), 0);
  return kept * (2 * n * d * size + rows * size * size) < (pairs * d * d * Math.min(c, 2) * dense) / 2;
}

/**
 * Adds to the lower triangle of `system`, of the order of all parts and the offset, the curvature of loss and penalty: Phi'Phi for Phi = L'D X Z, Z the directions of each neuron and L L'
 * the curvature of the loss row by row (`hessianFactor`), and (beta / ||u||) ((1 + damping) (P - q q') + damping (I - P) + radialDamping I) within a neuron, q = u / ||u||
 * and P without an unpenalised coordinate.
 */
export function addFeatures(
  state: ActiveNeurons,
  parts: readonly Part[],
  damping: number,
  system: PositiveSystem,
): void {
  const { neurons, n, d, c, problem } = state;
  const { datafit, penalizedCols, beta } = problem;
  const w = datafit.factorCols;
  const L = new Float64Array(n * w * c);
  datafit.hessianFactor(state.F, L);
  const stacked = parts.reduce((sum, { dim }) => sum + dim, 0);
  const Z = new Float64Array(stacked * d);
  for (const { from, dim, basis } of parts) {
    if (basis === undefined) for (let j = 0; j < dim; j++) Z[(from + j) * d + j] = 1;
    else Z.set(basis, from * d);
  }
  const size = system.order;
  const columns = n * w;
  state.withOperator((operator, kernels) => {
    // where the kernels use them in place: they are as large as many copies of the data
    const products = kernels.alloc(stacked * n);
    const Phi = kernels.alloc(size * columns);
    try {
      operator.products(Z, stacked, products);
      neurons.forEach(({ on, sign, output }, a) => {
        const { from, dim } = parts[a];
        const scaled = new Float64Array(w * on.length);
        for (let q = 0, at = 0; q < w; q++) {
          for (let r = 0; r < on.length; r++, at++) scaled[at] = sign * L[(on[r] * c + output) * w + q];
        }
        for (let k = from; k < from + dim; k++) {
          const row = k * n;
          for (let q = 0, at = 0; q < w; q++) {
            const to = k * columns + q;
            for (let r = 0; r < on.length; r++, at++) Phi[to + on[r] * w] = products[row + on[r]] * scaled[at];
          }
        }
      });
      for (let o = 0; stacked + o < size; o++) {
        for (let i = 0; i < n; i++) {
          for (let q = 0; q < w; q++) Phi[(stacked + o) * columns + i * w + q] = L[(i * c + o) * w + q];
        }
      }
      system.addSquare(Phi, columns);
    } finally {
      kernels.free(products);
      kernels.free(Phi);
    }
  });
  const A = system.matrix;
  neurons.forEach(({ norm, unit }, a) => {
    if (!(norm > 0)) return;
    const { from, dim } = parts[a];
    const curvature = ((1 + damping) * beta) / norm;
    const penalised = curvature + (radialDamping * beta) / norm;
    const free = ((radialDamping + damping) * beta) / norm;
    const along = new Float64Array(dim);
    for (let x = 0; x < dim; x++) {
      for (let j = 0, at = (from + x) * d; j < penalizedCols; j++) along[x] += Z[at + j] * unit[j];
    }
    for (let x = 0; x < dim; x++) {
      const to = (from + x) * size + from;
      for (let y = 0; y <= x; y++) {
        A[to + y] -= curvature * along[x] * along[y];
        for (let j = penalizedCols; j < d; j++) {
          A[to + y] += (free - penalised) * Z[(from + x) * d + j] * Z[(from + y) * d + j];
        }
      }
      A[to + x] += penalised;
    }
  });
}
