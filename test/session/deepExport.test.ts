import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { exportRun } from '../../src/session/exportRun.ts';
import { predictOn } from '../../src/session/predictOn.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import type { TrainSettings } from '../../src/shared/settings.ts';
import { memorySource } from '../support/memorySource.ts';
import { decodeOnnx } from '../support/onnxDecoder.ts';
import { runOnnx } from '../support/onnxRuntime.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

const base: TrainSettings = {
  ...quickSettings,
  testFraction: 0.25,
  timeLimitSeconds: 1.5,
  arrangements: 'sampled',
  gates: 12,
  beta: { kind: 'relative', value: 0.1 },
};

/** Two numbers and a category, a curved target and one of three classes. */
const rows = Array.from({ length: 24 }, (_, i) => {
  const a = 3 + 2 * Math.sin(1 + 2.1 * i);
  const b = 0.1 * Math.cos(2 + 1.3 * i);
  const kind = ['red', 'green', 'blue'][i % 3];
  return { a, b, kind, y: 10 + Math.abs(a - 3) * 4 + 30 * b + (i % 3), label: a > 4 ? 'u' : b > 0 ? 'v' : 'w' };
});
const csv = ['a,b,kind,y,label', ...rows.map(({ a, b, kind, y, label }) => [a, b, kind, y, label].join())].join('\n');

const cases: Record<string, Partial<TrainSettings>> = {
  'three-layer, a number': { model: 'three-layer', m1: 2, target: 'y' },
  'three-layer, three classes, no bias': { model: 'three-layer', m1: 2, target: 'label', bias: 'none' },
  'three-layer, zero': { model: 'three-layer', m1: 2, target: 'y', beta: { kind: 'relative', value: 1.5 } },
  'linear, two layers, whitened': { model: 'linear', depth: 2, target: 'y', whiten: true },
  'linear, four layers': { model: 'linear', depth: 4, target: 'y' },
  'linear, three layers, one network per class': {
    model: 'linear',
    depth: 3,
    target: 'label',
    loss: 'squared',
    outputPenalty: 'per-output',
  },
  'linear, nuclear norm': {
    model: 'linear',
    depth: 2,
    target: 'label',
    loss: 'softmax',
    outputPenalty: 'nuclear',
  },
};

type Matrix = readonly (readonly number[])[];
const times = (x: readonly number[], W: Matrix, b?: readonly number[]): number[] =>
  Array.from({ length: W[0].length }, (_, j) => x.reduce((sum, value, k) => sum + value * W[k][j], b?.[j] ?? 0));
const relu = (x: readonly number[]): number[] => x.map((value) => Math.max(0, value));

interface Branch {
  readonly W1: Matrix;
  readonly b1: readonly number[];
  readonly w2: readonly number[];
  readonly w3: number;
  readonly output: number;
}
interface Chain {
  readonly layers: readonly Matrix[];
  readonly b1: readonly number[];
  readonly output?: number;
}
interface Plain {
  readonly branches?: readonly Branch[];
  readonly chains?: readonly Chain[];
  readonly offset: readonly number[];
}

/** Straight from the definition. */
function runPlain({ branches, chains, offset }: Plain, x: readonly number[]): number[] {
  const f = [...offset];
  for (const { W1, b1, w2, w3, output } of branches ?? []) {
    const [h] = times(
      relu(times(x, W1, b1)),
      w2.map((w) => [w]),
    );
    f[output] += Math.max(0, h) * w3;
  }
  for (const { layers, b1, output } of chains ?? []) {
    const out = layers.slice(1).reduce((a, W) => times(a, W), times(x, layers[0], b1));
    out.forEach((value, o) => (f[output ?? o] += value));
  }
  return f;
}

/** The constants at the end of the Python module, as nested lists: tensors and stacks are what is in them, tuples are lists. */
function constants(code: string): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  const part = code.slice(code.lastIndexOf('\nMEAN = '), code.lastIndexOf('\nmodel = '));
  for (const [, name, value] of part.matchAll(/^([A-Z]\w*) = ([\s\S]*?)(?=\n[A-Z]\w* = |$(?![\s\S]))/gm)) {
    if (value.startsWith('torch.zeros(')) continue;
    const open: boolean[] = [];
    const json = value
      .replaceAll(', dtype=torch.float64', '')
      .replaceAll(/torch\.(?:tensor|stack)\(|[()]/g, (token) => {
        if (token === ')') return open.pop() ? ']' : '';
        open.push(token === '(');
        return token === '(' ? '[' : '';
      })
      .replaceAll(/,(\s*\])/g, '$1');
    found[name] = JSON.parse(json);
  }
  return found;
}

for (const [what, change] of Object.entries(cases)) {
  describe(`files of a run: ${what}`, () => {
    let run: RunRecord;
    before(async () => {
      run = await testSession(memorySource(csv)).train(
        { ...base, ...change, features: ['a', 'b', 'kind'] },
        listen(),
        running,
      );
      assert.ok(run.deep !== undefined);
    });
    /** Inputs in original units, a row each, and what the run predicts for it. */
    const inputs = (): number[][] =>
      run.rows.line.map((line) =>
        run.scaling.inputs.map(({ column, category }) => {
          const cell = rows[line - 2][column as 'a' | 'b' | 'kind'];
          return category === undefined ? Number(cell) : Number(cell === category);
        }),
      );
    const agree = (outputs: readonly (readonly number[])[], tolerance = 1e-8): void => {
      const c = run.resolved.outputs;
      outputs.forEach((values, i) =>
        values.forEach((value, o) => {
          const wanted = run.rows.prediction[i * c + o];
          assert.ok(Math.abs(value - wanted) <= tolerance * Math.max(1, Math.abs(wanted)), `${value} for ${wanted}`);
        }),
      );
    };

    it('ONNX runs to the predictions of the run', async () => {
      const file = exportRun(run, 'onnx') as Uint8Array;
      const x = inputs();
      const result = await runOnnx(file, x.length, Float64Array.from(x.flat()));
      const c = run.resolved.outputs;
      assert.equal(decodeOnnx(file).output.columns, c);
      assert.deepEqual(result.dims, [x.length, c]);
      agree(x.map((_, i) => Array.from(result.data.subarray(i * c, (i + 1) * c))));
    });

    it('JSON gives them on encoded inputs and in original units, at the objective of the run', () => {
      const json = JSON.parse(exportRun(run, 'json') as string) as Plain & { originalUnits: Plain; model: string };
      assert.equal(json.model, run.settings.model);
      agree(inputs().map((x) => runPlain(json.originalUnits, x)));
      const { scaling, settings, resolved } = run;
      if (scaling.whitening === undefined) {
        const { mean, scale } = scaling.target;
        agree(
          inputs().map((x) =>
            runPlain(
              json,
              x.map((value, k) => (value - scaling.inputs[k].mean) / scaling.inputs[k].scale),
            ).map((value) => value * scale + mean),
          ),
        );
      }
      // what the written weights cost, beside the penalty that the run reports
      const squares = (M: Matrix, b: readonly number[] = []): number =>
        [...M.flat(), ...(settings.bias === 'none' ? [] : b)].reduce((sum, w) => sum + w * w, 0);
      let paid = 0;
      for (const { W1, b1, w2, w3 } of json.branches ?? []) {
        assert.ok(squares(W1, b1) <= 1 + 1e-9);
        paid += 0.5 * (w2.reduce((sum, w) => sum + w * w, 0) + w3 * w3);
      }
      for (const { layers, b1 } of json.chains ?? []) {
        paid += 0.5 * layers.reduce((sum, W, l) => sum + squares(W, l === 0 ? b1 : []), 0);
      }
      const penalty = (run.solution.objective - run.solution.datafit) / resolved.beta;
      assert.ok(Math.abs(paid - penalty) <= 1e-6 * Math.max(1, penalty), `${paid} for ${penalty}`);
    });

    it('PyTorch code holds the same numbers, and says what was minimised', () => {
      const code = exportRun(run, 'pytorch') as string;
      assert.match(code, run.deep?.kind === 'linear' ? /weight_decay = / : /weight_decay of an optimiser is neither/);
      const found = constants(code);
      const c = run.resolved.outputs;
      const zero = Array.from({ length: c }, () => 0);
      agree(
        inputs().map((row) => {
          let z = row.map((value, k) => (value - (found.MEAN as number[])[k]) / (found.SCALE as number[])[k]);
          if (found.WHITEN !== undefined) z = times(z, found.WHITEN as Matrix);
          let f = zero;
          const add = (values: readonly number[]): void => void (f = f.map((value, o) => value + values[o]));
          if (run.deep?.kind === 'three-layer') {
            const W3 = found.W3 as number[];
            W3.forEach((w3, k) => {
              const inner = relu(times(z, (found.W1 as Matrix[])[k], (found.B1 as Matrix)[k]));
              const h = inner.reduce((sum, value, j) => sum + value * (found.W2 as Matrix)[k][j], 0);
              add((found.ROUTE as Matrix)[k].map((share) => share * w3 * Math.max(0, h)));
            });
          } else {
            for (const [layers, bias, route] of found.CHAINS as [Matrix[], number[], Matrix][]) {
              add(
                times(
                  layers.slice(1).reduce((a, W) => times(a, W), times(z, layers[0], bias)),
                  route,
                ),
              );
            }
          }
          const { mean, scale } = run.scaling.target;
          return f.map((value) => mean + scale * value);
        }),
      );
    });

    it('the run predicts another file as it predicted its own', async () => {
      const predictions = await predictOn(run, memorySource(csv), running);
      const [header, ...lines] = predictions!.csv.trim().split('\n');
      const probabilities = header.split(',').filter((name) => /^"?probability /.test(name)).length;
      const c = run.resolved.outputs;
      agree(
        run.rows.line.map((line) => {
          const cells = lines[line - 2].split(',');
          const end = cells.length - probabilities;
          return cells.slice(end - c, end).map(Number);
        }),
        1e-7,
      );
    });
  });
}
