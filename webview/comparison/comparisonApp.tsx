import type { VNode } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Comparison } from '../../src/shared/compareRuns.ts';
import type { ToComparison } from '../../src/shared/comparisonPage.ts';
import { type Panel, PanelContext } from '../app/panelContext.ts';
import { initialState } from '../app/panelState.ts';
import { Chart } from '../charts/chart.tsx';
import { Surface } from '../charts/surface/surface.tsx';
import { comparisonReport, nameOf } from '../report/comparison.ts';
import type { Block } from '../report/document.ts';
import { Boundary } from '../ui/boundary.tsx';
import { Button, Dropdown } from '../ui/controls.ts';
import { longName } from '../ui/pagedTable.tsx';
import { CopyTable } from '../ui/copyTable.tsx';
import type { TextTable } from '../ui/tableText.ts';
import type { ComparisonHost } from './comparisonHost.ts';

/** Runs beside each other: the blocks of the report, with charts that can be pointed at and a baseline that can be chosen. */
export function ComparisonApp({ host }: { readonly host: ComparisonHost }): VNode {
  const [shown, setShown] = useState<ToComparison | null>(null);
  const [said, setSaid] = useState('');
  useEffect(() => {
    host.listen((message) => {
      setShown(message);
      host.remember(message.chosen);
    });
    host.send({ type: 'ready' });
  }, [host]);
  const panel = useMemo<Panel>(
    () => ({
      state: initialState,
      send: (message) => {
        if (message.type === 'saveFile' || message.type === 'saveTable' || message.type === 'copy') host.send(message);
      },
      choices: {},
      choose: () => undefined,
      openView: () => undefined,
      needRows: () => undefined,
      fileStem: 'runs',
      announce: setSaid,
    }),
    [host],
  );
  const comparison = shown?.comparison ?? null;
  return (
    <PanelContext.Provider value={panel}>
      {comparison !== null && <Head comparison={comparison} host={host} />}
      <main>
        <div class="view">
          {shown !== null && shown.error !== null && (
            <div class="banner error" role="alert">
              <p class="message">{shown.error}</p>
            </div>
          )}
          {comparison === null ? (
            (shown === null || shown.error === null) && <p class="muted">Loading …</p>
          ) : (
            <Boundary name="The comparison" context="comparison" of={shown!.chosen.ids.join(' ')}>
              <Blocks comparison={comparison} host={host} />
            </Boundary>
          )}
        </div>
      </main>
      <div class="visually-hidden" role="status" aria-live="polite">
        {said}
      </div>
    </PanelContext.Provider>
  );
}

interface Shown {
  readonly comparison: Comparison;
  readonly host: ComparisonHost;
}

function Head({ comparison, host }: Shown): VNode {
  const { runs, baseline } = comparison;
  return (
    <header class="header">
      <div class="header-row">
        <h1>{comparisonReport(comparison).title}</h1>
        <Dropdown
          label="Baseline"
          value={runs[baseline].id}
          choices={runs.map(({ id, label }, i) => ({ value: id, label: `${i + 1}: ${label}` }))}
          onSelect={(id) => host.send({ type: 'baseline', id })}
        />
        <span class="spacer" />
        <Button onPress={() => host.send({ type: 'export' })}>Export</Button>
      </div>
    </header>
  );
}

/** A heading and what stands below it. */
interface Section {
  readonly heading: string;
  readonly blocks: readonly Block[];
}

function sectionsOf(blocks: readonly Block[]): Section[] {
  const sections: { heading: string; blocks: Block[] }[] = [];
  for (const block of blocks) {
    if (block.kind === 'heading') sections.push({ heading: block.text, blocks: [] });
    else sections.at(-1)?.blocks.push(block);
  }
  return sections;
}

function Blocks({ comparison, host }: Shown): VNode {
  const sections = useMemo(() => sectionsOf(comparisonReport(comparison).blocks), [comparison]);
  return (
    <>
      <section class="card" aria-label="The runs">
        <ol class="compared">
          {comparison.runs.map(({ id, label }, i) => (
            <li key={id}>
              <span class={i === comparison.baseline ? 'best' : undefined}>{nameOf(comparison, i)}</span>{' '}
              <Button look="icon" label={`Open ${label}`} onPress={() => host.send({ type: 'openRun', id })}>
                {label}
              </Button>
            </li>
          ))}
        </ol>
      </section>
      {sections.map(({ heading, blocks }) => (
        <section class="card" key={heading} aria-label={heading}>
          <h2>{heading}</h2>
          {blocks.map((block, i) => (
            <BlockView key={i} block={block} />
          ))}
        </section>
      ))}
    </>
  );
}

function BlockView({ block }: { readonly block: Block }): VNode | null {
  switch (block.kind) {
    case 'text':
      return <p class="muted">{block.text}</p>;
    case 'table':
      return <TableBlock table={block.table} />;
    case 'chart':
      return <Chart spec={block.chart} />;
    case 'surfaces':
      return (
        <div class="compared-surfaces">
          {block.surfaces.map(({ id, title, shape, certainty }) => (
            <Surface key={id} id={id} title={title} shape={shape} certainty={certainty} />
          ))}
        </div>
      );
    case 'heading':
    case 'list':
    case 'facts':
    case 'picture':
    case 'code':
      return null; // the runs are listed above with a way to each; the others a comparison does not have
  }
}

function TableBlock({ table }: { readonly table: TextTable }): VNode {
  const { caption, header, rows, numeric, marked } = table;
  const look = (column: number): string | undefined => (numeric[column] ? 'numeric' : undefined);
  return (
    <div class="compared-table">
      <div class="table-scroll" tabIndex={0} role="region" aria-label={caption}>
        <table class="scores">
          <caption>{caption}</caption>
          <thead>
            <tr>
              {header.map((title, k) =>
                title === '' ? (
                  <td key={k} />
                ) : (
                  <th key={k} scope="col" class={look(k)}>
                    {title}
                  </th>
                ),
              )}
            </tr>
          </thead>
          <tbody>
            {rows.map((cells, i) => (
              <tr key={i}>
                {cells.map((cell, k) => (
                  <td key={k} class={look(k) ?? longName(cell)}>
                    {marked?.[i][k] === true ? <strong>{cell}</strong> : cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <CopyTable caption={caption} table={() => table} />
    </div>
  );
}
