import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { decodeBits } from '../../src/shared/bits.ts';
import { runOfJson } from '../../src/shared/runSchema.ts';
import type { TrainSettings } from '../../src/shared/settings.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { depthWords, tooFewTuples } from '../../src/shared/threeLayerWords.ts';
import { describeVerdict, plainFormat } from '../../src/shared/verdict.ts';
import { memorySource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

const settings: TrainSettings = {
  ...quickSettings,
  testFraction: 0,
  certifySeconds: 0.5,
  timeLimitSeconds: 60,
  arrangements: 'adaptive',
  beta: { kind: 'relative', value: 0.2 },
  compare: { ...quickSettings.compare, enabled: true, optimizers: ['adam'], seeds: 1, epochs: 60 },
};

async function train(csv: string, change: Partial<TrainSettings>): Promise<RunRecord> {
  return await testSession(memorySource(csv)).train({ ...settings, ...change }, listen(), running);
}

const close = (a: number, b: number, relative: number): void =>
  assert.ok(Math.abs(a - b) <= relative * Math.max(Math.abs(a), Math.abs(b), 1e-12), `${a} and ${b}`);

/** Two features, a target that one bend in each does not give. */
const plane = [
  'a,b,y',
  ...Array.from({ length: 14 }, (_, i) => {
    const a = Math.sin(1 + 2.1 * i);
    const b = Math.cos(2 + 1.3 * i);
    return `${a.toFixed(4)},${b.toFixed(4)},${(Math.abs(a) - Math.max(0, a + b) + 0.1 * Math.sin(7 * i)).toFixed(4)}`;
  }),
].join('\n');

describe('three-layer runs', () => {
  it('record branches whose sum is the prediction and whose norms are the penalty', async () => {
    const run = await train(plane, { model: 'three-layer', m1: 2 });
    assert.ok(run.deep?.kind === 'three-layer');
    const { deep, solution, rows, scaling } = run;
    assert.ok(deep.branches.length > 0);
    close(
      deep.branches.reduce((sum, { norm }) => sum + norm, 0),
      solution.penalty,
      1e-6,
    );
    close(deep.networkObjective.constraint, solution.objective, 1e-6);
    close(deep.networkObjective.cubic, solution.objective, 1e-6);
    // over beta: the branches of the network itself reach 1, and nothing found is above what is proven
    const { searchEstimate, maxDualConstraint } = solution.global!;
    assert.ok(Math.abs(searchEstimate - 1) < 1e-3, String(searchEstimate));
    assert.ok(maxDualConstraint >= searchEstimate * (1 - 1e-9));
    // the recorded weights, run here on inputs read from the file
    const lines = plane.split('\n').slice(1);
    let difference = 0;
    lines.forEach((line, i) => {
      const cells = line.split(',').map(Number);
      const x = [...scaling.inputs.map(({ mean, scale }, k) => (cells[k] - mean) / scale), 1];
      let f = 0;
      for (const { W1, w2, w3, first, second, blocks, blockNorms } of deep.branches) {
        let h = 0;
        blocks.forEach((_, j) => {
          const z = W1.reduce((sum, row, k) => sum + row[j] * x[k], 0);
          h += Math.max(0, z) * w2[j];
          if (blockNorms[j] > 0 && Math.abs(z) > 1e-7)
            assert.equal(decodeBits(first[j], lines.length)[i], z > 0 ? 1 : 0);
        });
        if (Math.abs(h) > 1e-7) assert.equal(decodeBits(second, lines.length)[i], h > 0 ? 1 : 0);
        f += Math.max(0, h) * w3;
      }
      difference = Math.max(difference, Math.abs(f * scaling.target.scale + scaling.target.mean - rows.prediction[i]));
    });
    assert.ok(difference < 1e-8, String(difference));
    for (const { features } of deep.branches) {
      for (const shares of features) {
        const sum = shares.reduce((a, b) => a + b, 0);
        assert.ok(sum === 0 || Math.abs(sum - 1) < 1e-9);
      }
    }
  });

  it('keep every run of descent above the proven bound and never refine it upwards', async () => {
    const run = await train(plane, { model: 'three-layer', m1: 2 });
    assert.ok(run.deep?.kind === 'three-layer');
    const { descentRuns = [], landscape = [], twoLayer, budget = [] } = run.deep;
    // a record of an earlier version has them under another name
    const { descentRuns: same, ...deep } = run.deep;
    const read = runOfJson(JSON.parse(JSON.stringify({ ...run, deep: { ...deep, rivals: same } })));
    assert.ok('run' in read && read.run.deep?.kind === 'three-layer', JSON.stringify(read).slice(0, 200));
    assert.deepEqual(read.run.deep.descentRuns, descentRuns);
    const bound = run.solution.global?.lowerBound ?? -Infinity;
    assert.deepEqual(
      descentRuns.map(({ K }) => K),
      [1, 2, 4, 8],
    );
    for (const { objective, merged, final, harvested } of descentRuns) {
      for (const value of objective) assert.ok(value >= bound * (1 - 1e-9), `${value} below ${bound}`);
      assert.ok(merged <= final * (1 + 1e-9));
      assert.ok(harvested === null || harvested <= merged * (1 + 1e-9));
    }
    for (const { size, value } of landscape) assert.equal(value.length, size * size);
    assert.ok(twoLayer !== undefined && twoLayer.shape?.kind === 'surface');
    for (let i = 1; i < budget.length; i++) assert.ok(budget[i].tuples >= budget[i - 1].tuples);
  });

  it('are never above gradient descent: tuples of networks below them are taken over and stay for other betas', async () => {
    const session = testSession(memorySource(plane));
    const few: TrainSettings = {
      ...settings,
      model: 'three-layer',
      m1: 2,
      arrangements: 'sampled',
      gates: 2,
      timeLimitSeconds: 60,
      compare: { ...settings.compare, epochs: 400 },
    };
    const run = await session.train(few, listen(), running);
    assert.ok(run.deep?.kind === 'three-layer' && run.compare !== undefined);
    const { objective } = run.solution;
    const ends = [
      ...run.compare.runs.map(({ merged }) => merged),
      ...(run.deep.descentRuns ?? []).flatMap(({ merged, harvested }) => [merged, harvested ?? merged]),
    ];
    assert.ok(ends.length > 4);
    for (const end of ends) assert.ok(objective <= end * (1 + 1e-9), `${objective} above ${end}`);
    assert.ok(run.deep.harvested! > 0 && run.deep.tuples === 2 + run.deep.harvested!);
    assert.equal(run.deep.prices.length, run.deep.tuples);
    // every branch belongs to a tuple in play, and only tight ones have any
    for (const { tuple } of run.deep.branches) assert.ok(tuple >= 0);
    run.gates.norm.forEach((norm, t) => {
      if (norm > 0) close(run.gates.constraint[t], 1, 1e-4);
    });
    assert.ok(run.gates.norm.some((norm) => norm > 0));
    assert.ok(run.notes.some((note) => /Gradient descent reached .* below .* solved again/.test(note)));
    assert.equal(run.compare.convexObjective, objective);
    for (const { merged, excess } of run.compare.runs) close(excess, (merged - objective) / objective, 1e-6);
    // what they gave stays in play when beta moves
    const next = await session.resolve(0.9 * run.resolved.beta, { final: false }, listen(), running);
    assert.ok(next.deep?.kind === 'three-layer' && next.deep.harvested! > 0);
    assert.ok(next.solution.objective <= objective);
  });

  it('say so when search finds a branch that the sampled tuples lack', async () => {
    const run = await train(plane, {
      model: 'three-layer',
      m1: 2,
      arrangements: 'sampled',
      gates: 1,
      compare: { ...settings.compare, enabled: false },
    });
    const { searchEstimate, lowerBound } = run.solution.global!;
    assert.ok(searchEstimate > 1.01 && lowerBound < run.solution.objective);
    const { headline, because, strength } = describeVerdict(run);
    assert.ok(strength === 'gates' || strength === 'bounded', strength);
    assert.match(`${headline} ${because}`, /better branch exists.*gains [\d.]+ beta and costs 1 beta; choose adaptive/);
    assert.ok(run.deep?.kind === 'three-layer');
    const few = tooFewTuples(run, run.deep);
    const lower = 1 - run.deep.twoLayer!.objective / run.solution.objective;
    assert.ok(lower > 0);
    assert.match(few ?? '', new RegExp(`two-layer network .* ${plainFormat.percent(lower)} lower, and search found`));
    const adaptive = await train(plane, {
      model: 'three-layer',
      m1: 2,
      compare: { ...settings.compare, enabled: false },
    });
    assert.ok(adaptive.deep?.kind === 'three-layer');
    assert.equal(tooFewTuples(adaptive, adaptive.deep), null);
    // two layers against three in words, checked against the numbers
    const two = adaptive.deep.twoLayer!;
    const gain = 1 - adaptive.solution.objective / two.objective;
    const words = depthWords(adaptive, adaptive.deep, two);
    const subtracting = adaptive.deep.branches.filter(({ w2 }) => w2.some((w) => w < 0)).length;
    if (gain > 1e-6)
      assert.ok(words.includes(`by ${plainFormat.percent(gain)}`) && words.includes(`${subtracting} of`));
    else assert.match(words, subtracting > 0 ? /as much is reached without/ : /No branch subtracts/);
    assert.ok(adaptive.solution.objective < run.solution.objective);
    assert.doesNotMatch(describeVerdict(adaptive).because, /better branch exists/);
  });

  it('refuse an m1 or a loss that does not fit, with the reason', async () => {
    await assert.rejects(train(plane, { model: 'three-layer', m1: 17 }), /m1.*1 to 16/);
    await assert.rejects(train(plane, { model: 'three-layer', m1: 4, arrangements: 'all' }), /\d/);
    await assert.rejects(train(plane, { model: 'three-layer', bias: 'free' }), /bias/);
  });
});

describe('linear runs', () => {
  it('have aligned layers of rank one and equal norm for one output', async () => {
    const run = await train(plane, { model: 'linear', depth: 3, beta: { kind: 'relative', value: 0.3 } });
    assert.ok(run.deep?.kind === 'linear');
    const [layers] = run.deep.layers;
    assert.equal(layers.length, 3);
    for (const { rankOneRatio, alignment, frobenius } of layers) {
      assert.ok(rankOneRatio < 1e-10);
      assert.ok(alignment === null || alignment > 1 - 1e-10);
      close(frobenius, layers[0].frobenius, 1e-9);
    }
    assert.ok(run.deep.threshold.jump !== null && run.deep.threshold.jump > 0);
    assert.ok(run.deep.training !== undefined && run.deep.training.length > 1);
    for (const { objective } of run.deep.training) assert.ok(objective >= run.solution.dualBound - 1e-9);
    assert.ok(run.deep.gap.every(({ primal, dual }) => primal >= dual * (1 - 1e-12)));
  });

  it('build the parallel branches that close the gap of serial networks, and run them', async () => {
    const lines = Array.from({ length: 18 }, (_, i) =>
      [Math.sin(2.1 * i), Math.cos(1.7 * i), 'pqr'[Math.floor((i * 7) / 5) % 3]].join(),
    );
    const run = await train(['a,b,label', ...lines].join('\n'), {
      model: 'linear',
      depth: 3,
      target: 'label',
      loss: 'squared',
      beta: { kind: 'relative', value: 0.1 },
    });
    assert.ok(run.deep?.kind === 'linear');
    for (const { primal, dual, built } of run.deep.gap) {
      assert.ok(built !== undefined && built.fitError < 1e-9);
      close(built.serial, primal, 1e-9);
      close(built.parallel, dual, 1e-9);
      close(built.dual, dual, 1e-9);
    }
    const open = run.deep.gap.find(({ depth }) => depth === 3)!;
    assert.ok(open.primal > 1.01 * open.dual);
    close(run.deep.parallel!.objective, run.deep.parallel!.dualBound, 1e-5);
  });

  it('are zero from the recorded threshold on and not before', async () => {
    const at = async (value: number): Promise<RunRecord> =>
      await train(plane, { model: 'linear', depth: 3, beta: { kind: 'relative', value } });
    const sizeOf = (run: RunRecord): number =>
      run.deep?.kind === 'linear' ? Math.max(...run.deep.map.flat().map(Math.abs)) : NaN;
    assert.equal(sizeOf(await at(1.0001)), 0);
    assert.ok(sizeOf(await at(0.9999)) > 1e-3);
  });

  it('refuse a bias, loss or depth that does not fit', async () => {
    await assert.rejects(train(plane, { model: 'linear', bias: 'free' }), /bias/);
    await assert.rejects(train(plane, { model: 'linear', depth: 65 }), /2 to 64/);
  });
});

describe('structure of the data', () => {
  /** Unit weights of the target, one feature, repeated abscissae; two of them disagree. */
  const line = 'x,y\n0,0\n1,1\n1,3\n2,1\n3,0.5\n4,2\n4,2\n5,4\n6,5\n7,3\n8,2.5\n9,1\n10,0\n';

  it('holds the one-feature spline with kinks at data points, its dual curve and its limits', async () => {
    const run = await train(line, { target: 'y', model: 'relu' });
    const spline = run.structure?.splines?.[0];
    assert.ok(spline !== undefined && spline.regularized !== null);
    assert.ok(spline.kinks.length > 0);
    for (const { at } of spline.kinks) assert.ok(Math.abs(at - Math.round(at)) < 1e-9, `${at} is no data point`);
    assert.ok(spline.kinkDistance < 1e-9);
    assert.ok(spline.objective >= spline.dualBound && spline.objective - spline.dualBound < 1e-8 * spline.objective);
    assert.ok(spline.objective <= spline.regularized.objective * (1 + 1e-9));
    const values = [...spline.dual.right, ...spline.dual.left];
    for (const value of values) assert.ok(Math.abs(value) <= 1 + 1e-9);
    assert.ok(Math.max(...values.map(Math.abs)) > 1 - 1e-6);
    assert.deepEqual(spline.repeated, { abscissae: 2, conflicting: 1 });
    // slope changes add up between the outer slopes of the drawn fit
    const { x, free } = spline;
    const last = x.length - 1;
    const slope = (i: number): number => (free[i + 1] - free[i]) / (x[i + 1] - x[i]);
    close(
      slope(last - 1) - slope(0),
      spline.kinks.reduce((sum, { change }) => sum + change, 0),
      1e-6,
    );
    // interpolation through the means: slopes 2, -1, -0.5, 1.5, 2, 1, -2, -0.5, -1.5, -1
    close(spline.interpolation?.norm ?? NaN, 3 + 0.5 + 2 + 0.5 + 1 + 3 + 1.5 + 1 + 0.5, 1e-9);
    const form = run.structure?.forms.find(({ id }) => id === 'one-feature');
    assert.ok(form?.applies === true && form.difference !== undefined && form.difference < 1e-6);
  });

  it('holds the spline of the log-odds of two classes, checked by the solver, with no limit where the classes separate', async () => {
    const overlapping = ['x,kind', ...[...'aabababbbab'].map((kind, i) => `${100 + 2 * i},${kind}`)].join('\n');
    const run = await train(overlapping, { target: 'kind', model: 'relu' });
    const form = run.structure?.forms.find(({ id }) => id === 'one-feature');
    assert.ok(form?.applies === true && form.difference !== undefined && form.difference < 1e-6);
    const [spline, ...others] = run.structure?.splines ?? [];
    assert.equal(others.length, 0);
    assert.deepEqual([spline.loss, spline.output], ['logistic', 'b']);
    close(spline.objective, form.objective!, 1e-9);
    assert.ok(spline.kinks.length > 0);
    for (const { at } of spline.kinks)
      assert.ok(Math.abs(at / 2 - Math.round(at / 2)) < 1e-9, `${at} is no data point`);
    assert.ok(spline.objective >= spline.dualBound && spline.objective - spline.dualBound < 1e-8 * spline.objective);
    for (const value of [...spline.dual.right, ...spline.dual.left]) assert.ok(Math.abs(value) <= 1 + 1e-9);
    // every value has rows of one class only
    assert.equal(spline.interpolation, null);
    assert.deepEqual([...new Set(spline.points.y)].sort(), [-1, 1]);
  });

  it('holds a spline for every class where the loss allows it, and says why where it does not', async () => {
    const three = ['x,kind', ...[...'aaabacbbbcbccac'].map((kind, i) => `${i},${kind}`)].join('\n');
    const logistic = await train(three, { target: 'kind', model: 'relu', loss: 'logistic' });
    assert.deepEqual(
      logistic.structure?.splines?.map(({ output }) => output),
      ['a', 'b', 'c'],
    );
    const form = logistic.structure?.forms.find(({ id }) => id === 'one-feature');
    assert.ok(form?.applies === true && form.difference !== undefined && form.difference < 1e-6);
    const softmax = await train(three, { target: 'kind', model: 'relu' });
    assert.equal(softmax.structure?.splines, undefined);
    assert.ok(softmax.structure?.notes.some((note) => /softmax.*couples.*logistic loss/.test(note)));
    assert.match(softmax.structure?.forms.find(({ id }) => id === 'one-feature')?.reason ?? '', /couples/);
  });

  it('checks closed forms against the solver', async () => {
    // without a bias and as they stand, multiples of (1, 2) of one sign: rank one and spike-free
    const multiples = [1, 2, 3, 4, 5, 6];
    const csv = ['a,b,y', ...multiples.map((c, i) => `${c},${2 * c},${[1, 3, 2, 5, 4, 7][i]}`)].join('\n');
    const run = await train(csv, { model: 'relu', bias: 'none', standardize: false, target: 'y' });
    const forms = new Map(run.structure?.forms.map((form) => [form.id, form]));
    for (const id of ['rank-one', 'spike-free'] as const) {
      const form = forms.get(id);
      assert.ok(form?.applies === true, id);
      assert.ok(form.difference !== undefined && form.difference < 1e-6, `${id}: ${form.difference}`);
    }
    close(forms.get('rank-one')!.objective!, run.solution.objective, 1e-6);
    assert.equal(forms.get('whitened')?.applies, false);
  });

  it('holds class means of inputs, network and closed form', async () => {
    const csv = [
      'a,b,class',
      ...Array.from({ length: 15 }, (_, i) => {
        const angle = ((i % 3) * 2 * Math.PI) / 3 + 0.4 * Math.sin(5 * i);
        return `${Math.cos(angle).toFixed(3)},${Math.sin(angle).toFixed(3)},${['p', 'q', 'r'][i % 3]}`;
      }),
    ].join('\n');
    const run = await train(csv, { model: 'linear', depth: 2, target: 'class', loss: 'squared' });
    const records = run.structure?.collapse ?? [];
    assert.deepEqual(
      records.map(({ source }) => source),
      ['inputs', 'network', 'batch-norm'],
    );
    for (const { cosines } of records) cosines.forEach((row, a) => close(row[a], 1, 1e-9));
    const closed = records[2];
    assert.ok(closed.deviation < 1e-9 && Math.abs(closed.simplexCosine + 0.5) < 1e-12);
  });
});
