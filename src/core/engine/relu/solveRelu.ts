import { relativeGap } from '../../problem/gap.ts';
import type { DualBound } from '../../certify/dual/bound.ts';
import type { GlobalBound } from '../../certify/global/bound.ts';
import { distinctGates, type GateSet } from '../../base/patterns.ts';
import type { ReluCertificate } from '../../certify/reluCertificate.ts';
import { type CellList, enumerateCells, hyperplanesOf } from '../../problem/patterns/enumerate.ts';
import { type GlobalBoundDetails, boundBeside } from '../../certify/global/globalBound.ts';
import { denseMatrix } from '../../base/linalg/matrix.ts';
import { networkObjectiveUnless } from '../../network/evaluate.ts';
import { manyRows } from '../../certify/global/sampledAscent.ts';
import { reachOfRows } from '../../certify/rowNormBound.ts';
import { optimalSet } from '../../certify/optimalSet.ts';
import { effectiveCols, type PreparedProblem } from '../../problem/prepare.ts';
import { biasOf, type Problem } from '../../problem/problem.ts';
import { type Control, withDeadline } from '../../base/control.ts';
import { unlessStopped } from '../../base/polling.ts';
import { gatesOf } from '../gated/gates.ts';
import { limitedControl, statusOf } from '../solution/ending.ts';
import { proveInRounds, type Provable } from '../solution/proofRounds.ts';
import type { Solution, SolveOptions } from '../solution/solution.ts';
import { closerThreshold, type Threshold } from '../solution/threshold.ts';
import { assemble, type Assembled, type ManyRows } from './assemble.ts';
import { boundByNorms } from './normBound.ts';
import { closerShares, looseAccuracy, settledShares } from './looseGap.ts';
import { ReluProgram, type Solved } from './reluProgram.ts';
import { betaMaxAtLeast, betaMaxOverAll } from './threshold.ts';
import { listedCells, type ReluWarmStart, warmStart } from './warmStart.ts';

/** Seconds for the norms that bound what a search was cut off from. */
const normSeconds = { limit: 0.5, stop: 0.05 } as const;

/** Cells that `all` enumerates at most: each costs a few hundred bytes and some non-negative least squares problems. */
const largestEnumeration = 100_000;

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
  const solve = new ReluSolve(problem, prepared, options, control);
  solve.search();
  return solve.finish(solve.prove());
}

/**
 * Says before anything is computed that there are too many patterns to list.
 * @throws {ProblemError} when that is so
 */
export function refuseUnlistable({ X }: PreparedProblem, control: Control): void {
  hyperplanesOf(X, largestEnumeration, control);
}

/** The patterns that a program is on: given, sampled or enumerated ones. */
type Patterns = GateSet & { readonly scope: Solution['scope']; readonly complete: boolean };

class ReluSolve {
  private readonly begin: number;
  private readonly limited: ReturnType<typeof limitedControl>;
  private readonly program: ReluProgram;
  private readonly warm: ReluWarmStart | undefined;
  /** All patterns, when they were to be enumerated and that was not stopped; neurons are generated as far as there is time then. */
  private readonly cells: CellList | undefined;
  /** Undefined when neurons are generated. */
  private readonly chosen: Patterns | undefined;
  private threshold: Threshold | undefined;
  private leastThreshold: number | undefined;
  private knownNorms: Float64Array | undefined;
  private knownReach: Float64Array | undefined;
  private solved: Solved;
  private report!: Assembled;
  private secondsFinal = 0;

  constructor(
    private readonly problem: Problem,
    private readonly prepared: PreparedProblem,
    private readonly options: SolveOptions,
    private readonly control: Control,
  ) {
    const { arrangements } = problem;
    this.begin = control.now();
    const limited = (this.limited = limitedControl(options, control));
    this.program = new ReluProgram(prepared, limited, this.begin, options.kernels);
    this.warm = warmStart(options.warm, prepared);
    this.cells =
      arrangements.kind === 'all'
        ? (listedCells(this.warm, problem.X, problem.bias) ?? enumerateCells(prepared.X, largestEnumeration, limited))
        : undefined;
    this.chosen = this.chooseGates();
    this.solved = zeroNetwork(prepared.outputs);
  }

  /** From which beta on the zero network is optimal, where patterns are searched for; asked for when there is a network already. Undefined after a stop where rows are many. */
  private get zeroTop(): Threshold | undefined {
    const { warm, prepared, options, limited, searched, reach } = this;
    if (!searched) return { value: 0, upper: 0 };
    this.threshold ??= warm?.betaMax;
    if (this.threshold !== undefined || this.stoppedWithMany) return this.threshold;
    const { atLeast } = this;
    if (atLeast === undefined) return undefined;
    const how = { seconds: 0, atLeast, kernels: options.kernels, reach };
    return (this.threshold = betaMaxOverAll(prepared, how, limited));
  }

  /** No direction is worth a neuron. */
  private get zeroIsOptimal(): boolean {
    const { zeroTop, prepared } = this;
    return zeroTop !== undefined && zeroTop.upper <= prepared.beta;
  }

  /** A way through the data takes longer than one waits after a stop. */
  private get stoppedWithMany(): boolean {
    return this.many !== undefined && this.control.shouldStop();
  }

  private readonly norms = (): Float64Array => (this.knownNorms ??= this.program.norms());

  /** Not known where that would take another way through the data for a bound that says little, after a stop. */
  private readonly reach = (): Float64Array | undefined => {
    const { program, prepared, stoppedWithMany } = this;
    if (stoppedWithMany && (biasOf(prepared.bias).free || !program.classified)) return this.knownReach;
    return (this.knownReach ??= reachOfRows(prepared.X, prepared.penalizedCols, this.norms()));
  };

  /** Where neurons of many rows are judged. */
  private get many(): ManyRows | undefined {
    const { norms, reach, searched, problem, options } = this;
    const { kernels } = options;
    return searched && kernels !== undefined && problem.X.rows >= manyRows ? { kernels, norms, reach } : undefined;
  }

  /** What a look at the data says of betaMax; undefined when a stop came before. */
  private get atLeast(): number | undefined {
    const { prepared, limited } = this;
    if (this.stoppedWithMany) return this.leastThreshold;
    return (this.leastThreshold ??= unlessStopped(
      () => limited.shouldStop(),
      (poll) => betaMaxAtLeast(prepared, poll),
    ));
  }

  /** Over all patterns by generating neurons. */
  private get searched(): boolean {
    return this.chosen === undefined;
  }

  private get seed(): number {
    const { arrangements } = this.problem;
    return arrangements.kind === 'adaptive' ? arrangements.seed : 1;
  }

  private chooseGates(): Patterns | undefined {
    const { problem, prepared, cells, limited, options } = this;
    const { kind } = problem.arrangements;
    if (cells !== undefined) {
      return { ...distinctGates(prepared.X, cells.directions), scope: 'all-arrangements', complete: true };
    }
    if (kind === 'adaptive' || kind === 'all') return undefined;
    const { gateSet, scope, complete } = gatesOf(problem, prepared, limited, options.kernels);
    return { ...gateSet, scope, complete };
  }

  /** The network, as far as the time allows. */
  search(): void {
    const { problem, prepared, program, warm, chosen, cells, limited } = this;
    const many = this.many !== undefined;
    if (chosen !== undefined) {
      this.take(program.onGates(chosen, cells === undefined ? warm : program.insideCells(program.overAll(warm, 1))));
    } else {
      const top = warm?.betaMax?.value ?? this.atLeast;
      if (top === undefined || (many && limited.shouldStop())) {
        this.stopAtOnce();
      } else if (!biasOf(problem.bias).free && !(top > prepared.beta) && this.zeroIsOptimal) {
        // no direction can be worth inserting: a search would climb for minutes on large data and find none
        this.take(this.solved);
      } else if (many && !program.classify()) {
        this.stopAtOnce();
      } else {
        this.take(program.overAll(warm, this.seed, { zeroTop: top }));
        if (prepared.tolerance > looseAccuracy) this.closeIn();
      }
    }
    this.secondsFinal = this.control.now() - this.begin;
  }

  /** What there was before the search. */
  private stopAtOnce(): void {
    const { warm, solved } = this;
    this.take({ ...solved, ...(warm && { neurons: [...warm.neurons], offset: warm.offset }), stopped: true });
  }

  /** The certificate judges more strictly than a loose search does: mostly the neurons there are only have to be settled. */
  private closeIn(): void {
    for (const [k, share] of [...settledShares, ...closerShares].entries()) {
      const { solved, report, prepared } = this;
      if (solved.stopped || report.certificate.relativeGap <= prepared.tolerance) return;
      const settle = k < settledShares.length;
      const closer = this.program.overAll(solved, 1, { share, settle });
      this.take(settle ? { ...closer, method: solved.method } : closer);
    }
  }

  private take(solved: Solved): void {
    solved.iterations += this.solved.iterations;
    this.solved = solved;
    this.report = assemble(this.problem, this.prepared, solved, this.chosen, this.limited, this.many);
  }

  /** A bound over all networks; undefined when there is no time for one, or no need. */
  prove(): GlobalBoundDetails | undefined {
    const { options, prepared, limited, control, begin } = this;
    const { certifySeconds = 0, kernels } = options;
    const proving = options.certifyAfterLimit === true && limited.expired() ? control : limited;
    if (this.cells !== undefined || !(certifySeconds > 0) || proving.shouldStop()) return undefined;
    options.onSolved?.(this.finish(undefined, 0));
    const improve = (proof: { worstDirection: Float64Array; worstOuter: Float64Array }, round: number): Provable => {
      const suggestions = [{ direction: proof.worstDirection, ...signedOutput(proof.worstOuter) }];
      this.take(this.program.overAll(this.solved, 1000 + round, { suggestions }));
      this.secondsFinal = control.now() - begin;
      return this.provable();
    };
    const seconds = { seconds: certifySeconds, begin, kernels };
    return proveInRounds(prepared, this.provable(), this.searched ? improve : undefined, seconds, limited, proving);
  }

  private provable(): Provable {
    const { certificate, neurons } = this.report;
    return {
      objective: certificate.objective,
      dual: certificate.dual,
      directions: neurons.map(({ u }) => u),
      neurons,
      iterations: this.solved.iterations,
    };
  }

  /** How long norms may be computed: hardly after a stop by the user, a moment after a time limit. */
  private normControl(): Control {
    const { control, limited } = this;
    return withDeadline(
      { ...control, shouldStop: () => false },
      limited.expired() ? normSeconds.limit : normSeconds.stop,
    );
  }

  /** The bound of the program in scope, and whether a proof over all patterns says that it is met. */
  private programBound(proof: GlobalBoundDetails | undefined): { readonly bound: DualBound; readonly exact: boolean } {
    const { prepared, searched, problem, solved, chosen } = this;
    const { certificate, overall } = this.report;
    const all = searched && problem.arrangements.kind === 'all';
    const cut = (searched && solved.stopped) || chosen?.complete === false;
    const exact = proof?.proof === 'exact' && searched;
    // a search that was cut short says nothing about other cells: only a bound over all of them is a bound
    if (proof !== undefined && (exact || cut || all)) {
      return { exact, bound: { value: Math.min(proof.lowerBound, certificate.objective), point: proof.dual } };
    }
    return {
      exact,
      bound:
        (cut || all) && !overall
          ? boundByNorms(prepared, certificate, this.reach(), this.normControl())
          : { value: certificate.dualBound, point: certificate.boundDual },
    };
  }

  /** The objective by running the network; undefined where that takes longer than one waits after a stop. */
  private objectiveOf(network: Solution['network']): number | undefined {
    const { problem, prepared, control, solved } = this;
    // with many rows its fit was that of the neurons as they are
    if (this.report.overall) return undefined;
    const { datafit, beta, bias } = prepared;
    const patience = control.now() + normSeconds.stop;
    const giveUp = (): boolean => (solved.stopped || control.shouldStop()) && control.now() > patience;
    const program = { X: problem.X, datafit, beta, outputPenalty: 'per-output' as const, bias };
    return networkObjectiveUnless(giveUp, network, program);
  }

  /** The result as it stands: with the proof so far, and this many seconds for proving betaMax. */
  finish(proof: GlobalBoundDetails | undefined, seconds = this.options.certifySeconds ?? 0): Solution {
    const { problem, prepared, control, limited, solved, chosen, cells, begin, secondsFinal, searched } = this;
    const { outputs } = prepared;
    const { rows } = problem.X;
    const { certificate, neurons, gates, network, groups } = this.report;
    const { bound, exact } = this.programBound(proof);
    const gap = relativeGap(certificate.objective, bound.value);
    const bracket = (time: number, atLeast: number): Threshold =>
      betaMaxOverAll(prepared, { seconds: time, atLeast, kernels: this.options.kernels, reach: this.reach }, limited);
    const { zeroTop } = this;
    const betaMax = searched
      ? zeroTop === undefined
        ? { value: this.leastThreshold, upper: undefined }
        : closerThreshold(zeroTop, solved.stopped ? 0 : certificate.betaMax, seconds, bracket, limited)
      : { value: certificate.betaMax, upper: cells === undefined ? undefined : certificate.betaMax };
    const warm: ReluWarmStart = {
      kind: 'relu',
      rows,
      cols: effectiveCols(prepared),
      outputs,
      neurons: solved.neurons,
      offset: solved.offset,
      ...(betaMax.upper === undefined || !searched ? {} : { betaMax: { value: betaMax.value, upper: betaMax.upper } }),
      ...(cells === undefined ? {} : { listed: { X: problem.X, bias: problem.bias, cells } }),
    };
    const dual = denseMatrix(rows, outputs, certificate.dual);
    const fit = denseMatrix(rows, outputs, certificate.fit);
    const optima = solved.stopped
      ? undefined
      : optimalSet(prepared, neurons, { ...certificate, dual, fit }, cells ?? seconds > 0, limited);
    const global =
      cells !== undefined
        ? enumeratedBound(certificate, prepared.beta, cells.directions.rows)
        : proof && boundBeside(proof, certificate.objective);
    return {
      status: statusOf(
        solved.stopped || chosen?.complete === false,
        gap <= prepared.tolerance && chosen?.complete !== false,
        limited.expired(),
      ),
      objective: certificate.objective,
      dualBound: bound.value,
      relativeGap: gap,
      datafit: certificate.datafit,
      penalty: certificate.penalty,
      scope: chosen?.scope ?? (exact ? 'all-arrangements' : 'sampled'),
      ...(global === undefined ? {} : { global }),
      gates: gates.gates,
      patterns: gates.patterns,
      requestedGates: gates.requested,
      duplicateGates: gates.removed,
      ...(searched || gates.source === undefined ? {} : { gateSource: gates.source }),
      gateConstraint: certificate.gateConstraint,
      groups,
      network,
      networkObjective: this.objectiveOf(network) ?? certificate.objective,
      ...(optima === undefined ? {} : { optimalSet: optima }),
      dual,
      boundDual: denseMatrix(rows, outputs, bound.point),
      fit,
      ...(betaMax.value === undefined ? {} : { betaMax: betaMax.value }),
      ...(betaMax.upper === undefined ? {} : { betaMaxUpper: betaMax.upper }),
      kkt: certificate.kkt,
      iterations: solved.iterations,
      seconds: control.now() - begin,
      secondsFound: Math.min(secondsFinal, this.program.secondsTo(certificate.objective)),
      secondsFinal,
      method: solved.method,
      threads: 1,
      warm,
    };
  }
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
