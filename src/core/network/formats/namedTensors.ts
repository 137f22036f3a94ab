import { denseMatrix } from '../../base/linalg/matrix.ts';
import type { TwoLayerNetwork } from '../network.ts';
import { NetworkError } from './networkError.ts';

/** A tensor of a weights file, row-major. */
export interface NamedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/**
 * The two-layer network of a PyTorch state dict: two weights of shape (m, d) and (c, m) as `torch.nn.Linear` keeps them, each with an
 * optional bias of the same prefix (`0.weight`, `0.bias`, `2.weight`, ...). Order does not matter; which one comes first follows from the shapes, and
 * from the order where both fit.
 */
export function networkOfTensors(tensors: readonly NamedTensor[]): TwoLayerNetwork {
  const weights = tensors.filter(({ shape }) => shape.length === 2);
  const list = tensors.map(({ name, shape }) => `${name} (${shape.join(' x ')})`).join(', ');
  if (weights.length !== 2) {
    throw new NetworkError(
      `a two-layer network has two weight matrices, this file has ${weights.length}: ${list === '' ? 'no tensors' : list}`,
    );
  }
  const fits = (first: NamedTensor, second: NamedTensor): boolean => first.shape[0] === second.shape[1];
  const [a, b] = weights;
  const [first, second] = fits(a, b) ? [a, b] : [b, a];
  if (!fits(first, second)) {
    throw new NetworkError(
      `the layers do not fit together: ${a.name} is ${a.shape.join(' x ')} and ${b.name} is ${b.shape.join(' x ')}; ` +
        'the first must have as many rows as the second has columns',
    );
  }
  const used = new Set<NamedTensor>([first, second]);
  const biasOf = (weight: NamedTensor): Float64Array => {
    const size = weight.shape[0];
    const prefix = weight.name.replace(/weight$/, '');
    const found = tensors.find((t) => !used.has(t) && t.name === `${prefix}bias`);
    if (found === undefined) return new Float64Array(size);
    if (found.data.length !== size) {
      throw new NetworkError(`${found.name} has ${found.data.length} numbers, ${weight.name} has ${size} rows`);
    }
    used.add(found);
    return found.data;
  };
  const [b1, b2] = [biasOf(first), biasOf(second)];
  const unknown = tensors.filter((t) => !used.has(t));
  if (unknown.length > 0) {
    throw new NetworkError(
      `there is more in the file than two linear layers: ${unknown.map(({ name }) => name).join(', ')}`,
    );
  }
  const [m, d] = first.shape;
  const c = second.shape[0];
  const W2 = denseMatrix(m, c);
  for (let k = 0; k < c; k++) for (let j = 0; j < m; j++) W2.data[j * c + k] = second.data[k * m + j];
  return { W1: denseMatrix(m, d, first.data), b1, W2, b2 };
}
