import { recorded, recordedNote } from '../../../../src/shared/recorded.ts';
import { text } from '../../../../src/shared/texts.ts';
import type { VNode } from 'preact';
import type { ColumnSummary, RunRecord } from '../../../../src/shared/run.ts';
import { formatCount, formatInteger, formatLine } from '../../../ui/format.ts';
import { Icon } from '../../../ui/icon.tsx';
import { PagedTable } from '../../../ui/pagedTable.tsx';
import { Section, TextFacts } from '../../../ui/pieces.tsx';
import { dataFacts } from '../../runFacts.ts';

/** What was read of the file, in a few words. */
export function readWords({ dataset, resolved }: RunRecord): string {
  const left = dataset.rowsTotal - dataset.rowsUsed;
  return `${formatCount(dataset.rowsUsed, 'row')}${left > 0 ? ` (${formatInteger(left)} left out)` : ''}, ${formatCount(resolved.inputs, 'encoded input')}`;
}

export function DataSummary({ run }: { readonly run: RunRecord }): VNode {
  const { dataset } = run;
  return (
    <Section title="Data">
      <TextFacts facts={dataFacts(run)} />
      {dataset.dropped.length > 0 && (
        <>
          <h3>Rows left out</h3>
          <ul>
            {dataset.dropped.map((drop) => (
              <li key={drop.reason}>
                {formatCount(drop.count, 'row')}: {recorded(drop.reason)}
                {drop.lines.length > 0 &&
                  ` (${drop.lines.length > 1 ? 'lines' : 'line'} ${drop.lines
                    .slice(0, 8)
                    .map(formatLine)
                    .join(', ')}${drop.count > Math.min(8, drop.lines.length) ? ', …' : ''})`}
              </li>
            ))}
          </ul>
        </>
      )}
      {dataset.warnings.length > 0 && (
        <ul class="notes" aria-label="Warnings about the data">
          {dataset.warnings.map((warning) => (
            <li key={warning}>
              <Icon name="warning" /> {recorded(warning)}
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

/** Every column of the file: what it is used for and how it is encoded. */
export function Columns({ run }: { readonly run: RunRecord }): VNode {
  const { dataset } = run;
  return (
    <Section title="Columns of the file" wide>
      <PagedTable<ColumnSummary>
        caption="Columns of the file"
        hideCaption
        rows={dataset.columns}
        rowKey={(column) => column.name}
        pageSize={12}
        columns={[
          {
            id: 'name',
            title: 'Column',
            cell: (column) => <span class="long-name">{column.name}</span>,
            sortBy: (column) => column.name,
          },
          { id: 'role', title: 'Role', cell: (column) => text(column.role), sortBy: (column) => column.role },
          { id: 'kind', title: 'Kind', cell: (column) => text(column.kind), sortBy: (column) => column.kind },
          {
            id: 'distinct',
            title: 'Distinct',
            numeric: true,
            cell: (column) => formatInteger(column.distinct),
            sortBy: (column) => column.distinct,
          },
          {
            id: 'missing',
            title: 'Missing',
            numeric: true,
            cell: (column) => formatInteger(column.missing),
            sortBy: (column) => column.missing,
          },
          { id: 'note', title: 'Encoding', cell: (column) => recordedNote(column.note) },
        ]}
      />
    </Section>
  );
}
