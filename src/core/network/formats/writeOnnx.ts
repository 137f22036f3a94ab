import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import { plainText } from '../../data/plainText.ts';
import type { LayerStack } from '../deepNetwork.ts';
import type { TwoLayerNetwork } from '../network.ts';
import { ProtoWriter } from './protobufWriter.ts';

/** Element type FLOAT of ONNX TensorProto and its siblings. */
const float32 = 1;
const double64 = 11;

export interface OnnxOptions {
  /** What each input is, in order; goes into the documentation of the model. */
  readonly inputs: readonly string[];
  /** What comes out. */
  readonly outputs: readonly string[];
  readonly description: string;
  readonly producerVersion: string;
  /** Weights and computation in double precision (default), or in single precision for runtimes without it. */
  readonly precision?: 'double' | 'single';
  /** Further metadata entries. */
  readonly metadata?: ReadonlyMap<string, string>;
}

/** Adds operators and weights to a graph. */
interface GraphBuilder {
  readonly node: (operator: string, inputs: readonly string[], output: string) => void;
  readonly tensor: (name: string, dims: readonly number[], data: ArrayLike<number>) => void;
}

/**
 * An ONNX model (IR 8, opset 13) of a two-layer network: one input `X` (rows x d), one output `Y` (rows x c).
 * ReLU:  Y = Relu(X W1' + b1) W2 + b2.  Gated: Relu(t) is replaced by Where(Not(Less(X G' + h, 0)), X W1' + b1, 0).
 * A network without neurons is one Gemm with zero weights.
 */
export function onnxModel(network: TwoLayerNetwork, options: OnnxOptions): Uint8Array {
  const d = network.W1.cols;
  const m = network.W1.rows;
  const c = network.b2.length;
  return modelFile('two_layer_network', d, c, options, ({ node, tensor }) => {
    if (m === 0) {
      node('MatMul', ['X', 'W'], 'product');
      node('Add', ['product', 'b2'], 'Y');
      tensor('W', [d, c], new Float64Array(d * c));
    } else {
      node('MatMul', ['X', 'W1'], 'product1');
      node('Add', ['product1', 'b1'], 'hidden');
      if (network.gates === undefined) {
        node('Relu', ['hidden'], 'active');
      } else {
        node('MatMul', ['X', 'G'], 'gateProduct');
        node('Add', ['gateProduct', 'gateBias'], 'gateValue');
        // "At least 0" as "not less than 0": GreaterOrEqual is itself built from these in older opsets.
        node('Less', ['gateValue', 'zero'], 'off');
        node('Not', ['off'], 'on');
        node('Where', ['on', 'hidden', 'zero'], 'active');
        tensor('G', [d, m], transposed(network.gates));
        tensor('gateBias', [m], network.gateBias ?? new Float64Array(m));
        tensor('zero', [1], [0]);
      }
      node('MatMul', ['active', 'W2'], 'product2');
      node('Add', ['product2', 'b2'], 'Y');
      tensor('W1', [d, m], transposed(network.W1));
      tensor('b1', [m], network.b1);
      tensor('W2', [m, c], network.W2.data);
    }
    tensor('b2', [c], network.b2);
  });
}

/** An ONNX model of layers in turn: MatMul, Add and, between layers of a ReLU network, Relu. */
export function onnxStack({ layers, relu }: LayerStack, options: OnnxOptions): Uint8Array {
  const last = layers.length;
  const d = layers[0].W.rows;
  const c = layers[last - 1].W.cols;
  return modelFile(relu ? 'relu_network' : 'linear_network', d, c, options, ({ node, tensor }) => {
    let input = 'X';
    layers.forEach(({ W, b }, at) => {
      const l = at + 1;
      node('MatMul', [input, `W${l}`], `product${l}`);
      node('Add', [`product${l}`, `b${l}`], l === last ? 'Y' : `hidden${l}`);
      tensor(`W${l}`, [W.rows, W.cols], W.data);
      tensor(`b${l}`, [W.cols], b);
      input = `hidden${l}`;
      if (relu && l < last) node('Relu', [input], (input = `active${l}`));
    });
  });
}

/** The file around a graph from `X` (rows x d) to `Y` (rows x c). */
function modelFile(
  name: string,
  d: number,
  c: number,
  options: OnnxOptions,
  build: (graph: GraphBuilder) => void,
): Uint8Array {
  const type = options.precision === 'single' ? float32 : double64;
  const graph = new ProtoWriter();
  const tensors: ProtoWriter[] = [];
  build({
    node(operator, inputs, output) {
      const message = new ProtoWriter();
      for (const input of inputs) message.string(1, input);
      graph.message(1, message.string(2, output).string(3, `${operator}_${output}`).string(4, operator));
    },
    tensor(label, dims, data) {
      tensors.push(new ProtoWriter().ints(1, dims).int(2, type).string(8, label).bytes(9, rawNumbers(data, type)));
    },
  });
  graph.string(2, name);
  for (const message of tensors) graph.message(5, message);
  graph.string(10, options.description);
  graph.message(11, valueInfo('X', type, d, `columns: ${plainText(options.inputs.join(', '))}`));
  graph.message(12, valueInfo('Y', type, c, plainText(options.outputs.join(', '))));
  const model = new ProtoWriter()
    .int(1, 8)
    .string(2, 'convex-network-explorer')
    .string(3, options.producerVersion)
    .string(6, options.description)
    .message(7, graph)
    .message(8, new ProtoWriter().string(1, '').int(2, 13))
    .message(14, new ProtoWriter().string(1, 'inputs').string(2, JSON.stringify(options.inputs)))
    .message(14, new ProtoWriter().string(1, 'outputs').string(2, JSON.stringify(options.outputs)));
  for (const [key, value] of options.metadata ?? [])
    model.message(14, new ProtoWriter().string(1, key).string(2, value));
  return model.finish();
}

function valueInfo(name: string, type: number, columns: number, doc: string): ProtoWriter {
  const shape = new ProtoWriter()
    .message(1, new ProtoWriter().string(2, 'rows'))
    .message(1, new ProtoWriter().int(1, columns));
  const tensorType = new ProtoWriter().int(1, type).message(2, shape);
  return new ProtoWriter().string(1, name).message(2, new ProtoWriter().message(1, tensorType)).string(3, doc);
}

function rawNumbers(data: ArrayLike<number>, type: number): Uint8Array {
  const size = type === float32 ? 4 : 8;
  const view = new DataView(new ArrayBuffer(data.length * size));
  for (let i = 0; i < data.length; i++) {
    if (type === float32) view.setFloat32(i * size, data[i], true);
    else view.setFloat64(i * size, data[i], true);
  }
  return new Uint8Array(view.buffer);
}

function transposed(matrix: DenseMatrix): Float64Array {
  const out = new Float64Array(matrix.data.length);
  for (let i = 0; i < matrix.rows; i++) {
    for (let j = 0; j < matrix.cols; j++) out[j * matrix.rows + i] = matrix.data[i * matrix.cols + j];
  }
  return out;
}
