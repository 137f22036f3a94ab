import { frobenius } from './frobenius.ts';
import { nuclear } from './nuclear.ts';
import type { BlockPenalty, Penalty } from './penalty.ts';
import { perOutput } from './perOutput.ts';
import { namedEntry, namesOf } from '../../base/registry.ts';

/** Every penalty there is, by the name it has in problem files, settings and records. */
const penalties = { 'per-output': perOutput, frobenius, nuclear } as const satisfies Record<string, Penalty>;

export type OutputPenalty = keyof typeof penalties;

export const penaltyNames = namesOf(penalties);

/**
 * A penalty by its name.
 * @throws {ProblemError} naming the penalties there are, when it is none of them
 */
export function penaltyOf(name: OutputPenalty): Penalty {
  return namedEntry(penalties, name, 'outputPenalty');
}

/**
 * The penalty of a kind for d x c blocks.
 * @throws {ProblemError} when there is no such penalty
 */
export function createPenalty(kind: OutputPenalty, features: number, outputs: number): BlockPenalty {
  return penaltyOf(kind).block(features, outputs);
}

/**
 * Whether neurons feed several outputs: with one output no penalty couples any.
 * @throws {ProblemError} when there is no such penalty
 */
export function couplesOutputs(kind: OutputPenalty, outputs: number): boolean {
  return penaltyOf(kind).joint && outputs > 1;
}
