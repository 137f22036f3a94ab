import type { ActiveNeurons } from './activeNeurons.ts';
import type { NewtonSystem } from './kinkSystem.ts';
import { systemOfNeurons } from './neuronSystem.ts';
import { systemOfRows } from './rowSystem.ts';

/** The system is solved in the rows when it is larger than this many times their number. */
const rowsPay = 1.2;

/**
 * The Newton matrix of the objective at the Hessian H of the loss (n blocks of c x c), rows on held kinks left out, on steps that keep
 * the held classes which are not loose; the curvature of the penalty taken 1 + `damping` times: directions turn less, lengths are as free as before. Undefined when stopped.
 */
export function newtonSystem(
  state: ActiveNeurons,
  H: Float64Array,
  damping: number,
  shouldStop: () => boolean,
): NewtonSystem | undefined {
  const { neurons, d, c, n, problem } = state;
  let size = problem.offset ? c : 0;
  neurons.forEach((neuron, j) => {
    neuron.at = j * d;
    size += d - neuron.held.length + neuron.loose.length;
  });
  const plain = !problem.offset && problem.penalizedCols === d;
  return plain && size > rowsPay * n * problem.datafit.factorCols && neurons.every(({ norm }) => norm > 0)
    ? systemOfRows(state, damping, shouldStop)
    : systemOfNeurons(state, H, damping, shouldStop);
}
