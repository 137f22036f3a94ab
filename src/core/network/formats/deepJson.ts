import { denseMatrix, type DenseMatrix } from '../../base/linalg/matrix.ts';
import type { DeepBranch, DeepNetwork, LinearChain } from '../deepNetwork.ts';
import { isRecord, matrixOf, numberOf, vectorOf } from './jsonNetwork.ts';
import { NetworkError } from './networkError.ts';

/**
 * A three-layer network (`"branches"`: a list of {W1: inputs x m1, b1, w2, w3, output}) or a linear one (`"chains"`: a list of {layers, b1, output})
 * from the JSON that an export of such a run writes, on encoded inputs; undefined when the text holds neither.
 * @throws {NetworkError} naming the place that is wrong
 */
export function deepNetworkOfJson(text: string): DeepNetwork | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text);
  } catch {
    return undefined;
  }
  if (!isRecord(json) || (!Array.isArray(json.branches) && !Array.isArray(json.chains))) return undefined;
  const inputs = countOf(json.inputs, 'inputs');
  const outputs = countOf(json.outputs, 'outputs');
  const offset = json.offset === undefined ? new Float64Array(outputs) : vectorOf(json.offset, 'offset', undefined);
  if (offset.length !== outputs) throw new NetworkError(`offset: has ${offset.length} numbers for ${outputs} outputs`);
  if (Array.isArray(json.branches)) {
    const m1 = countOf(json.m1, 'm1');
    const branches = json.branches.map((entry: unknown, k): DeepBranch => {
      const place = `branches, entry ${k + 1}`;
      if (!isRecord(entry)) throw new NetworkError(`${place}: must be an object`);
      return {
        W1: sized(entry.W1, `${place}, W1`, inputs, m1),
        b1: biasOf(entry.b1, `${place}, b1`, m1),
        w2: vectorOf(entry.w2, `${place}, w2`, m1),
        w3: numberOf(entry.w3, `${place}, w3`),
        output: entry.output === undefined && outputs === 1 ? 0 : outputOf(entry.output, `${place}, output`, outputs),
      };
    });
    return { kind: 'three-layer', inputs, outputs, m1, branches, offset };
  }
  const depth = countOf(json.depth, 'depth');
  const chains = (json.chains as unknown[]).map((entry, k): LinearChain => {
    const place = `chains, entry ${k + 1}`;
    if (!isRecord(entry) || !Array.isArray(entry.layers)) throw new NetworkError(`${place}: needs "layers", a list`);
    if (entry.layers.length !== depth || depth < 2)
      throw new NetworkError(`${place}: has ${entry.layers.length} layers, but depth is ${depth} (at least 2)`);
    const output = entry.output === undefined ? -1 : outputOf(entry.output, `${place}, output`, outputs);
    let rows = inputs;
    const layers = entry.layers.map((layer: unknown, l) => {
      const where = `${place}, layer ${l + 1}`;
      const W = sized(layer, where, rows, l === depth - 1 ? (output < 0 ? outputs : 1) : undefined);
      rows = W.cols;
      return W;
    });
    return { layers, b1: biasOf(entry.b1, `${place}, b1`, layers[0].cols), output };
  });
  return { kind: 'linear', inputs, outputs, depth, chains, offset };
}

/** No network has more inputs, outputs, neurons of a layer or layers. */
const mostOfAnything = 1_000_000;

function countOf(value: unknown, place: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > mostOfAnything)
    throw new NetworkError(`${place}: must be a whole number from 1 to ${mostOfAnything}`);
  return value;
}

function outputOf(value: unknown, place: string, outputs: number): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value >= outputs)
    throw new NetworkError(`${place}: must be a whole number from 0 to ${outputs - 1}`);
  return value;
}

function biasOf(value: unknown, place: string, length: number): Float64Array {
  return value === undefined ? new Float64Array(length) : vectorOf(value, place, length);
}

function sized(value: unknown, place: string, rows: number, cols: number | undefined): DenseMatrix {
  const W = matrixOf(value, place, undefined);
  if (W.rows !== rows || (cols !== undefined && W.cols !== cols)) {
    throw new NetworkError(`${place}: is ${W.rows} x ${W.cols}, not ${rows} x ${cols ?? 'any'}`);
  }
  return W.data.length === 0 ? denseMatrix(W.rows, W.cols) : W;
}
