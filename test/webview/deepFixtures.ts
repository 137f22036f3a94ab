import type { RunRecord } from '../../src/shared/run.ts';
import type { TrainSettings } from '../../src/shared/settings.ts';
import { memorySource } from '../support/memorySource.ts';
import { listen, quickSettings, running, testSession } from '../support/sessionHarness.ts';

const settings: TrainSettings = {
  ...quickSettings,
  arrangements: 'adaptive',
  beta: { kind: 'relative', value: 0.2 },
  certifySeconds: 0.1,
  timeLimitSeconds: 5,
  path: { points: 4, smallest: 0.1 },
  compare: { ...quickSettings.compare, enabled: true, optimizers: ['adam'], seeds: 1, epochs: 60 },
};

const train = async (csv: string, change: Partial<TrainSettings>): Promise<RunRecord> =>
  await testSession(memorySource(csv)).train({ ...settings, ...change }, listen(), running);

const plane = [
  'a,b,y',
  ...Array.from({ length: 18 }, (_, i) => {
    const a = Math.sin(1 + 2.1 * i);
    const b = Math.cos(2 + 1.3 * i);
    return `${a.toFixed(4)},${b.toFixed(4)},${(Math.abs(a) - Math.max(0, a + b) + 0.1 * Math.sin(7 * i)).toFixed(4)}`;
  }),
].join('\n');
const line = 'x,y\n0,0\n1,1\n1,3\n2,1\n3,0.5\n4,2\n4,2\n5,4\n6,5\n7,3\n8,2.5\n9,1\n10,0\n';
const classes = [
  'a,b,class',
  ...Array.from({ length: 30 }, (_, i) => {
    const angle = ((i % 3) * 2 * Math.PI) / 3 + 0.6 * Math.sin(5 * i);
    return `${(Math.cos(angle) + 0.2 * Math.sin(i)).toFixed(3)},${Math.sin(angle).toFixed(3)},${['p', 'q', 'r'][i % 3]}`;
  }),
].join('\n');

/** One feature, three classes that overlap. */
const ordered = ['x,kind', ...[...'aaabacbbbcbccac'].map((kind, i) => `${i},${kind}`)].join('\n');

/** Fewer rows than features, three classes: the rows can be made orthogonal. */
const wide = [
  `${Array.from({ length: 8 }, (_, k) => `g${k}`).join(',')},class`,
  ...Array.from({ length: 6 }, (_, i) =>
    [...Array.from({ length: 8 }, (_, k) => Math.sin(1 + 3.7 * i + 1.9 * k * (i + 2)).toFixed(4)), 'pqr'[i % 3]].join(
      ',',
    ),
  ),
].join('\n');

/** Three-layer and linear networks and the structure of data, by the real session; with other settings where that is wanted. */
export const deepRuns: Record<string, (more?: Partial<TrainSettings>) => Promise<RunRecord>> = {
  'three-layer': (more) => train(plane, { model: 'three-layer', m1: 2, ...more }),
  'three-layer, one feature': (more) => train(line, { model: 'three-layer', m1: 2, target: 'y', ...more }),
  'three-layer, zero': (more) =>
    train(plane, { model: 'three-layer', m1: 2, beta: { kind: 'relative', value: 2 }, ...more }),
  linear: (more) => train(plane, { model: 'linear', depth: 3, ...more }),
  'linear, classes': (more) => train(classes, { model: 'linear', depth: 2, target: 'class', loss: 'squared', ...more }),
  'linear, one per output': (more) =>
    train(classes, { model: 'linear', depth: 3, target: 'class', loss: 'squared', ...more }),
  'whitened rows, classes': (more) =>
    train(wide, {
      model: 'relu',
      target: 'class',
      loss: 'squared',
      whiten: true,
      bias: 'none',
      testFraction: 0,
      ...more,
    }),
  'one feature, classes': (more) =>
    train(ordered, { model: 'relu', target: 'kind', loss: 'logistic', testFraction: 0, ...more }),
  'rank one': (more) => train(line, { model: 'relu', bias: 'none', target: 'y', ...more }),
  'batch normalisation': (more) => train(classes, { model: 'relu', target: 'class', batchNorm: true, ...more }),
  'linear, zero': (more) => train(plane, { model: 'linear', depth: 3, beta: { kind: 'relative', value: 2 }, ...more }),
};
