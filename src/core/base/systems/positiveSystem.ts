import { type BlockPlace, type Kernels, KernelsInterrupted, type SymmetricSystem } from '../kernels/kernels.ts';
import { addOuterProducts, factorSpd, solveSpd } from '../linalg/cholesky.ts';
import { placeBlocks } from '../kernels/placeBlocks.ts';

/** Orders from which the kernels repay copying vectors in and out. */
const largeOrder = 64;

/**
 * A symmetric positive definite system of Newton steps: on the kernels when it is large and they are there, in place otherwise. A pivot
 * that vanishes makes the kernels give up; the caller's matrix is then factored in place, which fixes that variable at zero.
 */
export class PositiveSystem {
  private readonly handle: SymmetricSystem | undefined;
  private readonly own: Float64Array | undefined;
  private saved: Float64Array | undefined;
  private fallback = false;

  constructor(
    readonly order: number,
    private readonly kernels: Kernels | undefined,
  ) {
    if (kernels !== undefined && kernels.name !== 'typescript' && order >= largeOrder) {
      this.handle = kernels.createSymmetricSystem(order);
    } else this.own = new Float64Array(order * order);
  }

  /** order x order, of which the lower triangle counts. Take this anew after any call of the kernels. */
  get matrix(): Float64Array {
    return this.own ?? this.handle!.matrix;
  }

  clear(): void {
    if (this.own !== undefined) this.own.fill(0);
    else this.handle!.clear();
  }

  /** += Z Z' for Z order x k, row-major. */
  addSquare(Z: Float64Array, k: number): void {
    if (this.own !== undefined) addOuterProducts(Z, this.order, Z, this.order, k, this.own, 0, 0, this.order, true);
    else this.handle!.addProduct(false, k, 1, Z);
  }

  /** As `SymmetricSystem.addBlocks`. */
  addBlocks(blocks: Float64Array, own: Float64Array, d: number, places: readonly BlockPlace[]): void {
    if (this.own !== undefined) placeBlocks(this.own, this.order, blocks, own, d, places);
    else this.handle!.addBlocks(blocks, own, d, places);
  }

  /** False when `stop` asked to leave before the end. */
  factor(stop?: () => boolean): boolean {
    if (this.own !== undefined) return factorSpd(this.own, this.order, stop);
    const { matrix } = this.handle!;
    this.saved ??= new Float64Array(matrix.length);
    this.saved.set(matrix);
    const kernels = this.kernels!;
    const outer = kernels.interrupt;
    try {
      kernels.interrupt = stop ?? outer;
      this.fallback = !this.handle!.factor();
    } catch (error) {
      if (error instanceof KernelsInterrupted) return false;
      throw error;
    } finally {
      kernels.interrupt = outer;
    }
    return !this.fallback || factorSpd(this.saved, this.order, stop);
  }

  /** b := A^-1 b; `factor` comes first. */
  solve(b: Float64Array): void {
    if (this.own !== undefined) solveSpd(this.own, this.order, b);
    else if (this.fallback) solveSpd(this.saved!, this.order, b);
    else this.handle!.solve(b);
  }

  /** B := A^-1 B for B of order x columns, row-major; false when `stop` asked to leave before the end. */
  solveColumns(B: Float64Array, columns: number, stop?: () => boolean): boolean {
    if (this.own === undefined && !this.fallback) {
      this.handle!.solve(B, columns);
      return true;
    }
    if (!this.solveLower(B, columns, stop)) return false;
    const { order } = this;
    const factor = this.own ?? this.saved!;
    for (let i = order - 1; i >= 0; i--) {
      if (stop?.() === true) return false;
      const at = i * columns;
      for (let c = 0; c < columns; c++) B[at + c] /= factor[i * order + i];
      for (let k = 0; k < i; k++) subtractRow(B, k * columns, at, columns, factor[i * order + k]);
    }
    return true;
  }

  /** B := L^-1 B with A = L L', for B of order x columns, row-major; false when `stop` asked to leave before the end. */
  solveLower(B: Float64Array, columns: number, stop?: () => boolean): boolean {
    if (this.own === undefined && !this.fallback) {
      this.handle!.solveLower(B, columns);
      return true;
    }
    const { order } = this;
    const factor = this.own ?? this.saved!;
    for (let i = 0; i < order; i++) {
      if (stop?.() === true) return false;
      const at = i * columns;
      for (let k = 0; k < i; k++) subtractRow(B, at, k * columns, columns, factor[i * order + k]);
      for (let c = 0; c < columns; c++) B[at + c] /= factor[i * order + i];
    }
    return true;
  }

  dispose(): void {
    this.handle?.dispose();
  }
}

/** B[to + c] -= factor * B[from + c] for c < columns. */
function subtractRow(B: Float64Array, to: number, from: number, columns: number, factor: number): void {
  if (factor !== 0) for (let c = 0; c < columns; c++) B[to + c] -= factor * B[from + c];
}
