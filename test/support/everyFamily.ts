import type { TrainSettings } from '../../src/shared/settings.ts';

/** Two numbers, a category, and a target of every task: `three`, `two`, `y`. */
export const smallFile = [
  'a,b,kind,three,two,y',
  ...Array.from({ length: 24 }, (_, i) => {
    const [a, b] = [Math.sin(2 * i), Math.cos(3 * i)];
    const kind = ['red', 'green', 'blue'][(i >> 1) % 3];
    return [a.toFixed(4), b.toFixed(4), kind, 'pqr'[i % 3], a > b ? 'yes' : 'no', (a * b).toFixed(4)].join(',');
  }),
].join('\n');

const families: Readonly<Record<string, Partial<TrainSettings>>> = {
  relu: { model: 'relu', arrangements: 'sampled', gates: 10 },
  gated: { model: 'gated-relu', gates: 10, bias: 'none' },
  'three-layer': { model: 'three-layer', m1: 1, arrangements: 'sampled', gates: 8 },
  linear: { model: 'linear', depth: 2, whiten: true },
};

/** Every family on every task, on `smallFile`, in a moment each. */
export const everyFamilyAndTask: Readonly<Record<string, Partial<TrainSettings>>> = Object.fromEntries(
  Object.entries(families).flatMap(([family, settings]) =>
    ['y', 'two', 'three'].map((target) => [
      `${family}, ${target}`,
      { ...settings, target, features: ['a', 'b', 'kind'], beta: { kind: 'relative', value: 0.2 } } as const,
    ]),
  ),
);
