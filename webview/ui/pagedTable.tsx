import type { ComponentChildren, VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Button } from './controls.ts';
import { CopyTable, pagedText } from './copyTable.tsx';
import { formatInteger } from './format.ts';
import { Icon } from './icon.tsx';

export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  /** Explanation shown on hover and read with the heading. */
  readonly hint?: string;
  readonly numeric?: boolean;
  readonly cell: (row: Row, index: number) => ComponentChildren;
  /** Makes the column sortable. */
  readonly sortBy?: (row: Row) => number | string;
}

export interface PagedTableProps<Row> {
  readonly caption: string;
  readonly rows: readonly Row[];
  readonly columns: readonly Column<Row>[];
  readonly rowKey: (row: Row, index: number) => string | number;
  readonly pageSize?: number;
  readonly selected?: (row: Row) => boolean;
  readonly onRowClick?: (row: Row) => void;
  readonly initialSort?: { readonly column: string; readonly descending: boolean };
  readonly hideCaption?: boolean;
  /** Told which rows are on the page, in order, whenever that changes. */
  readonly onPage?: (rows: readonly Row[]) => void;
}

/** Rows in the order of a column; equal keys keep their order. */
export function sortRows<Row>(
  rows: readonly Row[],
  key: ((row: Row) => number | string) | undefined,
  descending: boolean,
): readonly Row[] {
  if (!key) return rows;
  const sign = descending ? -1 : 1;
  return [...rows].sort((a, b) => {
    const [x, y] = [key(a), key(b)];
    if (typeof x === 'number' && typeof y === 'number') return sign * (x - y);
    return sign * String(x).localeCompare(String(y));
  });
}

/** Texts from this length on get some width, so that they do not become a word a line where a table is wider than its place. */
const longFrom = 14;
export const longName = (content: unknown): 'long-name' | undefined =>
  typeof content === 'string' && content.length >= longFrom ? 'long-name' : undefined;

function Cell({ numeric, content }: { readonly numeric: boolean; readonly content: ComponentChildren }): VNode {
  return <td class={numeric ? 'numeric' : longName(content)}>{content}</td>;
}

/** A sortable table that shows a page at a time, so that ten thousand rows cost no more than twenty. */
export function PagedTable<Row>(props: PagedTableProps<Row>): VNode {
  const { caption, rows, columns, rowKey, pageSize = 20, selected, onRowClick, hideCaption } = props;
  const [sort, setSort] = useState(props.initialSort ?? { column: '', descending: true });
  const [wanted, setPage] = useState(0);
  const ordered = sortRows(rows, columns.find((column) => column.id === sort.column)?.sortBy, sort.descending);
  const pages = Math.max(1, Math.ceil(ordered.length / pageSize));
  const page = Math.min(wanted, pages - 1);
  const first = page * pageSize;
  const shown = ordered.slice(first, first + pageSize);
  const { onPage } = props;
  const pageKey = shown.map((row, i) => rowKey(row, first + i)).join(',');
  useEffect(() => onPage?.(shown), [pageKey]);
  return (
    <div class="paged">
      {/* Wide tables scroll on their own; the region takes the focus so that the keyboard can scroll it too. */}
      <div class="table-scroll" tabIndex={0} role="region" aria-label={`Table: ${caption}`}>
        <table>
          <caption class={hideCaption ? 'visually-hidden' : undefined}>{caption}</caption>
          <thead>
            <tr>
              {columns.map((column) => {
                const sorted = sort.column === column.id;
                return (
                  <th
                    key={column.id}
                    scope="col"
                    class={column.numeric ? 'numeric' : undefined}
                    title={column.hint}
                    aria-sort={sorted ? (sort.descending ? 'descending' : 'ascending') : undefined}
                  >
                    {column.sortBy ? (
                      <button
                        type="button"
                        class="sort"
                        onClick={() => {
                          setSort({ column: column.id, descending: sorted ? !sort.descending : true });
                          setPage(0);
                        }}
                      >
                        {column.title}
                        {sorted && <Icon name={sort.descending ? 'down' : 'up'} />}
                      </button>
                    ) : (
                      column.title
                    )}
                  </th>
                );
              })}
            </tr>
          </thead>
          <tbody>
            {shown.map((row, i) => (
              <tr
                key={rowKey(row, first + i)}
                class={[selected?.(row) ? 'selected' : '', onRowClick ? 'clickable' : ''].join(' ').trim() || undefined}
                onClick={onRowClick && (() => onRowClick(row))}
              >
                {columns.map((column) => (
                  <Cell key={column.id} numeric={column.numeric === true} content={column.cell(row, first + i)} />
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div class="pager">
        {rows.length > 0 && <CopyTable caption={caption} table={() => pagedText(caption, ordered, columns)} />}
        {pages > 1 && (
          <>
            <Button
              look="icon"
              label={`Previous page: ${caption}`}
              disabled={page === 0}
              onPress={() => setPage(page - 1)}
            >
              <Icon name="chevronLeft" />
            </Button>
            <span>
              {formatInteger(first + 1)}–{formatInteger(first + shown.length)} of {formatInteger(ordered.length)}
            </span>
            <Button
              look="icon"
              label={`Next page: ${caption}`}
              disabled={page === pages - 1}
              onPress={() => setPage(page + 1)}
            >
              <Icon name="chevronRight" />
            </Button>
          </>
        )}
      </div>
    </div>
  );
}
