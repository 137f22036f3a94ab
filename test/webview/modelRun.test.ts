import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { RunRecord } from '../../src/shared/run.ts';
import { betaMaxHint, betaMaxIsProven, describeVerdict, networkCheck } from '../../src/shared/verdict.ts';
import { betaScale, betaToStep, parseBeta, stepToBeta } from '../../webview/app/betaScale.ts';
import { announcement, initialState, reduce } from '../../webview/app/panelState.ts';
import { decodeOn, isOn, predictedClass } from '../../webview/app/runData.ts';
import { finishedTrace, gapOf, traceBoundName } from '../../webview/app/trace.ts';
import { emptyViewState, restoreViewState } from '../../webview/app/viewState.ts';
import { compareWords, curvesChart, thin } from '../../webview/app/views/compare/compareModel.ts';
import {
  concentration,
  constraintChart,
  dualChart,
  rankRows,
  slackness,
} from '../../webview/app/views/duals/dualModel.ts';
import { byShare, firing, neuronWeights, rowAtLine } from '../../webview/app/views/neurons/neuronModel.ts';
import { confusion, curveAt, residuals } from '../../webview/app/views/overview/fitModel.ts';
import { scoreTable } from '../../webview/app/views/overview/scores.ts';
import { crossValidationChart } from '../../webview/app/views/sparsity/crossValidationModel.ts';
import { pointAt, sortedNorms } from '../../webview/app/views/sparsity/sparsityModel.ts';
import { fixtures } from './fixtures.ts';

/** Written by `convexnet train` on the sample files. */
function recorded(name: string): RunRecord {
  return JSON.parse(readFileSync(new URL(`../fixtures/runs/${name}.json`, import.meta.url), 'utf8')) as RunRecord;
}

function withSolution(run: RunRecord, change: Partial<RunRecord['solution']>): RunRecord {
  return { ...run, solution: { ...run.solution, ...change } };
}

describe('verdict', () => {
  const run = fixtures.typical();
  const { objective } = run.solution;
  const global = run.solution.global!;
  const sampled: RunRecord = { ...run, settings: { ...run.settings, arrangements: 'sampled' } };
  it('says proven only when a proven bound over all networks is within the tolerance', () => {
    const near = { ...global, lowerBound: objective * (1 - 1e-7) };
    assert.equal(describeVerdict(withSolution(run, { global: { ...near, proof: 'exact' } })).strength, 'proven');
    const searched = describeVerdict(withSolution(run, { global: { ...near, proof: 'none', searchEstimate: 1 } }));
    assert.equal(searched.strength, 'searched');
    assert.match(searched.headline, /no better neuron was found, and nothing is proven/);
    assert.match(searched.because, /evidence, not a proof/);
  });
  it('says by how much any network can be better, relative to the objective as the bound has it', () => {
    const bounded = withSolution(run, {
      global: { ...global, proof: 'bound', lowerBound: 0.9 * objective, relativeGap: 0.1 },
    });
    const verdict = describeVerdict(bounded);
    assert.equal(verdict.strength, 'bounded');
    assert.match(verdict.headline, /^Proven within 10 % of the best: any other network is at most that much better/);
    assert.equal(verdict.word, 'Within 10 %');
  });
  it('does not make a headline of a loose bound, and gives it all the same', () => {
    const verdict = describeVerdict(
      withSolution(run, { global: { ...global, proof: 'bound', lowerBound: objective / 3, searchEstimate: 1 } }),
    );
    assert.equal(verdict.strength, 'searched');
    assert.match(verdict.headline, /^Searched: no better neuron was found; proven within 66\.7 %/);
    assert.match(verdict.because, /can be more than 66\.7 % better/);
  });
  it('never calls a network whose patterns were searched for optimal for gates, and says when it can be improved', () => {
    const open = describeVerdict(withSolution(run, { global: undefined }));
    assert.equal(open.strength, 'searched');
    assert.doesNotMatch(`${open.word} ${open.headline}`, /optimal/i);
    assert.match(open.because, /has not been computed/);
    const improvable = describeVerdict(
      withSolution(run, { global: { ...global, proof: 'bound', lowerBound: objective / 3, searchEstimate: 1.2 } }),
    );
    assert.match(improvable.headline, /^Not optimal: the search found a neuron/);
  });
  it('says that the proof is running as long as it is', () => {
    const verdict = describeVerdict(withSolution(run, { global: undefined, proving: true }));
    assert.equal(verdict.word, 'Searched so far');
    assert.match(verdict.headline, /the proof over all activation patterns is running/);
  });
  it('limits the claim to the gates where they were fixed beforehand', () => {
    const verdict = describeVerdict(withSolution(sampled, { global: undefined }));
    assert.equal(verdict.strength, 'gates');
    assert.match(verdict.headline, /^Optimal for the 220 sampled gates, to relative gap /);
    assert.match(verdict.because, /has not been checked/);
    const gated = describeVerdict({
      ...withSolution(run, { global: undefined }),
      settings: { ...run.settings, model: 'gated-relu' },
    });
    assert.match(gated.headline, /^Optimal for its 220 sampled gates/);
    assert.match(gated.because, /one with other gates may be better/);
  });
  it('says stopped when the gap is not reached, and nothing at all when bound and objective contradict', () => {
    const cancelled = { global: undefined, status: 'cancelled', relativeGap: 0.02 } as const;
    const stopped = describeVerdict(withSolution(sampled, cancelled));
    assert.equal(stopped.strength, 'stopped');
    assert.match(stopped.headline, /^Stopped on request\. At most 2 % above the optimum for the 220 sampled gates/);
    assert.match(
      describeVerdict(withSolution(run, cancelled)).headline,
      /^Stopped on request\. How far .* is not known/,
    );
    const reached = withSolution(sampled, { ...cancelled, relativeGap: 1e-9 });
    assert.equal(describeVerdict(reached).strength, 'gates');
    const broken = withSolution(run, { dualBound: objective * 1.001 });
    assert.equal(describeVerdict(broken).strength, 'broken');
  });
  it('takes beta max for proven only where the proven upper bound meets it, or the gates are fixed', () => {
    const { betaMax } = run.resolved;
    const upTo = (betaMaxUpper?: number): RunRecord => ({ ...run, resolved: { ...run.resolved, betaMaxUpper } });
    assert.equal(betaMaxIsProven(upTo()), false);
    assert.equal(betaMaxIsProven(upTo(1.2 * betaMax)), false);
    assert.match(betaMaxHint(upTo(1.2 * betaMax)), /at least this, and proven to be at most/);
    assert.equal(betaMaxIsProven(upTo(betaMax)), true);
    assert.match(betaMaxHint(upTo(betaMax)), /its value is proven/);
    assert.match(betaMaxHint(sampled), /exact for these gates/);
  });
  it('compares the exported network with the convex objective', () => {
    assert.equal(networkCheck(run).agrees, true);
    assert.equal(networkCheck(withSolution(run, { networkObjective: run.solution.objective * 1.01 })).agrees, false);
  });
  it('is as strong as recorded runs allow', () => {
    for (const name of ['xor_2d', 'co2_1d', 'penguins'])
      assert.equal(describeVerdict(recorded(name)).strength, 'proven', name);
    assert.equal(describeVerdict(recorded('diabetes')).strength, 'searched');
  });
});

describe('recorded runs', () => {
  for (const name of ['xor_2d', 'co2_1d', 'penguins', 'diabetes']) {
    const run = recorded(name);
    it(`${name}: what the panel derives agrees with the record`, () => {
      const rows = run.rows.line.length;
      for (const neuron of run.neurons) {
        const on = decodeOn(neuron, rows);
        assert.equal(
          on.reduce((a, b) => a + b, 0),
          neuron.onCount,
        );
      }
      const shares = run.neurons.reduce((sum, neuron) => sum + neuron.share, 0);
      assert.ok(Math.abs(shares - 1) < 1e-9);
      const { norm, active } = sortedNorms(run);
      assert.ok(active <= run.gates.count);
      const total = norm.reduce((a, b) => a + b, 0);
      assert.ok(Math.abs(total - run.solution.penalty) <= 1e-6 * total, 'norms add up to the penalty');
      const split = run.solution.datafit + run.resolved.beta * run.solution.penalty;
      assert.ok(Math.abs(split - run.solution.objective) <= 1e-9 * split, 'the two parts add up to the objective');
      assert.ok(slackness(run) < 1e-4);
      if (run.resolved.task !== 'regression') {
        const { total: all, correct } = confusion(run, 0);
        const accuracy = run.metrics.find((row) => row.measure === 'accuracy')!;
        assert.ok(Math.abs(correct / all - accuracy.train) < 1e-9, 'the confusion matrix gives the recorded accuracy');
      } else {
        const { residual } = residuals(run, 0);
        const rmse = Math.sqrt(residual.reduce((sum, r) => sum + r * r, 0) / residual.length);
        assert.ok(Math.abs(rmse - run.metrics[0].train) < 1e-6 * rmse, 'the residuals give the recorded error');
        // Squared loss: the dual value is the residual in the units of the scaled target.
        const { spec } = dualChart(run, 0, 'data');
        const scaled = residual.map((r) => r / run.scaling.target.scale);
        Array.from(spec.series[0].y).forEach((v, i) => assert.ok(Math.abs(v - scaled[i]) < 1e-6));
      }
    });
  }
});

describe('neurons', () => {
  const run = fixtures.classes();
  it('are decoded bit by bit and as a whole alike', () => {
    const rows = run.rows.line.length;
    for (const neuron of run.neurons) {
      const on = decodeOn(neuron, rows);
      for (let row = 0; row < rows; row++) assert.equal(isOn(neuron, row), on[row] === 1);
    }
    const some = firing(run, 17);
    assert.deepEqual(
      some.map((n) => n.id),
      byShare(run)
        .filter((n) => decodeOn(n, rows)[17] === 1)
        .map((n) => n.id),
    );
  });
  it('have weights in both units, largest first, bias last', () => {
    const neuron = run.neurons[4];
    for (const units of ['standard', 'original'] as const) {
      const bars = neuronWeights(run, neuron, units, neuron.output);
      assert.equal(bars.length, run.scaling.inputs.length + 1);
      const sizes = bars.slice(0, -1).map((bar) => Math.abs(bar.value));
      assert.deepEqual(
        sizes,
        [...sizes].sort((a, b) => b - a),
      );
      const first = bars.find((bar) => bar.name === run.scaling.inputs[0].name)!;
      const expected =
        units === 'standard'
          ? neuron.weights[0] * neuron.outer[neuron.output]
          : neuron.original.weights[neuron.output][0];
      assert.equal(first.value, expected);
    }
  });
  it('belong to rows found by their line', () => {
    assert.equal(rowAtLine(run, 2), 0);
    assert.equal(rowAtLine(run, 1_000_000), run.rows.line.length - 1);
    assert.equal(
      predictedClass(run, 3),
      [0, 1, 2].sort((a, b) => run.rows.prediction[9 + b] - run.rows.prediction[9 + a])[0],
    );
  });
});

describe('duals', () => {
  const run = fixtures.typical();
  it('are ranked by size, shares add up', () => {
    const ranked = rankRows(run);
    assert.equal(ranked.length, run.resolved.trainRows);
    ranked.forEach((entry, i) => {
      assert.equal(entry.rank, i + 1);
      assert.equal(run.rows.split[entry.row], 0);
      if (i > 0) assert.ok(Math.abs(entry.dual) <= Math.abs(ranked[i - 1].dual));
    });
    assert.ok(Math.abs(concentration(ranked, ranked.length) - 1) < 1e-12);
  });
  it('are charted in both orders with the row behind every point', () => {
    const { spec, rows } = dualChart(run, 0, 'size');
    const y = Array.from(spec.series[0].y);
    assert.deepEqual(
      y,
      [...y].sort((a, b) => b - a),
    );
    const data = dualChart(run, 0, 'data');
    assert.deepEqual(
      Array.from(data.spec.series[0].x),
      Array.from(data.rows, (row) => run.rows.line[row]),
    );
    assert.equal(new Set(rows).size, run.resolved.trainRows);
  });
  it('show every gate once, as tight or slack', () => {
    const { series } = constraintChart(run);
    assert.deepEqual(
      series.map((s) => [s.id, s.x.length]),
      [
        ['tight', 18],
        ['slack', 202],
      ],
    );
  });
});

describe('scores and fit', () => {
  it('marks the best of each column, shares ties, marks nothing when alone', () => {
    const table = scoreTable([
      { model: 'a', measure: 'RMSE', train: 1, test: 3, higherIsBetter: false },
      { model: 'b', measure: 'RMSE', train: 2, test: 2, higherIsBetter: false },
      { model: 'c', measure: 'RMSE', train: 1.000001, test: null, higherIsBetter: false },
      { model: 'a', measure: 'R²', train: 0.4, test: 0.1, higherIsBetter: true },
    ]);
    const cell = (m: number, k: number): [boolean, boolean] => {
      const c = table.models[m].cells[k];
      return [c.bestTrain, c.bestTest];
    };
    assert.deepEqual(
      [cell(0, 0), cell(1, 0), cell(2, 0)],
      [
        [true, false],
        [false, true],
        [true, false],
      ],
    );
    assert.deepEqual(cell(0, 1), [false, false]);
  });
  it('interpolates curves linearly and flat outside', () => {
    assert.equal(curveAt([0, 1, 3], [0, 2, 4], 2), 3);
    assert.equal(curveAt([0, 1, 3], [0, 2, 4], -5), 0);
    assert.equal(curveAt([0, 1, 3], [0, 2, 4], 9), 4);
    assert.ok(Number.isNaN(curveAt([], [], 1)));
  });
  it('finds the point of the path at a beta', () => {
    const run = fixtures.typical();
    assert.equal(pointAt(run.path!, run.path!.points[3].beta * 1.0001), 3);
    assert.equal(pointAt(run.path!, run.path!.points[3].beta * 1.1), null);
  });
  it('draws how beta was chosen: mean, spread and folds, and what the rules pick', () => {
    const points = [4, 2, 1].map((beta, k) => ({
      beta,
      mean: [3, 1.2, 1][k],
      standardError: 0.5,
      folds: [k, 2],
      active: k,
    }));
    const record = {
      ...{
        measure: 'squared error' as const,
        rule: 'smallest' as const,
        folds: 2,
        points,
        best: 2,
        oneStandardError: 1,
      },
      ...{ end: 'smallest' as const, seconds: 1 },
    };
    const { series, guides } = crossValidationChart(fixtures.typical(), record);
    const band = series.find(({ kind }) => kind === 'band')!;
    assert.deepEqual([...(band.y as number[])], [2.5, 0.7, 0.5]);
    assert.deepEqual([...(band.upper as number[])], [3.5, 1.7, 1.5]);
    assert.equal(series.filter(({ group }) => group === 'folds').length, 2);
    assert.deepEqual(
      guides!.slice(0, 2).map(({ label, value }) => [label, value]),
      [
        ['chosen', 1],
        ['one standard error', 2],
      ],
    );
  });
  it('ends the trace with the certified objective and bound', () => {
    const run = fixtures.gated();
    const last = finishedTrace(run).at(-1)!;
    assert.equal(last.objective, run.solution.objective);
    assert.equal(last.dualBound, run.solution.dualBound);
    assert.ok(gapOf(last)! >= 1e-16);
    assert.equal(gapOf({ ...last, dualBound: 0 }), null, 'that a loss is at least 0 is no bound');
    assert.equal(traceBoundName(run), 'lower bound for these gates');
  });
  it('ends the trace of a search with the bound over all networks, not with that of the patterns found', () => {
    const run = recorded('diabetes');
    const { global, dualBound } = run.solution;
    assert.ok(global!.lowerBound < dualBound);
    assert.equal(finishedTrace(run).at(-1)!.dualBound, global!.lowerBound);
    assert.equal(traceBoundName(run), 'proven lower bound, all networks');
  });
});

describe('comparison', () => {
  const run = fixtures.typical();
  const compare = run.compare!;
  it('speaks of ties, defeats and divergence as they are', () => {
    const adam = compare.runs.filter((item) => item.optimizer === 'adam');
    const words = (excess: number[], diverged = false): string =>
      compareWords(run, { ...compare, runs: adam.map((item, i) => ({ ...item, excess: excess[i], diverged })) }).join(
        ' ',
      );
    assert.match(words([0.0001, -0.0002, 0]), /Adam ties .* for all 3 seeds\./u);
    assert.match(words([0.2, 0.1, 0]), /ties .* for 1 of 3 seeds, ends 10\s% to 20\s% above it for 2 of 3 seeds/u);
    assert.match(words([-0.05, 0.1, 0.1]), /below it for 1 of 3 seeds, by up to 5\s%.*A network below/u);
    assert.match(words([0, 0, 0], true), /diverged for all 3 seeds/);
  });
  it('draws the median and the range of every rule to its end, on either clock', () => {
    assert.deepEqual(thin(5, 10), [0, 1, 2, 3, 4]);
    const many = thin(10_001, 600);
    assert.deepEqual([many.length, many[0], many.at(-1)], [600, 0, 10_000]);
    for (const clock of ['epochs', 'seconds'] as const) {
      const { series } = curvesChart(compare, clock, 'objective');
      assert.equal(series.length, 6, 'a median and a range for each rule');
      for (const { id, y, upper } of series) {
        const ends = compare.runs
          .filter((run) => run.optimizer === id.replace('-range', ''))
          .map((run) => run.objective.at(-1)!)
          .sort((a, b) => a - b);
        const last = y.length - 1;
        assert.deepEqual(upper ? [y[last], upper[last]] : [y[last]], upper ? [ends[0], ends[2]] : [ends[1]]);
      }
    }
  });
});

describe('beta', () => {
  it('goes from slider to value and back', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-6, max: 1e6, noNaN: true }),
        fc.double({ min: 1e-3, max: 1, noNaN: true }),
        (betaMax, share) => {
          const scale = betaScale(betaMax, [betaMax * share])!;
          const beta = betaMax * share;
          const back = stepToBeta(scale, betaToStep(scale, beta));
          assert.ok(Math.abs(Math.log(back / beta)) < 0.03, `${beta} became ${back}`);
          assert.equal(stepToBeta(scale, scale.steps), scale.high);
        },
      ),
      { seed: 5, numRuns: 200 },
    );
    assert.equal(betaScale(0, []), null);
  });
  it('is read as number, decimal comma or share of beta max, or refused', () => {
    assert.equal(parseBeta('0.5', 10), 0.5);
    assert.equal(parseBeta(' 1e-3 ', 10), 0.001);
    assert.equal(parseBeta('0,5', 10), 0.5);
    assert.equal(parseBeta('1,234.5', 10), 1234.5);
    assert.equal(parseBeta('10 %', 50), 5);
    for (const bad of ['', 'x', '0', '-1', '1e999', '%', '1 2']) assert.equal(parseBeta(bad, 10), null, bad);
  });
});

describe('state', () => {
  const snapshot = (run: RunRecord | null, state: 'idle' | 'training' | 'done' | 'failed' = 'done') =>
    ({ type: 'snapshot', state, run, progress: null, trace: [], error: null, stale: false, history: [] }) as const;
  it('keeps the identity of the same run and the rows of the same data', () => {
    const first = reduce(initialState, snapshot(fixtures.typical()));
    const rows = reduce(first, { type: 'rows', requestId: 1, header: ['a'], rows: [{ index: 3, cells: ['x'] }] });
    const again = reduce(rows, snapshot(fixtures.typical()));
    assert.equal(again.run, first.run);
    // the last record of a comparison differs from the one before in nothing but that it is complete
    const { compare } = fixtures.typical();
    const ended = reduce(
      again,
      snapshot({ ...fixtures.typical(), compare: { ...compare!, complete: !compare!.complete } }),
    );
    assert.equal(ended.run?.compare?.complete, !compare!.complete);
    assert.equal(reduce(again, snapshot({ ...fixtures.typical(), revision: 7 })).run?.revision, 7);
    const other = fixtures.typical();
    const resolved = reduce(again, snapshot({ ...other, id: 'other', resolved: { ...other.resolved, beta: 1 } }));
    assert.notEqual(resolved.run, first.run);
    assert.deepEqual(resolved.cells.get(3), ['x'], 'another beta has the same rows');
    assert.equal(reduce(resolved, snapshot(fixtures.classes())).cells.size, 0);
  });
  it('adds progress only while training', () => {
    const point = { seconds: 1, iteration: 1, objective: 2, dualBound: 1, active: 3 };
    const progress = { type: 'progress', progress: { stage: 'solving', fraction: null, message: '', point } } as const;
    assert.equal(reduce(initialState, progress), initialState);
    const training = reduce(initialState, snapshot(null, 'training'));
    assert.equal(reduce(reduce(training, progress), progress).trace.length, 2);
  });
  it('announces start, finish and failure once', () => {
    const training = reduce(initialState, snapshot(null, 'training'));
    const done = reduce(training, snapshot(fixtures.typical()));
    assert.equal(announcement(initialState, training, ''), 'Training started.');
    assert.equal(announcement(training, done, 'All is well.'), 'Training finished. All is well.');
    assert.equal(announcement(done, done, 'All is well.'), '');
    const failed = { ...done, phase: 'failed' as const, error: { message: 'line 3: no number' } };
    assert.match(announcement(training, failed, ''), /^Training failed\. line 3/);
  });
  it('restores choices of its own version and nothing else', () => {
    assert.deepEqual(restoreViewState(undefined), emptyViewState);
    assert.deepEqual(restoreViewState({ version: 2, view: 'duals' }), emptyViewState);
    assert.deepEqual(restoreViewState({ version: 1, view: 'duals', runId: 7, choices: { a: 1, b: { c: 2 } } }), {
      version: 1,
      view: 'duals',
      runId: null,
      choices: { a: 1 },
    });
  });
});
