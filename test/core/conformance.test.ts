import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { patternsOfGates } from '../../src/core/base/patterns.ts';
import { certifyGated } from '../../src/core/certify/gatedCertificate.ts';
import { detectClosedForms } from '../../src/core/theory/closedForm/detect.ts';
import { rankOneReport } from '../../src/core/theory/closedForm/structure.ts';
import { whitened, whiteningOf } from '../../src/core/data/whiten.ts';
import { problemFile } from '../../src/core/problem/exportProblem.ts';
import { pytorchSnippet, weightDecay } from '../../src/core/network/formats/pytorch.ts';
import { deepPytorch } from '../../src/core/network/formats/pytorchDeep.ts';
import { certifyDeepNetwork } from '../../src/core/family/certifyDeepNetwork.ts';
import { certifyNetwork } from '../../src/core/family/certifyNetwork.ts';
import { createReferenceKernels } from '../../src/core/base/kernels/reference.ts';
import { fromRows, toRows } from '../../src/core/base/linalg/matrix.ts';
import { scoresOf } from '../../src/core/metrics/scores.ts';
import { networkPenalty } from '../../src/core/network/evaluate.ts';
import { createBatchNormModel } from '../../src/core/descent/batchNorm.ts';
import { createMlpModel } from '../../src/core/descent/mlp.ts';
import { trainGradient } from '../../src/core/descent/train.ts';
import { createTwoLayerModel } from '../../src/core/descent/twoLayer.ts';
import { lossNames, lossOf } from '../../src/core/problem/datafits/losses.ts';
import { penaltyNames } from '../../src/core/problem/penalties/penalties.ts';
import {
  type BiasMode,
  biasModes,
  type LossName,
  type OutputPenalty,
  type Problem,
} from '../../src/core/problem/problem.ts';
import { prepare } from '../../src/core/problem/prepare.ts';
import { ProblemError } from '../../src/core/base/problemError.ts';
import { parseProblemFile } from '../../src/core/problem/problemFile.ts';
import { uncontrolled } from '../../src/core/base/control.ts';
import { gatedNetwork } from '../../src/core/engine/gated/gatedNetwork.ts';
import { refuseTooLarge } from '../../src/core/engine/solution/memoryBudget.ts';
import { solve } from '../../src/core/engine/solve.ts';
import { solveToRecord } from '../../src/core/family/solveToRecord.ts';
import { minimumNormInterpolation, solveSpline } from '../../src/core/theory/spline/lassoSpline.ts';
import { noSpline } from '../../src/core/theory/spline/report.ts';
import { clock } from '../support/sessionHarness.ts';
import { delta, dualOfRow, lossOfRow } from './formulas.ts';

/**
 * Every registered loss x penalty x bias x family on a few rows of one feature: solved with a certificate that holds by formulas of this file (loss,
 * network, penalty, dual norm, conjugate), or refused with the reason. A loss or penalty that is registered is tried by itself.
 */
const families = ['gated', 'relu', 'batch-norm relu', 'three-layer', 'linear'] as const;
type Family = (typeof families)[number];

const x = [-2.1, -1.4, -0.9, -0.3, 0.2, 0.6, 1.1, 1.5, 2.3];
const wanted = x.map((t) => [Math.abs(t) - 0.8 + 0.2 * Math.sin(9 * t), 0.5 * t - 0.3 + 0.3 * Math.cos(7 * t)]);
/** Gates on x, and on (x, 1). */
const gateAngles = [0.1, 0.9, 1.7, 2.4, 3.3, 4.1, 4.9, 5.7];

function targetsFor(loss: LossName, outputs: number): number[][] {
  switch (lossOf(loss).targets) {
    case 'numbers':
      return wanted.map((row) => row.slice(0, outputs));
    case 'signs':
      return wanted.map((row) => row.slice(0, outputs).map((value) => (value > 0 ? 1 : -1)));
    case 'classes':
      return wanted.map(([a, b]) => [a > b ? 1 : 0]);
  }
}

interface Cell {
  readonly family: Family;
  readonly loss: LossName;
  readonly penalty: OutputPenalty;
  readonly bias: BiasMode;
  readonly outputs: number;
}

function problemOf({ family, loss, penalty, bias, outputs }: Cell): Problem {
  let X = fromRows(x.map((t) => [t]));
  if (family === 'batch-norm relu') {
    const mean = x.reduce((a, b) => a + b, 0) / x.length;
    X = fromRows(x.map((t) => [t - mean]));
    X = whitened(X, whiteningOf(X)!);
  }
  return {
    X,
    y: fromRows(targetsFor(loss, outputs)),
    outputs,
    loss,
    delta,
    beta: 0.15,
    outputPenalty: penalty,
    bias,
    tolerance: 1e-7,
    model: family === 'gated' ? 'gated-relu' : family === 'batch-norm relu' ? 'relu' : family,
    arrangements:
      family === 'gated'
        ? {
            kind: 'given',
            gates: fromRows(gateAngles.map((t) => (bias === 'none' ? [Math.cos(t)] : [Math.cos(t), Math.sin(t)]))),
          }
        : { kind: 'adaptive', seed: 1 },
    hidden: { m1: 2 },
    depth: 2,
  };
}

type Json = Record<string, unknown>;
type Rows = readonly (readonly number[])[];
const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
const squares = (values: readonly number[]): number => sum(values.map((value) => value * value));

/** Outputs and penalty (without beta) of a network as its result writes it. */
function runNetwork(cell: Cell, X: Rows, result: Json): { readonly fit: number[][]; readonly penalty: number } {
  const { family, penalty, bias, outputs } = cell;
  const z = bias === 'none' ? X : X.map((row) => [...row, 1]);
  const network = result.network as Json;
  if (family === 'linear') {
    const chains = (network.networks ?? [network]) as { layers: number[][][]; output?: number }[];
    const fit = X.map(() => new Array<number>(outputs).fill(0));
    let paid = 0;
    for (const { layers, output } of chains) {
      for (const W of layers) paid += squares(W.flat());
      z.forEach((row, i) => {
        const out = layers.reduce<number[]>((h, W) => W[0].map((_, k) => sum(h.map((a, j) => a * W[j][k]))), [...row]);
        out.forEach((value, k) => (fit[i][output ?? k] += value));
      });
    }
    return { fit, penalty: paid / 2 };
  }
  if (family === 'three-layer') {
    const branches = network.subnetworks as { W1: number[][]; w2: number[]; w3: number; output: number }[];
    const fit = X.map(() => new Array<number>(outputs).fill(0));
    let paid = 0;
    for (const { W1, w2, w3, output } of branches) {
      assert.ok(squares(W1.flat()) <= 1 + 1e-9, 'inner weights of norm at most 1');
      paid += squares(w2) + w3 * w3;
      z.forEach((row, i) => {
        const inner = w2.map((_, j) => Math.max(0, sum(row.map((a, k) => a * W1[k][j]))));
        fit[i][output] += w3 * Math.max(0, sum(inner.map((h, j) => h * w2[j])));
      });
    }
    return { fit, penalty: paid / 2 };
  }
  const { W1, b1, gates, gateBias } = network as {
    W1: number[][];
    b1: number[];
    gates?: number[][];
    gateBias?: number[];
  };
  const W2 = (network.W2 ?? (network.w2 as number[]).map((a) => [a])) as number[][];
  const b2 = [network.b2 as number | number[]].flat();
  const fit = X.map((row) =>
    b2.map((offset, o) =>
      W1.reduce((total, w, j) => {
        const h = sum(w.map((a, k) => a * row[k])) + b1[j];
        const on = gates === undefined ? h > 0 : sum(gates[j].map((g, k) => g * row[k])) + gateBias![j] >= 0;
        return total + (on ? h * W2[j][o] : 0);
      }, offset),
    ),
  );
  const inner = (j: number): number => squares(W1[j]) + (bias === 'free' ? 0 : b1[j] ** 2);
  const neurons = W1.map((_, j) => j);
  if (penalty !== 'frobenius' || outputs === 1) {
    const outer = (a: number[]): number => (penalty === 'nuclear' ? squares(a) : sum(a.map(Math.abs)) ** 2);
    return { fit, penalty: sum(neurons.map((j) => inner(j) + outer(W2[j]))) / 2 };
  }
  // the neurons of one gate share one outer weight
  const units = new Map<string, number[]>();
  for (const j of neurons) {
    const key = [...gates![j], gateBias![j]].join();
    units.set(key, [...(units.get(key) ?? []), j]);
  }
  const paid = [...units.values()].map((unit) => sum(unit.map(inner)) + Math.max(...unit.map((j) => squares(W2[j]))));
  return { fit, penalty: sum(paid) / 2 };
}

/** Largest singular value of a list of rows with two columns or one. */
function spectral(G: Rows): number {
  const a = sum(G.map((row) => row[0] ** 2));
  const b = sum(G.map((row) => row[0] * (row[1] ?? 0)));
  const c = sum(G.map((row) => (row[1] ?? 0) ** 2));
  return Math.sqrt((a + c) / 2 + Math.hypot((a - c) / 2, b));
}

/** max over unit u of the size of V'(Xu)_+ (largest output, or Euclidean), exactly, for one or two effective inputs. */
function reluMaximum(z: Rows, V: Rows, joint: boolean, free: boolean): number {
  const c = V[0].length;
  const size = (g: readonly number[]): number => (joint ? Math.hypot(...g) : Math.max(...g.map(Math.abs)));
  const at = (u: readonly number[]): number =>
    size(
      Array.from({ length: c }, (_, o) =>
        sum(z.map((row, i) => V[i][o] * Math.max(0, sum(row.map((value, k) => value * u[k]))))),
      ),
    );
  if (z[0].length === 1) return Math.max(at([1]), at([-1]));
  // with a free bias the unit is (+-1, b): piecewise linear in b, and constant far out, as columns of V sum to zero
  if (free) return Math.max(...[1, -1].flatMap((s) => z.map(([t]) => at([s, -s * t]))));
  const angles = z
    .flatMap(([a, b]) => [Math.atan2(b, a) + Math.PI / 2, Math.atan2(b, a) - Math.PI / 2])
    .map((t) => (t + 4 * Math.PI) % (2 * Math.PI))
    .sort((s, t) => s - t);
  let top = 0;
  angles.forEach((from, k) => {
    const to = k + 1 < angles.length ? angles[k + 1] : angles[0] + 2 * Math.PI;
    top = Math.max(top, at([Math.cos(from), Math.sin(from)]));
    if (to - from < 1e-12) return;
    const middle = (from + to) / 2;
    const on = z.map(([a, b]) => a * Math.cos(middle) + b * Math.sin(middle) > 0);
    const G = Array.from({ length: c }, (_, o) =>
      [0, 1].map((d) => sum(z.map((row, i) => (on[i] ? V[i][o] * row[d] : 0)))),
    );
    // stationary directions inside the arc: along a row of G, or along its principal axes
    const inside = joint
      ? [0, Math.PI / 2].map(
          (turn) =>
            turn +
            Math.atan2(2 * sum(G.map(([a, b]) => a * b)), sum(G.map(([a]) => a * a)) - sum(G.map(([, b]) => b * b))) /
              2,
        )
      : G.map(([a, b]) => Math.atan2(b, a));
    for (const angle of inside.flatMap((t) => [t, t + Math.PI])) {
      const turned = from + ((((angle - from) % (2 * Math.PI)) + 2 * Math.PI) % (2 * Math.PI));
      if (turned < to) top = Math.max(top, at([Math.cos(turned), Math.sin(turned)]));
    }
  });
  return top;
}

/** The dual norm of V in the program of a cell; undefined where there is no formula of a few lines (three layers on inputs of rank two). */
function dualNorm(cell: Cell, X: Rows, V: Rows): number | undefined {
  const { family, penalty, bias, outputs } = cell;
  const z = bias === 'none' ? X : X.map((row) => [...row, 1]);
  const joint = penalty !== 'per-output' && outputs > 1;
  const product = (on: (row: readonly number[]) => boolean): number[][] =>
    V[0].map((_, o) => z[0].map((__, d) => sum(z.map((row, i) => (on(row) ? V[i][o] * row[d] : 0)))));
  const normOf = (G: number[][]): number => {
    if (!joint) return Math.max(...G.map((g) => Math.hypot(...g)));
    return penalty === 'frobenius' ? Math.hypot(...G.flat()) : spectral(G);
  };
  switch (family) {
    case 'linear':
      return normOf(product(() => true));
    case 'gated':
      return Math.max(
        ...gateAngles.map((t) => {
          const gate = bias === 'none' ? [Math.cos(t)] : [Math.cos(t), Math.sin(t)];
          return normOf(product((row) => sum(row.map((value, k) => value * gate[k])) >= 0));
        }),
      );
    case 'relu':
    case 'batch-norm relu':
      return reluMaximum(z, V, joint, bias === 'free');
    case 'three-layer':
      // rank one: every branch of unit layers is one of the two half lines at most
      return bias === 'none' ? reluMaximum(z, V, joint, false) : undefined;
  }
}

/** The best lower bound that the dual point V gives, scaled into the constraint. */
function boundOf(cell: Cell, y: Rows, V: Rows, norm: number, beta: number): number {
  const limit = norm > 0 ? beta / norm : 1;
  const at = (t: number): number =>
    sum(
      V.map((v, i) =>
        dualOfRow[cell.loss](
          v.map((value) => t * value),
          y[i],
        ),
      ),
    );
  let [low, high] = [0, Math.min(limit, 1 + 1e-9)];
  for (let k = 0; k < 200; k++) {
    const [a, b] = [low + (high - low) / 3, high - (high - low) / 3];
    if (at(a) < at(b)) low = a;
    else high = b;
  }
  return Math.max(at(low), at(Math.min(limit, 1)), at(0));
}

const nameOf = ({ family, loss, penalty, bias, outputs }: Cell): string =>
  `${family}, ${loss}, ${penalty}, bias ${bias}, ${outputs} output${outputs > 1 ? 's' : ''}`;

const cells: Cell[] = families.flatMap((family) =>
  lossNames.flatMap((loss) =>
    penaltyNames.flatMap((penalty) =>
      biasModes.flatMap((bias) =>
        (lossOf(loss).targets === 'classes' ? [2] : penalty === 'per-output' ? [1, 2] : [2]).map((outputs) => ({
          ...{ family, loss, penalty, bias, outputs },
        })),
      ),
    ),
  ),
);

/** Cells that are refused, as the families document it: by what the loss or penalty is, not by its name. */
function refusal({ family, loss, penalty, bias, outputs }: Cell): RegExp | undefined {
  const { smooth, quadratic } = lossOf(loss);
  const joint = penalty !== 'per-output' && outputs > 1;
  switch (family) {
    case 'gated':
      return bias === 'free' ? /bias/ : undefined;
    case 'relu':
    case 'batch-norm relu':
      return !smooth ? /^loss: /m : joint && penalty === 'frobenius' ? /^outputPenalty: / : undefined;
    case 'three-layer':
      return !smooth ? /^loss: / : bias === 'free' ? /^bias: / : joint ? /^outputPenalty: / : undefined;
    case 'linear':
      if (bias === 'free') return /^bias: /;
      if (joint && penalty === 'frobenius') return /^outputPenalty: /;
      return !smooth || (outputs > 1 && !joint && !quadratic) ? /^loss: / : undefined;
  }
}

function check(cell: Cell): void {
  const problem = problemOf(cell);
  const { beta } = problem;
  const reason = refusal(cell);
  const run = (): ReturnType<typeof solveToRecord> =>
    solveToRecord(problem, { certifySeconds: 1, timeLimitSeconds: 20 }, { ...uncontrolled, now: clock });
  if (reason !== undefined) {
    assert.throws(run, (error) => error instanceof ProblemError && reason.test(error.message));
    return;
  }
  const { status, record } = run();
  const X = toRows(problem.X);
  const y = toRows(problem.y);
  const { fit, penalty } = runNetwork(cell, X, record);
  const objective = sum(fit.map((f, i) => lossOfRow[cell.loss](f, y[i]))) + beta * penalty;
  const close = (found: number, expected: number, tolerance: number, what: string): void =>
    assert.ok(
      Math.abs(found - expected) <= tolerance * Math.abs(expected),
      `${what}: ${found}, by formula ${expected}`,
    );
  close(record.objective as number, objective, 1e-6, 'objective');
  close(record.networkObjective as number, objective, 1e-6, 'objective of the network');
  const reported = (record.global as { lowerBound: number } | undefined)?.lowerBound ?? (record.dualBound as number);
  assert.ok(reported <= objective * (1 + 1e-9), `bound ${reported} above the objective ${objective}`);
  const dual = (record.dual as (number | number[])[]).map((v) => [v].flat());
  const norm = dualNorm(cell, X, dual);
  // the dual of a result is the point that proves its bound, for losses without a gradient as well
  if (norm !== undefined) {
    const bound = boundOf(cell, y, dual, norm, beta);
    assert.ok(bound <= objective * (1 + 1e-9), `bound by formula ${bound} above the objective ${objective}`);
    assert.ok(objective - bound <= 1e-4 * objective, `by formula: objective ${objective}, bound ${bound}`);
  }
  // what is not enumerated (three layers on inputs of rank two) is bounded by search of cones in the time given
  const share = norm === undefined ? 2e-2 : 1e-4;
  assert.ok(objective - reported <= share * objective, `objective ${objective}, bound ${reported}`);
  assert.equal(status, 'optimal');
}

describe('every loss x penalty x bias x family is solved with a certificate that holds, or refused with the reason', () => {
  for (const cell of cells) it(nameOf(cell), () => check(cell));
});

/** Whatever takes a loss, a penalty, a bias or a model by its name, and what it is called with. */
const takers: Record<
  string,
  Partial<Record<'loss' | 'outputPenalty' | 'bias' | 'model', (name: never) => unknown>>
> = (() => {
  const base = problemOf({ family: 'relu', loss: 'squared', penalty: 'per-output', bias: 'regularized', outputs: 2 });
  const gated = problemOf({ family: 'gated', loss: 'squared', penalty: 'per-output', bias: 'none', outputs: 2 });
  const network = { W1: fromRows([[1]]), b1: Float64Array.of(0), W2: fromRows([[1, 0]]), b2: new Float64Array(2) };
  const deep = {
    kind: 'linear' as const,
    inputs: 1,
    outputs: 2,
    depth: 2,
    chains: [{ layers: [fromRows([[1]]), fromRows([[1, 0]])], b1: new Float64Array(1), output: -1 }],
    offset: new Float64Array(2),
  };
  const one = Float64Array.from(x, (t) => Math.abs(t));
  const scaling = { inputs: [{ name: 'x', column: 'x', mean: 0, scale: 1 }], target: { mean: 0, scale: 1 } };
  const kernels = createReferenceKernels();
  const snippet = {
    ...{
      network,
      scaling,
      classes: [],
      loss: 'squared' as const,
      bias: 'none' as const,
      beta: 1,
      trainRows: 9,
      title: '',
    },
    outputPenalty: 'per-output' as const,
  };
  const seconds = { seconds: 0.1 };
  const descent = (change: Partial<Problem>): unknown =>
    trainGradient(
      prepare({ ...base, ...change }),
      { kind: 'relu', width: 4 },
      {
        ...{ rule: 'adam', seed: 1, epochs: 2, batchSize: 0, learningRate: 0.01 },
      },
    );
  const mlp = {
    ...{ inputs: 1, hidden: [4], activation: 'relu' as const, parametrization: 'standard' as const },
    ...{ inputScale: 1, weightScale: 1, biasScale: 0 },
  };
  /** Every name in a problem, in turn. */
  const inProblem = (take: (change: Partial<Problem>) => unknown): (typeof takers)[string] => ({
    loss: (loss) => take({ loss }),
    outputPenalty: (outputPenalty) => take({ outputPenalty }),
    bias: (bias) => take({ bias }),
    model: (model) => take({ model }),
  });
  return {
    'solve, to a result file': inProblem((change) => solveToRecord({ ...base, ...change }, {}, uncontrolled)),
    solve: inProblem((change) => solve({ ...gated, ...change })),
    'the problem file': inProblem((change) =>
      parseProblemFile(problemFile({ ...base, ...change }), 'p.json', () => ''),
    ),
    'writing the problem file': { loss: (loss) => problemFile({ ...base, loss }) },
    'the certificate of a network': inProblem((change) =>
      certifyNetwork({ ...base, ...change }, network, seconds, uncontrolled),
    ),
    'the certificate of a deep network': inProblem((change) =>
      certifyDeepNetwork({ ...base, outputPenalty: 'nuclear', ...change }, deep, seconds, uncontrolled),
    ),
    'the certificate of gated blocks': {
      outputPenalty: (penalty) =>
        certifyGated({
          ...{
            X: gated.X,
            patterns: patternsOfGates(gated.X, fromRows([[1]])),
            datafit: prepare(gated).datafit,
            beta: 1,
          },
          ...{ penalty, blocks: [] },
        }),
    },
    'gradient descent': inProblem(descent),
    'gradient descent on a prepared problem': {
      outputPenalty: (outputPenalty) =>
        createTwoLayerModel({ ...prepare(base), outputPenalty }, { kind: 'relu', width: 4 }, kernels),
    },
    'gradient descent with batch normalisation': {
      outputPenalty: (outputPenalty) => createBatchNormModel({ ...prepare(base), outputPenalty }, base.X, 4, kernels),
    },
    'gradient descent on wide networks': { loss: (loss) => createMlpModel(mlp, base.X, one, loss, kernels) },
    'closed forms': inProblem((change) => detectClosedForms({ ...base, ...change }, undefined, uncontrolled)),
    'closed forms of rank one': inProblem((change) => rankOneReport({ ...base, ...change }, 1, 0, uncontrolled)),
    'splines, and why there is none': { loss: (loss) => noSpline({ ...base, loss }) },
    'the spline': { loss: (loss) => solveSpline(Float64Array.from(x), one, 1, uncontrolled, { loss }) },
    'the interpolating spline': { loss: (loss) => minimumNormInterpolation(Float64Array.from(x), one, loss) },
    'the penalty of a network': {
      outputPenalty: (penalty) => networkPenalty(network, penalty, 'none'),
      bias: (bias) => networkPenalty(network, 'per-output', bias),
    },
    'the network of gated blocks': { outputPenalty: (penalty) => gatedNetwork([], fromRows([[1]]), 2, penalty, false) },
    'scores of classes': {
      loss: (loss) => scoresOf({ target: [0, 1], prediction: [1, 2], outputs: 1, classes: 2, loss }, [0, 1]),
    },
    'PyTorch code': {
      loss: (loss) => pytorchSnippet({ ...snippet, loss }),
      outputPenalty: (outputPenalty) => pytorchSnippet({ ...snippet, outputPenalty }),
      bias: (bias) => pytorchSnippet({ ...snippet, bias }),
    },
    'PyTorch code of deep networks': {
      loss: (loss) => deepPytorch({ ...snippet, network: deep, loss }),
      bias: (bias) => deepPytorch({ ...snippet, network: deep, bias }),
    },
    'weight decay': { loss: (loss) => weightDecay(loss, 1, 9, 1) },
    'the memory that a solve takes': {
      model: (model) => refuseTooLarge({ ...base, model }),
      loss: (loss) => refuseTooLarge({ ...base, loss }),
    },
  };
})();

describe('an invented name is refused wherever it can be passed', () => {
  for (const [what, fields] of Object.entries(takers)) {
    for (const [field, take] of Object.entries(fields)) {
      for (const name of ['invented', 'constructor']) {
        it(`${what}: ${field} "${name}"`, () => {
          assert.throws(
            () => take(name as never),
            (error) =>
              error instanceof ProblemError && /must be one of "[^]*not "(invented|constructor)"/.test(error.message),
          );
        });
      }
    }
  }
});
