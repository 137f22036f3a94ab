import { createHash } from 'node:crypto';
import type { Control } from '../core/base/control.ts';
import { hardInstance } from '../core/family/hardInstance.ts';
import { ProofError, type ProofOptions, writeProof } from '../core/family/proofFile.ts';
import type { TwoLayerNetwork } from '../core/network/network.ts';
import type { Problem } from '../core/problem/problem.ts';
import { UsageError } from './usage.ts';

/** SHA-256 of bytes as hexadecimal text. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The text of a proof file; what has none is a UsageError. */
export async function proofOf(
  problem: Problem,
  network: TwoLayerNetwork,
  options: ProofOptions,
  control: Control,
): Promise<string> {
  return await refusing(() => writeProof(problem, network, options, sha256, control));
}

/** The text of the instance that the proof is stuck at, for other solvers; where there is none, a UsageError. */
export async function instanceOf(
  problem: Problem,
  network: TwoLayerNetwork,
  options: ProofOptions,
  control: Control,
): Promise<string> {
  return await refusing(() => hardInstance(problem, network, options, control));
}

async function refusing<T>(make: () => T | Promise<T>): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (error instanceof ProofError) throw new UsageError(error.message);
    throw error;
  }
}
