// The same bits come out whatever the number of threads. Uses the built helper (npm run build).
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import test from 'node:test';
import { Worker } from 'node:worker_threads';
import {
  type BlockPlace,
  type HessianTerms,
  type Kernels,
  KernelsInterrupted,
} from '../../../../src/core/base/kernels/kernels.ts';
import { HELPED } from '../../../../src/core/base/kernels/tickets.ts';
import { createWasmKernels } from '../../../../src/core/base/kernels/wasmKernels.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { createPooledKernels } from '../../../../src/platform/node/kernelPool.ts';
import { normals, randomMatrix, randomPatterns } from './random.ts';

const helperFile = path.resolve('dist/kernelThread.js');
assert.ok(existsSync(helperFile), 'build first: npm run build');

/** Results of every operation that is cut into pieces, large enough for threads to be used. */
function compute(kernels: Kernels): Float64Array[] {
  const rng = createRng(4);
  const [n, d, P] = [1300, 21, 600];
  const X = randomMatrix(rng, n, d);
  const operator = kernels.createMaskedOperator(X, randomPatterns(rng, P, n));
  const out = [new Float64Array(2 * n), new Float64Array(2 * P * d), new Float64Array(300 * n)];
  operator.forward(normals(rng, 2 * P * d), 2, out[0]);
  operator.adjoint(normals(rng, 2 * n), 2, out[1]);
  const gates = Int32Array.from({ length: 300 }, (_, k) => 2 * k);
  operator.fits(normals(rng, 300 * d), 1, out[2], gates);
  const system = kernels.createSymmetricSystem(n);
  const [a, b] = [normals(rng, 300).map(Math.abs), normals(rng, 300).map(Math.abs)];
  const terms: HessianTerms = { outputs: 1, sigma: 0.1, diagonal: 1, gates, a, b, q: out[2] };
  operator.hessian(terms, system);
  out.push(system.matrix.slice());
  assert.equal(system.factor(), true);
  out.push(system.matrix.slice());
  const places = Array.from({ length: 20 }, (_, a): BlockPlace => {
    return {
      from: 60 * a,
      dim: 50 + (a % 3),
      sign: 1,
      basis: a % 3 === 2 ? undefined : normals(rng, (50 + (a % 3)) * 52),
    };
  });
  system.addBlocks(normals(rng, 210 * 52 * 52), normals(rng, 20 * 52 * 52), 52, places);
  out.push(system.matrix.slice());
  const C = new Float64Array(500 * 700);
  kernels.gemm(false, true, 500, 700, 300, 1, normals(rng, 500 * 300), normals(rng, 700 * 300), 0, C);
  out.push(C);
  const layer = kernels.createReluLayer(n, d, new Int32Array(200), 1);
  layer.load(X, null, 0, n);
  for (const count of [200, 43]) {
    const [fit, sums] = [new Float64Array(n), new Float64Array(count * d)];
    layer.forward(normals(rng, count * d), normals(rng, count), fit, count);
    layer.backward(normals(rng, n), sums);
    out.push(fit, sums);
  }
  for (const handle of [operator, system, layer]) handle.dispose();
  return out;
}

function same(got: Float64Array[], want: Float64Array[]): void {
  got.forEach((array, k) => {
    assert.ok(Buffer.from(array.buffer).equals(Buffer.from(want[k].buffer)), `result ${k} differs`);
  });
}

const alone = createWasmKernels()!;
const want = compute(alone);

test('helpers take pieces, and the results stay the same', async () => {
  let control: Int32Array | undefined;
  const workers: Worker[] = [];
  const kernels = createWasmKernels({
    helpers: 2,
    startHelpers(setups) {
      control = setups[0].control;
      for (const workerData of setups) workers.push(new Worker(helperFile, { workerData }));
      return () => undefined;
    },
  })!;
  assert.equal(kernels.threads, 3);
  // Helpers come when they have started; until then the caller does everything.
  same(compute(kernels), want);
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('online', resolve))));
  const deadline = performance.now() + 20000;
  while (Atomics.load(control!, HELPED) < 20 && performance.now() < deadline) same(compute(kernels), want);
  assert.ok(Atomics.load(control!, HELPED) >= 20, 'no helper took a piece in 20 s');
  const ended = Promise.all(workers.map((worker) => new Promise<number>((resolve) => worker.once('exit', resolve))));
  kernels.dispose();
  assert.deepEqual(await ended, [0, 0]);
});

test('the pool of the product gives the same results with 1, 2 and 4 threads', () => {
  for (const threads of [1, 2, 4]) {
    const kernels = createPooledKernels({ threads, helperFile });
    assert.equal(kernels.threads, threads);
    for (let k = 0; k < 2; k++) same(compute(kernels), want);
    kernels.dispose();
  }
});

test('an interrupt while helpers work leaves the kernels usable', () => {
  const kernels = createPooledKernels({ threads: 2, helperFile });
  const rng = createRng(11);
  const operator = kernels.createMaskedOperator(randomMatrix(rng, 9000, 40), randomPatterns(rng, 1500, 9000));
  const V = normals(rng, 1500 * 40);
  const out = new Float64Array(9000);
  kernels.interrupt = () => true;
  let interrupted = 0;
  // the caller asks after each piece of its own, and once in a while the helper is there first and takes them all
  for (let k = 0; k < 20; k++) {
    try {
      operator.forward(V, 1, out);
    } catch (error) {
      assert.ok(error instanceof KernelsInterrupted);
      interrupted++;
    }
  }
  assert.ok(interrupted > 0);
  kernels.interrupt = undefined;
  operator.dispose();
  same(compute(kernels), want);
  kernels.dispose();
});

test('helpers that cannot start are not missed', () => {
  const kernels = createPooledKernels({ threads: 2, helperFile: path.resolve('dist/no-such-file.js') });
  same(compute(kernels), want);
  kernels.dispose();
});
