import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createReferenceKernels } from '../../../src/core/base/kernels/reference.ts';
import { createWasmKernels } from '../../../src/core/base/kernels/wasmKernels.ts';
import type { Kernels } from '../../../src/core/base/kernels/kernels.ts';
import { denseMatrix, type DenseMatrix } from '../../../src/core/base/linalg/matrix.ts';
import { patternsOfGates } from '../../../src/core/base/patterns.ts';
import { createRng } from '../../../src/core/base/rng.ts';
import { createActivation } from '../../../src/core/descent/layers/activation.ts';
import { createNormalizedDense } from '../../../src/core/descent/layers/batchNorm.ts';
import { createDense } from '../../../src/core/descent/layers/dense.ts';
import { createGate } from '../../../src/core/descent/layers/gate.ts';
import { createGrouped } from '../../../src/core/descent/layers/grouped.ts';
import type { Layer, Rows } from '../../../src/core/descent/layers/layer.ts';
import { createOffset, createPerOutput } from '../../../src/core/descent/layers/perOutput.ts';
import { Sequence } from '../../../src/core/descent/layers/sequence.ts';

const rng = createRng(31);
const normal = (length: number): Float64Array => Float64Array.from({ length }, () => rng.normal());

const n = 7;
const d = 4;
const X = denseMatrix(n, d, normal(n * d));
const centred = denseMatrix(n, d, X.data.slice());
for (let j = 0; j < d; j++) {
  let mean = 0;
  for (let i = 0; i < n; i++) mean += X.data[i * d + j] / n;
  for (let i = 0; i < n; i++) centred.data[i * d + j] -= mean;
}
const gates = denseMatrix(3, d, normal(3 * d));

/** Each layer, behind a dense one so that its derivative in the input is tried as well; `data` are the rows it is run on. */
const layers: Readonly<Record<string, { readonly data?: DenseMatrix; readonly make: (kernels: Kernels) => Layer[] }>> =
  {
    'dense by output': {
      make: (kernels) => [
        createDense({ inputs: d, outputs: 5, kernels }),
        createDense({ inputs: 5, outputs: 3, kernels, scale: 0.7, biasScale: 0.3 }),
      ],
    },
    'dense by input': {
      make: (kernels) => [
        createDense({ inputs: d, outputs: 5, kernels, layout: 'by-input' }),
        createDense({ inputs: 5, outputs: 3, kernels, layout: 'by-input', scale: 2 }),
      ],
    },
    'dense with one output': {
      make: (kernels) => [
        createDense({ inputs: d, outputs: 5, kernels, biasScale: 1 }),
        createDense({ inputs: 5, outputs: 1, kernels, scale: 0.4, biasScale: 0.2 }),
      ],
    },
    relu: {
      make: (kernels) => [createDense({ inputs: d, outputs: 40, kernels }), createActivation('relu', 40, n, kernels)],
    },
    erf: {
      make: (kernels) => [createDense({ inputs: d, outputs: 5, kernels }), createActivation('erf', 5, n, kernels)],
    },
    gate: {
      make: (kernels) => [createDense({ inputs: d, outputs: 6, kernels }), createGate(patternsOfGates(X, gates), 2)],
    },
    'normalised dense with shifts': {
      data: centred,
      make: (kernels) => [createNormalizedDense({ X: centred, columns: 5, shifted: true, block: n, kernels })],
    },
    'normalised dense without shifts': {
      data: centred,
      make: (kernels) => [createNormalizedDense({ X: centred, columns: 5, shifted: false, block: n, kernels })],
    },
    grouped: { make: (kernels) => [createDense({ inputs: d, outputs: 6, kernels }), createGrouped(2, 3, 4)] },
    'per output': { make: (kernels) => [createDense({ inputs: d, outputs: 7, kernels }), createPerOutput(7, 3)] },
    'per output, weights shared': {
      make: (kernels) => [createDense({ inputs: d, outputs: 6, kernels }), createPerOutput(6, 3, 'outputs')],
    },
    offset: { make: (kernels) => [createDense({ inputs: d, outputs: 2, kernels }), createOffset(2)] },
  };

/** Some rows, in an order of their own, and all of them. */
const order = Int32Array.of(6, 2, 0, 3);
const passes: readonly Rows[] = [
  { order: null, start: 0, count: n },
  { order, start: 1, count: 3 },
];

function inputsOf(data: DenseMatrix, { order: rows, start, count }: Rows): Float64Array {
  const out = new Float64Array(count * d);
  for (let k = 0; k < count; k++) {
    const row = rows === null ? start + k : rows[start + k];
    out.set(data.data.subarray(row * d, (row + 1) * d), k * d);
  }
  return out;
}

const kernelsOf: Readonly<Record<string, () => Kernels>> = {
  typescript: createReferenceKernels,
  webassembly: () => createWasmKernels()!,
};

for (const [kind, create] of Object.entries(kernelsOf)) {
  describe(`layers on ${kind} kernels`, () => {
    for (const [name, { data = X, make }] of Object.entries(layers)) {
      it(`${name}: the backward pass is the derivative of the forward pass`, () => {
        const kernels = create();
        const network = new Sequence(make(kernels), n, kernels);
        const theta = normal(network.size);
        for (const rows of passes) {
          const input = inputsOf(data, rows);
          const weights = normal(rows.count * network.outputs);
          const value = (t: Float64Array): number => {
            network.begin(t);
            network.forward(t, input, rows);
            return weights.reduce((sum, w, i) => sum + w * network.output[i], 0);
          };
          value(theta);
          network.outputSignal.set(weights);
          // added to what is there
          const gradient = new Float64Array(network.size).fill(1);
          network.backward(theta, rows, gradient);
          for (let i = 0; i < network.size; i++) {
            const [plus, minus] = [theta.slice(), theta.slice()];
            plus[i] += 1e-6;
            minus[i] -= 1e-6;
            const numeric = (value(plus) - value(minus)) / 2e-6;
            assert.ok(Math.abs(numeric - gradient[i] + 1) < 1e-6 * (1 + Math.abs(numeric)), `parameter ${i}`);
          }
        }
        network.dispose();
        // the kernels may keep their stage
        const held = kernels.bytesInUse;
        new Sequence(make(kernels), n, kernels).dispose();
        assert.equal(kernels.bytesInUse, held);
      });
    }
  });
}

describe('a sequence of layers', () => {
  const kernels = createReferenceKernels();
  const dense = (inputs: number, outputs: number): Layer => createDense({ inputs, outputs, kernels });

  it('predicts block after block what it predicts at once', () => {
    const make = (block: number): Sequence =>
      new Sequence([dense(d, 5), createActivation('relu', 5, block, kernels), dense(5, 2)], block, kernels);
    const theta = normal(make(n).size);
    assert.deepEqual(make(2).predict(theta, X).data, make(n).predict(theta, X).data);
  });

  it('refuses layers that do not fit, a first layer that would write on the data, and an unknown activation', () => {
    assert.throws(() => new Sequence([dense(d, 5), dense(4, 1)], n, kernels), RangeError);
    assert.throws(() => new Sequence([createOffset(2)], n, kernels), RangeError);
    assert.throws(() => createActivation('tanh' as never, 2, n, kernels), /must be one of "relu", "erf"/);
  });

  it('sees parameters that were changed in place', () => {
    const network = new Sequence([dense(d, 1)], n, kernels);
    const theta = normal(d);
    const before = network.predict(theta, X).data;
    for (let i = 0; i < d; i++) theta[i] *= 2;
    network.predict(theta, X).data.forEach((value, i) => assert.ok(Math.abs(value - 2 * before[i]) < 1e-12));
  });
});
