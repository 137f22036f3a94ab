import type { ComponentChildren, VNode } from 'preact';
import { useId, useMemo, useState } from 'preact/hooks';
import { usePanel } from '../app/panelContext.ts';
import { Button } from '../ui/controls.ts';
import { formatNumber } from '../ui/format.ts';
import { Icon } from '../ui/icon.tsx';
import { Menu } from '../ui/menu.tsx';
import { PagedTable } from '../ui/pagedTable.tsx';
import type { DataTable, Picture } from './exportFile.ts';
import { fileName } from './fileName.ts';
import { picturePng, pictureSvg, tableMessage } from './exportFile.ts';
import { printPalette, usePalette } from './theme.ts';

export interface FrameProps {
  readonly id: string;
  readonly title: string;
  readonly summary: string;
  /** What the pointer or the keyboard cursor is at, in words. */
  readonly readout: string;
  /** The readout came from the keyboard, so it is read aloud too. */
  readonly spoken: boolean;
  readonly table: () => DataTable;
  /** The same at any size and in any palette, for files. */
  readonly picture: () => Picture;
  readonly controls?: ComponentChildren;
  readonly legend?: ComponentChildren;
  /** The drawing; gets the id of the description. */
  readonly children: ComponentChildren;
}

/** What every picture has: a caption, words for a screen reader at the cursor, the same data as a table, and files. */
export function Frame(props: FrameProps): VNode {
  const { id, title, summary, readout, spoken, table, picture, controls, legend, children } = props;
  const panel = usePanel();
  const [open, setOpen] = useState(false);
  const key = useId();
  const { font } = usePalette();
  const name = fileName(panel.fileStem, id);
  const save = (extension: string, content: string, encoding: 'base64' | 'utf8'): void =>
    panel.send({ type: 'saveFile', name: `${name}.${extension}`, content, encoding });
  const items = [
    { label: 'Picture (PNG)', onPress: () => save('png', picturePng(picture(), printPalette(font)), 'base64') },
    { label: 'Drawing (SVG)', onPress: () => save('svg', pictureSvg(picture(), printPalette(font)), 'utf8') },
    { label: 'Data (CSV)', onPress: () => panel.send(tableMessage(`${name}.csv`, table())) },
  ];
  return (
    <figure class="chart" aria-labelledby={`${key}-title`}>
      <figcaption>
        <div class="chart-head">
          <h3 id={`${key}-title`}>{title}</h3>
          <span class="chart-tools">
            {controls}
            <Button look="icon" label={`Table: ${title}`} pressed={open} onPress={() => setOpen(!open)}>
              <Icon name="table" />
            </Button>
            <Menu look="icon" label={`Save: ${title}`} items={items}>
              <Icon name="save" />
            </Menu>
          </span>
        </div>
        <p class="chart-summary">{summary}</p>
      </figcaption>
      {children}
      {legend}
      <div class="visually-hidden" role="status" aria-live="polite">
        {spoken ? readout : ''}
      </div>
      {open && <TableView caption={`Data of ${title}`} table={table} />}
    </figure>
  );
}

function TableView({ caption, table }: { readonly caption: string; readonly table: () => DataTable }): VNode {
  const data = useMemo(table, [table]);
  const rows = useMemo(() => Array.from({ length: data.rows }, (_, i) => i), [data]);
  return (
    <PagedTable<number>
      caption={caption}
      rows={rows}
      rowKey={(row) => row}
      columns={data.header.map((title, column) => ({
        id: String(column),
        title,
        numeric: data.rows > 0 && typeof data.cell(0, column) === 'number',
        cell: (row) => {
          const value = data.cell(row, column);
          return typeof value === 'number' ? formatNumber(value, 6) : value;
        },
      }))}
    />
  );
}
