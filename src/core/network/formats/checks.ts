import type { TwoLayerNetwork } from '../network.ts';
import { NetworkError } from './networkError.ts';

/** No tensor of a two-layer network has more entries than this (32 GiB of doubles); sizes beyond it are damage. */
const mostEntries = 2 ** 32;

/**
 * Number of entries of a tensor.
 * @throws {NetworkError} when the shape is not a list of whole numbers from 1 on with a product within reason
 */
export function entriesOf(name: string, shape: readonly unknown[]): number {
  let count = 1;
  for (const size of shape) {
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 1) {
      throw new NetworkError(`${name}: ${JSON.stringify(size) ?? 'nothing'} is no size of a tensor`);
    }
    count *= size;
    if (count > mostEntries) throw new NetworkError(`${name}: a tensor of ${shape.join(' x ')} is too large`);
  }
  return count;
}

/** Refuses NaN and infinities. */
export function checkFinite(name: string, data: ArrayLike<number>): void {
  for (let k = 0; k < data.length; k++) {
    if (!Number.isFinite(data[k])) throw new NetworkError(`${name}, entry ${k + 1}: ${data[k]} is not a finite number`);
  }
}

/**
 * What every reader's network must be, whatever the format: sizes that fit and finite weights (constants of a graph may be finite and their
 * quotient not).
 * @throws {NetworkError}
 */
export function checkedNetwork(network: TwoLayerNetwork): TwoLayerNetwork {
  const { W1, b1, W2, b2 } = network;
  const [m, d, c] = [W1.rows, W1.cols, W2.cols];
  if (m > 0 && d < 1) throw new NetworkError('the first layer takes no inputs');
  if (c < 1) throw new NetworkError('the second layer has no outputs');
  if (W1.data.length !== m * d || b1.length !== m || W2.rows !== m || W2.data.length !== m * c || b2.length !== c) {
    throw new NetworkError(
      `the layers do not fit together: weights ${m} x ${d} and ${W2.rows} x ${c}, biases ${b1.length} and ${b2.length}`,
    );
  }
  checkFinite('first layer, weights', W1.data);
  checkFinite('first layer, biases', b1);
  checkFinite('second layer, weights', W2.data);
  checkFinite('second layer, biases', b2);
  return network;
}
