import { createRng } from '../../src/core/base/rng.ts';
import type {
  CompareRecord,
  DualLandscape,
  GateRecord,
  GradientRun,
  MetricRow,
  NeuronRecord,
  PathRecord,
  RunRecord,
  ShapeRecord,
  TracePoint,
} from '../../src/shared/run.ts';
import { defaultSettings } from '../../src/shared/settings.ts';
import type { Task } from '../../src/shared/settings.ts';

/** What a made-up run looks like. Everything that is not given is drawn from the seed. */
export interface FixtureOptions {
  readonly name: string;
  readonly rows: number;
  readonly features: number;
  readonly neurons: number;
  readonly gates: number;
  readonly task?: Task;
  readonly classes?: readonly string[];
  readonly seed?: number;
  readonly longNames?: boolean;
  readonly shape?: 'curve' | 'surface';
  readonly proof?: 'exact' | 'bound' | 'none' | 'absent';
  readonly path?: boolean;
  readonly compare?: boolean;
  readonly model?: 'relu' | 'gated-relu';
  /** What is known about other optima, the neurons by turns in every one, replaceable, unknown; left out as in older runs. */
  readonly optimalSet?: 'proven' | 'found';
}

/** Names as files have them: long, with pictures, from right to left, without spaces. */
const longNames: readonly ((k: number) => string)[] = [
  (k) =>
    `a very long column name number ${k} as exported by a spreadsheet: average measured value per unit (µmol/L, corrected)`,
  (k) => `${'🌡️🧪'.repeat(12)} ${k}`,
  (k) => `متوسط القيمة المقاسة لكل وحدة بعد التصحيح في المختبر خلال اليوم التالي رقم ${k}`,
  (k) => `${'在实验室第二天测得并经过校正的每单位平均值'.repeat(3)}${k}`,
  (k) => `${'LC50_48h_mg_per_L_corrected_'.repeat(3)}${k}`,
];

const presences = ['every', 'not every', 'unknown'] as const;

/**
 * A run of the right shape and consistent in itself (counts, bits, sums, bounds), with made-up numbers: it exercises the panel
 * at sizes and with features that no quick training has. Recorded runs are in `test/fixtures/runs`.
 */
export function makeRun(options: FixtureOptions): RunRecord {
  const { rows: n, features: d, neurons: m, gates: p, task = 'regression', seed = 1, model = 'relu' } = options;
  const rng = createRng(seed);
  const classes = task === 'regression' ? [] : (options.classes ?? ['no', 'yes']);
  const outputs = task === 'multiclass' ? classes.length : 1;
  const names = Array.from({ length: d }, (_, k) =>
    options.longNames ? longNames[k % longNames.length](k + 1) : `feature ${k + 1}`,
  );
  const X = Array.from({ length: n }, () => Array.from({ length: d }, () => rng.normal()));

  const made = Array.from({ length: m }, (_, id) => {
    const weights = names.map(() => rng.normal());
    const bias = rng.normal() * 0.5;
    const size = Math.hypot(...weights, bias);
    const norm = 2 * Math.exp(-id / Math.max(2, m / 4)) * (0.6 + rng.uniform());
    const balanced = weights.map((w) => (w / size) * Math.sqrt(norm));
    const sign: 1 | -1 = rng.uniform() < 0.5 ? 1 : -1;
    const output = outputs > 1 ? id % outputs : 0;
    const outer = Array.from({ length: outputs }, (_, k) => (k === output ? sign * Math.sqrt(norm) : 0));
    return { id, weights: balanced, bias: (bias / size) * Math.sqrt(norm), sign, output, outer, norm };
  });
  const prediction = new Float64Array(n * outputs);
  const contribution = new Float64Array(m);
  const bits = made.map(() => Buffer.alloc((n + 7) >> 3));
  const onCount = new Int32Array(m);
  X.forEach((x, row) => {
    made.forEach((neuron, j) => {
      const z = neuron.weights.reduce((sum, w, k) => sum + w * x[k], neuron.bias);
      if (z < 0) return;
      bits[j][row >> 3] |= 1 << (row & 7);
      onCount[j] += 1;
      prediction[row * outputs + neuron.output] += z * neuron.outer[neuron.output];
      contribution[j] += (z * neuron.outer[neuron.output]) ** 2;
    });
  });
  const fitTotal = contribution.reduce((sum, c) => sum + Math.sqrt(c), 0) || 1;
  const target = Array.from({ length: n }, (_, row) => {
    if (task === 'regression') return 50 + 10 * (prediction[row] + 0.4 * rng.normal());
    if (task === 'binary') return prediction[row] + 0.8 * rng.normal() >= 0 ? 1 : 0;
    const logits = Array.from(prediction.subarray(row * outputs, (row + 1) * outputs), (v) => v + 0.8 * rng.normal());
    return logits.indexOf(Math.max(...logits));
  });
  const shown = Array.from(prediction, (v) => (task === 'regression' ? 50 + 10 * v : v));
  const split = Array.from({ length: n }, (_, row) => (n > 4 && row % 5 === 4 ? 1 : 0));
  const train = split.flatMap((s, row) => (s === 0 ? [row] : []));
  const dual = train.flatMap((row) =>
    Array.from({ length: outputs }, (_, k) => {
      const f = prediction[row * outputs + k];
      if (task === 'regression') return (target[row] - 50) / 10 - f;
      const y = task === 'binary' ? 2 * target[row] - 1 : target[row] === k ? 1 : -1;
      return y / (1 + Math.exp(y * f));
    }),
  );
  const onLine = (row: number): number => row + 2;

  const neurons: NeuronRecord[] = made.map((neuron, j) => ({
    ...neuron,
    gate: j < p ? j : -1,
    share: Math.sqrt(contribution[j]) / fitTotal,
    original: {
      weights: neuron.outer.map((outer) => neuron.weights.map((w, k) => (w * outer * 10) / (k + 1))),
      offset: neuron.outer.map((outer) => neuron.bias * outer * 10),
    },
    on: bits[j].toString('base64'),
    onCount: onCount[j],
    ...(options.optimalSet === undefined ? {} : { presence: presences[j % presences.length] }),
  }));
  const norms = Array.from({ length: p }, (_, i) => (i < m ? neurons[i].norm : 0));
  const gates: GateRecord = {
    count: p,
    requested: p + Math.floor(p / 10),
    duplicates: Math.floor(p / 10),
    norm: norms,
    constraint: Array.from({ length: p }, (_, i) => (i < m ? 1 - 1e-8 * rng.uniform() : 0.999 * rng.uniform() ** 0.4)),
    onCount: Array.from({ length: p }, (_, i) => (i < m ? onCount[i] : rng.integer(n + 1))),
  };

  const betaMax = 12.5 * Math.sqrt(n);
  const beta = 0.1 * betaMax;
  const penalty = norms.reduce((a, b) => a + b, 0);
  const datafit =
    task === 'regression' ? dual.reduce((sum, v) => sum + v * v, 0) / 2 : dual.reduce((s, v) => s + Math.abs(v), 0);
  const objective = datafit + beta * penalty;
  const gap = 3.2e-7;
  const proof = options.proof ?? 'exact';
  const global =
    proof === 'absent'
      ? undefined
      : {
          proof,
          lowerBound:
            proof === 'exact' ? objective * (1 - 4e-7) : proof === 'bound' ? objective * 0.968 : 0.4 * objective,
          relativeGap: proof === 'exact' ? 4e-7 : proof === 'bound' ? 0.032 : 0.6,
          maxDualConstraint: proof === 'exact' ? 1 + 2e-7 : proof === 'bound' ? 1.034 : 1.6,
          searchEstimate: 1 + 1e-8,
          cells: proof === 'exact' ? 2 * n : undefined,
          worstDirection: Array.from({ length: d + 1 }, () => rng.normal() / Math.sqrt(d + 1)),
          reason:
            proof === 'exact'
              ? `All ${2 * n} activation patterns of the data were enumerated and none improves the network.`
              : proof === 'bound'
                ? 'Branch and bound stopped at its time budget; the bound holds for every activation pattern.'
                : 'Enumeration is out of reach and the bound that needs none is loose.',
        };

  const trace: TracePoint[] = Array.from({ length: 24 }, (_, i) => ({
    seconds: 0.01 * (i + 1) ** 1.3,
    iteration: i + 1,
    objective: objective * (1 + 2 * Math.exp(-0.6 * i)),
    dualBound: objective * (1 - gap - 0.9 * Math.exp(-0.65 * i)),
    active: Math.max(m, Math.round(m + 30 * Math.exp(-0.4 * i))),
  }));
  const measure = task === 'regression' ? 'RMSE' : 'accuracy';
  const scoreTrain = task === 'regression' ? 4.1 : 0.93;
  const scoreTest = split.includes(1) ? (task === 'regression' ? 4.62 : 0.9) : null;
  const metrics: MetricRow[] = [
    {
      model: 'convex ReLU network',
      measure,
      train: scoreTrain,
      test: scoreTest,
      higherIsBetter: task !== 'regression',
    },
    {
      model: task === 'regression' ? 'ridge regression' : 'logistic regression',
      measure,
      train: task === 'regression' ? 6.3 : 0.85,
      test: scoreTest === null ? null : task === 'regression' ? 6.48 : 0.84,
      higherIsBetter: task !== 'regression',
    },
    {
      model: task === 'regression' ? 'mean' : 'majority class',
      measure,
      train: task === 'regression' ? 11.2 : 0.6,
      test: scoreTest === null ? null : task === 'regression' ? 11.4 : 0.58,
      higherIsBetter: task !== 'regression',
    },
  ];
  const path: PathRecord = {
    betaMax,
    measure,
    complete: true,
    points: Array.from({ length: 20 }, (_, i) => {
      const share = 10 ** ((-2 * i) / 19);
      return {
        beta: betaMax * share,
        objective: objective * (0.2 + share),
        relativeGap: 1e-7,
        active: Math.round(m * 1.5 * (i / 19) ** 1.4),
        norm: 10 * (1 - share),
        train: task === 'regression' ? 4 + 7 * share : 0.95 - 0.35 * share,
        test:
          scoreTest === null
            ? null
            : task === 'regression'
              ? 4.5 + 7 * share + 0.01 * i ** 1.5
              : 0.92 - 0.35 * share - 0.0005 * i ** 1.5,
        seconds: 0.02,
      };
    }),
  };
  const runs: GradientRun[] = (['sgd', 'momentum', 'adam'] as const).flatMap((optimizer, k) =>
    [1, 2, 3].map((s): GradientRun => {
      const end = [0.09, 0.012, 0.0004][k] * (0.5 + rng.uniform());
      const epochs = Array.from({ length: 150 }, (_, i) => Math.round(1000 ** (i / 149) * (i + 1) ** 0.01) + i);
      const curve = epochs.map((e) => objective * (1 + end + 4 * Math.exp(-e / [160, 60, 25][k])));
      return {
        optimizer,
        seed: s,
        learningRate: [0.003, 0.001, 0.01][k],
        epochs,
        seconds: epochs.map((e) => 0.0021 * e * (1 + 0.1 * k)),
        objective: curve,
        final: curve[curve.length - 1],
        merged: objective * (1 + end),
        excess: end,
        active: m + 4 * (3 - k),
        train: scoreTrain * (task === 'regression' ? 1 + end : 1 - end / 4),
        test: scoreTest === null ? null : scoreTest * (task === 'regression' ? 1 + end : 1 - end / 4),
        diverged: false,
      };
    }),
  );
  const compare: CompareRecord = {
    measure,
    width: Math.max(20, 2 * m),
    convexObjective: objective,
    lowerBound: proof === 'absent' || proof === 'none' ? null : global!.lowerBound,
    runs,
    complete: true,
  };
  const shape = options.shape && makeShape(options.shape, X, target, split, made, names, classes, task);
  return {
    format: 'convexnet-run/1',
    id: `${options.name.replace(/\W/g, '-')}-${seed}`,
    label: `${options.name} · target · β ${beta.toPrecision(3)} · ${m} neurons`,
    createdAt: '2026-03-01T12:00:00.000Z',
    version: '0.1.0',
    dataset: {
      uri: `file:///data/${options.name}.csv`,
      name: `${options.name}.csv`,
      bytes: 40 * n * (d + 1),
      sha256: '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08',
      encoding: 'UTF-8',
      delimiter: ',',
      decimal: '.',
      header: true,
      rowsTotal: n + (n > 10 ? 3 : 0),
      rowsUsed: n,
      dropped: n > 10 ? [{ reason: 'the target is empty', count: 3, lines: [7, 19, 23] }] : [],
      columns: [
        ...names.map((name) => ({
          name,
          kind: 'numeric' as const,
          role: 'feature' as const,
          note: 'standardised',
          missing: 0,
          distinct: n,
        })),
        { name: 'id', kind: 'id', role: 'left-out', note: 'every value is different', missing: 0, distinct: n },
        {
          name: 'target',
          kind: task === 'regression' ? 'numeric' : 'categorical',
          role: 'target',
          note: '',
          missing: n > 10 ? 3 : 0,
          distinct: n,
        },
      ],
      warnings: options.longNames ? ['Two columns had the same name; the second was renamed.'] : [],
    },
    settings: { ...defaultSettings, beta: { kind: 'relative', value: 0.1 }, target: 'target', model, gates: p, seed },
    resolved: {
      target: options.longNames
        ? 'the quantity to predict, as measured in the laboratory on the following day'
        : 'target',
      task,
      loss: task === 'regression' ? 'squared' : 'logistic',
      outputPenalty: 'per-output',
      classes,
      beta,
      betaMax,
      trainRows: train.length,
      testRows: n - train.length,
      inputs: d,
      outputs,
    },
    scaling: {
      inputs: names.map((name, k) => ({ name, column: name, mean: k, scale: k + 1 })),
      target: task === 'regression' ? { mean: 50, scale: 10 } : { mean: 0, scale: 1 },
    },
    solution: {
      status: 'optimal',
      objective,
      dualBound: objective * (1 - gap),
      relativeGap: gap,
      datafit,
      penalty,
      scope: 'sampled',
      global: model === 'relu' ? global : undefined,
      ...(options.optimalSet === undefined
        ? {}
        : {
            optimalSet: {
              scope: options.optimalSet,
              ...(options.optimalSet === 'proven' ? { directions: 2 * m } : {}),
            },
          }),
      networkObjective: objective * (1 + 3e-14),
      kkt: { stationarity: 2.1e-8, cone: 1.4e-10, complementarity: 3.3e-9 },
      iterations: 24,
      seconds: 0.62,
      method: 'cone-constrained Newton',
      threads: 2,
    },
    trace,
    neurons,
    gates,
    rows: { line: X.map((_, row) => onLine(row)), split, target, prediction: shown, dual },
    metrics,
    path: options.path === false ? undefined : path,
    compare: options.compare === false ? undefined : compare,
    shape,
    landscape:
      d === 1 ? makeCircle(X, dual, train, beta, neurons) : d === 2 ? makeSphere(names, beta, neurons) : undefined,
    notes: [],
  };
}

interface Made {
  readonly weights: readonly number[];
  readonly bias: number;
  readonly outer: readonly number[];
}

function makeShape(
  kind: 'curve' | 'surface',
  X: readonly (readonly number[])[],
  target: readonly number[],
  split: readonly number[],
  made: readonly Made[],
  names: readonly string[],
  classes: readonly string[],
  task: Task,
): ShapeRecord {
  const f = (x: readonly number[]): number =>
    made.reduce((sum, neuron) => {
      const z = neuron.weights.reduce((s, w, k) => s + w * x[k], neuron.bias);
      return sum + Math.max(z, 0) * neuron.outer[0];
    }, 0);
  const grid = (count: number): number[] => Array.from({ length: count }, (_, i) => -3 + (6 * i) / (count - 1));
  if (kind === 'curve') {
    const x = grid(301);
    return {
      kind: 'curve',
      feature: names[0],
      x,
      y: [x.map((v) => 50 + 10 * f([v]))],
      kinks: made.map((neuron) => -neuron.bias / neuron.weights[0]).sort((a, b) => a - b),
      points: { x: X.map((row) => row[0]), y: target, split },
    };
  }
  const x = grid(72);
  const y = grid(64);
  const value = y.flatMap((b) => x.map((a) => (task === 'regression' ? 50 + 10 * f([a, b]) : f([a, b]) >= 0 ? 1 : 0)));
  return {
    kind: 'surface',
    features: [names[0], names[1]],
    x,
    y,
    value,
    classes,
    points: { x: X.map((row) => row[0]), y: X.map((row) => row[1]), target, split },
    hinges: made.map((neuron): [number, number, number, number] => {
      const [a, b] = neuron.weights;
      return Math.abs(b) > Math.abs(a)
        ? [-3, (3 * a - neuron.bias) / b, 3, (-3 * a - neuron.bias) / b]
        : [(3 * b - neuron.bias) / a, -3, (-3 * b - neuron.bias) / a, 3];
    }),
  };
}

function makeCircle(
  X: readonly (readonly number[])[],
  dual: readonly number[],
  train: readonly number[],
  beta: number,
  neurons: readonly NeuronRecord[],
): DualLandscape {
  const at = (angle: number): number =>
    train.reduce((sum, row, i) => sum + dual[i] * Math.max(0, Math.cos(angle) * X[row][0] + Math.sin(angle)), 0) / beta;
  const angle = Array.from({ length: 360 }, (_, i) => (i * Math.PI) / 180);
  const value = angle.map(at);
  const largest = value.reduce((m, v) => Math.max(m, Math.abs(v)), 1e-9);
  return {
    kind: 'circle',
    axes: ['feature 1', 'bias'],
    angle,
    value: value.map((v) => v / largest),
    neurons: neurons.map((neuron) => {
      const a = (Math.atan2(neuron.bias, neuron.weights[0]) + 2 * Math.PI) % (2 * Math.PI);
      return { id: neuron.id, angle: a, value: at(a) / largest };
    }),
  };
}

function makeSphere(names: readonly string[], beta: number, neurons: readonly NeuronRecord[]): DualLandscape {
  const longitude = Array.from({ length: 72 }, (_, i) => -Math.PI + ((i + 0.5) * Math.PI) / 36);
  const latitude = Array.from({ length: 36 }, (_, i) => -Math.PI / 2 + ((i + 0.5) * Math.PI) / 36);
  return {
    kind: 'sphere',
    axes: [names[0], names[1], 'bias'],
    longitude,
    latitude,
    value: latitude.flatMap((b) => longitude.map((a) => Math.cos(b) * Math.sin(2 * a + beta * 0) * Math.cos(a / 2))),
    neurons: neurons.map((neuron) => ({
      id: neuron.id,
      longitude: Math.atan2(neuron.weights[1], neuron.weights[0]),
      latitude: Math.asin(neuron.bias / Math.hypot(...neuron.weights, neuron.bias)),
      value: neuron.sign,
    })),
  };
}

export const fixtures = {
  /** One row, nothing optional. */
  tiny: (): RunRecord => {
    const run = makeRun({
      name: 'tiny',
      rows: 1,
      features: 1,
      neurons: 1,
      gates: 1,
      proof: 'absent',
      path: false,
      compare: false,
    });
    return { ...run, trace: [], metrics: run.metrics.slice(0, 1), landscape: undefined };
  },
  /** Beta at its largest: no neuron. */
  zero: (): RunRecord => makeRun({ name: 'zero', rows: 30, features: 3, neurons: 0, gates: 12, compare: false }),
  typical: (): RunRecord =>
    makeRun({ name: 'diabetes', rows: 442, features: 10, neurons: 18, gates: 220, proof: 'bound' }),
  curve: (): RunRecord => makeRun({ name: 'co2', rows: 200, features: 1, neurons: 6, gates: 60, shape: 'curve' }),
  surface: (): RunRecord =>
    makeRun({
      name: 'spirals',
      rows: 240,
      features: 2,
      neurons: 9,
      gates: 80,
      shape: 'surface',
      task: 'binary',
      classes: ['inner', 'outer'],
      optimalSet: 'proven',
    }),
  classes: (): RunRecord =>
    makeRun({
      name: 'penguins',
      rows: 330,
      features: 6,
      neurons: 14,
      gates: 120,
      task: 'multiclass',
      classes: ['Adelie', 'Chinstrap', 'Gentoo'],
      proof: 'none',
    }),
  large: (): RunRecord =>
    makeRun({ name: 'large', rows: 10_000, features: 40, neurons: 500, gates: 2_000, proof: 'none' }),
  longNames: (): RunRecord =>
    makeRun({
      name: 'a file with a very long name indeed, as they come from shared folders',
      rows: 120,
      features: 12,
      neurons: 7,
      gates: 60,
      longNames: true,
    }),
  gated: (): RunRecord =>
    makeRun({ name: 'gated', rows: 100, features: 4, neurons: 11, gates: 90, model: 'gated-relu', proof: 'absent' }),
};
