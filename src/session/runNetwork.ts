import { denseMatrix } from '../core/linalg/matrix.ts';
import type { TwoLayerNetwork } from '../core/network/network.ts';
import type { RunRecord } from '../shared/run.ts';

/** The network of a run, on encoded inputs and targets. */
export function networkOfRun(run: RunRecord): TwoLayerNetwork {
  const { inputs, outputs } = run.resolved;
  const m = run.neurons.length;
  const gated = run.settings.model === 'gated-relu';
  const flat = (rows: readonly (readonly number[])[], columns: number): Float64Array => {
    const out = new Float64Array(rows.length * columns);
    rows.forEach((row, i) => out.set(row, i * columns));
    return out;
  };
  return {
    W1: denseMatrix(
      m,
      inputs,
      flat(
        run.neurons.map((neuron) => neuron.weights),
        inputs,
      ),
    ),
    b1: Float64Array.from(run.neurons, (neuron) => neuron.bias),
    W2: denseMatrix(
      m,
      outputs,
      flat(
        run.neurons.map((neuron) => neuron.outer),
        outputs,
      ),
    ),
    b2: Float64Array.from(run.outputOffset ?? new Array<number>(outputs).fill(0)),
    ...(gated
      ? {
          gates: denseMatrix(
            m,
            inputs,
            flat(
              run.neurons.map((neuron) => neuron.gateDirection!.weights),
              inputs,
            ),
          ),
          gateBias: Float64Array.from(run.neurons, (neuron) => neuron.gateDirection!.bias),
        }
      : {}),
  };
}
