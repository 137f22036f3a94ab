import { daysOfDate, parseNumber } from '../core/data/cells.ts';
import { waveOfDays } from '../core/data/dates.ts';
import type { InputScaling } from '../core/data/scaling.ts';
import type { NeuronRecord, RunRecord } from './run.ts';

/** Two-layer networks, whose neurons the record lists one by one. */
export type RowRun = Pick<RunRecord, 'neurons' | 'scaling' | 'resolved' | 'settings' | 'outputOffset'>;

/** One column as a form asks for it. */
export interface RowField {
  readonly column: string;
  readonly kind: 'number' | 'date' | 'category';
  /** Of a category: those that are encoded; another one has no indicator. */
  readonly categories: readonly string[];
}

/** The columns that the network looks at, in the order of its inputs. */
export function rowFields({ scaling }: RowRun): RowField[] {
  const fields = new Map<string, { kind: RowField['kind']; categories: string[] }>();
  for (const { column, category, other, date } of scaling.inputs) {
    const kind = category !== undefined ? 'category' : date === true ? 'date' : 'number';
    const field = fields.get(column) ?? { kind, categories: [] };
    fields.set(column, field);
    if (other !== undefined) field.categories.push(other);
    if (category !== undefined) field.categories.push(category);
  }
  return [...fields].map(([column, field]) => ({ column, ...field }));
}

/** What stands in the cell of a column of a typical row: the mean of the training rows, or the category that is commonest by its indicators' means. */
export function typicalCell({ scaling }: RowRun, { column, kind, categories }: RowField): string {
  const inputs = scaling.inputs.filter((input) => input.column === column);
  if (kind !== 'category') return String(Number(inputs[0].mean.toPrecision(4)));
  const share = (name: string): number => {
    const own = inputs.find(({ category }) => category === name);
    // the other one of two categories has what the first leaves
    return own === undefined ? 1 - inputs[0].mean : own.mean;
  };
  return categories.reduce((best, name) => (share(name) > share(best) ? name : best), categories[0]);
}

/**
 * The value of every input, before scaling, from cells by column; a message where a cell cannot be read. Empty cells are filled as in training
 * where training filled gaps.
 */
export function rowValues(
  { scaling }: RowRun,
  cell: (column: string) => string,
  decimal: '.' | ',',
): { readonly values: readonly number[] } | { readonly column: string; readonly problem: string } {
  const values: number[] = [];
  for (const input of scaling.inputs) {
    const text = cell(input.column).trim();
    const value = text === '' ? (input.fill ?? NaN) : valueOf(input, text, decimal);
    if (!Number.isFinite(value)) {
      const wanted = input.date === true ? 'a date such as 2024-05-31' : 'a number';
      return { column: input.column, problem: text === '' ? 'needs a value' : `needs ${wanted}, not “${text}”` };
    }
    values.push(value);
  }
  return { values };
}

function valueOf(input: InputScaling, text: string, decimal: '.' | ','): number {
  if (input.category !== undefined) return text === input.category ? 1 : 0;
  const number = parseNumber(text, decimal);
  const value = Number.isNaN(number) && input.date === true ? daysOfDate(text) : number;
  return input.wave === undefined ? value : waveOfDays(value, input.wave);
}

/** What a network says of one row, taken apart. */
export interface RowOutput {
  /** Per output: prediction in original units, or raw outputs of classes. The base and all contributions add up to it. */
  readonly outputs: readonly number[];
  /** Per output: what the network says when no neuron is on. */
  readonly base: readonly number[];
  /** Per neuron: on or off, and what it adds to each output. */
  readonly neurons: readonly {
    readonly neuron: NeuronRecord;
    readonly on: boolean;
    readonly adds: readonly number[];
  }[];
  /** Per output: slope along each input, in original units, while the same neurons are on. */
  readonly slopes: readonly (readonly number[])[];
}

/** Runs the network of a run on one row of input values (before scaling). */
export function rowOutput(run: RowRun, values: readonly number[]): RowOutput {
  const { inputs, whitening, target } = run.scaling;
  const scaled = inputs.map(({ mean, scale }, k) => (values[k] - mean) / scale);
  const x =
    whitening === undefined
      ? scaled
      : scaled.map((_, b) => scaled.reduce((sum, value, a) => sum + value * whitening.matrix[a][b], 0));
  const dot = (weights: readonly number[], at: readonly number[], start: number): number =>
    weights.reduce((sum, weight, k) => sum + weight * at[k], start);
  const places = Array.from({ length: run.resolved.outputs }, (_, o) => o);
  const neurons = run.neurons.map((neuron) => {
    const { weights, bias, gateDirection, original } = neuron;
    // a gate is open at zero, where a rectifier gives zero anyway
    const on =
      gateDirection === undefined ? dot(weights, x, bias) > 0 : dot(gateDirection.weights, x, gateDirection.bias) >= 0;
    const adds = places.map((o) => (on ? dot(original.weights[o], values, original.offset[o]) : 0));
    return { neuron, on, adds };
  });
  const base = places.map((o) => (run.outputOffset?.[o] ?? 0) * target.scale + target.mean);
  const active = neurons.filter(({ on }) => on);
  return {
    base,
    neurons,
    outputs: places.map((o) => active.reduce((sum, { adds }) => sum + adds[o], base[o])),
    slopes: places.map((o) =>
      inputs.map((_, k) => active.reduce((sum, { neuron }) => sum + neuron.original.weights[o][k], 0)),
    ),
  };
}

/**
 * Two classes by one output: how far the decision boundary is, in deviations of the inputs, along the steepest way while the same neurons are on
 * (|output - threshold| over the norm of its slopes per deviation); undefined where the output does not change, or of other networks.
 */
export function boundaryDistance(run: RowRun, { outputs, slopes }: RowOutput): number | undefined {
  if (run.resolved.classes.length !== 2 || outputs.length !== 1) return undefined;
  const steepness = Math.hypot(...slopes[0].map((slope, k) => slope * run.scaling.inputs[k].scale));
  return steepness > 0 ? Math.abs(outputs[0] - (run.resolved.threshold?.at ?? 0)) / steepness : undefined;
}
