import { denseMatrix, fromRows, norm2 } from '../core/base/linalg/matrix.ts';
import { balancedLayers } from '../core/engine/linear/nuclear.ts';
import { type DeepNetwork, type LinearChain, splitBias } from '../core/network/deepNetwork.ts';
import type { TwoLayerNetwork } from '../core/network/network.ts';
import { couplesOutputs } from '../core/problem/penalties/penalties.ts';
import type { DeepRecord } from '../shared/depth.ts';
import { modelTraits } from '../shared/models.ts';
import type { RunRecord } from '../shared/run.ts';
import { biasOf } from '../core/problem/problem.ts';

/** The network of a run, on encoded inputs and targets. */
export function networkOfRun(run: RunRecord): TwoLayerNetwork {
  const { inputs, outputs } = run.resolved;
  const m = run.neurons.length;
  const gated = modelTraits(run.settings.model).patterns === 'own';
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

/**
 * The three-layer or linear network of a run, on encoded inputs and targets. The layers of a linear network follow from its map: the least
 * sum of squares of layers with that product is attained by the L-th roots of its singular values, which is what the run reports.
 */
export function deepNetworkOfRun(run: RunRecord, deep: DeepRecord): DeepNetwork {
  const { inputs, outputs, outputPenalty } = run.resolved;
  const withBias = biasOf(run.settings.bias).column;
  const offset = new Float64Array(outputs);
  if (deep.kind === 'three-layer') {
    const branches = deep.branches.map(({ W1, w2, w3, output }) => {
      const { W, b } = splitBias(fromRows(W1), withBias);
      return { W1: W, b1: b, w2: Float64Array.from(w2), w3, output };
    });
    return { kind: 'three-layer', inputs, outputs, m1: deep.m1, branches, offset };
  }
  const map = fromRows(deep.map, outputs);
  const chain = (part: typeof map, output: number): LinearChain[] => {
    if (!(norm2(part.data) > 0)) return [];
    const [first, ...rest] = balancedLayers(part, deep.depth);
    const { W, b } = splitBias(first, withBias);
    return [{ layers: [W, ...rest], b1: b, output }];
  };
  const chains =
    outputs > 1 && !couplesOutputs(outputPenalty, outputs)
      ? Array.from({ length: outputs }, (_, o) => {
          const column = deep.map.map((row) => row[o]);
          return chain(denseMatrix(map.rows, 1, Float64Array.from(column)), o);
        }).flat()
      : chain(map, -1);
  return { kind: 'linear', inputs, outputs, depth: deep.depth, chains, offset };
}
