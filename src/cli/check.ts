import { checkProof, ProofError } from '../core/family/proofFile.ts';
import { type CarriedProof, carriedProof, inEncodedUnits } from '../core/network/formats/carriedProof.ts';
import { NetworkError } from '../core/network/formats/networkError.ts';
import { readNetwork } from '../core/network/formats/readNetwork.ts';
import { ProblemError } from '../core/base/problemError.ts';
import { parseProblemFile } from '../core/problem/problemFile.ts';
import { parseOptions } from './options.ts';
import { sha256 } from './proof.ts';
import { readInput, readTextInput, relatedReader } from './inputs.ts';
import { type Command, exitStatus, UsageError } from './usage.ts';

export const checkCommand: Command = {
  summary: 'check the proof file of a network, without any solver',
  help: `convexnet check NETWORK PROBLEM.json [PROOF.json]

Recomputes from the data and the network what a proof file (--certificate of train, solve and certify) states: the
objective of the network, and the lower bound over all networks of the family that follows from the dual point and the
multipliers in it. Without a proof file, the one that the network file carries (train --embed-certificate) is taken.
Accepts or rejects, and prints the gap and what rounding leaves. media/check_proof.py is the same in Python.

  --allow-paths         read files that the problem names outside its own folder, too

Exit status: 0 accepted, 2 rejected or unreadable, 1 internal error.
`,
  run(args) {
    const { values, positionals } = parseOptions(args, { 'allow-paths': { type: 'boolean' } });
    if (positionals.length !== 2 && positionals.length !== 3) {
      throw new UsageError(
        'a network file and a problem file are needed, and a proof file unless the network carries one',
        {
          showHelp: true,
        },
      );
    }
    const [network, problem, proof] = positionals;
    process.stdout.write(checkFiles({ network, problem, proof, allowPaths: values['allow-paths'] === true }));
    return Promise.resolve(exitStatus.ok);
  },
};

interface CheckedFiles {
  readonly network: string;
  readonly problem: string;
  /** Left out: the network file carries it. */
  readonly proof?: string;
  readonly allowPaths: boolean;
}

/**
 * What an accepted proof says, as text for a person.
 * @throws {UsageError} when it is rejected or a file cannot be used, naming the file
 */
export function checkFiles({ network, problem, proof, allowPaths }: CheckedFiles): string {
  const related = relatedReader(problem, { allowPaths, outputs: [] });
  try {
    const parsed = parseProblemFile(readTextInput(problem), problem, related);
    const bytes = readInput(network);
    const given = readNetwork(bytes, network, { inputs: parsed.X.cols });
    const carried: CarriedProof | undefined =
      proof === undefined ? carriedProof(bytes, network) : { proof: readTextInput(proof) };
    if (carried === undefined) throw new NetworkError('it carries no proof; name the proof file as well');
    const own = carried.scaling === undefined ? given : inEncodedUnits(given, carried.scaling);
    const check = checkProof(parsed, own, carried.proof, sha256);
    return (
      `accepted: objective ${check.objective.toPrecision(10)}, no network of the family is below ${check.lowerBound.toPrecision(10)}: ` +
      `relative gap ${Math.max(0, check.relativeGap).toPrecision(3)}\n` +
      `dual constraint ${check.constraint.toPrecision(12)} of 1, slack of the bound ${check.slack.toExponential(1)} of the objective\n`
    );
  } catch (error) {
    if (error instanceof ProofError) throw new UsageError(`${proof ?? network}: ${error.message}`);
    if (error instanceof NetworkError) throw new UsageError(`${network}: ${error.message}`);
    if (error instanceof ProblemError) throw new UsageError(error.in(problem).message);
    throw error;
  }
}
