import { conicInstance } from '../certify/conic/cbf.ts';
import { unitLines } from '../certify/conic/lines.ts';
import { lineLoads } from '../certify/conic/majorant.ts';
import type { Control } from '../base/control.ts';
import type { TwoLayerNetwork } from '../network/network.ts';
import type { Problem } from '../problem/problem.ts';
import { conicPoint, type ProofOptions } from './proofFile.ts';

/**
 * What a proof over all two-layer ReLU networks is stuck at, as a text in the Conic Benchmark Format for other solvers: the relaxed maximum of |v'(Xu)_+| over
 * unit neurons for the dual point of the proof, of that output and sign whose proven bound is largest. See `conicInstance` for the program; comment lines say
 * which output it is, what is proven of its value, and what it is compared with.
 * @throws {ProofError} when the relaxation does not apply to the problem, or was stopped before it had a bound
 */
export function hardInstance(
  problem: Problem,
  network: TwoLayerNetwork,
  options: ProofOptions,
  control: Control,
): string {
  const { prepared, bound } = conicPoint(problem, network, options, control);
  const hardest = bound.parts.reduce((a, b) => (b.top > a.top ? b : a));
  const { outputs, beta } = prepared;
  const v = Float64Array.from(
    { length: problem.X.rows },
    (_, i) => hardest.sign * bound.V[i * outputs + hardest.output],
  );
  const lines = unitLines(prepared.X, prepared.penalizedCols);
  const comments = [
    `maximum of h(u) = v'(Xu)_+ over unit u, relaxed; v = ${hardest.sign} times column ${hardest.output + 1} of ${outputs} of a dual point`,
    `proven here: at most ${hardest.top}; the dual point asks for at most beta = ${beta}`,
    'what exceeds beta costs the bound: the dual point counts after division by the maximum over beta',
  ];
  return `${comments.map((line) => `# ${line}\n`).join('')}${conicInstance(lines, lineLoads(lines, v))}`;
}
