import { text } from '../../../../src/shared/texts.ts';
import { encodedName } from '../../../../src/core/data/scaling.ts';
import type { NeuronRecord, RunRecord } from '../../../../src/shared/run.ts';
import { orderRows } from '../../../charts/heatmap/heatmapModel.ts';
import type { Bar } from '../../../ui/pieces.tsx';
import { keptFor } from '../../perRun.ts';
import { decodeOn, isOn, outputName } from '../../runData.ts';

/** Neurons by share of the fit, largest first: the order of the heat map. */
export const byShare = keptFor((run: RunRecord): readonly NeuronRecord[] =>
  [...run.neurons].sort((a, b) => b.share - a.share || a.id - b.id),
);

export function neuronName(neuron: Pick<NeuronRecord, 'id'>): string {
  return `Neuron ${neuron.id + 1}`;
}

/** Outer weights of a neuron that are not zero, with the name of the output each feeds. */
export function outerWeights(run: RunRecord, neuron: NeuronRecord): Bar[] {
  return neuron.outer.flatMap((value, output) => (value === 0 ? [] : [{ name: outputName(run, output), value }]));
}

export type WeightUnits = 'standard' | 'original';

/**
 * Weights of a neuron per input, largest first, with the bias last.
 * `standard`: change of the neuron's output weight times activation per unit of the encoded input, so that features compare;
 * `original`: slope in the output's unit per unit of the original feature, from the record.
 */
export function neuronWeights(run: RunRecord, neuron: NeuronRecord, units: WeightUnits, output: number): Bar[] {
  const inputs = run.scaling.inputs;
  const outer = neuron.outer[output] ?? 0;
  const values =
    units === 'original' ? neuron.original.weights[output] : neuron.weights.map((weight) => weight * outer);
  const offset = units === 'original' ? neuron.original.offset[output] : neuron.bias * outer;
  const bars = inputs.map((input, k) => ({
    name: units === 'original' ? input.name : encodedName(run.scaling, k),
    value: values?.[k] ?? 0,
  }));
  bars.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  return [...bars, { name: units === 'original' ? 'offset' : 'bias', value: offset ?? 0 }];
}

/** The output that a neuron feeds most. */
export function mainOutput(neuron: NeuronRecord): number {
  let best = 0;
  neuron.outer.forEach((value, output) => {
    if (Math.abs(value) > Math.abs(neuron.outer[best])) best = output;
  });
  return best;
}

/** "raises setosa, lowers versicolor and virginica": what a neuron does where it is on, outputs that it hardly moves left out. */
export function effectWords(run: RunRecord, neuron: NeuronRecord): string {
  const largest = Math.abs(neuron.outer[mainOutput(neuron)]);
  const side = (sign: 1 | -1): string[] =>
    neuron.outer
      .map((value, output) => ({ value, output }))
      .filter(({ value }) => value * sign > 0.05 * largest)
      .sort((a, b) => Math.abs(b.value) - Math.abs(a.value))
      .map(({ output }) => outputName(run, output));
  const said = (verb: string, names: readonly string[]): string[] => {
    if (names.length === 0) return [];
    const shown = names.length > 4 ? [...names.slice(0, 3), `${names.length - 3} others`] : names;
    const last = shown.length > 1 ? ` and ${shown[shown.length - 1]}` : '';
    return [`${verb} ${(last === '' ? shown : shown.slice(0, -1)).join(', ')}${last}`];
  };
  return `${[...said(text('raises'), side(1)), ...said(text('lowers'), side(-1))].join(', ')} where it is on`;
}

/** Which neurons are on for a row. */
export function firing(run: RunRecord, row: number): readonly NeuronRecord[] {
  return byShare(run).filter((neuron) => isOn(neuron, row));
}

/** At most this many bands are drawn; beyond it the ones with the largest share. */
export const maxBands = 500;

export interface ActivationBand {
  readonly neuron: NeuronRecord;
  readonly label: string;
  readonly short: string;
  readonly on: Uint8Array;
}

export const activationBands = keptFor((run: RunRecord): readonly ActivationBand[] => {
  const rows = run.rows.line.length;
  return byShare(run)
    .slice(0, maxBands)
    .map((neuron) => ({ neuron, label: neuronName(neuron), short: String(neuron.id + 1), on: decodeOn(neuron, rows) }));
});

/** The rows in the order of their patterns, as the bands have them. */
export const rowsByPattern = keptFor((run: RunRecord): Int32Array =>
  orderRows(
    'pattern',
    activationBands(run).map((band) => band.on),
    run.rows.target,
  ),
);

/** Index of the row with a file line; the next one where that line is not a used row; null without rows. */
export function rowAtLine(run: RunRecord, line: number): number | null {
  const { line: lines } = run.rows;
  let best: number | null = null;
  for (let row = 0; row < lines.length; row++) {
    if (lines[row] === line) return row;
    if (best === null || Math.abs(lines[row] - line) < Math.abs(lines[best] - line)) best = row;
  }
  return best;
}
