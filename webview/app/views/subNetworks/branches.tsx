import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { BranchRecord, ThreeLayerRecord } from '../../../../src/shared/depth.ts';
import type { RunRecord } from '../../../../src/shared/run.ts';
import { Chart } from '../../../charts/chart.tsx';
import { Dropdown } from '../../../ui/controls.ts';
import { formatCount, formatInteger, formatPercent } from '../../../ui/format.ts';
import { PagedTable } from '../../../ui/pagedTable.tsx';
import { BarTable, Facts, Num, Section } from '../../../ui/pieces.tsx';
import { useChoice } from '../../panelContext.ts';
import { outputName } from '../../runData.ts';
import type { Block } from './subNetworksModel.ts';
import { blockChart, branchName, columnShares, inputName, onCount, selectedBlocks } from './subNetworksModel.ts';

const signs = (values: readonly number[]): string => values.map((value) => (value > 0 ? '+' : '−')).join(' ');

export function BranchTable({
  run,
  ordered,
  selected,
  onSelect,
}: {
  readonly run: RunRecord;
  readonly ordered: readonly BranchRecord[];
  readonly selected: BranchRecord;
  readonly onSelect: (id: number) => void;
}): VNode {
  const rows = run.rows.line.length;
  const counts = useMemo(
    () => new Map(ordered.map((branch) => [branch.id, onCount(branch.second, rows)])),
    [ordered, rows],
  );
  return (
    <Section title="Active branches">
      <PagedTable<BranchRecord>
        caption={formatCount(ordered.length, 'active branch', 'active branches')}
        rows={ordered}
        rowKey={(branch) => branch.id}
        selected={(branch) => branch.id === selected.id}
        onRowClick={(branch) => onSelect(branch.id)}
        initialSort={{ column: 'share', descending: true }}
        pageSize={12}
        columns={[
          {
            id: 'name',
            title: 'Branch',
            cell: (branch) => (
              <button
                type="button"
                class="link"
                aria-pressed={branch.id === selected.id}
                onClick={() => onSelect(branch.id)}
              >
                {branchName(branch)}
              </button>
            ),
            sortBy: (branch) => branch.id,
          },
          {
            id: 'sign',
            title: 'Sign',
            hint: 'Whether the branch raises or lowers its output.',
            cell: (branch) => signs([branch.sign]),
            sortBy: (branch) => branch.sign,
          },
          {
            id: 'inner',
            title: 'Inner',
            hint: 'Signs of the second-layer weights.',
            cell: (branch) => signs(branch.innerSigns),
            sortBy: (branch) => signs(branch.innerSigns),
          },
          ...(run.resolved.outputs > 1
            ? [
                {
                  id: 'output',
                  title: 'Output',
                  cell: (branch: BranchRecord) => outputName(run, branch.output),
                  sortBy: (branch: BranchRecord) => branch.output,
                },
              ]
            : []),
          {
            id: 'norm',
            title: 'Norm',
            hint: 'Sum of its block norms: beta times this is what the branch costs.',
            numeric: true,
            cell: (branch) => <Num value={branch.norm} digits={4} />,
            sortBy: (branch) => branch.norm,
          },
          {
            id: 'share',
            title: 'Share of fit',
            numeric: true,
            cell: (branch) => formatPercent(branch.share),
            sortBy: (branch) => branch.share,
          },
          {
            id: 'on',
            title: 'On for',
            numeric: true,
            cell: (branch) => formatInteger(counts.get(branch.id) ?? 0),
            sortBy: (branch) => counts.get(branch.id) ?? 0,
          },
        ]}
      />
    </Section>
  );
}

const shownInputs = 16;

export function BranchCard({ run, branch }: { readonly run: RunRecord; readonly branch: BranchRecord }): VNode {
  const [wanted, setInner] = useChoice('innerNeuron', '0');
  const inner = Number(wanted) < branch.blocks.length ? Number(wanted) : 0;
  const bars = useMemo(
    () =>
      branch.blocks[inner]
        .map((value, k) => ({ name: inputName(run, k), value }))
        .sort((a, b) => Math.abs(b.value) - Math.abs(a.value)),
    [run, branch, inner],
  );
  return (
    <Section
      title={branchName(branch)}
      tools={
        branch.blocks.length > 1 && (
          <Dropdown
            label="Inner neuron"
            value={String(inner)}
            choices={branch.blocks.map((_, j) => ({ value: String(j), label: `inner neuron ${j + 1}` }))}
            onSelect={setInner}
          />
        )
      }
    >
      <Facts
        facts={[
          {
            name: 'Effect',
            value: `${branch.sign > 0 ? 'raises' : 'lowers'} ${outputName(run, branch.output)} where it is on`,
          },
          { name: 'Block norm', value: <Num value={branch.blockNorms[inner]} /> },
          {
            name: 'Second-layer weight',
            value: <Num value={branch.w2[inner]} />,
            hint: 'In the form with ‖W₁‖ ≤ 1 and ‖w₂‖ = |w₃|.',
          },
          { name: 'Outer weight', value: <Num value={branch.w3} /> },
          { name: 'Tuple', value: branch.tuple >= 0 ? formatInteger(branch.tuple + 1) : 'generated' },
        ]}
      />
      <h3>Weights of inner neuron {inner + 1}</h3>
      {branch.blockNorms[inner] > 0 ? (
        <BarTable
          caption={`Weights of inner neuron ${inner + 1} of ${branchName(branch)}`}
          bars={bars.slice(0, shownInputs)}
          nameTitle="Input"
          valueTitle="Component of u"
        />
      ) : (
        <p class="muted">Not selected: its block is exactly zero.</p>
      )}
      {bars.length > shownInputs && (
        <p class="muted">
          The {shownInputs} largest of {formatInteger(bars.length)} inputs.
        </p>
      )}
    </Section>
  );
}

export function Blocks({
  run,
  deep,
  onSelect,
}: {
  readonly run: RunRecord;
  readonly deep: ThreeLayerRecord;
  readonly onSelect: (id: number) => void;
}): VNode {
  const blocks = useMemo(() => selectedBlocks(run, deep), [run, deep]);
  const shares = useMemo(() => columnShares(blocks), [blocks]);
  const chart = useMemo(() => blockChart(blocks), [blocks]);
  const possible = deep.tuples * deep.m1 * Math.max(1, run.resolved.outputs);
  return (
    <Section
      title="Feature selection in high dimension"
      wide
      hint={`${formatCount(blocks.length, 'block')} of ${formatInteger(possible)} (tuple, inner neuron${run.resolved.outputs > 1 ? ', output' : ''}) are not zero. Within a block each original feature has a share of the square of its norm.`}
    >
      <div class="grid">
        <div>
          <h3>Share of each feature in all blocks</h3>
          <BarTable
            caption="Share of each feature in all selected blocks"
            bars={shares.slice(0, shownInputs)}
            nameTitle="Feature"
            valueTitle="Share"
          />
        </div>
        <Chart spec={chart} />
      </div>
      <PagedTable<Block>
        caption="Selected blocks"
        rows={blocks}
        rowKey={(block) => `${block.branch.id}-${block.inner}`}
        onRowClick={(block) => onSelect(block.branch.id)}
        pageSize={10}
        columns={[
          {
            id: 'branch',
            title: 'Branch',
            cell: (block) => branchName(block.branch),
            sortBy: (block) => block.branch.id,
          },
          {
            id: 'inner',
            title: 'Inner neuron',
            cell: (block) => `${block.inner + 1} (${signs([block.branch.innerSigns[block.inner]])})`,
            sortBy: (block) => block.inner,
          },
          {
            id: 'norm',
            title: 'Norm',
            numeric: true,
            cell: (block) => <Num value={block.norm} digits={4} />,
            sortBy: (block) => block.norm,
          },
          {
            id: 'features',
            title: 'Features by share',
            cell: (block) =>
              block.shares
                .slice(0, 4)
                .filter(({ share }) => share >= 0.005)
                .map(({ name, share }) => `${name} ${formatPercent(share, 2)}`)
                .join(', '),
          },
        ]}
      />
    </Section>
  );
}
