import { type DenseMatrix, denseMatrix } from '../../base/linalg/matrix.ts';
import type { TwoLayerNetwork } from '../network.ts';
import { checkFinite, entriesOf } from './checks.ts';
import { NetworkError } from './networkError.ts';
import { type ProtoField, readMessage, text, varints } from './protobufReader.ts';
import { bfloatToNumber, halfToNumber } from './safetensors.ts';

interface Tensor {
  readonly shape: readonly number[];
  /** Empty where the numbers are integers, which are no weights. */
  readonly data: Float64Array;
  /** Those integers: shapes and axes. */
  readonly integers?: readonly number[];
}

interface Attribute {
  readonly number: number;
  readonly numbers: readonly number[];
  readonly tensor: Tensor | undefined;
}

interface Node {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}

/** y = A (scale * x) + b of the graph since the input or the last ReLU; what is undefined is the identity. */
interface Affine {
  /** out x in */
  readonly A: DenseMatrix | undefined;
  /** Elementwise, only before the first matrix; one number stands for all. */
  readonly scale: Float64Array | undefined;
  readonly b: Float64Array | undefined;
}

const identity: Affine = { A: undefined, scale: undefined, b: undefined };

/**
 * The two-layer ReLU network that an ONNX graph computes: a chain input -> affine -> Relu -> affine -> output, where an affine part is any run of Gemm,
 * MatMul, Add, Sub, Mul, Div, Scaler and BatchNormalization with constants; what keeps rows and their numbers (Identity, Flatten, Reshape, Squeeze,
 * Unsqueeze, Dropout, Cast) is passed through, Clip and Max from 0 on are Relu. Other graphs are refused by name of the operator. Weights may be
 * initialisers or Constant nodes, also transposed or reshaped, in float16, bfloat16, float32 or float64.
 */
export function networkOfOnnx(bytes: Uint8Array): TwoLayerNetwork {
  let graph: ReturnType<typeof readGraph>;
  try {
    graph = readGraph(bytes);
  } catch (error) {
    if (error instanceof NetworkError) throw error;
    throw new NetworkError('not an ONNX model (the file does not parse as one)');
  }
  const { nodes, constants, inputs, outputs } = graph;
  const free = inputs.filter((name) => !constants.has(name));
  const left = foldConstants(nodes, constants);
  if (free.length !== 1) throw new NetworkError(`the graph has ${free.length} inputs, not one`);
  const layers: Affine[] = [identity];
  let value = free[0];
  while (!outputs.includes(value) || left.length > 0) {
    const at = left.findIndex(({ inputs: names }) => names.includes(value));
    if (at < 0) throw new NetworkError(`nothing continues from "${value}"; the graph is not one chain of layers`);
    const [node] = left.splice(at, 1);
    if (node.operator === 'Sigmoid' || node.operator === 'Softmax' || node.operator === 'LogSoftmax') {
      throw new NetworkError(
        `the graph ends in ${node.operator}: the loss takes the raw outputs (logits), so export the network without it`,
      );
    }
    if (left.some(({ inputs: names }) => names.includes(value))) {
      throw new NetworkError(`"${value}" is used by more than one operator; a two-layer network is one chain`);
    }
    if (isRelu(node, value, constants)) layers.push(identity);
    else layers[layers.length - 1] = apply(node, value, layers[layers.length - 1], constants);
    value = node.outputs[0];
  }
  if (outputs.length !== 1) {
    throw new NetworkError(
      `the graph has ${outputs.length} outputs (${outputs.join(', ')}), not one: export the raw outputs only`,
    );
  }
  if (layers.length !== 2) {
    throw new NetworkError(
      `the graph has ${layers.length - 1} Relu layers; a two-layer network has one (three-layer and linear networks are read from the JSON that convexnet train --network writes)`,
    );
  }
  const [first, second] = layers;
  if (first.A === undefined || second.A === undefined) {
    throw new NetworkError('a linear layer is missing before or after the Relu');
  }
  const m = first.A.rows;
  const c = second.A.rows;
  if (second.A.cols !== m) {
    throw new NetworkError(`the first layer has ${m} neurons, the second takes ${second.A.cols}`);
  }
  const W2 = denseMatrix(m, c);
  for (let k = 0; k < c; k++) for (let j = 0; j < m; j++) W2.data[j * c + k] = second.A.data[k * m + j];
  return { W1: first.A, b1: first.b ?? new Float64Array(m), W2, b2: second.b ?? new Float64Array(c) };
}

/** Operators of constants alone become constants; answers the other nodes. */
function foldConstants(nodes: readonly Node[], constants: Map<string, Tensor>): Node[] {
  return nodes.filter((node) => {
    if (node.operator === 'Constant') return false;
    const tensor = constants.get(node.inputs[0]);
    if (tensor === undefined) return true;
    const [rows, cols] = tensor.shape;
    switch (node.operator) {
      case 'Transpose': {
        const order = node.attributes.get('perm')?.numbers ?? [];
        const whole = tensor.shape.length === 2 && tensor.data.length > 0 && order.join() !== '0,1';
        const turned = whole ? transposed(denseMatrix(rows, cols, tensor.data)) : undefined;
        constants.set(node.outputs[0], turned === undefined ? tensor : { shape: [cols, rows], data: turned.data });
        return false;
      }
      case 'Identity':
      case 'Cast':
      case 'Squeeze':
        constants.set(node.outputs[0], tensor);
        return false;
      default:
        return true;
    }
  });
}

/** Relu, and what is the same: Clip from 0 on without an upper bound, the maximum of the data and 0. */
function isRelu(
  { operator, inputs, attributes }: Node,
  value: string,
  constants: ReadonlyMap<string, Tensor>,
): boolean {
  if (operator === 'Relu') return true;
  const number = (name: string | undefined): number | undefined => {
    const data = name === undefined ? undefined : constants.get(name)?.data;
    return data?.length === 1 ? data[0] : undefined;
  };
  if (operator === 'Max') return inputs.length === 2 && number(inputs.find((name) => name !== value)) === 0;
  if (operator !== 'Clip') return false;
  const least = attributes.get('min')?.number ?? number(inputs[1]);
  const bounded = attributes.has('max') || (inputs[2] !== undefined && inputs[2] !== '');
  const most = attributes.get('max')?.number ?? number(inputs[2]);
  if (least === 0 && (!bounded || (most !== undefined && most >= 3e38))) return true;
  throw new NetworkError('Clip with other bounds than 0 and none is not part of a two-layer ReLU network');
}

/** Whether a Reshape keeps the rows apart: its shape begins with -1 or 0, or leaves one number for each row. */
function keepsRows(shape: Tensor | undefined): boolean {
  const first = shape?.integers?.[0];
  return first === undefined || first === 0 || first === -1;
}

function apply(node: Node, value: string, affine: Affine, constants: ReadonlyMap<string, Tensor>): Affine {
  const { operator, inputs } = node;
  const constant = (name: string | undefined): Tensor => {
    const tensor = name === undefined ? undefined : constants.get(name);
    if (tensor === undefined) throw new NetworkError(`${operator}: "${name ?? ''}" is not a constant of the graph`);
    return tensor;
  };
  const attribute = (name: string, otherwise: number): number => node.attributes.get(name)?.number ?? otherwise;
  switch (operator) {
    case 'Identity':
    case 'Flatten':
    case 'Dropout':
    case 'Cast':
    case 'Squeeze':
    case 'Unsqueeze':
      return affine;
    case 'Reshape':
      if (!keepsRows(constants.get(inputs[1])))
        throw new NetworkError('Reshape: it does not keep one row for each row of data');
      return affine;
    case 'Scaler': {
      const vector = (name: string, otherwise: number): Tensor => {
        const data = Float64Array.from(node.attributes.get(name)?.numbers ?? [otherwise]);
        return { shape: [data.length], data };
      };
      return stretch(shift(affine, vector('offset', 0), -1, operator), vector('scale', 1), false);
    }
    case 'BatchNormalization': {
      const [scale, offset, mean, variance] = inputs.slice(1, 5).map((name) => constant(name));
      const epsilon = attribute('epsilon', 1e-5);
      const slope = { ...scale, data: scale.data.map((s, k) => s / Math.sqrt(variance.data[k] + epsilon)) };
      return shift(stretch(shift(affine, mean, -1, operator), slope, false), offset, 1, operator);
    }
    case 'MatMul':
      if (inputs[0] !== value) throw new NetworkError('MatMul: the data must be its first input');
      return multiply(transposed(matrix(constant(inputs[1]), 'MatMul')), affine, 1);
    case 'Gemm': {
      if (inputs[0] !== value || attribute('transA', 0) !== 0) {
        throw new NetworkError('Gemm: the data must be its first input, not transposed');
      }
      const weights = matrix(constant(inputs[1]), 'Gemm');
      const out = multiply(attribute('transB', 0) === 0 ? transposed(weights) : weights, affine, attribute('alpha', 1));
      if (inputs[2] === undefined || inputs[2] === '') return out;
      return shift(out, constant(inputs[2]), attribute('beta', 1), operator);
    }
    case 'Add':
      return shift(affine, constant(inputs[inputs[0] === value ? 1 : 0]), 1, operator);
    case 'Sub':
      if (inputs[0] !== value) throw new NetworkError('Sub: the data must be its first input');
      return shift(affine, constant(inputs[1]), -1, operator);
    case 'Mul':
      return stretch(affine, constant(inputs[inputs[0] === value ? 1 : 0]), false);
    case 'Div':
      if (inputs[0] !== value) throw new NetworkError('Div: the data must be its first input');
      return stretch(affine, constant(inputs[1]), true);
    default:
      throw new NetworkError(`operator ${operator} is not part of a two-layer ReLU network`);
  }
}

function matrix({ shape, data }: Tensor, operator: string): DenseMatrix {
  if (shape.length !== 2) throw new NetworkError(`${operator}: the weights have ${shape.length} dimensions, not 2`);
  if (data.length === 0) throw new NetworkError(`${operator}: the weights are of a type that no weights have`);
  return denseMatrix(shape[0], shape[1], data);
}

function transposed(m: DenseMatrix): DenseMatrix {
  const out = denseMatrix(m.cols, m.rows);
  for (let i = 0; i < m.rows; i++) for (let k = 0; k < m.cols; k++) out.data[k * m.rows + i] = m.data[i * m.cols + k];
  return out;
}

/** factor W (A (scale * x) + b) */
function multiply(W: DenseMatrix, { A, scale, b }: Affine, factor: number): Affine {
  const width = A?.rows ?? Math.max(b?.length ?? 0, scale?.length ?? 0);
  if (width > 1 && width !== W.cols) {
    throw new NetworkError(`the layers do not fit together: ${width} values meet weights for ${W.cols}`);
  }
  const product = denseMatrix(W.rows, A?.cols ?? W.cols);
  const offset = b === undefined ? undefined : new Float64Array(W.rows);
  for (let i = 0; i < W.rows; i++) {
    for (let k = 0; k < W.cols; k++) {
      const w = factor * W.data[i * W.cols + k];
      if (offset !== undefined) offset[i] += w * at(b, k, 0);
      if (A === undefined) product.data[i * W.cols + k] = w * at(scale, k, 1);
      else for (let j = 0; j < A.cols; j++) product.data[i * A.cols + j] += w * A.data[k * A.cols + j];
    }
  }
  return { A: product, scale: undefined, b: offset };
}

/** Entry k of a vector that may be one number for all, or absent. */
function at(vector: Float64Array | undefined, k: number, otherwise: number): number {
  if (vector === undefined) return otherwise;
  return vector.length === 1 ? vector[0] : vector[k];
}

/** Adds factor * c. */
function shift(affine: Affine, { data: c }: Tensor, factor: number, operator: string): Affine {
  const width = widthOf(affine, c, operator);
  const b = new Float64Array(width);
  for (let k = 0; k < width; k++) b[k] = at(affine.b, k, 0) + factor * at(c, k, 0);
  return { ...affine, b };
}

/** Multiplies by c, or divides by it. */
function stretch(affine: Affine, { data: c }: Tensor, divide: boolean): Affine {
  const width = widthOf(affine, c, divide ? 'Div' : 'Mul');
  const s = Float64Array.from({ length: width }, (_, k) => (divide ? 1 / at(c, k, 1) : at(c, k, 1)));
  const b = affine.b === undefined ? undefined : s.map((value, k) => value * at(affine.b, k, 0));
  if (affine.A === undefined) return { A: undefined, scale: s.map((value, k) => value * at(affine.scale, k, 1)), b };
  const A = denseMatrix(affine.A.rows, affine.A.cols);
  for (let i = 0; i < A.rows; i++) {
    for (let k = 0; k < A.cols; k++) A.data[i * A.cols + k] = s[i] * affine.A.data[i * A.cols + k];
  }
  return { A, scale: undefined, b };
}

/** Length of the vector after an elementwise operation with c. */
function widthOf({ A, scale, b }: Affine, c: Float64Array, operator: string): number {
  if (c.length === 0) throw new NetworkError(`${operator}: the constant is of a type that no weights have`);
  const width = A?.rows ?? Math.max(1, scale?.length ?? 1, b?.length ?? 1);
  if (c.length === 1 || c.length === width) return width;
  if (width === 1 && A === undefined) return c.length;
  throw new NetworkError(`${operator}: a constant of ${c.length} numbers meets ${width} values`);
}

const wireTensor = { dims: 1, type: 2, floats: 4, doubles: 10, name: 8, raw: 9, int32s: 5, external: 13 } as const;

/** Reads the parts of ModelProto, GraphProto, NodeProto, AttributeProto and TensorProto that matter here (onnx.proto3). */
function readGraph(bytes: Uint8Array): {
  nodes: Node[];
  constants: Map<string, Tensor>;
  inputs: string[];
  outputs: string[];
} {
  const graphs = readMessage(bytes).filter(({ number }) => number === 7);
  if (graphs.length !== 1) throw new NetworkError('not an ONNX model (it holds no graph)');
  const nodes: Node[] = [];
  const constants = new Map<string, Tensor>();
  const inputs: string[] = [];
  const outputs: string[] = [];
  for (const field of readMessage(graphs[0].bytes)) {
    if (field.number === 1) nodes.push(readNode(readMessage(field.bytes)));
    else if (field.number === 5) {
      const { name, tensor } = readTensor(field.bytes);
      constants.set(name, tensor);
    } else if (field.number === 11 || field.number === 12) {
      const name = readMessage(field.bytes).find(({ number }) => number === 1);
      if (name !== undefined) (field.number === 11 ? inputs : outputs).push(text(name.bytes));
    }
  }
  for (const node of nodes) {
    const value = node.operator === 'Constant' ? node.attributes.get('value')?.tensor : undefined;
    if (value !== undefined) constants.set(node.outputs[0], value);
  }
  return { nodes, constants, inputs, outputs };
}

function readNode(fields: readonly ProtoField[]): Node {
  const attributes = new Map<string, Attribute>();
  for (const { number, bytes } of fields) {
    if (number !== 5) continue;
    let name = '';
    let value = 0;
    const numbers: number[] = [];
    let tensor: Tensor | undefined;
    for (const part of readMessage(bytes)) {
      if (part.number === 1) name = text(part.bytes);
      else if (part.number === 2) value = new DataView(part.bytes.buffer, part.bytes.byteOffset, 4).getFloat32(0, true);
      else if (part.number === 3) value = part.value;
      else if (part.number === 5) tensor = readTensor(part.bytes).tensor;
      else if (part.number === 7) for (const one of singles(part.bytes)) numbers.push(one);
      else if (part.number === 8)
        for (const one of part.wire === 2 ? varints(part.bytes) : [part.value]) numbers.push(one);
    }
    attributes.set(name, { number: value, numbers, tensor });
  }
  const strings = (wanted: number): string[] =>
    fields.filter(({ number }) => number === wanted).map(({ bytes }) => text(bytes));
  return { operator: strings(4)[0] ?? '', inputs: strings(1), outputs: strings(2), attributes };
}

function singles(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, k) => view.getFloat32(4 * k, true));
}

/** 64-bit integers that doubles hold: sizes, axes and -1. */
function integersOf(raw: Uint8Array): number[] {
  const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
  return Array.from({ length: Math.floor(raw.length / 8) }, (_, k) => Number(view.getBigInt64(8 * k, true)));
}

/** Element readers by ONNX type number: FLOAT, DOUBLE, FLOAT16, BFLOAT16. */
const rawReaders: ReadonlyMap<number, readonly [number, (view: DataView, at: number) => number]> = new Map([
  [1, [4, (view: DataView, at: number) => view.getFloat32(at, true)] as const],
  [11, [8, (view: DataView, at: number) => view.getFloat64(at, true)] as const],
  [10, [2, (view: DataView, at: number) => halfToNumber(view.getUint16(at, true))] as const],
  [16, [2, (view: DataView, at: number) => bfloatToNumber(view.getUint16(at, true))] as const],
]);

function readTensor(bytes: Uint8Array): { name: string; tensor: Tensor } {
  const shape: number[] = [];
  const listed: number[] = [];
  let name = '';
  let type = 0;
  let raw: Uint8Array | undefined;
  for (const field of readMessage(bytes)) {
    switch (field.number) {
      case wireTensor.dims:
        for (const size of field.wire === 2 ? varints(field.bytes) : [field.value]) shape.push(size);
        break;
      case wireTensor.type:
        type = field.value;
        break;
      case wireTensor.name:
        name = text(field.bytes);
        break;
      case wireTensor.raw:
        raw = field.bytes;
        break;
      case wireTensor.floats:
      case wireTensor.doubles: {
        const size = field.number === wireTensor.floats ? 4 : 8;
        const view = new DataView(field.bytes.buffer, field.bytes.byteOffset, field.bytes.byteLength);
        for (let k = 0; k + size <= field.bytes.length; k += size) {
          listed.push(size === 4 ? view.getFloat32(k, true) : view.getFloat64(k, true));
        }
        break;
      }
      case wireTensor.int32s:
        // half precision may come as one integer per number
        for (const bits of field.wire === 2 ? varints(field.bytes) : [field.value]) {
          listed.push(type === 16 ? bfloatToNumber(bits) : type === 10 ? halfToNumber(bits) : bits);
        }
        break;
      case wireTensor.external:
        throw new NetworkError(`${name}: the weights are in another file; save the model as one file`);
    }
  }
  let data = Float64Array.from(listed);
  if (raw !== undefined) {
    const reader = rawReaders.get(type);
    // integers (shapes, axes) are no weights: they stay empty and are refused where a layer needs numbers
    if (reader === undefined) {
      return {
        name,
        tensor: { shape, data: new Float64Array(0), ...(type === 7 ? { integers: integersOf(raw) } : {}) },
      };
    }
    const view = new DataView(raw.buffer, raw.byteOffset, raw.byteLength);
    data = new Float64Array(Math.floor(raw.length / reader[0]));
    for (let k = 0; k < data.length; k++) data[k] = reader[1](view, k * reader[0]);
  }
  const count = entriesOf(name, shape);
  if (data.length !== count) {
    throw new NetworkError(`${name}: has ${data.length} numbers, its shape ${shape.join(' x ')} needs ${count}`);
  }
  checkFinite(name, data);
  return { name, tensor: { shape, data } };
}
