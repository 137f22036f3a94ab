import { recorded } from '../../../../src/shared/recorded.ts';
import type { VNode } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import { optimalSetWords } from '../../../../src/shared/optimalSet.ts';
import { sharesNeurons } from '../../../../src/shared/outputs.ts';
import type { GlobalCertificate, RunRecord } from '../../../../src/shared/run.ts';
import { proofMethodNames } from '../../../../src/shared/runView.ts';
import { capital } from '../../../../src/shared/usefulness.ts';
import { Chart } from '../../../charts/chart.tsx';
import { SphereMap } from '../../../charts/landscape/sphere.tsx';
import { Button, Dropdown } from '../../../ui/controls.ts';
import {
  formatCount,
  formatInteger,
  formatNumber,
  formatPercent,
  formatLine,
  formatSeconds,
  shortName,
  typeset,
} from '../../../ui/format.ts';
import { Icon } from '../../../ui/icon.tsx';
import { Later } from '../../../ui/later.tsx';
import type { Column } from '../../../ui/pagedTable.tsx';
import { PagedTable } from '../../../ui/pagedTable.tsx';
import { BarTable, type Fact, Facts, Num, Section } from '../../../ui/pieces.tsx';
import { useChoice, usePanel, useRows, useSelection } from '../../panelContext.ts';
import type { ViewDefinition } from '../../registry.ts';
import { RowCard } from '../../rowCard.tsx';
import { gapPartsWords, isClassification, outputName, partNames, predictedClass, targetText } from '../../runData.ts';
import type { DualOrder, RankedRow } from './dualModel.ts';
import {
  certificateWords,
  circleChart,
  concentration,
  constraintChart,
  dualChart,
  rankRows,
  slacknessChart,
  targetMoves,
  tightCount,
  worstDirection,
  worstOuter,
} from './dualModel.ts';

export const dualsView: ViewDefinition = {
  id: 'duals',
  title: 'Duals',
  question: 'Which rows and which patterns hold the network in place, and what certifies it?',
  View: Duals,
};

/** More columns than this are reached by selecting the row. */
const columnsInTable = 12;

function Duals({ run }: { readonly run: RunRecord }): VNode {
  const constraints = useMemo(() => constraintChart(run), [run]);
  const slack = useMemo(() => slacknessChart(run), [run]);
  const [row] = useSelection('row');
  return (
    <>
      <DualValues run={run} />
      <Later>
        <div class={row === null ? 'with-drawer' : 'with-drawer open'}>
          <Influence run={run} />
          {row !== null && (
            <div class="drawer">
              <RowCard run={run} />
            </div>
          )}
        </div>
        {run.gates.count > 0 && tightCount(run) === run.gates.count && (
          <p class="muted">
            All {formatCount(run.gates.count, partNames(run).gate)} in play are tight, so there is nothing to tell apart
            in a picture of their constraints.
          </p>
        )}
        {run.gates.count > 0 && tightCount(run) < run.gates.count && (
          <Section title={`Constraints of the ${partNames(run).gates}`} wide>
            <div class="grid">
              <Chart spec={constraints} />
              <Chart spec={slack} />
            </div>
          </Section>
        )}
        <Certificate run={run} />
      </Later>
    </>
  );
}

function DualValues({ run }: { readonly run: RunRecord }): VNode {
  const [order, setOrder] = useChoice('dualOrder', 'size');
  const [kept, setOutput] = useChoice('dualOutput', 0);
  const [row, selectRow] = useSelection('row');
  const { outputs } = run.resolved;
  const output = kept < outputs ? kept : 0;
  const { spec, rows } = useMemo(() => dualChart(run, output, order as DualOrder), [run, output, order]);
  const at = row === null ? -1 : rows.indexOf(row);
  return (
    <Section title="Dual value of each training row" wide>
      <Chart
        spec={spec}
        onPick={(_, index) => selectRow(rows[index])}
        selected={at < 0 ? null : { series: 'dual', index: at }}
        controls={
          <>
            {outputs > 1 && (
              <Dropdown
                label="Output"
                value={String(output)}
                choices={Array.from({ length: outputs }, (_, k) => ({ value: String(k), label: outputName(run, k) }))}
                onSelect={(value) => setOutput(Number(value))}
              />
            )}
            <Dropdown
              label="Order"
              value={order}
              choices={[
                { value: 'size', label: 'by value' },
                { value: 'data', label: 'as in the file' },
              ]}
              onSelect={setOrder}
            />
          </>
        }
      />
    </Section>
  );
}

function Influence({ run }: { readonly run: RunRecord }): VNode {
  const { state, send } = usePanel();
  const [row, selectRow] = useSelection('row');
  const ranked = rankRows(run);
  const [page, setPage] = useState<readonly number[]>([]);
  const cells = useRows(page);
  const { outputs } = run.resolved;
  const columns: Column<RankedRow>[] = [
    { id: 'rank', title: '#', numeric: true, cell: (entry) => formatInteger(entry.rank) },
    {
      id: 'line',
      title: 'Line',
      numeric: true,
      cell: (entry) => (
        <button type="button" class="link" aria-pressed={entry.row === row} onClick={() => selectRow(entry.row)}>
          {formatLine(run.rows.line[entry.row])}
        </button>
      ),
      sortBy: (entry) => run.rows.line[entry.row],
    },
    {
      id: 'dual',
      title: 'Dual',
      hint: outputs > 1 ? 'The largest over outputs, in size.' : undefined,
      numeric: true,
      cell: (entry) => <Num value={entry.dual} digits={4} />,
      sortBy: (entry) => entry.dual,
    },
    {
      id: 'share',
      title: 'Share',
      numeric: true,
      cell: (entry) => formatPercent(entry.share),
      sortBy: (entry) => entry.share,
    },
    {
      id: 'target',
      title: 'Target',
      numeric: !isClassification(run),
      cell: (entry) => targetText(run, entry.row, (v) => formatNumber(v)),
    },
    {
      id: 'prediction',
      title: 'Prediction',
      numeric: !isClassification(run),
      cell: (entry) =>
        isClassification(run) ? (
          (run.resolved.classes[predictedClass(run, entry.row)] ?? '–')
        ) : (
          <Num value={run.rows.prediction[entry.row * outputs]} digits={4} />
        ),
    },
    ...moveColumns(run),
    {
      id: 'reveal',
      title: 'File',
      cell: (entry) => (
        <Button
          look="icon"
          label={`Reveal line ${formatLine(run.rows.line[entry.row])} in the file`}
          onPress={() => send({ type: 'revealRow', index: entry.row })}
        >
          <Icon name="reveal" />
        </Button>
      ),
    },
    ...state.header.slice(0, columnsInTable).map((name, i): Column<RankedRow> => ({
      id: `cell-${i}`,
      title: shortName(name, 24),
      hint: name,
      cell: (entry) => cells.get(entry.row)?.[i] ?? '…',
    })),
  ];
  return (
    <Section
      title="Rows by influence"
      hint={
        ranked.length > 20
          ? `The ${formatInteger(10)} rows at the top have ${formatPercent(concentration(ranked, 10))} of all influence (sum of |v|).`
          : undefined
      }
    >
      <PagedTable
        caption="Training rows by size of the dual value"
        hideCaption
        rows={ranked}
        columns={columns}
        rowKey={(entry) => entry.row}
        selected={(entry) => entry.row === row}
        onRowClick={(entry) => selectRow(entry.row)}
        onPage={(shown) => setPage(shown.map((entry) => entry.row))}
        pageSize={15}
      />
    </Section>
  );
}

/** How far each target may move, where that is proven. */
function moveColumns(run: RunRecord): Column<RankedRow>[] {
  const moves = targetMoves(run);
  if (moves === undefined) return [];
  return [
    {
      id: 'moves',
      title: 'Target may move',
      hint: `All other rows fixed, the target may be anywhere in this interval, and this network provably stays within ${formatPercent(moves.share)} of the best for it. Outside of it nothing is said.`,
      numeric: true,
      cell: ({ row }) => {
        const { from, to } = moves.of(row);
        return (
          <>
            <Num value={from} digits={4} /> … <Num value={to} digits={4} />
          </>
        );
      },
      sortBy: ({ row }) => moves.of(row).to - moves.of(row).from,
    },
  ];
}

function Certificate({ run }: { readonly run: RunRecord }): VNode {
  const { global } = run.solution;
  const { landscape } = run;
  const worst = useMemo(() => worstDirection(run), [run]);
  const outer = useMemo(() => worstOuter(run), [run]);
  const name = (id: number): string => `Neuron ${id + 1}`;
  const circle = useMemo(
    () => (landscape?.kind === 'circle' ? circleChart(landscape, name, sharesNeurons(run)) : null),
    [run],
  );
  return (
    <Section title="Certificate over all activation patterns" wide>
      <p>{certificateWords(run)}</p>
      {global && (
        <>
          <Gauge search={global.searchEstimate} proven={global.proof === 'none' ? null : global.maxDualConstraint} />
          <Facts
            facts={[
              {
                name: `Best ${partNames(run).sought} found`,
                value: (
                  <>
                    <Num value={global.searchEstimate} digits={8} /> β
                  </>
                ),
              },
              {
                name: 'Proven upper bound',
                value:
                  global.proof === 'none' ? (
                    'none'
                  ) : (
                    <>
                      <Num value={global.maxDualConstraint} digits={8} /> β
                    </>
                  ),
              },
              ...(global.proof === 'none'
                ? []
                : [{ name: 'Lower bound for every network', value: <Num value={global.lowerBound} digits={8} /> }]),
              ...methodFacts(global),
              ...(global.cells === undefined
                ? []
                : [{ name: 'Cells examined', value: formatCount(global.cells, 'cell') }]),
            ]}
          />
          {gapPartsWords(run) !== '' && <p>{gapPartsWords(run)}</p>}
          <p class="muted">{typeset(recorded(global.reason))}</p>
        </>
      )}
      {run.solution.optimalSet?.scope === 'proven' && (
        <p>Neurons of an optimal network lie only where the dual constraint reaches β. {optimalSetWords(run)}</p>
      )}
      <div class="grid">
        {circle && <Chart spec={circle} />}
        {landscape?.kind === 'sphere' && <SphereMap landscape={landscape} name={name} />}
        {worst.length > 0 && (
          <div>
            <h3>Worst direction found</h3>
            <p class="chart-summary">
              The unit direction, over encoded inputs, whose neuron comes closest to paying for itself.
            </p>
            <BarTable
              caption="Worst direction by input"
              bars={worst.slice(0, 20)}
              nameTitle="Input"
              valueTitle="Component"
            />
            {outer.length > 0 && (
              <>
                <p class="chart-summary">What it would do to the outputs: its outer weights, of norm 1.</p>
                <BarTable
                  caption="Outer weights of that neuron"
                  bars={outer.slice(0, 20)}
                  nameTitle="Output"
                  valueTitle="Weight"
                />
              </>
            )}
          </div>
        )}
      </div>
    </Section>
  );
}

/** What each method proved in its time, where more than one ran. */
function methodFacts({ methods = [] }: GlobalCertificate): Fact[] {
  if (methods.length < 2) return [];
  return methods.map(({ method, lowerBound, seconds, steps }) => ({
    name: capital(proofMethodNames[method]),
    value: (
      <>
        <Num value={lowerBound} digits={8} /> in {formatSeconds(seconds)}, {formatCount(steps, 'step')}
      </>
    ),
    hint: 'The lower bound that this method proved by itself.',
  }));
}

/** Where the dual maximum lies between what search found and what is proven, against beta. */
function Gauge({ search, proven }: { readonly search: number; readonly proven: number | null }): VNode {
  const high = Math.max(1.1, (proven ?? search) * 1.05);
  const low = Math.min(0.9, search * 0.95);
  const at = (v: number): number => 4 + (92 * (v - low)) / (high - low);
  return (
    <div class="gauge-box">
      <svg class="gauge" viewBox="0 0 100 16" preserveAspectRatio="none" aria-hidden="true">
        <line class="gauge-axis" x1="4" y1="8" x2="96" y2="8" />
        {proven !== null && (
          <rect class="gauge-range" x={at(search)} y="5" width={Math.max(0.4, at(proven) - at(search))} height="6" />
        )}
        <line class="gauge-beta" x1={at(1)} y1="1" x2={at(1)} y2="15" />
        <line class="gauge-search" x1={at(search)} y1="3" x2={at(search)} y2="13" />
      </svg>
      <p class="gauge-ends muted" aria-hidden="true">
        <span>{formatNumber(low, 3)} β</span>
        <span>{formatNumber(high, 3)} β</span>
      </p>
      <p class="gauge-legend muted">
        <span>
          <span class="key gauge-key-beta" aria-hidden="true" /> β
        </span>
        <span>
          <span class="key gauge-key-search" aria-hidden="true" /> best direction found
        </span>
        {proven !== null && (
          <span>
            <span class="key gauge-key-range" aria-hidden="true" /> where the dual maximum can still be
          </span>
        )}
      </p>
    </div>
  );
}
