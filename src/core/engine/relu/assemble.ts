import type { Kernels } from '../../base/kernels/kernels.ts';
import { distinctGates, type GateSet, PatternIndex, type PatternSet, patternsOfGates } from '../../base/patterns.ts';
import { activationsOf, certifyByReach } from '../../certify/ownCells.ts';
import { certifyRelu, type ReluCertificate, type ReluVector } from '../../certify/reluCertificate.ts';
import { type DenseMatrix, denseMatrix, norm2 } from '../../base/linalg/matrix.ts';
import { type ConvexNeuron, mergeCollinear, networkOfNeurons } from '../../network/mapping.ts';
import type { TwoLayerNetwork } from '../../network/network.ts';
import { pruneNeurons } from '../../network/prune.ts';
import { effectiveCols, type PreparedProblem } from '../../problem/prepare.ts';
import { biasOf, type Problem } from '../../problem/problem.ts';
import type { Control } from '../../base/control.ts';
import type { Group } from '../solution/solution.ts';
import type { Solved, SolvedNeuron } from './reluProgram.ts';

/** Seconds that the certificate takes after a stop. */
const checkPatience = 0.04;

/** Share of all norms below which a generated neuron is rounding. */
const dust = 1e-12;

export interface Assembled {
  readonly certificate: ReluCertificate;
  /** Its dual bound holds for all networks (`certifyByReach`). */
  readonly overall: boolean;
  readonly gates: GateSet;
  /** As few as the objective allows. */
  readonly neurons: readonly ConvexNeuron[];
  readonly network: TwoLayerNetwork;
  readonly groups: readonly Group[];
}

/** What is known of data of many rows. */
export interface ManyRows {
  readonly kernels: Kernels;
  /** Euclidean norms of the effective inputs, and `reachOfRows`. */
  readonly norms: () => Float64Array;
  readonly reach: () => Float64Array | undefined;
}

/** Groups, certificate and network of solved neurons, on the gates given or on those of the neurons; `many`: where rows are many and neurons have their own gates. */
export function assemble(
  problem: Problem,
  prepared: PreparedProblem,
  solved: Solved,
  gateSet: GateSet | undefined,
  control: Control,
  many: ManyRows | undefined,
): Assembled {
  let stoppedAt = solved.stopped ? control.now() : undefined;
  const shouldStop = (): boolean => {
    if (stoppedAt === undefined && control.shouldStop()) stoppedAt = control.now();
    return stoppedAt !== undefined;
  };
  const { penalizedCols, datafit, beta, outputs, bias } = prepared;
  const d = effectiveCols(prepared);
  // a stop may come before there are inputs, and no neurons ask for none
  const X =
    many !== undefined && solved.stopped && solved.neurons.length === 0
      ? { rows: datafit.rows, cols: d, data: new Float64Array(0) }
      : prepared.X;
  const offset = solved.offset.slice();
  const { free } = biasOf(bias);
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
  const active = many && activationsOf(X, many.norms, neurons, outputs, many.kernels);
  const patternsOf = (directions: DenseMatrix, known?: PatternSet): GateSet =>
    distinctGates(X, directions, undefined, known ?? patternsOfGates(X, directions));
  let lookup = patternsOf(directionsOf(neurons, d, true), active?.patterns);
  if (gateSet === undefined && lookup.indexOf.includes(-1)) {
    // on for no row: it pays and adds nothing; a search that was cut short leaves such neurons behind
    const kept = lookup.indexOf;
    const known = active && patternsWhere(active.patterns, (j) => kept[j] >= 0);
    neurons = neurons.filter((_, j) => kept[j] >= 0);
    lookup = patternsOf(directionsOf(neurons, d, true), known);
  }
  const own = neurons.every(({ u, gate }) => u === gate);
  const gates = gateSet ?? (own ? lookup : patternsOf(directionsOf(neurons, d)));
  const gateOf = placesIn(gates, lookup);
  // one vector per gate, output and sign
  const merged = new Map<string, ReluVector>();
  neurons.forEach(({ u, sign, output }, j) => {
    const index = lookup.indexOf[j];
    const gate = index < 0 ? -1 : gateOf[index];
    if (gate < 0) throw new Error('a neuron of the solution is on for no row');
    const name = `${gate} ${output} ${sign}`;
    const twin = merged.get(name);
    merged.set(name, { gate, output, sign, vector: twin === undefined ? u : twin.vector.map((x, k) => x + u[k]) });
  });
  const vectors = [...merged.values()];
  const claim = { X, penalizedCols, gates: gates.gates, datafit, beta, vectors, ...(free ? { offset } : {}) };
  const patience = many === undefined ? checkPatience : 0;
  const giveUp = (): boolean => shouldStop() && control.now() - stoppedAt! >= patience;
  const whole = certifyRelu({ ...claim, quick: solved.stopped, shouldStop, giveUp }, many && shouldStop);
  const certificate = whole ?? certifyByReach({ ...claim, fit: active!.fit, reach: many!.reach() });
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
    overall: whole === undefined,
    gates,
    neurons: distinct,
    network: networkOfNeurons(distinct, outputs, problem.X.cols, bias, offset),
    groups: vectors.map(({ gate, output, sign, vector }): Group => ({ gate, output, sign, vector })),
  };
}

/** Those of the neurons that are kept. */
function patternsWhere({ count, rows, wordsPerPattern, words }: PatternSet, keep: (j: number) => boolean): PatternSet {
  const kept = Array.from({ length: count }, (_, j) => j).filter(keep);
  const out = new Uint32Array(kept.length * wordsPerPattern);
  kept.forEach((j, k) => out.set(words.subarray(j * wordsPerPattern, (j + 1) * wordsPerPattern), k * wordsPerPattern));
  return { count: kept.length, rows, wordsPerPattern, words: out };
}

/** For each pattern of `lookup` its number among the gates, or -1. */
function placesIn(gates: GateSet, lookup: GateSet): Int32Array {
  if (gates === lookup) return Int32Array.from({ length: lookup.gates.rows }, (_, p) => p);
  const index = new PatternIndex(gates.patterns.wordsPerPattern);
  const wordsOf = ({ patterns: { words, wordsPerPattern: size } }: GateSet, p: number): Uint32Array =>
    words.subarray(p * size, (p + 1) * size);
  const last: number[] = [];
  for (let p = 0; p < gates.gates.rows; p++) last[index.add(wordsOf(gates, p)).id] = p;
  return Int32Array.from({ length: lookup.gates.rows }, (_, p) => last[index.find(wordsOf(lookup, p))] ?? -1);
}

function directionsOf(neurons: readonly SolvedNeuron[], d: number, gate = false): DenseMatrix {
  const m = denseMatrix(neurons.length, d);
  neurons.forEach((neuron, j) => m.data.set(gate ? neuron.gate : neuron.u, j * d));
  return m;
}
