/**
 * Reads back ONNX files. Knows the wire format and the ONNX field
 * numbers on its own (onnx.proto3), so that the writer is checked against the specification rather than against itself.
 */
type Field = VarintField | BytesField;

interface VarintField {
  readonly number: number;
  readonly kind: 'varint';
  readonly value: number;
}

interface BytesField {
  readonly number: number;
  readonly kind: 'bytes';
  readonly value: Uint8Array;
}

export function decodeFields(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    let factor = 1;
    for (;;) {
      if (at >= bytes.length) throw new Error('truncated varint');
      const byte = bytes[at++];
      value += (byte & 127) * factor;
      if (byte < 128) return value;
      factor *= 128;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = tag >>> 3;
    if ((tag & 7) === 0) fields.push({ number, kind: 'varint', value: varint() });
    else if ((tag & 7) === 2) {
      const length = varint();
      if (at + length > bytes.length) throw new Error('truncated field');
      fields.push({ number, kind: 'bytes', value: bytes.subarray(at, at + length) });
      at += length;
    } else throw new Error(`wire type ${tag & 7}`);
  }
  return fields;
}

const text = (value: Uint8Array): string => new TextDecoder('utf-8', { fatal: true }).decode(value);

class Message {
  private readonly fields: Field[];
  constructor(bytes: Uint8Array) {
    this.fields = decodeFields(bytes);
  }
  all(number: number): Uint8Array[] {
    return this.fields.flatMap((field) => (field.number === number && field.kind === 'bytes' ? [field.value] : []));
  }
  messages(number: number): Message[] {
    return this.all(number).map((bytes) => new Message(bytes));
  }
  text(number: number): string {
    return this.all(number).map(text)[0] ?? '';
  }
  int(number: number): number {
    const field = this.fields.find((candidate) => candidate.number === number && candidate.kind === 'varint');
    return field === undefined ? 0 : (field.value as number);
  }
  packed(number: number): number[] {
    return this.all(number).flatMap((bytes) => {
      const values: number[] = [];
      let value = 0;
      let factor = 1;
      for (const byte of bytes) {
        value += (byte & 127) * factor;
        factor *= 128;
        if (byte < 128) {
          values.push(value);
          value = 0;
          factor = 1;
        }
      }
      return values;
    });
  }
}

/** Numbers, truth values or texts: rows x columns, or more. */
export interface Tensor<T = Float64Array> {
  readonly dims: readonly number[];
  readonly data: T;
}
export type AnyTensor = Tensor<Float64Array | readonly string[]>;

interface GraphEnd {
  readonly name: string;
  readonly type: number;
  readonly columns: number;
}

type Attributes = Readonly<Record<string, number | readonly number[] | readonly string[]>>;

export interface OnnxGraph {
  readonly irVersion: number;
  readonly opset: number;
  /** Of ai.onnx.ml; 0 where it is not used. */
  readonly mlOpset: number;
  readonly producer: string;
  readonly description: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly inputs: readonly GraphEnd[];
  readonly outputs: readonly GraphEnd[];
  /** The first of them. */
  readonly input: GraphEnd;
  readonly output: GraphEnd;
  readonly initializers: ReadonlyMap<string, Tensor & { readonly type: number }>;
  readonly texts: ReadonlyMap<string, Tensor<readonly string[]>>;
  readonly nodes: readonly {
    readonly operator: string;
    readonly domain: string;
    readonly inputs: readonly string[];
    readonly output: string;
    readonly attributes: Attributes;
  }[];
}

function valueInfo(message: Message): GraphEnd {
  const [tensorType] = message.messages(2)[0].messages(1);
  const [, columns] = tensorType.messages(2)[0].messages(1);
  return { name: message.text(1), type: tensorType.int(1), columns: columns.int(1) };
}

/** Bytes of an element and how one is read, by its type. */
const elements: Readonly<Record<number, readonly [number, (view: DataView, at: number) => number]>> = {
  1: [4, (view, at) => view.getFloat32(at, true)],
  7: [8, (view, at) => Number(view.getBigInt64(at, true))],
  11: [8, (view, at) => view.getFloat64(at, true)],
};

function numbersOf(tensor: Message): Tensor & { readonly type: number } {
  const type = tensor.int(2);
  const [raw] = tensor.all(9);
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  const [size, read] = elements[type];
  const data = Float64Array.from({ length: raw.byteLength / size }, (_, i) => read(view, size * i));
  const dims = tensor.packed(1);
  if (dims.reduce((a, b) => a * b, 1) !== data.length)
    throw new Error(`${tensor.text(8)}: ${dims.join('x')} of ${data.length}`);
  return { dims, data, type };
}

function attributesOf(node: Message): Attributes {
  return Object.fromEntries(
    node.messages(5).map((one): [string, Attributes[string]] => {
      const type = one.int(20);
      if (type === 2) return [one.text(1), one.int(3)];
      if (type === 7) return [one.text(1), one.packed(8)];
      if (type === 8) return [one.text(1), one.all(9).map(text)];
      throw new Error(`attribute of type ${type}`);
    }),
  );
}

export function decodeOnnx(bytes: Uint8Array): OnnxGraph {
  const model = new Message(bytes);
  const [graph] = model.messages(7);
  const isText = (tensor: Message): boolean => tensor.int(2) === 8;
  const tensors = graph.messages(5);
  const opsets = new Map(model.messages(8).map((set) => [set.text(1), set.int(2)]));
  const inputs = graph.messages(11).map(valueInfo);
  const outputs = graph.messages(12).map(valueInfo);
  return {
    irVersion: model.int(1),
    opset: opsets.get('') ?? 0,
    mlOpset: opsets.get('ai.onnx.ml') ?? 0,
    producer: `${model.text(2)} ${model.text(3)}`,
    description: model.text(6),
    metadata: Object.fromEntries(model.messages(14).map((entry) => [entry.text(1), entry.text(2)])),
    inputs,
    outputs,
    input: inputs[0],
    output: outputs[0],
    initializers: new Map(tensors.filter((one) => !isText(one)).map((one) => [one.text(8), numbersOf(one)])),
    texts: new Map(
      tensors.filter(isText).map((one) => [one.text(8), { dims: one.packed(1), data: one.all(6).map(text) }]),
    ),
    nodes: graph.messages(1).map((node) => ({
      operator: node.text(4),
      domain: node.text(7),
      inputs: node.all(1).map(text),
      output: node.text(2),
      attributes: attributesOf(node),
    })),
  };
}
