import type { Kernels, SymmetricSystem } from '../../base/kernels/kernels.ts';
import { type AtomCones, type AtomSystem, factorShifted } from './atomSystem.ts';
import type { UnitLines } from './lines.ts';

/** An atom in the joint system. */
export interface JoinedAtom {
  readonly system: AtomSystem;
  readonly output: number;
  readonly sign: 1 | -1;
}

/** Multiplications of a factorisation above which conjugate gradients over atoms on their own are quicker. */
const mostWork = 2.5e9;

/** Whether the joint matrix of `atoms` atoms is small enough; `coupled` lines are in pairs. */
export function jointIsAffordable({ unit }: UnitLines, atoms: number, coupled: number): boolean {
  const d = unit.cols;
  const P = atoms * (d + (d * (d + 1)) / 2);
  const m = atoms * coupled;
  return m ** 3 / 6 + (m * m * P) / 2 + (atoms * unit.rows * P * P) / 2 + P ** 3 / 6 <= mostWork;
}

/**
 * The Newton matrix of all atoms together, what the loss has between them included: half-widths are eliminated first, those of one line together (densely among lines
 * that are in pairs), which leaves the Schur complement in the shapes of all atoms and the offsets.
 */
export class JointSystem {
  private readonly p: number;
  private readonly order: number;
  private readonly shape: SymmetricSystem;
  private readonly dense: SymmetricSystem | undefined;
  /** Lines, those that are in no pair first; row `K * position + atom` belongs to the half-width of that line. */
  private readonly lineOrder: Int32Array;
  private readonly position: Int32Array;
  /** Lines that are in no pair. */
  private readonly single: number;
  private readonly between: Float64Array;
  /** K x K blocks of those, in the end their factors. */
  private readonly blocks: Float64Array;
  /** The matrices of both systems, taken anew for every factorisation. */
  private shapeMatrix: Float64Array = new Float64Array(0);
  private denseMatrix: Float64Array = new Float64Array(0);

  constructor(
    private readonly lines: UnitLines,
    private readonly atoms: readonly JoinedAtom[],
    private readonly outputs: number,
    private readonly offset: boolean,
    kernels: Kernels,
  ) {
    const { rows: L, cols: d } = lines.unit;
    const K = atoms.length;
    this.p = d + (d * (d + 1)) / 2;
    this.order = K * this.p + (offset ? outputs : 0);
    const inPairs = new Uint8Array(L);
    for (const { system } of atoms) for (const line of system.coupledLines) inPairs[line] = 1;
    this.lineOrder = Int32Array.from({ length: L }, (_, l) => l).sort((a, b) => inPairs[a] - inPairs[b] || a - b);
    this.position = new Int32Array(L);
    this.lineOrder.forEach((line, at) => (this.position[line] = at));
    this.single = L - inPairs.reduce((sum, one) => sum + one, 0);
    this.shape = kernels.createSymmetricSystem(this.order);
    this.dense = this.single < L ? kernels.createSymmetricSystem(K * (L - this.single)) : undefined;
    this.between = new Float64Array(K * L * this.order);
    this.blocks = new Float64Array(K * K * this.single);
  }

  dispose(): void {
    this.shape.dispose();
    this.dense?.dispose();
  }

  /** `cones` of every atom; `H` is the Hessian of the loss, n blocks of outputs x outputs. False after a stop or when the matrix cannot be factored. */
  factor(cones: readonly AtomCones[], H: Float64Array, shouldStop: () => boolean): boolean {
    const { atoms, order, shape, between, dense, lines } = this;
    const rows = atoms.length * lines.unit.rows;
    for (const [k, { system }] of atoms.entries()) {
      if (!system.assemble(cones[k], undefined, shouldStop)) return false;
    }
    shape.clear();
    dense?.clear();
    this.shapeMatrix = shape.matrix;
    if (dense !== undefined) this.denseMatrix = dense.matrix;
    between.fill(0);
    this.blocks.fill(0);
    this.addAtoms();
    this.addLoss(H);
    if (shouldStop() || !this.eliminate()) return false;
    // products over all rows at once can take long
    for (let from = 0; from < rows; from += chunk) {
      const count = Math.min(chunk, rows - from);
      shape.addProduct(true, count, -1, between.subarray(from * order, (from + count) * order));
      if (shouldStop()) return false;
    }
    return factorShifted(shape);
  }

  /** Entry of the block of half-widths of two lines and atoms. */
  private addHalfWidths(line: number, k: number, other: number, l: number, value: number): void {
    const { atoms, position, single, blocks, denseMatrix, lines } = this;
    const K = atoms.length;
    const a = K * position[line] + k;
    if (position[line] < single) {
      blocks[K * a + l] += value;
      return;
    }
    const n = K * (lines.unit.rows - single);
    const e = a - K * single;
    const f = K * (position[other] - single) + l;
    denseMatrix[e >= f ? e * n + f : f * n + e] += value;
  }

  private addAtoms(): void {
    const { atoms, p, order, shapeMatrix, between, position, lines } = this;
    const L = lines.unit.rows;
    const K = atoms.length;
    for (const [k, { system }] of atoms.entries()) {
      const parts = system.parts;
      for (let e = 0; e < p; e++) {
        const row = (k * p + e) * order + k * p;
        for (let f = 0; f <= e; f++) shapeMatrix[row + f] += parts.shape[e * p + f];
      }
      for (let line = 0; line < L; line++) {
        const row = (K * position[line] + k) * order + k * p;
        for (let e = 0; e < p; e++) between[row + e] += parts.between[line * p + e];
        this.addHalfWidths(line, k, line, k, parts.diagonal[line]);
      }
      const { coupledLines } = system;
      const m = coupledLines.length;
      for (let a = 0; parts.pairs !== undefined && a < m; a++) {
        for (let b = 0; b <= a; b++) {
          const value = parts.pairs[a * m + b];
          if (value !== 0) this.addHalfWidths(coupledLines[a], k, coupledLines[b], k, value);
        }
      }
    }
  }

  /** The loss: its Hessian between the fits of atoms and offsets, sign length (side x'u + a) / 2 on each row. */
  private addLoss(H: Float64Array): void {
    const { atoms, lines, outputs: c, offset } = this;
    const L = lines.unit.rows;
    for (let o = 0; o < c; o++) {
      for (let r = 0; r <= o; r++) {
        const even = new Float64Array(L);
        const odd = new Float64Array(L);
        const once = new Float64Array(L);
        const sided = new Float64Array(L);
        let all = 0;
        for (let i = 0; i < lines.line.length; i++) {
          const h = H[(i * c + o) * c + r];
          all += h;
          const l = lines.line[i];
          if (l < 0) continue;
          const length = lines.length[i] / 2;
          even[l] += length * length * h;
          odd[l] += lines.side[i] * length * length * h;
          once[l] += length * h;
          sided[l] += lines.side[i] * length * h;
        }
        for (const [k, a] of atoms.entries()) {
          for (const [l, b] of atoms.entries()) {
            if (a.output === o && b.output === r && (o !== r || k >= l))
              this.addLossBetween(k, l, a.sign * b.sign, even, odd);
          }
        }
        if (offset) this.addOffset(o, r, all, once, sided);
      }
    }
  }

  /** The loss between atoms k and l (or of one with itself), for sums over the rows of each line. */
  private addLossBetween(k: number, l: number, sign: number, even: Float64Array, odd: Float64Array): void {
    const { p, order, shapeMatrix, between, position, lines, atoms } = this;
    const { rows: L, cols: d, data: x } = lines.unit;
    const K = atoms.length;
    const [high, low] = k >= l ? [k, l] : [l, k];
    for (let line = 0; line < L; line++) {
      const [e, o] = [sign * even[line], sign * odd[line]];
      const at = line * d;
      this.addHalfWidths(line, high, line, low, e);
      const first = (K * position[line] + k) * order + l * p;
      const second = (K * position[line] + l) * order + k * p;
      for (let a = 0; a < d; a++) {
        between[first + a] += o * x[at + a];
        if (k !== l) between[second + a] += o * x[at + a];
        const row = (high * p + a) * order + low * p;
        const end = k === l ? a + 1 : d;
        for (let b = 0; b < end; b++) shapeMatrix[row + b] += e * x[at + a] * x[at + b];
      }
    }
  }

  /** The loss between the offsets of outputs o and r, and between each of them and the atoms of the other. */
  private addOffset(o: number, r: number, all: number, once: Float64Array, sided: Float64Array): void {
    const { atoms, p, order, shapeMatrix } = this;
    const first = atoms.length * p;
    shapeMatrix[(first + o) * order + first + r] += all;
    for (const [k, { output, sign }] of atoms.entries()) {
      if (output === r) this.addOffsetTo(first + o, k, sign, once, sided);
      if (output === o && o !== r) this.addOffsetTo(first + r, k, sign, once, sided);
    }
  }

  private addOffsetTo(column: number, k: number, sign: number, once: Float64Array, sided: Float64Array): void {
    const { p, order, shapeMatrix, between, position, lines, atoms } = this;
    const { rows: L, cols: d, data: x } = lines.unit;
    for (let line = 0; line < L; line++) {
      between[(atoms.length * position[line] + k) * order + column] += sign * once[line];
      const s = sign * sided[line];
      for (let a = 0; a < d; a++) shapeMatrix[column * order + k * p + a] += s * x[line * d + a];
    }
  }

  /** between := (inverse factor of the block of half-widths) between. */
  private eliminate(): boolean {
    const { atoms, order, between, blocks, single, dense } = this;
    const K = atoms.length;
    for (let at = 0; at < single; at++) {
      const B = blocks.subarray(K * K * at, K * K * (at + 1));
      if (!factorBlock(B, K)) return false;
      for (let k = 0; k < K; k++) {
        const row = (K * at + k) * order;
        for (let l = 0; l < k; l++) {
          const value = B[K * k + l];
          const above = (K * at + l) * order;
          if (value !== 0) for (let e = 0; e < order; e++) between[row + e] -= value * between[above + e];
        }
        for (let e = 0; e < order; e++) between[row + e] /= B[K * k + k];
      }
    }
    if (dense === undefined) return true;
    for (let e = 0; e < dense.order; e++) this.denseMatrix[e * (dense.order + 1)] *= 1 + 1e-14;
    if (!dense.factor()) return false;
    dense.solveLower(between.subarray(K * single * order), order);
    return true;
  }

  /** Solves in place for right-hand sides of all atoms and of the offsets. */
  solve(vectors: readonly Float64Array[], offsets: Float64Array): void {
    const { atoms, p, order, between, lineOrder, shape, lines } = this;
    const L = lines.unit.rows;
    const K = atoms.length;
    const halfWidths = new Float64Array(K * L);
    const top = new Float64Array(order);
    for (const [k, y] of vectors.entries()) {
      atoms[k].system.reduceRight(y);
      top.set(y.subarray(0, p), k * p);
      for (let at = 0; at < L; at++) halfWidths[K * at + k] = y[p + lineOrder[at]];
    }
    top.set(offsets, K * p);
    this.solveHalfWidths(halfWidths, 'lower');
    for (let e = 0; e < halfWidths.length; e++) {
      const value = halfWidths[e];
      if (value !== 0) for (let f = 0, at = e * order; f < order; f++) top[f] -= value * between[at + f];
    }
    shape.solve(top);
    for (let e = 0; e < halfWidths.length; e++) {
      let s = 0;
      for (let f = 0, at = e * order; f < order; f++) s += between[at + f] * top[f];
      halfWidths[e] -= s;
    }
    this.solveHalfWidths(halfWidths, 'upper');
    for (const [k, y] of vectors.entries()) {
      y.set(top.subarray(k * p, (k + 1) * p));
      for (let at = 0; at < L; at++) y[p + lineOrder[at]] = halfWidths[K * at + k];
      atoms[k].system.recoverPairs(y);
    }
    offsets.set(top.subarray(K * p));
  }

  /** y := L^-1 y or L'^-1 y for the factor L of the block of half-widths. */
  private solveHalfWidths(y: Float64Array, side: 'lower' | 'upper'): void {
    const { atoms, blocks, single, dense } = this;
    const K = atoms.length;
    for (let at = 0; at < single; at++) {
      const [B, v] = [K * K * at, K * at];
      for (let step = 0; step < K; step++) {
        const k = side === 'lower' ? step : K - 1 - step;
        let s = y[v + k];
        if (side === 'lower') for (let l = 0; l < k; l++) s -= blocks[B + K * k + l] * y[v + l];
        else for (let l = k + 1; l < K; l++) s -= blocks[B + K * l + k] * y[v + l];
        y[v + k] = s / blocks[B + K * k + k];
      }
    }
    if (dense === undefined) return;
    const rest = y.subarray(K * single);
    if (side === 'lower') dense.solveLower(rest);
    else dense.solveUpper(rest);
  }
}

/** Rows whose products are added to the shape together. */
const chunk = 1024;

/** Cholesky factor of the lower triangle of a K x K matrix in place; false when it is not definite. */
function factorBlock(B: Float64Array, K: number): boolean {
  for (let j = 0; j < K; j++) {
    for (let i = j; i < K; i++) {
      let s = B[K * i + j];
      for (let k = 0; k < j; k++) s -= B[K * i + k] * B[K * j + k];
      if (i > j) B[K * i + j] = s / B[K * j + j];
      else if (!(s > 0 && s < Infinity)) return false;
      else B[K * j + j] = Math.sqrt(s);
    }
  }
  return true;
}
