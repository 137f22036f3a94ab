import type { NeuronRecord, RunRecord } from '../../src/shared/run.ts';
import type { NetworkName } from '../../src/shared/settings.ts';
import { betaMaxIsProven, describeVerdict, type Verdict, type VerdictFormat } from '../../src/shared/verdict.ts';
import { formatCount, formatGap, formatNumber, formatPercent } from '../ui/format.ts';

/** Views on a run that several pages need; pure, over arrays as they are in the record. */

/** Index into the training rows of each row; -1 for test rows. */
export function trainRank(run: RunRecord): Int32Array {
  const rank = new Int32Array(run.rows.line.length).fill(-1);
  let next = 0;
  for (let row = 0; row < rank.length; row++) if (run.rows.split[row] === 0) rank[row] = next++;
  return rank;
}

/** Index of each training row among all rows. */
export function trainRows(run: RunRecord): Int32Array {
  const rows: number[] = [];
  for (let row = 0; row < run.rows.line.length; row++) if (run.rows.split[row] === 0) rows.push(row);
  return Int32Array.from(rows);
}

/** Largest dual value over outputs, in size, of each training row. */
export function influence(run: RunRecord): Float64Array {
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
  const bytes = atob(neuron.on);
  const out = new Uint8Array(rows);
  for (let row = 0; row < rows; row++) out[row] = (bytes.charCodeAt(row >> 3) >> (row & 7)) & 1;
  return out;
}

export function isOn(neuron: NeuronRecord, row: number): boolean {
  // Four characters of base64 hold three bytes: only the ones around the row are decoded.
  const byte = row >> 3;
  const block = Math.floor(byte / 3);
  const bytes = atob(neuron.on.slice(block * 4, block * 4 + 4));
  return ((bytes.charCodeAt(byte - block * 3) >> (row & 7)) & 1) === 1;
}

export function isClassification(run: RunRecord): boolean {
  return run.resolved.task !== 'regression';
}

/** Predicted class of a row: the sign of one logit, or the largest of several. */
export function predictedClass(run: RunRecord, row: number): number {
  const { outputs } = run.resolved;
  const { prediction } = run.rows;
  if (outputs === 1) return prediction[row] >= 0 ? 1 : 0;
  let best = 0;
  for (let k = 1; k < outputs; k++) if (prediction[row * outputs + k] > prediction[row * outputs + best]) best = k;
  return best;
}

export const modelNames: Record<NetworkName, string> = {
  relu: 'two-layer ReLU',
  'relu-batch-norm': 'two-layer ReLU, batch normalisation',
  'gated-relu': 'two-layer gated ReLU',
  'three-layer': 'parallel three-layer ReLU',
  linear: 'deep linear',
};

/** What the network consists of, and what its activation patterns belong to. */
export function partNames(run: RunRecord): { readonly one: string; readonly many: string; readonly gate: string } {
  if (run.settings.model === 'three-layer') return { one: 'branch', many: 'branches', gate: 'tuple' };
  if (run.settings.model === 'linear') return { one: 'direction', many: 'directions', gate: 'gate' };
  return { one: 'neuron', many: 'neurons', gate: 'gate' };
}

/** How many of them: neurons, branches, or directions (the rank of the map). */
export function partCount(run: RunRecord): number {
  if (run.deep?.kind === 'three-layer') return run.deep.branches.length;
  if (run.deep?.kind !== 'linear') return run.neurons.length;
  // one network of all outputs has the rank of its layers; networks of one output have rank one or none
  return run.deep.layers.reduce((sum, [first]) => {
    const values = first?.singularValues ?? [];
    return sum + values.filter((s) => s > 1e-9 * (values[0] || 1)).length;
  }, 0);
}

/** The same in words. */
export function activeWords(run: RunRecord): string {
  const { one, many } = partNames(run);
  return formatCount(partCount(run), `active ${one}`, `active ${many}`);
}

/** How shared sentences write numbers in the panel. */
export const panelFormat: VerdictFormat = {
  count: formatCount,
  gap: formatGap,
  percent: (share) => formatPercent(share),
};

/** The verdict, with numbers as the panel writes them. */
export function panelVerdict(run: RunRecord): Verdict {
  return describeVerdict(run, panelFormat);
}

/** "12.3", or "at least 12.3" where beta max is only the largest that a search found. */
export function betaMaxWords(run: RunRecord): string {
  const value = formatNumber(run.resolved.betaMax);
  return betaMaxIsProven(run) ? value : `at least ${value}`;
}

/** Name of an output: the class it stands for, or the target. */
export function outputName(run: RunRecord, output: number): string {
  if (output < 0) return 'all outputs';
  // The one logit of two classes speaks for the second.
  if (run.resolved.outputs === 1) return run.resolved.classes[1] ?? run.resolved.target;
  return run.resolved.classes[output] ?? `output ${output + 1}`;
}

export function targetText(run: RunRecord, row: number, format: (value: number) => string): string {
  const value = run.rows.target[row];
  return isClassification(run) ? (run.resolved.classes[value] ?? String(value)) : format(value);
}

/** (objective - reference) / |reference|; null when the reference is zero or missing. */
export function excessOver(objective: number, reference: number | null | undefined): number | null {
  if (reference === null || reference === undefined || !Number.isFinite(reference) || reference === 0) return null;
  return (objective - reference) / Math.abs(reference);
}
