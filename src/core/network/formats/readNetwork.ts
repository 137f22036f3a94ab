import type { TwoLayerNetwork } from '../network.ts';
import { checkedNetwork } from './checks.ts';
import { networkOfJson } from './jsonNetwork.ts';
import { NetworkError } from './networkError.ts';
import { networkOfOnnx } from './readOnnx.ts';
import { networkOfSafetensors } from './safetensors.ts';

export interface NetworkPlace {
  /** Inputs of the problem that the network is for: settles which layer comes first where both orders fit. */
  readonly inputs?: number;
}

/** Archives and pickles of PyTorch, which are programs. */
const isTorchFile = (bytes: Uint8Array, lower: string): boolean =>
  /\.(pt|pth|ckpt|bin)$/.test(lower) && ((bytes[0] === 0x50 && bytes[1] === 0x4b) || bytes[0] === 0x80);

/**
 * A two-layer ReLU network from a file, whoever trained it: ONNX, safetensors, or JSON (our own formats, a PyTorch state dict, weights of Keras or scikit-learn), told
 * apart by the name, and by the content when the name does not say.
 * @throws {NetworkError} naming what is wrong
 */
export function readNetwork(bytes: Uint8Array, name: string, place: NetworkPlace = {}): TwoLayerNetwork {
  return checkedNetwork(parse(bytes, name, place));
}

function parse(bytes: Uint8Array, name: string, place: NetworkPlace): TwoLayerNetwork {
  const lower = name.toLowerCase();
  if (isTorchFile(bytes, lower)) {
    throw new NetworkError(
      'a PyTorch checkpoint is a program and is not run here; write its weights as JSON: ' +
        `python -c "import torch, json; s = torch.load('FILE', map_location='cpu'); s = s.state_dict() if hasattr(s, 'state_dict') else s; ` +
        `s = s.get('model_state_dict', s.get('state_dict', s)); json.dump({k: v.tolist() for k, v in s.items()}, open('net.json', 'w'))"`,
    );
  }
  if (lower.endsWith('.onnx')) return networkOfOnnx(bytes);
  if (lower.endsWith('.safetensors')) return networkOfSafetensors(bytes, place);
  if (lower.endsWith('.json')) return networkOfJson(new TextDecoder().decode(bytes), place);
  // a safetensors header starts with "{" after 8 bytes that give its length
  if (bytes.length > 8 && bytes[8] === 0x7b) {
    const header = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
    if (header <= BigInt(bytes.length - 8)) return networkOfSafetensors(bytes, place);
  }
  const first = bytes.find((byte) => byte > 32);
  if (first === 0x7b || first === 0x5b) return networkOfJson(new TextDecoder().decode(bytes), place);
  try {
    return networkOfOnnx(bytes);
  } catch (error) {
    if (!(error instanceof NetworkError) || !error.message.startsWith('not an ONNX model')) throw error;
    throw new NetworkError('not a network: neither JSON nor safetensors nor ONNX');
  }
}
