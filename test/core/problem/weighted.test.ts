import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { uncontrolled } from '../../../src/core/base/control.ts';
import { denseMatrix, type DenseMatrix, toRows } from '../../../src/core/base/linalg/matrix.ts';
import { solveLinear } from '../../../src/core/engine/linear/solveLinear.ts';
import { solve } from '../../../src/core/engine/solve.ts';
import { solveThreeLayer } from '../../../src/core/engine/threeLayer/solveThreeLayer.ts';
import { certifyNetwork } from '../../../src/core/family/certifyNetwork.ts';
import { problemFile } from '../../../src/core/problem/exportProblem.ts';
import { prepare } from '../../../src/core/problem/prepare.ts';
import type { Problem } from '../../../src/core/problem/problem.ts';
import { parseProblemFile } from '../../../src/core/problem/problemFile.ts';
import { randomProblem } from '../engine/problems.ts';

/** The same problem with row i as often as its weight says, in place of weights. */
function repeated(problem: Problem): Problem {
  const { weights, ...rest } = problem;
  const rows = [...weights!].flatMap((weight, i) => new Array<number>(weight).fill(i));
  const pick = ({ cols, data }: DenseMatrix): DenseMatrix =>
    denseMatrix(
      rows.length,
      cols,
      Float64Array.from(rows.flatMap((row) => [...data.subarray(row * cols, (row + 1) * cols)])),
    );
  return { ...rest, X: pick(problem.X), y: pick(problem.y) };
}

function weightedProblem(
  seed: number,
  change: Partial<Problem> & { readonly n?: number; readonly d?: number },
): Problem {
  const { n = 14, d = 2, outputs = 1, ...fields } = change;
  const problem = randomProblem(seed, { n, d, outputs }, { tolerance: 1e-7, ...fields });
  return { ...problem, weights: Float64Array.from({ length: n }, (_, i) => [1, 3, 1, 2][(i * 7) % 4]) };
}

const near = (a: number, b: number, tolerance: number, what: string): void =>
  assert.ok(Math.abs(a - b) <= tolerance * (1 + Math.abs(b)), `${what}: ${a} against ${b}`);

describe('weights of rows', () => {
  const gates = {
    kind: 'given',
    gates: denseMatrix(5, 2, Float64Array.of(1, 0, 0, 1, -1, 0.5, 0.3, -1, -1, -1)),
  } as const;
  const adaptive = { kind: 'adaptive', seed: 1 } as const;
  const cases: [string, Problem][] = [
    ['gated, logistic', weightedProblem(1, { loss: 'logistic', arrangements: gates })],
    [
      'gated, softmax',
      weightedProblem(2, { loss: 'softmax', outputs: 3, arrangements: gates, outputPenalty: 'frobenius' }),
    ],
    ['gated, hinge', weightedProblem(3, { loss: 'hinge', arrangements: gates })],
    ['gated, squared', weightedProblem(4, { arrangements: gates })],
    ['gated, Huber', weightedProblem(5, { loss: 'huber', delta: 0.6, arrangements: gates })],
    ['ReLU, logistic', weightedProblem(6, { model: 'relu', loss: 'logistic', arrangements: adaptive })],
    ['ReLU, squared', weightedProblem(7, { model: 'relu', arrangements: adaptive })],
    [
      'ReLU, softmax, free bias',
      weightedProblem(8, { model: 'relu', loss: 'softmax', outputs: 3, bias: 'free', arrangements: adaptive }),
    ],
    [
      'ReLU, softmax, shared neurons',
      weightedProblem(9, {
        model: 'relu',
        loss: 'softmax',
        outputs: 3,
        outputPenalty: 'nuclear',
        arrangements: adaptive,
      }),
    ],
  ];
  for (const [name, problem] of cases) {
    it(`${name}: objective, bound and threshold are those of the rows repeated so often`, () => {
      const options = { certifySeconds: 0.4 };
      const own = solve(problem, options, uncontrolled);
      const other = solve(repeated(problem), options, uncontrolled);
      near(own.objective, other.objective, 1e-6, 'objective');
      near(own.networkObjective, own.objective, 1e-9, 'the network itself');
      near(own.betaMax!, other.betaMax!, 1e-5, 'threshold');
      assert.ok(own.relativeGap <= 1e-6, `gap ${own.relativeGap}`);
      assert.ok(own.dualBound <= other.objective * (1 + 1e-9), 'the bound holds for the repeated rows');
      if (own.global !== undefined) {
        assert.ok(own.global.lowerBound <= other.objective * (1 + 1e-9), 'so does the proven one');
      }
    });
  }

  it('two-layer linear networks and three layers: as the repeated rows; closed formulas of squared loss are not used', () => {
    for (const loss of ['squared', 'logistic'] as const) {
      const problem = weightedProblem(11, { model: 'linear', loss, bias: 'none', tolerance: 1e-8 });
      const at = (p: Problem): number => solveLinear(p, prepare(p), uncontrolled).objective;
      near(at(problem), at(repeated(problem)), 1e-7, loss);
    }
    const deep = weightedProblem(12, { model: 'linear', depth: 3, bias: 'none' });
    assert.throws(() => solveLinear(deep, prepare(deep), uncontrolled), /equal weights/);
    const three = weightedProblem(13, {
      n: 6,
      model: 'three-layer',
      loss: 'logistic',
      hidden: { m1: 1 },
      bias: 'none',
      arrangements: { kind: 'all' },
    });
    const at = (p: Problem): number => solveThreeLayer(p, prepare(p), { certifySeconds: 0 }, uncontrolled).objective;
    near(at(three), at(repeated(three)), 1e-5, 'three layers');
  });

  it('a certificate of any network is one for the repeated rows as well', () => {
    const problem = weightedProblem(14, { model: 'relu', loss: 'logistic', arrangements: adaptive });
    const { network } = solve(repeated(problem), { certifySeconds: 0 }, uncontrolled);
    const own = certifyNetwork(problem, network, { seconds: 1 }, uncontrolled);
    const other = certifyNetwork(repeated(problem), network, { seconds: 1 }, uncontrolled);
    near(own.objective.merged, other.objective.merged, 1e-12, 'objective');
    near(own.lowerBound, other.lowerBound, 1e-3, 'bound');
    assert.ok(own.lowerBound <= other.objective.merged);
  });

  it('stand in problem files, and are refused where they are no weights', () => {
    const problem = weightedProblem(15, { loss: 'logistic' });
    const read = (text: string): Problem =>
      parseProblemFile(text, 'p.json', () => {
        throw new Error('no other file');
      });
    assert.deepEqual(read(problemFile(problem)).weights, problem.weights);
    const base = {
      format: 'convexnet-problem/1',
      model: 'relu',
      loss: 'squared',
      beta: 1,
      X: toRows(problem.X),
      y: toRows(problem.X).map(([x]) => x),
    };
    for (const [weights, message] of [
      [[1, 2], /weights.*2 numbers but X has 14 rows/],
      [new Array<number>(14).fill(0), /weights.*row 1.*leave the row out/],
      [new Array<number>(14).fill(-1), /weights.*not -1/],
    ] as const)
      assert.throws(() => read(JSON.stringify({ ...base, weights })), message);
  });
});
