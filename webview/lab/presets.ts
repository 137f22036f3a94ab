import { defaultLabSettings, type LabPage, type LabRecordOf, type LabSettings } from '../../src/shared/lab.ts';

/** What a preset changes of a form; target, class and the other fields stay as they are. */
export type PresetName = 'quick' | 'careful';

export const presetNames: Readonly<Record<PresetName, string>> = { quick: 'Quick', careful: 'Careful' };

type Changes = { readonly [P in LabPage]: Readonly<Record<PresetName, Partial<LabSettings[P]>>> };

/** Quick: a look in seconds, on few rows. Careful: widths at which predictions about the limit can be judged, more starts and rows. */
const changes: Changes = {
  kernel: {
    quick: { widths: [64, 256], seeds: 2, maxRows: 60 },
    careful: { widths: [64, 256, 1024, 4096], seeds: 5, maxRows: 300 },
  },
  sweep: {
    quick: { widths: [64, 256], seeds: 1, maxRows: 50, steps: 100, rateSteps: 10 },
    careful: { widths: [64, 256, 1024, 4096], seeds: 3, maxRows: 100, steps: 600, rateSteps: 60 },
  },
  contrast: {
    quick: { width: 256, steps: 300, maxRows: 60 },
    careful: { width: 4096, steps: 3000, maxRows: 300 },
  },
  mlp: {
    quick: { widths: [32], seeds: 1, epochs: 100, maxRows: 80 },
    careful: { widths: [32, 128, 512], seeds: 5, epochs: 1000, maxRows: 500 },
  },
  flow: {
    quick: { neurons: 10, seeds: 2, steps: 20_000, maxRows: 20 },
    careful: { neurons: 40, seeds: 10, steps: 1_000_000, maxRows: 40 },
  },
  geometry: {
    quick: { neurons: 10, steps: 10_000, maxRows: 8 },
    careful: { neurons: 60, steps: 400_000, maxRows: 20 },
  },
};

export const presetChanges = (page: LabPage, name: PresetName): Readonly<Record<string, unknown>> =>
  changes[page][name];

/** The preset that a form stands at; null for values of one's own. */
export function presetOf<P extends LabPage>(page: P, settings: LabSettings[P]): PresetName | 'default' | null {
  const stands = (wanted: object): boolean =>
    Object.entries(wanted).every(
      ([key, value]) => JSON.stringify((settings as unknown as Record<string, unknown>)[key]) === JSON.stringify(value),
    );
  for (const name of Object.keys(presetNames) as PresetName[]) if (stands(changes[page][name])) return name;
  const keys = Object.keys(changes[page].quick);
  const usual = Object.entries(defaultLabSettings[page]).filter(([key]) => keys.includes(key));
  return stands(Object.fromEntries(usual)) ? 'default' : null;
}

/** Weights of a network with `inputs`, `layers` hidden layers of `width` and one output. */
const weights = (inputs: number, width: number, layers: number): number =>
  width * (inputs + 1) + (layers - 1) * width * width;

const sum = (values: readonly number[], of: (value: number) => number): number =>
  values.reduce((total, value) => total + of(value), 0);

/**
 * Multiplications of a task up to a factor that is the same for all settings of its page: passes over rows times weights, and for kernels
 * the Gram matrix and its eigenvalues.
 */
function work(page: LabPage, all: LabSettings, rows: number, inputs: number): number {
  switch (page) {
    case 'kernel': {
      const { widths, seeds, hiddenLayers } = all.kernel;
      return seeds * sum(widths, (w) => rows * rows * w * hiddenLayers + 10 * rows ** 3);
    }
    case 'sweep': {
      const { widths, seeds, hiddenLayers, steps, rateSteps, noise } = all.sweep;
      const passes = steps * (noise > 0 ? 2 : 1) * seeds + 12 * rateSteps;
      const kernel = seeds * 10 * rows ** 3;
      return sum(widths, (w) => 3 * passes * rows * weights(inputs, w, hiddenLayers) + rows * rows * w + kernel);
    }
    case 'contrast':
      return 3 * all.contrast.steps * rows * weights(inputs, all.contrast.width, 1);
    case 'mlp': {
      const { widths, seeds, hiddenLayers, rules, epochs } = all.mlp;
      return rules.length * seeds * epochs * rows * sum(widths, (w) => weights(inputs, w, hiddenLayers));
    }
    case 'flow':
      return all.flow.seeds * all.flow.steps * rows * weights(inputs, all.flow.neurons, 1);
    case 'geometry':
      return all.geometry.steps * rows * weights(inputs, all.geometry.neurons, 1);
  }
}

/**
 * Seconds that a page will take with `settings`, from those that its last complete result took on this machine; null where there is none, or
 * where it is about another part of the file.
 */
export function expectedSeconds<P extends LabPage>(
  record: LabRecordOf<P> | undefined,
  page: P,
  settings: LabSettings[P],
): number | null {
  if (record?.status !== 'complete' || record.seconds <= 0) return null;
  const inputs = record.data.features.length;
  const held = 'testFraction' in settings ? Number(settings.testFraction) : 0;
  const limit = settings.maxRows === 0 ? record.data.rowsInFile : Math.min(settings.maxRows, record.data.rowsInFile);
  const rows = Math.max(1, Math.round(limit * (1 - held)));
  const of = (given: LabSettings[P], n: number): number =>
    work(page, { ...defaultLabSettings, [page]: given }, n, inputs);
  const before = of(record.settings, record.data.lines.length);
  return before > 0 ? (record.seconds * of(settings, rows)) / before : null;
}

/** How far a task was when. */
export interface Moment {
  readonly fraction: number;
  readonly milliseconds: number;
}

/** Seconds that are left at the pace from `first` to `now`; null before there is a pace. */
export function restSeconds(first: Moment | null, now: Moment | null): number | null {
  if (first === null || now === null) return null;
  const done = now.fraction - first.fraction;
  const took = now.milliseconds - first.milliseconds;
  if (done < 0.02 || took < 500) return null;
  return ((1 - now.fraction) * took) / done / 1000;
}
