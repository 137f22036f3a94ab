/**
 * Reads back ONNX files and runs the few operators that two-layer networks need. Knows the wire format and the ONNX field
 * numbers on its own (onnx.proto3), so that the writer is checked against the specification rather than against itself.
 */
type Field = { readonly number: number } & (
  { readonly kind: 'varint'; readonly value: number } | { readonly kind: 'bytes'; readonly value: Uint8Array }
);

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

export interface Tensor {
  readonly dims: readonly number[];
  readonly data: Float64Array;
}

export interface OnnxGraph {
  readonly irVersion: number;
  readonly opset: number;
  readonly producer: string;
  readonly description: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly input: { readonly name: string; readonly type: number; readonly columns: number };
  readonly output: { readonly name: string; readonly type: number; readonly columns: number };
  readonly initializers: ReadonlyMap<string, Tensor & { readonly type: number }>;
  readonly nodes: readonly { readonly operator: string; readonly inputs: readonly string[]; readonly output: string }[];
}

function valueInfo(message: Message): OnnxGraph['input'] {
  const [tensorType] = message.messages(2)[0].messages(1);
  const [, columns] = tensorType.messages(2)[0].messages(1);
  return { name: message.text(1), type: tensorType.int(1), columns: columns.int(1) };
}

export function decodeOnnx(bytes: Uint8Array): OnnxGraph {
  const model = new Message(bytes);
  const [graph] = model.messages(7);
  const initializers = new Map(
    graph.messages(5).map((tensor) => {
      const type = tensor.int(2);
      const [raw] = tensor.all(9);
      const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
      const size = type === 11 ? 8 : 4;
      const data = Float64Array.from({ length: raw.byteLength / size }, (_, i) =>
        type === 11 ? view.getFloat64(8 * i, true) : view.getFloat32(4 * i, true),
      );
      const dims = tensor.packed(1);
      if (dims.reduce((a, b) => a * b, 1) !== data.length)
        throw new Error(`${tensor.text(8)}: ${dims.join('x')} of ${data.length}`);
      return [tensor.text(8), { dims, data, type }];
    }),
  );
  return {
    irVersion: model.int(1),
    opset: model.messages(8)[0].int(2),
    producer: `${model.text(2)} ${model.text(3)}`,
    description: model.text(6),
    metadata: Object.fromEntries(model.messages(14).map((entry) => [entry.text(1), entry.text(2)])),
    input: valueInfo(graph.messages(11)[0]),
    output: valueInfo(graph.messages(12)[0]),
    initializers,
    nodes: graph
      .messages(1)
      .map((node) => ({ operator: node.text(4), inputs: node.all(1).map(text), output: node.text(2) })),
  };
}

function matMul(a: Tensor, b: Tensor): Tensor {
  const [n, k] = a.dims;
  const [k2, m] = b.dims;
  if (k !== k2) throw new Error(`MatMul ${a.dims.join('x')} by ${b.dims.join('x')}`);
  const data = new Float64Array(n * m);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < m; j++) for (let l = 0; l < k; l++) data[i * m + j] += a.data[i * k + l] * b.data[l * m + j];
  return { dims: [n, m], data };
}

/** A (rows x columns) with a row vector, or a single number, spread over the rows. */
function spread(a: Tensor, b: Tensor, combine: (x: number, y: number) => number): Tensor {
  const columns = a.dims[1];
  if (b.data.length !== 1 && b.data.length !== columns) throw new Error('shapes do not broadcast');
  return { dims: a.dims, data: a.data.map((x, i) => combine(x, b.data[b.data.length === 1 ? 0 : i % columns])) };
}

/** Runs the graph on rows x columns inputs. Unknown operators and names are errors. */
export function runOnnx(graph: OnnxGraph, rows: number, X: Float64Array): Tensor {
  const values = new Map<string, Tensor>(graph.initializers);
  values.set(graph.input.name, { dims: [rows, X.length / rows], data: X });
  const get = (name: string): Tensor => {
    const value = values.get(name);
    if (value === undefined) throw new Error(`no value ${name}`);
    return value;
  };
  for (const { operator, inputs, output } of graph.nodes) {
    const [a, b, c] = inputs.map(get);
    const result = ((): Tensor => {
      switch (operator) {
        case 'MatMul':
          return matMul(a, b);
        case 'Add':
          return spread(a, b, (x, y) => x + y);
        case 'Relu':
          return { dims: a.dims, data: a.data.map((x) => Math.max(0, x)) };
        case 'Less':
          return spread(a, b, (x, y) => Number(x < y));
        case 'Not':
          return { dims: a.dims, data: a.data.map((x) => 1 - x) };
        case 'Where':
          return { dims: a.dims, data: a.data.map((on, i) => (on ? b.data[i] : c.data[c.data.length === 1 ? 0 : i])) };
        default:
          throw new Error(`operator ${operator}`);
      }
    })();
    values.set(output, result);
  }
  return get(graph.output.name);
}
