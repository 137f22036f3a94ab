import type { ActiveNeurons, Neuron } from './activeNeurons.ts';
import { directionOf, type Kink, mirror, type NewtonSystem, radialDamping } from './kinkSystem.ts';
import { PositiveSystem } from './positiveSystem.ts';

/** Shift of the matrix, relative to the mean of its diagonal: singular systems stay solvable. */
const leastDamping = 1e-14;

/** K in the coordinates of the neurons. Undefined when stopped. */
export function systemOfNeurons(
  state: ActiveNeurons,
  H: Float64Array,
  damping: number,
  shouldStop: () => boolean,
): NewtonSystem | undefined {
  const { neurons, d, c, problem } = state;
  const stacked = neurons.length * d;
  const size = stacked + (problem.offset ? c : 0);
  const blocks = gramBlocks(state, H);
  if (shouldStop()) return undefined;
  const system = new PositiveSystem(size, problem.kernels);
  system.clear();
  const A = system.matrix;
  for (let a = 0, from = 0; a < neurons.length; a++) {
    const g = neurons[a];
    for (let b = 0; b <= a; b++, from += d * d) {
      const h = neurons[b];
      const sign = g.sign * h.sign;
      for (let x = 0; x < d; x++) {
        const end = a === b ? x + 1 : d;
        const to = (g.at + x) * size + h.at;
        for (let y = 0; y < end; y++) A[to + y] += sign * blocks[from + x * d + y];
      }
    }
    addCurvature(state, g, A, size, damping);
  }
  if (problem.offset) addOffset(state, H, A, size, stacked);
  let trace = 0;
  for (let i = 0; i < size; i++) trace += A[i * size + i];
  const shift = leastDamping * (trace / size);
  for (let i = 0; i < stacked; i++) A[i * size + i] += shift;
  if (!system.factor(shouldStop)) {
    system.dispose();
    return undefined;
  }
  return {
    order: size,
    solve: (x) => system.solve(x),
    gram: (kinks, stop) => gramOfNeurons(state, system, kinks, stop),
    dispose: () => system.dispose(),
  };
}

/** A K^-1 A' = (L^-1 A')'(L^-1 A') with K = L L'. */
function gramOfNeurons(
  state: ActiveNeurons,
  system: PositiveSystem,
  kinks: readonly Kink[],
  shouldStop: () => boolean,
): Float64Array | undefined {
  const { d } = state;
  const m = kinks.length;
  const columns = new Float64Array(system.order * m);
  kinks.forEach((kink, e) => {
    const a = directionOf(state, kink);
    for (let j = 0; j < d; j++) columns[(kink.neuron.at + j) * m + e] = a[j];
  });
  if (!system.solveLower(columns, m, shouldStop)) return undefined;
  const Q = new Float64Array(m * m);
  state.withOperator((_, kernels) => kernels.syrk(true, m, system.order, 1, columns, 0, Q));
  mirror(Q, m);
  return Q;
}

/** X' D_a H D_b X for all pairs of neurons, d x d each. */
function gramBlocks(state: ActiveNeurons, H: Float64Array): Float64Array {
  const { neurons, n, d, c } = state;
  const m = neurons.length;
  const words = (n + 31) >>> 5;
  const bits = new Uint32Array(m * words);
  neurons.forEach(({ on }, j) => {
    for (const i of on) bits[j * words + (i >>> 5)] |= 1 << (i & 31);
  });
  const blocks = new Float64Array(((m * (m + 1)) / 2) * d * d);
  const outputs = Int32Array.from(neurons, ({ output }) => output);
  state.withOperator((operator) => operator.grams(bits, m, H, c, outputs, blocks));
  return blocks;
}

/**
 * A += (beta / ||u||) ((1 + damping) (P - q q') + damping (I - P) + radialDamping I) on the neuron's diagonal block, lower triangle; q = u / ||u||, and P drops an
 * unpenalised coordinate, which inputs of common scale make as large as the others.
 */
function addCurvature(
  { d, problem }: ActiveNeurons,
  { at, norm, unit }: Neuron,
  A: Float64Array,
  size: number,
  damping: number,
): void {
  const { penalizedCols, beta } = problem;
  if (!(norm > 0)) return;
  const curvature = ((1 + damping) * beta) / norm;
  for (let x = 0; x < penalizedCols; x++) {
    const row = (at + x) * size + at;
    for (let y = 0; y <= x; y++) A[row + y] -= curvature * unit[x] * unit[y];
    A[row + x] += curvature;
  }
  for (let x = 0; x < d; x++) {
    const own = x < penalizedCols ? radialDamping : radialDamping + damping;
    A[(at + x) * size + at + x] += (own * beta) / norm;
  }
}

/** The rows of the offset: products of the ones with every neuron's features, and with themselves. */
function addOffset(state: ActiveNeurons, H: Float64Array, A: Float64Array, size: number, stacked: number): void {
  const { neurons, n, d, c, problem } = state;
  const x = problem.X.data;
  for (const { on, sign, output, at } of neurons) {
    for (let o = 0; o < c; o++) {
      const row = (stacked + o) * size + at;
      for (const i of on) {
        const weight = sign * H[(i * c + o) * c + output];
        for (let j = 0; j < d; j++) A[row + j] += weight * x[i * d + j];
      }
    }
  }
  for (let i = 0; i < n; i++) {
    for (let o = 0; o < c; o++) {
      for (let p = 0; p <= o; p++) A[(stacked + o) * size + stacked + p] += H[(i * c + o) * c + p];
    }
  }
}
