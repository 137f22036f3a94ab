import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import { plainText } from '../../data/plainText.ts';
import type { LayerStack } from '../deepNetwork.ts';
import type { TwoLayerNetwork } from '../network.ts';
import { type OnnxFileOptions, OnnxGraphWriter, numberType } from './onnxGraph.ts';

export interface OnnxOptions extends OnnxFileOptions {
  /** What each input is, in order; goes into the documentation of the model. */
  readonly inputs: readonly string[];
  /** What comes out. */
  readonly outputs: readonly string[];
}

/**
 * An ONNX model (IR 8, opset 13) of a two-layer network: one input `X` (rows x d), one output `Y` (rows x c).
 * ReLU:  Y = Relu(X W1' + b1) W2 + b2.  Gated: Relu(t) is replaced by Where(Not(Less(X G' + h, 0)), X W1' + b1, 0).
 * A network without neurons is one MatMul with zero weights.
 */
export function onnxModel(network: TwoLayerNetwork, options: OnnxOptions): Uint8Array {
  return modelFile('two_layer_network', network.W1.cols, network.b2.length, options, (graph) =>
    addTwoLayers(graph, network, 'X', 'Y'),
  );
}

/** Adds the network to a graph, from the tensor `input` to the tensor `output`; the names of its own tensors begin with `prefix`. */
export function addTwoLayers(
  graph: OnnxGraphWriter,
  network: TwoLayerNetwork,
  input: string,
  output: string,
  prefix = '',
): void {
  const [d, m, c] = [network.W1.cols, network.W1.rows, network.b2.length];
  const node = (operator: string, inputs: readonly string[], out: string): void =>
    graph.node(
      operator,
      inputs.map((name) => (name === input ? name : prefix + name)),
      out === output ? out : prefix + out,
    );
  const tensor = (name: string, dims: readonly number[], data: ArrayLike<number>): void =>
    graph.tensor(prefix + name, dims, data);
  if (m === 0) {
    node('MatMul', [input, 'W'], 'product');
    node('Add', ['product', 'b2'], output);
    tensor('W', [d, c], new Float64Array(d * c));
  } else {
    node('MatMul', [input, 'W1'], 'product1');
    node('Add', ['product1', 'b1'], 'hidden');
    if (network.gates === undefined) {
      node('Relu', ['hidden'], 'active');
    } else {
      node('MatMul', [input, 'G'], 'gateProduct');
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
    node('Add', ['product2', 'b2'], output);
    tensor('W1', [d, m], transposed(network.W1));
    tensor('b1', [m], network.b1);
    tensor('W2', [m, c], network.W2.data);
  }
  tensor('b2', [c], network.b2);
}

/** An ONNX model of layers in turn: MatMul, Add and, between layers of a ReLU network, Relu. */
export function onnxStack(stack: LayerStack, options: OnnxOptions): Uint8Array {
  const { layers, relu } = stack;
  const name = relu ? 'relu_network' : 'linear_network';
  return modelFile(name, layers[0].W.rows, layers[layers.length - 1].W.cols, options, (graph) =>
    addLayers(graph, stack, 'X', 'Y'),
  );
}

/** Adds the layers to a graph, as `addTwoLayers` does. */
export function addLayers(
  graph: OnnxGraphWriter,
  { layers, relu }: LayerStack,
  input: string,
  output: string,
  prefix = '',
): void {
  const last = layers.length;
  let from = input;
  layers.forEach(({ W, b }, at) => {
    const l = at + 1;
    const out = l === last ? output : `${prefix}hidden${l}`;
    graph.node('MatMul', [from, `${prefix}W${l}`], `${prefix}product${l}`);
    graph.node('Add', [`${prefix}product${l}`, `${prefix}b${l}`], out);
    graph.tensor(`${prefix}W${l}`, [W.rows, W.cols], W.data);
    graph.tensor(`${prefix}b${l}`, [W.cols], b);
    from = out;
    if (relu && l < last) graph.node('Relu', [out], (from = `${prefix}active${l}`));
  });
}

/** The file around a graph from `X` (rows x d) to `Y` (rows x c). */
function modelFile(
  name: string,
  d: number,
  c: number,
  options: OnnxOptions,
  build: (graph: OnnxGraphWriter) => void,
): Uint8Array {
  const type = numberType(options.precision);
  const graph = new OnnxGraphWriter(type);
  build(graph);
  graph.input({ name: 'X', type, columns: d, doc: `columns: ${plainText(options.inputs.join(', '))}` });
  graph.output({ name: 'Y', type, columns: c, doc: plainText(options.outputs.join(', ')) });
  return graph.file(name, options);
}

function transposed(matrix: DenseMatrix): Float64Array {
  const out = new Float64Array(matrix.data.length);
  for (let i = 0; i < matrix.rows; i++) {
    for (let j = 0; j < matrix.cols; j++) out[j * matrix.rows + i] = matrix.data[i * matrix.cols + j];
  }
  return out;
}
