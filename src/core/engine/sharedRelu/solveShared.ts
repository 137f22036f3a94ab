import { relativeGap } from '../../problem/gap.ts';
import { dualBoundAt, type DualBound } from '../../certify/dual/bound.ts';
import { dualAtZero } from '../../certify/cells.ts';
import { distinctGates, type GateSet } from '../../base/patterns.ts';
import { certifyShared } from '../../certify/sharedCertificate.ts';
import { type GlobalBoundDetails, boundBeside } from '../../certify/global/globalBound.ts';
import { bracketVectorMaximum } from '../../certify/global/vectorMaximum.ts';
import { denseMatrix, norm2, rowOf } from '../../base/linalg/matrix.ts';
import { networkObjective } from '../../network/evaluate.ts';
import { networkOfShared, type SharedNeuron } from '../../network/mapping.ts';
import { essentialFits, type OptimalSet } from '../../certify/optimalSet.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import { biasOf, type Problem } from '../../problem/problem.ts';
import type { Control } from '../../base/control.ts';
import { limitedControl, statusOf } from '../solution/ending.ts';
import { insertTolerance, proveInRounds, type Provable } from '../solution/proofRounds.ts';
import type { Group, Solution, SolveOptions } from '../solution/solution.ts';
import { closerThreshold, type Threshold } from '../solution/threshold.ts';
import type { LocalProblem } from '../relu/activeNeurons.ts';
import { classifyRows } from '../../problem/patterns/rowClasses.ts';
import { closerShares, looseAccuracy } from '../relu/looseGap.ts';
import { generateShared } from './adaptiveShared.ts';
import { constantFits, pruneShared, sharedFits } from './mergeShared.ts';

/** What a later solve of the same data continues from. */
interface SharedWarmStart {
  readonly kind: 'relu-shared';
  readonly rows: number;
  readonly cols: number;
  readonly outputs: number;
  readonly neurons: readonly SharedNeuron[];
  readonly offset: Float64Array;
  readonly betaMax: Threshold;
}

interface Solved {
  readonly neurons: readonly SharedNeuron[];
  readonly offset: Float64Array;
  readonly iterations: number;
  readonly rounds: number;
  readonly stopped: boolean;
}

/**
 * Trains a two-layer ReLU network with several outputs and plain weight decay, beta/2 sum_j (||w_j||^2 + ||a_j||_2^2), over all activation patterns by
 * generating neurons that feed all outputs; with a proven bound over all networks when `certifySeconds` allows. Called by `solve`,
 * which refuses what cannot be solved so.
 */
export function solveShared(
  problem: Problem,
  prepared: PreparedProblem,
  options: SolveOptions,
  control: Control,
): Solution {
  const solve = new SharedSolve(problem, prepared, options, control);
  solve.search();
  return solve.finish(solve.prove());
}

class SharedSolve {
  private readonly begin: number;
  private readonly limited: ReturnType<typeof limitedControl>;
  private readonly local: LocalProblem;
  private readonly zeroTop: Threshold;
  private solved: Solved;
  private report!: Assembled;

  constructor(
    private readonly problem: Problem,
    private readonly prepared: PreparedProblem,
    private readonly options: SolveOptions,
    private readonly control: Control,
  ) {
    const { X, penalizedCols, datafit, beta, outputs, bias } = prepared;
    this.begin = control.now();
    this.limited = limitedControl(options, control);
    this.local = {
      X,
      classes: classifyRows(X),
      penalizedCols,
      datafit,
      beta,
      offset: biasOf(bias).free,
      kernels: options.kernels,
    };
    this.zeroTop = warmStart(options.warm, prepared)?.betaMax ?? betaMaxOf(prepared, 0, 0, this.limited);
    this.solved = { neurons: [], offset: new Float64Array(outputs), iterations: 0, rounds: 0, stopped: false };
  }

  search(): void {
    const { problem, prepared, options, solved } = this;
    if (!biasOf(prepared.bias).free && this.zeroTop.upper <= prepared.beta) this.take(solved);
    else {
      const seed = problem.arrangements.kind === 'adaptive' ? problem.arrangements.seed : 1;
      this.take(this.generate(warmStart(options.warm, prepared), seed));
      for (const share of prepared.tolerance > looseAccuracy ? closerShares : []) {
        if (this.report.stopped || this.report.certificate.relativeGap <= prepared.tolerance) break;
        this.take(this.generate(this.solved, seed, { share }));
      }
    }
  }

  private generate(
    start: Pick<Solved, 'neurons' | 'offset'> | undefined,
    seed: number,
    { suggestions = [], share = 1 }: { readonly suggestions?: readonly Float64Array[]; readonly share?: number } = {},
  ): Solved {
    const { limited, begin } = this;
    return generateShared(
      this.local,
      start,
      { seed, tolerance: insertTolerance, accuracy: share * this.prepared.tolerance, suggestions },
      limited,
      (objective, active, iteration) =>
        limited.report?.({
          iteration,
          seconds: limited.now() - begin,
          objective,
          dualBound: 0,
          active,
          phase: 'sliding neurons',
        }),
    );
  }

  private take(next: Solved): void {
    const { solved, prepared, limited } = this;
    const [iterations, rounds] = [next.iterations + solved.iterations, next.rounds + solved.rounds];
    this.solved = { ...next, iterations, rounds };
    this.report = assemble(prepared, this.solved, limited);
  }

  /** A bound over all networks; undefined when there is no time for one. */
  prove(): GlobalBoundDetails | undefined {
    const { options, prepared, limited, control, begin } = this;
    const { certifySeconds = 0, kernels } = options;
    const proving = options.certifyAfterLimit === true && limited.expired() ? control : limited;
    if (!(certifySeconds > 0) || proving.shouldStop()) return undefined;
    options.onSolved?.(this.finish(undefined, 0));
    const improve = ({ worstDirection }: { worstDirection: Float64Array }, round: number): Provable => {
      this.take(this.generate(this.solved, 1000 + round, { suggestions: [worstDirection] }));
      return this.provable();
    };
    const seconds = { seconds: certifySeconds, begin, kernels };
    return proveInRounds(prepared, this.provable(), improve, seconds, limited, proving);
  }

  private provable(): Provable {
    const { certificate, neurons } = this.report;
    return {
      objective: certificate.objective,
      dual: certificate.dual,
      directions: neurons.map(({ w }) => w),
      iterations: this.solved.iterations,
    };
  }

  /** The result as it stands: with the proof so far, and this many seconds for proving betaMax. */
  finish(proof: GlobalBoundDetails | undefined, seconds = this.options.certifySeconds ?? 0): Solution {
    const { problem, prepared, control, limited, solved, report, zeroTop, begin } = this;
    const { X, datafit, beta, outputs, bias } = prepared;
    const { certificate, gates, neurons, gateOf, offset } = report;
    const network = networkOfShared(neurons, problem.X.cols, bias, offset);
    const exact = proof?.proof === 'exact';
    // a search that was cut short says nothing about other cells: only a bound over all of them is a bound
    const program: DualBound =
      proof !== undefined && (exact || report.stopped)
        ? { value: Math.min(proof.lowerBound, certificate.objective), point: proof.dual }
        : report.stopped
          ? crudeBound(prepared, certificate)
          : { value: certificate.dualBound, point: certificate.boundDual };
    const gap = relativeGap(certificate.objective, program.value);
    const bracket = (time: number, atLeast: number): Threshold => betaMaxOf(prepared, time, atLeast, limited);
    const betaMax = closerThreshold(zeroTop, 0, seconds, bracket, limited);
    const warm: SharedWarmStart = {
      kind: 'relu-shared',
      rows: X.rows,
      cols: X.cols,
      outputs,
      neurons: solved.neurons,
      offset: solved.offset,
      betaMax,
    };
    const optima = report.stopped ? undefined : replaceable(prepared, neurons, limited);
    return {
      status: statusOf(report.stopped, gap <= prepared.tolerance, limited.expired()),
      objective: certificate.objective,
      dualBound: program.value,
      relativeGap: gap,
      datafit: certificate.datafit,
      penalty: certificate.penalty,
      scope: exact ? 'all-arrangements' : 'sampled',
      ...(proof === undefined ? {} : { global: boundBeside(proof, certificate.objective) }),
      gates: gates.gates,
      patterns: gates.patterns,
      requestedGates: gates.requested,
      duplicateGates: gates.removed,
      gateConstraint: certificate.gateConstraint,
      groups: neurons.map(({ w, a }, j): Group => ({
        gate: gateOf[j],
        output: -1,
        sign: 1,
        vector: outerProduct(w, a),
      })),
      network,
      networkObjective: networkObjective(network, problem.X, datafit, beta, 'nuclear', bias),
      ...(optima === undefined ? {} : { optimalSet: optima }),
      dual: denseMatrix(X.rows, outputs, certificate.dual),
      boundDual: denseMatrix(X.rows, outputs, program.point),
      fit: denseMatrix(X.rows, outputs, certificate.fit),
      betaMax: betaMax.value,
      betaMaxUpper: betaMax.upper,
      kkt: certificate.kkt,
      iterations: solved.iterations,
      seconds: control.now() - begin,
      method:
        solved.rounds === 0
          ? 'zero network (beta is at least betaMax)'
          : `sliding neurons that feed all outputs: Newton on kinks, ${solved.rounds} searches`,
      threads: 1,
      warm,
    };
  }
}

/** w a', d x c row-major. */
function outerProduct(w: Float64Array, a: Float64Array): Float64Array {
  return Float64Array.from({ length: w.length * a.length }, (_, k) => w[Math.floor(k / a.length)] * a[k % a.length]);
}

function warmStart(warm: unknown, { X, outputs }: PreparedProblem): SharedWarmStart | undefined {
  if (typeof warm !== 'object' || warm === null || !('kind' in warm) || warm.kind !== 'relu-shared') return undefined;
  const start = warm as SharedWarmStart;
  return start.rows === X.rows && start.cols === X.cols && start.outputs === outputs ? start : undefined;
}

type Assembled = ReturnType<typeof assemble>;

/** Fewest neurons with the same objective, their gates, and the certificate. */
function assemble(prepared: PreparedProblem, solved: Solved, control: Control) {
  let asked = false;
  const shouldStop = (): boolean => (asked ||= control.shouldStop());
  const { X, penalizedCols, datafit, beta, bias, tolerance } = prepared;
  const offset = solved.offset.slice();
  const { free } = biasOf(bias);
  const kept = solved.stopped
    ? solved.neurons
    : pruneShared(X, penalizedCols, solved.neurons, offset, free, shouldStop);
  const directions = denseMatrix(kept.length, X.cols);
  kept.forEach(({ w }, j) => directions.data.set(w, j * X.cols));
  const all: GateSet = distinctGates(X, directions);
  // one that is on for no row adds nothing to the fit
  const used = kept.map((_, j) => j).filter((j) => all.indexOf[j] >= 0 && norm2(kept[j].a) > 0);
  const neurons = used.map((j) => kept[j]);
  const gateOf = used.map((j) => all.indexOf[j]);
  const certificate = certifyShared({
    X,
    penalizedCols,
    gates: all.gates,
    datafit,
    beta,
    neurons: neurons.map(({ w, a }, j) => ({ gate: gateOf[j], w, a })),
    ...(free ? { offset } : {}),
    tolerance: 0.1 * tolerance,
    quick: solved.stopped,
    shouldStop,
  });
  return { certificate, gates: all, neurons, gateOf, offset, stopped: solved.stopped || asked };
}

/** Which neurons the others can replace; whether other directions could is not known. */
function replaceable(
  { X, bias, outputs }: PreparedProblem,
  neurons: readonly SharedNeuron[],
  control: Control,
): OptimalSet | undefined {
  const free = biasOf(bias).free ? constantFits(X.rows, outputs) : [];
  const essential = essentialFits(sharedFits(X, neurons), free, () => control.shouldStop());
  return essential && { presence: essential.map((is) => (is ? 'every' : 'not every')), scope: 'found' };
}

/** The bound over all networks that costs nothing: ||V'(Xu)_+|| <= sum_i ||V_i|| ||x_i||. */
function crudeBound(
  { X, datafit, beta, outputs, bias }: PreparedProblem,
  { objective, dual }: { readonly objective: number; readonly dual: Float64Array },
): DualBound {
  let bound = 0;
  for (let i = 0; i < X.rows; i++) bound += norm2(rowOf(X, i)) * norm2(dual.subarray(i * outputs, (i + 1) * outputs));
  // a free bias is not bounded by the norm: only V = 0 remains
  const constraint = biasOf(bias).free ? Infinity : (bound * (1 + 1e-14 * X.rows)) / beta;
  return dualBoundAt(datafit, dual, constraint, objective);
}

/** M at the zero network: attained by a direction, and a proven upper bound, tightened in at most `seconds`. */
function betaMaxOf(prepared: PreparedProblem, seconds: number, atLeast: number, control: Control): Threshold {
  const { X, penalizedCols, datafit, outputs, bias } = prepared;
  const V = denseMatrix(X.rows, outputs, dualAtZero(datafit, biasOf(bias).free));
  const { lower, upper } = bracketVectorMaximum(X, V, penalizedCols, { seconds, goal: atLeast }, control);
  return { value: Math.max(atLeast, lower), upper: Math.max(atLeast, upper) };
}
