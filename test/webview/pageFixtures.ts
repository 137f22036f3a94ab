import { uncontrolled } from '../../src/core/base/control.ts';
import { previewFile } from '../../src/session/preview.ts';
import type { ToLesson } from '../../src/shared/lesson.ts';
import type { ToPreview } from '../../src/shared/preview.ts';
import { defaultSettings } from '../../src/shared/settings.ts';
import type { Cell } from '../../src/study/axes.ts';
import type { ToStudy } from '../../src/study/page.ts';
import { sampleSource } from '../support/memorySource.ts';

type Table = Extract<ToStudy, { type: 'study' }>;

const own = ['data', 'target', 'solver', 'model', 'beta.kind', 'beta.value', 'seed'];
const columns = [
  'task',
  ...own,
  'outcome',
  'reason',
  'objective',
  'neurons',
  'measure',
  'train',
  'test',
  'excess',
  'key',
];

/** Two data sets, two models, five betas, four seeds; one task was refused. */
export function someTable(): Table {
  const rows: Cell[][] = [];
  for (const data of ['iris', 'spirals'])
    for (const [m, model] of ['relu', 'linear'].entries())
      for (const beta of [0.01, 0.03, 0.1, 0.3, 1])
        for (const seed of [1, 2, 3, 4]) {
          const k = rows.length;
          const key = k.toString(16).padStart(20, '0');
          const refused = k === 7;
          const test = 0.9 - 0.2 * m - 0.3 * beta + 0.02 * Math.sin(3 * seed + k);
          const figures = refused
            ? [null, null, null, null, null, null]
            : [10 * beta + seed, 9 - m, 'accuracy', test + 0.05, test, null];
          rows.push([
            k + 1,
            data,
            'y',
            'convex',
            model,
            'relative',
            beta,
            seed,
            refused ? 'refused' : 'done',
            refused ? 'the loss <b>does not</b> go with the target' : null,
            ...figures,
            key,
          ]);
        }
  return {
    ...{ type: 'study', uri: 'file:///studies/curves.study', name: 'curves', own, columns, rows, keepsRuns: true },
    ...{ progress: null, error: null },
  };
}

/** A lesson whose first steps were done. */
export function someLesson(): ToLesson {
  return {
    type: 'lesson',
    uri: 'file:///lessons/xor.convex.yaml',
    lesson: {
      title: 'Four neurons for XOR',
      about: 'Two features, two classes that no line separates.',
      data: '../xor_2d.csv',
      steps: [
        { kind: 'guess', text: 'How many neurons does the optimal network have?', quantity: 'neurons' },
        { kind: 'solve', settings: defaultSettings },
        { kind: 'look', text: 'See where each neuron is on.', view: 'neurons' },
        {
          kind: 'choose',
          text: 'Why is it optimal?',
          choices: ['luck', 'a proof'],
          correct: 2,
          because: 'the dual point bounds every network.',
        },
        { kind: 'beat', text: 'Try to do better.' },
      ],
    },
    error: null,
    runs: {
      1: {
        headline: 'Proven optimal: no network does better.',
        quantities: { neurons: 4, objective: 40, 'lower-bound': 39, 'beta-max': 2, inputs: 2, score: null },
        columns: 'w1 w2 b a',
      },
    },
    typed: {},
    working: null,
  };
}

/** A sample file as the preview shows it. */
export async function somePreview(): Promise<ToPreview> {
  return {
    type: 'preview',
    uri: 'file:///data/penguins.csv',
    name: 'penguins.csv',
    data: await previewFile(sampleSource('penguins.csv'), {}, () => undefined, uncontrolled),
    read: {},
    missing: 'auto',
    reading: null,
    error: null,
  };
}
