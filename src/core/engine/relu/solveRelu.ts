import { relativeGap } from '../../problem/gap.ts';
import { dualBoundAt, type DualBound } from '../../certify/dual/bound.ts';
import { balanceDual, fitConstant } from '../../certify/dual/freeOffset.ts';
import type { GlobalBound } from '../../certify/global/bound.ts';
import { distinctGates, type GateSet } from '../../base/patterns.ts';
import { certifyRelu, type ReluCertificate, type ReluVector } from '../../certify/reluCertificate.ts';
import { bracketDualMaximum } from '../../certify/global/dualMaximum.ts';
import { enumerateCells } from '../../problem/patterns/enumerate.ts';
import { globalBound, type GlobalBoundDetails, boundBeside } from '../../certify/global/globalBound.ts';
import type { Kernels } from '../../base/kernels/kernels.ts';
import { type DenseMatrix, denseMatrix, dot, norm2 } from '../../base/linalg/matrix.ts';
import { networkObjective } from '../../network/evaluate.ts';
import { mergeCollinear, networkOfNeurons } from '../../network/mapping.ts';
import { optimalSet } from '../../certify/optimalSet.ts';
import { pruneNeurons } from '../../network/prune.ts';
import { type Datafit } from '../../problem/datafits/datafit.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import type { Problem } from '../../problem/problem.ts';
import { ProblemError } from '../../base/problemError.ts';
import { createRng } from '../../base/rng.ts';
import { type Control, type SolveStatus, withDeadline } from '../../base/control.ts';
import { gatesOf } from '../gated/gates.ts';
import { foundWithin, type Group, type Solution, type SolveOptions } from '../solution/solution.ts';
import { solveAdaptive } from './adaptive.ts';
import { CellFactory, type ConeCell } from './cell.ts';
import { solveOnCells } from './cellProgram.ts';
import type { LocalProblem, NeuronSeed } from './activeNeurons.ts';
import { classifyRows, type RowClasses } from '../../problem/patterns/rowClasses.ts';

/** What a later solve of the same data continues from. */
interface ReluWarmStart {
  readonly kind: 'relu';
  readonly rows: number;
  readonly cols: number;
  readonly outputs: number;
  readonly neurons: readonly SolvedNeuron[];
  readonly offset: Float64Array;
  /** Over all patterns, when it was computed. */
  readonly betaMax?: Threshold;
}

/** The beta from which on the zero network is optimal over all patterns: attained by a direction, and proven from above. */
interface Threshold {
  readonly value: number;
  readonly upper: number;
}

/** A group of the program: the vector, and a direction whose pattern is its cell. */
interface SolvedNeuron {
  readonly u: Float64Array;
  readonly sign: 1 | -1;
  readonly output: number;
  readonly gate: Float64Array;
}

interface Solved {
  neurons: SolvedNeuron[];
  offset: Float64Array;
  iterations: number;
  stopped: boolean;
  method: string;
}

/** Relative violation of the dual constraint that still makes a direction worth inserting. */
const insertTolerance = 1e-9;

/** Cells that `all` enumerates at most: each costs a few hundred bytes and some non-negative least squares problems. */
const largestEnumeration = 100_000;

/** Seconds that the certificate takes after a stop. */
const checkPatience = 0.06;

/** Part of the time for the proof that may go into betaMax. */
const betaMaxShare = 0.1;

/**
 * Trains a two-layer ReLU network to the optimum of its convex program (Pilanci and Ergen 2020): on given or sampled activation
 * patterns exactly, or over all of them by generating neurons (`adaptive`, `all`), with a proven bound over all networks when
 * `certifySeconds` allows.
 * @throws {ProblemError} when the problem cannot be solved as it stands
 */
export function solveRelu(
  problem: Problem,
  prepared: PreparedProblem,
  options: SolveOptions,
  control: Control,
): Solution {
  const begin = control.now();
  const limited =
    options.timeLimitSeconds === undefined
      ? { ...control, shouldStop: () => control.shouldStop(), now: () => control.now(), expired: () => false }
      : withDeadline(control, options.timeLimitSeconds);
  const { arrangements } = problem;
  const context = new Context(prepared, limited, begin, options.kernels);
  const warm = warmStart(options.warm, prepared);
  // undefined when the enumeration was stopped: then neurons are generated as far as there is time
  const cells = arrangements.kind === 'all' ? enumerateCells(prepared.X, largestEnumeration, limited) : undefined;
  const searched = cells === undefined && (arrangements.kind === 'adaptive' || arrangements.kind === 'all');
  const chosen =
    cells !== undefined
      ? { gateSet: distinctGates(prepared.X, cells.directions), scope: 'all-arrangements' as const, complete: true }
      : searched
        ? undefined
        : gatesOf(problem, prepared, limited, options.kernels);

  const zeroTop = searched ? (warm?.betaMax ?? context.betaMaxOverAll(0, 0)) : { value: 0, upper: 0 };
  let solved =
    chosen === undefined
      ? // no direction can be worth inserting: a search would climb for minutes on large data and find none
        problem.bias !== 'free' && zeroTop.upper <= prepared.beta
        ? zeroNetwork(prepared.outputs)
        : context.overAll(warm, arrangements.kind === 'adaptive' ? arrangements.seed : 1)
      : context.onGates(chosen.gateSet, cells === undefined ? warm : context.insideCells(context.overAll(warm, 1)));
  let report = assemble(problem, prepared, solved, chosen?.gateSet, limited);
  let secondsFinal = control.now() - begin;
  /** The result as it stands: with the proof so far, and this many seconds for proving betaMax. */
  const finish = (proof: GlobalBoundDetails | undefined, seconds: number): Solution => {
    const { certificate, neurons, gates, network } = report;
    const cut = (searched && solved.stopped) || chosen?.complete === false;
    const exact = proof?.proof === 'exact' && searched;
    // a search that was cut short says nothing about other cells: only a bound over all of them is a bound
    const program: DualBound =
      proof !== undefined && (exact || cut || (searched && arrangements.kind === 'all'))
        ? { value: Math.min(proof.lowerBound, certificate.objective), point: proof.dual }
        : cut || (searched && arrangements.kind === 'all')
          ? crudeBound(prepared, certificate)
          : { value: certificate.dualBound, point: certificate.boundDual };
    const gap = relativeGap(certificate.objective, program.value);
    const betaMax = !searched ? undefined : context.betaMaxFrom(zeroTop, certificate.betaMax, seconds * betaMaxShare);
    const nextWarm: ReluWarmStart = {
      kind: 'relu',
      rows: prepared.X.rows,
      cols: prepared.X.cols,
      outputs: prepared.outputs,
      neurons: solved.neurons,
      offset: solved.offset,
      ...(betaMax === undefined ? {} : { betaMax }),
    };
    const dual = denseMatrix(prepared.X.rows, prepared.outputs, certificate.dual);
    const fit = denseMatrix(prepared.X.rows, prepared.outputs, certificate.fit);
    const optima = solved.stopped
      ? undefined
      : optimalSet(prepared, neurons, { ...certificate, dual, fit }, cells ?? seconds > 0, limited);
    return {
      status: statusOf(
        solved.stopped || chosen?.complete === false,
        gap <= prepared.tolerance && chosen?.complete !== false,
        limited.expired(),
      ),
      objective: certificate.objective,
      dualBound: program.value,
      relativeGap: gap,
      datafit: certificate.datafit,
      penalty: certificate.penalty,
      scope: chosen?.scope ?? (exact ? 'all-arrangements' : 'sampled'),
      ...(cells !== undefined
        ? { global: enumeratedBound(report.certificate, prepared.beta, cells.directions.rows) }
        : proof === undefined
          ? {}
          : { global: boundBeside(proof, certificate.objective) }),
      gates: gates.gates,
      patterns: gates.patterns,
      requestedGates: gates.requested,
      duplicateGates: gates.removed,
      ...(chosen === undefined || gates.source === undefined ? {} : { gateSource: gates.source }),
      gateConstraint: certificate.gateConstraint,
      groups: report.groups,
      network,
      networkObjective: networkObjective(
        network,
        problem.X,
        prepared.datafit,
        prepared.beta,
        'per-output',
        prepared.bias,
      ),
      ...(optima === undefined ? {} : { optimalSet: optima }),
      dual,
      boundDual: denseMatrix(prepared.X.rows, prepared.outputs, program.point),
      fit,
      betaMax: betaMax?.value ?? certificate.betaMax,
      ...(betaMax === undefined && cells === undefined ? {} : { betaMaxUpper: betaMax?.upper ?? certificate.betaMax }),
      kkt: certificate.kkt,
      iterations: solved.iterations,
      seconds: control.now() - begin,
      secondsFound: Math.min(secondsFinal, context.secondsTo(certificate.objective)),
      secondsFinal,
      method: solved.method,
      threads: 1,
      warm: nextWarm,
    };
  };
  let proof: GlobalBoundDetails | undefined;
  const certifySeconds = options.certifySeconds ?? 0;
  const proving = options.certifyAfterLimit === true && limited.expired() ? control : limited;
  if (cells === undefined && certifySeconds > 0 && !proving.shouldStop()) {
    options.onSolved?.(finish(undefined, 0));
    const proofEnd = limited.now() + certifySeconds;
    const onBound = (dualBound: number, method?: 'cones' | 'conic'): void =>
      proving.report?.({
        iteration: solved.iterations,
        seconds: control.now() - begin,
        objective: report.certificate.objective,
        dualBound,
        active: report.neurons.length,
        phase: 'proving',
        proving: true,
        ...(method === undefined ? {} : { method }),
      });
    for (let round = 0; round < 8; round++) {
      onBound(proof?.lowerBound ?? 0);
      proof = globalBound(
        prepared,
        denseMatrix(prepared.X.rows, prepared.outputs, report.certificate.dual),
        report.certificate.objective,
        {
          seconds: Math.max(0, proofEnd - limited.now()),
          candidates: report.neurons.map(({ u }) => u),
          seed: 1,
          kernels: options.kernels,
          untilImproved: searched && round < 7,
          onBound,
        },
        proving,
      );
      // a direction that the search had missed: insert it and go on
      const improving = proof.bracket.lower > prepared.beta * (1 + insertTolerance);
      if (!searched || !improving || proof.worstDirection === undefined || limited.shouldStop()) break;
      const again = context.overAll({ neurons: solved.neurons, offset: solved.offset }, 1000 + round, [
        { direction: proof.worstDirection, ...signedOutput(proof.worstOuter) },
      ]);
      again.iterations += solved.iterations;
      solved = again;
      report = assemble(problem, prepared, solved, undefined, limited);
      secondsFinal = control.now() - begin;
    }
  }

  return finish(proof, certifySeconds);
}

/** What is optimal from betaMax on. */
function zeroNetwork(outputs: number): Solved {
  const method = 'zero network (beta is at least betaMax)';
  return { neurons: [], offset: new Float64Array(outputs), iterations: 0, stopped: false, method };
}

/** The output that a signed unit vector feeds. */
function signedOutput(outer: Float64Array): { readonly sign: 1 | -1; readonly output: number } {
  const output = Math.max(
    0,
    outer.findIndex((x) => x !== 0),
  );
  return { output, sign: outer[output] < 0 ? -1 : 1 };
}

/** The bound over all networks that costs nothing: |v'(Xu)_+| <= max over signs of sum_i (+-v_i)_+ ||x_i||. */
function crudeBound(prepared: PreparedProblem, { objective, dual }: ReluCertificate): DualBound {
  const { X, datafit, beta, outputs, bias } = prepared;
  const bounds = new Float64Array(2 * outputs);
  for (let i = 0; i < X.rows; i++) {
    const size = norm2(X.data.subarray(i * X.cols, (i + 1) * X.cols));
    for (let o = 0; o < outputs; o++) {
      const v = dual[i * outputs + o];
      bounds[2 * o + (v > 0 ? 0 : 1)] += Math.abs(v) * size;
    }
  }
  // a free bias is not bounded by the norm: only v = 0 remains
  const constraint = bias === 'free' ? Infinity : (Math.max(...bounds) * (1 + 1e-14 * X.rows)) / beta;
  return dualBoundAt(datafit, dual, constraint, objective);
}

/** With every cell priced exactly, the bound of the program is that of all networks. */
function enumeratedBound(certificate: ReluCertificate, beta: number, cells: number): GlobalBound {
  let top = 0;
  for (const value of certificate.gateConstraint) top = Math.max(top, value * beta);
  return {
    lowerBound: certificate.dualBound,
    relativeGap: certificate.relativeGap,
    dual: certificate.boundDual,
    proof: 'exact',
    maxDualConstraint: top,
    searchEstimate: top,
    cells,
    reason: `All ${cells} activation patterns were enumerated and priced exactly.`,
  };
}

/** What no engine for ReLU networks solves. @throws {ProblemError} with the reason */
export function refuseRelu(problem: Problem, prepared: PreparedProblem): void {
  if (!prepared.datafit.smooth) {
    throw new ProblemError(
      `the ReLU model needs a loss with a gradient, which the ${problem.loss} loss has not; take "logistic", or the gated model`,
      { field: 'loss' },
    );
  }
  if (prepared.outputs > 1 && prepared.outputPenalty === 'frobenius') {
    throw new ProblemError(
      'Frobenius blocks exist for gated networks only: a ReLU neuron is its own unit, so that its penalty is plain weight decay; take "nuclear" for that, or "per-output"',
      { field: 'outputPenalty' },
    );
  }
  if (prepared.outputs > 1 && prepared.outputPenalty === 'nuclear' && problem.arrangements.kind !== 'adaptive') {
    throw new ProblemError(
      'with plain weight decay ("nuclear") and several outputs the program on given activation patterns is copositive, which no method solves in reasonable time; ' +
        'take "adaptive", which generates neurons and proves a bound over all patterns, or the per-output penalty',
      { field: 'arrangements' },
    );
  }
  if (prepared.bias !== 'free' || prepared.datafit.coercive) return;
  const { targets, outputs } = prepared;
  const classes = prepared.datafit.targets === 'classes' ? outputs : 2;
  for (let o = 0; o < targets.cols; o++) {
    const seen = new Set<number>();
    for (let i = 0; i < targets.rows; i++) seen.add(targets.data[i * targets.cols + o]);
    if (seen.size < classes) {
      throw new ProblemError(
        'every class must occur when the output offset is free: without one of them the loss has no minimum',
        { field: 'y' },
      );
    }
  }
}

function statusOf(stopped: boolean, solved: boolean, expired: boolean): SolveStatus {
  if (solved) return 'optimal';
  if (stopped) return expired ? 'time-limit' : 'cancelled';
  return 'iteration-limit';
}

function warmStart(warm: unknown, prepared: PreparedProblem): ReluWarmStart | undefined {
  if (typeof warm !== 'object' || warm === null || !('kind' in warm) || warm.kind !== 'relu') return undefined;
  const start = warm as ReluWarmStart;
  const { X, outputs } = prepared;
  return start.rows === X.rows && start.cols === X.cols && start.outputs === outputs ? start : undefined;
}

/** The parts of a problem that can be solved on their own: one per output when the loss is a sum over outputs. */
interface Part {
  readonly datafit: Datafit;
  /** Output of the whole problem for each output of the part. */
  readonly outputs: readonly number[];
}

class Context {
  private readonly classes: RowClasses;
  private readonly parts: readonly Part[];
  private readonly factory: CellFactory;
  /** Objectives, falling, and when they were reached. */
  private readonly reached: { readonly seconds: number; readonly objective: number }[] = [];

  constructor(
    private readonly prepared: PreparedProblem,
    private readonly control: Control,
    private readonly begin: number,
    private readonly kernels: Kernels | undefined,
  ) {
    const { X, datafit, outputs, penalizedCols } = prepared;
    this.classes = classifyRows(X);
    this.factory = new CellFactory(X, penalizedCols);
    if (outputs > 1 && datafit.separable) {
      this.parts = Array.from({ length: outputs }, (_, o) => {
        return { datafit: datafit.ofOutput(o), outputs: [o] };
      });
    } else this.parts = [{ datafit, outputs: Array.from({ length: outputs }, (_, o) => o) }];
  }

  /** When the objective first came within `foundWithin` of the final one. */
  secondsTo(final: number): number {
    const enough = final + foundWithin * Math.abs(final);
    return this.reached.find(({ objective }) => objective <= enough)?.seconds ?? Infinity;
  }

  private local(part: Part): LocalProblem {
    const { X, penalizedCols, beta, bias } = this.prepared;
    return {
      X,
      classes: this.classes,
      penalizedCols,
      datafit: part.datafit,
      beta,
      offset: bias === 'free',
      kernels: this.kernels,
    };
  }

  /** Reports progress of one part on top of what the others have reached or start from. */
  private progress(
    done: number,
    rest: number,
    iterations: number,
    neurons: number,
    phase: string,
    bound: (ratio: number) => number,
  ): (objective: number, ratio: number, active: number, steps: number, stage?: string) => void {
    const { control } = this;
    return (objective, ratio, active, steps, stage = phase) => {
      const seconds = control.now() - this.begin;
      const total = done + rest + objective;
      if (total < (this.reached.at(-1)?.objective ?? Infinity)) this.reached.push({ seconds, objective: total });
      control.report?.({
        iteration: iterations + steps,
        seconds,
        objective: total,
        dualBound: bound(ratio),
        active: neurons + active,
        phase: stage,
      });
    };
  }

  private startOf(part: Part, warm: { readonly neurons: readonly SolvedNeuron[] } | undefined): SolvedNeuron[] {
    return (warm?.neurons ?? [])
      .filter(({ output }) => part.outputs.includes(output))
      .map((neuron) => ({ ...neuron, output: part.outputs.indexOf(neuron.output) }));
  }

  private each(
    solve: (part: Part, report: ReturnType<Context['progress']>) => PartResult,
    phase: string,
  ): PartResult[] {
    const zero = this.parts.map(({ datafit }) => datafit.value(new Float64Array(datafit.rows * datafit.outputs)));
    const results: PartResult[] = [];
    let done = 0;
    let iterations = 0;
    let neurons = 0;
    this.parts.forEach((part, k) => {
      const rest = zero.slice(k + 1).reduce((a, b) => a + b, 0);
      const result = solve(
        part,
        this.progress(done, rest, iterations, neurons, phase, () => 0),
      );
      results.push(result);
      done += result.objective;
      iterations += result.iterations;
      neurons += result.neurons.length;
    });
    return results;
  }

  private combine(results: readonly PartResult[], method: string): Solved {
    const offset = new Float64Array(this.prepared.outputs);
    const neurons: SolvedNeuron[] = [];
    results.forEach((result, k) => {
      const { outputs } = this.parts[k];
      outputs.forEach((output, o) => (offset[output] = result.offset[o]));
      for (const neuron of result.neurons) neurons.push({ ...neuron, output: outputs[neuron.output] });
    });
    return {
      neurons,
      offset,
      iterations: results.reduce((s, r) => s + r.iterations, 0),
      stopped: results.some((r) => r.stopped),
      method,
    };
  }

  /** The program on a set of gates. */
  onGates(
    gateSet: GateSet,
    warm: { readonly neurons: readonly SolvedNeuron[]; readonly offset: Float64Array } | undefined,
  ): Solved {
    const { X } = this.prepared;
    const cells: ConeCell[] = [];
    const gateOf: number[] = [];
    const indexOf = new Map<ConeCell, number>();
    for (let p = 0; p < gateSet.gates.rows; p++) {
      if ((p & 15) === 0 && this.control.shouldStop()) break;
      const g = gateSet.gates.data.subarray(p * X.cols, (p + 1) * X.cols);
      const cell = this.factory.cell(this.factory.signsOf(g));
      if (cell === undefined) continue;
      indexOf.set(cell, cells.length);
      cells.push(cell);
      gateOf.push(p);
    }
    const results = this.each((part, report) => {
      const start: NeuronSeed[] = [];
      for (const { u, sign, output, gate } of this.startOf(part, warm)) {
        const cell = this.factory.cell(this.factory.signsOf(gate));
        const tag = cell === undefined ? undefined : indexOf.get(cell);
        if (tag !== undefined) start.push({ u, sign, output, tag });
      }
      const local = this.local(part);
      const solution = solveOnCells(
        { ...local, cells },
        start,
        warm === undefined ? undefined : Float64Array.from(part.outputs, (o) => warm.offset[o]),
        Math.min(1e-9, this.prepared.tolerance),
        this.control,
        report,
      );
      return {
        neurons: solution.neurons.map(({ u, sign, output, tag }) => {
          const p = gateOf[tag ?? 0];
          return {
            u,
            sign,
            output,
            gate: gateSet.gates.data.slice(p * X.cols, (p + 1) * X.cols),
            linear: cells[tag ?? 0].linear,
          };
        }),
        offset: solution.offset,
        objective: solution.objective,
        iterations: solution.iterations,
        stopped: solution.stopped,
      };
    }, 'cone program');
    const combined = this.combine(results, 'semismooth Newton augmented Lagrangian, cone projections');
    combined.neurons = combined.neurons.map((neuron) => this.intoCone(neuron, combined.offset));
    return combined;
  }

  /**
   * The same neurons with gates in full-dimensional cells: a neuron on kinks is nudged off them, less far than to the next row.
   */
  insideCells(solved: Solved): Solved {
    const { X } = this.prepared;
    const { rows: n, cols: d } = X;
    const rng = createRng(1).fork('nudge');
    const neurons = solved.neurons.map((neuron) => {
      const h = Float64Array.from({ length: d }, () => rng.normal());
      const size = norm2(neuron.u);
      let reach = size;
      for (let i = 0; i < n; i++) {
        const row = X.data.subarray(i * d, (i + 1) * d);
        const t = Math.abs(dot(row, neuron.u));
        if (t > 1e-12 * size * norm2(row)) reach = Math.min(reach, t / Math.max(Math.abs(dot(row, h)), 1e-300));
      }
      return { ...neuron, gate: neuron.u.map((x, k) => x + 0.5 * reach * h[k]) };
    });
    return { ...solved, neurons };
  }

  /** With a free bias, a linear group gets the bias that makes all its rows non-negative, and the offset takes it off again. */
  private intoCone(neuron: SolvedNeuron & { linear?: boolean }, offset: Float64Array): SolvedNeuron {
    const { u, sign, output, gate } = neuron;
    if (neuron.linear !== true) return { u, sign, output, gate };
    const { X } = this.prepared;
    const d = X.cols;
    let least = Infinity;
    for (let i = 0; i < X.rows; i++) {
      let s = 0;
      for (let j = 0; j < d - 1; j++) s += X.data[i * d + j] * u[j];
      least = Math.min(least, s);
    }
    const raised = u.slice();
    raised[d - 1] = -least;
    offset[output] += sign * least;
    return { u: raised, sign, output, gate };
  }

  /** All activation patterns, by generating neurons. */
  overAll(
    warm: { readonly neurons: readonly SolvedNeuron[]; readonly offset: Float64Array } | undefined,
    seed: number,
    suggestions: readonly { direction: Float64Array; sign: 1 | -1; output: number }[] = [],
  ): Solved {
    let rounds = 0;
    const results = this.each((part, report) => {
      const offset = warm === undefined ? undefined : part.outputs.map((o) => warm.offset[o]);
      const solution = solveAdaptive(
        this.local(part),
        this.startOf(part, warm).map(({ u, sign, output }) => ({ u, sign, output })),
        offset,
        {
          seed,
          tolerance: insertTolerance,
          accuracy: this.prepared.tolerance,
          suggestions: suggestions
            .filter(({ output }) => part.outputs.includes(output))
            .map((suggestion) => ({ ...suggestion, output: part.outputs.indexOf(suggestion.output) })),
        },
        this.control,
        report,
      );
      rounds += solution.rounds;
      return {
        neurons: solution.neurons.map(({ u, sign, output }) => ({ u, sign, output, gate: u })),
        offset: solution.offset,
        objective: solution.objective,
        iterations: solution.iterations,
        stopped: solution.stopped,
      };
    }, 'sliding neurons');
    return this.combine(results, `sliding neurons: Newton on kinks, ${rounds} searches`);
  }

  /** The threshold as known before, raised by what a program needs, and proven tighter when there is time and need. */
  betaMaxFrom(known: Threshold, atLeast: number, seconds: number): Threshold {
    const value = Math.max(known.value, atLeast);
    const from = { value, upper: Math.max(value, known.upper) };
    if (!(seconds > 0) || from.upper <= value * (1 + 1e-9) || this.control.shouldStop()) return from;
    const closer = this.betaMaxOverAll(seconds, value);
    return { value: closer.value, upper: Math.min(from.upper, closer.upper) };
  }

  /** M at the zero network over all patterns: attained by a direction, and a proven upper bound, tightened in at most `seconds`. */
  betaMaxOverAll(seconds: number, atLeast: number): Threshold {
    const { X, penalizedCols, datafit, outputs, bias } = this.prepared;
    const n = X.rows;
    const fit = new Float64Array(n * outputs);
    if (bias === 'free') fitConstant(datafit, fit);
    const V = new Float64Array(n * outputs);
    datafit.dualPoint(fit, V);
    if (bias === 'free') balanceDual(datafit, fit, V);
    let value = atLeast;
    let upper = atLeast;
    const v = new Float64Array(n);
    for (let o = 0; o < outputs; o++) {
      for (let i = 0; i < n; i++) v[i] = V[i * outputs + o];
      const bracket = bracketDualMaximum(
        X,
        v,
        penalizedCols,
        { seconds: seconds / outputs, goal: value },
        this.control,
      );
      value = Math.max(value, bracket.lower);
      upper = Math.max(upper, bracket.upper);
    }
    return { value, upper };
  }
}

interface PartResult {
  readonly neurons: readonly (SolvedNeuron & { readonly linear?: boolean })[];
  readonly offset: Float64Array;
  readonly objective: number;
  readonly iterations: number;
  readonly stopped: boolean;
}

/** Share of all norms below which a generated neuron is rounding. */
const dust = 1e-12;

/** Groups, certificate and network of solved neurons. */
function assemble(
  problem: Problem,
  prepared: PreparedProblem,
  solved: Solved,
  gateSet: GateSet | undefined,
  control: Control,
) {
  let stoppedAt = solved.stopped ? control.now() : undefined;
  const shouldStop = (): boolean => {
    if (stoppedAt === undefined && control.shouldStop()) stoppedAt = control.now();
    return stoppedAt !== undefined;
  };
  const { X, penalizedCols, datafit, beta, outputs, bias } = prepared;
  const d = X.cols;
  const offset = solved.offset.slice();
  const free = bias === 'free';
  // what a search leaves behind at the size of rounding, the bias included, is no neuron; on given gates every vector is kept
  const least = gateSet === undefined ? dust * solved.neurons.reduce((sum, { u }) => sum + norm2(u), 0) : 0;
  const counts = ({ u }: { readonly u: Float64Array }): boolean =>
    norm2(u.subarray(0, penalizedCols)) > 0 && norm2(u) > least;
  let neurons = solved.neurons.filter(counts);
  if (gateSet === undefined && !solved.stopped) {
    neurons = pruneNeurons(X, penalizedCols, neurons, outputs, free ? offset : undefined, shouldStop)
      .filter(counts)
      .map(({ u, sign, output }) => ({ u, sign, output, gate: u }));
  }
  const gates = gateSet ?? distinctGates(X, directionsOf(neurons, d));
  const lookup = distinctGates(X, directionsOf(neurons, d, true));
  const byPattern = new Map<string, number>();
  const key = (set: GateSet, p: number): string => {
    const words = set.patterns.wordsPerPattern;
    return set.patterns.words.subarray(p * words, (p + 1) * words).join();
  };
  for (let p = 0; p < gates.gates.rows; p++) byPattern.set(key(gates, p), p);
  // one vector per gate, output and sign
  const merged = new Map<string, ReluVector>();
  neurons.forEach(({ u, sign, output }, j) => {
    const index = lookup.indexOf[j];
    const gate = index < 0 ? undefined : byPattern.get(key(lookup, index));
    if (gate === undefined) throw new Error('a neuron of the solution is on for no row');
    const name = `${gate} ${output} ${sign}`;
    const twin = merged.get(name);
    merged.set(name, { gate, output, sign, vector: twin === undefined ? u : twin.vector.map((x, k) => x + u[k]) });
  });
  const vectors = [...merged.values()];
  const certificate = certifyRelu({
    X,
    penalizedCols,
    gates: gates.gates,
    datafit,
    beta,
    vectors,
    ...(free ? { offset } : {}),
    quick: solved.stopped,
    shouldStop,
    giveUp: () => shouldStop() && control.now() - stoppedAt! > checkPatience,
  });
  const convex = vectors.map(({ vector, sign, output }) => ({ u: vector, sign, output }));
  // tidying up a point that was cut short is not worth the wait
  const distinct = solved.stopped
    ? convex
    : pruneNeurons(
        X,
        penalizedCols,
        mergeCollinear(X, penalizedCols, convex),
        outputs,
        free ? offset : undefined,
        shouldStop,
      );
  if (stoppedAt !== undefined) solved.stopped = true;
  return {
    certificate,
    gates,
    neurons: distinct,
    network: networkOfNeurons(distinct, outputs, problem.X.cols, bias, offset),
    groups: vectors.map(({ gate, output, sign, vector }): Group => ({ gate, output, sign, vector })),
  };
}

function directionsOf(neurons: readonly SolvedNeuron[], d: number, gate = false): DenseMatrix {
  const m = denseMatrix(neurons.length, d);
  neurons.forEach((neuron, j) => m.data.set(gate ? neuron.gate : neuron.u, j * d));
  return m;
}
