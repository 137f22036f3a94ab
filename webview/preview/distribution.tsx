import type { VNode } from 'preact';
import type { ColumnSummary } from '../../src/shared/preview.ts';
import { formatInteger } from '../ui/format.ts';

const [width, height] = [160, 34];

/** A column at a glance: bins of numbers as bars, or the commonest values with their shares. */
export function Distribution({ summary, name }: { readonly summary: ColumnSummary; readonly name: string }): VNode {
  if (summary.kind === 'bins') {
    const { counts, least, most } = summary;
    const top = Math.max(...counts, 1);
    const step = width / counts.length;
    return (
      <figure class="bins">
        <svg
          viewBox={`0 0 ${width} ${height}`}
          width={width}
          height={height}
          role="img"
          aria-label={`Distribution of ${name} from ${least} to ${most}; the fullest of ${counts.length} bins holds ${top} rows`}
        >
          {counts.map((count, k) => {
            const tall = count === 0 ? 0 : Math.max(1, (count / top) * (height - 1));
            return <rect key={k} x={k * step} y={height - tall} width={Math.max(1, step - 1)} height={tall} />;
          })}
        </svg>
        <figcaption class="muted">
          <span>{least}</span>
          <span>{most}</span>
        </figcaption>
      </figure>
    );
  }
  const { values, others } = summary;
  const all = values.reduce((sum, { count }) => sum + count, others);
  if (all === 0) return <span class="muted">no values</span>;
  return (
    <ul class="top-values">
      {values.slice(0, 3).map(({ label, count }) => (
        <li key={label} title={`${label}: ${formatInteger(count)} rows`}>
          <span class="top-label">{label === '' ? '(empty)' : label}</span>
          <span class="top-track" aria-hidden="true">
            <span class="top-fill" style={{ width: `${(100 * count) / all}%` }} />
          </span>
          <span class="num">{formatInteger(count)}</span>
        </li>
      ))}
      {values.length + others > 3 && all > values.slice(0, 3).reduce((sum, { count }) => sum + count, 0) && (
        <li class="muted">
          and others: {formatInteger(all - values.slice(0, 3).reduce((sum, { count }) => sum + count, 0))} rows
        </li>
      )}
    </ul>
  );
}
