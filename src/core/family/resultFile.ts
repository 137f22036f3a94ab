import * as v from 'valibot';
import { gapMatches } from '../problem/gap.ts';
import type { GlobalBound } from '../certify/global/bound.ts';
import { toRows, type DenseMatrix, denseMatrix } from '../base/linalg/matrix.ts';
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

/** n x c numbers as result files have them: n numbers for one output, else rows. */
export function columnsOf(m: DenseMatrix): number[] | number[][] {
  return m.cols === 1 ? Array.from(m.data) : toRows(m);
}

/** The bound over all networks: typed arrays as plain ones, its dual point like `dual` of the result. */
export function globalRecord(global: GlobalBound, outputs: number): Record<string, unknown> {
  const { lowerBound, relativeGap, proof, maxDualConstraint, dualPointShrink, searchEstimate, cells, methods, reason } =
    global;
  const { worstDirection, worstOuter, dual } = global;
  return {
    lowerBound,
    relativeGap,
    proof,
    maxDualConstraint,
    ...(dualPointShrink === undefined ? {} : { dualPointShrink }),
    searchEstimate,
    ...(cells === undefined ? {} : { cells }),
    ...(methods === undefined ? {} : { methods }),
    reason,
    ...(worstDirection === undefined ? {} : { worstDirection: Array.from(worstDirection) }),
    ...(worstOuter === undefined ? {} : { worstOuter: Array.from(worstOuter) }),
    ...(dual === undefined ? {} : { dual: columnsOf(denseMatrix(dual.length / outputs, outputs, dual)) }),
  };
}

/** The numbers of a result file that say how far it is proven. */
const claims = v.object({
  objective: v.number(),
  dualBound: v.number(),
  relativeGap: v.number(),
  global: v.optional(v.looseObject({ lowerBound: v.number(), relativeGap: v.number() })),
});

/**
 * The record as given, when what it claims agrees with itself: no bound above the objective, and every gap the one that `relativeGap` gives for
 * the numbers beside it.
 * @throws {RangeError} otherwise
 */
export function checkedResult<T extends Record<string, unknown>>(record: T): T {
  const { objective, dualBound, relativeGap: gap, global } = v.parse(claims, record);
  const check = (what: string, bound: number, stated: number): void => {
    if (bound <= objective && gapMatches(stated, objective, bound)) return;
    throw new RangeError(`${what} ${bound} and its gap ${stated} do not go with the objective ${objective}`);
  };
  check('the bound', dualBound, gap);
  if (global !== undefined) check('the bound over all networks', global.lowerBound, global.relativeGap);
  return record;
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
  const { global, boundDual } = solution;
  const { numberOf, gates } = gateNumbering(solution);
  return checkedResult({
    format: resultFormat,
    status: solution.status,
    objective: solution.objective,
    dualBound: solution.dualBound,
    relativeGap: solution.relativeGap,
    datafit: solution.datafit,
    penalty: solution.penalty,
    scope: solution.scope,
    ...(global === undefined ? {} : { global: globalRecord(global, solution.fit.cols) }),
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
    ...(boundDual === undefined ? {} : { dual: columnsOf(boundDual) }),
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
  });
}
