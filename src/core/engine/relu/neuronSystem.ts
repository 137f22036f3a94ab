import { pollInterrupt } from '../../base/kernels/interrupt.ts';
import type { ActiveNeurons, Neuron } from './activeNeurons.ts';
import { addFeatures, featuresPay, type Part } from './featureSystem.ts';
import { directionOf, grown, GrowingRows, type Kink, mirror, type NewtonSystem, radialDamping } from './kinkSystem.ts';
import { bitsOf } from './pairBlocks.ts';
import { pairsOf } from '../../base/patterns.ts';
import { PositiveSystem } from '../../base/systems/positiveSystem.ts';

/** Shift of the matrix, relative to the mean of its diagonal: singular systems stay solvable. */
const leastDamping = 1e-14;

/** K in the coordinates of the neurons, or rather of what a step may change of them. Undefined when stopped. */
export function systemOfNeurons(
  state: ActiveNeurons,
  H: Float64Array,
  damping: number,
  shouldStop: () => boolean,
): NewtonSystem | undefined {
  const { neurons, d, c, problem } = state;
  const parts = placesOf(state);
  const stacked = parts.reduce((sum, { dim }) => sum + dim, 0);
  const size = stacked + (problem.offset ? c : 0);
  const system = new PositiveSystem(size, problem.kernels);
  let factored = false;
  try {
    system.clear();
    if (featuresPay(state, size)) addFeatures(state, parts, damping, system);
    else addBlocks(state, H, parts, damping, system);
    if (shouldStop()) return undefined;
    const A = system.matrix;
    let trace = 0;
    for (let i = 0; i < size; i++) trace += A[i * size + i];
    const shift = leastDamping * (trace / size);
    for (let i = 0; i < stacked; i++) A[i * size + i] += shift;
    factored = system.factor(shouldStop);
    if (!factored) return undefined;
  } finally {
    if (!factored) system.dispose();
  }
  const products = new ProductsOfKinks(state, parts, system);
  return {
    order: neurons.length * d + size - stacked,
    solve: (x) => {
      const inner = inwards(x, parts, d, size);
      system.solve(inner);
      outwards(inner, parts, d, x);
    },
    gram: (kinks, stop) => products.gram(kinks, stop),
    dispose: () => system.dispose(),
  };
}

/** How the blocks of many rows are made. */
interface ManyRows {
  /** Rows that the curvature of the loss is taken from, as bits, and their share of all. */
  readonly rows: Uint32Array | undefined;
  readonly share: number;
  /** Added to the block of a neuron with itself, d x d. */
  readonly extra: (neuron: Neuron) => Float64Array;
}

/** Adds the matrix to the lower triangle of `system` by blocks of d x d for all pairs of neurons, and the offset. */
export function addBlocks(
  state: ActiveNeurons,
  H: Float64Array,
  parts: readonly Part[],
  damping: number,
  system: PositiveSystem,
  many?: ManyRows,
): void {
  const { neurons, d, problem } = state;
  const blocks = many?.rows === undefined ? state.pairBlocks(H) : blocksOfSome(state, H, many.rows, many.share);
  const { kernels } = state;
  const own = new Float64Array(neurons.length * d * d);
  neurons.forEach((neuron, a) => {
    pollInterrupt(kernels);
    const from = (pairsOf(a) + a) * d * d;
    const block = own.subarray(a * d * d, (a + 1) * d * d);
    block.set(blocks.subarray(from, from + d * d));
    mirror(block, d);
    addCurvature(state, neuron, block, damping);
    many?.extra(neuron).forEach((value, k) => (block[k] += value));
  });
  const places = parts.map((part, a) => ({ ...part, sign: neurons[a].sign }));
  system.addBlocks(blocks, own, d, places);
  const size = system.order;
  if (problem.offset) addOffset(state, H, parts, system.matrix, size, size - state.c);
}

function placesOf(state: ActiveNeurons): Part[] {
  let from = 0;
  return state.neurons.map((neuron): Part => {
    const along = state.alongFirm(neuron);
    const { dim } = along;
    const part = { from, dim, basis: dim === state.d ? undefined : along.basis() };
    from += dim;
    return part;
  });
}

/** Z'x, the offset at the end as it is. */
function inwards(x: Float64Array, parts: readonly Part[], d: number, size: number): Float64Array {
  const inner = new Float64Array(size);
  let at = 0;
  let end = 0;
  for (const { from, dim, basis } of parts) {
    if (basis === undefined) for (let j = 0; j < d; j++) inner[from + j] = x[at + j];
    else {
      for (let m = 0; m < dim; m++) {
        let s = 0;
        for (let j = 0; j < d; j++) s += basis[m * d + j] * x[at + j];
        inner[from + m] = s;
      }
    }
    at += d;
    end = from + dim;
  }
  for (let o = 0; end + o < size; o++) inner[end + o] = x[at + o];
  return inner;
}

/** x := Z inner */
function outwards(inner: Float64Array, parts: readonly Part[], d: number, x: Float64Array): void {
  let at = 0;
  let end = 0;
  x.fill(0);
  for (const { from, dim, basis } of parts) {
    if (basis === undefined) for (let j = 0; j < d; j++) x[at + j] = inner[from + j];
    else {
      for (let m = 0; m < dim; m++) for (let j = 0; j < d; j++) x[at + j] += inner[from + m] * basis[m * d + j];
    }
    at += d;
    end = from + dim;
  }
  for (let o = 0; at + o < x.length; o++) x[at + o] = inner[end + o];
}

/** A K^-1 A' = (L^-1 Z'A')'(L^-1 Z'A') with Z'KZ = L L'. */
class ProductsOfKinks {
  private Q: Float64Array = new Float64Array(0);
  private readonly rows: GrowingRows;

  constructor(
    private readonly state: ActiveNeurons,
    private readonly parts: readonly Part[],
    private readonly system: PositiveSystem,
  ) {
    this.rows = new GrowingRows(system.order);
  }

  gram(kinks: readonly Kink[], shouldStop: () => boolean): Float64Array | undefined {
    const { state, parts, system, rows } = this;
    const { d } = state;
    const fresh = kinks.slice(rows.count);
    const k = fresh.length;
    const columns = new Float64Array(system.order * k);
    fresh.forEach((kink, e) => {
      const a = directionOf(state, kink);
      const { from, dim, basis } = parts[kink.neuron.at / d];
      for (let x = 0; x < dim; x++) {
        let s = 0;
        if (basis === undefined) s = a[x];
        else for (let j = 0; j < d; j++) s += basis[x * d + j] * a[j];
        columns[(from + x) * k + e] = s;
      }
    });
    if (!system.solveLower(columns, k, shouldStop)) return undefined;
    const Q = grown(this.Q, kinks.length);
    state.withOperator((_, kernels) => rows.add(columns, k, 1, Q, kernels));
    mirror(Q, kinks.length);
    return (this.Q = Q);
  }
}

/** X' D_a H D_b X for all pairs of neurons from some of the rows, as bits, over their share of all. */
function blocksOfSome(state: ActiveNeurons, H: Float64Array, rows: Uint32Array, share: number): Float64Array {
  const { neurons, n, d, c } = state;
  const m = neurons.length;
  const bits = bitsOf(neurons, n);
  pollInterrupt(state.kernels);
  const words = rows.length;
  for (let k = 0; k < bits.length; k++) bits[k] &= rows[k % words];
  const blocks = new Float64Array(pairsOf(m) * d * d);
  const outputs = Int32Array.from(neurons, ({ output }) => output);
  state.withOperator((operator) => operator.grams({ bits, count: m }, H, c, outputs, blocks));
  return blocks.map((value) => value / share);
}

/**
 * += (beta / ||u||) ((1 + damping) (P - q q') + damping (I - P) + radialDamping I) on the neuron's own block; q = u / ||u||, and P drops an
 * unpenalised coordinate, which inputs of common scale make as large as the others.
 */
function addCurvature(
  { d, problem }: ActiveNeurons,
  { norm, unit }: Neuron,
  block: Float64Array,
  damping: number,
): void {
  const { penalizedCols, beta } = problem;
  if (!(norm > 0)) return;
  const curvature = ((1 + damping) * beta) / norm;
  for (let x = 0; x < penalizedCols; x++) {
    for (let y = 0; y < penalizedCols; y++) block[x * d + y] -= curvature * unit[x] * unit[y];
    block[x * d + x] += curvature;
  }
  for (let x = 0; x < d; x++) {
    const own = x < penalizedCols ? radialDamping : radialDamping + damping;
    block[x * d + x] += (own * beta) / norm;
  }
}

/** The rows of the offset: products of the ones with every neuron's features, and with themselves. */
function addOffset(
  state: ActiveNeurons,
  H: Float64Array,
  parts: readonly Part[],
  A: Float64Array,
  size: number,
  stacked: number,
): void {
  const { neurons, n, d, c, problem, kernels } = state;
  const x = problem.X.data;
  const sums = new Float64Array(d);
  neurons.forEach(({ on, sign, output }, a) => {
    pollInterrupt(kernels);
    const { from, dim, basis } = parts[a];
    for (let o = 0; o < c; o++) {
      sums.fill(0);
      for (const i of on) {
        const weight = sign * H[(i * c + o) * c + output];
        for (let j = 0; j < d; j++) sums[j] += weight * x[i * d + j];
      }
      const row = (stacked + o) * size + from;
      for (let y = 0; y < dim; y++) {
        let s = 0;
        if (basis === undefined) s = sums[y];
        else for (let j = 0; j < d; j++) s += basis[y * d + j] * sums[j];
        A[row + y] += s;
      }
    }
  });
  for (let i = 0; i < n; i++) {
    for (let o = 0; o < c; o++) {
      for (let p = 0; p <= o; p++) A[(stacked + o) * size + stacked + p] += H[(i * c + o) * c + p];
    }
  }
}
