import { distinctGates, type GateSet, patternsOfGates } from '../../base/patterns.ts';
import { certifyRelu, type ReluCertificate, type ReluVector } from '../../certify/reluCertificate.ts';
import { type DenseMatrix, denseMatrix, norm2 } from '../../base/linalg/matrix.ts';
import { type ConvexNeuron, mergeCollinear, networkOfNeurons } from '../../network/mapping.ts';
import type { TwoLayerNetwork } from '../../network/network.ts';
import { pruneNeurons } from '../../network/prune.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import { biasOf, type Problem } from '../../problem/problem.ts';
import type { Control } from '../../base/control.ts';
import type { Group } from '../solution/solution.ts';
import type { Solved, SolvedNeuron } from './reluProgram.ts';

/** Seconds that the certificate takes after a stop. */
const checkPatience = 0.06;

/** Share of all norms below which a generated neuron is rounding. */
const dust = 1e-12;

export interface Assembled {
  readonly certificate: ReluCertificate;
  readonly gates: GateSet;
  /** As few as the objective allows. */
  readonly neurons: readonly ConvexNeuron[];
  readonly network: TwoLayerNetwork;
  readonly groups: readonly Group[];
}

/** Groups, certificate and network of solved neurons, on the gates given or on those of the neurons. */
export function assemble(
  problem: Problem,
  prepared: PreparedProblem,
  solved: Solved,
  gateSet: GateSet | undefined,
  control: Control,
): Assembled {
  let stoppedAt = solved.stopped ? control.now() : undefined;
  const shouldStop = (): boolean => {
    if (stoppedAt === undefined && control.shouldStop()) stoppedAt = control.now();
    return stoppedAt !== undefined;
  };
  const { X, penalizedCols, datafit, beta, outputs, bias } = prepared;
  const d = X.cols;
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
  const patternsOf = (directions: DenseMatrix): GateSet =>
    distinctGates(X, directions, undefined, patternsOfGates(X, directions));
  let lookup = patternsOf(directionsOf(neurons, d, true));
  if (gateSet === undefined && lookup.indexOf.includes(-1)) {
    // on for no row: it pays and adds nothing; a search that was cut short leaves such neurons behind
    neurons = neurons.filter((_, j) => lookup.indexOf[j] >= 0);
    lookup = patternsOf(directionsOf(neurons, d, true));
  }
  const own = neurons.every(({ u, gate }) => u === gate);
  const gates = gateSet ?? (own ? lookup : patternsOf(directionsOf(neurons, d)));
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
