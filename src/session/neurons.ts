import { onCount } from '../core/base/patterns.ts';
import type { PreparedData } from '../core/data/prepareData.ts';
import { inOriginalUnits } from '../core/network/formats/originalUnits.ts';
import { dot, norm2, rowOf } from '../core/base/linalg/matrix.ts';
import type { Solution } from '../core/engine/solution/solution.ts';
import type { GateRecord, NeuronRecord } from '../shared/run.ts';
import type { Activity } from './activity.ts';
import { encodePattern } from '../shared/bits.ts';

/**
 * Index into the solution's gates that each neuron belongs to: its own gate vector for gated networks; for ReLU the gate of the
 * group with the same output, sign and direction (feeding all outputs: the same block). -1 when there is none (merged or generated neurons).
 */
export function gatesOfNeurons(solution: Solution): Int32Array {
  const { network, groups, gates } = solution;
  const m = network.W1.rows;
  const d = network.W1.cols;
  const out = new Int32Array(m).fill(-1);
  const effective = gates.cols;
  const vector = new Float64Array(effective);
  // candidates by their first coordinate: comparing every pair takes longer than the rest of a record
  const byFirst = new Map<number, number[]>();
  for (let p = 0; p < gates.rows && network.gates !== undefined; p++) {
    const first = gates.data[p * effective];
    byFirst.set(first, [...(byFirst.get(first) ?? []), p]);
  }
  for (let j = 0; j < m; j++) {
    const [W, b] = network.gates === undefined ? [network.W1, network.b1] : [network.gates, network.gateBias];
    vector.fill(0);
    vector.set(rowOf(W, j));
    if (effective > d) vector[d] = b?.[j] ?? 0;
    if (network.gates !== undefined) {
      const same = (p: number): boolean => rowOf(gates, p).every((value, k) => value === vector[k]);
      out[j] = byFirst.get(vector[0])?.find(same) ?? -1;
      continue;
    }
    const outer = rowOf(network.W2, j);
    // a neuron that feeds all outputs is the block w a' of its group
    const block = Float64Array.from({ length: effective * outer.length }, (_, k) => {
      return vector[Math.floor(k / outer.length)] * outer[k % outer.length];
    });
    let best = 1 - 1e-9;
    for (const group of groups) {
      if (group.output >= 0 && outer[group.output] * group.sign <= 0) continue;
      const own = group.output < 0 ? block : vector;
      const cosine = dot(group.vector, own) / (norm2(group.vector) * norm2(own));
      if (cosine > best) {
        best = cosine;
        out[j] = group.gate;
      }
    }
  }
  return out;
}

/** The neurons of a solution, on all rows of the data, largest share of the fit first; `gateOf` by `gatesOfNeurons`. */
export function neuronRecords(
  solution: Solution,
  data: PreparedData,
  { on, energy }: Activity,
  gateOf: Int32Array,
): NeuronRecord[] {
  const { network } = solution;
  const { scaling } = data;
  const m = network.W1.rows;
  const d = network.W1.cols;
  const c = network.W2.cols;
  const original = inOriginalUnits(network, scaling);

  // Size of each neuron's contribution to the outputs on the training rows.
  const size = energy.map((sum, j) => Math.sqrt(sum) * norm2(rowOf(network.W2, j)));
  const total = size.reduce((sum, value) => sum + value, 0);

  const records = Array.from({ length: m }, (_, j) => {
    const outer = rowOf(network.W2, j);
    const feeds = Array.from(outer.keys()).filter((o) => outer[o] !== 0);
    const strongest = outer.reduce((best, value) => (Math.abs(value) > Math.abs(best) ? value : best), 0);
    const inner = Math.sqrt(dot(rowOf(network.W1, j), rowOf(network.W1, j)) + network.b1[j] ** 2);
    return {
      gate: gateOf[j],
      sign: strongest < 0 ? (-1 as const) : (1 as const),
      output: feeds.length === 1 ? feeds[0] : -1,
      weights: Array.from(rowOf(network.W1, j)),
      bias: network.b1[j],
      outer: Array.from(outer),
      ...(network.gates === undefined
        ? {}
        : {
            gateDirection: { weights: Array.from(rowOf(network.gates, j)), bias: network.gateBias?.[j] ?? 0 },
          }),
      norm: inner * norm2(outer),
      share: total > 0 ? size[j] / total : 0,
      original: {
        weights: Array.from({ length: c }, (_, o) =>
          Array.from({ length: d }, (_, k) => original.W2.data[j * c + o] * original.W1.data[j * d + k]),
        ),
        offset: Array.from({ length: c }, (_, o) => original.W2.data[j * c + o] * original.b1[j]),
      },
      on: encodePattern(on, j),
      onCount: onCount(on, j),
      ...(solution.optimalSet === undefined ? {} : { presence: solution.optimalSet.presence[j] }),
    };
  });
  return records.sort((a, b) => b.share - a.share || b.norm - a.norm).map((record, id) => ({ id, ...record }));
}

/** The dual constraint, group norm and size of every gate that was in play. */
export function gateRecord({ gates, patterns, ...solution }: Solution): GateRecord {
  const norm = new Float64Array(gates.rows);
  for (const group of solution.groups) if (group.gate >= 0) norm[group.gate] += norm2(group.vector);
  return {
    count: gates.rows,
    requested: solution.requestedGates,
    duplicates: solution.duplicateGates,
    constraint: Array.from(solution.gateConstraint),
    norm: Array.from(norm),
    onCount: Array.from(norm, (_, p) => onCount(patterns, p)),
  };
}
