import { globalBound, type GlobalBoundDetails } from '../../certify/global/globalBound.ts';
import { denseMatrix } from '../../base/linalg/matrix.ts';
import type { Kernels } from '../../base/kernels/kernels.ts';
import type { Control, ProofMethod } from '../../base/control.ts';
import type { ConvexNeuron } from '../../network/mapping.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';

/** Relative violation of the dual constraint that still makes a direction worth inserting. */
export const insertTolerance = 1e-9;

const mostRounds = 8;

/** A network that a bound over all networks is to be proven beside. */
export interface Provable {
  readonly objective: number;
  /** n x c: -gradient of the datafit at its fit. */
  readonly dual: Float64Array;
  /** Its directions, on effective inputs. */
  readonly directions: readonly ArrayLike<number>[];
  /** The same as convex neurons, where every neuron feeds one output. */
  readonly neurons?: readonly ConvexNeuron[];
  readonly iterations: number;
}

export interface ProofOptions {
  readonly seconds: number;
  /** When the solve began, by the clock of the control. */
  readonly begin: number;
  readonly kernels: Kernels | undefined;
}

/** A network with what the direction that breaks the bound most brings, or one without. */
type Improve = (proof: GlobalBoundDetails & { readonly worstDirection: Float64Array }, round: number) => Provable;

/**
 * Proves a bound over all networks, within `seconds` in all. Where the proof meets a direction that improves the network, `improve` (where given) inserts it and
 * returns the better network, beside which the proof begins anew. `limited` ends the improving, `proving` all.
 */
export function proveInRounds(
  prepared: PreparedProblem,
  network: Provable,
  improve: Improve | undefined,
  { seconds, begin, kernels }: ProofOptions,
  limited: Control,
  proving: Control,
): GlobalBoundDetails {
  const end = limited.now() + seconds;
  let proof: GlobalBoundDetails | undefined;
  const onBound = (dualBound: number, method?: ProofMethod): void =>
    proving.report?.({
      iteration: network.iterations,
      seconds: proving.now() - begin,
      objective: network.objective,
      dualBound,
      active: network.directions.length,
      phase: 'proving',
      proving: true,
      ...(method === undefined ? {} : { method }),
    });
  for (let round = 0; ; round++) {
    const { objective, dual, directions, neurons } = network;
    onBound(proof?.lowerBound ?? 0);
    const last = round === mostRounds - 1;
    proof = globalBound(
      prepared,
      denseMatrix(prepared.X.rows, prepared.outputs, dual),
      objective,
      {
        seconds: Math.max(0, end - limited.now()),
        candidates: directions,
        network: neurons,
        seed: 1,
        kernels,
        untilImproved: improve !== undefined && !last,
        onBound,
      },
      proving,
    );
    const improving = proof.bracket.lower > prepared.beta * (1 + insertTolerance);
    const { worstDirection } = proof;
    if (improve === undefined || !improving || worstDirection === undefined || last || limited.shouldStop())
      return proof;
    network = improve({ ...proof, worstDirection }, round);
  }
}
