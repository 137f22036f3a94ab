import type { GateSet } from '../../base/patterns.ts';
import type { Problem } from '../../problem/problem.ts';
import type { ChosenGates } from './gates.ts';
import type { EngineState, GatedProgram } from './program.ts';

/** What a later solve of the same data continues from. */
export interface GatedWarmStart {
  readonly kind: 'gated';
  /** What the gates were made from, by identity, so that the same gates need not be made again. */
  readonly X: Problem['X'];
  readonly bias: Problem['bias'];
  readonly arrangements: Problem['arrangements'];
  readonly chosen: ChosenGates;
  readonly outputs: number;
  readonly beta: number;
  readonly y: Problem['y'];
  readonly weights: Problem['weights'];
  readonly loss: Problem['loss'];
  readonly penalty: Problem['outputPenalty'];
  /** As certified, when the certificate was complete. */
  readonly betaMax: number | undefined;
  readonly state: EngineState;
}

/** betaMax of an earlier certificate on the same gates, targets and loss. */
export function knownBetaMax(warm: unknown, problem: Problem, chosen: ChosenGates): number | undefined {
  if (!isGatedWarmStart(warm) || warm.chosen !== chosen || warm.penalty !== problem.outputPenalty) return undefined;
  return warm.y === problem.y && warm.weights === problem.weights && warm.loss === problem.loss
    ? warm.betaMax
    : undefined;
}

/** The gates of an earlier solve when they were asked for in the same way on the same inputs. */
export function sameGates(warm: unknown, problem: Problem): ChosenGates | undefined {
  if (!isGatedWarmStart(warm) || warm.X !== problem.X || warm.bias !== problem.bias || !warm.chosen.complete)
    return undefined;
  const [a, b] = [warm.arrangements, problem.arrangements];
  const same = a.kind === 'given' || b.kind === 'given' ? a === b : JSON.stringify(a) === JSON.stringify(b);
  return same ? warm.chosen : undefined;
}

/** The state of an earlier solve, carried over by activation pattern. */
export function startFrom(warm: unknown, program: GatedProgram, gateSet: GateSet): EngineState | undefined {
  if (!isGatedWarmStart(warm)) return undefined;
  const { features: d, outputs: c, rows: n, gates: P } = program;
  if (warm.outputs !== c || warm.chosen.gateSet.gates.cols !== d || warm.state.V.length !== n * c) return undefined;
  if (warm.chosen.gateSet.patterns.rows !== n) return undefined;
  const U = new Float64Array(P * d * c);
  const size = d * c;
  const words = gateSet.patterns.wordsPerPattern;
  const key = (set: GateSet, p: number): string => set.patterns.words.subarray(p * words, (p + 1) * words).join();
  if (warm.chosen.gateSet === gateSet) U.set(warm.state.U);
  else {
    const where = new Map<string, number>();
    for (let p = 0; p < P; p++) where.set(key(gateSet, p), p);
    for (let p = 0; p < warm.chosen.gateSet.patterns.count; p++) {
      const block = warm.state.U.subarray(p * size, (p + 1) * size);
      if (block.every((u) => u === 0)) continue;
      const to = where.get(key(warm.chosen.gateSet, p));
      if (to !== undefined) U.set(block, to * size);
    }
  }
  const V = warm.state.V.slice();
  // the dual point moves roughly in proportion to beta: so scaled it is feasible again and keeps the active gates active;
  // enlarged it could leave the domain of losses that have one
  const ratio = program.beta / warm.beta;
  if (ratio < 1 || program.datafit.quadratic) for (let i = 0; i < V.length; i++) V[i] *= ratio;
  return { U, V, isWarm: true };
}

function isGatedWarmStart(warm: unknown): warm is GatedWarmStart {
  return typeof warm === 'object' && warm !== null && (warm as { kind?: unknown }).kind === 'gated';
}
