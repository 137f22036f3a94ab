import { type HessianTerms, KernelMemoryError, type SymmetricSystem } from '../../base/kernels/kernels.ts';
import { dot } from '../../base/linalg/matrix.ts';
import { createPenalty } from '../../problem/penalties/penalties.ts';
import type { BlockPenalty } from '../../problem/penalties/penalty.ts';
import type { GatedProgram } from './program.ts';

/** How Newton systems were solved. */
export type LinearMethod =
  'Cholesky' | 'conjugate gradients on an earlier Cholesky factor' | 'Woodbury' | 'matrix-free conjugate gradients';

/** The active part of the augmented Lagrangian at one point. */
export interface ActivePart {
  /** Ids of the gates with a non-zero block. */
  readonly gates: Int32Array;
  /** m x d x c: argument of the prox of those gates. */
  readonly W: Float64Array;
  /** Threshold of the prox, sigma * beta. */
  readonly threshold: number;
  readonly sigma: number;
}

/** How well a step has to solve its system. */
export interface StepAccuracy {
  /** Residual over right-hand side that an iterative method must reach. */
  readonly relative: number;
  /**
   * Whether the residual must be small against the step itself, too: steps that move the fit apply the operator once more, which
   * undoes what cancels in the step.
   */
  readonly consistent: boolean;
}

/** One system: the outputs it couples, with the penalty of their blocks. */
interface Part {
  readonly active: ActivePart;
  readonly penalty: BlockPenalty;
  readonly c: number;
  /** Columns of the row factors. */
  readonly w: number;
  /** n blocks of c x w. */
  readonly L: Float64Array;
  readonly g: Float64Array;
  readonly accuracy: StepAccuracy;
  readonly x: Float64Array;
  /** Where its factor is kept from step to step. */
  readonly slot: number;
}

/** A factor kept for later steps, with what it was made for. */
interface KeptFactor {
  readonly system: SymmetricSystem;
  valid: boolean;
  sigma: number;
  gates: Int32Array;
}

/** Matrix-free conjugate gradients stop here whatever they have reached: the line search takes what there is. */
const largestIterations = 500;
/** On an earlier factor they must be much cheaper than a new one. */
const refinementIterations = 25;
/** Below this order a new factor costs next to nothing. */
const smallestRefined = 150;
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
  private readonly counts = new Map<LinearMethod, number>();
  private noRoom = false;
  private readonly single: BlockPenalty;

  constructor(
    private readonly program: GatedProgram,
    private readonly shouldStop: () => boolean,
  ) {
    this.single = createPenalty('per-output', program.features, 1);
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

  private solvePart(part: Part): boolean {
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

  private solveBy(method: 'cholesky' | 'woodbury' | 'iterative', part: Part): boolean {
    switch (method) {
      case 'woodbury':
        this.count('Woodbury');
        return this.woodbury(part);
      case 'cholesky':
        return this.cholesky(part);
      case 'iterative':
        this.count('matrix-free conjugate gradients');
        this.conjugateGradients(part, diagonalPreconditioner(part, this.program), largestIterations);
        return !this.shouldStop();
    }
  }

  /** By predicted multiply-adds. */
  private choose({ active, penalty, c, w }: Part): 'cholesky' | 'woodbury' | 'iterative' {
    if (penalty.spectral) return 'iterative';
    const { rows: n, features: d } = this.program;
    const m = active.gates.length;
    const order = n * w;
    const width = m * d * c;
    const terms = m * penalty.groups;
    const direct =
      n * Math.max(c, w) > largestOrder ? Infinity : (n * n * m) / 8 + (order * order * terms) / 2 + order ** 3 / 6;
    const feature =
      width > largestOrder || order * width > 4e7 ? Infinity : (order * width * width) / 2 + width ** 3 / 6;
    const iterative = 100 * 2 * n * width;
    if (direct <= feature && direct <= iterative) return 'cholesky';
    return feature <= iterative ? 'woodbury' : 'iterative';
  }

  private count(method: LinearMethod): void {
    this.counts.set(method, (this.counts.get(method) ?? 0) + 1);
  }

  private cholesky(part: Part): boolean {
    const { rows: n } = this.program;
    const { L, c, w, g, x, active, slot } = part;
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
      if (this.conjugateGradients(part, precondition, refinementIterations)) {
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
    this.assemble(part, kept.system);
    if (!kept.system.factor()) return false;
    kept.valid = true;
    kept.sigma = active.sigma;
    kept.gates = active.gates;
    const z = new Float64Array(order);
    multiplyTransposed(L, n, c, w, g, z);
    for (let i = 0; i < order; i++) z[i] = -z[i];
    kept.system.solve(z);
    multiply(L, n, c, w, z, x);
    return true;
  }

  /** target := I + sigma L'ML (lower triangle). */
  private assemble(part: Part, target: SymmetricSystem): void {
    const { rows: n, operator, kernels } = this.program;
    const { L, c, w } = part;
    const terms = { ...this.hessianTerms(part), diagonal: 0 };
    if (w === c) {
      // L is diagonal
      operator.hessian(terms, target);
      const order = n * c;
      const scale = new Float64Array(order);
      let isIdentity = true;
      for (let i = 0; i < order; i++) {
        scale[i] = L[i * c + (i % c)];
        isIdentity &&= scale[i] === 1;
      }
      if (!isIdentity) {
        const { matrix } = target;
        for (let i = 0; i < order; i++) {
          const row = i * order;
          for (let j = 0; j <= i; j++) matrix[row + j] *= scale[i] * scale[j];
        }
      }
      target.addDiagonal(1);
      return;
    }
    const full = kernels.createSymmetricSystem(n * c);
    operator.hessian(terms, full);
    const source = full.matrix;
    const { matrix } = target;
    const half = new Float64Array(c * w);
    for (let r = 0; r < n; r++) {
      for (let t = 0; t <= r; t++) {
        // half := M_rt L_t, then block (r, t) := L_r' half
        for (let o = 0; o < c; o++) {
          for (let u = 0; u < w; u++) {
            let s = 0;
            for (let p = 0; p < c; p++) {
              const i = r * c + o;
              const j = t * c + p;
              s += source[i >= j ? i * n * c + j : j * n * c + i] * L[(t * c + p) * w + u];
            }
            half[o * w + u] = s;
          }
        }
        for (let v = 0; v < w; v++) {
          for (let u = 0; u < w; u++) {
            let s = 0;
            for (let o = 0; o < c; o++) s += L[(r * c + o) * w + v] * half[o * w + u];
            matrix[(r * w + v) * n * w + t * w + u] = s;
          }
        }
      }
    }
    full.dispose();
    target.addDiagonal(1);
  }

  /** Weights and vectors of the Hessian for the operator's assembly: a_i, b_i, q_i of each active group. */
  private hessianTerms({ active, penalty, c }: Part): Omit<HessianTerms, 'diagonal'> {
    const { operator, rows: n, features: d } = this.program;
    const { groups } = penalty;
    const m = active.gates.length;
    const fits = new Float64Array(m * n * c);
    operator.fits(active.W, c, fits, active.gates);
    const a = new Float64Array(m * c);
    const b: number[] = [];
    const outputOf: number[] = [];
    const columns: [number, number][] = [];
    const size = d * c;
    for (let k = 0; k < m; k++) {
      for (let group = 0; group < groups; group++) {
        let squares = 0;
        for (let i = group; i < size; i += groups) squares += active.W[k * size + i] ** 2;
        const length = Math.sqrt(squares);
        if (length <= active.threshold) continue;
        const weight = 1 - active.threshold / length;
        if (groups === 1) for (let o = 0; o < c; o++) a[k * c + o] = weight;
        else a[k * c + group] = weight;
        b.push(active.threshold / (length * squares));
        columns.push([k, group]);
        outputOf.push(group);
      }
    }
    const whole = groups === 1;
    const q = whole ? fits : new Float64Array(columns.length * n);
    if (!whole) {
      columns.forEach(([k, o], t) => {
        for (let r = 0; r < n; r++) q[t * n + r] = fits[(k * n + r) * c + o];
      });
    }
    return {
      outputs: c,
      sigma: active.sigma,
      gates: active.gates,
      a,
      b: Float64Array.from(b),
      // with one group per block every listed gate is active, so that the fits are the vectors in order
      q,
      ...(whole ? {} : { outputOf: Int32Array.from(outputOf) }),
    };
  }

  /** With S = L L': x = -L (I - B (I + B'B)^-1 B') L'g, B = sqrt(sigma) L'A J^(1/2) on the active features. */
  private woodbury({ active, penalty, c, w, L, g, x }: Part): boolean {
    const { X, rows: n, features: d, patterns, kernels } = this.program;
    const { groups } = penalty;
    const m = active.gates.length;
    const size = d * c;
    // square root of the derivative of the prox: sqrt(a) I + (1 - sqrt(a)) w w' / ||w||^2 on each active group
    const columns: { k: number; group: number; root: number; length: number }[] = [];
    for (let k = 0; k < m; k++) {
      for (let group = 0; group < groups; group++) {
        let squares = 0;
        for (let i = group; i < size; i += groups) squares += active.W[k * size + i] ** 2;
        const length = Math.sqrt(squares);
        if (length > active.threshold) {
          columns.push({ k, group, root: Math.sqrt(1 - active.threshold / length), length });
        }
      }
    }
    const perGroup = size / groups;
    const width = columns.length * perGroup;
    const order = n * w;
    const B = new Float64Array(order * width);
    const scale = Math.sqrt(active.sigma);
    const line = new Float64Array(size);
    for (const [at, { k, group, root, length }] of columns.entries()) {
      if (this.shouldStop()) return false;
      const gate = active.gates[k];
      const step = groups;
      for (let r = 0; r < n; r++) {
        if (((patterns.words[gate * patterns.wordsPerPattern + (r >> 5)] >>> (r & 31)) & 1) === 0) continue;
        // for each output o of the group: (J^(1/2))' applied to x_r e_o'
        for (let i = 0; i < perGroup; i++) line[i] = 0;
        const outputs = groups === 1 ? c : 1;
        for (let oo = 0; oo < outputs; oo++) {
          const o = groups === 1 ? oo : group;
          let product = 0;
          for (let j = 0; j < d; j++) product += X.data[r * d + j] * active.W[k * size + j * c + o];
          const along = ((1 - root) * product) / (length * length);
          for (let v = 0; v < w; v++) {
            const factor = scale * L[(r * c + o) * w + v];
            if (factor === 0) continue;
            const row = (r * w + v) * width + at * perGroup;
            // entry e of the group is (j, o') = position group + e * groups in the block
            for (let e = 0; e < perGroup; e++) B[row + e] += factor * along * active.W[k * size + group + e * step];
            for (let j = 0; j < d; j++) {
              const e = groups === 1 ? j * c + o : j;
              B[row + e] += factor * root * X.data[r * d + j];
            }
          }
        }
      }
    }
    if (this.woodburySystem?.order !== width) {
      this.woodburySystem?.dispose();
      this.woodburySystem = kernels.createSymmetricSystem(width);
    }
    const system = this.woodburySystem;
    system.clear();
    system.addDiagonal(1);
    system.addProduct(true, order, 1, B);
    if (!system.factor()) return false;
    const z = new Float64Array(order);
    multiplyTransposed(L, n, c, w, g, z);
    const inner = new Float64Array(width);
    kernels.gemv(true, order, width, 1, B, z, 0, inner);
    system.solve(inner);
    kernels.gemv(false, order, width, -1, B, inner, 1, z);
    multiply(L, n, c, w, z, x);
    for (let i = 0; i < n * c; i++) x[i] = -x[i];
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
        g: Float64Array.from({ length: n }, (_, r) => g[r * c + o]),
        L: Float64Array.from({ length: n }, (_, r) => L[(r * c + o) * c + o]),
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
   * asked for (x is then the best so far).
   */
  private conjugateGradients(
    part: Part,
    precondition: (r: Float64Array, h: Float64Array) => void,
    limit: number,
  ): boolean {
    const { rows: n } = this.program;
    const { active, penalty, c, w, L, g, accuracy, x } = part;
    const size = n * w;
    const [z, r, p, q, h] = Array.from({ length: 5 }, () => new Float64Array(size));
    const [v, Mv] = [new Float64Array(n * c), new Float64Array(n * c)];
    multiplyTransposed(L, n, c, w, g, r);
    for (let i = 0; i < size; i++) r[i] = -r[i];
    precondition(r, h);
    p.set(h);
    let rho = dot(r, h);
    const start = rho;
    let reached = false;
    for (let k = 0; ; k++) {
      reached =
        rho <= accuracy.relative * accuracy.relative * start && (!accuracy.consistent || dot(r, r) <= 1e-3 * dot(z, z));
      if (reached || k >= limit || this.shouldStop()) break;
      multiply(L, n, c, w, p, v);
      this.applyPart(active, penalty, c, v, Mv);
      multiplyTransposed(L, n, c, w, Mv, q);
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
    multiply(L, n, c, w, z, x);
    return reached;
  }
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

/** Division by a diagonal that bounds that of I + sigma L'ML: half of ||x_r||^2 for each active gate that is on. */
function diagonalPreconditioner(
  { active, c, w, L }: Part,
  { X, rows: n, features: d, patterns }: GatedProgram,
): (r: Float64Array, h: Float64Array) => void {
  const scale = new Float64Array(n * w);
  for (let row = 0; row < n; row++) {
    let squares = 0;
    for (let j = 0; j < d; j++) squares += X.data[row * d + j] ** 2;
    let on = 0;
    for (const gate of active.gates) {
      on += (patterns.words[gate * patterns.wordsPerPattern + (row >> 5)] >>> (row & 31)) & 1;
    }
    for (let s = 0; s < w; s++) {
      let weight = 0;
      for (let o = 0; o < c; o++) weight += L[(row * c + o) * w + s] ** 2;
      scale[row * w + s] = 1 / (1 + active.sigma * 0.5 * on * squares * weight);
    }
  }
  return (r, h) => {
    for (let i = 0; i < scale.length; i++) h[i] = scale[i] * r[i];
  };
}

/** out := L z by rows: L holds n blocks of c x w. */
function multiply(L: Float64Array, n: number, c: number, w: number, z: Float64Array, out: Float64Array): void {
  for (let i = 0; i < n * c; i++) {
    const row = Math.floor(i / c);
    let s = 0;
    for (let v = 0; v < w; v++) s += L[i * w + v] * z[row * w + v];
    out[i] = s;
  }
}

/** out := L' v by rows. */
function multiplyTransposed(
  L: Float64Array,
  n: number,
  c: number,
  w: number,
  v: Float64Array,
  out: Float64Array,
): void {
  for (let row = 0; row < n; row++) {
    for (let s = 0; s < w; s++) {
      let sum = 0;
      for (let o = 0; o < c; o++) sum += L[(row * c + o) * w + s] * v[row * c + o];
      out[row * w + s] = sum;
    }
  }
}
