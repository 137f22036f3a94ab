import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { onnxModel } from '../../../src/core/network/formats/writeOnnx.ts';
import { ProtoWriter } from '../../../src/core/network/formats/protobufWriter.ts';
import { denseMatrix, toRows } from '../../../src/core/base/linalg/matrix.ts';
import { networkFit } from '../../../src/core/network/evaluate.ts';
import { readNetwork } from '../../../src/core/network/formats/readNetwork.ts';
import type { TwoLayerNetwork } from '../../../src/core/network/network.ts';
import { createRng } from '../../../src/core/base/rng.ts';

const rng = createRng(3);
const draw = (count: number): Float64Array => Float64Array.from({ length: count }, () => Math.fround(rng.normal()));
/** Three inputs, four neurons, two outputs; entries that single precision holds exactly. */
const sample: TwoLayerNetwork = {
  W1: denseMatrix(4, 3, draw(12)),
  b1: draw(4),
  W2: denseMatrix(4, 2, draw(8)),
  b2: draw(2),
};
const inputs = denseMatrix(5, 3, draw(15));

function assertSame(network: TwoLayerNetwork, expected: TwoLayerNetwork = sample, tolerance = 0): void {
  for (const [a, b] of [
    [network.W1.data, expected.W1.data],
    [network.b1, expected.b1],
    [network.W2.data, expected.W2.data],
    [network.b2, expected.b2],
  ]) {
    assert.equal(a.length, b.length);
    a.forEach((value, i) => {
      assert.ok(Math.abs(value - b[i]) <= tolerance, `${value} instead of ${b[i]}`);
    });
  }
}

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** W (out x in) as PyTorch keeps the second layer. */
const outer = [0, 1].map((k) => [0, 1, 2, 3].map((j) => sample.W2.data[j * 2 + k]));
const state = {
  '0.weight': toRows(sample.W1),
  '0.bias': Array.from(sample.b1),
  '2.weight': outer,
  '2.bias': Array.from(sample.b2),
};

function safetensors(tensors: Record<string, { dtype: string; shape: number[]; bytes: Uint8Array }>): Uint8Array {
  let at = 0;
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  for (const [name, { dtype, shape, bytes }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [at, at + bytes.length] };
    at += bytes.length;
  }
  const text = encode(header);
  const out = new Uint8Array(8 + text.length + at);
  new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
  out.set(text, 8);
  at = 8 + text.length;
  for (const { bytes } of Object.values(tensors)) {
    out.set(bytes, at);
    at += bytes.length;
  }
  return out;
}

function numbers(
  values: readonly number[],
  size: number,
  put: (view: DataView, at: number, value: number) => void,
): Uint8Array {
  const view = new DataView(new ArrayBuffer(size * values.length));
  values.forEach((value, i) => put(view, size * i, value));
  return new Uint8Array(view.buffer);
}

const f32 = (values: readonly number[]): Uint8Array =>
  numbers(values, 4, (view, at, value) => view.setFloat32(at, value, true));

interface TensorSpec {
  readonly name: string;
  readonly dims: readonly number[];
  readonly values: readonly number[];
}

/** An ONNX model from operators and constants, single precision. */
function onnx(
  nodes: readonly {
    op: string;
    inputs: string[];
    output: string;
    ints?: Record<string, number>;
    floats?: Record<string, number>;
  }[],
  tensors: readonly TensorSpec[],
): Uint8Array {
  const graph = new ProtoWriter();
  for (const { op, inputs: names, output, ints = {}, floats = {} } of nodes) {
    const node = new ProtoWriter();
    for (const name of names) node.string(1, name);
    node.string(2, output).string(4, op);
    for (const [name, value] of Object.entries(ints)) node.message(5, new ProtoWriter().string(1, name).int(3, value));
    for (const [name, value] of Object.entries(floats)) {
      // field 2, wire type 5
      const bytes = f32([value]);
      node.bytes(5, Uint8Array.from([...new ProtoWriter().string(1, name).finish(), 0x15, ...bytes]));
    }
    graph.message(1, node);
  }
  for (const { name, dims, values } of tensors) {
    graph.message(5, new ProtoWriter().ints(1, dims).int(2, 1).string(8, name).bytes(9, f32(values)));
  }
  graph.message(11, new ProtoWriter().string(1, 'X'));
  graph.message(12, new ProtoWriter().string(1, 'Y'));
  return new ProtoWriter().int(1, 8).message(7, graph).finish();
}

const gemmNodes = [
  { op: 'Gemm', inputs: ['X', 'A', 'a'], output: 'h', ints: { transB: 1 } },
  { op: 'Relu', inputs: ['h'], output: 'r' },
  { op: 'Gemm', inputs: ['r', 'B', 'b'], output: 'Y', ints: { transB: 1 } },
];
const gemmTensors: TensorSpec[] = [
  { name: 'A', dims: [4, 3], values: Array.from(sample.W1.data) },
  { name: 'a', dims: [4], values: Array.from(sample.b1) },
  { name: 'B', dims: [2, 4], values: outer.flat() },
  { name: 'b', dims: [2], values: Array.from(sample.b2) },
];

describe('reading networks trained elsewhere', () => {
  it('takes our JSON, with one output or several, and results that hold a network', () => {
    const plain = {
      W1: toRows(sample.W1),
      b1: Array.from(sample.b1),
      W2: toRows(sample.W2),
      b2: Array.from(sample.b2),
    };
    assertSame(readNetwork(encode(plain), 'net.json'));
    assertSame(readNetwork(encode({ format: 'convexnet-result/1', network: plain }), 'result.json'));
    const single = readNetwork(encode({ W1: [[1, 2]], w2: [3] }), 'net.json');
    assert.deepEqual(
      [toRows(single.W1), Array.from(single.b1), toRows(single.W2), Array.from(single.b2)],
      [[[1, 2]], [0], [[3]], [0]],
    );
    const empty = readNetwork(encode({ W1: [], b1: [], w2: [], b2: 0.5 }), 'net.json');
    assert.deepEqual([empty.W1.rows, Array.from(empty.b2)], [0, [0.5]]);
  });

  it('takes a PyTorch state dict as JSON, in any order and with any prefix', () => {
    assertSame(readNetwork(encode(state), 'state.json'));
    assertSame(readNetwork(encode({ state_dict: state }), 'state.json'));
    const reversed = {
      'out.weight': outer,
      'out.bias': state['2.bias'],
      'hidden.weight': state['0.weight'],
      'hidden.bias': state['0.bias'],
    };
    assertSame(readNetwork(encode(reversed), 'state.json'));
    const withoutBias = readNetwork(encode({ '0.weight': state['0.weight'], '2.weight': outer }), 'state.json');
    assert.ok(withoutBias.b1.every((b) => b === 0) && withoutBias.b2.every((b) => b === 0));
  });

  it('takes safetensors in double, single, half and bfloat precision', () => {
    const build = (dtype: string, size: number, put: (view: DataView, at: number, value: number) => void): Uint8Array =>
      safetensors(
        Object.fromEntries(
          Object.entries(state).map(([name, values]) => [
            name,
            {
              dtype,
              shape: Array.isArray(values[0]) ? [values.length, values[0].length] : [values.length],
              bytes: numbers(values.flat(), size, put),
            },
          ]),
        ),
      );
    assertSame(
      readNetwork(
        build('F64', 8, (view, at, value) => view.setFloat64(at, value, true)),
        'net.safetensors',
      ),
    );
    assertSame(
      readNetwork(
        build('F32', 4, (view, at, value) => view.setFloat32(at, value, true)),
        'net.safetensors',
      ),
    );
    assertSame(
      readNetwork(
        build('F32', 4, (view, at, value) => view.setFloat32(at, value, true)),
        'net',
      ),
    );
    const bfloat = build('BF16', 2, (view, at, value) => {
      const wide = new DataView(new ArrayBuffer(4));
      wide.setFloat32(0, value);
      view.setUint16(at, wide.getUint16(0), true);
    });
    assertSame(readNetwork(bfloat, 'net.safetensors'), sample, 2 ** -6);
    const half = safetensors({
      '0.weight': {
        dtype: 'F16',
        shape: [1, 3],
        bytes: numbers([0x3c00, 0xc000, 0x0001], 2, (v, at, b) => v.setUint16(at, b, true)),
      },
      '2.weight': { dtype: 'F16', shape: [1, 1], bytes: numbers([0x3555], 2, (v, at, b) => v.setUint16(at, b, true)) },
    });
    const network = readNetwork(half, 'net.safetensors');
    assert.deepEqual(Array.from(network.W1.data), [1, -2, 2 ** -24]);
    assert.ok(Math.abs(network.W2.data[0] - 1 / 3) < 2 ** -12);
  });

  it('takes ONNX: its own export, Gemm with attributes, and scaling folded in', () => {
    const options = { inputs: ['p', 'q', 'r'], outputs: ['s', 't'], description: '', producerVersion: '1' };
    assertSame(readNetwork(onnxModel(sample, options), 'net.onnx'));
    assertSame(readNetwork(onnxModel(sample, { ...options, precision: 'single' }), 'net'));
    assertSame(readNetwork(onnx(gemmNodes, gemmTensors), 'net.onnx'));

    // (X - m) / s first, alpha and beta in the Gemm, a factor on the output
    const m = [0.5, -1, 2];
    const s = [2, 4, 0.5];
    const scaled = onnx(
      [
        { op: 'Sub', inputs: ['X', 'm'], output: 'x1' },
        { op: 'Div', inputs: ['x1', 's'], output: 'x2' },
        { op: 'Flatten', inputs: ['x2'], output: 'x3' },
        { op: 'Gemm', inputs: ['x3', 'A', 'a'], output: 'h', ints: { transB: 1 }, floats: { alpha: 2, beta: 0.5 } },
        { op: 'Relu', inputs: ['h'], output: 'r' },
        { op: 'Gemm', inputs: ['r', 'B', 'b'], output: 'y', ints: { transB: 1 } },
        { op: 'Mul', inputs: ['three', 'y'], output: 'Y' },
      ],
      [
        ...gemmTensors,
        { name: 'm', dims: [3], values: m },
        { name: 's', dims: [3], values: s },
        { name: 'three', dims: [], values: [3] },
      ],
    );
    const network = readNetwork(scaled, 'net.onnx');
    const shifted = denseMatrix(
      5,
      3,
      inputs.data.map((x, i) => (x - m[i % 3]) / s[i % 3]),
    );
    const inner = {
      ...sample,
      W1: denseMatrix(
        4,
        3,
        sample.W1.data.map((w) => 2 * w),
      ),
      b1: sample.b1.map((b) => b / 2),
    };
    const expected = networkFit(inner, shifted).data.map((f) => 3 * f);
    networkFit(network, inputs).data.forEach((f, i) => {
      assert.ok(Math.abs(f - expected[i]) < 1e-5, `${f} instead of ${expected[i]}`);
    });
  });

  const refusals: [string, () => unknown, RegExp][] = [
    ['text that is no JSON', () => readNetwork(new TextEncoder().encode('{"W1": '), 'a.json'), /not valid JSON/],
    [
      'rows of different length',
      () => readNetwork(encode({ W1: [[1, 2], [3]], w2: [1, 1] }), 'a.json'),
      /W1, row 2: has 1 numbers, row 1 has 2/,
    ],
    [
      'something that is no number',
      () => readNetwork(encode({ W1: [[1, 'x']], w2: [1] }), 'a.json'),
      /W1, row 1, column 2: "x" is not a finite number/,
    ],
    [
      'layers of different width',
      () => readNetwork(encode({ W1: [[1]], w2: [1, 2] }), 'a.json'),
      /w2: has 2 numbers, but there are 1 neurons/,
    ],
    ['a missing second layer', () => readNetwork(encode({ W1: [[1]] }), 'a.json'), /w2: is missing/],
    ['a gated network', () => readNetwork(encode({ W1: [[1]], w2: [1], gates: [[1]] }), 'a.json'), /gated network/],
    ['three layers', () => readNetwork(encode({ ...state, '4.weight': [[1, 2]] }), 'a.json'), /this file has 3/],
    [
      'layers that do not chain',
      () => readNetwork(encode({ a: [[1, 2, 3]], b: [[1, 2]] }), 'a.json'),
      /do not fit together/,
    ],
    [
      'batch norm between the layers',
      () => readNetwork(encode({ ...state, '1.running_mean': [0, 0, 0, 0] }), 'a.json'),
      /1\.running_mean/,
    ],
    [
      'an integer tensor',
      () => readNetwork(safetensors({ w: { dtype: 'I64', shape: [1], bytes: new Uint8Array(8) } }), 'a.safetensors'),
      /type I64 is not supported/,
    ],
    ['a cut safetensors file', () => readNetwork(new Uint8Array(4), 'a.safetensors'), /too short/],
    ['bytes that are no ONNX', () => readNetwork(Uint8Array.of(255, 255, 255), 'a.onnx'), /not an ONNX model/],
    [
      'another activation',
      () =>
        readNetwork(
          onnx(
            gemmNodes.map((n) => (n.op === 'Relu' ? { ...n, op: 'Tanh' } : n)),
            gemmTensors,
          ),
          'a.onnx',
        ),
      /operator Tanh/,
    ],
    [
      'two hidden layers',
      () =>
        readNetwork(
          onnx(
            [
              ...gemmNodes.slice(0, 2),
              { op: 'Relu', inputs: ['r'], output: 'q' },
              { ...gemmNodes[2], inputs: ['q', 'B', 'b'] },
            ],
            gemmTensors,
          ),
          'a.onnx',
        ),
      /2 Relu layers/,
    ],
    [
      'a skip connection',
      () =>
        readNetwork(
          onnx(
            [...gemmNodes.slice(0, 2), { op: 'MatMul', inputs: ['X', 'A'], output: 'q' }, gemmNodes[2]],
            gemmTensors,
          ),
          'a.onnx',
        ),
      /more than one operator/,
    ],
    [
      'NaN weights',
      () =>
        readNetwork(
          onnx(
            gemmNodes,
            gemmTensors.map((t) => (t.name === 'a' ? { ...t, values: [NaN, 0, 0, 0] } : t)),
          ),
          'a.onnx',
        ),
      /a, entry 1: NaN/,
    ],
  ];
  for (const [what, read, message] of refusals) {
    it(`refuses ${what}`, () => {
      assert.throws(read, (error: Error) => error.name === 'NetworkError' && message.test(error.message));
    });
  }
});
