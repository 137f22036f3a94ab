import { predictedClass as classOfOutputs } from '../core/metrics/predictedClass.ts';
import { bitAt, decodeBits } from './bits.ts';
import { modelTraits } from './models.ts';
import { text } from './texts.ts';
import type { GlobalCertificate, NeuronRecord, RunRecord, StageName } from './run.ts';

/** What a run record says, read in one place for the panel, the command line and the editor; pure, over arrays as they are in the record. */

/** Index into the training rows of each row; -1 for test rows. */
export function trainRank(run: Pick<RunRecord, 'rows'>): Int32Array {
  const rank = new Int32Array(run.rows.line.length).fill(-1);
  let next = 0;
  for (let row = 0; row < rank.length; row++) if (run.rows.split[row] === 0) rank[row] = next++;
  return rank;
}

/** Index of each training row among all rows. */
export function trainRows(run: Pick<RunRecord, 'rows'>): Int32Array {
  const rows = new Int32Array(run.rows.line.length);
  let count = 0;
  for (let row = 0; row < rows.length; row++) if (run.rows.split[row] === 0) rows[count++] = row;
  return rows.slice(0, count);
}

/** Largest dual value over outputs, in size, of each training row. */
export function influence(run: Pick<RunRecord, 'rows' | 'resolved'>): Float64Array {
  const { outputs } = run.resolved;
  const n = Math.floor(run.rows.dual.length / outputs);
  const out = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < outputs; k++) out[i] = Math.max(out[i], Math.abs(run.rows.dual[i * outputs + k]));
  }
  return out;
}

/** The rows a neuron is on for, as one byte a row. */
export function decodeOn(neuron: Pick<NeuronRecord, 'on'>, rows: number): Uint8Array {
  return decodeBits(neuron.on, rows);
}

export function isOn(neuron: Pick<NeuronRecord, 'on'>, row: number): boolean {
  return bitAt(neuron.on, row);
}

export function isClassification(run: Pick<RunRecord, 'resolved'>): boolean {
  return run.resolved.task !== 'regression';
}

/** Predicted class of a row, by the rule of the scores. */
export function predictedClass(run: Pick<RunRecord, 'rows' | 'resolved'>, row: number): number {
  return classOfOutputs(run.rows.prediction, row, run.resolved.outputs, run.resolved.threshold?.at);
}

/** What the network consists of, and what its activation patterns belong to. */
export function partNames(run: Pick<RunRecord, 'settings'>): {
  readonly one: string;
  readonly many: string;
  readonly gate: string;
  readonly gates: string;
  /** What a search over the dual constraint looks for: of a neuron its direction. */
  readonly sought: string;
} {
  const { part, gate } = modelTraits(run.settings.model);
  return {
    one: text(part.one),
    many: text(part.many),
    gate: text(gate),
    gates: text(`${gate}s`),
    sought: text(part.one === 'neuron' ? 'direction' : part.one),
  };
}

/** How many of them: neurons, branches, or directions (the rank of the map). */
export function partCount(run: Pick<RunRecord, 'deep' | 'neurons'>): number {
  if (run.deep?.kind === 'three-layer') return run.deep.branches.length;
  if (run.deep?.kind !== 'linear') return run.neurons.length;
  // one network of all outputs has the rank of its layers; networks of one output have rank one or none
  return run.deep.layers.reduce((sum, [first]) => {
    const values = first?.singularValues ?? [];
    return sum + values.filter((s) => s > 1e-9 * (values[0] || 1)).length;
  }, 0);
}

/**
 * Seconds of a solve in words: until a point within the tolerance was found, until the network was final, and of the proof. Records of earlier
 * versions have only the sum.
 */
export function timeWords({ solution }: Pick<RunRecord, 'solution'>, format: (seconds: number) => string): string {
  const { times, seconds, global } = solution;
  if (times === undefined) return `${format(seconds)} ${global === undefined ? 'in all' : 'with its proof'}`;
  const proof = times.proof === undefined ? '' : `, proof ${format(times.proof)}`;
  return `found in ${format(times.found)}, final after ${format(times.final)}${proof}`;
}

/** What proves a bound, in words. */
export const proofMethodNames: Readonly<Record<ProvenBy, string>> = {
  cones: 'cones of directions',
  patterns: 'all activation patterns',
  norms: 'norm bounds',
  conic: 'conic relaxation',
};

type ProvenBy = NonNullable<GlobalCertificate['methods']>[number]['method'];

/** The stages of a run, as a list of what is missing names them. */
export const stageNames: Readonly<Record<StageName, string>> = {
  solve: 'the solve itself',
  proof: 'the proof over all networks',
  'cross-validation': 'the cross-validation of beta',
  threshold: 'the threshold between the classes',
  path: 'the path over beta',
  structure: 'the structure of the data',
  extras: 'the networks to compare with',
  compare: 'the comparison with gradient descent',
  refine: 'the patterns of gradient descent',
  importance: 'the importance of the columns',
  models: 'the comparison of models',
  'path-proof': 'the proof of the path',
};

/** A run from disk whose stages nobody is running any more: what was to come is missing. */
export function asLeft(run: RunRecord): RunRecord {
  if (run.solution.proving !== true) return run;
  return { ...run, solution: { ...run.solution, proving: false } };
}

/** A run as it leaves the store: of its data files the names only, since where they lie says who trained it and nothing to others. */
export function withoutPlace(run: RunRecord): RunRecord {
  const { test, name } = run.dataset;
  return {
    ...run,
    dataset: { ...run.dataset, uri: encodeURIComponent(name) },
    ...(test === undefined ? {} : { settings: { ...run.settings, testFile: test.name } }),
  };
}

/** Whether a row comes from the second file, of test rows. */
export function isOfTestFile({ dataset, rows }: Pick<RunRecord, 'dataset' | 'rows'>, row: number): boolean {
  return dataset.test !== undefined && rows.split[row] === 1;
}

/** What tells a row from all others of its files. */
export function placeInFiles(run: Pick<RunRecord, 'dataset' | 'rows'>, row: number): string {
  return `${isOfTestFile(run, row) ? 'test:' : ''}${run.rows.line[row]}`;
}

/** Name of an output: the class it stands for, or the target. */
export function outputName(run: Pick<RunRecord, 'resolved'>, output: number): string {
  if (output < 0) return 'all outputs';
  // The one logit of two classes speaks for the second.
  if (run.resolved.outputs === 1) return run.resolved.classes[1] ?? run.resolved.target;
  return run.resolved.classes[output] ?? `output ${output + 1}`;
}

export function targetText(
  run: Pick<RunRecord, 'rows' | 'resolved'>,
  row: number,
  format: (value: number) => string,
): string {
  const value = run.rows.target[row];
  return isClassification(run) ? (run.resolved.classes[value] ?? String(value)) : format(value);
}

/** Whether beta was left to cross-validation. */
export function searchesBeta({ settings }: Pick<RunRecord, 'settings'>): boolean {
  return settings.beta.kind === 'auto';
}

/** How the test rows came about: "drawn with seed 1, classes in proportion". */
export function splitWords({
  settings,
  resolved,
  dataset,
}: Pick<RunRecord, 'settings' | 'resolved' | 'dataset'>): string {
  const { seed, fold, split } = settings;
  if (dataset.test !== undefined) return `the rows of ${dataset.test.name}`;
  if (fold !== undefined) return `part ${fold.index + 1} of ${fold.count}, drawn with seed ${seed}`;
  if (resolved.testRows === 0) return 'none held out';
  switch (split?.by ?? 'random') {
    case 'random':
      return `drawn with seed ${seed}${resolved.classes.length > 0 ? ', classes in proportion' : ''}`;
    case 'column':
      return `as the column ${split!.column} says`;
    case 'time':
      return `the last by ${split!.column}`;
    case 'groups':
      return `whole groups of ${split!.column}, drawn with seed ${seed}`;
  }
}

/** "rows count 2.5 times in class yes, 0.62 times in class no"; undefined where all count once. */
export function classWeightWords({ classes, classWeights }: RunRecord['resolved']): string | undefined {
  if (classWeights === undefined) return undefined;
  return `rows count ${classWeights.map((weight, k) => `${Number(weight.toPrecision(4))} times in class ${classes[k]}`).join(', ')}`;
}
