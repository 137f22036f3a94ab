import { type BlockPlace, KernelMemoryError, type SymmetricSystem } from '../../base/kernels/kernels.ts';
import { pairsOf } from '../../base/patterns.ts';
import { columnOf, dot } from '../../base/linalg/matrix.ts';
import { createPenalty } from '../../problem/penalties/penalties.ts';
import type { BlockPenalty } from '../../problem/penalties/penalty.ts';
import {
  type ActivePart,
  applyRowFactor,
  applyRowFactorTransposed,
  assembleSystem,
  diagonalPreconditioner,
  type NewtonPart,
  proxRoots,
  rowCurvature,
  type StepAccuracy,
} from './newtonAssembly.ts';
import { GateGrams } from './gateGrams.ts';
import type { GatedProgram } from './program.ts';

/** How Newton systems were solved. */
export type LinearMethod = WithFactor | 'Woodbury' | 'matrix-free conjugate gradients';
type WithFactor = 'Cholesky' | 'conjugate gradients on an earlier Cholesky factor';

/** A factor kept for later steps, with what it was made for. */
interface KeptFactor {
  readonly system: SymmetricSystem;
  valid: boolean;
  sigma: number;
  gates: Int32Array;
}

/** Matrix-free conjugate gradients stop here whatever they have reached: the line search takes what there is. */
const largestIterations = 500;
/** Those that they are taken to need at first. */
const usualIterations = 50;
/** On an earlier factor they must be much cheaper than a new one. */
const refinementIterations = 25;
/** Below this order a new factor costs next to nothing. */
const smallestRefined = 150;
/** What is not multiplied costs as many multiplications: a row gathered for a pair of gates, which are both on on a fourth of them, and a block put to its place. Steps that use blocks once made. */
const perRow = { feature: 8, other: 60 } as const;
const perBlock = 1e4;
const sharing = 4;
/** Largest system of active features (with the blocks of their gates 1.5 width^2 doubles: 192 MB). */
const largestWidth = 4000;
/** Largest dense system that is factored (order^2 doubles: 288 MB). */
export const largestOrder = 6000;

/**
 * Solves (S^-1 + sigma M) x = -g with M = A J A', A = [D_i X] over the active gates and J the generalised derivative of the prox, S = L L'
 * by rows; always in the symmetric form x = L z, (I + sigma L'ML) z = -L'g. By Cholesky of the n x n form (no dimension d in
 * it), by the Woodbury form on the active features, or matrix-free by conjugate gradients, whichever is predicted to be cheapest. A Cholesky
 * factor of an earlier step preconditions conjugate gradients while sigma and the active gates have not changed much.
 */
export class NewtonSystem {
  private readonly factors = new Map<number, KeptFactor>();
  private woodburySystem: SymmetricSystem | undefined;
  private readonly grams: GateGrams;
  private readonly counts = new Map<LinearMethod, number>();
  private noRoom = false;
  /** Iterations that matrix-free conjugate gradients are taken to need: as many as they needed last. */
  private expected = usualIterations;
  private readonly single: BlockPenalty;

  constructor(
    private readonly program: GatedProgram,
    private readonly shouldStop: () => boolean,
  ) {
    this.single = createPenalty('per-output', program.features, 1);
    this.grams = new GateGrams(program);
  }

  /** Which methods were used, most frequent first. */
  get methodsUsed(): LinearMethod[] {
    return [...this.counts.entries()].sort((a, b) => b[1] - a[1]).map(([method]) => method);
  }

  dispose(): void {
    for (const { system } of this.factors.values()) system.dispose();
    this.factors.clear();
    this.woodburySystem?.dispose();
    this.woodburySystem = undefined;
    this.grams.dispose();
  }

  /** x := -(S^-1 + sigma M)^-1 g; `L` holds n blocks of c x factorCols. False when stopped or the system could not be solved. */
  solve(active: ActivePart, L: Float64Array, g: Float64Array, accuracy: StepAccuracy, x: Float64Array): boolean {
    const { outputs: c, datafit, penalty } = this.program;
    if (penalty.groups === c && datafit.separable && c > 1) {
      return this.outputByOutput(active, L, g, accuracy, x);
    }
    return this.solvePart({ active, penalty, c, w: c === 1 ? 1 : datafit.factorCols, L, g, accuracy, x, slot: 0 });
  }

  /** out := M v = A J A' v. */
  apply(active: ActivePart, v: Float64Array, out: Float64Array): void {
    this.applyPart(active, this.program.penalty, this.program.outputs, v, out);
  }

  private applyPart(active: ActivePart, penalty: BlockPenalty, c: number, v: Float64Array, out: Float64Array): void {
    const { operator, features: d } = this.program;
    const size = d * c;
    const H = new Float64Array(active.gates.length * size);
    operator.adjoint(v, c, H, active.gates);
    for (let k = 0; k < active.gates.length; k++) penalty.proxDerivative(active.W, active.threshold, H, k * size);
    operator.forward(H, c, out, active.gates);
  }

  private solvePart(part: NewtonPart): boolean {
    try {
      return this.solveBy(this.noRoom ? 'iterative' : this.choose(part), part);
    } catch (error) {
      if (!(error instanceof KernelMemoryError) || this.noRoom) throw error;
      // a dense system does not fit beside the data: products need no more memory than there is
      this.noRoom = true;
      this.dispose();
      return this.solveBy('iterative', part);
    }
  }

  private solveBy(method: 'cholesky' | 'woodbury' | 'iterative', part: NewtonPart): boolean {
    switch (method) {
      case 'woodbury':
        this.count('Woodbury');
        return this.woodbury(part);
      case 'cholesky':
        return this.cholesky(part);
      case 'iterative':
        this.count('matrix-free conjugate gradients');
        this.expected = this.conjugateGradients(
          part,
          diagonalPreconditioner(part, this.program),
          largestIterations,
        ).iterations;
        return !this.shouldStop();
    }
  }

  /** By predicted multiply-adds. */
  private choose({ active, penalty, c, w }: NewtonPart): 'cholesky' | 'woodbury' | 'iterative' {
    if (penalty.spectral) return 'iterative';
    const { rows: n, features: d, datafit } = this.program;
    const m = active.gates.length;
    const order = n * w;
    const width = m * d * c;
    const terms = m * penalty.groups;
    const direct =
      n * Math.max(c, w) > largestOrder ? Infinity : (n * n * m) / 8 + (order * order * terms) / 2 + order ** 3 / 6;
    const size = d * c;
    const blocks = pairsOf(m) * (2 * size ** 3 + perBlock);
    // those of pairs of gates stay while the curvature of the loss does: a few steps share their cost
    const made = datafit.quadratic ? this.grams.missing(active.gates) / sharing : pairsOf(m);
    const gathered = 0.25 * n * (1.2 * size * size + perRow.feature * size + perRow.other);
    const feature = width > largestWidth ? Infinity : made * gathered + blocks + width ** 3 / 6;
    const iterative = this.expected * 2 * n * width;
    if (direct <= feature && direct <= iterative) return 'cholesky';
    return feature <= iterative ? 'woodbury' : 'iterative';
  }

  private count(method: LinearMethod): void {
    this.counts.set(method, (this.counts.get(method) ?? 0) + 1);
  }

  private cholesky(part: NewtonPart): boolean {
    const { rows: n } = this.program;
    const { w, g, x, active, slot } = part;
    const order = n * w;
    let kept = this.factors.get(slot);
    if (kept !== undefined && kept.system.order !== order) {
      kept.system.dispose();
      kept = undefined;
    }
    if (kept?.valid === true && order >= smallestRefined && isClose(kept, active)) {
      const { system } = kept;
      const precondition = (r: Float64Array, h: Float64Array): void => {
        h.set(r);
        system.solve(h);
      };
      if (this.conjugateGradients(part, precondition, refinementIterations).reached) {
        this.count('conjugate gradients on an earlier Cholesky factor');
        return true;
      }
      if (this.shouldStop()) return false;
    }
    this.count('Cholesky');
    kept ??= {
      system: this.program.kernels.createSymmetricSystem(order),
      valid: false,
      sigma: active.sigma,
      gates: active.gates,
    };
    this.factors.set(slot, kept);
    kept.valid = false;
    assembleSystem(part, this.program, kept.system);
    if (!kept.system.factor()) return false;
    kept.valid = true;
    kept.sigma = active.sigma;
    kept.gates = active.gates;
    const z = new Float64Array(order);
    applyRowFactorTransposed(part, g, z);
    for (let i = 0; i < order; i++) z[i] = -z[i];
    kept.system.solve(z);
    applyRowFactor(part, z, x);
    return true;
  }

  /** With S = L L': x = -L (I - B (I + B'B)^-1 B') L'g, B = L'A R with R = sqrt(sigma) J^(1/2), so that B'B = R A'SA R, in the coordinates of the active gates. */
  private woodbury(part: NewtonPart): boolean {
    const { operator, kernels, features, rows: n } = this.program;
    const { active, c, w, g, x } = part;
    const { gates } = active;
    const size = features * c;
    const width = gates.length * size;
    const { blocks, own } = this.grams.of(gates, rowCurvature(part), c);
    if (this.shouldStop()) return false;
    if (this.woodburySystem?.order !== width) {
      this.woodburySystem?.dispose();
      this.woodburySystem = kernels.createSymmetricSystem(width);
    }
    const system = this.woodburySystem;
    const roots = proxRoots(part, features);
    const places = Array.from(gates, (_, k): BlockPlace => {
      const basis = roots.subarray(k * size * size, (k + 1) * size * size);
      return { from: k * size, dim: size, sign: 1, basis };
    });
    system.clear();
    system.addBlocks(blocks, own, size, places);
    system.addDiagonal(1);
    if (!system.factor()) return false;
    const [z, q] = [new Float64Array(n * w), new Float64Array(n * w)];
    const v = new Float64Array(n * c);
    const U = new Float64Array(width);
    applyRowFactorTransposed(part, g, z);
    applyRowFactor(part, z, v);
    operator.adjoint(v, c, U, gates);
    const inner = blockProducts(roots, U, size);
    system.solve(inner);
    operator.forward(blockProducts(roots, inner, size), c, v, gates);
    applyRowFactorTransposed(part, v, q);
    for (let i = 0; i < z.length; i++) z[i] = q[i] - z[i];
    applyRowFactor(part, z, x);
    return true;
  }

  /** Penalty and loss both split over outputs: c systems of order n. */
  private outputByOutput(
    active: ActivePart,
    L: Float64Array,
    g: Float64Array,
    accuracy: StepAccuracy,
    x: Float64Array,
  ): boolean {
    const { rows: n, outputs: c, features: d } = this.program;
    for (let o = 0; o < c; o++) {
      const kept: number[] = [];
      for (let k = 0; k < active.gates.length; k++) {
        let squares = 0;
        for (let j = 0; j < d; j++) squares += active.W[(k * d + j) * c + o] ** 2;
        if (Math.sqrt(squares) > active.threshold) kept.push(k);
      }
      const own = {
        g: columnOf(g, c, o),
        L: columnOf(L, c * c, o * c + o),
        x: new Float64Array(n),
      };
      if (kept.length === 0) {
        for (let r = 0; r < n; r++) x[r * c + o] = -own.L[r] * own.L[r] * own.g[r];
        continue;
      }
      const W = new Float64Array(kept.length * d);
      kept.forEach((k, t) => {
        for (let j = 0; j < d; j++) W[t * d + j] = active.W[(k * d + j) * c + o];
      });
      const part: ActivePart = { ...active, gates: Int32Array.from(kept, (k) => active.gates[k]), W };
      if (!this.solvePart({ ...own, active: part, penalty: this.single, c: 1, w: 1, accuracy, slot: o })) return false;
      for (let r = 0; r < n; r++) x[r * c + o] = own.x[r];
    }
    return true;
  }

  /**
   * Preconditioned conjugate gradients on (I + sigma L'ML) z = -L'g, then x := L z. False when `limit` came before the accuracy
   * asked for (x is then the best so far); how many they were.
   */
  private conjugateGradients(
    part: NewtonPart,
    precondition: (r: Float64Array, h: Float64Array) => void,
    limit: number,
  ): { readonly reached: boolean; readonly iterations: number } {
    const { rows: n } = this.program;
    const { active, penalty, c, w, g, accuracy, x } = part;
    const size = n * w;
    const [z, r, p, q, h] = Array.from({ length: 5 }, () => new Float64Array(size));
    const [v, Mv] = [new Float64Array(n * c), new Float64Array(n * c)];
    applyRowFactorTransposed(part, g, r);
    for (let i = 0; i < size; i++) r[i] = -r[i];
    precondition(r, h);
    p.set(h);
    let rho = dot(r, h);
    const start = rho;
    let reached = false;
    let iterations = 0;
    for (; ; iterations++) {
      reached =
        rho <= accuracy.relative * accuracy.relative * start && (!accuracy.consistent || dot(r, r) <= 1e-3 * dot(z, z));
      if (reached || iterations >= limit || this.shouldStop()) break;
      applyRowFactor(part, p, v);
      this.applyPart(active, penalty, c, v, Mv);
      applyRowFactorTransposed(part, Mv, q);
      for (let i = 0; i < size; i++) q[i] = p[i] + active.sigma * q[i];
      const alpha = rho / dot(p, q);
      for (let i = 0; i < size; i++) {
        z[i] += alpha * p[i];
        r[i] -= alpha * q[i];
      }
      precondition(r, h);
      const next = dot(r, h);
      const ratio = next / rho;
      rho = next;
      for (let i = 0; i < size; i++) p[i] = h[i] + ratio * p[i];
    }
    applyRowFactor(part, z, x);
    return { reached, iterations };
  }
}

/** Each block (size x size) times its part of u. */
function blockProducts(blocks: Float64Array, u: Float64Array, size: number): Float64Array {
  const out = new Float64Array(u.length);
  for (let i = 0, at = 0; i < u.length; i++) {
    const from = i - (i % size);
    for (let j = 0; j < size; j++, at++) out[i] += blocks[at] * u[from + j];
  }
  return out;
}

/** Whether a factor is near enough to the present system to precondition it: sigma within a factor 10, few gates exchanged. */
function isClose(kept: KeptFactor, active: ActivePart): boolean {
  const ratio = active.sigma / kept.sigma;
  if (ratio > 10 || ratio < 0.1) return false;
  const known = new Set(kept.gates);
  let common = 0;
  for (const gate of active.gates) if (known.has(gate)) common++;
  const exchanged = active.gates.length + kept.gates.length - 2 * common;
  return exchanged <= 2 + 0.2 * active.gates.length;
}
