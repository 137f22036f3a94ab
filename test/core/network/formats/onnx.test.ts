import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { onnxModel } from '../../../../src/core/network/formats/writeOnnx.ts';
import { inOriginalUnits } from '../../../../src/core/network/formats/originalUnits.ts';
import { ProtoWriter } from '../../../../src/core/network/formats/protobufWriter.ts';
import { denseMatrix } from '../../../../src/core/base/linalg/matrix.ts';
import { networkFit } from '../../../../src/core/network/evaluate.ts';
import type { TwoLayerNetwork } from '../../../../src/core/network/network.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { decodeFields, decodeOnnx } from '../../../support/onnxDecoder.ts';
import { runOnnx } from '../../../support/onnxRuntime.ts';

function randomNetwork(seed: number, d: number, m: number, c: number, gated: boolean): TwoLayerNetwork {
  const rng = createRng(seed);
  const draw = (count: number): Float64Array => Float64Array.from({ length: count }, () => rng.normal());
  return {
    W1: denseMatrix(m, d, draw(m * d)),
    b1: draw(m),
    W2: denseMatrix(m, c, draw(m * c)),
    b2: draw(c),
    ...(gated ? { gates: denseMatrix(m, d, draw(m * d)), gateBias: draw(m) } : {}),
  };
}

const options = { inputs: ['größe', 'b = "x"'], outputs: ['y'], description: 'Test', producerVersion: '1.2.3' };

describe('protocol buffers', () => {
  it('writes the bytes of the specification', () => {
    // Examples of the encoding guide: field 1 = 150; field 2 = "testing"; a packed field 6 of 3, 270, 86942.
    assert.deepEqual(Array.from(new ProtoWriter().int(1, 150).finish()), [0x08, 0x96, 0x01]);
    assert.deepEqual(
      Array.from(new ProtoWriter().string(2, 'testing').finish()),
      [0x12, 7, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67],
    );
    assert.deepEqual(
      Array.from(new ProtoWriter().ints(6, [3, 270, 86942]).finish()),
      [0x32, 6, 3, 0x8e, 2, 0x9e, 0xa7, 5],
    );
  });

  it('round-trips', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer({ min: 1, max: 500 }), fc.oneof(fc.nat(), fc.string()))), (fields) => {
        const writer = new ProtoWriter();
        for (const [number, value] of fields) {
          if (typeof value === 'number') writer.int(number, value);
          else writer.string(number, value);
        }
        const back = decodeFields(writer.finish()).map((field) => [
          field.number,
          field.kind === 'varint' ? field.value : new TextDecoder().decode(field.value),
        ]);
        assert.deepEqual(
          back,
          fields.map(([n, v]) => [
            n,
            typeof v === 'string' ? new TextDecoder().decode(new TextEncoder().encode(v)) : v,
          ]),
        );
      }),
      { seed: 1, numRuns: 100 },
    );
  });
});

describe('ONNX models', () => {
  for (const gated of [false, true]) {
    for (const [d, m, c] of [
      [2, 5, 1],
      [7, 3, 4],
      [2, 0, 2],
    ]) {
      it(`${gated ? 'gated ' : ''}${d} inputs, ${m} neurons, ${c} outputs: the file gives the network's outputs`, async () => {
        const network = randomNetwork(d + m, d, m, c, gated);
        const file = onnxModel(network, options);
        const graph = decodeOnnx(file);
        const rng = createRng(9);
        const X = denseMatrix(
          40,
          d,
          Float64Array.from({ length: 40 * d }, () => 3 * rng.normal()),
        );
        const expected = networkFit(network, X).data;
        const found = await runOnnx(file, 40, X.data);
        assert.deepEqual(found.dims, [40, c]);
        found.data.forEach((value, i) =>
          assert.ok(Math.abs(value - expected[i]) <= 1e-12 * (1 + Math.abs(expected[i]))),
        );
        assert.equal(graph.input.columns, d);
        assert.equal(graph.output.columns, c);
        // Every tensor is used, and every name that is used is there.
        const used = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
        for (const name of graph.initializers.keys()) assert.ok(used.has(name), name);
      });
    }
  }

  it('switches a gate on exactly at its boundary, and off on the other side', async () => {
    const network: TwoLayerNetwork = {
      W1: denseMatrix(1, 1, Float64Array.of(0)),
      b1: Float64Array.of(5),
      W2: denseMatrix(1, 1, Float64Array.of(1)),
      b2: Float64Array.of(0),
      gates: denseMatrix(1, 1, Float64Array.of(2)),
      gateBias: Float64Array.of(-6),
    };
    const { data } = await runOnnx(onnxModel(network, options), 3, Float64Array.of(2.999, 3, 3.001));
    assert.deepEqual(Array.from(data), [0, 5, 5]);
  });

  it('says what goes in and out', () => {
    const graph = decodeOnnx(onnxModel(randomNetwork(1, 2, 2, 1, false), options));
    assert.equal(graph.irVersion, 8);
    assert.equal(graph.opset, 13);
    assert.equal(graph.producer, 'convex-network-explorer 1.2.3');
    assert.deepEqual(JSON.parse(graph.metadata.inputs), options.inputs);
    assert.deepEqual(JSON.parse(graph.metadata.outputs), ['y']);
    assert.equal(graph.input.type, 11);
  });

  it('also in single precision', async () => {
    const network = randomNetwork(3, 2, 4, 1, true);
    const file = onnxModel(network, { ...options, precision: 'single' });
    const graph = decodeOnnx(file);
    assert.equal(graph.input.type, 1);
    assert.ok([...graph.initializers.values()].every(({ type }) => type === 1));
    const X = denseMatrix(2, 2, Float64Array.of(1, 2, -1, 0.5));
    const expected = networkFit(network, X).data;
    (await runOnnx(file, 2, X.data)).data.forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 1e-5));
  });
});

describe('original units', () => {
  it('gives the same function, for any scaling, to 1e-9', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e6 }),
        fc.boolean(),
        fc.array(
          fc.tuple(fc.double({ min: -100, max: 100, noNaN: true }), fc.double({ min: 0.1, max: 1e3, noNaN: true })),
          {
            minLength: 3,
            maxLength: 3,
          },
        ),
        (seed, gated, [one, two, target]) => {
          const network = randomNetwork(seed, 2, 6, 2, gated);
          const input = ([mean, scale]: [number, number], k: number) => ({
            name: `x${k}`,
            column: `x${k}`,
            mean,
            scale,
          });
          const scaling = { inputs: [input(one, 0), input(two, 1)], target: { mean: target[0], scale: target[1] } };
          const rng = createRng(seed).fork('rows');
          const encoded = denseMatrix(
            20,
            2,
            Float64Array.from({ length: 40 }, () => rng.normal()),
          );
          const original = denseMatrix(
            20,
            2,
            encoded.data.map((z, i) => z * scaling.inputs[i % 2].scale + scaling.inputs[i % 2].mean),
          );
          const expected = networkFit(network, encoded).data.map((f) => f * target[1] + target[0]);
          const found = networkFit(inOriginalUnits(network, scaling), original).data;
          const size = 1 + Math.abs(target[0]) + target[1] * 20;
          found.forEach((value, i) =>
            assert.ok(Math.abs(value - expected[i]) <= 1e-9 * size, `${value} ${expected[i]}`),
          );
        },
      ),
      { seed: 5, numRuns: 200 },
    );
  });
});
