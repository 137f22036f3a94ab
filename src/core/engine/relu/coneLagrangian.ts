import { relativeGap } from '../../problem/gap.ts';
import { balanceDual } from '../../certify/dual/freeOffset.ts';
import { emptyPatterns } from '../../base/patterns.ts';
import { type Kernels, KernelsInterrupted, type MaskedOperator } from '../../base/kernels/kernels.ts';
import { norm2 } from '../../base/linalg/matrix.ts';
import type { Control } from '../../base/control.ts';
import { type ConjugateSide, createConjugateSide } from '../../problem/conjugate.ts';
import type { ConeCell } from './cell.ts';
import { type GroupState, groupStates, normBound } from './coneGroups.ts';
import { ConeProx } from './coneProx.ts';
import { type ActiveBlock, ConeSystem } from './coneSystem.ts';
import type { ConeProgram, ConeProgramResult, ConeStart, OnStep } from './coneTypes.ts';

/** Factor of sigma from one outer iteration to the next, and the Newton steps up to which it is taken in full; its root up to twice as many. */
const growth = 4;
const easySteps = 4;
/** Newton steps that one outer iteration may take before sigma is judged too large. */
const innerLimit = 50;
/** A warm start may take longer steps from the beginning. */
const warmGrowth = 10;
const largestGrowth = 1e12;
/** Newton steps in all; and with a gap below `closed`, those without progress that mean rounding. */
const largestIterations = 2000;
const closed = 1e-8;
const idleSteps = 12;
/** Relative differences of objectives, and of fits, that are rounding. */
const equal = 1e-13;
const rounding = 1e-14;
/** Ratio of a penalty to the next on the way to that of the program, and the relative gap there. */
const stageRatio = 4;
const stageGap = 0.1;
/** At the end: factor by which sigma falls, and how often at most. */
const settling = 16;
const settleRounds = 8;
/** Multiplications between two looks for a stop. */
const pollWork = 4e6;

/** The method of `solveConeProgram`, from a start to the end. */
export class ConeLagrangian {
  private readonly n: number;
  readonly d: number;
  private readonly c: number;
  private readonly states: GroupState[];
  private readonly cells: ConeCell[] = [];
  private readonly operator: MaskedOperator;
  private readonly prox: ConeProx;
  private readonly system: ConeSystem;
  private side: ConjugateSide;
  private readonly firstV: Float64Array | undefined;
  private readonly everyRow: Int32Array;
  private readonly firstSigma: number;
  /** The penalty of the program, or a larger one on the way there. */
  private beta: number;
  sigma: number;
  /** Length of the longest row. */
  readonly longest: number;
  /** Argument of a prox. */
  private readonly x: Float64Array;
  /** X'D V for every cell, d x c blocks; and the blocks of the fit. */
  private readonly T: Float64Array;
  private readonly blocks: Float64Array;
  private readonly fit: Float64Array;
  private readonly gradient: Float64Array;
  private readonly step: Float64Array;
  private readonly offset: Float64Array;
  private readonly offsetCenter: Float64Array;
  private readonly lastV: Float64Array;
  private travelled = 0;
  /** The augmented Lagrangian. */
  private psi = 0;
  private penalty = 0;
  private active = 0;
  private work = 0;
  private bestObjective = Infinity;
  private bestLoss = Infinity;
  private bestPenalty = 0;
  /** How far the dual point that the best fit gives may be from feasible, relative to beta. */
  private bestExcess = Infinity;
  private bestDual = -Infinity;
  private readonly bestOffset: Float64Array;
  private readonly bestFit: Float64Array;
  private iterations = 0;
  private gap = Infinity;

  constructor(
    readonly program: ConeProgram & { readonly kernels: Kernels },
    private readonly control: Control,
    start: ConeStart | undefined,
  ) {
    const { X, datafit, kernels } = program;
    const n = (this.n = X.rows);
    const d = (this.d = X.cols);
    const c = (this.c = datafit.outputs);
    const lengths = new Float64Array(n);
    let squares = 0;
    let longest = 0;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < d; j++) lengths[i] += X.data[i * d + j] ** 2;
      squares += lengths[i];
      longest = Math.max(longest, lengths[i]);
    }
    this.states = groupStates(program, start, this.cells, lengths);
    const patterns = emptyPatterns(this.cells.length, n);
    this.cells.forEach(({ on }, p) => {
      for (const i of on) patterns.words[p * patterns.wordsPerPattern + (i >> 5)] |= 1 << (i & 31);
    });
    this.longest = Math.sqrt(longest);
    this.x = new Float64Array(d);
    this.T = new Float64Array(this.cells.length * d * c);
    this.blocks = new Float64Array(this.cells.length * d * c);
    this.fit = new Float64Array(n * c);
    this.gradient = new Float64Array(n * c);
    this.step = new Float64Array(n * c);
    this.offset = new Float64Array(c);
    this.offsetCenter = new Float64Array(c);
    if (start !== undefined && program.offset) this.offsetCenter.set(start.offset);
    this.offset.set(this.offsetCenter);
    this.bestOffset = new Float64Array(c);
    this.bestFit = new Float64Array(n * c);
    this.lastV = new Float64Array(n * c);
    this.everyRow = Int32Array.from({ length: n }, (_, i) => i);
    this.beta = program.beta;
    this.firstSigma = squares > 0 ? (0.5 * n) / squares : 1;
    this.sigma = start?.sigma ?? this.firstSigma * (start === undefined ? 1 : warmGrowth);
    this.operator = kernels.createMaskedOperator(X, patterns);
    this.prox = new ConeProx(X, program.penalizedCols, () => {
      if (control.shouldStop()) throw new KernelsInterrupted();
    });
    this.system = new ConeSystem(X, c, datafit.factorCols, kernels, () => control.shouldStop());
    this.firstV = start?.V;
    this.side = createConjugateSide(datafit, start?.V ?? new Float64Array(n * c));
  }

  dispose(): void {
    this.operator.dispose();
    this.system.dispose();
  }

  /** `cold`: the way to the penalty of the program leads over larger ones. */
  run(tolerance: number, cold: boolean, onStep?: OnStep): ConeProgramResult {
    let stopped = false;
    try {
      this.begin();
      if (cold) this.approach(onStep);
      this.iterate(tolerance, onStep);
      if (tolerance <= closed) this.settle(tolerance, onStep);
    } catch (error) {
      if (!(error instanceof KernelsInterrupted)) throw error;
      stopped = true;
    }
    return {
      vectors: this.states.map(({ best }) => best),
      tight: this.states.map(({ bestTight }) => bestTight),
      offset: this.bestOffset,
      fit: this.bestFit,
      objective: this.bestLoss + this.program.beta * this.bestPenalty,
      V: this.side.V.slice(),
      sigma: this.sigma,
      iterations: this.iterations,
      gap: this.gap,
      stopped,
    };
  }

  /** The value of the start and its dual point. */
  private begin(): void {
    const { datafit } = this.program;
    if (this.states.some(({ centered }) => centered)) {
      this.penalty = this.collect();
      this.sumFit(this.offset);
    } else for (let i = 0; i < this.n * this.c; i++) this.fit[i] = this.offset[i % this.c];
    this.keepBest();
    if (this.firstV === undefined) {
      const V = new Float64Array(this.n * this.c);
      datafit.dualPoint(this.fit, V);
      this.side = createConjugateSide(datafit, V);
    }
    this.evaluate();
    this.measure();
  }

  /** Solves roughly for larger penalties, which leave few groups, down to that of the program. */
  private approach(onStep?: OnStep): void {
    const { beta } = this.program;
    let top = 0;
    for (const { bound } of this.states) top = Math.max(top, bound);
    const count = Math.ceil(Math.log(top / beta) / Math.log(stageRatio));
    for (let k = 1; k < count; k++) {
      this.toBeta(top * (beta / top) ** (k / count));
      this.iterate(stageGap, onStep);
      this.recentre();
    }
    this.toBeta(beta);
  }

  private toBeta(beta: number): void {
    this.beta = beta;
    this.bestObjective = Infinity;
    this.bestExcess = Infinity;
    this.bestDual = -Infinity;
    this.evaluate(false);
    this.measure();
  }

  private recentre(): void {
    for (const state of this.states) {
      state.center.set(state.u);
      state.centered = state.u.some((value) => value !== 0);
    }
    this.offsetCenter.set(this.offset);
  }

  /** Outer iterations until the gap is at most the tolerance, or all that rounding lets be reached. */
  private iterate(tolerance: number, onStep?: OnStep): void {
    let stalled = 0;
    let idle = 0;
    let least = Infinity;
    while (stalled < 3) {
      let inner = 0;
      let moved = true;
      let lowest = Infinity;
      for (; inner < innerLimit && moved; inner++) {
        if (this.gap <= tolerance || this.iterations >= largestIterations) return;
        if (this.gap < 0.5 * least) [least, idle] = [this.gap, 0];
        else if (this.gap <= closed && ++idle > idleSteps) return;
        const residual = norm2(this.gradient);
        lowest = Math.min(lowest, residual);
        if (inner > 0 && this.near(residual)) break;
        moved = this.newton(lowest);
        onStep?.(this.bestLoss + this.program.beta * this.bestPenalty, this.active, this.iterations);
      }
      stalled = moved || inner > 1 ? 0 : stalled + 1;
      this.recentre();
      // an inner problem that was too hard becomes better conditioned by shorter proximal steps
      if (!moved || inner === innerLimit) this.sigma /= growth * growth;
      else {
        const factor = inner <= easySteps ? growth : inner <= 2 * easySteps ? growth ** 0.5 : growth ** 0.25;
        this.sigma = Math.min(this.sigma * factor, this.firstSigma * largestGrowth);
      }
      this.evaluate(false);
      this.measure();
    }
  }

  /**
   * The certificate takes its dual point from the fit, which is off by sigma times the rounding of X'D V: shorter proximal steps from a point that
   * is optimal already take the noise out.
   */
  private settle(tolerance: number, onStep?: OnStep): void {
    for (let idle = 0, round = 0; round < settleRounds && idle < 2; round++) {
      const least = this.bestExcess;
      if (least <= tolerance) return;
      this.recentre();
      this.sigma = Math.max(this.sigma / settling, this.firstSigma);
      this.evaluate(false);
      for (let k = 0; k < 3; k++) {
        const residual = norm2(this.gradient);
        this.newton(residual);
        onStep?.(this.bestLoss + this.program.beta * this.bestPenalty, this.active, this.iterations);
        if (!(norm2(this.gradient) <= 0.1 * residual)) break;
      }
      idle = this.bestExcess <= 0.7 * least ? 0 : idle + 1;
    }
  }

  /** Criterion (B) of Rockafellar 1976, for a conjugate of strong convexity 1 / Lipschitz. */
  private near(residual: number): boolean {
    let moved = 0;
    for (const { u, center } of this.states) for (let j = 0; j < this.d; j++) moved += (u[j] - center[j]) ** 2;
    for (let o = 0; o < this.c; o++) moved += (this.offset[o] - this.offsetCenter[o]) ** 2;
    return residual <= Math.max(Math.sqrt(moved / this.sigma), rounding * norm2(this.side.F));
  }

  /** One damped Newton step of the dual point; false when there was nothing to gain. `lowest`: the smallest residual with this centre. */
  private newton(lowest: number): boolean {
    if (this.control.shouldStop()) throw new KernelsInterrupted();
    const { side, gradient, step } = this;
    const residual = norm2(gradient);
    const pointStep = this.newtonStep(residual);
    let slope = 0;
    for (let i = 0; i < step.length; i++) slope += gradient[i] * step[i];
    const before = side.point.slice();
    const psi = this.psi;
    this.iterations++;
    for (let trial = 0, t = 1; trial < 30; trial++, t *= 0.5) {
      for (let i = 0; i < before.length; i++) side.point[i] = before[i] + t * pointStep[i];
      this.evaluate();
      const size = norm2(gradient);
      if (
        this.psi <= psi + 1e-4 * t * slope ||
        size <= 0.5 * lowest ||
        // differences of psi below its rounding decide nothing: then the residual does
        (Math.abs(t * slope) <= 1e-13 * (1 + Math.abs(psi)) && size <= residual)
      ) {
        this.measure();
        return true;
      }
    }
    side.point.set(before);
    this.evaluate();
    this.measure();
    return false;
  }

  /** Everything that follows from the dual point. Returns the augmented Lagrangian. */
  private evaluate(moved = true): void {
    const { states, side, d, c, n, sigma, T, x, offset, offsetCenter, fit, gradient, lastV } = this;
    let value = side.update();
    if (moved) {
      this.operator.adjoint(side.V, c, T);
      let distance = 0;
      for (let i = 0; i < n * c; i++) distance += (side.V[i] - lastV[i]) ** 2;
      this.travelled += Math.sqrt(distance);
      lastV.set(side.V);
    }
    const { beta } = this;
    const tau = sigma * beta;
    for (const state of states) {
      const { group, center, u } = state;
      const { cell, sign, output } = group;
      const from = state.cell * d * c + output;
      for (let j = 0; j < d; j++) x[j] = center[j] + sigma * sign * T[from + j * c];
      // groups that cannot have left zero since their dual norm was last computed
      if (!state.centered) {
        let bound = state.known + state.slope * (this.travelled - state.knownAt);
        if (this.program.penalizedCols === d || cell.linear)
          bound = Math.min(bound, norm2(x.subarray(0, cell.q)) / sigma);
        if (bound <= beta) {
          state.size = 0;
          state.bound = bound;
          u.fill(0);
          continue;
        }
      }
      this.look(this.n * d);
      this.prox.apply(cell, x, tau, state);
      state.bound = normBound(state, this);
      if (!state.centered) {
        state.known = state.bound;
        state.knownAt = this.travelled;
      } else state.known = Infinity;
      let squares = 0;
      for (let j = 0; j < d; j++) squares += u[j] * u[j];
      value += squares / (2 * sigma);
    }
    this.penalty = this.collect();
    if (this.program.offset) {
      for (let o = 0; o < c; o++) {
        let s = 0;
        for (let i = 0; i < n; i++) s += side.V[i * c + o];
        offset[o] = offsetCenter[o] + sigma * s;
        value += (offset[o] * offset[o]) / (2 * sigma);
      }
    }
    this.sumFit(offset);
    for (let i = 0; i < n * c; i++) gradient[i] = fit[i] - side.F[i];
    this.psi = value;
  }

  /** Sums the groups by cell; returns the sum of the norms. */
  private collect(): number {
    const { blocks, d, c } = this;
    const { penalizedCols } = this.program;
    blocks.fill(0);
    let penalty = 0;
    this.active = 0;
    for (const { group, cell, u } of this.states) {
      const norm = norm2(u.subarray(0, penalizedCols));
      if (norm === 0) continue;
      this.active++;
      penalty += norm;
      const from = cell * d * c + group.output;
      for (let j = 0; j < d; j++) blocks[from + j * c] += group.sign * u[j];
    }
    return penalty;
  }

  private sumFit(offset: Float64Array): void {
    const { fit, c, n } = this;
    this.operator.forward(this.blocks, c, fit);
    if (this.program.offset) for (let i = 0; i < n * c; i++) fit[i] += offset[i % c];
  }

  private keepBest(excess = Infinity): void {
    const loss = this.program.datafit.value(this.fit);
    const objective = loss + this.beta * this.penalty;
    const same = Math.abs(objective - this.bestObjective) <= equal * Math.abs(objective);
    // among equals the one whose fit gives the best dual point: the objective knows the error of a fit to second order only
    if (same ? excess >= this.bestExcess : !(objective < this.bestObjective)) return;
    this.bestObjective = objective;
    this.bestLoss = loss;
    this.bestPenalty = this.penalty;
    this.bestExcess = excess;
    this.bestOffset.set(this.offset);
    for (const state of this.states) {
      state.best.set(state.u);
      state.bestTight = state.tight;
    }
    this.bestFit.set(this.fit);
  }

  /**
   * Updates the best point and the gap, by a dual point that is feasible: V, balanced to sum to zero when the offset is free (which moves the dual
   * norms by no more than their Lipschitz constants allow) and shortened until no dual norm exceeds beta.
   */
  private measure(): void {
    const { states, side, c, n, beta } = this;
    const { datafit, offset } = this.program;
    const V = side.V.slice();
    let shift = 0;
    if (offset) {
      balanceDual(datafit, side.F, V);
      for (let i = 0; i < n * c; i++) shift += (V[i] - side.V[i]) ** 2;
      shift = Math.sqrt(shift);
    }
    let top = 0;
    let steepest = 0;
    for (const { bound, slope } of states) {
      top = Math.max(top, bound + slope * shift);
      steepest = Math.max(steepest, slope);
    }
    this.keepBest(Math.max(0, top / beta - 1) + (steepest * norm2(this.gradient)) / beta);
    const t = Math.min(1, beta / Math.max(top, Number.MIN_VALUE));
    for (let i = 0; i < n * c; i++) V[i] *= t;
    this.bestDual = Math.max(this.bestDual, datafit.dualValue(V));
    this.gap = relativeGap(this.bestObjective, this.bestDual);
  }

  /** Sets `step` to the Newton step of V and returns that of the point that is moved. */
  private newtonStep(residual: number): Float64Array {
    const { states, side, sigma, step, gradient, n, c, d } = this;
    const { beta } = this;
    const { datafit } = this.program;
    const L = new Float64Array(n * c * datafit.factorCols);
    side.curvatureFactor(L, Math.max(1e-12, Math.min(1e-2, 1e-2 * residual)));
    const blocks: ActiveBlock[] = [];
    const tau = sigma * beta;
    for (const state of states) {
      const { group } = state;
      if (!(state.size > tau)) continue;
      this.look(d * d * d);
      const C = this.prox.derivativeFactor(group.cell, state, tau);
      blocks.push({ on: group.cell.on, output: group.output, C });
    }
    if (this.program.offset) {
      for (let output = 0; output < c; output++) blocks.push({ on: this.everyRow, output, C: undefined });
    }
    if (!this.system.solve(blocks, L, sigma, gradient, step)) throw new KernelsInterrupted();
    if (!side.movesFit) return step;
    const pointStep = new Float64Array(n * c);
    this.system.apply(blocks, sigma, step, pointStep);
    for (let i = 0; i < n * c; i++) pointStep[i] += gradient[i];
    return pointStep;
  }

  /** Looks for a stop every few million multiplications. */
  private look(multiplications: number): void {
    this.work += multiplications;
    if (this.work < pollWork) return;
    this.work = 0;
    if (this.control.shouldStop()) throw new KernelsInterrupted();
  }
}
