import { type Kernels, KernelsInterrupted, type SymmetricSystem } from '../../base/kernels/kernels.ts';
import { addOuterProducts, factorSpd, solveSpd } from '../../base/linalg/cholesky.ts';

/** Orders from which the kernels repay copying vectors in and out. */
const largeOrder = 192;

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
    const factor = this.own ?? this.saved!;
    const column = new Float64Array(this.order);
    for (let k = 0; k < columns; k++) {
      if (stop?.() === true) return false;
      for (let i = 0; i < this.order; i++) column[i] = B[i * columns + k];
      solveSpd(factor, this.order, column);
      for (let i = 0; i < this.order; i++) B[i * columns + k] = column[i];
    }
    return true;
  }

  dispose(): void {
    this.handle?.dispose();
  }
}
