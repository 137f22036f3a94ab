/** One field of a protocol buffers message. */
export interface ProtoField {
  readonly number: number;
  /** 0 varint, 1 eight bytes, 2 length-delimited, 5 four bytes. */
  readonly wire: number;
  /** Varints below 2^53. */
  readonly value: number;
  /** Payload of the other wire types. */
  readonly bytes: Uint8Array;
}

/** The fields of a message in order (Protocol Buffers encoding, proto3). Throws RangeError when the bytes are no such message. */
export function readMessage(bytes: Uint8Array): ProtoField[] {
  const out: ProtoField[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    let scale = 1;
    for (;;) {
      if (at >= bytes.length || scale > 2 ** 63) throw new RangeError('bad varint');
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
  };
  const take = (count: number): Uint8Array => {
    if (at + count > bytes.length) throw new RangeError('message cut short');
    at += count;
    return bytes.subarray(at - count, at);
  };
  const nothing = new Uint8Array(0);
  while (at < bytes.length) {
    const key = varint();
    const number = Math.floor(key / 8);
    const wire = key % 8;
    if (number === 0) throw new RangeError('bad field number');
    if (wire === 0) out.push({ number, wire, value: varint(), bytes: nothing });
    else if (wire === 1) out.push({ number, wire, value: 0, bytes: take(8) });
    else if (wire === 2) out.push({ number, wire, value: 0, bytes: take(varint()) });
    else if (wire === 5) out.push({ number, wire, value: 0, bytes: take(4) });
    else throw new RangeError(`wire type ${wire}`);
  }
  return out;
}

/** A packed list of varints. */
export function varints(bytes: Uint8Array): number[] {
  const out: number[] = [];
  let value = 0;
  let scale = 1;
  for (const byte of bytes) {
    value += (byte & 127) * scale;
    if (byte < 128) {
      out.push(value);
      value = 0;
      scale = 1;
    } else scale *= 128;
  }
  return out;
}

export function text(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
