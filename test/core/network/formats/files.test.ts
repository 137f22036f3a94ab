import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { predictionsCsv } from '../../../../src/core/metrics/predictions.ts';
import { problemFile } from '../../../../src/core/problem/exportProblem.ts';
import { pytorchSnippet, weightDecay } from '../../../../src/core/network/formats/pytorch.ts';
import { denseMatrix } from '../../../../src/core/base/linalg/matrix.ts';
import { networkFit } from '../../../../src/core/network/evaluate.ts';
import { createDatafit, lossOf } from '../../../../src/core/problem/datafits/losses.ts';
import type { LossName, Problem } from '../../../../src/core/problem/problem.ts';
import { parseProblemFile } from '../../../../src/core/problem/problemFile.ts';
import { createRng } from '../../../../src/core/base/rng.ts';
import { naiveRows } from '../../data/naiveCsv.ts';

const rng = createRng(4);
const draw = (count: number): Float64Array => Float64Array.from({ length: count }, () => rng.normal());

describe('PyTorch code', () => {
  const network = {
    W1: denseMatrix(3, 2, draw(6)),
    b1: draw(3),
    W2: denseMatrix(3, 2, draw(6)),
    b2: Float64Array.of(0, 0),
  };

  const delta = 0.6;
  /** What PyTorch's mean losses compute, written out from their documentation. */
  const meanLoss: Record<
    Exclude<LossName, 'hinge'>,
    (f: Float64Array, y: Float64Array, n: number, c: number) => number
  > = {
    huber: (f, y) =>
      f.reduce((sum, value, i) => {
        const r = Math.abs(value - y[i]);
        return sum + (r < delta ? 0.5 * r * r : delta * (r - 0.5 * delta));
      }, 0) / f.length,
    squared: (f, y) => f.reduce((sum, value, i) => sum + (value - y[i]) ** 2, 0) / f.length,
    logistic: (f, y) =>
      f.reduce((sum, value, i) => {
        const p = 1 / (1 + Math.exp(-value));
        return sum - (y[i] > 0 ? Math.log(p) : Math.log(1 - p));
      }, 0) / f.length,
    softmax: (f, y, n, c) => {
      let sum = 0;
      for (let i = 0; i < n; i++) {
        const row = Array.from(f.subarray(i * c, (i + 1) * c));
        sum += Math.log(row.reduce((s, value) => s + Math.exp(value), 0)) - row[y[i]];
      }
      return sum / n;
    },
  };

  for (const loss of ['squared', 'logistic', 'softmax', 'huber'] as const) {
    it(`its weight decay makes the mean ${loss} loss a multiple of the training objective`, () => {
      const [n, c, beta] = [17, 2, 0.37];
      const X = denseMatrix(n, 2, draw(2 * n));
      const targets =
        loss === 'softmax'
          ? denseMatrix(
              n,
              1,
              Float64Array.from({ length: n }, () => rng.integer(c)),
            )
          : denseMatrix(
              n,
              c,
              lossOf(loss).targets === 'numbers' ? draw(n * c) : draw(n * c).map((x) => (x > 0 ? 1 : -1)),
            );
      const ratio = [1, 2].map((scale) => {
        const scaled = {
          ...network,
          W2: denseMatrix(
            3,
            2,
            network.W2.data.map((a) => a * scale),
          ),
        };
        const f = networkFit(scaled, X).data;
        const squares = [...scaled.W1.data, ...scaled.b1, ...scaled.W2.data].reduce((sum, w) => sum + w * w, 0);
        const ours = createDatafit(loss, targets, c, { delta }).value(f) + 0.5 * beta * squares;
        // An optimiser that adds weight_decay * theta to the gradient minimises loss + weight_decay / 2 ||theta||^2.
        const theirs = meanLoss[loss](f, targets.data, n, c) + 0.5 * weightDecay(loss, beta, n, c) * squares;
        return ours / theirs;
      });
      assert.ok(Math.abs(ratio[0] - ratio[1]) < 1e-12 * ratio[0], ratio.join());
    });
  }

  it('holds every weight to the last digit, names as Python text, and the exact penalty', () => {
    const scaling = {
      inputs: [
        { name: 'a', column: 'a "quoted"\nname', mean: 1 / 3, scale: 0.1 },
        { name: 'b', column: 'b', category: 'größe', mean: 0.25, scale: 0.5 },
      ],
      target: { mean: 0, scale: 1 },
    };
    const code = pytorchSnippet({
      network,
      scaling,
      classes: ['x', 'y'],
      loss: 'softmax',
      bias: 'regularized',
      outputPenalty: 'per-output',
      beta: 0.1,
      trainRows: 10,
      title: 'one\ntwo',
    });
    for (const value of [...network.W1.data, ...network.b1, ...network.W2.data, 1 / 3])
      assert.ok(code.includes(String(value)));
    assert.match(code, /^# -\*- coding: utf-8 -\*-\n# one\\u000atwo\n/);
    assert.match(code, /\("a \\"quoted\\"\\u000aname", None\)/);
    assert.match(code, /\("b", "gr\\u00f6\\u00dfe"\)/);
    assert.match(code, /weight_decay = 0\.01 /);
    assert.match(code, /AdamW has no equivalent/);
    assert.ok(!code.includes('undefined') && !code.includes('NaN'));
  });
});

describe('predictions', () => {
  it('one line per row, with names that need quotes', () => {
    const { csv } = predictionsCsv(
      {
        lines: [2, 5, 6],
        split: [0, 1, 0],
        target: [0, 1, 1],
        prediction: [-1.5, 0.25, -2],
        outputs: 1,
        targetName: 'is it, really',
        classes: ['no, never', 'yes'],
        loss: 'hinge',
      },
      'neutralize',
    );
    assert.deepEqual(
      naiveRows(csv, ',').map(({ cells }) => cells),
      [
        ['line', 'split', 'is it, really', 'predicted is it, really', 'output'],
        ['2', 'train', 'no, never', 'no, never', '-1.5'],
        ['5', 'test', 'yes', 'yes', '0.25'],
        ['6', 'train', 'yes', 'no, never', '-2'],
      ],
    );
  });
  it('probabilities of classes, where the loss gives them', () => {
    const table = { lines: [2], split: [0], target: [1], targetName: 'y', classes: ['a', 'b'] } as const;
    const { csv } = predictionsCsv({ ...table, prediction: [Math.log(3)], outputs: 1, loss: 'logistic' }, 'neutralize');
    const [head, row] = naiveRows(csv, ',').map(({ cells }) => cells);
    assert.deepEqual(head.slice(4), ['output', 'probability a', 'probability b']);
    assert.ok(Math.abs(Number(row[5]) - 0.25) < 1e-12 && Math.abs(Number(row[6]) - 0.75) < 1e-12);
  });
  it('numbers to the last digit', () => {
    const { csv } = predictionsCsv(
      {
        lines: [2],
        split: [0],
        target: [0.1],
        prediction: [0.1 + 0.2],
        outputs: 1,
        targetName: 'y',
        classes: [],
        loss: 'squared',
      },
      'neutralize',
    );
    assert.equal(csv, 'line,split,y,predicted y\n2,train,0.1,0.30000000000000004\n');
  });
});

describe('problem files', () => {
  // Undefined fields are gone in JSON.
  const plain = (problem: Problem): unknown => JSON.parse(JSON.stringify(problem));
  const base: Problem = {
    X: denseMatrix(5, 2, draw(10)),
    y: denseMatrix(5, 1, draw(5)),
    outputs: 1,
    model: 'relu',
    loss: 'squared',
    beta: 0.3,
    arrangements: { kind: 'adaptive', seed: 3 },
    outputPenalty: 'per-output',
    bias: 'regularized',
    tolerance: 1e-7,
  };
  const cases: Record<string, Partial<Problem>> = {
    'one output': {},
    'several outputs': { y: denseMatrix(5, 3, draw(15)), outputs: 3, outputPenalty: 'frobenius', model: 'gated-relu' },
    'class ids': { y: denseMatrix(5, 1, Float64Array.of(0, 2, 1, 2, 0)), outputs: 3, loss: 'softmax' },
    'sampled gates': { arrangements: { kind: 'sampled', count: 7, seed: 2 } },
    'given gates': { arrangements: { kind: 'given', gates: denseMatrix(2, 3, draw(6)) }, model: 'gated-relu' },
  };
  for (const [what, change] of Object.entries(cases)) {
    it(`${what}: reading gives the same problem back`, () => {
      const problem = { ...base, ...change };
      const back = parseProblemFile(problemFile(problem), 'p.json', () => assert.fail('no other file'));
      assert.deepEqual(plain(back), plain(problem));
    });
  }
});
