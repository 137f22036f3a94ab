import { factorSpd, solveSpd } from '../../base/linalg/cholesky.ts';
import { dot } from '../../base/linalg/matrix.ts';
import type { Complement } from '../../base/linalg/nullBasis.ts';
import type { ActiveNeurons } from './activeNeurons.ts';
import { directionOf, grown, GrowingRows, type Kink, mirror, type NewtonSystem, radialDamping } from './kinkSystem.ts';
import { PositiveSystem } from '../../base/systems/positiveSystem.ts';

/**
 * The Newton matrix of neurons when it is larger than the number n of rows, as K = B - R R' with B = W + Phi'Phi: W = beta / ||u|| on each neuron's coordinates
 * (with the damping on top), Phi the features L'D X with L L' the curvature of the loss row by row (`hessianFactor`: w columns, n w rows in all; for one output
 * w = 1 and L = sqrt(H)), R one column sqrt(beta / ||u||) u / ||u|| per neuron. B is inverted in the rows (Woodbury), M = I + Phi W^-1 Phi' = I + (XX') o (FF') - CC'
 * with one column of F per neuron and every entry of XX' standing for w x w, so that the number of features does not enter; C has a column, what it adds to the rows, for
 * every direction that a firmly held class forbids. Neurons of which most directions are forbidden are left out of F and give a column with the other sign for each that is not. R is a correction of rank m. Undefined when stopped.
 */
export function systemOfRows(
  state: ActiveNeurons,
  damping: number,
  shouldStop: () => boolean,
): NewtonSystem | undefined {
  const system = new RowSystem(state, damping);
  let factored = false;
  try {
    factored = !shouldStop() && system.factor(shouldStop);
    return factored ? system : undefined;
  } finally {
    if (!factored) system.dispose();
  }
}

class RowSystem implements NewtonSystem {
  readonly order: number;
  /** Roots of the diagonal of W, and of what the penalty's curvature lacks along a neuron. */
  private readonly roots: readonly number[];
  private readonly radialRoots: readonly number[];
  /** Columns of the factor of the loss's curvature, w, and n w. */
  private readonly w: number;
  private readonly size: number;
  /** F, one row of n w numbers per neuron: sign / root times the row of L of its output, where it is on. */
  private readonly weights: Float64Array;
  private readonly M: PositiveSystem;
  /** G^-1 Phi W^-1 R for M = G G', n w x m. */
  private readonly fits: Float64Array;
  /** Factor of I - R'B^-1 R. */
  private readonly S: Float64Array;
  private readonly stacked: Float64Array;
  private readonly products: Float64Array;
  /** What a step may change of each neuron. */
  private readonly allowed: readonly Complement[];
  /** Of the kinks so far: their products, their directions (d numbers each), and the columns of C and E. */
  private Q: Float64Array = new Float64Array(0);
  private directions: Float64Array = new Float64Array(0);
  private readonly throughRows: GrowingRows;
  private readonly throughLengths: GrowingRows;

  constructor(
    private readonly state: ActiveNeurons,
    private readonly damping: number,
  ) {
    const { neurons, n, d, c, problem } = state;
    const m = neurons.length;
    const { beta, datafit } = problem;
    const w = (this.w = datafit.factorCols);
    const size = (this.size = n * w);
    const L = new Float64Array(size * c);
    datafit.hessianFactor(state.F, L);
    this.order = m * d;
    this.roots = neurons.map(({ norm }) => Math.sqrt(((1 + damping + radialDamping) * beta) / norm));
    this.radialRoots = neurons.map(({ norm }) => Math.sqrt(((1 + damping) * beta) / norm));
    this.weights = new Float64Array(m * size);
    neurons.forEach(({ on, sign, output }, a) => {
      const factor = sign / this.roots[a];
      for (const i of on) {
        const from = (i * c + output) * w;
        for (let q = 0; q < w; q++) this.weights[a * size + i * w + q] = factor * L[from + q];
      }
    });
    this.M = new PositiveSystem(size, problem.kernels);
    this.fits = new Float64Array(size * m);
    this.S = new Float64Array(m * m);
    this.stacked = new Float64Array(m * d);
    this.products = new Float64Array(m * n);
    this.allowed = neurons.map((neuron) => state.alongFirm(neuron));
    this.throughRows = new GrowingRows(size);
    this.throughLengths = new GrowingRows(m);
  }

  /** Takes what is forbidden out of the coordinates of neuron a. */
  private project(a: number, x: Float64Array): void {
    const along = this.allowed[a];
    if (along.dim < along.d) x.set(along.project(x));
  }

  /** Whether what a neuron may change is fewer directions than what it may not. */
  private narrow(a: number): boolean {
    const { dim, d } = this.allowed[a];
    return 2 * dim < d;
  }

  /** out := out + sign times the sum of f f' over what the directions of these neurons add to the rows, lower triangle. */
  private addDirections(
    owners: readonly number[],
    directionsOf: (along: Complement) => Float64Array,
    sign: 1 | -1,
    out: Float64Array,
  ): void {
    const { state, allowed, size } = this;
    const { n, d } = state;
    const sets = owners.map((a) => directionsOf(allowed[a]));
    const count = sets.reduce((sum, { length }) => sum + length / d, 0);
    if (count === 0) return;
    const stacked = new Float64Array(count * d);
    const fits = new Float64Array(count * size);
    const products = new Float64Array(count * n);
    let at = 0;
    for (const set of sets) {
      stacked.set(set, at);
      at += set.length;
    }
    state.withOperator((operator) => operator.products(stacked, count, products));
    let e = 0;
    sets.forEach((set, k) => {
      for (const end = e + set.length / d; e < end; e++) {
        fits.set(this.weighted(owners[k], products.subarray(e * n, (e + 1) * n), 1), e * size);
      }
    });
    state.withOperator((_, kernels) => kernels.syrk(true, size, count, sign, fits, 1, out));
  }

  /** False when stopped. */
  factor(shouldStop: () => boolean): boolean {
    const { state, w, size, M, fits, S, damping, products, roots, radialRoots } = this;
    const { neurons, n, d } = state;
    const m = neurons.length;
    const inner = state.innerProducts(shouldStop);
    if (inner === undefined) return false;
    const all = neurons.map((_, a) => a);
    const wide = all.filter((a) => !this.narrow(a));
    const pairs = new Float64Array(size * size);
    const weights = this.weights.slice();
    for (const a of all) if (this.narrow(a)) weights.fill(0, a * size, (a + 1) * size);
    state.withOperator((_, kernels) => kernels.syrk(true, size, m, 1, weights, 0, pairs));
    const rest = new Float64Array(size * size);
    this.addDirections(wide, (along) => along.span(), -1, rest);
    if (shouldStop()) return false;
    this.addDirections(
      all.filter((a) => this.narrow(a)),
      (along) => along.basis(),
      1,
      rest,
    );
    const { matrix } = M;
    for (let row = 0; row < size; row++) {
      const own = Math.floor(row / w) * n;
      for (let j = 0, at = row * size, end = at + row; at <= end; j++) {
        const product = inner[own + j];
        for (let q = 0; q < w && at <= end; q++, at++) {
          matrix[at] = pairs[at] * product + rest[at];
        }
      }
      matrix[row * size + row] += 1;
    }
    if (shouldStop() || !M.factor(shouldStop)) return false;
    neurons.forEach(({ unit }, a) => this.stacked.set(unit, a * d));
    state.withOperator((operator) => operator.products(this.stacked, m, products));
    for (let a = 0; a < m; a++) {
      const column = this.weighted(a, products.subarray(a * n, (a + 1) * n), radialRoots[a] / roots[a]);
      for (let row = 0; row < size; row++) fits[row * m + a] = column[row];
    }
    if (!M.solveLower(fits, m, shouldStop)) return false;
    state.withOperator((_, kernels) => kernels.syrk(true, m, size, 1, fits, 0, S));
    // 1 - r'W^-1 r
    for (let a = 0; a < m; a++) S[a * m + a] += radialDamping / (1 + damping + radialDamping);
    return factorSpd(S, m);
  }

  /** factor times L' on the n products of neuron a: n w numbers. */
  private weighted(a: number, products: Float64Array, factor: number): Float64Array {
    const { weights, w, size } = this;
    const out = new Float64Array(size);
    for (let row = 0, i = 0, at = a * size; row < size; i++) {
      const value = factor * products[i];
      for (let q = 0; q < w; q++, row++, at++) out[row] = weights[at] * value;
    }
    return out;
  }

  /** y := B^-1 y on the steps that are allowed */
  private solveB(y: Float64Array): void {
    const { state, weights, products, roots, M, w, size } = this;
    const { n, d } = state;
    const m = roots.length;
    for (let a = 0; a < m; a++) {
      const own = y.subarray(a * d, (a + 1) * d);
      this.project(a, own);
      for (let j = 0; j < d; j++) own[j] /= roots[a];
    }
    state.withOperator((operator) => operator.products(y, m, products));
    const rows = new Float64Array(size);
    for (let a = 0, at = 0; a < m; a++) {
      for (let row = 0, i = a * n; row < size; i++) {
        for (let q = 0; q < w; q++, row++, at++) rows[row] += weights[at] * products[i];
      }
    }
    M.solve(rows);
    for (let a = 0, at = 0; a < m; a++) {
      for (let row = 0, i = a * n; row < size; i++) {
        let s = 0;
        for (let q = 0; q < w; q++, row++, at++) s += weights[at] * rows[row];
        products[i] = s;
      }
    }
    state.withOperator((operator) => operator.sums(products, m, this.stacked));
    for (let a = 0; a < m; a++) {
      this.project(a, this.stacked.subarray(a * d, (a + 1) * d));
      for (let j = a * d; j < (a + 1) * d; j++) y[j] = (y[j] - this.stacked[j]) / roots[a];
    }
  }

  solve(y: Float64Array): void {
    const { state, radialRoots, S } = this;
    const { neurons, d } = state;
    this.solveB(y);
    const inner = Float64Array.from(neurons, ({ unit, at }, a) => radialRoots[a] * dot(unit, y.subarray(at, at + d)));
    solveSpd(S, neurons.length, inner);
    const correction = new Float64Array(this.order);
    neurons.forEach(({ unit, at }, a) => {
      for (let j = 0; j < d; j++) correction[at + j] = inner[a] * radialRoots[a] * unit[j];
    });
    this.solveB(correction);
    for (let j = 0; j < this.order; j++) y[j] += correction[j];
  }

  /** A K^-1 A' = A W^-1 A' - C'M^-1 C + E S^-1 E' with C = Phi W^-1 A' and E = A B^-1 R = A W^-1 R - C'M^-1 Phi W^-1 R. */
  gram(kinks: readonly Kink[], shouldStop: () => boolean): Float64Array | undefined {
    const { state, size, M, fits, S, roots, radialRoots, throughRows, throughLengths } = this;
    const { n, d, neurons } = state;
    const before = throughRows.count;
    const fresh = kinks.slice(before);
    const k = fresh.length;
    const m = kinks.length;
    const count = neurons.length;
    const directions = new Float64Array(m * d);
    directions.set(this.directions);
    const directionAt = (e: number): Float64Array => directions.subarray(e * d, (e + 1) * d);
    fresh.forEach((kink, e) => {
      directions.set(directionOf(state, kink), (before + e) * d);
      this.project(kink.neuron.at / d, directionAt(before + e));
    });
    const products = new Float64Array(k * n);
    state.withOperator((operator) => operator.products(directions.subarray(before * d), k, products));
    const C = new Float64Array(size * k);
    fresh.forEach(({ neuron }, e) => {
      const own = neuron.at / d;
      const column = this.weighted(own, products.subarray(e * n, (e + 1) * n), 1 / roots[own]);
      for (let row = 0; row < size; row++) C[row * k + e] = column[row];
    });
    if (!M.solveLower(C, k, shouldStop)) return undefined;
    const E = new Float64Array(count * k);
    state.withOperator((_, kernels) => kernels.gemm(true, false, count, k, size, -1, fits, C, 0, E));
    fresh.forEach(({ neuron }, e) => {
      const own = neuron.at / d;
      E[own * k + e] += (dot(directionAt(before + e), neuron.unit) * radialRoots[own]) / roots[own] ** 2;
      for (let a = 0; a < count; a++) {
        let s = E[a * k + e];
        for (let b = 0; b < a; b++) s -= S[a * count + b] * E[b * k + e];
        E[a * k + e] = s / S[a * count + a];
      }
    });
    const Q = grown(this.Q, m);
    state.withOperator((_, kernels) => {
      throughRows.add(C, k, -1, Q, kernels);
      throughLengths.add(E, k, 1, Q, kernels);
    });
    for (let e = before; e < m; e++) {
      const { neuron } = kinks[e];
      const weight = roots[neuron.at / d] ** 2;
      for (let f = 0; f <= e; f++) {
        if (kinks[f].neuron === neuron) Q[e * m + f] += dot(directionAt(e), directionAt(f)) / weight;
      }
    }
    mirror(Q, m);
    this.directions = directions;
    return (this.Q = Q);
  }

  dispose(): void {
    this.M.dispose();
  }
}
