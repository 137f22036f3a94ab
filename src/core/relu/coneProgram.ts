import type { Datafit } from '../problem/datafit.ts';
import type { Control } from '../solver/control.ts';
import type { ConeCell } from './cell.ts';
import type { Kernels } from '../kernels/kernels.ts';
import { factorSpd, solveSpd } from '../linalg/cholesky.ts';
import { PositiveSystem } from './positiveSystem.ts';

/** One group of the program: the vectors u of a cell that feed one output with one sign. */
export interface ConeGroup {
  readonly cell: ConeCell;
  readonly output: number;
  readonly sign: 1 | -1;
  /** A central point of an earlier program that had this group, to start from. */
  readonly start?: CentralPoint;
}

/** Primal and dual variables of a group well inside its cones. */
export interface CentralPoint {
  readonly u: Float64Array;
  readonly t: number;
  readonly z: Float64Array;
  readonly lambda: Float64Array;
}

/** min over u_g in K_g and the offset of  l(sum_g sign_g D_g X u_g + offset) + beta sum_g ||u_g||. */
export interface ConeProgram {
  /** n x d effective inputs, row-major. */
  readonly X: { readonly rows: number; readonly cols: number; readonly data: Float64Array };
  readonly datafit: Datafit;
  readonly beta: number;
  readonly groups: readonly ConeGroup[];
  /** A free constant per output is added to the fit. */
  readonly offset: boolean;
  /** Large systems are assembled and factored by these; plain TypeScript when left out. */
  readonly kernels?: Kernels | undefined;
}

export interface ConeProgramResult {
  /** Strictly inside the cones, d numbers per group. */
  readonly vectors: readonly Float64Array[];
  /** Rows whose constraint binds, judged by slack against multiplier, per group. */
  readonly tight: readonly Int32Array[];
  readonly offset: Float64Array;
  /** Where the relative gap first fell below `warmGap`, per group: what a similar program can start from. */
  readonly central: readonly CentralPoint[] | undefined;
  /** n x c */
  readonly fit: Float64Array;
  readonly iterations: number;
  /** Complementarity gap over the objective, and largest stationarity residual over beta, at the last iterate. */
  readonly gap: number;
  readonly residual: number;
  readonly stopped: boolean;
}

/** Relative gap at which points are kept for warm starts: later ones lie too near the boundary. */
const warmGap = 0.05;

/** Where to start: the part of the largest possible penalty for all groups together, and the dual of the norms over beta. */
const firstShare = 0.1;
const firstDual = 30;

/** Columns of features that are multiplied at a time. */
const batchColumns = 256;

/** Block of the groups' Gram matrix with a constant loss Hessian, kept across programs on the same cells. */
export type GramCache = Map<string, Float64Array>;

interface GroupState {
  readonly group: ConeGroup;
  /** Columns (dimension of u), and how many of them are in the norm. */
  readonly k: number;
  readonly q: number;
  /** n x k: X in the coordinates of the group. */
  readonly A: Float64Array;
  readonly on: Int32Array;
  readonly coneRows: Int32Array;
  /** Place in the stacked vector. */
  readonly at: number;
  readonly u: Float64Array;
  readonly du: Float64Array;
  t: number;
  dt: number;
  z0: number;
  dz0: number;
  readonly z: Float64Array;
  readonly dz: Float64Array;
  /** A u, all rows; slack of cone row r is signs[r] * product[r]. */
  readonly product: Float64Array;
  /** The best iterate so far. */
  readonly bestU: Float64Array;
  readonly bestLambda: Float64Array;
  readonly dproduct: Float64Array;
  readonly lambda: Float64Array;
  readonly dlambda: Float64Array;
  /** Nesterov-Todd scaling point: eta, w (q+1), v (q+1), scaled variable l = W z (q+1). */
  eta: number;
  readonly w: Float64Array;
  readonly v: Float64Array;
  readonly l: Float64Array;
  /** Right-hand sides of the complementarity equations. */
  readonly eSoc: Float64Array;
  readonly eLin: Float64Array;
  /** B = scaled second-order block + A' diag(lambda/s) A, and its Cholesky factor. */
  readonly B: Float64Array;
  readonly L: Float64Array;
  readonly rhs: Float64Array;
  readonly residual: Float64Array;
}

/**
 * Primal-dual interior point method with Nesterov-Todd scaling and Mehrotra's and Gondzio's correctors (Nesterov, Todd 1998; Gondzio 1996; Vandenberghe 2010,
 * "The CVXOPT linear and quadratic cone program solvers") for the cone-constrained ReLU program. Iterates stay strictly inside the
 * cones, so every one of them is feasible. The Newton system is factored in the smaller of the number of rows and of the stacked
 * group vectors; the form in the rows loses digits towards the end, and `precise` asks for the other one there whatever it costs.
 */
export function solveConeProgram(
  program: ConeProgram,
  tolerance: number,
  control: Control,
  cache?: GramCache,
  precise = false,
): ConeProgramResult {
  const method = new InteriorPoint(program, cache);
  try {
    return method.run(tolerance, control, precise);
  } finally {
    method.dispose();
  }
}

class InteriorPoint {
  private readonly n: number;
  private readonly c: number;
  private readonly states: GroupState[];
  private readonly size: number;
  private readonly F: Float64Array;
  private readonly G: Float64Array;
  private readonly H: Float64Array;
  private readonly offset: Float64Array;
  private readonly doffset: Float64Array;
  private readonly bestOffset: Float64Array;
  private readonly roffset: Float64Array;
  private byRows: boolean;
  private inaccurate = false;
  /** Factored system: n x n (rows form) or size x size. */
  private system: PositiveSystem;
  /** n x batchColumns: scaled features of several groups side by side, zero on their off-rows. */
  private batch: Float64Array | undefined;
  private readonly root: Float64Array;
  private readonly stacked: Float64Array;
  private readonly extra: Float64Array;
  private readonly rowWork: Float64Array;
  private readonly rowWork2: Float64Array;
  /** For the offset: K^-1 F'H 1_o per output, and the Cholesky factor of its Schur complement. */
  private readonly border: Float64Array[];
  private readonly schur: Float64Array;
  private readonly constantHessian: boolean;

  constructor(
    private readonly program: ConeProgram,
    private readonly cache: GramCache | undefined,
  ) {
    const { X, datafit, groups, beta } = program;
    const n = (this.n = X.rows);
    const c = (this.c = datafit.outputs);
    this.constantHessian = datafit.name === 'squared';
    const zero = new Float64Array(n * c);
    // the penalty at the optimum is at most l(0) / beta, and mostly far less
    const budget = (firstShare * Math.max(datafit.value(zero), 1e-12)) / beta / Math.max(1, groups.length);
    let at = 0;
    this.states = groups.map((group) => {
      const { cell } = group;
      const { k, q, A } = cell;
      const state: GroupState = {
        group,
        k,
        q,
        A,
        on: cell.on,
        coneRows: cell.coneRows,
        at,
        u: new Float64Array(k),
        du: new Float64Array(k),
        t: 0,
        dt: 0,
        z0: beta,
        dz0: 0,
        z: new Float64Array(q),
        dz: new Float64Array(q),
        product: new Float64Array(n),
        bestU: new Float64Array(k),
        bestLambda: new Float64Array(n),
        dproduct: new Float64Array(n),
        lambda: new Float64Array(n),
        dlambda: new Float64Array(n),
        eta: 1,
        w: new Float64Array(q + 1),
        v: new Float64Array(q + 1),
        l: new Float64Array(q + 1),
        eSoc: new Float64Array(q + 1),
        eLin: new Float64Array(n),
        B: new Float64Array(k * k),
        L: new Float64Array(k * k),
        rhs: new Float64Array(k),
        residual: new Float64Array(k),
      };
      at += k;
      for (let j = 0; j < k; j++) state.u[j] = budget * cell.interior[j];
      state.t = budget;
      return state;
    });
    this.size = at;
    this.F = new Float64Array(n * c);
    this.G = new Float64Array(n * c);
    this.H = new Float64Array(n * c * c);
    this.offset = new Float64Array(c);
    this.doffset = new Float64Array(c);
    this.roffset = new Float64Array(c);
    this.bestOffset = new Float64Array(c);
    // n^2 k + n^3 / 3 against k^3 / 3 multiplications, and the blocks of the latter only once when the Hessian stays
    this.byRows = c === 1 && (this.constantHessian ? 1.9 : 1) * n < at;
    this.system = new PositiveSystem(this.byRows ? n : at, program.kernels);
    this.root = new Float64Array(n);
    this.stacked = new Float64Array(at);
    this.extra = new Float64Array(at);
    this.rowWork = new Float64Array(n * c);
    this.rowWork2 = new Float64Array(n * c);
    this.border = program.offset ? Array.from({ length: c }, () => new Float64Array(at)) : [];
    this.schur = new Float64Array(c * c);
  }

  run(tolerance: number, control: Control, precise: boolean): ConeProgramResult {
    const { states, program, n, c } = this;
    const { beta, datafit } = program;
    // the centres of the cells and their multipliers are on the central path of the cones
    for (const g of states) {
      this.multiply(g, g.u, g.product);
      const z0 = firstDual * beta;
      let room = g.t * g.t;
      for (let j = 0; j < g.q; j++) room -= g.u[j] * g.u[j];
      const mu = (z0 * room) / (2 * g.t);
      g.z0 = z0;
      for (let j = 0; j < g.q; j++) g.z[j] = (-z0 * g.u[j]) / g.t;
      for (const r of g.coneRows) g.lambda[r] = mu / (g.group.cell.signs[r] * g.product[r]);
    }
    this.warmStart();
    let degree = 0;
    for (const g of states) degree += 2 + g.coneRows.length;
    let iterations = 0;
    let gap = Infinity;
    let residual = Infinity;
    let stopped = false;
    let central: CentralPoint[] | undefined;
    let best = Infinity;
    let idle = 0;
    if (program.offset) this.centreOffset();
    for (; iterations < 100; iterations++) {
      this.evaluate();
      // residuals of stationarity, and complementarity
      let complementarity = 0;
      let penalty = 0;
      residual = 0;
      for (const g of states) {
        this.gradient(g);
        let size = 0;
        for (let j = 0; j < g.k; j++) size += g.residual[j] * g.residual[j];
        residual = Math.max(residual, Math.sqrt(size) / beta);
        complementarity += this.complementarity(g);
        let norm = 0;
        for (let j = 0; j < g.q; j++) norm += g.u[j] * g.u[j];
        penalty += Math.sqrt(norm);
      }
      for (let o = 0; o < c; o++) {
        this.roffset[o] = 0;
        if (program.offset) for (let i = 0; i < n; i++) this.roffset[o] += this.G[i * c + o];
      }
      const objective = datafit.value(this.F) + beta * penalty;
      gap = complementarity / Math.max(Math.abs(objective), 1e-300);
      const merit = gap + residual;
      if (!Number.isFinite(merit)) break;
      if (merit < 0.9 * best) {
        best = merit;
        idle = 0;
        this.keep();
      } else if (++idle >= (best < 1e-5 ? 2 : 12)) break;
      if (central === undefined && gap <= warmGap && residual <= warmGap) {
        central = states.map((g) => ({ u: g.u.slice(), t: g.t, z: g.z.slice(), lambda: g.lambda.slice() }));
      }
      if ((gap <= tolerance && residual <= tolerance) || states.length === 0) break;
      if (control.shouldStop()) {
        stopped = true;
        break;
      }
      if (this.inaccurate && this.size <= (precise ? 3000 : 1200)) {
        this.byRows = false;
        this.inaccurate = false;
        this.system.dispose();
        this.system = new PositiveSystem(this.size, this.program.kernels);
      }
      if (!this.factor(() => control.shouldStop())) {
        stopped = control.shouldStop();
        break;
      }
      const mu = complementarity / degree;
      // predictor
      for (const g of states) {
        for (let j = 0; j < g.q; j++) g.eSoc[j + 1] = -g.z[j];
        g.eSoc[0] = -g.z0;
        for (const r of g.coneRows) g.eLin[r] = -g.lambda[r];
      }
      this.direction(this.byRows && best > 1e-3 ? 1 : 4);
      const affine = this.stepLength();
      const sigma = (1 - Math.min(1, affine)) ** 3;
      this.corrector(sigma * mu);
      this.direction();
      let length = this.stepLength();
      for (let round = 0; round < 3 && length < 0.9; round++) {
        const longer = this.centralityCorrector(sigma * mu, length);
        const gain = longer / length;
        length = longer;
        if (gain < 1.1) break;
      }
      let step = Math.min(1, 0.99 * length);
      if (!this.constantHessian) step = this.damp(step);
      this.move(step);
    }
    this.restore();
    this.evaluate();
    return {
      vectors: states.map((g) => g.group.cell.expand(g.u)),
      tight: states.map(tightRows),
      offset: this.offset.slice(),
      central,
      fit: this.F.slice(),
      iterations,
      gap,
      residual,
      stopped,
    };
  }

  /** Takes over central points; groups without one get a point of the same complementarity. */
  private warmStart(): void {
    const { beta } = this.program;
    let total = 0;
    let degree = 0;
    for (const g of this.states) {
      const { start } = g.group;
      if (start === undefined) continue;
      g.u.set(start.u);
      g.t = start.t;
      g.z.set(start.z);
      g.lambda.set(start.lambda);
      this.multiply(g, g.u, g.product);
      total += this.complementarity(g);
      degree += 2 + g.coneRows.length;
    }
    if (degree === 0) return;
    const mu = total / degree;
    for (const g of this.states) {
      if (g.group.start !== undefined) continue;
      let norm = 0;
      const { interior } = g.group.cell;
      for (let j = 0; j < g.q; j++) norm += interior[j] * interior[j];
      norm = Math.sqrt(norm);
      g.t = (2 * mu) / beta;
      for (let j = 0; j < g.k; j++) g.u[j] = norm > 0 ? (0.5 * g.t * interior[j]) / norm : 0;
      g.z.fill(0);
      this.multiply(g, g.u, g.product);
      for (const r of g.coneRows) g.lambda[r] = mu / (g.group.cell.signs[r] * g.product[r]);
    }
  }

  dispose(): void {
    this.system.dispose();
    if (this.batch !== undefined) this.program.kernels?.free(this.batch);
  }

  private keep(): void {
    for (const g of this.states) {
      g.bestU.set(g.u);
      g.bestLambda.set(g.lambda);
    }
    this.bestOffset.set(this.offset);
  }

  private restore(): void {
    for (const g of this.states) {
      g.u.set(g.bestU);
      g.lambda.set(g.bestLambda);
    }
    this.offset.set(this.bestOffset);
  }

  /** out := A u. */
  private multiply(g: GroupState, u: Float64Array, out: Float64Array): void {
    const { k, A } = g;
    for (let i = 0, at = 0; i < this.n; i++, at += k) {
      let s = 0;
      for (let j = 0; j < k; j++) s += A[at + j] * u[j];
      out[i] = s;
    }
  }

  /** Fit, gradient and Hessian of the loss at the current point. */
  private evaluate(): void {
    const { n, c, F, offset, program } = this;
    for (let i = 0; i < n; i++) for (let o = 0; o < c; o++) F[i * c + o] = offset[o];
    for (const g of this.states) {
      this.multiply(g, g.u, g.product);
      const { sign, output } = g.group;
      for (const r of g.on) F[r * c + output] += sign * g.product[r];
    }
    program.datafit.gradient(F, this.G);
    program.datafit.hessian(F, this.H);
  }

  /** Starts with the best constant fit, a few damped Newton steps. */
  private centreOffset(): void {
    const { n, c, offset, doffset, G, H } = this;
    const block = this.schur;
    for (let round = 0; round < 50; round++) {
      this.evaluate();
      block.fill(0);
      doffset.fill(0);
      for (let i = 0; i < n; i++) {
        for (let o = 0; o < c; o++) {
          doffset[o] -= G[i * c + o];
          for (let p = 0; p < c; p++) block[o * c + p] += H[(i * c + o) * c + p];
        }
      }
      let size = 0;
      for (let o = 0; o < c; o++) size = Math.max(size, Math.abs(doffset[o]));
      if (size <= 1e-9 * n) break;
      for (let o = 0; o < c; o++) block[o * c + o] += 1e-9 * n;
      factorSpd(block, c);
      solveSpd(block, c, doffset);
      let length = 0;
      for (let o = 0; o < c; o++) length = Math.max(length, Math.abs(doffset[o]));
      const damp = this.constantHessian ? 1 : Math.min(1, 1 / length);
      for (let o = 0; o < c; o++) offset[o] += damp * doffset[o];
    }
  }

  /** residual := F_g' gradient - z - A'S lambda. */
  private gradient(g: GroupState): void {
    const { A, k, q, residual, lambda } = g;
    const { sign, output, cell } = g.group;
    const { c, G } = this;
    residual.fill(0);
    for (const r of g.on) {
      const value = sign * G[r * c + output];
      for (let j = 0, at = r * k; j < k; j++) residual[j] += value * A[at + j];
    }
    for (const r of g.coneRows) {
      const value = cell.signs[r] * lambda[r];
      for (let j = 0, at = r * k; j < k; j++) residual[j] -= value * A[at + j];
    }
    for (let j = 0; j < q; j++) residual[j] -= g.z[j];
  }

  private complementarity(g: GroupState): number {
    let s = g.t * g.z0;
    for (let j = 0; j < g.q; j++) s += g.u[j] * g.z[j];
    const { signs } = g.group.cell;
    for (const r of g.coneRows) s += signs[r] * g.product[r] * g.lambda[r];
    return s;
  }

  /** Scaling points, the blocks B with their factors, and the coupled system. False when stopped. */
  private factor(stop: () => boolean): boolean {
    for (const g of this.states) {
      scalingPoint(g);
      const { k, q, A, B, L } = g;
      B.fill(0);
      // Schur complement of t in W^-2 = eta^-2 (2 Jw w'J - J)
      const e2 = 1 / (g.eta * g.eta);
      const tail = 2 / (2 * g.w[0] * g.w[0] - 1);
      for (let i = 0; i < q; i++) {
        for (let j = 0; j <= i; j++) B[i * k + j] = -e2 * tail * g.w[i + 1] * g.w[j + 1];
        B[i * k + i] += e2;
      }
      const { signs } = g.group.cell;
      for (const r of g.coneRows) {
        const weight = g.lambda[r] / (signs[r] * g.product[r]);
        for (let i = 0, at = r * k; i < k; i++) {
          const value = weight * A[at + i];
          for (let j = 0; j <= i; j++) B[i * k + j] += value * A[at + j];
        }
      }
      for (let i = 0; i < k; i++) for (let j = 0; j < i; j++) B[j * k + i] = B[i * k + j];
      L.set(B);
      factorSpd(L, k);
    }
    if (!(this.byRows ? this.assembleRows(stop) : this.assembleStacked(stop))) return false;
    if (this.program.offset) this.assembleBorder();
    return true;
  }

  /** I + R (sum_g F_g B_g^-1 F_g') R with R the root of the loss Hessian (one output). */
  private assembleRows(stop: () => boolean): boolean {
    const { n, H, root, system } = this;
    for (let i = 0; i < n; i++) root[i] = Math.sqrt(Math.max(0, H[i]));
    const widest = Math.max(...this.states.map(({ k }) => k));
    const width = Math.max(1, Math.floor(batchColumns / widest)) * widest;
    this.batch ??= this.program.kernels?.alloc(n * width) ?? new Float64Array(n * width);
    const { batch } = this;
    system.clear();
    let used = 0;
    const flush = (): void => {
      system.addSquare(batch, width);
      used = 0;
    };
    for (const g of this.states) {
      if (used === 0) {
        if (stop()) return false;
        batch.fill(0);
      }
      // rows of L^-1 A': row r solves L c = a_r
      const { k, A, L, on } = g;
      for (const r of on) {
        const from = r * k;
        const to = r * width + used;
        for (let i = 0; i < k; i++) {
          let s = root[r] * A[from + i];
          for (let j = 0; j < i; j++) s -= L[i * k + j] * batch[to + j];
          batch[to + i] = s / L[i * k + i];
        }
      }
      used += k;
      if (used + widest > width) flush();
    }
    if (used > 0) flush();
    const { matrix } = system;
    for (let i = 0; i < n; i++) matrix[i * n + i] += 1;
    return system.factor(stop);
  }

  /** blockdiag(B) + F'HF. */
  private assembleStacked(stop: () => boolean): boolean {
    const { states, size, system } = this;
    system.clear();
    const { matrix } = system;
    for (let a = 0; a < states.length; a++) {
      const g = states[a];
      if (stop()) return false;
      for (let b = 0; b <= a; b++) {
        const h = states[b];
        const block = this.gramBlock(g, h);
        const sign = g.group.sign * h.group.sign;
        for (let i = 0; i < g.k; i++) {
          const row = (g.at + i) * size + h.at;
          for (let j = 0; j < h.k; j++) matrix[row + j] = sign * block[i * h.k + j];
        }
      }
      for (let i = 0; i < g.k; i++) {
        for (let j = 0; j <= i; j++) matrix[(g.at + i) * size + g.at + j] += g.B[i * g.k + j];
      }
    }
    return system.factor(stop);
  }

  /** sum over common on-rows of H[o_g, o_h] a_r b_r', k_g x k_h; without the signs. */
  private gramBlock(g: GroupState, h: GroupState): Float64Array {
    const key = `${g.group.cell.id},${h.group.cell.id}`;
    if (this.constantHessian) {
      if (g.group.output !== h.group.output) return new Float64Array(g.k * h.k);
      const known = this.cache?.get(key);
      if (known !== undefined) return known;
    }
    const block = new Float64Array(g.k * h.k);
    const { c, H } = this;
    const onH = h.group.cell.signs;
    const og = g.group.output;
    const oh = h.group.output;
    for (const r of g.on) {
      if (onH[r] < 0) continue;
      const weight = H[(r * c + og) * c + oh];
      if (weight === 0) continue;
      const from = r * h.k;
      for (let i = 0, at = r * g.k; i < g.k; i++) {
        const value = weight * g.A[at + i];
        const row = i * h.k;
        for (let j = 0; j < h.k; j++) block[row + j] += value * h.A[from + j];
      }
    }
    if (this.constantHessian) this.cache?.set(key, block);
    return block;
  }

  private assembleBorder(): void {
    const { n, c, H, border, schur, rowWork } = this;
    for (let o = 0; o < c; o++) {
      // F'H 1_o
      for (let i = 0; i < n; i++) for (let p = 0; p < c; p++) rowWork[i * c + p] = H[(i * c + p) * c + o];
      this.transposeStacked(rowWork, border[o]);
      this.solveStacked(border[o]);
    }
    for (let o = 0; o < c; o++) {
      // column o of 1'H1 - 1'H F K^-1 F'H 1
      const { rowWork2 } = this;
      this.applyStacked(border[o], rowWork2);
      for (let i = 0; i < n; i++) {
        for (let p = 0; p < c; p++) rowWork[i * c + p] = (p === o ? 1 : 0) - rowWork2[i * c + p];
      }
      for (let p = 0; p < c; p++) {
        let s = 0;
        for (let i = 0; i < n; i++) for (let m = 0; m < c; m++) s += H[(i * c + p) * c + m] * rowWork[i * c + m];
        schur[p * c + o] = s;
      }
    }
    // softmax leaves one common constant undetermined
    let trace = 0;
    for (let o = 0; o < c; o++) trace += schur[o * c + o];
    if (c > 1) for (let o = 0; o < c; o++) schur[o * c + o] += 1e-13 * trace;
    factorSpd(schur, c);
  }

  /** out (stacked) := F' rows. */
  private transposeStacked(rows: Float64Array, out: Float64Array): void {
    const { c } = this;
    for (const g of this.states) {
      const { k, A } = g;
      const { sign, output } = g.group;
      for (let j = 0; j < k; j++) out[g.at + j] = 0;
      for (const r of g.on) {
        const value = sign * rows[r * c + output];
        if (value === 0) continue;
        for (let j = 0, at = r * k; j < k; j++) out[g.at + j] += value * A[at + j];
      }
    }
  }

  /** out (rows) := F stacked. */
  private applyStacked(stacked: Float64Array, out: Float64Array): void {
    const { c } = this;
    out.fill(0);
    for (const g of this.states) {
      const { k, A, at } = g;
      const { sign, output } = g.group;
      for (const r of g.on) {
        let s = 0;
        for (let j = 0, from = r * k; j < k; j++) s += A[from + j] * stacked[at + j];
        out[r * c + output] += sign * s;
      }
    }
  }

  /** x := K^-1 x with K = blockdiag(B) + F'HF. */
  private solveStacked(x: Float64Array): void {
    if (!this.byRows) {
      this.system.solve(x);
      return;
    }
    const { states, n, root, system, rowWork2 } = this;
    for (const g of states) solveSpd(g.L, g.k, x.subarray(g.at, g.at + g.k));
    this.applyStacked(x, rowWork2);
    for (let i = 0; i < n; i++) rowWork2[i] *= root[i];
    system.solve(rowWork2);
    for (let i = 0; i < n; i++) rowWork2[i] *= root[i];
    const correction = new Float64Array(this.size);
    this.transposeStacked(rowWork2, correction);
    for (const g of states) {
      const part = correction.subarray(g.at, g.at + g.k);
      solveSpd(g.L, g.k, part);
      for (let j = 0; j < g.k; j++) x[g.at + j] -= part[j];
    }
  }

  /** out := K x. */
  private applySystem(x: Float64Array, out: Float64Array): void {
    const { n, c, H, rowWork, rowWork2 } = this;
    this.applyStacked(x, rowWork2);
    for (let i = 0; i < n; i++) {
      for (let p = 0; p < c; p++) {
        let s = 0;
        for (let o = 0; o < c; o++) s += H[(i * c + p) * c + o] * rowWork2[i * c + o];
        rowWork[i * c + p] = s;
      }
    }
    this.transposeStacked(rowWork, out);
    for (const g of this.states) {
      const { k, B, at } = g;
      for (let i = 0; i < k; i++) {
        let s = 0;
        for (let j = 0; j < k; j++) s += B[i * k + j] * x[at + j];
        out[at + i] += s;
      }
    }
  }

  /** Newton direction for the right-hand sides in eSoc and eLin, with so many rounds of iterative refinement at most. */
  private direction(refinements = 4): void {
    const { states, stacked, size, n, c } = this;
    const { beta, offset } = this.program;
    for (const g of states) {
      const { k, q, A, rhs, w } = g;
      const e2 = 1 / (g.eta * g.eta);
      const m00 = e2 * (2 * w[0] * w[0] - 1);
      const rt = beta - g.z0;
      const head = (g.eSoc[0] - rt) / m00;
      for (let j = 0; j < k; j++) rhs[j] = -g.residual[j];
      for (let j = 0; j < q; j++) rhs[j] += g.eSoc[j + 1] + 2 * e2 * w[0] * w[j + 1] * head;
      const { signs } = g.group.cell;
      for (const r of g.coneRows) {
        const value = signs[r] * g.eLin[r];
        for (let j = 0, at = r * k; j < k; j++) rhs[j] += value * A[at + j];
      }
      stacked.set(rhs, g.at);
    }
    const x = stacked.slice();
    this.solveBordered(x);
    // iterative refinement: the blocks B span many orders of magnitude near the end
    const out = new Float64Array(size);
    let previous = Infinity;
    let size0 = 0;
    for (let j = 0; j < size; j++) size0 = Math.max(size0, Math.abs(stacked[j]));
    for (let round = 0; round < refinements; round++) {
      this.applySystem(x, out);
      if (offset) {
        const rows = this.rowWork;
        for (let i = 0; i < n; i++) {
          for (let p = 0; p < c; p++) {
            let s = 0;
            for (let o = 0; o < c; o++) s += this.H[(i * c + p) * c + o] * this.doffset[o];
            rows[i * c + p] = s;
          }
        }
        this.transposeStacked(rows, this.extra);
      }
      let error = 0;
      for (let j = 0; j < size; j++) {
        out[j] = stacked[j] - out[j] - (offset ? this.extra[j] : 0);
        error = Math.max(error, Math.abs(out[j]));
      }
      if (!(error < 0.5 * previous) || error <= 1e-13 * beta) break;
      previous = error;
      this.solveStacked(out);
      for (let j = 0; j < size; j++) x[j] += out[j];
    }
    // the rows form cancels when B is nearly singular; the stacked form does not
    this.inaccurate = this.byRows && refinements > 1 && previous > 1e-8 * Math.min(beta, size0);
    for (const g of states) {
      const { q, w } = g;
      for (let j = 0; j < g.k; j++) g.du[j] = x[g.at + j];
      const e2 = 1 / (g.eta * g.eta);
      const m00 = e2 * (2 * w[0] * w[0] - 1);
      let wu = 0;
      for (let j = 0; j < q; j++) wu += w[j + 1] * g.du[j];
      g.dt = (g.eSoc[0] - (beta - g.z0) + 2 * e2 * w[0] * wu) / m00;
      g.dz0 = beta - g.z0;
      for (let j = 0; j < q; j++) {
        g.dz[j] = g.eSoc[j + 1] - e2 * (-2 * w[0] * w[j + 1] * g.dt + 2 * w[j + 1] * wu + g.du[j]);
      }
      this.multiply(g, g.du, g.dproduct);
      for (const r of g.coneRows) g.dlambda[r] = g.eLin[r] - (g.lambda[r] / g.product[r]) * g.dproduct[r];
    }
  }

  /** Solves for the groups and the offset together; the offset's step goes to `doffset`. */
  private solveBordered(x: Float64Array): void {
    const { n, c, border, schur, H, doffset } = this;
    this.solveStacked(x);
    if (!this.program.offset) return;
    const rows = this.rowWork2;
    this.applyStacked(x, rows);
    for (let p = 0; p < c; p++) {
      let s = -this.roffset[p];
      for (let i = 0; i < n; i++) for (let o = 0; o < c; o++) s -= H[(i * c + p) * c + o] * rows[i * c + o];
      doffset[p] = s;
    }
    solveSpd(schur, c, doffset);
    for (let o = 0; o < c; o++) for (let j = 0; j < this.size; j++) x[j] -= border[o][j] * doffset[o];
  }

  /** Mehrotra's right-hand sides: W^-1 (l \ (-l o l - (W^-1 ds) o (W dz) + mu e)). */
  private corrector(mu: number): void {
    for (const g of this.states) {
      const { q, l } = g;
      const ds = new Float64Array(q + 1);
      const dz = new Float64Array(q + 1);
      ds[0] = g.dt;
      dz[0] = g.dz0;
      for (let j = 0; j < q; j++) {
        ds[j + 1] = g.du[j];
        dz[j + 1] = g.dz[j];
      }
      applyScaling(g, ds, true);
      applyScaling(g, dz, false);
      const d = new Float64Array(q + 1);
      let head = mu;
      for (let j = 0; j <= q; j++) head -= l[j] * l[j] + ds[j] * dz[j];
      d[0] = head;
      for (let j = 1; j <= q; j++) d[j] = -2 * l[0] * l[j] - ds[0] * dz[j] - dz[0] * ds[j];
      // x o l = d
      let dot = 0;
      let tail = 0;
      for (let j = 1; j <= q; j++) {
        dot += l[j] * d[j];
        tail += l[j] * l[j];
      }
      const det = (l[0] - Math.sqrt(tail)) * (l[0] + Math.sqrt(tail));
      const x0 = (l[0] * d[0] - dot) / det;
      g.eSoc[0] = x0;
      for (let j = 1; j <= q; j++) g.eSoc[j] = (d[j] - x0 * l[j]) / l[0];
      applyScaling(g, g.eSoc, true);
      const { signs } = g.group.cell;
      for (const r of g.coneRows) {
        const s = signs[r] * g.product[r];
        g.eLin[r] = -g.lambda[r] + (mu - signs[r] * g.dproduct[r] * g.dlambda[r]) / s;
      }
    }
  }

  /**
   * Gondzio's correction (1996) of the linear constraints: complementarity products that a longer step would leave far from `mu` are pulled
   * back towards it. Keeps the new direction when it allows a longer step, which is returned.
   */
  private centralityCorrector(mu: number, length: number): number {
    const aim = Math.min(1, length + 0.3);
    const saved = this.states.map((g) => ({
      du: g.du.slice(),
      dt: g.dt,
      dz0: g.dz0,
      dz: g.dz.slice(),
      dproduct: g.dproduct.slice(),
      dlambda: g.dlambda.slice(),
    }));
    const offset = this.doffset.slice();
    for (const g of this.states) {
      const { signs } = g.group.cell;
      for (const r of g.coneRows) {
        const s = signs[r] * g.product[r];
        const product = (s + aim * signs[r] * g.dproduct[r]) * (g.lambda[r] + aim * g.dlambda[r]);
        if (product < 0.1 * mu) g.eLin[r] += (0.1 * mu - product) / s;
        else if (product > 10 * mu) g.eLin[r] += Math.max(10 * mu - product, -10 * mu) / s;
      }
    }
    this.direction();
    const longer = this.stepLength();
    if (longer > length) return longer;
    this.states.forEach((g, k) => {
      const { du, dt, dz0, dz, dproduct, dlambda } = saved[k];
      g.du.set(du);
      g.dt = dt;
      g.dz0 = dz0;
      g.dz.set(dz);
      g.dproduct.set(dproduct);
      g.dlambda.set(dlambda);
    });
    this.doffset.set(offset);
    return length;
  }

  /** Largest step that stays in all cones (at most 1 / 0.99). */
  private stepLength(): number {
    let step = 1 / 0.99;
    for (const g of this.states) {
      step = Math.min(step, coneStep(g.t, g.u, g.dt, g.du, g.q), coneStep(g.z0, g.z, g.dz0, g.dz, g.q));
      const { signs } = g.group.cell;
      for (const r of g.coneRows) {
        const ds = signs[r] * g.dproduct[r];
        if (ds < 0) step = Math.min(step, -(signs[r] * g.product[r]) / ds);
        if (g.dlambda[r] < 0) step = Math.min(step, -g.lambda[r] / g.dlambda[r]);
      }
    }
    return step;
  }

  /** Shortens the step for a loss that is not quadratic, so that no fit moves further than the local model can be trusted. */
  private damp(step: number): number {
    const { n, c, F, G, states, doffset, program } = this;
    const trial = new Float64Array(n * c);
    const gradient = new Float64Array(n * c);
    const dF = new Float64Array(n * c);
    for (const g of states) {
      const { sign, output } = g.group;
      for (const r of g.on) dF[r * c + output] += sign * g.dproduct[r];
    }
    if (program.offset) for (let i = 0; i < n * c; i++) dF[i] += doffset[i % c];
    // model error of the gradient along the step against the gradient change itself
    for (let round = 0; round < 12; round++) {
      for (let i = 0; i < n * c; i++) trial[i] = F[i] + step * dF[i];
      program.datafit.gradient(trial, gradient);
      let error = 0;
      let change = 0;
      for (let i = 0; i < n; i++) {
        for (let p = 0; p < c; p++) {
          let predicted = 0;
          for (let o = 0; o < c; o++) predicted += this.H[(i * c + p) * c + o] * step * dF[i * c + o];
          const actual = gradient[i * c + p] - G[i * c + p];
          error += (actual - predicted) ** 2;
          change += G[i * c + p] ** 2;
        }
      }
      if (error <= 0.25 * change) break;
      step *= 0.7;
    }
    return step;
  }

  private move(step: number): void {
    for (const g of this.states) {
      for (let j = 0; j < g.k; j++) g.u[j] += step * g.du[j];
      for (let j = 0; j < g.q; j++) g.z[j] += step * g.dz[j];
      g.t += step * g.dt;
      g.z0 += step * g.dz0;
      for (const r of g.coneRows) g.lambda[r] += step * g.dlambda[r];
    }
    if (this.program.offset) for (let o = 0; o < this.c; o++) this.offset[o] += step * this.doffset[o];
  }
}

/** Rows whose slack, in units of the group's length, is smaller than their multiplier in units of the group's dual vector. */
function tightRows(g: GroupState): Int32Array {
  const { k, A } = g;
  const { signs } = g.group.cell;
  let length = 0;
  for (let j = 0; j < k; j++) length += g.u[j] * g.u[j];
  length = Math.sqrt(length);
  const tight: number[] = [];
  for (const r of g.coneRows) {
    let size = 0;
    for (let j = 0; j < k; j++) size += A[r * k + j] * A[r * k + j];
    if (signs[r] * g.product[r] * g.z0 < g.lambda[r] * size * length) tight.push(r);
  }
  return Int32Array.from(tight);
}

/** Nesterov-Todd scaling of (t, u) and (z0, z): W = eta (2 v v' - J), W z = W^-1 s = l. */
function scalingPoint(g: GroupState): void {
  const { q, w, v, l } = g;
  let uu = 0;
  let zz = 0;
  for (let j = 0; j < q; j++) {
    uu += g.u[j] * g.u[j];
    zz += g.z[j] * g.z[j];
  }
  const nu = Math.sqrt(uu);
  const nz = Math.sqrt(zz);
  const js = Math.sqrt(Math.max((g.t - nu) * (g.t + nu), 1e-300));
  const jz = Math.sqrt(Math.max((g.z0 - nz) * (g.z0 + nz), 1e-300));
  let cross = (g.t / js) * (g.z0 / jz);
  for (let j = 0; j < q; j++) cross += (g.u[j] / js) * (g.z[j] / jz);
  const gamma = Math.sqrt((1 + cross) / 2);
  w[0] = (g.t / js + g.z0 / jz) / (2 * gamma);
  let tail = 0;
  for (let j = 0; j < q; j++) {
    w[j + 1] = (g.u[j] / js - g.z[j] / jz) / (2 * gamma);
    tail += w[j + 1] * w[j + 1];
  }
  // keep w'Jw = 1 in the face of rounding
  w[0] = Math.sqrt(1 + tail);
  g.eta = Math.sqrt(js / jz);
  const scale = 1 / Math.sqrt(2 * (w[0] + 1));
  v[0] = (w[0] + 1) * scale;
  for (let j = 1; j <= q; j++) v[j] = w[j] * scale;
  l[0] = g.z0;
  for (let j = 0; j < q; j++) l[j + 1] = g.z[j];
  applyScaling(g, l, false);
}

/** x := W x, or W^-1 x. */
function applyScaling(g: GroupState, x: Float64Array, inverse: boolean): void {
  const { v, q, eta } = g;
  let s = v[0] * x[0];
  if (inverse) for (let j = 1; j <= q; j++) s -= v[j] * x[j];
  else for (let j = 1; j <= q; j++) s += v[j] * x[j];
  const scale = inverse ? 1 / eta : eta;
  x[0] = scale * (2 * v[0] * s - x[0]);
  const tail = inverse ? -2 * s : 2 * s;
  for (let j = 1; j <= q; j++) x[j] = scale * (tail * v[j] + x[j]);
}

/** Largest step a with (t, u) + a (dt, du) in the second-order cone. */
function coneStep(t: number, u: Float64Array, dt: number, du: Float64Array, q: number): number {
  let a = dt * dt;
  let b = t * dt;
  let uu = 0;
  for (let j = 0; j < q; j++) {
    a -= du[j] * du[j];
    b -= u[j] * du[j];
    uu += u[j] * u[j];
  }
  const norm = Math.sqrt(uu);
  const c = Math.max((t - norm) * (t + norm), 0);
  // smallest positive root of a x^2 + 2 b x + c, in the form that does not cancel
  const disc = b * b - a * c;
  let step = Infinity;
  if (disc >= 0) {
    const root = Math.sqrt(disc);
    const h = b >= 0 ? -b - root : -b + root;
    const x1 = h / a;
    const x2 = c / h;
    if (x1 > 0) step = x1;
    if (x2 > 0 && x2 < step) step = x2;
  }
  if (dt < 0) step = Math.min(step, -t / dt);
  return step;
}
