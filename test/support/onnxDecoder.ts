/**
 * Reads back ONNX files and runs the few operators that exported networks need. Knows the wire format and the ONNX field
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

function matMul(a: Tensor, b: Tensor): Tensor {
  const [n, k] = a.dims;
  const [k2, m] = b.dims;
  if (k !== k2) throw new Error(`MatMul ${a.dims.join('x')} by ${b.dims.join('x')}`);
  const data = new Float64Array(n * m);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < m; j++) for (let l = 0; l < k; l++) data[i * m + j] += a.data[i * k + l] * b.data[l * m + j];
  return { dims: [n, m], data };
}

/** Element by element on rows x columns, each operand spread over the rows or columns of which it has one. */
function spread(
  operands: readonly AnyTensor[],
  combine: (...values: (number | string)[]) => number | string,
): AnyTensor {
  const shapes = operands.map(({ dims }) => (dims.length === 1 ? [1, dims[0]] : dims));
  const [rows, columns] = [0, 1].map((axis) => Math.max(...shapes.map((shape) => shape[axis])));
  for (const shape of shapes)
    if (shape.length !== 2 || ![1, rows].includes(shape[0]) || ![1, columns].includes(shape[1]))
      throw new Error('shapes do not broadcast');
  const out: (number | string)[] = [];
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++)
      out.push(
        combine(
          ...operands.map(({ data }, k) => {
            const [r, c] = shapes[k];
            return data[(r === 1 ? 0 : i) * c + (c === 1 ? 0 : j)];
          }),
        ),
      );
  return {
    dims: [rows, columns],
    data: typeof out[0] === 'string' ? (out as string[]) : Float64Array.from(out as number[]),
  };
}

/** Rows (axis 0) or columns (axis 1) of `data` by `index`; the dimensions of the index take the place of the axis. */
function gather(data: AnyTensor, index: Tensor, axis: number): AnyTensor {
  const [rows, columns] = data.dims.length === 1 ? [data.dims[0], 1] : data.dims;
  const out: (number | string)[] = [];
  if (axis === 0) for (const at of index.data) for (let j = 0; j < columns; j++) out.push(data.data[at * columns + j]);
  else for (let i = 0; i < rows; i++) for (const at of index.data) out.push(data.data[i * columns + at]);
  const dims = axis === 0 ? [...index.dims, ...data.dims.slice(1)] : [rows, ...index.dims];
  return { dims, data: typeof out[0] === 'string' ? (out as string[]) : Float64Array.from(out as number[]) };
}

function concat(parts: readonly Tensor[]): Tensor {
  const rows = parts[0].dims[0];
  const data = Array.from({ length: rows }, (_, i) =>
    parts.flatMap(({ dims, data: own }) => Array.from(own.slice(i * dims[1], (i + 1) * dims[1]))),
  );
  return { dims: [rows, parts.reduce((sum, { dims }) => sum + dims[1], 0)], data: Float64Array.from(data.flat()) };
}

function labelEncoder(keys: Tensor<readonly string[]>, attributes: Attributes): Tensor {
  const values = attributes.values_int64s as readonly number[];
  const places = new Map((attributes.keys_strings as readonly string[]).map((key, k) => [key, values[k]]));
  return {
    dims: keys.dims,
    data: Float64Array.from(keys.data, (key) => places.get(key) ?? (attributes.default_int64 as number)),
  };
}

function reshape({ data }: Tensor, to: Tensor): Tensor {
  const known = to.data.filter((size) => size >= 0).reduce((a, b) => a * b, 1);
  return { dims: Array.from(to.data, (size) => (size < 0 ? data.length / known : size)), data };
}

function argMax({ dims: [rows, columns], data }: Tensor): Tensor {
  const best = Float64Array.from({ length: rows }, (_, i) => {
    const row = Array.from(data.slice(i * columns, (i + 1) * columns));
    return row.indexOf(Math.max(...row));
  });
  return { dims: [rows, 1], data: best };
}

/** Runs the graph on rows x columns inputs. Unknown operators and names are errors. */
export function runOnnx(graph: OnnxGraph, rows: number, X: Float64Array): Tensor {
  const outputs = runOnnxOn(graph, new Map([[graph.input.name, { dims: [rows, X.length / rows], data: X }]]));
  return outputs.get(graph.output.name) as Tensor;
}

/** Runs the graph on named inputs; in single precision where its numbers are. */
export function runOnnxOn(graph: OnnxGraph, given: ReadonlyMap<string, AnyTensor>): Map<string, AnyTensor> {
  const single = graph.output.type === 1;
  const values = new Map<string, AnyTensor>([...graph.initializers, ...graph.texts, ...given]);
  const get = (name: string): AnyTensor => {
    const value = values.get(name);
    if (value === undefined) throw new Error(`no value ${name}`);
    return value;
  };
  type N = number;
  for (const { operator, domain, inputs, output, attributes } of graph.nodes) {
    const all = inputs.map(get);
    const [a, b] = all as Tensor[];
    const result = ((): AnyTensor => {
      if (domain === 'ai.onnx.ml' && operator === 'LabelEncoder')
        return labelEncoder(all[0] as Tensor<readonly string[]>, attributes);
      if (domain !== '') throw new Error(`domain ${domain}`);
      switch (operator) {
        case 'MatMul':
          return matMul(a, b);
        case 'Add':
          return spread(all, (x, y) => (x as N) + (y as N));
        case 'Sub':
          return spread(all, (x, y) => (x as N) - (y as N));
        case 'Mul':
          return spread(all, (x, y) => (x as N) * (y as N));
        case 'Div':
          return spread(all, (x, y) => (x as N) / (y as N));
        case 'Relu':
          return { dims: a.dims, data: a.data.map((x) => Math.max(0, x)) };
        case 'Less':
          return spread(all, (x, y) => Number(x < y));
        case 'Greater':
          return spread(all, (x, y) => Number(x > y));
        case 'Equal':
          return spread(all, (x, y) => Number(x === y));
        case 'Or':
          return spread(all, (x, y) => (x as N) | (y as N));
        case 'Not':
          return spread(all, (x) => 1 - (x as N));
        case 'IsNaN':
          return spread(all, (x) => Number(Number.isNaN(x)));
        case 'Where':
          return spread(all, (on, x, y) => (on ? x : y));
        case 'Concat':
          return concat(all as Tensor[]);
        case 'Gather':
          return gather(all[0], b, attributes.axis as number);
        case 'Reshape':
          return reshape(a, b);
        case 'ArgMax':
          return argMax(a);
        case 'Identity':
          return a;
        default:
          throw new Error(`operator ${operator}`);
      }
    })();
    const rounded = single && result.data instanceof Float64Array ? result.data.map(Math.fround) : result.data;
    values.set(output, { dims: result.dims, data: rounded });
  }
  return new Map(graph.outputs.map(({ name }) => [name, get(name)]));
}
