import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { Cell } from '../../src/study/axes.ts';
import { Button } from '../ui/controls.ts';
import { formatNumber } from '../ui/format.ts';
import { type Column, PagedTable } from '../ui/pagedTable.tsx';
import type { StudyData } from './figure.ts';

type Row = readonly Cell[];

/** Figures that are listed besides the one that is drawn. */
const listed = ['objective', 'gapOverAll', 'neurons', 'train', 'test', 'excess', 'taskSeconds'];

export interface StudyRowsProps {
  readonly data: StudyData;
  /** The figure that is drawn. */
  readonly y: string;
  /** Opens the run of a task; left out where no records are kept. */
  readonly onOpen: ((key: string) => void) | undefined;
}

/** The tasks, one a row; each opens its run. */
export function StudyRows({ data, y, onOpen }: StudyRowsProps): VNode {
  const columns = useMemo(() => columnsOf(data, y, onOpen), [data, y, onOpen]);
  return (
    <section class="card" aria-label="Tasks">
      <PagedTable<Row> caption="Tasks" rows={data.rows} columns={columns} rowKey={(row) => String(row[0])} />
    </section>
  );
}

function columnsOf(data: StudyData, y: string, onOpen: StudyRowsProps['onOpen']): Column<Row>[] {
  const at = (name: string): number => data.columns.indexOf(name);
  const column = (name: string): Column<Row> => {
    const k = at(name);
    const numeric = data.rows.some((row) => typeof row[k] === 'number');
    return {
      id: name,
      title: name,
      numeric,
      cell: (row) => (typeof row[k] === 'number' ? formatNumber(row[k]) : String(row[k] ?? '')),
      sortBy: (row) => (numeric ? (typeof row[k] === 'number' ? row[k] : -Infinity) : String(row[k] ?? '')),
    };
  };
  const figures = [...new Set([y, ...listed])].filter((name) => {
    const k = at(name);
    return data.rows.some((row) => (row[k] ?? null) !== null);
  });
  const [outcomeAt, keyAt] = [at('outcome'), at('key')];
  return [
    column('task'),
    ...data.own.map(column),
    { ...column('outcome'), cell: (row) => (row[outcomeAt] === 'done' ? 'done' : String(row[at('reason')])) },
    ...figures.map(column),
    ...(onOpen === undefined
      ? []
      : [
          {
            id: 'open',
            title: 'run',
            cell: (row: Row) =>
              row[outcomeAt] === 'done' ? (
                <Button
                  look="icon"
                  label={`Open the run of task ${String(row[0])}`}
                  onPress={() => onOpen(String(row[keyAt]))}
                >
                  open
                </Button>
              ) : null,
          },
        ]),
  ];
}
