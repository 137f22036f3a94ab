import { errorMeasureOf, pairedDifference, rowErrors, type ErrorMeasure } from '../core/metrics/rowErrors.ts';
import type { FamilyFacts } from './models.ts';
import type { NeuronRecord, RunRecord } from './run.ts';
import { partCount, placeInFiles } from './runView.ts';
import type { Claimed } from './verdict.ts';
import { fieldOf, flatSettings } from './settingKinds.ts';
import { trainingTable } from './settings.ts';

/** How many runs can be beside each other. */
export const comparedRuns = { least: 2, most: 20 } as const;

/** Why runs cannot be compared, in the person's words; undefined where they can. */
export function comparisonRefusal(runs: readonly Pick<RunRecord, 'resolved'>[]): string | undefined {
  if (runs.length < comparedRuns.least || runs.length > comparedRuns.most)
    return `Choose ${comparedRuns.least} to ${comparedRuns.most} runs to compare.`;
  const [{ resolved: first }] = runs;
  const other = runs.find(
    ({ resolved: { target, task, classes } }) =>
      target !== first.target || task !== first.task || classes.join('\n') !== first.classes.join('\n'),
  );
  return other === undefined
    ? undefined
    : `These runs do not predict the same: "${first.target}" (${first.task}) and "${other.resolved.target}" (${other.resolved.task})${
        other.resolved.target === first.target ? ', or other classes' : ''
      }.`;
}

/** A setting in which runs differ, with what each of them has; undefined: it has none. */
export interface DifferingSetting {
  readonly name: string;
  readonly values: readonly unknown[];
}

/** The settings that differ, by their names on the command line, and the data where that differs. */
export function differingSettings(runs: readonly RunRecord[]): DifferingSetting[] {
  const all: DifferingSetting[] = [
    { name: 'data', values: runs.map(({ dataset }) => `${dataset.name} (${dataset.sha256.slice(0, 8)})`) },
    ...flatSettings(trainingTable)
      .filter(([field]) => !field.startsWith('beta.'))
      .map(([field, { option }]) => ({
        name: option?.name ?? field,
        values: runs.map(({ settings }) => fieldOf(settings, field)),
      })),
    { name: 'beta', values: runs.map(({ resolved }) => resolved.beta) },
  ];
  return all.filter(({ values }) => new Set(values.map((value) => JSON.stringify(value))).size > 1);
}

/** Errors of a run and a baseline on the rows that both held out. */
export interface PairedScore {
  readonly measure: ErrorMeasure;
  readonly rows: number;
  readonly run: number;
  readonly baseline: number;
  /** Mean of run - baseline over the rows and its standard error: below zero where the run is better. */
  readonly difference: number;
  readonly standardError: number;
}

/**
 * Two runs on the rows of one file that were held out of both; undefined where the files differ in content or fewer than two rows are held out
 * of both. Where one of the losses has no probabilities, rows count as right or wrong.
 */
export function pairedScore(run: RunRecord, baseline: RunRecord): PairedScore | undefined {
  if (run.dataset.sha256 !== baseline.dataset.sha256) return undefined;
  if (run.dataset.test?.sha256 !== baseline.dataset.test?.sha256) return undefined;
  const at = new Map(baseline.rows.line.map((_, row) => [placeInFiles(baseline, row), row]));
  const pairs = run.rows.line.flatMap((_, row): [number, number][] => {
    const other = at.get(placeInFiles(run, row));
    const held = other !== undefined && run.rows.split[row] === 1 && baseline.rows.split[other] === 1;
    return held ? [[row, other]] : [];
  });
  const both = [run, baseline].map(predictionsOf);
  const measures = both.map(errorMeasureOf);
  // hinge has no probabilities, and counts right and wrong
  const [own, its] =
    measures[0] === measures[1] ? both : both.map((predictions) => ({ ...predictions, loss: 'hinge' as const }));
  const a = rowErrors(
    own,
    pairs.map(([row]) => row),
  );
  const b = rowErrors(
    its,
    pairs.map(([, row]) => row),
  );
  const difference = pairedDifference(a, b);
  if (difference === undefined) return undefined;
  const mean = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0) / values.length;
  return {
    measure: errorMeasureOf(own),
    rows: pairs.length,
    run: mean(a),
    baseline: mean(b),
    difference: difference.mean,
    standardError: difference.standardError,
  };
}

function predictionsOf({ rows, resolved }: RunRecord): Parameters<typeof rowErrors>[0] {
  return {
    target: Float64Array.from(rows.target),
    prediction: Float64Array.from(rows.prediction),
    outputs: resolved.outputs,
    classes: resolved.classes.length,
    loss: resolved.loss,
    threshold: resolved.threshold?.at,
  };
}

/** A neuron of a run that points where one of the baseline does. */
export interface SharedNeuron {
  readonly run: number;
  readonly baseline: number;
  /** Of the two directions, in units of the deviations of the baseline's inputs. */
  readonly cosine: number;
}

/** Directions with a larger cosine count as the same (8 degrees). */
export const sameDirection = 0.99;

/**
 * Neurons of two two-layer runs that have the same direction (inner weights and bias, on inputs scaled as the baseline's) and raise or lower the same
 * output, nearest pairs first, each in one pair at most; undefined for other networks, or other inputs.
 */
export function sharedNeurons(run: RunRecord, baseline: RunRecord): SharedNeuron[] | undefined {
  const [own, its] = [run, baseline].map(({ scaling }) => scaling);
  const comparable =
    run.deep === undefined &&
    baseline.deep === undefined &&
    own.whitening === undefined &&
    its.whitening === undefined &&
    own.inputs.length === its.inputs.length &&
    own.inputs.every(({ name }, k) => name === its.inputs[k].name);
  if (!comparable) return undefined;
  const directions = baseline.neurons.map((neuron) => direction(neuron, its, its));
  const pairs = run.neurons.flatMap((neuron, i) => {
    const mine = direction(neuron, own, its);
    return baseline.neurons.flatMap((other, j): SharedNeuron[] => {
      if (mainEffect(neuron) !== mainEffect(other)) return [];
      const cosine = mine.reduce((sum, value, k) => sum + value * directions[j][k], 0);
      return cosine >= sameDirection ? [{ run: i, baseline: j, cosine }] : [];
    });
  });
  pairs.sort((a, b) => b.cosine - a.cosine);
  const taken = { run: new Set<number>(), baseline: new Set<number>() };
  return pairs.filter((pair) => {
    if (taken.run.has(pair.run) || taken.baseline.has(pair.baseline)) return false;
    taken.run.add(pair.run);
    taken.baseline.add(pair.baseline);
    return true;
  });
}

/** Weights and bias as a unit vector on inputs scaled as `to`. */
function direction({ weights, bias }: NeuronRecord, from: RunRecord['scaling'], to: RunRecord['scaling']): number[] {
  let offset = bias;
  const scaled = weights.map((weight, k) => {
    const [a, b] = [from.inputs[k], to.inputs[k]];
    // (x - a.mean) / a.scale = (b.scale z + b.mean - a.mean) / a.scale
    offset += (weight * (b.mean - a.mean)) / a.scale;
    return (weight * b.scale) / a.scale;
  });
  const vector = [...scaled, offset];
  const norm = Math.hypot(...vector) || 1;
  return vector.map((value) => value / norm);
}

/** The output that it moves most, and which way. */
function mainEffect({ outer }: NeuronRecord): string {
  let main = 0;
  outer.forEach((value, k) => {
    if (Math.abs(value) > Math.abs(outer[main])) main = k;
  });
  return `${main}${outer[main] < 0 ? '-' : '+'}`;
}

/** As much of a run as a comparison shows: what it is called, was asked and gave, without its rows. */
export type ComparedRun = Pick<
  RunRecord,
  'id' | 'label' | 'dataset' | 'settings' | 'resolved' | 'solution' | 'metrics' | 'path' | 'shape'
> &
  Claimed & {
    /** Neurons, branches or directions. */
    readonly parts: number;
    readonly neurons: readonly Pick<NeuronRecord, 'id' | 'share'>[];
  };

/** Predictions of a run and the baseline on rows of one file, by the first output. */
export interface CommonPredictions {
  /** Rows that both have; of more than `mostDrawn` an even sample is listed. */
  readonly rows: number;
  readonly run: readonly number[];
  readonly baseline: readonly number[];
}

/** A run beside the baseline; null where the two cannot be compared so. */
export interface AgainstBaseline {
  readonly paired: PairedScore | null;
  readonly shared: readonly SharedNeuron[] | null;
  readonly common: CommonPredictions | null;
}

/** Runs beside each other: plain data, from which pages and files are made. */
export interface Comparison {
  readonly runs: readonly ComparedRun[];
  /** Index of the run that the others are measured by. */
  readonly baseline: number;
  readonly differing: readonly DifferingSetting[];
  /** One per run; null for the baseline. */
  readonly against: readonly (AgainstBaseline | null)[];
}

/** Points of a run in the picture of predictions. */
export const mostDrawn = 2_000;

/**
 * Compares runs with the one at `baseline`.
 * @throws {RangeError} where there is no such run
 */
export function compareRuns(runs: readonly RunRecord[], baseline = 0): Comparison {
  const base = runs[baseline];
  if (base === undefined) throw new RangeError(`There is no run ${baseline + 1} of ${runs.length}.`);
  return {
    runs: runs.map((run) => ({
      id: run.id,
      label: run.label,
      dataset: run.dataset,
      settings: run.settings,
      resolved: run.resolved,
      solution: run.solution,
      metrics: run.metrics,
      path: run.path,
      shape: run.shape,
      gates: { count: run.gates.count },
      deep: run.deep && familyFacts(run.deep),
      parts: partCount(run),
      neurons: run.neurons.map(({ id, share }) => ({ id, share })),
    })),
    baseline,
    differing: differingSettings(runs),
    against: runs.map((run, i) =>
      i === baseline
        ? null
        : {
            paired: pairedScore(run, base) ?? null,
            shared: sharedNeurons(run, base) ?? null,
            common: commonPredictions(run, base) ?? null,
          },
    ),
  };
}

function familyFacts(deep: NonNullable<RunRecord['deep']>): FamilyFacts {
  return deep.kind === 'linear'
    ? { kind: deep.kind, layers: deep.layers }
    : { kind: deep.kind, harvested: deep.harvested };
}

function commonPredictions(run: RunRecord, baseline: RunRecord): CommonPredictions | undefined {
  const { outputs } = baseline.resolved;
  if (run.dataset.sha256 !== baseline.dataset.sha256 || run.resolved.outputs !== outputs) return undefined;
  if (run.dataset.test?.sha256 !== baseline.dataset.test?.sha256) return undefined;
  const at = new Map(baseline.rows.line.map((_, row) => [placeInFiles(baseline, row), row]));
  const pairs = run.rows.line.flatMap((_, row): [number, number][] => {
    const other = at.get(placeInFiles(run, row));
    return other === undefined ? [] : [[row, other]];
  });
  if (pairs.length === 0) return undefined;
  const drawn =
    pairs.length <= mostDrawn
      ? pairs
      : Array.from({ length: mostDrawn }, (_, i) => pairs[Math.floor((i * pairs.length) / mostDrawn)]);
  return {
    rows: pairs.length,
    run: drawn.map(([row]) => run.rows.prediction[row * outputs]),
    baseline: drawn.map(([, row]) => baseline.rows.prediction[row * outputs]),
  };
}
