import { toRows } from '../base/linalg/matrix.ts';
import type { TwoLayerNetwork } from '../network/network.ts';
import type { Solution } from '../engine/solution/solution.ts';

export const resultFormat = 'convexnet-result/1';

/** A network as problem results and `certify` write it: one output uses `w2`, several use rows of `W2`. */
export function networkRecord(network: TwoLayerNetwork): Record<string, unknown> {
  const { W1, b1, W2, b2, gates, gateBias } = network;
  return {
    W1: toRows(W1),
    b1: Array.from(b1),
    ...(W2.cols === 1 ? { w2: Array.from(W2.data) } : { W2: toRows(W2) }),
    b2: W2.cols === 1 ? b2[0] : Array.from(b2),
    ...(gates === undefined ? {} : { gates: toRows(gates), gateBias: Array.from(gateBias ?? b1.map(() => 0)) }),
  };
}

/** Renumbers the gates of the groups: as in the problem file when it listed gates, else into the list of gates in use that is returned. */
function gateNumbering(solution: Solution): {
  readonly numberOf: (gate: number) => number;
  readonly gates?: number[][];
} {
  const { gates, groups, gateSource, scope } = solution;
  if (scope === 'given-gates' && gateSource !== undefined) {
    return { numberOf: (gate) => (gate < 0 ? -1 : gateSource[gate]) };
  }
  const used = [...new Set(groups.map(({ gate }) => gate))].filter((gate) => gate >= 0).sort((a, b) => a - b);
  const numbers = new Map(used.map((gate, k) => [gate, k]));
  return {
    numberOf: (gate) => numbers.get(gate) ?? -1,
    gates: used.map((gate) => Array.from(gates.data.subarray(gate * gates.cols, (gate + 1) * gates.cols))),
  };
}

/**
 * The result file of a solution: plain JSON, numbers in full precision. A group's `gate` counts from 0 in the gates of the problem file, or
 * in the result's own `gates` when the problem listed none; -1: a generated neuron that belongs to no listed gate.
 */
export function resultRecord(solution: Solution): Record<string, unknown> {
  const { global, dual } = solution;
  const { numberOf, gates } = gateNumbering(solution);
  return {
    format: resultFormat,
    status: solution.status,
    objective: solution.objective,
    dualBound: solution.dualBound,
    relativeGap: solution.relativeGap,
    datafit: solution.datafit,
    penalty: solution.penalty,
    scope: solution.scope,
    ...(global === undefined
      ? {}
      : {
          global: {
            ...global,
            ...(global.worstDirection === undefined ? {} : { worstDirection: Array.from(global.worstDirection) }),
            ...(global.worstOuter === undefined ? {} : { worstOuter: Array.from(global.worstOuter) }),
          },
        }),
    groups: solution.groups.map(({ gate, output, sign, vector }) => ({
      gate: numberOf(gate),
      output,
      sign,
      vector: Array.from(vector),
    })),
    ...(gates === undefined ? {} : { gates }),
    network: networkRecord(solution.network),
    networkObjective: solution.networkObjective,
    ...(solution.optimalSet === undefined ? {} : { optimalSet: solution.optimalSet }),
    dual: dual.cols === 1 ? Array.from(dual.data) : toRows(dual),
    betaMax: solution.betaMax,
    ...(solution.betaMaxUpper === undefined ? {} : { betaMaxUpper: solution.betaMaxUpper }),
    kkt: solution.kkt,
    gatesInPlay: solution.gates.rows,
    gatesRequested: solution.requestedGates,
    gatesRemoved: solution.duplicateGates,
    iterations: solution.iterations,
    seconds: solution.seconds,
    method: solution.method,
    threads: solution.threads,
  };
}
