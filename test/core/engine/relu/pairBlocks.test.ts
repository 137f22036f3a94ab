// Blocks of pairs of neurons that are changed by the rows which come and go, against blocks made anew.
import assert from 'node:assert/strict';
import test from 'node:test';
import { createWasmKernels } from '../../../../src/core/base/kernels/wasmKernels.ts';
import { denseMatrix } from '../../../../src/core/base/linalg/matrix.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import type { Neuron } from '../../../../src/core/engine/relu/activeNeurons.ts';
import { bitsOf, PairBlocks } from '../../../../src/core/engine/relu/pairBlocks.ts';
import { difference } from '../../base/kernels/random.ts';

test('blocks follow rows that come and go, neurons that go and neurons that are new', () => {
  const kernels = createWasmKernels()!;
  const rng = createRng(3);
  const [n, d, c] = [300, 6, 2];
  const X = denseMatrix(
    n,
    d,
    Float64Array.from({ length: n * d }, () => rng.normal()),
  );
  const operator = kernels.createRowOperator(X);
  let calls = 0;
  const counted = {
    ...operator,
    grams: (...all: Parameters<typeof operator.grams>) => (calls++, operator.grams(...all)),
  };
  counted.changeGrams = (...all) => operator.changeGrams(...all);
  const neuron = (output: number): Neuron => {
    const on = Int32Array.from({ length: n }, (_, i) => i).filter(() => rng.uniform() < 0.5);
    return { on, output } as Partial<Neuron> as Neuron;
  };
  const flip = (of: Neuron, rows: number): void => {
    const set = new Set(of.on);
    for (let k = 0; k < rows; k++) {
      const row = rng.integer(n);
      if (!set.delete(row)) set.add(row);
    }
    of.on = Int32Array.from(set).sort();
  };
  let H = Float64Array.from({ length: n * c * c }, () => 1 + rng.uniform());
  const pairs = new PairBlocks(n, d, c, kernels);
  let neurons = Array.from({ length: 20 }, (_, k) => neuron(k % c));
  const compare = (curvature: Float64Array): void => {
    const size = ((neurons.length * (neurons.length + 1)) / 2) * d * d;
    const got = pairs.of(neurons, H, counted).slice(0, size);
    const want = new Float64Array(size);
    const outputs = Int32Array.from(neurons, ({ output }) => output);
    operator.grams({ bits: bitsOf(neurons, n), count: neurons.length }, curvature, c, outputs, want);
    // of a neuron with itself only the lower triangle counts
    for (let a = 0; a < neurons.length; a++) {
      const from = ((a * (a + 3)) / 2) * d * d;
      for (let x = 0; x < d; x++) for (let y = x + 1; y < d; y++) got[from + x * d + y] = want[from + x * d + y] = 0;
    }
    assert.ok(difference(got, want) < 1e-12, `${difference(got, want)}`);
  };
  compare(H);
  assert.equal(calls, 1);
  for (let round = 0; round < 5; round++) {
    neurons.forEach((of) => flip(of, 2));
    compare(H);
  }
  neurons = [...neurons.slice(0, 7), ...neurons.slice(9)];
  compare(H);
  neurons = [...neurons.slice(1, 4), ...neurons.slice(5), neuron(1)];
  compare(H);
  assert.equal(calls, 1, 'few rows: nothing is made anew');
  // a little more curved: as it was
  const before = H;
  H = H.map((value) => 1.001 * value);
  neurons.forEach((of) => flip(of, 1));
  compare(before);
  assert.equal(calls, 1);
  H = before.map((value) => 1.1 * value);
  compare(H);
  assert.equal(calls, 2, 'another curvature');
  neurons = neurons.map(({ output }) => neuron(output));
  compare(H);
  assert.equal(calls, 3, 'other neurons');
  neurons = [neurons[1], neurons[0], ...neurons.slice(2)];
  compare(H);
  assert.equal(calls, 4, 'another order');
  pairs.dispose();
  operator.dispose();
  kernels.dispose();
});
