import { columnOf } from '../../base/linalg/matrix.ts';
import { relativeGap } from '../../problem/gap.ts';
import type { GlobalBound } from '../../certify/global/bound.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import type { Rng } from '../../base/rng.ts';
import { type Control, withDeadline } from '../../base/control.ts';
import { boundOverAllNetworks } from '../../certify/threeLayer/dualBound.ts';
import type { Polished } from './polish.ts';
import { searchBranches } from './search.ts';

/** A branch with sum_j ||u_j|| = 1 that search found on the residual, and what it gains: sign v'(sum_j s_j (X u_j)_+)_+. */
export interface BranchFound {
  readonly value: number;
  readonly output: number;
  readonly sign: 1 | -1;
  readonly inner: Int8Array;
  readonly u: Float64Array;
}

export interface FamilyCertificate {
  readonly global: GlobalBound;
  /** Best branch of any patterns that search found; above beta it would improve the network. */
  readonly bestBranch?: BranchFound;
}

/** Share of the time that the search for a better branch may take, and its random starts per output. */
const searchShare = 0.3;
const searchStarts = 40;

/**
 * What is known about all three-layer networks with m1 inner neurons a branch, given one of them: a search for a branch that violates the dual
 * constraint M3(v) <= beta (which would improve the network), and a proven lower bound. Takes about `seconds`.
 */
export function certifyFamily(
  prepared: PreparedProblem,
  m1: number,
  network: Polished,
  seconds: number,
  rng: Rng,
  control: Control,
): FamilyCertificate {
  const { beta, tolerance } = prepared;
  const started = control.now();
  const bestBranch = searchBetter(prepared, m1, network, rng, withDeadline(control, searchShare * seconds));
  const left = Math.max(0, seconds - (control.now() - started));
  const family = boundOverAllNetworks(prepared, m1, network.fit.data, left, control);
  const lowerBound = Math.min(family.lowerBound, network.objective);
  return {
    global: {
      lowerBound,
      relativeGap: relativeGap(network.objective, lowerBound),
      dual: family.dual,
      proof: family.dualMaximum <= beta * (1 + 0.2 * tolerance) ? 'exact' : 'bound',
      maxDualConstraint: family.dualMaximum,
      searchEstimate: bestBranch?.value ?? 0,
      ...(family.shrink === 1 ? {} : { dualPointShrink: family.shrink }),
      reason: family.reason,
    },
    ...(bestBranch === undefined ? {} : { bestBranch }),
  };
}

function searchBetter(
  { X, datafit, outputs }: PreparedProblem,
  m1: number,
  { fit, vectors }: Polished,
  rng: Rng,
  control: Control,
): BranchFound | undefined {
  const V = new Float64Array(X.rows * outputs);
  datafit.dualPoint(fit.data, V);
  let best: BranchFound | undefined;
  for (let output = 0; output < outputs; output++) {
    const present = vectors.filter((vector) => vector.output === output);
    const v = columnOf(V, outputs, output);
    const [top] = searchBranches(X, v, m1, { starts: searchStarts, present }, rng.fork(`output ${output}`), () =>
      control.shouldStop(),
    );
    if (top !== undefined && top.value > (best?.value ?? 0)) best = { ...top, output };
  }
  return best;
}
