import { dot, norm2 } from '../../base/linalg/matrix.ts';
import type { Control } from '../../base/control.ts';
import { factorSpd, solveSpd } from '../../base/linalg/cholesky.ts';
import { centreOf, supportOf } from '../../network/threeLayer/tuple.ts';
import {
  addConstantCoupling,
  addCoupling,
  assembleBarrier,
  type BarrierPoint,
  type BlockProgram,
} from './blockSystem.ts';
import { coneAt, coneStepLength, correct, recoverStep, type ScaledCone, scalingPoint } from './secondOrderCone.ts';

export interface BlockSolution {
  /** Strictly inside the cones, one vector of m1 d numbers per block. */
  readonly vectors: Float64Array[];
  /** n x c */
  readonly fit: Float64Array;
  readonly objective: number;
  readonly newtonSteps: number;
  readonly stopped: boolean;
}

/**
 * Minimises l(sum_b sign_b A_b u_b) + beta sum_b sum_j ||u_bj|| over the cones C_b u_b >= 0 by a primal-dual interior point method with
 * Nesterov-Todd scaling and Mehrotra's corrector (Nesterov and Todd 1998; Vandenberghe 2010). The epigraph variables are eliminated, the
 * Newton system in the stacked u is dense; one factorisation serves predictor and corrector. Iterates stay strictly inside the cones.
 */
export function solveBlocks(program: BlockProgram, tolerance: number, control: Control): BlockSolution {
  const { blocks } = program;
  const state = new Iterate(program);
  const { u } = state;
  let best = Float64Array.from(u);
  let newtonSteps = 0;
  let stopped = false;
  let lowest = Number.POSITIVE_INFINITY;
  let idle = 0;
  for (; newtonSteps < 100 && u.length > 0; newtonSteps++) {
    const { gap, error, rough } = state.measure();
    const merit = error + rough;
    if (!Number.isFinite(merit)) break;
    if (merit < 0.9 * lowest) {
      lowest = merit;
      idle = 0;
      best = Float64Array.from(u);
    } else if (++idle >= (lowest < 1e-5 ? 2 : 12)) break;
    if (error <= tolerance && rough <= tolerance) break;
    if (control.shouldStop() || !state.factor(control)) {
      stopped = true;
      break;
    }
    state.advance(gap);
  }
  u.set(best);
  state.computeFit();
  const { p, fit } = state;
  return {
    vectors: blocks.map((_, b) => Float64Array.from(u.subarray(b * p, (b + 1) * p))),
    fit,
    objective: state.objective(),
    newtonSteps,
    stopped,
  };
}

/** The primal and dual variables of the method, and its steps. */
class Iterate implements BarrierPoint {
  /** Numbers per block. */
  readonly p: number;
  /** The stacked u_b. */
  readonly u: Float64Array;
  readonly fit: Float64Array;
  readonly cones: readonly ScaledCone[];
  readonly rowsBefore: Int32Array;
  readonly slack: Float64Array;
  readonly lambda: Float64Array;
  private readonly dSlack: Float64Array;
  private readonly dLambda: Float64Array;
  /** Right-hand side of the complementarity equation of the rows, over the slacks. */
  private readonly eLin: Float64Array;
  private readonly G: Float64Array;
  private readonly W: Float64Array;
  private readonly H: Float64Array;
  private readonly residual: Float64Array;
  private readonly step: Float64Array;

  constructor(private readonly program: BlockProgram) {
    const { blocks, datafit, beta, m1 } = program;
    const [n, c] = [datafit.rows, datafit.outputs];
    const p = blocks.length > 0 ? blocks[0].tuple.interior.length : 0;
    const N = blocks.length * p;
    this.p = p;
    this.rowsBefore = new Int32Array(blocks.length + 1);
    blocks.forEach(({ tuple }, b) => (this.rowsBefore[b + 1] = this.rowsBefore[b] + tuple.C.rows));
    const rows = this.rowsBefore[blocks.length];
    const loss0 = datafit.value(new Float64Array(n * c));
    const budget = Math.max(loss0, 1e-12) / beta / Math.max(1, blocks.length * m1);
    this.u = new Float64Array(N);
    blocks.forEach(({ tuple }, b) => {
      const centre = centreOf(tuple);
      const size = (0.3 * budget) / Math.max(norm2(centre), 1e-300);
      for (let k = 0; k < p; k++) this.u[b * p + k] = size * centre[k];
    });
    const d = p / m1;
    this.cones = Array.from({ length: blocks.length * m1 }, (_, g) => coneAt(g * d, d, budget));
    this.slack = new Float64Array(rows);
    this.lambda = new Float64Array(rows);
    this.dSlack = new Float64Array(rows);
    this.dLambda = new Float64Array(rows);
    this.eLin = new Float64Array(rows);
    this.fit = new Float64Array(n * c);
    this.G = new Float64Array(n * c);
    this.W = new Float64Array(n * c * c);
    this.H = new Float64Array(N * N);
    this.residual = new Float64Array(N);
    this.step = new Float64Array(N);
    this.timesC(this.u, this.slack);
    for (let b = 0; b < blocks.length; b++) {
      const count = this.rowsBefore[b + 1] - this.rowsBefore[b];
      const share = (0.5 * beta * budget) / Math.max(1, Math.sqrt(count));
      for (let i = this.rowsBefore[b]; i < this.rowsBefore[b + 1]; i++) this.lambda[i] = share / this.slack[i];
    }
  }

  /** Loss of `fit` plus beta times the sum of norms. */
  objective(): number {
    const { datafit, beta } = this.program;
    const { u, cones } = this;
    const penalty = cones.reduce((sum, { at, z }) => sum + norm2(u.subarray(at, at + z.length)), 0);
    return datafit.value(this.fit) + beta * penalty;
  }

  computeFit(): void {
    const { u, p, fit } = this;
    const c = this.program.datafit.outputs;
    fit.fill(0);
    this.program.blocks.forEach(({ tuple: { A, activeRows }, sign, output }, b) => {
      for (let r = 0; r < A.rows; r++) {
        let s = 0;
        for (let k = 0; k < p; k++) s += A.data[r * p + k] * u[b * p + k];
        fit[activeRows[r] * c + output] += sign * s;
      }
    });
  }

  /** Complementarity gap, that over the objective, and the largest residual of stationarity over beta; leaves fit and residual behind. */
  measure(): { readonly gap: number; readonly error: number; readonly rough: number } {
    const { datafit, beta } = this.program;
    const { u, cones, residual } = this;
    this.computeFit();
    datafit.gradient(this.fit, this.G);
    this.computeResidual();
    let gap = dot(this.lambda, this.slack);
    for (const { at, t, z } of cones) gap += beta * t + dot(u.subarray(at, at + z.length), z);
    let rough = 0;
    for (const { at, z } of cones) rough = Math.max(rough, norm2(residual.subarray(at, at + z.length)) / beta);
    return { gap, error: gap / Math.max(Math.abs(this.objective()), 1e-300), rough };
  }

  /** Scales the cones and factors the Newton matrix; false when stopped. */
  factor(control: Control): boolean {
    const { blocks, datafit, beta, grams } = this.program;
    const { H, W } = this;
    for (const cone of this.cones) scalingPoint(cone, this.u, beta);
    assembleBarrier(this.program, this, H);
    datafit.hessian(this.fit, W);
    if (datafit.quadratic) addConstantCoupling(blocks, grams, H);
    else addCoupling(blocks, W, datafit.outputs, H);
    return factorSpd(H, this.u.length, () => control.shouldStop());
  }

  /** Predictor, corrector, and the step along it. */
  advance(gap: number): void {
    const { u, cones, slack, lambda, dSlack, dLambda, eLin, step } = this;
    const rows = slack.length;
    this.aimAtZero();
    this.direction();
    const affine = Math.min(1, this.stepLength());
    const mu = ((1 - affine) ** 3 * gap) / (rows + 2 * cones.length);
    for (const cone of cones) correct(cone, step, mu);
    for (let i = 0; i < rows; i++) eLin[i] = (mu - dSlack[i] * dLambda[i]) / slack[i] - lambda[i];
    this.direction();
    const length = Math.min(1, 0.99 * this.stepLength(), this.trustedLength());
    for (let k = 0; k < u.length; k++) u[k] += length * step[k];
    for (const cone of cones) {
      cone.t += length * cone.dt;
      for (let k = 0; k < cone.z.length; k++) cone.z[k] += length * cone.dz[k];
    }
    for (let i = 0; i < rows; i++) lambda[i] += length * dLambda[i];
    this.timesC(u, slack);
  }

  /** Right-hand sides of the predictor: complementarity zero. */
  private aimAtZero(): void {
    const { beta } = this.program;
    for (const { e, z } of this.cones) {
      e[0] = -beta;
      for (let k = 0; k < z.length; k++) e[k + 1] = -z[k];
    }
    for (let i = 0; i < this.lambda.length; i++) this.eLin[i] = -this.lambda[i];
  }

  /** Solves for the step of all variables with the right-hand sides in `e` of the cones and `eLin`. */
  private direction(): void {
    const { p, cones, rowsBefore, slack, lambda, dSlack, dLambda, eLin, residual, step, H } = this;
    const N = step.length;
    for (let k = 0; k < N; k++) step[k] = -residual[k];
    for (const { at, e, w, z } of cones) {
      // E_u - m E_0 / m_00 with W^-2 = eta^-2 (2 Jw w'J - J)
      const m00 = 2 * w[0] * w[0] - 1;
      for (let k = 0; k < z.length; k++) step[at + k] += e[k + 1] + ((2 * w[0] * w[k + 1]) / m00) * e[0];
    }
    this.program.blocks.forEach(({ tuple }, b) => {
      const { C } = tuple;
      const { from, to } = supportOf(tuple);
      for (let r = 0; r < C.rows; r++) {
        const weight = eLin[rowsBefore[b] + r];
        for (let k = from[r], end = to[r]; k < end; k++) step[b * p + k] += weight * C.data[r * p + k];
      }
    });
    solveSpd(H, N, step);
    this.timesC(step, dSlack);
    for (let i = 0; i < slack.length; i++) dLambda[i] = eLin[i] - (lambda[i] / slack[i]) * dSlack[i];
    for (const cone of cones) recoverStep(cone, step);
  }

  /** Largest step, up to 1 / 0.99, that leaves no cone. */
  private stepLength(): number {
    const { u, step, cones, slack, lambda, dSlack, dLambda } = this;
    let length = 1 / 0.99;
    for (let i = 0; i < slack.length; i++) {
      if (dSlack[i] < 0) length = Math.min(length, -slack[i] / dSlack[i]);
      if (dLambda[i] < 0) length = Math.min(length, -lambda[i] / dLambda[i]);
    }
    for (const cone of cones) length = coneStepLength(cone, u, step, this.program.beta, length);
    return length;
  }

  /** Newton steps of a curved loss must not overshoot: stay where the fit moves by a few units of the logits. */
  private trustedLength(): number {
    const { u, step, fit } = this;
    if (this.program.datafit.quadratic) return Number.POSITIVE_INFINITY;
    const before = Float64Array.from(u);
    const moved = Float64Array.from(fit);
    for (let k = 0; k < u.length; k++) u[k] += step[k];
    this.computeFit();
    let largest = 0;
    for (let i = 0; i < fit.length; i++) largest = Math.max(largest, Math.abs(fit[i] - moved[i]));
    u.set(before);
    return 4 / Math.max(largest, 1e-300);
  }

  /** out := C x, all blocks. */
  private timesC(x: Float64Array, out: Float64Array): void {
    const { p, rowsBefore } = this;
    this.program.blocks.forEach(({ tuple }, b) => {
      const { C } = tuple;
      const { from, to } = supportOf(tuple);
      for (let r = 0; r < C.rows; r++) {
        let s = 0;
        for (let k = from[r], at = r * p, end = to[r]; k < end; k++) s += C.data[at + k] * x[b * p + k];
        out[rowsBefore[b] + r] = s;
      }
    });
  }

  /** Gradient of the Lagrangian in u. */
  private computeResidual(): void {
    const { p, cones, rowsBefore, lambda, residual, G } = this;
    const c = this.program.datafit.outputs;
    for (const { at, z } of cones) for (let k = 0; k < z.length; k++) residual[at + k] = -z[k];
    this.program.blocks.forEach(({ tuple, sign, output }, b) => {
      const { A, C, activeRows } = tuple;
      const { from, to } = supportOf(tuple);
      for (let r = 0; r < A.rows; r++) {
        const g = sign * G[activeRows[r] * c + output];
        for (let k = 0; k < p; k++) residual[b * p + k] += g * A.data[r * p + k];
      }
      for (let r = 0; r < C.rows; r++) {
        const weight = lambda[rowsBefore[b] + r];
        for (let k = from[r], end = to[r]; k < end; k++) residual[b * p + k] -= weight * C.data[r * p + k];
      }
    });
  }
}
