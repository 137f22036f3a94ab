import type { LabColumn, LabDataSettings, LabPage } from '../../src/shared/lab.ts';
import { ruleNames } from '../../src/shared/labMlp.ts';

/** A field of a page's form; what it takes is in `labTables`. */
export interface Field {
  readonly key: string;
  readonly label: string;
  readonly hint: string;
  /** What the values of a choice are called. */
  readonly choices?: readonly { readonly value: string; readonly label: string }[];
}

const width: Field = {
  key: 'widths',
  label: 'Widths',
  hint: 'Neurons per hidden layer, with commas.',
};
const seeds: Field = { key: 'seeds', label: 'Starts', hint: 'Random starts per width.' };
const activation: Field = {
  key: 'activation',
  label: 'Activation',
  hint: '',
  choices: [
    { value: 'relu', label: 'ReLU' },
    { value: 'erf', label: 'erf (smooth)' },
  ],
};
const layers: Field = { key: 'hiddenLayers', label: 'Hidden layers', hint: '1 to 6.' };
const parametrization: Field = {
  key: 'parametrization',
  label: 'Parametrisation',
  hint: 'NTK: scales stay in the forward pass, as the theory has it. Standard: they are in the size of the start weights.',
  choices: [
    { value: 'ntk', label: 'NTK' },
    { value: 'standard', label: 'standard' },
  ],
};
const learningRate = (key: string, label: string): Field => ({
  key,
  label,
  hint: 'For the mean loss; 0: chosen by short trial runs.',
});
const steps: Field = { key: 'steps', label: 'Steps', hint: 'Steps of gradient descent.' };
const rate: Field = {
  key: 'rate',
  label: 'Step size',
  hint: 'As a share of the edge of stability 2 / λmax.',
};
const test: Field = {
  key: 'testFraction',
  label: 'Held out',
  hint: 'Share of the rows kept for testing.',
};
const flowSteps: Field = {
  key: 'steps',
  label: 'Steps',
  hint: 'At most this many steps of the flow.',
};
const scale: Field = {
  key: 'initScale',
  label: 'Start size',
  hint: 'Size of the weights at the start.',
};
const neurons: Field = { key: 'neurons', label: 'Neurons', hint: 'Neurons of the network.' };

/** What one changes often; the rest is in `dataFields`. */
export const pageFields: Record<LabPage, readonly Field[]> = {
  kernel: [width, seeds, activation, layers],
  sweep: [
    width,
    seeds,
    steps,
    rate,
    activation,
    layers,
    parametrization,
    {
      key: 'start',
      label: 'Start',
      hint: 'Outputs at the start: random, or zero.',
      choices: [
        { value: 'mirrored', label: 'zero (mirrored pairs)' },
        { value: 'centered', label: 'zero (subtracted)' },
        { value: 'random', label: 'random' },
      ],
    },
    {
      key: 'noise',
      label: 'Label noise',
      hint: 'Share of labels replaced in the noisy runs; 0: none.',
    },
    { key: 'rateSteps', label: 'Steps per grid cell', hint: 'For the grid of step sizes.' },
    test,
  ],
  contrast: [
    { key: 'width', label: 'Width', hint: 'Neurons of the wide network (even).' },
    steps,
    rate,
    { key: 'beta', label: 'β / β max', hint: 'Regularisation of the convex program.' },
    test,
  ],
  mlp: [
    {
      key: 'rules',
      label: 'Update rules',
      hint: 'Each trains every width from every start.',
      choices: Object.entries(ruleNames).map(([value, label]) => ({ value, label })),
    },
    layers,
    width,
    seeds,
    {
      key: 'epochs',
      label: 'Epochs',
      hint: 'Passes over the rows; a step of the flow counts as one.',
    },
    {
      key: 'batchSize',
      label: 'Batch size',
      hint: 'Rows per step; 0: all. Gradient flow always takes all.',
    },
    activation,
    parametrization,
    {
      key: 'loss',
      label: 'Loss',
      hint: 'The logistic loss needs two classes.',
      choices: [
        { value: 'squared', label: 'squared' },
        { value: 'logistic', label: 'logistic' },
      ],
    },
    test,
  ],
  flow: [neurons, seeds, scale, flowSteps],
  geometry: [
    { key: 'features', label: 'Features', hint: 'Two or three feature columns; empty: all.' },
    neurons,
    scale,
    flowSteps,
  ],
};

/** Learning rates, on the training page only. */
export const rateFields: readonly Field[] = [
  learningRate('sgdRate', 'Gradient descent'),
  learningRate('momentumRate', 'Momentum'),
  learningRate('adamRate', 'Adam'),
  {
    key: 'flowRate',
    label: 'Largest step of gradient flow',
    hint: 'In units of the loss; 0: 0.1.',
  },
];

const targetField = { key: 'target', label: 'Target', hint: 'Column to predict; empty: found by itself.' };
const positiveField = {
  key: 'positive',
  label: 'Class +1',
  hint: 'Value of the target that becomes +1; empty: the target has two.',
};
const negativeField = {
  key: 'negative',
  label: 'Against',
  hint: 'Value of the target that becomes −1, rows of further classes being left out; empty: all other classes.',
};

/** A choice with what an empty one means, and the value that stands there, whether or not it is known. */
function choices(field: Field, empty: string, names: readonly string[], value: string): Field {
  const all = value === '' || names.includes(value) ? names : [...names, value];
  return {
    ...field,
    choices: [{ value: '', label: empty }, ...all.map((name) => ({ value: name, label: name }))],
  };
}

/** Which rows and columns: chosen from the columns and classes of the file where they are known, written otherwise. */
export function dataFields(
  columns: readonly LabColumn[],
  { target, positive, negative }: Pick<LabDataSettings, 'target' | 'positive' | 'negative'>,
): readonly Field[] {
  const inferred = columns.find((column) => column.inferred)?.name ?? '';
  const names = columns.map(({ name }) => name);
  const classes = columns.find(({ name }) => name === (target === '' ? inferred : target))?.classes ?? [];
  return [
    columns.length === 0
      ? targetField
      : choices(targetField, inferred === '' ? 'found by itself' : `found by itself: ${inferred}`, names, target),
    ...(classes.length === 0
      ? [positiveField, negativeField]
      : [choices(positiveField, classes.length === 2 ? 'the second of the two' : 'choose one', classes, positive)]),
    ...(classes.length > 2 || (classes.length > 0 && negative !== '')
      ? [
          choices(
            negativeField,
            'all others',
            classes.filter((name) => name !== positive),
            negative,
          ),
        ]
      : []),
    ...rowFields,
  ];
}

const rowFields: readonly Field[] = [
  { key: 'maxRows', label: 'Rows', hint: 'A seeded sample of at most this many; 0: all.' },
  { key: 'seed', label: 'Seed', hint: 'For the sample, the split and the starts.' },
  { key: 'standardize', label: 'Standardise', hint: '' },
  { key: 'bias', label: 'Biases', hint: '' },
];

/** What a field shows for a value. */
export function fieldText(value: unknown): string {
  return Array.isArray(value)
    ? value.join(', ')
    : typeof value === 'string' || typeof value === 'number'
      ? String(value)
      : '';
}
