import { useMemo } from 'preact/hooks';
import { rowOutput, rowValues } from '../../src/shared/rowModel.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import { usePanel, useRows } from './panelContext.ts';
import { isClassification, outputName, predictedClass } from './runData.ts';

/** What the neurons that are on add to what the network says of a row. */
export interface Contributions {
  /** What they are parts of: the target, or the output of the predicted class. */
  readonly unit: string;
  readonly base: number;
  /** By id of the neuron: what it adds, and its part of the sum of all sizes. */
  readonly adds: ReadonlyMap<number, { readonly value: number; readonly share: number }>;
}

/** Relative difference up to which running the network on the cells of the file gives the prediction of the record. */
const sameOutput = 1e-6;

/**
 * The parts of the prediction of a row, from its cells by column; null where a cell cannot be read, or where they do not add up to the
 * prediction in the record (the file has changed since).
 */
export function contributionsOf(
  run: RunRecord,
  row: number,
  cell: (column: string) => string | undefined,
): Contributions | null {
  if (run.neurons.length === 0) return null;
  const read = rowValues(run, (column) => cell(column) ?? '', run.dataset.decimal === ',' ? ',' : '.');
  if ('problem' in read) return null;
  const found = rowOutput(run, read.values);
  const { outputs } = run.resolved;
  const recorded = run.rows.prediction.slice(row * outputs, (row + 1) * outputs);
  const size = Math.max(...Array.from(recorded, Math.abs), ...found.outputs.map(Math.abs), 1e-300);
  if (found.outputs.some((value, o) => !(Math.abs(value - recorded[o]) <= sameOutput * size))) return null;
  const output = outputs === 1 || !isClassification(run) ? 0 : predictedClass(run, row);
  const on = found.neurons.filter((neuron) => neuron.on);
  const total = on.reduce((sum, { adds }) => sum + Math.abs(adds[output]), 0);
  return {
    unit: isClassification(run) ? outputName(run, output) : run.resolved.target,
    base: found.base[output],
    adds: new Map(
      on.map(({ neuron, adds }) => [
        neuron.id,
        { value: adds[output], share: total > 0 ? Math.abs(adds[output]) / total : 0 },
      ]),
    ),
  };
}

/** The same for the row that is selected, once its cells have come. */
export function useContributions(run: RunRecord, row: number | null): Contributions | null {
  const { state } = usePanel();
  const cells = useRows(row === null ? [] : [row]).get(row ?? -1);
  return useMemo(
    () =>
      row === null || cells === undefined
        ? null
        : contributionsOf(run, row, (column) => cells[state.header.indexOf(column)]),
    [run, row, cells, state.header],
  );
}
