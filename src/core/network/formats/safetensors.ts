import type { TwoLayerNetwork } from '../network.ts';
import { type NamedTensor, networkOfTensors } from './namedTensors.ts';
import { checkFinite, entriesOf } from './checks.ts';
import { NetworkError } from './networkError.ts';
import { isRecord } from './jsonNetwork.ts';

/** Bytes of an element, and how to read one, by safetensors type name. */
const readers: Readonly<Record<string, readonly [number, (view: DataView, at: number) => number]>> = {
  F64: [8, (view, at) => view.getFloat64(at, true)],
  F32: [4, (view, at) => view.getFloat32(at, true)],
  F16: [2, (view, at) => halfToNumber(view.getUint16(at, true))],
  BF16: [2, (view, at) => bfloatToNumber(view.getUint16(at, true))],
};

/**
 * A two-layer network from a safetensors file with the tensors of a PyTorch state dict. Format: 8 bytes length of the header (little endian), a JSON
 * header of name -> {dtype, shape, data_offsets}, then the data.
 */
export function networkOfSafetensors(
  bytes: Uint8Array,
  { inputs }: { readonly inputs?: number } = {},
): TwoLayerNetwork {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 8) throw new NetworkError('too short for a safetensors file');
  const length = Number(view.getBigUint64(0, true));
  if (length > bytes.length - 8) throw new NetworkError('the safetensors header is longer than the file');
  let header: unknown;
  try {
    header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  } catch {
    throw new NetworkError('the safetensors header is not valid JSON');
  }
  if (!isRecord(header)) throw new NetworkError('the safetensors header is no list of tensors by name');
  const tensors: NamedTensor[] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') continue;
    const { dtype, shape, data_offsets: range } = isRecord(entry) ? entry : {};
    if (typeof dtype !== 'string' || !Array.isArray(shape) || !Array.isArray(range)) {
      throw new NetworkError(`${name}: the header entry lacks dtype, shape or data_offsets`);
    }
    const reader = Object.hasOwn(readers, dtype) ? readers[dtype] : undefined;
    if (reader === undefined) {
      throw new NetworkError(`${name}: type ${dtype} is not supported (F64, F32, F16 and BF16 are)`);
    }
    const count = entriesOf(name, shape);
    const [from, to] = range as unknown[];
    if (
      typeof from !== 'number' ||
      !Number.isSafeInteger(from) ||
      from < 0 ||
      to !== from + count * reader[0] ||
      8 + length + to > bytes.length
    ) {
      throw new NetworkError(`${name}: the data do not have the size of a ${shape.join(' x ')} tensor of ${dtype}`);
    }
    const data = new Float64Array(count);
    for (let i = 0; i < count; i++) data[i] = reader[1](view, 8 + length + from + i * reader[0]);
    checkFinite(name, data);
    tensors.push({ name, shape: shape as number[], data });
  }
  // tensors stand in the order of the alphabet, which says nothing
  return networkOfTensors(tensors, { inputs, ordered: false });
}

/** IEEE 754 binary16. */
export function halfToNumber(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** bfloat16: the upper half of a binary32. */
export function bfloatToNumber(bits: number): number {
  const view = new DataView(new ArrayBuffer(4));
  view.setUint16(0, bits);
  return view.getFloat32(0);
}
