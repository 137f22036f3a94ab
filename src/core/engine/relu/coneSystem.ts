import type { Kernels } from '../../base/kernels/kernels.ts';
import { type DenseMatrix, norm2 } from '../../base/linalg/matrix.ts';
import { PositiveSystem } from '../../base/systems/positiveSystem.ts';

/** One active group: its part of the matrix M below is F C C' F' with F = D X, feeding one output. */
export interface ActiveBlock {
  /** The rows that are on. */
  readonly on: Int32Array;
  readonly output: number;
  /** Columns of C one after the other, d numbers each; undefined for a free constant, where F C is a column of ones. */
  readonly C: Float64Array | undefined;
}

/** Columns that are multiplied at a time in the form over rows. */
const batchColumns = 256;

/**
 * Newton systems (S^-1 + sigma M) x = -g of the augmented Lagrangian, S = L L' row by row (n blocks of c x w) the curvature of the loss and M = sum over the
 * active groups of F C C' F'. Solved in the symmetric form x = L z, (I + Z Z') z = -L'g with Z = sqrt(sigma) L' [F C ...], in
 * the smaller of its number of rows and of columns (Woodbury), with iterative refinement.
 */
export class ConeSystem {
  private readonly n: number;
  private readonly d: number;
  private Z = new Float64Array(0);
  private system: PositiveSystem | undefined;

  constructor(
    private readonly X: DenseMatrix,
    private readonly outputs: number,
    private readonly factorCols: number,
    private readonly kernels: Kernels | undefined,
    private readonly stop: () => boolean,
  ) {
    this.n = X.rows;
    this.d = X.cols;
  }

  dispose(): void {
    this.system?.dispose();
    this.system = undefined;
  }

  /** x := the solution. False when stopped. */
  solve(blocks: readonly ActiveBlock[], L: Float64Array, sigma: number, g: Float64Array, x: Float64Array): boolean {
    const { n, d, outputs: c, factorCols: w } = this;
    const order = n * w;
    let columns = 0;
    for (const { C } of blocks) columns += C === undefined ? 1 : C.length / d;
    const byRows = columns >= order;
    const size = byRows ? order : columns;
    if (this.system?.order !== size) {
      this.system?.dispose();
      this.system = new PositiveSystem(size, this.kernels);
    }
    const { system } = this;
    system.clear();
    if (!(byRows ? this.addRows(blocks, L, sigma, system) : this.addColumns(blocks, columns, L, sigma, system))) {
      return false;
    }
    const { matrix } = system;
    for (let i = 0; i < size; i++) matrix[i * size + i] += 1;
    if (!system.factor(this.stop)) return false;

    const rhs = new Float64Array(order);
    this.curve(true, L, g, rhs);
    for (let k = 0; k < order; k++) rhs[k] = -rhs[k];
    const z = new Float64Array(order);
    const rest = rhs.slice();
    const reduced = new Float64Array(columns);
    const product = new Float64Array(n * c);
    for (let round = 0; round < 3; round++) {
      if (this.stop()) return false;
      if (byRows) system.solve(rest);
      else this.solveReduced(system, columns, reduced, rest);
      for (let k = 0; k < order; k++) z[k] += rest[k];
      this.curve(false, L, z, x);
      this.apply(blocks, sigma, x, product);
      this.curve(true, L, product, rest);
      for (let k = 0; k < order; k++) rest[k] = rhs[k] - z[k] - rest[k];
      if (norm2(rest) <= 1e-8 * norm2(rhs)) break;
    }
    return true;
  }

  /** out := sigma M x. */
  apply(blocks: readonly ActiveBlock[], sigma: number, x: Float64Array, out: Float64Array): void {
    const { X, d, outputs: c } = this;
    out.fill(0);
    const t = new Float64Array(d);
    const u = new Float64Array(d);
    for (const { on, output, C } of blocks) {
      if (C === undefined) {
        let s = 0;
        for (const i of on) s += x[i * c + output];
        for (const i of on) out[i * c + output] += sigma * s;
        continue;
      }
      t.fill(0);
      u.fill(0);
      for (const i of on) {
        const value = sigma * x[i * c + output];
        for (let j = 0, at = i * d; j < d; j++) t[j] += value * X.data[at + j];
      }
      for (let m = 0; m < C.length; m += d) {
        let s = 0;
        for (let j = 0; j < d; j++) s += C[m + j] * t[j];
        for (let j = 0; j < d; j++) u[j] += s * C[m + j];
      }
      for (const i of on) {
        let s = 0;
        for (let j = 0, at = i * d; j < d; j++) s += X.data[at + j] * u[j];
        out[i * c + output] += s;
      }
    }
  }

  /** += Z'Z, with Z kept transposed. */
  private addColumns(
    blocks: readonly ActiveBlock[],
    columns: number,
    L: Float64Array,
    sigma: number,
    system: PositiveSystem,
  ): boolean {
    const { n, d, factorCols: w } = this;
    const order = n * w;
    if (this.Z.length < columns * order) this.Z = new Float64Array(columns * order);
    const Z = this.Z.subarray(0, columns * order);
    Z.fill(0);
    let at = 0;
    for (const block of blocks) {
      if (this.stop()) return false;
      const count = block.C === undefined ? 1 : block.C.length / d;
      this.features(block, L, sigma, (row, column, value) => {
        Z[(at + column) * order + row] = value;
      });
      at += count;
    }
    system.addSquare(Z, order);
    return true;
  }

  /** += Z Z', some columns of Z at a time. */
  private addRows(blocks: readonly ActiveBlock[], L: Float64Array, sigma: number, system: PositiveSystem): boolean {
    const { n, d, factorCols: w } = this;
    const order = n * w;
    const width = Math.max(batchColumns, d);
    if (this.Z.length < order * width) this.Z = new Float64Array(order * width);
    const Z = this.Z.subarray(0, order * width);
    Z.fill(0);
    let used = 0;
    for (const block of blocks) {
      if (this.stop()) return false;
      const count = block.C === undefined ? 1 : block.C.length / d;
      if (used + count > width) {
        system.addSquare(Z, width);
        Z.fill(0);
        used = 0;
      }
      this.features(block, L, sigma, (row, column, value) => {
        Z[row * width + used + column] = value;
      });
      used += count;
    }
    if (used > 0) system.addSquare(Z, width);
    return true;
  }

  /** Entries of the columns of Z that belong to one group. */
  private features(
    { on, output, C }: ActiveBlock,
    L: Float64Array,
    sigma: number,
    set: (row: number, column: number, value: number) => void,
  ): void {
    const { X, d, outputs: c, factorCols: w } = this;
    const root = Math.sqrt(sigma);
    const columns = C === undefined ? 1 : C.length / d;
    for (const i of on) {
      for (let m = 0; m < columns; m++) {
        let s = root;
        if (C !== undefined) {
          s = 0;
          for (let j = 0, at = i * d, from = m * d; j < d; j++) s += X.data[at + j] * C[from + j];
          s *= root;
        }
        for (let k = 0; k < w; k++) set(i * w + k, m, s * L[(i * c + output) * w + k]);
      }
    }
  }

  /** b := (I + Z Z')^-1 b = b - Z (I + Z'Z)^-1 Z'b. */
  private solveReduced(system: PositiveSystem, columns: number, reduced: Float64Array, b: Float64Array): void {
    const { Z } = this;
    const order = b.length;
    for (let m = 0, at = 0; m < columns; m++, at += order) {
      let s = 0;
      for (let k = 0; k < order; k++) s += Z[at + k] * b[k];
      reduced[m] = s;
    }
    system.solve(reduced);
    for (let m = 0, at = 0; m < columns; m++, at += order) {
      const value = reduced[m];
      for (let k = 0; k < order; k++) b[k] -= value * Z[at + k];
    }
  }

  /** out := L v, or L'v when `transposed`. */
  private curve(transposed: boolean, L: Float64Array, v: Float64Array, out: Float64Array): void {
    const { n, outputs: c, factorCols: w } = this;
    out.fill(0);
    for (let i = 0; i < n; i++) {
      for (let o = 0; o < c; o++) {
        for (let k = 0; k < w; k++) {
          const value = L[(i * c + o) * w + k];
          if (transposed) out[i * w + k] += value * v[i * c + o];
          else out[i * c + o] += value * v[i * w + k];
        }
      }
    }
  }
}
