import type { PreparedProblem } from '../../problem/prepare.ts';
import type { Problem } from '../../problem/problem.ts';
import type { Rng } from '../../base/rng.ts';
import type { Control } from '../../base/control.ts';
import { solve } from '../solve.ts';
import { evaluateBranches, type Polished, polishBranches } from './polish.ts';
import { searchBranches } from './search.ts';
import type { SubVector } from '../../network/threeLayer/subNetwork.ts';
import { interiorTuple, TupleSet } from '../../network/threeLayer/tuple.ts';
import { columnOf } from '../../base/linalg/matrix.ts';
import type { TupleProgram } from './workingSet.ts';

export interface Generated {
  readonly network: Polished;
  /** Search found no branch that violates the dual constraint any more, and the program over all tuples seen is solved. */
  readonly closed: boolean;
  readonly twoLayerBetaMax: number;
}

interface Generation {
  readonly problem: Problem;
  readonly prepared: PreparedProblem;
  readonly m1: number;
  /** Best network known beforehand, if any. */
  readonly known: Polished | undefined;
  readonly rng: Rng;
  readonly program: TupleProgram;
  /** Collects every tuple that was in play. */
  readonly pool: TupleSet;
  readonly control: Control;
}

const generationRounds = 40;
const newPerRound = 8;

/**
 * Tuples from the dual instead of blind sampling: starts from the two-layer optimum (a special case) or a better network that is known; then, as
 * long as search finds a branch that violates the dual constraint, optimises over the tuples of the present branches and of the violators.
 */
export function generate({ problem, prepared, m1, known, rng, program, pool, control }: Generation): Generated {
  const { X, datafit, beta, outputs } = prepared;
  const stop = (): boolean => control.shouldStop();
  const quiet: Control = { shouldStop: stop, now: () => control.now() };
  const two = solve({ ...problem, model: 'relu', hidden: undefined }, { certifySeconds: 0 }, quiet);
  const { betaMax: twoLayerBetaMax = 0 } = two;
  const inner = Int8Array.from({ length: m1 }, (_, j) => (j === 0 ? 1 : -1));
  const plain: SubVector[] = two.groups.map(({ vector, sign, output }) => {
    const u = new Float64Array(m1 * X.cols);
    u.set(vector);
    return { u, inner, sign, output: Math.max(0, output) };
  });
  let network = evaluateBranches(prepared, m1, plain);
  if (known !== undefined && known.objective < network.objective) network = known;
  const V = new Float64Array(X.rows * outputs);
  let idle = 0;
  for (let round = 0; round < generationRounds && !stop(); round++) {
    datafit.dualPoint(network.fit.data, V);
    const set = new TupleSet();
    const play = (vectors: readonly { readonly u: Float64Array; readonly inner: Int8Array }[]): void => {
      for (const { u, inner: signs } of vectors) {
        const tuple = interiorTuple(X, signs, u, rng);
        set.add(tuple);
        pool.add(tuple);
      }
    };
    play(network.vectors);
    const before = set.list.length;
    let worst = 0;
    for (let k = 0; k < outputs; k++) {
      const v = columnOf(V, outputs, k);
      const present = network.vectors.filter(({ output }) => output === k);
      const found = searchBranches(X, v, m1, { starts: 30, present }, rng.fork(`search ${round} ${k}`), stop);
      worst = Math.max(worst, found[0]?.value ?? 0);
      for (const ascent of found) {
        if (ascent.value <= beta * (1 + 0.5 * prepared.tolerance) || set.list.length - before >= newPerRound * (k + 1))
          break;
        play([ascent]);
      }
    }
    if (stop()) break;
    // Nothing found, or nothing that helped for some rounds: then every tuple seen so far must agree before the search is believed.
    const settled = worst <= beta * (1 + 0.5 * prepared.tolerance) || idle >= 4;
    const { ended, interior } = program.optimizeOver(settled ? pool.list : set.list);
    if (stop()) break;
    const next = polishBranches(prepared, m1, interior, quiet);
    const better = next.objective < network.objective - 1e-9 * Math.abs(network.objective);
    if (next.objective < network.objective) network = next;
    if (settled && !better) return { network, closed: ended === 'optimal', twoLayerBetaMax };
    idle = better ? 0 : idle + 1;
  }
  return { network, closed: false, twoLayerBetaMax };
}
