import { createReferenceKernels } from '../../base/kernels/reference.ts';
import type { Kernels } from '../../base/kernels/kernels.ts';
import { columnOf } from '../../base/linalg/matrix.ts';
import type { ConvexNeuron } from '../../network/mapping.ts';
import { largestEigen } from '../../base/linalg/symmetricEigen.ts';
import { couplesOutputs } from '../../problem/penalties/penalties.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import { biasOf } from '../../problem/problem.ts';
import { type Control, uncontrolled, withDeadline } from '../../base/control.ts';
import { dualBoundAt } from '../dual/bound.ts';
import { solveFactored } from './factoredSolve.ts';
import { liftMore, mostWork, stepWork } from './lifting.ts';
import { type UnitLines, unitLines } from './lines.ts';
import { lineLoads, type LineLoads, type MajorantMultipliers, proveMajorant, withBestBias } from './majorant.ts';
import type { AtomPoint } from './pairs.ts';
import { relaxedLoss } from './relaxedLoss.ts';
import {
  type AtomShape,
  type RelaxedIterate,
  type RelaxedProblem,
  type RelaxedSnapshot,
  solveRelaxed,
} from './relaxedProgram.ts';

export interface ConicOptions {
  readonly seconds: number;
  /** Objective of a network of the family: nothing above it can be proven. */
  readonly objective: number;
  /** Relative gap to that objective at which there is no more to prove. */
  readonly tolerance: number;
  /** Neurons of that network, to start near it. */
  readonly network?: readonly ConvexNeuron[];
  readonly kernels?: Kernels;
  /** Called when the bound has risen; with the number of pairs and triangles of lines that were lifted. */
  readonly onBound?: (bound: number, lifted: number) => void;
}

/** A dual point, and multipliers that bound its dual maximum for every output and sign. */
export interface ConicBound {
  /** n x c, inside the domain of the conjugate; columns sum to zero with a free bias. Not yet scaled by beta over the bound of its maximum. */
  readonly V: Float64Array;
  readonly parts: readonly ConicPart[];
  /** Proven: |v_k'(Xu)_+| <= top for all ||u|| <= 1 and outputs k. */
  readonly top: number;
  /** Least value of the relaxed program found: what this relaxation could prove at most. */
  readonly limit: number;
  /** Newton steps, how often pairs and triangles were added, and how many there are over all outputs and signs. */
  readonly steps: number;
  readonly rounds: number;
  readonly pairs: number;
  readonly triangles: number;
}

/** One output and one sign of its column. */
export interface ConicPart {
  readonly output: number;
  readonly sign: 1 | -1;
  readonly multipliers: MajorantMultipliers;
  readonly top: number;
}

/** V (n x c) inside the domain of the conjugate; with a free bias every column sums to zero as well. */
export function usablePoint({ datafit, penalizedCols, X }: PreparedProblem, V: Float64Array): Float64Array {
  const point = V.slice();
  datafit.projectDual(point);
  if (penalizedCols < X.cols) datafit.balanceDual(point);
  return point;
}

/** Largest order of the Schur complement: about two gigaflops a factorisation. */
const largestShape = 2100;

/** Largest number of entries of the matrix between half-widths and shape, and of the vectors of all multipliers. */
const largestTable = 1.5e7;

/** Multiplications in a second that a step of the interior point is reckoned with, and steps that it takes before it has proven much. */
const usualSpeed = 2e9;
const fewSteps = 12;

/** Why the relaxation is not for a problem: its penalty, too few inputs or too large a system; undefined when it is. */
export function whyNotConic(prepared: PreparedProblem): string | undefined {
  const { X, outputs, outputPenalty, penalizedCols } = prepared;
  if (couplesOutputs(outputPenalty, outputs)) {
    return 'the conic relaxation treats outputs one by one, and this penalty joins them';
  }
  if (penalizedCols < 2) return 'with a single penalised input the relaxation is empty inside; cones are exact there';
  const factored = penalizedCols === X.cols && X.cols <= largestEigen && 2 * outputs * X.rows * X.cols <= largestTable;
  if (!factored && !hasSystem(prepared)) {
    return `the conic relaxation of ${X.rows} rows and ${X.cols} inputs is too large`;
  }
  return undefined;
}

/** Whether the Newton system of the relaxation is not too large. */
function hasSystem({ X, outputs }: PreparedProblem): boolean {
  const p = X.cols + (X.cols * (X.cols + 1)) / 2;
  return p <= largestShape && X.rows * p <= largestTable && outputs * p * X.rows <= 2 * largestTable;
}

/** Whether the relaxation can be solved for a problem of this kind and size. */
export function canBoundConically(prepared: PreparedProblem): boolean {
  return whyNotConic(prepared) === undefined;
}

/**
 * A dual point made for a relaxation of the dual constraint, with the proof of its maximum: the relaxed program min l(f) + beta sum tau over relaxed atoms is
 * solved roughly through factors of its matrices (`solveFactored`, without a free bias), then by an interior point where there is time for one, and of every iterate the dual point -gradient l(f) is bounded by `proveMajorant` with the multipliers of that iterate, which
 * needs none of them to be exact. When the relaxation is solved and leaves a gap, pairs and triangles of lines that it violates are lifted, as long as that helps
 * and there is time. Undefined when it was stopped before the first iterate.
 */
export function conicBound(prepared: PreparedProblem, options: ConicOptions, control: Control): ConicBound | undefined {
  const search = new ConicSearch(prepared, options);
  search.run(control);
  return search.best;
}

/** The search for such a bound, which can be gone on with. */
export class ConicSearch {
  best: ConicBound | undefined;
  private value = -Infinity;
  private readonly lines: UnitLines;
  private steps = 0;
  private round = 0;
  private limit = Infinity;
  /** Whether the last lifting left no violated pair out. */
  private complete = true;
  private shapes: AtomShape[] = [];
  private kept: RelaxedSnapshot | undefined;
  /** Multiplications that pairs may take in a step: what the last lifting was allowed. */
  private work = 0;
  /** Multiplications in a second, as the last round had them. */
  private speed = usualSpeed / 2;
  /** The relaxation is as it will be: solved to the end. */
  private thorough = false;
  private control = uncontrolled;
  private end = 0;
  private begun = false;
  /** Time that it took so far. */
  seconds = 0;
  private readonly program: RelaxedProblem;
  private readonly kernels: Kernels;

  constructor(
    private readonly prepared: PreparedProblem,
    private readonly options: ConicOptions,
  ) {
    this.lines = unitLines(prepared.X, prepared.penalizedCols);
    this.kernels = options.kernels ?? createReferenceKernels();
    const { datafit, beta, outputs, bias } = prepared;
    this.program = { lines: this.lines, datafit: relaxedLoss(datafit), beta, outputs, offset: biasOf(bias).free };
    for (let output = 0; output < prepared.outputs; output++) {
      for (const sign of [1, -1] as const) this.shapes.push({ output, sign, pairs: [], triangles: [] });
    }
  }

  /** Goes on for so many seconds, or until a stop. */
  run(control: Control, seconds = this.options.seconds): void {
    const started = control.now();
    this.control = withDeadline(control, seconds);
    this.end = started + seconds;
    this.search();
    this.seconds += control.now() - started;
  }

  private search(): void {
    const { options, control } = this;
    const { objective } = options;
    const enough = objective * (1 - options.tolerance);
    if (this.lines.penalized === this.lines.unit.cols && !this.begun) {
      this.begun = true;
      const rough = this.solveByFactors(enough);
      const seconds = (fewSteps * stepWork(this.lines, this.shapes.length)) / usualSpeed;
      if (this.value >= enough || control.shouldStop() || !hasSystem(this.prepared) || seconds > this.left) return;
      // where there is much to gain from pairs, they need not wait for the last digits without them
      const solved = this.limit - this.value < roughly * (objective - this.value);
      if (rough !== undefined && solved && objective - this.limit > fewOpen * objective)
        this.shapes = this.lift(rough) ?? this.shapes;
    }
    for (; this.round < mostRounds; this.round++) {
      const before = this.value;
      const last = this.solve(enough);
      if (this.value >= enough || control.shouldStop()) return;
      const helped = this.work === 0 || !this.complete || this.value - before > 0.005 * (objective - before);
      const next = last !== undefined && helped ? this.lift(last) : undefined;
      if (next === undefined && (this.thorough || last === undefined)) return;
      if (next === undefined) this.thorough = true;
      else this.shapes = next;
    }
  }

  private get left(): number {
    return this.end - this.control.now();
  }

  /** Solves the relaxation roughly, without pairs; undefined after a stop. */
  private solveByFactors(enough: number): Solved | undefined {
    const { program, shapes, options, control, kernels } = this;
    const start = { objective: options.objective, network: options.network ?? [], kernels };
    const end = solveFactored(program, shapes, start, control, (iterate) => {
      this.steps++;
      this.offer(iterate.fit, iterate.multipliers);
      return this.value < enough ? this.value : undefined;
    });
    if (end === undefined) return undefined;
    this.limit = Math.min(end.value, options.objective);
    if (this.best !== undefined) this.best = { ...this.best, limit: this.limit };
    return end;
  }

  /** Solves the relaxation as it is and offers every iterate; answers what the last one stands at when it is solved, or as far as it goes, and there is more to prove. */
  private solve(enough: number): Solved | undefined {
    const { program, options, control, kernels } = this;
    let least = Infinity;
    let last: Solved | undefined;
    const [started, stepsBefore] = [control.now(), this.steps];
    const { objective, network } = options;
    const start = { objective, network, resume: this.kept, kernels };
    let kept = false;
    solveRelaxed(program, this.shapes, start, control, (iterate) => {
      this.steps++;
      least = Math.min(least, iterate.objective);
      this.offer(iterate.fit, iterate.multipliers);
      if (this.value >= enough) return false;
      // the next round goes on from the last iterate that was still well inside of the cones
      if (iterate.residual < 0.3 && (!kept || iterate.complementarity > 0.03 * objective)) {
        this.kept = iterate.snapshot();
        kept = true;
      }
      // what is left to gain in this round against what is left in all; pairs gain more than the end of the first round
      const enoughLeft = this.thorough ? 1e-3 : this.work === 0 ? 0.15 : 0.03;
      const open = Math.min(least, options.objective) - this.value;
      const solved = open <= Math.max(1e-9 * options.objective, enoughLeft * (options.objective - this.value));
      if (solved || iterate.iteration >= 30) last = solvedAt(iterate);
      return last === undefined;
    });
    const taken = (control.now() - started) / Math.max(1, this.steps - stepsBefore);
    if (taken > 0) this.speed = (this.work + stepWork(this.lines, this.shapes.length)) / taken;
    this.limit = Math.min(least, options.objective, this.work === 0 ? this.limit : Infinity);
    if (this.best !== undefined) this.best = { ...this.best, limit: this.limit };
    return least < options.objective * (1 - 0.1 * options.tolerance) ? last : undefined;
  }

  /** What an iterate proves; kept when it is more than before. */
  private offer(fit: Float64Array, multipliersOf: (atom: number, loads: LineLoads) => MajorantMultipliers): void {
    const { prepared, lines, shapes, options } = this;
    const { datafit, outputs } = prepared;
    const n = datafit.rows;
    const raw = new Float64Array(n * outputs);
    relaxedLoss(datafit).dualPoint(fit, raw);
    const V = usablePoint(prepared, raw);
    const v = new Float64Array(n);
    let top = 0;
    const parts = shapes.map(({ output, sign }, k): ConicPart => {
      for (let i = 0; i < n; i++) v[i] = sign * V[i * outputs + output];
      const loads = lineLoads(lines, v);
      const multipliers = withBestBias(lines, loads, multipliersOf(k, loads));
      const proven = proveMajorant(lines, loads, multipliers);
      top = Math.max(top, proven);
      return { output, sign, multipliers, top: proven };
    });
    if (!Number.isFinite(top)) return;
    const { value } = dualBoundAt(datafit, V, top / prepared.beta, options.objective);
    if (!(value > this.value)) return;
    this.value = value;
    const pairs = shapes.reduce((sum, shape) => sum + shape.pairs.length, 0);
    const triangles = shapes.reduce((sum, shape) => sum + shape.triangles.length, 0);
    const { steps, round: rounds, limit } = this;
    this.best = { V, parts, top, steps, rounds, pairs, triangles, limit };
    options.onBound?.(value, pairs + triangles);
  }

  /** The atoms with the pairs and triangles that their points violate most; undefined when there are no new ones, or at a stop. */
  private lift({ fit, points }: Solved): AtomShape[] | undefined {
    const { lines, prepared, shapes, control, kernels } = this;
    const { outputs, datafit } = prepared;
    const V = new Float64Array(fit.length);
    relaxedLoss(datafit).dualPoint(fit, V);
    const loads = shapes.map(({ output, sign }) => {
      const v = columnOf(V, outputs, output).map((value) => sign * value);
      return lineLoads(lines, v).even;
    });
    this.work = this.nextWork();
    const shouldStop = (): boolean => control.shouldStop();
    const more = liftMore({ lines, shapes, points, loads, work: this.work, kernels, shouldStop });
    this.complete = more.complete || this.work > mostWork;
    const grown = more.shapes.some(
      ({ pairs, triangles }, k) =>
        pairs.length > shapes[k].pairs.length || triangles.length > shapes[k].triangles.length,
    );
    return grown && !control.shouldStop() ? more.shapes : undefined;
  }

  /**
   * What the next round may take: half of the time that is left, by the speed of the last one, and less of it from a start of its own; not less than what pays
   * at all.
   */
  private nextWork(): number {
    const { lines, shapes, work, speed, left } = this;
    const own = stepWork(lines, shapes.length);
    if (this.kept === undefined) return Math.max((speed * left) / (3 * fewSteps) - own, 1e8, 0.5 * own);
    return Math.max(
      (speed * left) / (2 * fewSteps) - own,
      Math.min(2 * work, (2 * speed * left) / fewSteps - own),
      1.05 * work,
    );
  }
}

/** Rounds of pairs and triangles. */
const mostRounds = 40;

/** A relaxation that is solved: its fit, and the point of every atom that is not zero. */
interface Solved {
  readonly fit: Float64Array;
  readonly points: readonly (AtomPoint | undefined)[];
}

function solvedAt({ fit, atoms }: RelaxedIterate): Solved {
  return {
    fit: fit.slice(),
    points: atoms.map((atom) => (atom.trace(atom.x) > 0 ? atom.normalised() : undefined)),
  };
}

/** Part of what is left to prove that may be between a rough solution and its bound. */
const roughly = 0.1;

/** Part of the objective that has to be open without pairs for them to come at once. */
const fewOpen = 2e-3;
