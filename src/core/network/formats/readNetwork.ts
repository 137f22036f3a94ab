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
  switch (networkFormat(bytes, name)) {
    case 'onnx':
      return networkOfOnnx(bytes);
    case 'safetensors':
      return networkOfSafetensors(bytes, place);
    case 'json':
      return networkOfJson(new TextDecoder().decode(bytes), place);
    case undefined:
      try {
        return networkOfOnnx(bytes);
      } catch (error) {
        if (!(error instanceof NetworkError) || !error.message.startsWith('not an ONNX model')) throw error;
        throw new NetworkError('not a network: neither JSON nor safetensors nor ONNX');
      }
  }
}

/** How a network file is written: by its name, and by its content where the name does not say; undefined: by neither. */
export function networkFormat(bytes: Uint8Array, name: string): 'onnx' | 'safetensors' | 'json' | undefined {
  const end = /\.(onnx|safetensors|json)$/.exec(name.toLowerCase())?.[1] as 'onnx' | 'safetensors' | 'json' | undefined;
  if (end !== undefined) return end;
  // a safetensors header starts with "{" after 8 bytes that give its length
  if (bytes.length > 8 && bytes[8] === 0x7b) {
    const header = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
    if (header <= BigInt(bytes.length - 8)) return 'safetensors';
  }
  const mark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  const first = bytes.subarray(mark).find((byte) => byte > 32);
  return first === 0x7b || first === 0x5b ? 'json' : undefined;
}
