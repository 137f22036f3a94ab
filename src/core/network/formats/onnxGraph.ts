import { ProtoWriter } from './protobufWriter.ts';

/** Element types of ONNX TensorProto. */
export const elementTypes = { float32: 1, int64: 7, string: 8, bool: 9, float64: 11 } as const;
export type NumberType = typeof elementTypes.float32 | typeof elementTypes.float64;

/** Weights and computation in double precision (default), or in single precision for runtimes without it. */
export type OnnxPrecision = 'double' | 'single';

export const numberType = (precision: OnnxPrecision = 'double'): NumberType =>
  precision === 'single' ? elementTypes.float32 : elementTypes.float64;

/** What is said of a model in its file. */
export interface OnnxFileOptions {
  /** What goes in and comes out, in order, as metadata entries. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly description: string;
  readonly producerVersion: string;
  readonly precision?: OnnxPrecision;
  /** Further metadata entries. */
  readonly metadata?: ReadonlyMap<string, string>;
}

/** An input or output of a graph: rows x columns. */
export interface GraphEnd {
  readonly name: string;
  readonly type: number;
  readonly columns: number;
  readonly doc: string;
}

/** A value of an attribute of an operator: whole numbers, or texts. */
export type Attribute = number | readonly number[] | readonly string[];

/** Version of the operators for classical models, which encode texts. */
const mlOpset = 2;

/** Writes an ONNX graph (IR 8, opset 13) field by field (onnx.proto3). */
export class OnnxGraphWriter {
  private readonly nodes: ProtoWriter[] = [];
  private readonly tensors: ProtoWriter[] = [];
  private readonly inputs: ProtoWriter[] = [];
  private readonly outputs: ProtoWriter[] = [];
  private usesMl = false;

  /** @param type of numbers */
  constructor(readonly type: NumberType) {}

  node(
    operator: string,
    inputs: readonly string[],
    output: string,
    attributes: Readonly<Record<string, Attribute>> = {},
  ): void {
    const message = new ProtoWriter();
    for (const input of inputs) message.string(1, input);
    message.string(2, output).string(3, `${operator}_${output}`).string(4, operator);
    for (const [name, value] of Object.entries(attributes)) message.message(5, attribute(name, value));
    this.nodes.push(message);
  }

  /** An operator of ai.onnx.ml. */
  mlNode(
    operator: string,
    inputs: readonly string[],
    output: string,
    attributes: Readonly<Record<string, Attribute>>,
  ): void {
    this.usesMl = true;
    this.node(operator, inputs, output, attributes);
    this.nodes.at(-1)!.string(7, 'ai.onnx.ml');
  }

  /** Numbers of the type of the graph. */
  tensor(name: string, dims: readonly number[], data: ArrayLike<number>): void {
    this.tensors.push(
      new ProtoWriter().ints(1, dims).int(2, this.type).string(8, name).bytes(9, rawNumbers(data, this.type)),
    );
  }

  integers(name: string, values: readonly number[]): void {
    const view = new DataView(new ArrayBuffer(8 * values.length));
    values.forEach((value, i) => view.setBigInt64(8 * i, BigInt(value), true));
    this.tensors.push(
      new ProtoWriter()
        .ints(1, [values.length])
        .int(2, elementTypes.int64)
        .string(8, name)
        .bytes(9, new Uint8Array(view.buffer)),
    );
  }

  texts(name: string, values: readonly string[]): void {
    const message = new ProtoWriter().ints(1, [values.length]).int(2, elementTypes.string);
    for (const value of values) message.string(6, value);
    this.tensors.push(message.string(8, name));
  }

  input(end: GraphEnd): void {
    this.inputs.push(valueInfo(end));
  }

  output(end: GraphEnd): void {
    this.outputs.push(valueInfo(end));
  }

  file(name: string, options: OnnxFileOptions): Uint8Array {
    const graph = new ProtoWriter();
    for (const message of this.nodes) graph.message(1, message);
    graph.string(2, name);
    for (const message of this.tensors) graph.message(5, message);
    graph.string(10, options.description);
    for (const message of this.inputs) graph.message(11, message);
    for (const message of this.outputs) graph.message(12, message);
    const model = new ProtoWriter()
      .int(1, 8)
      .string(2, 'convex-network-explorer')
      .string(3, options.producerVersion)
      .string(6, options.description)
      .message(7, graph)
      .message(8, new ProtoWriter().string(1, '').int(2, 13));
    if (this.usesMl) model.message(8, new ProtoWriter().string(1, 'ai.onnx.ml').int(2, mlOpset));
    const entries = [
      ['inputs', JSON.stringify(options.inputs)],
      ['outputs', JSON.stringify(options.outputs)],
      ...(options.metadata ?? []),
    ];
    for (const [key, value] of entries) model.message(14, new ProtoWriter().string(1, key).string(2, value));
    return model.finish();
  }
}

/** AttributeProto: INT 2, INTS 7, STRINGS 8. */
function attribute(name: string, value: Attribute): ProtoWriter {
  const message = new ProtoWriter().string(1, name);
  if (typeof value === 'number') return message.int(3, value).int(20, 2);
  if (value.every((one): one is number => typeof one === 'number')) return message.ints(8, value).int(20, 7);
  for (const text of value) message.string(9, String(text));
  return message.int(20, 8);
}

function valueInfo({ name, type, columns, doc }: GraphEnd): ProtoWriter {
  const shape = new ProtoWriter()
    .message(1, new ProtoWriter().string(2, 'rows'))
    .message(1, new ProtoWriter().int(1, columns));
  const tensorType = new ProtoWriter().int(1, type).message(2, shape);
  return new ProtoWriter().string(1, name).message(2, new ProtoWriter().message(1, tensorType)).string(3, doc);
}

function rawNumbers(data: ArrayLike<number>, type: NumberType): Uint8Array {
  const size = type === elementTypes.float32 ? 4 : 8;
  const view = new DataView(new ArrayBuffer(data.length * size));
  for (let i = 0; i < data.length; i++) {
    if (type === elementTypes.float32) view.setFloat32(i * size, data[i], true);
    else view.setFloat64(i * size, data[i], true);
  }
  return new Uint8Array(view.buffer);
}
