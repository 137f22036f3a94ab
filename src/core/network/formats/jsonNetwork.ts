import { type DenseMatrix, denseMatrix } from '../../base/linalg/matrix.ts';
import type { TwoLayerNetwork } from '../network.ts';
import { type NamedTensor, networkOfTensors } from './namedTensors.ts';
import { NetworkError } from './networkError.ts';

/**
 * A network from JSON: `{"W1": m rows of d, "b1", "w2" (or "W2": m rows of c), "b2"}` (matrices may be transposed where the sizes show it), a
 * result file of `convexnet solve` or a certificate (their `network` is taken), a PyTorch state dict (name -> nested lists, also inside a checkpoint),
 * the weights of Keras by name or as the list of `get_weights()`, or `coefs_` and `intercepts_` of scikit-learn.
 */
export function networkOfJson(text: string, { inputs }: { readonly inputs?: number } = {}): TwoLayerNetwork {
  let json: unknown;
  try {
    json = JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text);
  } catch (error) {
    const odd = /[[,:]\s*(-?(?:NaN|Infinity))/.exec(text)?.[1];
    if (odd !== undefined)
      throw new NetworkError(`not valid JSON: the file holds ${odd}, which is not a finite number`);
    throw new NetworkError(`not valid JSON: ${(error as Error).message.slice(0, 300)}`);
  }
  if (Array.isArray(json)) return networkOfTensors(layerList(json as unknown[]), { inputs, ordered: true });
  if (!isRecord(json)) throw new NetworkError('the network must be a JSON object');
  const inner = isRecord(json.network) ? json.network : json;
  if (Array.isArray(inner.coefs_)) {
    const intercepts: unknown[] = Array.isArray(inner.intercepts_) ? inner.intercepts_ : [];
    const layers = inner.coefs_.flatMap((W: unknown, k) => (intercepts[k] === undefined ? [W] : [W, intercepts[k]]));
    return networkOfTensors(layerList(layers), { inputs, ordered: true });
  }
  if ('W1' in inner && !('mean' in inner && 'scale' in inner)) return plainNetwork(inner);
  return networkOfTensors(tensorsIn(inner), { inputs, ordered: true });
}

/** The tensors of a state dict, which may lie inside a checkpoint with other things. */
function tensorsIn(json: Record<string, unknown>): NamedTensor[] {
  const isTensor = (value: unknown): boolean =>
    Array.isArray(value) && (typeof value[0] === 'number' || Array.isArray(value[0]));
  const matrices = (record: Record<string, unknown>): number =>
    Object.values(record).filter((value) => Array.isArray(value) && Array.isArray(value[0])).length;
  const inner = matrices(json) > 0 ? json : Object.values(json).find((value) => isRecord(value) && matrices(value) > 0);
  if (!isRecord(inner)) throw new NetworkError('no "W1" and "w2", and no tensors of a state dict either');
  return Object.entries(inner)
    .filter(([, value]) => isTensor(value))
    .map(([name, value]) => tensorOfLists(name, value as unknown[]));
}

/** Weights of layers in their order, inputs x outputs each, with their biases in between. */
function layerList(list: readonly unknown[]): NamedTensor[] {
  let layer = 0;
  return list.map((value) => {
    if (!Array.isArray(value)) throw new NetworkError('a list of weights holds lists of numbers only');
    const isMatrix = Array.isArray(value[0]);
    if (isMatrix) layer++;
    return tensorOfLists(`layer ${layer}.${isMatrix ? 'kernel' : 'bias'}`, value);
  });
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function plainNetwork(json: Record<string, unknown>): TwoLayerNetwork {
  if ('gates' in json) {
    throw new NetworkError('this is a gated network ("gates" present); only ReLU networks have this certificate');
  }
  let W1 = matrixOf(json.W1, 'W1', undefined);
  // the biases say which side of the matrix the neurons are on
  const neurons = Array.isArray(json.b1) ? json.b1.length : W1.rows;
  if (neurons !== W1.rows && neurons === W1.cols) W1 = transposed(W1);
  const m = W1.rows;
  let W2: DenseMatrix;
  if ('W2' in json) {
    const given = matrixOf(json.W2, 'W2', undefined);
    W2 = given.rows !== m && given.cols === m ? transposed(given) : matrixOf(json.W2, 'W2', m);
  } else if ('w2' in json) W2 = denseMatrix(m, 1, vectorOf(json.w2, 'w2', m));
  else throw new NetworkError('w2: is missing');
  const c = W2.cols;
  const b1 = json.b1 === undefined ? new Float64Array(m) : vectorOf(json.b1, 'b1', m);
  const b2 =
    json.b2 === undefined
      ? new Float64Array(c)
      : vectorOf(typeof json.b2 === 'number' ? [json.b2] : json.b2, 'b2', m === 0 ? undefined : c);
  return { W1, b1, W2: m === 0 ? denseMatrix(0, b2.length || 1) : W2, b2: b2.length === 0 ? new Float64Array(1) : b2 };
}

function transposed(M: DenseMatrix): DenseMatrix {
  const out = denseMatrix(M.cols, M.rows);
  for (let i = 0; i < M.rows; i++) for (let j = 0; j < M.cols; j++) out.data[j * M.rows + i] = M.data[i * M.cols + j];
  return out;
}

export function numberOf(value: unknown, place: string): number {
  if (typeof value !== 'number' || !Number.isFinite(value)) {
    const shown = Array.isArray(value) ? 'a list' : isRecord(value) ? 'an object' : JSON.stringify(value)?.slice(0, 40);
    throw new NetworkError(`${place}: ${shown ?? 'nothing'} is not a finite number`);
  }
  return value;
}

export function vectorOf(value: unknown, field: string, length: number | undefined): Float64Array {
  if (!Array.isArray(value)) throw new NetworkError(`${field}: must be a list of numbers`);
  if (length !== undefined && value.length !== length) {
    throw new NetworkError(
      `${field}: has ${value.length} numbers, but there are ${length} ${field === 'b2' ? 'outputs' : 'neurons'}`,
    );
  }
  return Float64Array.from(value, (entry, i) => numberOf(entry, `${field}, entry ${i + 1}`));
}

export function matrixOf(value: unknown, field: string, rows: number | undefined): DenseMatrix {
  if (!Array.isArray(value)) throw new NetworkError(`${field}: must be a list of rows`);
  if (rows !== undefined && value.length !== rows) {
    throw new NetworkError(
      `${field}: has ${value.length} rows, but there are ${rows} neurons; it takes one row for each neuron and one column for each output`,
    );
  }
  const cols = Array.isArray(value[0]) ? value[0].length : 0;
  const out = denseMatrix(value.length, cols);
  value.forEach((row: unknown, i) => {
    if (!Array.isArray(row)) throw new NetworkError(`${field}, row ${i + 1}: must be a list of numbers`);
    if (row.length !== cols) {
      throw new NetworkError(`${field}, row ${i + 1}: has ${row.length} numbers, row 1 has ${cols}`);
    }
    row.forEach((entry: unknown, k) => {
      out.data[i * cols + k] = numberOf(entry, `${field}, row ${i + 1}, column ${k + 1}`);
    });
  });
  return out;
}

function tensorOfLists(name: string, value: unknown[]): NamedTensor {
  if (!Array.isArray(value[0])) return { name, shape: [value.length], data: vectorOf(value, name, undefined) };
  const m = matrixOf(value, name, undefined);
  return { name, shape: [m.rows, m.cols], data: m.data };
}
