import { type ComponentChildren, render, type VNode } from 'preact';
import { usePanel } from '../app/panelContext.ts';
import { Icon } from './icon.tsx';
import { Menu } from './menu.tsx';
import type { Column } from './pagedTable.tsx';
import { tableLatex, tableMarkdown, type TextTable } from './tableText.ts';

/** Puts a table on the clipboard as text. */
export function CopyTable({ caption, table }: { readonly caption: string; readonly table: () => TextTable }): VNode {
  const { send, announce } = usePanel();
  const copy = (text: string, language: string): void => {
    send({ type: 'copy', text });
    announce(`Copied as ${language}.`);
  };
  return (
    <span class="copy-table">
      <Menu
        look="icon"
        label={`Copy: ${caption}`}
        items={[
          { label: 'Copy as Markdown', onPress: () => copy(tableMarkdown(table()), 'Markdown') },
          { label: 'Copy as LaTeX', onPress: () => copy(tableLatex(table()), 'LaTeX') },
        ]}
      >
        <Icon name="copy" />
      </Menu>
    </span>
  );
}

/** What a cell reads as. */
function cellText(cell: ComponentChildren): string {
  if (typeof cell === 'string' || typeof cell === 'number') return String(cell);
  const holder = document.createElement('div');
  render(<>{cell}</>, holder);
  const text = (holder.textContent ?? '').trim();
  render(null, holder);
  return text;
}

/** All rows of a table that is shown page by page. */
export function pagedText<Row>(caption: string, rows: readonly Row[], columns: readonly Column<Row>[]): TextTable {
  return {
    caption,
    header: columns.map(({ title }) => title),
    rows: rows.map((row, i) => columns.map((column) => cellText(column.cell(row, i)))),
    numeric: columns.map(({ numeric }) => numeric === true),
  };
}
