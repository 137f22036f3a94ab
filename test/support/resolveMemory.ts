import v8 from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Kernels } from '../../src/core/base/kernels/kernels.ts';
import { prepare } from '../../src/core/problem/prepare.ts';
import type { Problem } from '../../src/core/problem/problem.ts';
import { uncontrolled } from '../../src/core/base/control.ts';
import { solve } from '../../src/core/engine/solve.ts';
import { solveThreeLayer } from '../../src/core/engine/threeLayer/solveThreeLayer.ts';

/** What is held after some re-solves and a garbage collection, in bytes. */
export interface MemoryHeld {
  readonly solves: number;
  /** By numeric arrays, which live outside the engine's heap: exact, unlike the heap with its compiled code. */
  readonly arrays: number;
  /** By objects in the heap. */
  readonly heap: number;
  readonly kernels: number;
}

/** Collects garbage until nothing more is to be had: arrays go in a later pass than the objects that hold them. */
function collectGarbage(): void {
  v8.setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc') as () => void;
  for (let pass = 0; pass < 4; pass++) gc();
}

/**
 * Solves the problem `rounds` times at each of the same betas (`perRound` of them) between 0.05 and 0.25 of betaMax, each from the last solution where the model has warm
 * starts, and tells after every round what is held. `each` is handed every solution.
 */
export function* memoryOverResolves(
  problem: Problem,
  kernels: Kernels,
  rounds: number,
  { perRound = 5, each }: { readonly perRound?: number; readonly each?: (solution: object) => void } = {},
): Generator<MemoryHeld> {
  let warm: unknown;
  const solveAt = (beta: number): { readonly betaMax?: number } => {
    const changed: Problem = { ...problem, beta };
    if (problem.model === 'three-layer') {
      return solveThreeLayer(changed, prepare(changed), { certifySeconds: 0 }, uncontrolled);
    }
    const solution = solve(changed, { kernels, warm, certifySeconds: 0 });
    ({ warm } = solution);
    return solution;
  };
  const betaMax = solveAt(1e9).betaMax!;
  for (let round = 1; round <= rounds; round++) {
    for (let k = 1; k <= perRound; k++) {
      const solution = solveAt(betaMax * (0.05 + 0.2 * ((k * 0.618) % 1)));
      each?.(solution);
    }
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    yield { solves: perRound * round, arrays: arrayBuffers, heap: heapUsed, kernels: kernels.bytesInUse };
  }
}

/**
 * Bytes of arrays held more in the second half of the readings than in the first, by the least of each half: a collection may leave for later what
 * is dead already.
 */
export function growthOfArrays(held: readonly MemoryHeld[]): number {
  const least = (part: readonly MemoryHeld[]): number => Math.min(...part.map(({ arrays }) => arrays));
  const half = held.length >> 1;
  return least(held.slice(half)) - least(held.slice(0, half));
}
