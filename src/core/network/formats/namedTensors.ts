import { denseMatrix } from '../../base/linalg/matrix.ts';
import type { TwoLayerNetwork } from '../network.ts';
import { NetworkError } from './networkError.ts';

/** A tensor of a weights file, row-major. */
export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

export interface TensorPlace {
  /** Inputs of the problem that the network is for. */
  readonly inputs?: number;
  /** Whether the order of the tensors is that of the layers. */
  readonly ordered: boolean;
}

/** Tensors that say how data were scaled, beside weights for scaled data. */
const scalingNames = new Set(['mean', 'scale']);

/**
 * The two-layer network of a PyTorch state dict: two weights of shape (m, d) and (c, m) as `torch.nn.Linear` keeps them, each with an
 * optional bias of the same prefix (`0.weight`, `0.bias`, `2.weight`, ...), or as W1, b1, W2, b2; a `kernel` (Keras) has inputs x outputs; a weight in
 * the two parts of weight normalisation is put together. Order does not matter: which one comes first follows from the shapes and the inputs of the
 * problem, where both orders fit from the names, then from the order of the file where that is one of layers.
 * @throws {NetworkError} where that leaves it open, and for tensors beyond two layers
 */
export function networkOfTensors(given: readonly NamedTensor[], place: TensorPlace): TwoLayerNetwork {
  const tensors = withoutWeightNorm(given).map((tensor) => (isKernel(tensor) ? transposedTensor(tensor) : tensor));
  const weights = tensors.filter(({ shape }) => shape.length === 2);
  const list = tensors.map(({ name, shape }) => `${name} (${shape.join(' x ')})`).join(', ');
  if (weights.length !== 2) {
    throw new NetworkError(
      `a two-layer network has two weight matrices, this file has ${weights.length}: ${list === '' ? 'no tensors' : list}`,
    );
  }
  const [first, second] = inOrder(weights[0], weights[1], place);
  const used = new Set<NamedTensor>([first, second]);
  const [b1, b2] = [first, second].map((weight) => {
    const size = weight.shape[0];
    const found = tensors.find((t) => !used.has(t) && t.name === biasName(weight.name));
    if (found === undefined) return new Float64Array(size);
    if (found.data.length !== size) {
      throw new NetworkError(`${found.name} has ${found.data.length} numbers, ${weight.name} has ${size} rows`);
    }
    used.add(found);
    return found.data;
  });
  const unknown = tensors.filter((t) => !used.has(t) && !scalingNames.has(t.name)).map(({ name }) => name);
  if (unknown.length > 0) {
    const normalised = unknown.some((name) => name.endsWith('running_var'));
    throw new NetworkError(
      `there is more in the file than two linear layers: ${unknown.join(', ')}` +
        (normalised
          ? ' (batch normalisation: fold it into the layer before it, or export the network as ONNX)'
          : ' (leave out what is not part of the network)'),
    );
  }
  const [m, d] = first.shape;
  const c = second.shape[0];
  const W2 = denseMatrix(m, c);
  for (let k = 0; k < c; k++) for (let j = 0; j < m; j++) W2.data[j * c + k] = second.data[k * m + j];
  return { W1: denseMatrix(m, d, first.data), b1, W2, b2 };
}

const isKernel = ({ name, shape }: NamedTensor): boolean => shape.length === 2 && /(^|[./ ])kernel(:0)?$/.test(name);

function biasName(weight: string): string {
  const single = /^W(\d+)$/.exec(weight);
  if (single !== null) return `b${single[1]}`;
  return weight.replace(/weight$/, 'bias').replace(/kernel(:0)?$/, 'bias$1');
}

function transposedTensor({ name, shape: [rows, cols], data }: NamedTensor): NamedTensor {
  const out = new Float64Array(data.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < cols; j++) out[j * rows + i] = data[i * cols + j];
  return { name, shape: [cols, rows], data: out };
}

/** Weight normalisation: row by row g v / ||v||. */
function withoutWeightNorm(tensors: readonly NamedTensor[]): NamedTensor[] {
  const out: NamedTensor[] = [];
  for (const tensor of tensors) {
    const match = /^(.*?)(?:weight_v|parametrizations\.weight\.original1)$/.exec(tensor.name);
    if (match === null || tensor.shape.length !== 2) {
      if (!/(weight_g|parametrizations\.weight\.original0)$/.test(tensor.name)) out.push(tensor);
      continue;
    }
    const lengths = tensors.find(
      ({ name }) => name === `${match[1]}weight_g` || name === `${match[1]}parametrizations.weight.original0`,
    );
    const [rows, cols] = tensor.shape;
    if (lengths?.data.length !== rows)
      throw new NetworkError(`${tensor.name}: the lengths of its rows are missing (weight_g)`);
    const data = Float64Array.from(tensor.data);
    for (let i = 0; i < rows; i++) {
      const row = data.subarray(i * cols, (i + 1) * cols);
      const norm = Math.hypot(...row);
      for (let j = 0; j < cols; j++) row[j] *= norm === 0 ? 0 : lengths.data[i] / norm;
    }
    out.push({ name: `${match[1]}weight`, shape: tensor.shape, data });
  }
  return out;
}

function inOrder(a: NamedTensor, b: NamedTensor, { inputs, ordered }: TensorPlace): [NamedTensor, NamedTensor] {
  const fits = (first: NamedTensor, second: NamedTensor): boolean => first.shape[0] === second.shape[1];
  const orders = [
    [a, b],
    [b, a],
  ].filter(([first, second]) => fits(first, second)) as [NamedTensor, NamedTensor][];
  if (orders.length === 0) {
    throw new NetworkError(
      `the layers do not fit together: ${a.name} is ${a.shape.join(' x ')} and ${b.name} is ${b.shape.join(' x ')}; ` +
        'the first must have as many rows as the second has columns',
    );
  }
  const forProblem = inputs === undefined ? orders : orders.filter(([first]) => first.shape[1] === inputs);
  const left = forProblem.length > 0 ? forProblem : orders;
  if (left.length === 1) return left[0];
  const named = left.filter(([first, second]) => comesFirst(first.name, second.name));
  if (named.length === 1) return named[0];
  if (ordered) return left[0];
  throw new NetworkError(
    `which of ${a.name} and ${b.name} is the first layer? Both orders fit and the names do not say it; call them 0.weight and 2.weight`,
  );
}

const early = /(^|[._])(encoder|enc|hidden|inputs?|in|first|lower)([._\d]|$)/i;
const late = /(^|[._])(decoder|dec|outputs?|out|last|final|head|readout|classifier|regressor|upper)([._\d]|$)/i;

/** Whether the names say that the first of two layers comes first: by their numbers, or by words. */
function comesFirst(first: string, second: string): boolean {
  const numbers = (name: string): number[] => (name.match(/\d+/g) ?? []).map(Number);
  const [one, two] = [numbers(first), numbers(second)];
  for (let k = 0; k < Math.max(one.length, two.length); k++) {
    const [x, y] = [one[k] ?? -1, two[k] ?? -1];
    if (x !== y) return x < y;
  }
  return (early.test(first) && !early.test(second)) || (late.test(second) && !late.test(first));
}
