import { factorSpd, solveSpd } from '../../base/linalg/cholesky.ts';
import { dot } from '../../base/linalg/matrix.ts';
import type { ActiveNeurons, Neuron } from './activeNeurons.ts';
import { PositiveSystem } from './positiveSystem.ts';

/** A hyperplane of a neuron: its class of rows. */
export interface Kink {
  readonly neuron: Neuron;
  readonly k: number;
}

/** The factored Newton matrix K of all neurons (d coordinates each, from `at` on) and the offset. */
export interface NewtonSystem {
  readonly order: number;
  /** x := K^-1 x */
  solve(x: Float64Array): void;
  /** The products a_c' K^-1 a_e of the directions of kinks, in the coordinates of their neurons; undefined when stopped. */
  gram(kinks: readonly Kink[], shouldStop: () => boolean): Float64Array | undefined;
  dispose(): void;
}

/** The system is solved in the rows when it is larger than this many times their number. */
const rowsPay = 1.2;
/** Shift of the matrix, relative to the mean of its diagonal: singular systems stay solvable. */
const leastDamping = 1e-14;
/** Damping of lengths, relative to the curvature of the penalty. */
const radialDamping = 1e-10;

/**
 * The Newton matrix of the objective at the Hessian H of the loss (n blocks of c x c), rows on held kinks left out, the curvature of
 * the penalty taken 1 + `damping` times: directions turn less, lengths are as free as before. Undefined when stopped.
 */
export function newtonSystem(
  state: ActiveNeurons,
  H: Float64Array,
  damping: number,
  shouldStop: () => boolean,
): NewtonSystem | undefined {
  const { neurons, d, c, n, problem } = state;
  neurons.forEach((neuron, j) => (neuron.at = j * d));
  const size = neurons.length * d + (problem.offset ? c : 0);
  const plain = c === 1 && !problem.offset && problem.penalizedCols === d;
  return plain && size > rowsPay * n && neurons.every(({ norm }) => norm > 0)
    ? systemOfRows(state, H, damping, shouldStop)
    : systemOfNeurons(state, H, damping, shouldStop);
}

function systemOfNeurons(
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
    gram(kinks, shouldStop) {
      const m = kinks.length;
      const columns = new Float64Array(size * m);
      kinks.forEach(({ neuron, k }, e) => {
        const a = directionOf(state, k);
        for (let j = 0; j < d; j++) columns[(neuron.at + j) * m + e] = a[j];
      });
      if (!system.solveColumns(columns, m, shouldStop)) return undefined;
      const Q = new Float64Array(m * m);
      for (const [e, { neuron, k }] of kinks.entries()) {
        if (shouldStop()) return undefined;
        const a = directionOf(state, k);
        for (let j = 0; j < d; j++) {
          const from = (neuron.at + j) * m;
          for (let f = 0; f < m; f++) Q[e * m + f] += a[j] * columns[from + f];
        }
      }
      return Q;
    },
    dispose: () => system.dispose(),
  };
}

function directionOf({ d, problem }: ActiveNeurons, k: number): Float64Array {
  return problem.classes.directions.subarray(k * d, (k + 1) * d);
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
 * A += (beta / ||u||) ((1 + damping) (P - q q') + radialDamping I) on the neuron's diagonal block, lower triangle; q = u / ||u||, and P drops an unpenalised coordinate.
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
  for (let x = 0; x < d; x++) A[(at + x) * size + at + x] += (radialDamping * beta) / norm;
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

/**
 * The same matrix when it is larger than n, for one output, as K = B - R R' with B = W + Phi'Phi: W = beta / ||u|| on each neuron's coordinates, Phi
 * the features sqrt(H) D X (n rows), R one column sqrt(beta / ||u||) q per neuron (W with the damping on top). B is inverted in the rows (Woodbury), R is a correction of rank m.
 */
function systemOfRows(
  state: ActiveNeurons,
  H: Float64Array,
  damping: number,
  shouldStop: () => boolean,
): NewtonSystem | undefined {
  const { neurons, n, d, problem } = state;
  const x = problem.X.data;
  const m = neurons.length;
  const size = m * d;
  const roots = neurons.map(({ norm }) => Math.sqrt(((1 + damping + radialDamping) * problem.beta) / norm));
  const radialRoots = neurons.map(({ norm }) => Math.sqrt(((1 + damping) * problem.beta) / norm));
  // Phi W^-1/2, one row of `size` numbers per row of the data
  const Phi = new Float64Array(n * size);
  neurons.forEach(({ on, sign, at }, a) => {
    for (const i of on) {
      const factor = (sign * Math.sqrt(Math.max(0, H[i]))) / roots[a];
      for (let j = 0; j < d; j++) Phi[i * size + at + j] = factor * x[i * d + j];
    }
  });
  if (shouldStop()) return undefined;
  const M = new PositiveSystem(n, problem.kernels);
  M.clear();
  M.addSquare(Phi, size);
  const { matrix } = M;
  for (let i = 0; i < n; i++) matrix[i * n + i] += 1;
  if (!M.factor(shouldStop)) {
    M.dispose();
    return undefined;
  }
  const rows = new Float64Array(n);
  /** y := B^-1 y */
  const solveB = (y: Float64Array): void => {
    for (let a = 0; a < m; a++) for (let j = a * d; j < (a + 1) * d; j++) y[j] /= roots[a];
    for (let i = 0; i < n; i++) {
      let s = 0;
      for (let j = 0, at = i * size; j < size; j++) s += Phi[at + j] * y[j];
      rows[i] = s;
    }
    M.solve(rows);
    for (let i = 0; i < n; i++) for (let j = 0, at = i * size; j < size; j++) y[j] -= rows[i] * Phi[at + j];
    for (let a = 0; a < m; a++) for (let j = a * d; j < (a + 1) * d; j++) y[j] /= roots[a];
  };
  if (shouldStop()) {
    M.dispose();
    return undefined;
  }
  // fits of the columns of R (one row of n numbers each), and M^-1 times them
  const fits = neurons.map(({ unit, at }, a) => {
    const fit = new Float64Array(n);
    const factor = radialRoots[a] / roots[a];
    for (let i = 0; i < n; i++) {
      let s = 0;
      for (let j = 0, from = i * size + at; j < d; j++) s += Phi[from + j] * unit[j];
      fit[i] = factor * s;
    }
    return fit;
  });
  const solvedFits = fits.map((fit) => {
    const solved = fit.slice();
    M.solve(solved);
    return solved;
  });
  const S = new Float64Array(m * m);
  for (let a = 0; a < m; a++) {
    for (let b = 0; b <= a; b++) S[a * m + b] = dot(fits[a], solvedFits[b]);
    // 1 - r'W^-1 r
    S[a * m + a] += radialDamping / (1 + damping + radialDamping);
  }
  factorSpd(S, m);
  return {
    order: size,
    solve(y) {
      solveB(y);
      const inner = Float64Array.from(neurons, ({ unit, at }, a) => {
        let s = 0;
        for (let j = 0; j < d; j++) s += radialRoots[a] * unit[j] * y[at + j];
        return s;
      });
      solveSpd(S, m, inner);
      const correction = new Float64Array(size);
      neurons.forEach(({ unit, at }, a) => {
        for (let j = 0; j < d; j++) correction[at + j] = inner[a] * radialRoots[a] * unit[j];
      });
      solveB(correction);
      for (let j = 0; j < size; j++) y[j] += correction[j];
    },
    gram: (kinks, stop) => gramOfRows(state, { Phi, roots, radialRoots, M, solvedFits, S }, kinks, stop),
    dispose: () => M.dispose(),
  };
}

interface RowForm {
  readonly Phi: Float64Array;
  readonly roots: readonly number[];
  readonly radialRoots: readonly number[];
  readonly M: PositiveSystem;
  /** M^-1 Phi W^-1 R, column by column. */
  readonly solvedFits: readonly Float64Array[];
  /** Factor of I - R'B^-1 R. */
  readonly S: Float64Array;
}

/** A K^-1 A' = A W^-1 A' - C M^-1 C' + E S^-1 E' with C = A W^-1/2 Phi' and E = A B^-1 R = A W^-1 R - C M^-1 Phi W^-1 R. */
function gramOfRows(
  state: ActiveNeurons,
  form: RowForm,
  kinks: readonly Kink[],
  shouldStop: () => boolean,
): Float64Array | undefined {
  const { Phi, roots, radialRoots, M, solvedFits, S } = form;
  const { n, d, neurons } = state;
  const size = neurons.length * d;
  const m = kinks.length;
  const C = new Float64Array(n * m);
  const E: Float64Array[] = [];
  for (const [e, { neuron, k }] of kinks.entries()) {
    if (shouldStop()) return undefined;
    const { at, unit } = neuron;
    const a = directionOf(state, k);
    const own = at / d;
    for (let i = 0; i < n; i++) {
      let s = 0;
      for (let j = 0, from = i * size + at; j < d; j++) s += Phi[from + j] * a[j];
      C[i * m + e] = s / roots[own];
    }
    const row = Float64Array.from(solvedFits, (fit) => {
      let s = 0;
      for (let i = 0; i < n; i++) s -= C[i * m + e] * fit[i];
      return s;
    });
    for (let j = 0; j < d; j++) row[own] += (a[j] * radialRoots[own] * unit[j]) / roots[own] ** 2;
    E.push(row);
  }
  const solved = C.slice();
  if (!M.solveColumns(solved, m, shouldStop)) return undefined;
  const Q = new Float64Array(m * m);
  for (let i = 0; i < n; i++) {
    if (shouldStop()) return undefined;
    for (let e = 0; e < m; e++) {
      const value = C[i * m + e];
      if (value !== 0) for (let f = 0; f <= e; f++) Q[e * m + f] -= value * solved[i * m + f];
    }
  }
  for (let e = 0; e < m; e++) {
    if (shouldStop()) return undefined;
    const { neuron, k } = kinks[e];
    const a = directionOf(state, k);
    const inner = E[e].slice();
    solveSpd(S, neurons.length, inner);
    for (let f = 0; f <= e; f++) {
      let s = dot(inner, E[f]);
      if (kinks[f].neuron === neuron) s += dot(a, directionOf(state, kinks[f].k)) / roots[neuron.at / d] ** 2;
      Q[e * m + f] += s;
      Q[f * m + e] = Q[e * m + f];
    }
  }
  return Q;
}
