import type { Control } from '../../core/base/control.ts';
import type { Kernels } from '../../core/base/kernels/kernels.ts';
import { denseMatrix } from '../../core/base/linalg/matrix.ts';
import { certifyNetwork } from '../../core/family/certifyNetwork.ts';
import { networkOfJson } from '../../core/network/formats/jsonNetwork.ts';
import { NetworkError } from '../../core/network/formats/networkError.ts';
import type { TwoLayerNetwork } from '../../core/network/network.ts';
import { biasOf, type Problem } from '../../core/problem/problem.ts';
import type { TypedVerdict } from '../../shared/lesson.ts';

/** Most neurons that somebody may type. */
const mostNeurons = 1_000;
/** For the bound from the typed network's own dual point; the run has proven one already. */
const boundSeconds = 2;

type Shape = Pick<Problem, 'bias' | 'outputs'> & { readonly inputs: number };

/**
 * A two-layer ReLU network as somebody types it: a neuron a line, numbers with spaces or commas between them: its weights on the encoded inputs, its
 * bias (unless the problem has none), its outgoing weights. Or JSON, in any of the forms that `certify` reads.
 * @throws {NetworkError} naming the line that is none
 */
export function networkOfTyped(text: string, { bias, outputs, inputs }: Shape): TwoLayerNetwork {
  if (/^\s*[[{]/.test(text)) return networkOfJson(text, { inputs });
  const hasBias = biasOf(bias).column;
  const length = inputs + (hasBias ? 1 : 0) + outputs;
  const lines = text.split('\n').flatMap((line, k) => (line.trim() === '' ? [] : [{ line, number: k + 1 }]));
  if (lines.length > mostNeurons) throw new NetworkError(`at most ${mostNeurons} neurons can be typed`);
  const rows = lines.map(({ line, number }) => {
    const numbers = line
      .trim()
      .split(/[\s,;]+/)
      .map(Number);
    if (numbers.length !== length || !numbers.every(Number.isFinite)) {
      throw new NetworkError(
        `line ${number}: a neuron is ${length} numbers: ${inputs} weights${hasBias ? ', a bias' : ''} and ${outputs === 1 ? 'its outgoing weight' : `${outputs} outgoing weights`}`,
      );
    }
    return numbers;
  });
  const m = rows.length;
  const part = (from: number, to: number): Float64Array =>
    Float64Array.from(rows.flatMap((numbers) => numbers.slice(from, to)));
  return {
    W1: denseMatrix(m, inputs, part(0, inputs)),
    b1: hasBias ? part(inputs, inputs + 1) : new Float64Array(m),
    W2: denseMatrix(m, outputs, part(length - outputs, length)),
    b2: new Float64Array(outputs),
  };
}

/**
 * A typed network on the problem of a run, beside `proven`, a lower bound over all networks of the family that the run has proven, and the objective
 * `trained` of its network. @throws {NetworkError} when it is none of the family
 */
export function judgeTyped(
  problem: Problem,
  text: string,
  { proven, trained, kernels }: { readonly proven: number; readonly trained: number; readonly kernels?: Kernels },
  control: Control,
): TypedVerdict {
  const { bias, outputs, X } = problem;
  const network = networkOfTyped(text, { bias, outputs, inputs: X.cols });
  const found = certifyNetwork(problem, network, { seconds: boundSeconds, solve: false, kernels }, control);
  const lowerBound = Math.min(Math.max(found.lowerBound, proven), found.objective.merged);
  return {
    neurons: network.W1.rows,
    objective: found.objective.given,
    merged: found.objective.merged,
    lowerBound,
    excess: lowerBound > 0 ? found.objective.given / lowerBound - 1 : null,
    trained,
  };
}
