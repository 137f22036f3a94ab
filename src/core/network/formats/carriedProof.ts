import * as v from 'valibot';
import { denseMatrix } from '../../base/linalg/matrix.ts';
import type { Scaling } from '../../data/scaling.ts';
import type { TwoLayerNetwork } from '../network.ts';
import { NetworkError } from './networkError.ts';
import { readMessage } from './protobufReader.ts';
import { networkFormat } from './readNetwork.ts';

/** Name of the metadata entry of an ONNX model that carries a proof. */
export const proofEntry = 'convexnet.proof';

/** Means and scales of inputs and target: ONNX networks take original units, while a proof is about the encoded problem. */
export interface CarriedScaling {
  readonly inputs: readonly { readonly mean: number; readonly scale: number }[];
  readonly target: { readonly mean: number; readonly scale: number };
}

const affine = v.object({ mean: v.pipe(v.number(), v.finite()), scale: v.pipe(v.number(), v.gtValue(0), v.finite()) });
const entrySchema = v.object({ scaling: v.object({ inputs: v.array(affine), target: affine }), proof: v.string() });

/**
 * The metadata entry of an ONNX model in original units that carries a proof file.
 * @throws {NetworkError} for whitened inputs, whose map is no part of the entry
 */
export function carriedInOnnx(proof: string, { inputs, target, whitening }: Scaling): string {
  if (whitening !== undefined)
    throw new NetworkError(
      'a proof cannot go into an ONNX file of whitened inputs; write it with --certificate, or use the JSON network',
    );
  const plain = ({ mean, scale }: CarriedScaling['target']): CarriedScaling['target'] => ({ mean, scale });
  return JSON.stringify({ scaling: { inputs: inputs.map(plain), target: plain(target) }, proof });
}

/** A proof that a network file carries, and how its network is brought to the inputs that the proof is about. */
export interface CarriedProof {
  readonly proof: string;
  readonly scaling?: CarriedScaling;
}

/**
 * The proof in a network file that was read: the field `proof` of JSON, or the metadata entry of ONNX. Undefined where there is none.
 * @throws {NetworkError} when what is there is no such entry
 */
export function carriedProof(bytes: Uint8Array, name: string): CarriedProof | undefined {
  const damaged = new NetworkError('what the network file carries as a proof cannot be read');
  const format = networkFormat(bytes, name);
  if (format === 'json') {
    const { proof } = JSON.parse(new TextDecoder().decode(bytes)) as { readonly proof?: unknown };
    return proof === undefined ? undefined : { proof: JSON.stringify(proof) };
  }
  if (format === 'safetensors') return undefined;
  const entry = onnxMetadata(bytes).get(proofEntry);
  if (entry === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(entry);
  } catch {
    throw damaged;
  }
  const checked = v.safeParse(entrySchema, value);
  if (!checked.success) throw damaged;
  return checked.output;
}

/** The metadata of an ONNX model (ModelProto.metadata_props). */
function onnxMetadata(bytes: Uint8Array): Map<string, string> {
  const text = new TextDecoder();
  try {
    const entries = readMessage(bytes).filter(({ number }) => number === 14);
    return new Map(
      entries.map((entry) => {
        const fields = readMessage(entry.bytes);
        const of = (wanted: number): string =>
          text.decode(fields.find(({ number }) => number === wanted)?.bytes ?? new Uint8Array(0));
        return [of(1), of(2)];
      }),
    );
  } catch (error) {
    if (error instanceof RangeError) throw new NetworkError('not an ONNX model (the file does not parse as one)');
    throw error;
  }
}

/**
 * The network on encoded inputs and targets whose function in original units is the given one: what `inOriginalUnits` folds into the weights, taken out again.
 * @throws {NetworkError} when the scaling is of another number of inputs
 */
export function inEncodedUnits(network: TwoLayerNetwork, { inputs, target }: CarriedScaling): TwoLayerNetwork {
  const { W1, b1, W2, b2 } = network;
  const d = inputs.length;
  if (W1.rows > 0 && W1.cols !== d)
    throw new NetworkError(`the network takes ${W1.cols} inputs, its proof is for ${d}`);
  const inner = denseMatrix(W1.rows, d);
  const offset = b1.slice();
  for (let j = 0; j < W1.rows; j++) {
    for (let k = 0; k < d; k++) {
      const w = W1.data[j * d + k];
      inner.data[j * d + k] = w * inputs[k].scale;
      offset[j] += w * inputs[k].mean;
    }
  }
  return {
    ...network,
    W1: inner,
    b1: offset,
    W2: denseMatrix(
      W2.rows,
      W2.cols,
      W2.data.map((a) => a / target.scale),
    ),
    b2: b2.map((b) => (b - target.mean) / target.scale),
  };
}
