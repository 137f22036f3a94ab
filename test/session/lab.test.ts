import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { FileSource } from '../../src/core/data/source.ts';
import { createLab } from '../../src/session/lab.ts';
import { LabRefusal } from '../../src/session/labRefusal.ts';
import { nodeSessionDeps } from '../../src/platform/node/nodeSession.ts';
import { TrainStopped } from '../../src/session/session.ts';
import {
  defaultLabSettings,
  type LabPage,
  type LabProgress,
  type LabRecordOf,
  type LabSettings,
} from '../../src/shared/lab.ts';
import { memorySource, sampleSource } from '../support/memorySource.ts';
import { running } from '../support/sessionHarness.ts';

async function run<P extends LabPage>(
  source: FileSource,
  page: P,
  changes: Partial<LabSettings[P]>,
  control = running,
  heard: LabProgress[] = [],
): Promise<LabRecordOf<P>> {
  const request = { page, settings: { ...defaultLabSettings[page], ...changes } } as unknown as Parameters<
    ReturnType<typeof createLab>['run']
  >[0];
  const record = await createLab(source, nodeSessionDeps()).run(
    request,
    (progress) => void heard.push(progress),
    control,
  );
  assert.equal(record.page, page);
  return record as unknown as LabRecordOf<P>;
}

const iris = (): FileSource => sampleSource('iris.csv');
const setosa = { positive: 'setosa', maxRows: 40 } as const;

describe('Lab tasks', () => {
  it('kernel: names the lines that make it singular, and finds the limit', async () => {
    const twice = memorySource('x,z,t\n1,2,1.5\n2,-1,2\n1,2,1\n-3,0.5,0\n0.2,1,0.7\n');
    const record = await run(twice, 'kernel', { widths: [8, 32], seeds: 2, standardize: false });
    assert.equal(record.verdicts[0].verdict, 'not tested', 'the theorem assumes a kernel that is not singular');
    const [group] = record.result.dependentRows;
    assert.deepEqual(
      group.rows.map((row) => record.data.lines[row]),
      [2, 4],
    );
    assert.equal(record.result.samples.length, 4);

    const good = await run(memorySource('x,z,t\n1,2,1.5\n2,-1,2\n-3,0.5,0\n0.2,1,0.7\n'), 'kernel', {
      widths: [4096],
      seeds: 2,
    });
    assert.equal(good.verdicts[0].verdict, 'agrees');
    assert.ok(Math.abs(good.verdicts[0].value! - 1) < 0.5);
    assert.match(good.verdicts[0].sentence, /positive definite.*At width 4096 .* wide enough/);
    const narrow = await run(iris(), 'kernel', { ...setosa, widths: [8], seeds: 1 });
    assert.equal(narrow.verdicts[0].verdict, 'not tested', 'the theory is about wide networks');
    assert.match(narrow.verdicts[0].sentence, /At width 8 .* wider networks are needed/);
    assert.deepEqual(narrow.verdicts[0].remedy, { label: 'Try width 4096', settings: { widths: [8, 4096] } });
  });

  it('width sweep: a verdict per claim, one line per cell', async () => {
    const heard: LabProgress[] = [];
    const record = await run(
      iris(),
      'sweep',
      { ...setosa, widths: [64, 256], seeds: 1, steps: 40, rateSteps: 8, noise: 0.2 },
      running,
      heard,
    );
    assert.deepEqual(
      record.verdicts.map((verdict) => verdict.id),
      ['assumption', 'linear-rate', 'nearest-interpolant', 'generalization', 'lazy', 'rate-transfer'],
    );
    assert.equal(record.verdicts.find((verdict) => verdict.id === 'linear-rate')!.verdict, 'agrees');
    const cells = heard.filter((progress) => progress.cell !== undefined);
    assert.equal(cells.length, record.result.cells.length + record.result.rateCells.length);
    assert.equal(cells.at(-1)!.fraction, 1);
    assert.deepEqual(record.data.classes, ['not setosa', 'setosa']);
  });

  it('width sweep: networks that are too narrow for a prediction do not disagree with it, and the widths to try are offered', async () => {
    const record = await run(iris(), 'sweep', {
      ...setosa,
      widths: [4, 8],
      seeds: 1,
      steps: 60,
      rateSteps: 8,
      noise: 0,
    });
    const narrow = record.verdicts.filter(({ remedy }) => remedy !== undefined);
    assert.ok(narrow.length > 0);
    for (const { verdict, sentence, remedy } of narrow) {
      assert.equal(verdict, 'not tested');
      assert.match(sentence, /^Width \d is too small for the prediction.* Measured: /);
      assert.ok(Math.max(...(remedy!.settings.widths as number[])) === 4096);
    }
    assert.deepEqual(
      record.verdicts.filter(({ verdict }) => verdict === 'disagrees').map(({ id }) => id),
      [],
    );
  });

  it('width sweep: deep, smooth networks in standard parametrisation have no infinite-width limit to compare with', async () => {
    const { result } = await run(iris(), 'sweep', {
      ...setosa,
      maxRows: 20,
      widths: [16, 32],
      seeds: 1,
      steps: 20,
      rateSteps: 5,
      noise: 0,
      parametrization: 'standard',
      activation: 'erf',
      hiddenLayers: 2,
      start: 'centered',
    });
    assert.deepEqual(
      [result.setting.parametrization, result.setting.activation, result.setting.hiddenLayers, result.limit],
      ['standard', 'erf', 2, null],
    );
    assert.ok(result.cells.every(({ loss }) => loss[loss.length - 1] < loss[0]));
  });

  it('width sweep: a stop keeps what is finished', async () => {
    let cells = 0;
    const heard: LabProgress[] = [];
    const control = {
      shouldStop: () => (cells = heard.filter((progress) => progress.cell).length) >= 2,
      now: () => running.now(),
    };
    const record = await run(
      iris(),
      'sweep',
      { ...setosa, widths: [16, 64], seeds: 2, steps: 20, rateSteps: 5 },
      control,
      heard,
    );
    assert.equal(record.status, 'cancelled');
    assert.equal(record.result.cells.length, 2);
    assert.equal(cells, 2);
    await assert.rejects(
      run(iris(), 'sweep', setosa, { shouldStop: () => true, now: () => running.now() }),
      TrainStopped,
    );
  });

  it('contrast: the numbers of the convex network are those of its neurons', async () => {
    const { result, verdicts } = await run(iris(), 'contrast', { ...setosa, width: 256, steps: 200 });
    assert.equal(result.wide.displacement.length, 256);
    assert.equal(result.wide.moved, result.wide.displacement.filter((value) => value >= result.movedFrom).length);
    const sum = result.convex.sizes.reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(result.convex.norm - sum) < 1e-12 * sum);
    // Objective = datafit + beta * norm of the balanced network.
    const objective = result.convex.datafit + result.convex.beta * sum;
    assert.ok(Math.abs(objective - result.convex.objective) < 1e-5 * objective);
    assert.equal(verdicts[1].verdict, 'agrees');
    assert.equal(result.measure, 'error rate');
    assert.ok(result.wide.curve.loss.at(-1)! < result.wide.curve.loss[0]);
  });

  it('training: every rule on every width from every start, trained on as if not interrupted, stopped with what is there', async () => {
    const work = createLab(iris(), nodeSessionDeps());
    const base = { ...defaultLabSettings.mlp, ...setosa, widths: [6, 12], seeds: 2, hiddenLayers: 2, batchSize: 8 };
    const train = async (
      changes: Partial<LabSettings['mlp']>,
      resume: boolean,
      control = running,
      on = work,
    ): Promise<LabRecordOf<'mlp'>> => {
      const settings = {
        ...base,
        ...changes,
        rules: [...(changes.rules ?? base.rules)],
        widths: [...(changes.widths ?? base.widths)],
      };
      const record = await on.run({ page: 'mlp', settings, resume }, () => undefined, control);
      return record as LabRecordOf<'mlp'>;
    };
    const ends = (record: LabRecordOf<'mlp'>): unknown[] =>
      record.result.runs.map((run) => ({ ...run, seconds: 0, curve: run.curve.loss.at(-1) }));
    const whole = await train({ epochs: 40 }, false, running, createLab(iris(), nodeSessionDeps()));
    assert.equal(whole.result.runs.length, 16);
    assert.equal(new Set(whole.result.runs.map(({ rule, width, seed }) => `${rule} ${width} ${seed}`)).size, 16);
    for (const run of whole.result.runs) {
      assert.equal(run.epochs, 40);
      assert.ok(run.loss < run.curve.loss[0] && run.train <= 1 && run.test !== null);
      assert.equal(run.curve.test.length, run.curve.loss.length);
      if (run.outcome === 'finished') assert.equal(run.curve.test.at(-1), run.test);
      assert.equal(run.parameters, 5 * run.width + run.width * (run.width + 1) + run.width);
    }
    await train({ epochs: 15, widths: [6] }, false);
    assert.deepEqual(ends(await train({ epochs: 40 }, true)), ends(whole));

    // Stopped while going on: what had been trained before is all there.
    let begun = false;
    const soon = { ...running, shouldStop: () => begun };
    const stopping = work.run(
      { page: 'mlp', settings: { ...base, rules: [...base.rules], epochs: 4000 }, resume: true },
      ({ message }) => (begun ||= message.includes('width 6, start 2')),
      soon,
    );
    const stopped = (await stopping) as LabRecordOf<'mlp'>;
    assert.equal(stopped.status, 'cancelled');
    assert.equal(stopped.result.runs.length, 16);
    assert.ok(stopped.result.runs.every((run) => run.epochs >= 40));
    assert.ok(
      stopped.result.runs.some((run) => run.epochs === 4000) && stopped.result.runs.some((run) => run.epochs === 40),
    );
    assert.match(stopped.result.sentence, /16 of 16 networks trained/);

    const given = await train({ epochs: 5, rules: ['sgd'], sgdRate: 0.02 }, false);
    assert.ok(given.result.runs.every((run) => run.outcome === 'finished' && run.learningRate === 0.02 && !run.chosen));
    await assert.rejects(train({}, false, { ...running, shouldStop: () => true }), TrainStopped);
  });

  it('gradient flow: orthogonally separable rows have the margin of their two support vector machines', async () => {
    // u+ and u- are the rows themselves over their squared norms: value 1/|x| + 1/|z|.
    const record = await run(memorySource('x,z,target\n1,2,a\n2,-1,b\n'), 'flow', { standardize: false });
    assert.equal(record.result.report.theorem, 'orthogonal-separable');
    assert.ok(Math.abs(record.result.margin!.value! - 2 / Math.sqrt(5)) < 1e-6);
    assert.ok(record.result.margin!.relativeGap! < 1e-6);
    // The theorem: every run that converges is global; and no certificate contradicts the program.
    const ends = record.verdicts.find((verdict) => verdict.id === 'flow-ends')!;
    assert.equal(ends.verdict, 'agrees', ends.sentence);
    for (const { certificate, drift } of record.result.runs) {
      assert.equal(certificate.verdict, 'global', certificate.sentence);
      assert.ok(certificate.primal! >= record.result.margin!.value! - 1e-9);
      assert.ok(certificate.bound <= record.result.margin!.value! + 1e-6);
      assert.ok(drift.at(-1)! < 1e-2);
    }
    assert.equal(record.verdicts.find((verdict) => verdict.id === 'max-margin')!.verdict, 'agrees');
  });

  it('gradient flow: inserts suggested neurons, trains on, and leaves runs that are global as they are', async () => {
    const lab = createLab(memorySource('x,z,t\n1,0,b\n-0.28,0.96,b\n-1,-1,a\n'), nodeSessionDeps());
    const settings = { ...defaultLabSettings.flow, standardize: false, neurons: 6, seeds: 2, seed: 2 };
    const ask = async (insert: boolean, control = running): Promise<LabRecordOf<'flow'>> =>
      (await lab.run({ page: 'flow', settings, insert }, () => undefined, control)) as LabRecordOf<'flow'>;
    await assert.rejects(ask(true), LabRefusal);
    const [spurious, global] = (await ask(false)).result.runs;
    assert.equal(spurious.certificate.verdict, 'kkt-not-global');
    assert.equal(global.certificate.verdict, 'global');
    const record = await ask(true);
    const [better, same] = record.result.runs;
    assert.deepEqual(same, global);
    assert.deepEqual(better.before, [{ value: spurious.certificate.primal, loss: spurious.loss.at(-1) }]);
    assert.equal(better.neurons, spurious.neurons + 1);
    assert.equal(better.certificate.verdict, 'global');
    assert.ok(Math.abs(better.certificate.primal! / record.result.margin!.value! - 1) < 2e-3);
    assert.equal(record.verdicts.find(({ id }) => id === 'insertion')!.verdict, 'agrees');
  });

  it('gradient flow: says that rows cannot be separated', async () => {
    const record = await run(memorySource('x,z,target\n1,2,a\n1,2,b\n2,-1,b\n'), 'flow', { standardize: false });
    assert.equal(record.result.margin!.status, 'not-separable');
    assert.equal(record.result.margin!.value, null);
    assert.deepEqual(record.result.report.conflicts[0].rows, [0, 1]);
    assert.match(record.verdicts.find((v) => v.id === 'max-margin')!.sentence, /No two-layer ReLU network separates/);
  });

  it('a stop within the max-margin program says what is known, and draws nothing', async () => {
    for (const page of ['flow', 'geometry'] as const) {
      const heard: LabProgress[] = [];
      const control = {
        shouldStop: () => heard.some(({ message }) => message === 'Max-margin program'),
        now: () => running.now(),
      };
      const features = page === 'geometry' ? { features: ['petal_length_cm', 'petal_width_cm'] } : {};
      const record = await run(
        iris(),
        page,
        { positive: 'virginica', maxRows: 60, bias: false, ...features },
        control,
        heard,
      );
      assert.equal(record.status, 'cancelled');
      for (const { sentence } of record.verdicts) assert.doesNotMatch(sentence, /NaN|Infinity|undefined|null/);
      if (record.page === 'geometry') assert.equal(record.result.output, null);
      else assert.deepEqual(record.result.runs, []);
    }
  });

  const verdictOf = (record: LabRecordOf<'geometry'>, id: string): string =>
    record.verdicts.find((verdict) => verdict.id === id)!.verdict;

  it('geometry: neurons touch the supporting plane, over the circle and in the space of outputs', async () => {
    const record = await run(sampleSource('xor_2d.csv'), 'geometry', { maxRows: 12, bias: false });
    const { circle, neurons, output } = record.result;
    assert.ok(circle!.value.every((value) => Math.abs(value) <= 1 + 1e-9));
    const optimal = neurons.filter(({ of }) => of === 'optimal');
    assert.ok(optimal.length >= 2 && optimal.every((neuron) => Math.abs(neuron.constraint - 1) < 1e-3));
    for (const id of ['extreme-points', 'supporting-plane']) assert.equal(verdictOf(record, id), 'agrees');
    // Twelve rows seen along three directions: the last coordinate times |lambda| is the dual constraint.
    assert.deepEqual([output!.dimension, output!.exact, output!.columns], [3, false, 0]);
    neurons.forEach((neuron, i) => {
      const value = output!.neurons[i].reduce((s, x, k) => s + x * output!.normal[k], 0);
      assert.ok(Math.abs(Math.abs(value) - neuron.constraint) < 1e-9);
    });
    const rows = await run(memorySource('x,z,target\n1,2,a\n2,-1,b\n'), 'geometry', { standardize: false });
    assert.deepEqual([rows.result.output!.dimension, rows.result.output!.exact], [2, true]);
    assert.ok(rows.result.output!.corners.length >= 6);
    assert.deepEqual(rows.result.output!.axes, ['output at line 2', 'output at line 3']);
    // Orthogonal rows, one per class: the flow is promised the same extreme points.
    assert.equal(verdictOf(rows, 'flow-extreme-points'), 'agrees');
    assert.ok(rows.result.neurons.some(({ of }) => of === 'flow'));
  });

  it('geometry: three rows and three inputs in space, the hull closed and within the planes', async () => {
    const record = await run(memorySource('x,z,w,target\n2,1,0.3,a\n1,2,-0.2,a\n-1,-1,0.4,b\n'), 'geometry', {
      standardize: false,
    });
    const { output, sphere, margin } = record.result;
    assert.deepEqual([output!.dimension, output!.exact], [3, true]);
    margin.lambda.forEach((value, i) => assert.ok(Math.abs(value - output!.normal[i]) < 1e-12));
    const corners = output!.corners.length / 3;
    assert.equal(output!.faces.length / 3, 2 * corners - 4);
    let largest = 0;
    for (let i = 0; i < corners; i++) {
      const point = output!.corners.slice(3 * i, 3 * i + 3);
      assert.ok(point.every((x) => x >= 0));
      largest = Math.max(largest, Math.abs(point.reduce((s, x, k) => s + x * output!.normal[k], 0)));
    }
    // Supported: reached by a neuron, exceeded by nothing.
    assert.ok(Math.abs(largest - 1) < 1e-6, String(largest));
    assert.ok(sphere!.value.every((value) => Math.abs(value) <= 1 + 1e-6));
    assert.equal(sphere!.value.length % sphere!.columns, 0);
    for (const id of ['extreme-points', 'supporting-plane']) assert.equal(verdictOf(record, id), 'agrees');
    const many = await run(iris(), 'geometry', {
      ...setosa,
      maxRows: 20,
      features: ['petal_length_cm', 'petal_width_cm', 'sepal_width_cm'],
    });
    assert.deepEqual([many.result.output!.exact, many.result.output!.dimension], [false, 3]);
    assert.ok(many.result.sphere !== null && many.result.output!.faces.length > 0);
    assert.equal(verdictOf(many, 'extreme-points'), 'agrees');
  });

  it('refuses what cannot be done, and says what can', async () => {
    await assert.rejects(run(iris(), 'flow', {}), (error: unknown) => {
      assert.ok(error instanceof LabRefusal);
      assert.match(error.message, /has 3 classes .*"setosa".*name the one/);
      assert.deepEqual(
        [error.remedy, ...(error.others ?? [])].map((remedy) => remedy?.settings.positive),
        ['setosa', 'versicolor', 'virginica'],
      );
      return true;
    });
    await assert.rejects(run(iris(), 'kernel', { positive: 'rose' }), /no class "rose"/);
    const pair = { positive: 'setosa', negative: 'virginica' };
    await assert.rejects(run(iris(), 'kernel', { ...pair, negative: 'rose' }), /no class "rose"; it has "setosa"/);
    await assert.rejects(run(iris(), 'kernel', { ...pair, positive: '' }), /needs another one that becomes \+1/);
    const { data: one } = await run(iris(), 'kernel', { ...pair, maxRows: 0, widths: [8], seeds: 1 });
    assert.deepEqual([one.classes, one.lines.length], [['virginica', 'setosa'], 100]);
    await assert.rejects(run(sampleSource('diabetes.csv'), 'flow', { target: 'bmi' }), /needs two classes/);
    const remedy = async (work: Promise<unknown>): Promise<unknown> => {
      try {
        await work;
      } catch (error) {
        assert.ok(error instanceof LabRefusal, String(error));
        return error.remedy?.settings;
      }
      return assert.fail('not refused');
    };
    assert.deepEqual(await remedy(run(sampleSource('airfoil.csv'), 'kernel', { maxRows: 0 })), { maxRows: 500 });
    const fits = (await remedy(run(iris(), 'kernel', { ...setosa, widths: [64, 1_000_000], hiddenLayers: 3 }))) as {
      widths: number[];
    };
    assert.deepEqual(fits.widths, [64]);
    assert.deepEqual(await remedy(run(iris(), 'sweep', { ...setosa, widths: [7] })), { widths: [8] });
    const wide = (await remedy(run(iris(), 'mlp', { ...setosa, widths: [100_000] }))) as { widths: number[] };
    assert.ok(wide.widths[0] >= 4096 && wide.widths[0] < 100_000);
    assert.deepEqual(await remedy(run(sampleSource('diabetes.csv'), 'mlp', { loss: 'logistic' })), { loss: 'squared' });
    assert.deepEqual(await remedy(run(iris(), 'geometry', setosa)), {
      features: ['sepal_length_cm', 'sepal_width_cm'],
      bias: false,
    });
    // Columns of the file, where one of words is several inputs; and what is offered works.
    const gentoo = { positive: 'Gentoo', maxRows: 30, steps: 200 };
    const two = (await remedy(run(sampleSource('penguins.csv'), 'geometry', gentoo))) as typeof gentoo;
    const { data } = await run(sampleSource('penguins.csv'), 'geometry', { ...gentoo, ...two });
    assert.deepEqual(data.features, ['bill_length_mm', 'bill_depth_mm']);
  });
});
