import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { DataError } from '../../src/core/data/dataError.ts';
import { parseProblemFile } from '../../src/core/problem/problemFile.ts';
import { solve } from '../../src/core/engine/solve.ts';
import { decodeBits, encodeBits } from '../../src/shared/bits.ts';
import { exportRun } from '../../src/session/exportRun.ts';
import { TrainStopped } from '../../src/session/session.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import type { TrainSettings } from '../../src/shared/settings.ts';
import { betaMaxIsProven, describeVerdict } from '../../src/shared/verdict.ts';
import { memorySource, sampleSource } from '../support/memorySource.ts';
import { recompute } from '../support/recompute.ts';
import { clock, listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

const close = (a: number, b: number, tolerance: number): void =>
  assert.ok(Math.abs(a - b) <= tolerance * (1 + Math.abs(b)), `${a} is not ${b}`);

const full: TrainSettings = {
  ...quickSettings,
  path: { points: 4, smallest: 0.05 },
  compare: { enabled: true, optimizers: ['momentum', 'adam'], seeds: 2, epochs: 60, batchSize: 0 },
};

/** Everything but what depends on the clock. */
function withoutTimes(run: RunRecord): unknown {
  return JSON.parse(JSON.stringify(run), (key, value: unknown) => (key === 'seconds' || key === 'times' ? 0 : value));
}

describe('training', () => {
  it('gives the record after the solution, the path, and each optimiser; the last one is whole', async () => {
    const heard = listen();
    const run = await testSession(sampleSource('xor_2d.csv')).train(full, heard, running);
    assert.deepEqual(heard.stages, ['reading', 'preparing', 'solving', 'path', 'structure', 'compare']);
    const [first, second] = heard.records;
    assert.equal(first.path, undefined);
    assert.equal(first.compare, undefined);
    assert.equal(second.path?.points.length, 4);
    assert.equal(second.compare, undefined);
    assert.equal(heard.records.at(-1), run);
    assert.ok(heard.records.every((record) => record.id === run.id && record.format === 'convexnet-run/1'));
    assert.equal(run.compare?.runs.length, 4);
    assert.ok(run.compare?.complete && run.path?.complete);
    assert.deepEqual(run.notes, []);
    assert.match(run.label, /^xor_2d\.csv: target, beta [\d.]+, \d+ neurons, /);
    assert.ok(run.label.toLowerCase().endsWith(`, ${describeVerdict(run).word.toLowerCase()}`), run.label);
    assert.match(run.dataset.sha256, /^[0-9a-f]{64}$/);
    assert.ok(run.trace.length > 0 && run.trace.every(({ objective, dualBound }) => objective >= dualBound - 1e-9));
    // Plain JSON.
    assert.deepEqual(JSON.parse(JSON.stringify(run)), run);
  });

  it('lists all activation patterns where that is asked for, says how many, and refuses too many before it solves', async () => {
    const rows = Array.from({ length: 60 }, (_, i) => `${Math.sin(5 * i)},${Math.cos(3 * i)},${Math.sin(i) + i / 30}`);
    const settings = {
      ...quickSettings,
      model: 'relu',
      arrangements: 'all',
      path: { points: 3, smallest: 0.1 },
    } as const;
    const said = new Set<string>();
    const told = listen(({ message }) => void said.add(message.replace(/\d+/, 'N')));
    const few = memorySource(`a,b,y\n${rows.slice(0, 12).join('\n')}\n`);
    const run = await testSession(few).train({ ...settings, target: 'y' }, told, running);
    assert.ok(said.has('Listing up to N activation patterns'), [...said].join('; '));
    assert.equal(run.solution.scope, 'all-arrangements');
    assert.ok(
      run.path?.points.every(({ lowerBound }) => lowerBound !== undefined),
      'every point of the path is proven',
    );
    assert.ok(run.trace.every(({ objective }) => Number.isFinite(objective)));
    const wide = rows.map(
      (row, i) => `${row.slice(0, row.lastIndexOf(','))},${Math.sin(7 * i)},${Math.cos(11 * i)},${i % 7}`,
    );
    const heard = listen();
    const many = memorySource(`a,b,c,d,y\n${wide.join('\n')}\n`);
    await assert.rejects(
      testSession(many).train({ ...settings, target: 'y' }, heard, running),
      /up to [\d.e+]+ activation patterns, more than 100000; about \d+ rows would fit/,
    );
    assert.ok(!heard.stages.includes('solving'));
  });

  it('the path starts at the zero network and falls; the run lies on it', async () => {
    const run = await testSession(sampleSource('diabetes.csv')).train(
      { ...full, compare: quickSettings.compare, beta: { kind: 'relative', value: 0.05 }, maxRows: 120 },
      listen(),
      running,
    );
    const { points, betaMax } = run.path!;
    assert.equal(points[0].active, 0);
    assert.equal(points[0].beta, betaMax);
    for (let k = 1; k < points.length; k++) {
      assert.ok(points[k].beta < points[k - 1].beta);
      assert.ok(points[k].objective <= points[k - 1].objective * (1 + 1e-9), 'the optimum falls with beta');
      assert.ok(points[k].norm >= points[k - 1].norm * (1 - 1e-4), 'and the norm grows');
    }
    close(points.at(-1)!.objective, run.solution.objective, 1e-5);
    close(run.resolved.beta, 0.05 * betaMax, 1e-12);
  });

  it('descent never beats the proven bound, and its objective is the same program', async () => {
    const run = await testSession(sampleSource('xor_2d.csv')).train(full, listen(), running);
    for (const descent of run.compare!.runs) {
      assert.ok(descent.merged >= run.solution.dualBound * (1 - 1e-9), `${descent.merged}`);
      assert.ok(descent.merged <= descent.final * (1 + 1e-9));
      close(descent.excess, (descent.merged - run.solution.objective) / run.solution.objective, 1e-12);
    }
    assert.equal(run.compare!.convexObjective, run.solution.objective);
  });

  it('is determined by the seed, up to the clock', async () => {
    const settings = { ...full, maxRows: 60 };
    const train = (seed: number) =>
      testSession(sampleSource('iris.csv')).train({ ...settings, seed }, listen(), running);
    const [one, again, other] = [await train(3), await train(3), await train(4)];
    assert.deepEqual(withoutTimes(one), withoutTimes(again));
    assert.notDeepEqual(one.rows.split, other.rows.split);
  });

  it('proves a ReLU network on one feature, with kinks, landscape and curve that agree', async () => {
    const run = await testSession(sampleSource('co2_1d.csv')).train(
      { ...quickSettings, model: 'relu', maxRows: 120, certifySeconds: 60 },
      listen(),
      running,
    );
    const { solution } = run;
    assert.ok(solution.global?.proof === 'exact');
    assert.ok(solution.global.lowerBound <= solution.objective * (1 + 1e-12));
    assert.ok(solution.global.relativeGap <= 1e-5);
    close(solution.global.maxDualConstraint, 1, 1e-5);
    assert.ok(solution.global.searchEstimate <= solution.global.maxDualConstraint * (1 + 1e-12));
    assert.ok(run.landscape?.kind === 'circle');
    assert.ok(run.landscape.value.every((value) => Math.abs(value) <= 1 + 1e-4));
    assert.equal(run.landscape.neurons.length, run.neurons.length);
    for (const { value } of run.landscape.neurons) close(Math.abs(value), 1, 1e-3);
    assert.ok(run.shape?.kind === 'curve');
    const { x, y, kinks, points } = run.shape;
    // On the rows, the curve (linear between its points) is the prediction.
    points.x.forEach((value, i) => {
      const k = Math.min(x.length - 2, Math.max(0, x.findIndex((at) => at > value) - 1));
      const t = (value - x[k]) / (x[k + 1] - x[k]);
      close(y[0][k] + t * (y[0][k + 1] - y[0][k]), run.rows.prediction[i], 1e-9);
    });
    // The slope changes at the kinks and nowhere else.
    const slope = (k: number): number => (y[0][k + 1] - y[0][k]) / (x[k + 1] - x[k]);
    for (let k = 1; k < x.length - 1; k++) {
      if (x[k + 1] - x[k] < 1e-6 || x[k] - x[k - 1] < 1e-6) continue;
      const bend = Math.abs(slope(k) - slope(k - 1)) > 1e-6 * (1 + Math.abs(slope(k)));
      assert.equal(bend, kinks.includes(x[k]), `bend at ${x[k]}`);
    }
  });

  it('draws decision regions that agree with the predictions, with hinges where neurons switch', async () => {
    const run = await testSession(sampleSource('spirals_2d.csv')).train(
      { ...quickSettings, model: 'relu', maxRows: 60, beta: { kind: 'relative', value: 0.1 } },
      listen(),
      running,
    );
    const shape = run.shape!;
    assert.ok(shape.kind === 'surface');
    assert.equal(shape.value.length, shape.x.length * shape.y.length);
    assert.deepEqual(shape.classes, run.resolved.classes);
    assert.ok(shape.value.every((value) => value === 0 || value === 1));
    assert.ok(shape.hinges.length > 0 && shape.hinges.length <= run.neurons.length);
    const linesOf = run.neurons.map((neuron) => {
      const { weights, offset } = neuron.original;
      return (x: number, y: number): number =>
        (weights[0][0] * x + weights[0][1] * y + offset[0]) / (Math.hypot(...weights[0]) * (1 + Math.hypot(x, y)));
    });
    for (const [x1, y1, x2, y2] of shape.hinges) {
      assert.ok(linesOf.some((line) => Math.abs(line(x1, y1)) < 1e-9 && Math.abs(line(x2, y2)) < 1e-9));
    }
  });

  it('trains every loss, bias and output penalty that its models have', async () => {
    const cases: [string, Partial<TrainSettings>][] = [
      ['iris.csv', { loss: 'squared' }],
      ['iris.csv', { loss: 'logistic' }],
      ['iris.csv', { loss: 'softmax', bias: 'none' }],
      ['iris.csv', { outputPenalty: 'frobenius' }],
      ['xor_2d.csv', { loss: 'squared', bias: 'none' }],
      ['xor_2d.csv', { loss: 'softmax' }],
      ['diabetes.csv', { standardize: false, features: ['bmi', 's5'] }],
      ['diabetes.csv', { model: 'relu', arrangements: 'sampled', features: ['bmi', 's5'] }],
    ];
    for (const [name, change] of cases) {
      const settings = { ...quickSettings, maxRows: 60, gates: 8, ...change };
      const source = sampleSource(name);
      const session = testSession(source);
      const run = await session.train(settings, listen(), running);
      const what = `${name} ${JSON.stringify(change)}`;
      assert.equal(run.solution.status, 'optimal', what);
      if (settings.outputPenalty !== 'per-output') continue;
      const { header, rows } = await session.rows(run.rows.line.map((_, i) => i));
      const { objective } = recompute(
        run,
        rows.map(({ cells }) => cells),
        header,
      );
      close(objective, run.solution.objective, 1e-8);
    }
  });

  it('refuses what does not fit the memory allowed, whatever the model, and says what would fit', async () => {
    for (const [model, gates, memoryGiB, what] of [
      ['gated-relu', 20_000, 0.01, /\d+ gates would fit on all rows/],
      ['relu', 300, 0.003, /\d+ gates would fit on all rows, \d+ rows would fit with all gates/],
      ['three-layer', 400, 0.05, /\d+ tuples would fit on all rows, \d+ rows would fit with all tuples/],
    ] as const) {
      const settings = { ...quickSettings, model, arrangements: 'sampled', gates, memoryGiB } as const;
      await assert.rejects(
        testSession(sampleSource('diabetes.csv')).train(settings, listen(), running),
        (error: unknown) =>
          error instanceof DataError &&
          /diabetes\.csv: .* need about .* of memory, [\d.]+ MiB are allowed; .*or allow more memory/.test(
            error.message,
          ) &&
          what.test(error.message),
        model,
      );
    }
  });

  it('refuses losses that do not go with the task, naming the file', async () => {
    await assert.rejects(
      testSession(sampleSource('diabetes.csv')).train({ ...quickSettings, loss: 'softmax' }, listen(), running),
      (error: unknown) =>
        error instanceof DataError && /diabetes\.csv: .*softmax loss does not go with/.test(error.message),
    );
    await assert.rejects(
      testSession(sampleSource('iris.csv')).train({ ...quickSettings, loss: 'hinge' }, listen(), running),
      (error: unknown) => error instanceof DataError && error.message.includes('more than two classes'),
    );
  });

  it('a beta above betaMax gives the zero network, and says why there is no comparison', async () => {
    const run = await testSession(sampleSource('diabetes.csv')).train(
      { ...full, path: quickSettings.path, maxRows: 60, beta: { kind: 'relative', value: 1.5 } },
      listen(),
      running,
    );
    assert.equal(run.neurons.length, 0);
    assert.equal(run.solution.status, 'optimal');
    assert.match(run.notes.join(), /zero network is optimal/);
    assert.ok(run.rows.prediction.every((value) => value === run.scaling.target.mean));
    assert.doesNotThrow(() => exportRun(run, 'onnx'));
    assert.doesNotThrow(() => exportRun(run, 'pytorch'));
  });
});

describe('stopping', () => {
  /** Stops when a stage has begun. */
  const stopAt = (stage: string, after = 0) => {
    let stop = false;
    let seen = 0;
    let shown = 0;
    const heard = listen((progress) => {
      if (stop || progress.stage !== stage || ++seen <= after) return;
      stop = true;
      shown = heard.records.length;
    });
    const since = (): number => heard.records.length - shown;
    return { heard, since, control: { shouldStop: () => stop, now: clock } };
  };

  it('while reading: nothing to show', async () => {
    const { heard, control } = stopAt('reading');
    await assert.rejects(testSession(sampleSource('iris.csv')).train(full, heard, control), TrainStopped);
    assert.equal(heard.records.length, 0);
  });

  for (const [stage, after] of [
    ['solving', 0],
    ['solving', 2],
    ['path', 1],
    ['compare', 0],
  ] as const) {
    it(`in "${stage}" (report ${after + 1}): a valid run that says so`, async () => {
      const { heard, since, control } = stopAt(stage, after);
      const source = sampleSource('diabetes.csv');
      const session = testSession(source);
      const run = await session.train({ ...full, beta: { kind: 'relative', value: 0.01 } }, heard, control);
      assert.match(run.notes.join('\n'), /Stop/i);
      assert.equal(run.solution.status, stage === 'solving' ? 'cancelled' : 'optimal');
      assert.ok(run.solution.objective >= run.solution.dualBound - 1e-9);
      const { header, rows } = await session.rows(run.rows.line.map((_, i) => i));
      const { objective } = recompute(
        run,
        rows.map(({ cells }) => cells),
        header,
      );
      close(objective, run.solution.objective, 1e-8);
      // the end; after the network that was there already, what there is as well
      assert.ok(since() >= 1 && since() <= (stage === 'solving' ? 1 : 2), `${since()} records since`);
      if (stage === 'path') assert.ok(run.path!.points.length < 4 && !run.path!.complete);
      if (stage === 'solving') assert.match(run.notes[0], /best point reached, within a relative gap/);
      assert.ok((run.compare?.runs.length ?? 0) < 4);
    });
  }

  it('a time limit ends the solve, the path and the comparison, each with a note', async () => {
    const run = await testSession(sampleSource('breast_cancer.csv')).train(
      { ...full, gates: 200, tolerance: 1e-11, beta: { kind: 'relative', value: 0.001 }, timeLimitSeconds: 0.02 },
      listen(),
      running,
    );
    assert.equal(run.solution.status, 'time-limit');
    assert.match(run.notes[0], /part of the time limit, 0\.\d+ s, ended it at a relative gap of/);
    assert.match(run.notes[1], /path was cut short by the time limit: \d of 4 points/);
    assert.match(run.notes[2], /comparison/i);
  });
});

describe('another beta', () => {
  it('solves again from the last solution, to the same optimum as a fresh run', async () => {
    const source = sampleSource('diabetes.csv');
    const session = testSession(source);
    const compare = { ...full.compare, optimizers: ['adam' as const], seeds: 1 };
    const settings = { ...full, compare, maxRows: 200 };
    const first = await session.train(settings, listen(), running);
    const beta = first.resolved.beta / 2;
    const preview = await session.resolve(beta, { final: false }, listen(), running);
    assert.equal(source.reads, 1, 'the file is not read again');
    assert.deepEqual(preview.path, first.path);
    assert.equal(preview.compare, undefined);
    assert.deepEqual(preview.settings.beta, { kind: 'absolute', value: beta });
    assert.notEqual(preview.id, first.id);
    const fresh = await testSession(sampleSource('diabetes.csv')).train(
      { ...quickSettings, maxRows: 200, beta: { kind: 'absolute', value: beta } },
      listen(),
      running,
    );
    close(preview.solution.objective, fresh.solution.objective, 2e-6);
    const heard = listen();
    const final = await session.resolve(beta, { final: true, settings }, heard, running);
    assert.ok(!heard.stages.includes('path') && heard.stages.includes('compare'), heard.stages.join());
    assert.equal(final.compare?.runs.length, 1);
    assert.ok(final.solution.iterations <= preview.solution.iterations, 'warm');
  });

  it('works without an earlier run when settings are given, and says what is missing when not', async () => {
    const session = testSession(sampleSource('iris.csv'));
    await assert.rejects(session.resolve(1, { final: false }, listen(), running), /nothing was trained yet/);
    const run = await session.resolve(5, { final: false, settings: quickSettings }, listen(), running);
    assert.equal(run.resolved.beta, 5);
  });

  it('prepares again when the settings ask for another problem, without reading the file again', async () => {
    const source = sampleSource('iris.csv');
    const session = testSession(source);
    await session.train(quickSettings, listen(), running);
    const relu = await session.resolve(
      5,
      { final: false, settings: { ...quickSettings, model: 'relu' } },
      listen(),
      running,
    );
    assert.equal(relu.settings.model, 'relu');
    assert.ok(relu.neurons.every(({ gateDirection }) => gateDirection === undefined));
    assert.equal(source.reads, 1);
  });
});

describe('a run that was cut off', () => {
  it('names what is missing in every record and is completed under its id, in another session', async () => {
    let stop = false;
    const heard = listen((progress) => {
      if (progress.stage === 'path') stop = true;
    });
    const cut = await testSession(sampleSource('xor_2d.csv')).train({ ...full, maxRows: 60 }, heard, {
      shouldStop: () => stop,
      now: clock,
    });
    assert.deepEqual(heard.records[0].missing, ['path', 'structure', 'compare', 'importance']);
    assert.deepEqual(cut.missing, ['path', 'structure', 'compare', 'importance']);
    const stored = JSON.parse(JSON.stringify(cut)) as RunRecord;
    const whole = await testSession(sampleSource('xor_2d.csv')).complete(stored, listen(), running);
    assert.equal(whole.id, cut.id);
    assert.equal(whole.createdAt, cut.createdAt);
    assert.equal(whole.missing, undefined);
    assert.ok(whole.path?.complete && whole.compare?.complete && whole.structure !== undefined);
    close(whole.solution.objective, cut.solution.objective, 1e-5);
    assert.ok(whole.revision! > cut.revision!);
    assert.deepEqual(whole.settings, cut.settings);
  });

  it('loses neither path nor threshold to a preview in another session', async () => {
    const settings = { ...full, model: 'relu', target: 'target', maxRows: 40, certifySeconds: 60 } as const;
    const run = await testSession(sampleSource('xor_2d.csv')).train(
      { ...settings, compare: quickSettings.compare },
      listen(),
      running,
    );
    assert.ok(betaMaxIsProven(run));
    const from = JSON.parse(JSON.stringify(run)) as RunRecord;
    const preview = await testSession(sampleSource('xor_2d.csv')).resolve(
      run.resolved.beta / 2,
      { final: false, settings: run.settings, from },
      listen(),
      running,
    );
    assert.ok(betaMaxIsProven(preview));
    assert.deepEqual(preview.path, from.path);
    assert.equal(preview.preview, true);
  });

  it('was not stopped by a person when beta was changed on', async () => {
    const session = testSession(sampleSource('diabetes.csv'));
    const first = await session.train(quickSettings, listen(), running);
    const preview = await session.resolve(first.resolved.beta / 50, { final: false }, listen(), {
      shouldStop: () => true,
      now: clock,
    });
    assert.equal(preview.solution.status, 'cancelled');
    assert.doesNotMatch([...preview.notes, describeVerdict(preview).headline].join(' '), /stop/i);
    assert.equal(preview.missing, undefined);
  });
});

describe('the file', () => {
  it('that changes or vanishes while training is noted', async () => {
    for (const [stamp, pattern] of [
      [{ size: 999, mtime: 2 }, /iris\.csv changed while training; the run is of the content before/],
      [null, /iris\.csv has vanished/],
    ] as const) {
      const source = sampleSource('iris.csv');
      const heard = listen((progress) => {
        if (progress.stage === 'solving') source.stamp = stamp;
      });
      const run = await testSession(source).train(quickSettings, heard, running);
      assert.match(run.notes.join(), pattern);
    }
  });

  it('is read again once it has changed', async () => {
    const source = sampleSource('iris.csv');
    const session = testSession(source);
    const before = await session.train(quickSettings, listen(), running);
    source.bytes = source.bytes.subarray(0, source.bytes.lastIndexOf(10, source.bytes.length - 2) + 1);
    source.stamp = { size: source.bytes.length, mtime: 2 };
    const after = await session.train(quickSettings, listen(), running);
    assert.equal(source.reads, 2);
    assert.equal(after.dataset.rowsTotal, before.dataset.rowsTotal - 1);
    assert.notEqual(after.dataset.sha256, before.dataset.sha256);
    await assert.rejects(session.exportProblem(before), /has changed since the run/);
  });

  it('that is missing gives one clear message', async () => {
    const source = {
      ...memorySource(''),
      name: 'gone.csv',
      // oxlint-disable-next-line typescript/require-await
      async *read(): AsyncGenerator<Uint8Array> {
        throw new Error("ENOENT: no such file or directory, open 'gone.csv'");
      },
      stat: () => Promise.resolve(null),
    };
    await assert.rejects(testSession(source).train(quickSettings, listen(), running), (error: unknown) => {
      assert.ok(error instanceof DataError);
      assert.match(error.message, /^gone\.csv: the file cannot be read/);
      return true;
    });
  });

  it('gives back original cells, with quoted newlines, and notices rows that are gone', async () => {
    const text = 'x;note;y\n1,50;"a\nb";1\n2,5;plain;3\n\n3,5;"say ""hi""";2\n4,5;x;9\n';
    const source = memorySource(text);
    const session = testSession(source);
    const run = await session.train(
      { ...quickSettings, target: 'y', task: 'regression', features: ['x'], testFraction: 0 },
      listen(),
      running,
    );
    assert.deepEqual(run.rows.line, [2, 4, 6, 7]);
    const { header, rows } = await session.rows([2, 0]);
    assert.deepEqual(header, ['x', 'note', 'y']);
    assert.deepEqual(rows, [
      { index: 2, line: 6, cells: ['3,5', 'say "hi"', '2'] },
      { index: 0, line: 2, cells: ['1,50', 'a\nb', '1'] },
    ]);
    const reads = source.reads;
    await session.rows([0, 2]);
    assert.equal(source.reads, reads, 'rows seen before are not read again');
    assert.deepEqual((await session.rows([])).rows, []);
    await assert.rejects(session.rows([99]), /the run has no row 99/);
    source.bytes = new TextEncoder().encode('x;note;y\n1;2;3\n');
    source.stamp = { size: source.bytes.length, mtime: 5 };
    await assert.rejects(session.rows([2]), /line 6: no row starts here any more/);
    // A session that has trained nothing serves runs from disk.
    const fresh = testSession(memorySource(text));
    assert.equal((await fresh.rows([1], JSON.parse(JSON.stringify(run)) as RunRecord)).rows[0].cells[1], 'plain');
  });
});

describe('exported problem', () => {
  for (const model of ['gated-relu', 'relu'] as const) {
    it(`${model}: solving it gives the same objective`, async () => {
      const session = testSession(sampleSource('xor_2d.csv'));
      const run = await session.train({ ...quickSettings, model, maxRows: 60 }, listen(), running);
      for (const text of [
        await session.exportProblem(),
        await testSession(sampleSource('xor_2d.csv')).exportProblem(run),
      ]) {
        const problem = parseProblemFile(text, 'p.json', () => assert.fail('no other file'));
        close(solve(problem).objective, run.solution.objective, 2e-6);
      }
    });
  }
});

describe('inspection', () => {
  it('prefills the form from the head of the file', async () => {
    const source = sampleSource('penguins.csv');
    const found = await testSession(source).inspect();
    assert.equal(found.target, 'target');
    assert.equal(found.task, 'multiclass');
    assert.deepEqual(found.features, [
      'island',
      'bill_length_mm',
      'bill_depth_mm',
      'flipper_length_mm',
      'body_mass_g',
      'sex',
    ]);
    assert.ok(found.complete);
    assert.equal(found.rowsEstimate, 344);
    const sex = found.columns.find(({ name }) => name === 'sex')!;
    assert.deepEqual([sex.kind, sex.missing, sex.examples], ['categorical', 11, ['male', 'female']]);
  });

  it('reads little of a large file and estimates its rows', async () => {
    const rows = 400_000;
    const content = `a,b,y\n${Array.from({ length: rows }, (_, i) => `${i % 97},${(i * 7) % 13},${i % 2 ? 'u' : 'v'}`).join('\n')}\n`;
    let handed = 0;
    const source = memorySource(content);
    const counted = {
      ...source,
      async *read() {
        for await (const chunk of source.read()) {
          handed += chunk.length;
          yield chunk;
        }
      },
    };
    const found = await testSession(counted).inspect();
    assert.ok(handed < 1e6, `${handed} bytes`);
    assert.equal(found.complete, false);
    assert.ok(Math.abs(found.rowsEstimate / rows - 1) < 0.1, `${found.rowsEstimate}`);
    assert.equal(found.task, 'binary');
  });

  it('marks targets whose task is unclear', async () => {
    const found = await testSession(sampleSource('wine.csv')).inspect();
    assert.deepEqual(
      found.columns.filter(({ name }) => name === 'target').map(({ task, taskUnclear }) => [task, taskUnclear]),
      [['multiclass', true]],
    );
  });
});

describe('bits', () => {
  it('come back as they were', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 300 }), (bits) => {
        assert.deepEqual(Array.from(decodeBits(encodeBits(bits), bits.length)), bits.map(Number));
      }),
      { seed: 2 },
    );
  });
});
