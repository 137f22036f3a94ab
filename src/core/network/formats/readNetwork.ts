import type { TwoLayerNetwork } from '../network.ts';
import { checkedNetwork } from './checks.ts';
import { networkOfJson } from './jsonNetwork.ts';
import { NetworkError } from './networkError.ts';
import { networkOfOnnx } from './readOnnx.ts';
import { networkOfSafetensors } from './safetensors.ts';

/**
 * A two-layer ReLU network from a file, whoever trained it: ONNX, safetensors, or JSON (our own formats or a PyTorch state dict), told
 * apart by the name, and by the content when the name does not say.
 * @throws {NetworkError} naming what is wrong
 */
export function readNetwork(bytes: Uint8Array, name: string): TwoLayerNetwork {
  return checkedNetwork(parse(bytes, name));
}

function parse(bytes: Uint8Array, name: string): TwoLayerNetwork {
  const lower = name.toLowerCase();
  if (lower.endsWith('.onnx')) return networkOfOnnx(bytes);
  if (lower.endsWith('.safetensors')) return networkOfSafetensors(bytes);
  if (lower.endsWith('.json')) return networkOfJson(new TextDecoder().decode(bytes));
  // a safetensors header starts with "{" after 8 bytes that give its length
  if (bytes.length > 8 && bytes[8] === 0x7b) {
    const header = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
    if (header <= BigInt(bytes.length - 8)) return networkOfSafetensors(bytes);
  }
  if (bytes.find((byte) => byte > 32) === 0x7b) return networkOfJson(new TextDecoder().decode(bytes));
  try {
    return networkOfOnnx(bytes);
  } catch (error) {
    if (!(error instanceof NetworkError) || !error.message.startsWith('not an ONNX model')) throw error;
    throw new NetworkError('not a network: neither JSON nor safetensors nor ONNX');
  }
}
