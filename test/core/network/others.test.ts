import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, it } from 'node:test';
import type { TwoLayerNetwork } from '../../../src/core/network/network.ts';
import { NetworkError } from '../../../src/core/network/formats/networkError.ts';
import { readNetwork } from '../../../src/core/network/formats/readNetwork.ts';

const folder = path.resolve(import.meta.dirname, '../../fixtures/networks');
const read = (name: string, inputs?: number): TwoLayerNetwork =>
  readNetwork(readFileSync(path.join(folder, name)), name, inputs === undefined ? {} : { inputs });

/** Outputs of a network on one row, written out once more. */
function outputs({ W1, b1, W2, b2 }: TwoLayerNetwork, x: readonly number[]): number[] {
  const hidden = Array.from(b1, (b, j) =>
    Math.max(
      0,
      x.reduce((sum, v, k) => sum + W1.data[j * W1.cols + k] * v, b),
    ),
  );
  return Array.from(b2, (b, c) => hidden.reduce((sum, h, j) => sum + h * W2.data[j * W2.cols + c], b));
}

const rows = (d: number): number[][] =>
  Array.from({ length: 20 }, (_, i) => Array.from({ length: d }, (_, k) => 3 * Math.sin(1 + 7 * i + 3 * k * k)));

/** Files that hold the same function, the first of them in a form that leaves nothing open. */
const same: readonly (readonly string[])[] = [
  [
    'torch-json.json',
    'checkpoint-model.json',
    'checkpoint-model-key.json',
    'lightning.json',
    'torch-module-prefix.json',
    'torch-compile-prefix.json',
  ],
  [
    'sklearn-right.json',
    'sklearn-coefs.json',
    'sklearn-W1-transposed.json',
    'keras-get-weights.json',
    'keras-names.json',
  ],
  ['own.json', 'own-state.json', 'own-state.safetensors'],
  ['torch-json.json', 'onnx-clamp-min0.onnx', 'onnx-matmul-t-nofold.onnx', 'onnx-nofold.onnx'],
];

const refused: Readonly<Record<string, RegExp>> = {
  'onnx-clamp.onnx': /Clip with other bounds than 0/,
  'onnx-leaky.onnx': /LeakyRelu/,
  'onnx-sigmoid.onnx': /ends in Sigmoid: the loss takes the raw outputs \(logits\)/,
  'onnx-skl-clf.onnx': /logits|outputs \(label, probabilities\)/,
  'onnx-external.onnx': /in another file; save the model as one file/,
  'torch-batchnorm.json': /batch normalisation: fold it/,
  'torch-extra-param.json': /log_sigma, loss\.pos_weight/,
  'torch-pt.pt': /is a program and is not run here; .*torch\.load/,
  'torch-pth-legacy.pth': /is a program/,
  'torch-jit.pt': /is a program/,
  'json-nan.json': /the file holds NaN/,
};

describe('networks made by others', () => {
  for (const [reference, ...others] of same) {
    for (const name of others) {
      it(`${name} is the network of ${reference}`, () => {
        const one = read(reference);
        const other = read(name);
        for (const x of rows(one.W1.cols)) {
          const [expected, found] = [outputs(one, x), outputs(other, x)];
          expected.forEach((value, c) =>
            assert.ok(Math.abs(found[c] - value) <= 1e-5 * (1 + Math.abs(value)), `${found[c]}, not ${value}`),
          );
        }
      });
    }
  }

  for (const [name, message] of Object.entries(refused)) {
    it(`${name} is refused with the reason`, () => {
      assert.throws(
        () => read(name),
        (error: unknown) => error instanceof NetworkError && message.test(error.message),
      );
    });
  }

  it('all others are read', () => {
    for (const name of readdirSync(folder)) if (!(name in refused)) read(name);
  });

  it('a weight in the two parts of weight normalisation is put together', () => {
    const json = JSON.parse(readFileSync(path.join(folder, 'torch-weightnorm.json'), 'utf8')) as Record<
      string,
      number[][]
    >;
    const { W1 } = read('torch-weightnorm.json');
    for (let j = 0; j < W1.rows; j++) {
      assert.ok(
        Math.abs(Math.hypot(...W1.data.subarray(j * W1.cols, (j + 1) * W1.cols)) - json['0.weight_g'][j][0]) < 1e-9,
      );
    }
  });

  it('the order of layers follows from the inputs of the problem, from names, and is asked for where neither tells', () => {
    const json = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
    const wide = [
      [1, 2, 3],
      [4, 5, 6],
    ];
    const tall = [
      [1, 2],
      [3, 4],
      [5, 6],
    ];
    const swapped = json({ 'p.weight': wide, 'q.weight': tall });
    assert.equal(readNetwork(swapped, 'a.json', { inputs: 2 }).W1.cols, 2);
    assert.equal(readNetwork(swapped, 'a.json', { inputs: 3 }).W1.cols, 3);
    const square = [
      [1, 2],
      [3, 4],
    ];
    const other = [
      [5, 6],
      [7, 8],
    ];
    const first = (names: readonly string[]): number =>
      readNetwork(json({ [names[0]]: square, [names[1]]: other }), 'a.json', { inputs: 2 }).W1.data[0];
    assert.equal(first(['fc1.weight', 'fc2.weight']), 1);
    assert.equal(first(['fc2.weight', 'fc1.weight']), 5);
    assert.equal(first(['decoder.weight', 'encoder.weight']), 5);
    const bytes = tensors({ 'p.weight': square, 'q.weight': other });
    assert.throws(
      () => readNetwork(bytes, 'a.safetensors', { inputs: 2 }),
      /which of p\.weight and q\.weight is the first layer/,
    );
    assert.equal(
      readNetwork(tensors({ 'decoder.weight': square, 'encoder.weight': other }), 'a.safetensors').W1.data[0],
      5,
    );
  });
});

/** A safetensors file of 2 x 2 matrices. */
function tensors(named: Readonly<Record<string, readonly (readonly number[])[]>>): Uint8Array {
  const entries = Object.entries(named);
  const header = JSON.stringify(
    Object.fromEntries(
      entries.map(([name], k) => [name, { dtype: 'F64', shape: [2, 2], data_offsets: [32 * k, 32 * k + 32] }]),
    ),
  );
  const out = Buffer.alloc(8 + header.length + 32 * entries.length);
  out.writeBigUInt64LE(BigInt(header.length), 0);
  out.write(header, 8);
  entries.forEach(([, rows], k) =>
    rows.flat().forEach((value, i) => out.writeDoubleLE(value, 8 + header.length + 32 * k + 8 * i)),
  );
  return out;
}
