import type { Feature } from './chooseColumns.ts';
import type { ColumnProfile } from './infer.ts';
import { plainText } from './plainText.ts';
import { cellLabel, hasValue, type Column } from './table.ts';

/** Fewer rows than this can be told apart by anything. */
const leastRows = 20;
/** Rows that are looked at; a feature that passes on them is looked at on all. */
const firstRows = 2000;
/** Share of unexplained variance from which on the rest is no rounding. */
const roundingShare = 1e-8;

/**
 * Warnings of features that determine the target alone: it is a linear function of the number, each of few values has one target, or bounds on
 * the number tell all classes apart. `rows` are rows of the table, `y` the target of each.
 */
export function leakageWarnings(
  features: readonly Feature[],
  target: ColumnProfile,
  rows: readonly number[],
  y: Float64Array,
  numericTarget: boolean,
  poll: () => void,
): string[] {
  if (rows.length < leastRows || features.length < 2) return [];
  const found: string[] = [];
  const step = Math.max(1, Math.floor(rows.length / firstRows));
  const some = rows.length > firstRows ? Int32Array.from({ length: firstRows }, (_, k) => k * step) : undefined;
  const all = Int32Array.from(rows, (_, i) => i);
  for (const { profile, encoding } of features) {
    poll();
    const { column } = profile;
    const decides = (chosen: Int32Array): string | undefined => {
      const present = chosen.filter((i) => hasValue(column, rows[i]));
      if (present.length < leastRows) return undefined;
      if (encoding === 'number' && numericTarget && isLinear(column.numbers, rows, y, present))
        return 'the target is a linear function of it';
      if (oneTargetEach(column, rows, y, present)) return 'each of its values goes with one value of the target';
      if (encoding === 'number' && !numericTarget && isStepwise(column.numbers, rows, y, present))
        return 'bounds on it tell all classes apart';
      return undefined;
    };
    if (some !== undefined && decides(some) === undefined) continue;
    const how = decides(all);
    if (how !== undefined) found.push(`"${plainText(column.name)}" (${how})`);
  }
  if (found.length === 0 || found.length > features.length / 2 + 1) return [];
  const name = plainText(target.column.name);
  return [
    `${found.slice(0, 5).join(', ')}${found.length > 5 ? ', ...' : ''} alone ${found.length === 1 ? 'determines' : 'determine'} the target "${name}". ` +
      'If it is known only together with the target, leave it out (--exclude, or the type leave-out).',
  ];
}

function isLinear(x: Float64Array, rows: readonly number[], y: Float64Array, chosen: Int32Array): boolean {
  let [meanX, meanY] = [0, 0];
  for (const i of chosen) {
    meanX += x[rows[i]] / chosen.length;
    meanY += y[i] / chosen.length;
  }
  let [xx, xy, yy] = [0, 0, 0];
  for (const i of chosen) {
    const [a, b] = [x[rows[i]] - meanX, y[i] - meanY];
    xx += a * a;
    xy += a * b;
    yy += b * b;
  }
  return xx > 0 && yy > 0 && 1 - (xy / xx) * (xy / yy) < roundingShare;
}

/** Few values, each of which goes with one target, and not all with the same. */
function oneTargetEach(column: Column, rows: readonly number[], y: Float64Array, chosen: Int32Array): boolean {
  const targets = new Map<string, number>();
  const seen = new Set<number>();
  for (const i of chosen) {
    const label = cellLabel(column, rows[i]) ?? '';
    const known = targets.get(label);
    if (known === undefined) {
      targets.set(label, y[i]);
      if (targets.size > chosen.length / 4) return false;
    } else if (known !== y[i]) return false;
    seen.add(y[i]);
  }
  return seen.size > 1;
}

/** Sorted by the number the classes come one after the other. */
function isStepwise(x: Float64Array, rows: readonly number[], y: Float64Array, chosen: Int32Array): boolean {
  const order = Array.from(chosen).sort((a, b) => x[rows[a]] - x[rows[b]]);
  const gone = new Set<number>();
  for (let k = 1; k < order.length; k++) {
    if (y[order[k]] === y[order[k - 1]]) continue;
    if (x[rows[order[k]]] === x[rows[order[k - 1]]]) return false;
    gone.add(y[order[k - 1]]);
    if (gone.has(y[order[k]])) return false;
  }
  return gone.size > 0;
}
