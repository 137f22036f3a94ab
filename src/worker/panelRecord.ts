import { selectBits } from '../shared/bits.ts';
import type { RunRecord } from '../shared/run.ts';
import { trainRank } from '../shared/runView.ts';

/**
 * More rows than this are neither drawn nor listed by a panel, and copying them between processes would block the editor; a
 * panel of a larger run gets the most influential rows and an even sample of the others. The run on disk keeps all.
 */
export const panelRows = 10_000;

export interface PanelRecord {
  readonly record: RunRecord;
  /** Index in the full record of each row of the panel's; null when it has all. */
  readonly rows: Int32Array | null;
}

/** The part of a run that a panel draws. */
export function panelRecord(run: RunRecord, limit = panelRows): PanelRecord {
  const total = run.rows.line.length;
  if (total <= limit) return { record: run, rows: null };
  const outputs = run.resolved.outputs;
  const rank = trainRank(run);
  const kept = chooseRows(run, rank, limit);
  const rows = Array.from(kept);
  const perOutput = (values: readonly number[], at: readonly number[]): number[] =>
    at.flatMap((row) => values.slice(row * outputs, (row + 1) * outputs));
  const trainRows = rows.filter((row) => run.rows.split[row] === 0);
  const shownTraining = trainRows.length.toLocaleString('en');
  return {
    record: {
      ...run,
      neurons: run.neurons.map((neuron) => ({ ...neuron, on: selectBits(neuron.on, rows) })),
      rows: {
        line: rows.map((row) => run.rows.line[row]),
        split: rows.map((row) => run.rows.split[row]),
        target: rows.map((row) => run.rows.target[row]),
        prediction: perOutput(run.rows.prediction, rows),
        dual: perOutput(
          run.rows.dual,
          trainRows.map((row) => rank[row]),
        ),
      },
      notes: [
        ...run.notes,
        `Row by row, the panel shows ${limit.toLocaleString('en')} of ${total.toLocaleString('en')} rows: the ones with the ` +
          `largest dual values and an even sample of the others (${shownTraining} of them are training rows). Sums, scores and the ` +
          'certificate are over all rows; exports hold all rows.',
      ],
    },
    rows: kept,
  };
}

/** Half of the limit by size of the dual value, the rest evenly; ascending. */
function chooseRows(run: RunRecord, rank: Int32Array, limit: number): Int32Array {
  const outputs = run.resolved.outputs;
  const total = rank.length;
  const size = new Float64Array(total);
  for (let row = 0; row < total; row++) {
    if (rank[row] < 0) continue;
    for (let k = 0; k < outputs; k++) size[row] = Math.max(size[row], Math.abs(run.rows.dual[rank[row] * outputs + k]));
  }
  const order = Int32Array.from({ length: total }, (_, row) => row).sort((a, b) => size[b] - size[a] || a - b);
  const chosen = new Uint8Array(total);
  const half = limit >> 1;
  for (let i = 0; i < half; i++) chosen[order[i]] = 1;
  const others = order.subarray(half).slice().sort();
  const rest = limit - half;
  for (let i = 0; i < rest; i++) chosen[others[Math.floor((i * others.length) / rest)]] = 1;
  const kept = new Int32Array(limit);
  let next = 0;
  for (let row = 0; row < total; row++) if (chosen[row] === 1) kept[next++] = row;
  return kept;
}
