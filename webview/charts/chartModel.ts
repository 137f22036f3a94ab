import { formatNumber } from '../ui/format.ts';
import type { Layout } from './chartInk.ts';
import type { AxisSpec, ChartSpec, DrawnSeries } from './spec.ts';
import type { Place } from './tip.tsx';

/** A point under the pointer or the keyboard cursor: indices into the drawn series. */
export interface Cursor {
  readonly series: number;
  readonly point: number;
}

const axisText = (axis: AxisSpec, value: number): string => (axis.format ?? ((v: number) => formatNumber(v, 6)))(value);

/** What the cursor is at, in words. */
export function describePoint(spec: ChartSpec, series: DrawnSeries, i: number): string {
  const words = series.spec.describe?.(series.source[i]);
  const many = spec.series.length > 1 ? `${series.spec.label}: ` : '';
  const at = `${spec.x.label} ${axisText(spec.x, series.x[i])}, ${spec.y.label} ${axisText(spec.y, series.y[i])}`;
  return `${many}${at}${words ? ` (${words})` : ''}`;
}

/** First index with x[i] >= value. */
function lowerBound(x: Float64Array, value: number): number {
  let low = 0;
  let high = x.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The drawn point nearest to a place in pixels, at most `reach` pixels away. */
export function nearestPoint(
  drawn: readonly DrawnSeries[],
  { toX, toY, fromX }: Pick<Layout, 'toX' | 'toY' | 'fromX'>,
  at: Place,
  reach: number,
): Cursor | null {
  let best = reach * reach;
  let found: Cursor | null = null;
  drawn.forEach((series, s) => {
    if (series.spec.kind === 'band') return;
    const start = lowerBound(series.x, fromX(at.x));
    for (const step of [1, -1]) {
      for (let i = step > 0 ? start : start - 1; i >= 0 && i < series.x.length; i += step) {
        const dx = toX(series.x[i]) - at.x;
        if (dx * dx > best) break;
        const dy = toY(series.y[i]) - at.y;
        if (dx * dx + dy * dy < best) {
          best = dx * dx + dy * dy;
          found = { series: s, point: i };
        }
      }
    }
  });
  return found;
}

/** Where a key moves the cursor; null when the key means nothing here. */
export function moveCursor(drawn: readonly DrawnSeries[], cursor: Cursor | null, key: string): Cursor | null {
  const filled = drawn
    .map((series, i) => (series.x.length > 0 && series.spec.kind !== 'band' ? i : -1))
    .filter((i) => i >= 0);
  if (filled.length === 0) return null;
  if (!['ArrowLeft', 'ArrowRight', 'ArrowUp', 'ArrowDown', 'Home', 'End', 'PageUp', 'PageDown'].includes(key))
    return null;
  if (!cursor) return { series: filled[0], point: key === 'End' ? drawn[filled[0]].x.length - 1 : 0 };
  const series = drawn[cursor.series];
  const last = series.x.length - 1;
  const page = Math.max(1, Math.round(series.x.length / 10));
  const to = (point: number): Cursor => ({ series: cursor.series, point: Math.max(0, Math.min(last, point)) });
  switch (key) {
    case 'ArrowLeft':
      return to(cursor.point - 1);
    case 'ArrowRight':
      return to(cursor.point + 1);
    case 'PageUp':
      return to(cursor.point - page);
    case 'PageDown':
      return to(cursor.point + page);
    case 'Home':
      return to(0);
    case 'End':
      return to(last);
    default: {
      const k = filled.indexOf(cursor.series) + (key === 'ArrowDown' ? 1 : -1);
      const other = filled[(k + filled.length) % filled.length];
      const x = series.x[cursor.point];
      const i = Math.min(lowerBound(drawn[other].x, x), drawn[other].x.length - 1);
      const before = i > 0 && Math.abs(drawn[other].x[i - 1] - x) < Math.abs(drawn[other].x[i] - x);
      return { series: other, point: before ? i - 1 : i };
    }
  }
}
