import { relativeGap } from '../../problem/gap.ts';
import { dualBoundAt, type DualBound } from '../../certify/dual/bound.ts';
import { balanceDual, fitConstant } from '../../certify/dual/freeOffset.ts';
import { distinctGates, type GateSet } from '../../base/patterns.ts';
import { certifyShared } from '../../certify/sharedCertificate.ts';
import { globalBound, type GlobalBoundDetails, boundBeside } from '../../certify/global/globalBound.ts';
import { bracketVectorMaximum } from '../../certify/global/vectorMaximum.ts';
import { type DenseMatrix, denseMatrix, norm2, rowOf } from '../../base/linalg/matrix.ts';
import { networkObjective } from '../../network/evaluate.ts';
import { networkOfShared } from '../../network/mapping.ts';
import { essentialFits, type OptimalSet } from '../../certify/optimalSet.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import type { Problem } from '../../problem/problem.ts';
import { type Control, type SolveStatus, withDeadline } from '../../base/control.ts';
import type { Group, Solution, SolveOptions } from '../solution/solution.ts';
import type { LocalProblem } from '../relu/activeNeurons.ts';
import { classifyRows } from '../../problem/patterns/rowClasses.ts';
import { generateShared } from './adaptiveShared.ts';
import { constantFits, pruneShared, sharedFits } from './mergeShared.ts';
import type { SharedNeuron } from '../../network/mapping.ts';

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

/** The beta from which on the zero network is optimal: attained by a direction, and proven from above. */
interface Threshold {
  readonly value: number;
  readonly upper: number;
}

interface Solved {
  readonly neurons: readonly SharedNeuron[];
  readonly offset: Float64Array;
  readonly iterations: number;
  readonly rounds: number;
  readonly stopped: boolean;
}

/** Relative violation of the dual constraint that still makes a direction worth inserting. */
const insertTolerance = 1e-9;

/** Part of the time for the proof that may go into betaMax. */
const betaMaxShare = 0.1;

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
  const begin = control.now();
  const limited =
    options.timeLimitSeconds === undefined
      ? { ...control, shouldStop: () => control.shouldStop(), now: () => control.now(), expired: () => false }
      : withDeadline(control, options.timeLimitSeconds);
  const { X, penalizedCols, datafit, beta, outputs, bias } = prepared;
  const local: LocalProblem = {
    X,
    classes: classifyRows(X),
    penalizedCols,
    datafit,
    beta,
    offset: bias === 'free',
    kernels: options.kernels,
  };
  const warm = warmStart(options.warm, prepared);
  const zeroTop = warm?.betaMax ?? betaMaxOf(prepared, 0, 0, limited);
  const generate = (
    start: Pick<Solved, 'neurons' | 'offset'> | undefined,
    seed: number,
    suggestions: readonly Float64Array[] = [],
  ): Solved => {
    const tolerance = insertTolerance;
    const report = limited.report?.bind(limited);
    return generateShared(
      local,
      start?.neurons ?? [],
      start?.offset,
      { seed, tolerance, suggestions },
      limited,
      report &&
        ((objective, active, iteration) =>
          report({
            iteration,
            seconds: limited.now() - begin,
            objective,
            dualBound: 0,
            active,
            phase: 'sliding neurons',
          })),
    );
  };
  const seed = problem.arrangements.kind === 'adaptive' ? problem.arrangements.seed : 1;
  let solved =
    bias !== 'free' && zeroTop.upper <= beta
      ? { neurons: [], offset: new Float64Array(outputs), iterations: 0, rounds: 0, stopped: false }
      : generate(warm, seed);
  let report = assemble(prepared, solved, limited);

  /** The result as it stands: with the proof so far, and this many seconds for proving betaMax. */
  const finish = (proof: GlobalBoundDetails | undefined, seconds: number): Solution => {
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
    const known = { value: zeroTop.value, upper: Math.max(zeroTop.value, zeroTop.upper) };
    const betaMax =
      seconds > 0 && known.upper > known.value * (1 + 1e-9) && !limited.shouldStop()
        ? closer(known, betaMaxOf(prepared, seconds * betaMaxShare, known.value, limited))
        : known;
    const dual = denseMatrix(X.rows, outputs, certificate.dual);
    const next: SharedWarmStart = {
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
      dual,
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
      warm: next,
    };
  };
  let proof: GlobalBoundDetails | undefined;
  const certifySeconds = options.certifySeconds ?? 0;
  const proving = options.certifyAfterLimit === true && limited.expired() ? control : limited;
  if (certifySeconds > 0 && !proving.shouldStop()) {
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
        denseMatrix(X.rows, outputs, report.certificate.dual),
        report.certificate.objective,
        {
          seconds: Math.max(0, proofEnd - limited.now()),
          candidates: report.neurons.map(({ w }) => w),
          seed: 1,
          onBound,
        },
        proving,
      );
      // a direction that the search had missed: insert it and go on
      const improving = proof.bracket.lower > beta * (1 + insertTolerance);
      if (!improving || proof.worstDirection === undefined || limited.shouldStop()) break;
      const again = generate(solved, 1000 + round, [proof.worstDirection]);
      solved = { ...again, iterations: again.iterations + solved.iterations, rounds: again.rounds + solved.rounds };
      report = assemble(prepared, solved, limited);
    }
  }
  return finish(proof, certifySeconds);
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

function statusOf(stopped: boolean, solved: boolean, expired: boolean): SolveStatus {
  if (solved) return 'optimal';
  if (stopped) return expired ? 'time-limit' : 'cancelled';
  return 'iteration-limit';
}

/** Fewest neurons with the same objective, their gates, and the certificate. */
function assemble(prepared: PreparedProblem, solved: Solved, control: Control) {
  let asked = false;
  const shouldStop = (): boolean => (asked ||= control.shouldStop());
  const { X, penalizedCols, datafit, beta, bias, tolerance } = prepared;
  const offset = solved.offset.slice();
  const free = bias === 'free';
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
  const free = bias === 'free' ? constantFits(X.rows, outputs) : [];
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
  const constraint = bias === 'free' ? Infinity : (bound * (1 + 1e-14 * X.rows)) / beta;
  return dualBoundAt(datafit, dual, constraint, objective);
}

/** M at the zero network: attained by a direction, and a proven upper bound, tightened in at most `seconds`. */
function betaMaxOf(prepared: PreparedProblem, seconds: number, atLeast: number, control: Control): Threshold {
  const { X, penalizedCols, datafit, outputs, bias } = prepared;
  const fit = new Float64Array(X.rows * outputs);
  if (bias === 'free') fitConstant(datafit, fit);
  const V: DenseMatrix = denseMatrix(X.rows, outputs);
  datafit.dualPoint(fit, V.data);
  if (bias === 'free') balanceDual(datafit, fit, V.data);
  const { lower, upper } = bracketVectorMaximum(X, V, penalizedCols, { seconds, goal: atLeast }, control);
  return { value: Math.max(atLeast, lower), upper: Math.max(atLeast, upper) };
}

function closer(a: Threshold, b: Threshold): Threshold {
  const value = Math.max(a.value, b.value);
  return { value, upper: Math.max(value, Math.min(a.upper, b.upper)) };
}
