import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { BranchRecord, RivalRecord, ThreeLayerRecord } from '../../../../src/shared/depth.ts';
import type { RunRecord } from '../../../../src/shared/run.ts';
import { depthWords, tooFewTuples } from '../../../../src/shared/threeLayerWords.ts';
import { Chart } from '../../../charts/chart.tsx';
import { Heatmap } from '../../../charts/heatmap/heatmap.tsx';
import type { RowOrder } from '../../../charts/heatmap/heatmapModel.ts';
import { heatmapModel, orderEnds, orderRows } from '../../../charts/heatmap/heatmapModel.ts';
import { Surface } from '../../../charts/surface/surface.tsx';
import { Dropdown } from '../../../ui/controls.ts';
import { formatCount, formatInteger, formatNumber, formatPercent, formatLine, typeset } from '../../../ui/format.ts';
import { PagedTable } from '../../../ui/pagedTable.tsx';
import type { Fact } from '../../../ui/pieces.tsx';
import { BarTable, Facts, Num, Section } from '../../../ui/pieces.tsx';
import { useChoice, useSelection } from '../../panelContext.ts';
import type { ViewDefinition } from '../../registry.ts';
import { betaMaxWords, outputName, panelFormat, targetText } from '../../runData.ts';
import type { Block } from './subNetworksModel.ts';
import {
  blockChart,
  branchName,
  budgetChart,
  byShare,
  columnShares,
  inputName,
  maxBranches,
  onCount,
  priceChart,
  provenBound,
  alignmentChart,
  rivalChart,
  selectedBlocks,
  sliceFacts,
  sliceSurface,
  tupleBands,
} from './subNetworksModel.ts';

export const subNetworksView: ViewDefinition = {
  id: 'sub-networks',
  title: 'Sub-networks',
  question: 'Which sub-networks did the convex program choose, and what does the second hidden layer gain?',
  available: (run) => run.deep?.kind === 'three-layer',
  View: ({ run }) => (run.deep?.kind === 'three-layer' ? <SubNetworks run={run} deep={run.deep} /> : null),
};

interface Props {
  readonly run: RunRecord;
  readonly deep: ThreeLayerRecord;
}

function SubNetworks({ run, deep }: Props): VNode {
  const [chosen, select] = useSelection('branch');
  const ordered = useMemo(() => byShare(deep), [deep]);
  const branch = ordered.find((item) => item.id === chosen) ?? ordered.at(0) ?? null;
  const few = tooFewTuples(run, deep, panelFormat);
  return (
    <>
      {deep.twoLayer && <TwoOrThree run={run} deep={deep} two={deep.twoLayer} />}
      {branch === null ? (
        <Section title="No active branch" wide>
          <p>
            At this beta the network is zero: it predicts the same for every row. Choose a beta below β max (
            {betaMaxWords(run)}) to get branches.
          </p>
        </Section>
      ) : (
        <>
          <Patterns run={run} deep={deep} branch={branch} onSelect={select} />
          <div class="grid">
            <BranchTable run={run} ordered={ordered} selected={branch} onSelect={select} />
            <BranchCard run={run} branch={branch} />
          </div>
          <Blocks run={run} deep={deep} onSelect={select} />
        </>
      )}
      <Section
        title="Tuples in play"
        wide
        hint={`${formatCount(deep.tuples, 'tuple')} (first-layer patterns, signs, second-layer pattern)${deep.harvested ? `, ${formatInteger(deep.harvested)} of them from gradient descent` : ''}.`}
      >
        {few !== null && <p>{typeset(few)}</p>}
        <div class="grid">
          <Prices deep={deep} />
          {deep.budget && deep.budget.length > 0 && <Budget run={run} budget={deep.budget} />}
        </div>
      </Section>
      {deep.rivals && deep.rivals.length > 0 && <Rivals run={run} rivals={deep.rivals} />}
      {deep.landscape && deep.landscape.length > 0 && <Landscapes slices={deep.landscape} />}
      <Penalty run={run} deep={deep} />
    </>
  );
}

function Patterns({
  run,
  deep,
  branch,
  onSelect,
}: Props & { readonly branch: BranchRecord; readonly onSelect: (id: number) => void }): VNode {
  const [order, setOrder] = useChoice('rowOrder', 'pattern');
  const [row, selectRow] = useSelection('row');
  const bands = useMemo(() => tupleBands(run, deep), [run, deep]);
  const model = useMemo(
    () =>
      heatmapModel(
        bands,
        orderRows(
          order as RowOrder,
          bands.map((band) => band.on),
          run.rows.target,
        ),
        (r) => `line ${formatLine(run.rows.line[r])} (target ${targetText(run, r, (v) => formatNumber(v))})`,
        orderEnds(order as RowOrder, run.resolved.classes),
        { target: run.rows.target, classes: run.resolved.classes },
      ),
    [bands, order, run],
  );
  return (
    <Section
      title="Which branch is on for which row"
      wide
      hint={
        deep.branches.length > maxBranches
          ? `The ${maxBranches} branches with the largest share of the fit, of ${formatInteger(deep.branches.length)}.`
          : undefined
      }
    >
      <Heatmap
        model={model}
        summary="For each branch first its inner neurons D₁ with their sign, then the branch itself D₂; each place from left to right is a row of the data, filled where it is on."
        selectedBand={bands.findIndex((band) => band.branch.id === branch.id)}
        selectedRow={row !== null && row < run.rows.line.length ? row : null}
        onPick={(band, picked) => {
          onSelect(bands[band].branch.id);
          selectRow(picked);
        }}
        controls={
          <Dropdown
            label="Rows"
            value={order}
            choices={[
              { value: 'pattern', label: 'by pattern' },
              { value: 'target', label: 'by target' },
              { value: 'data', label: 'as in the file' },
            ]}
            onSelect={setOrder}
          />
        }
      />
    </Section>
  );
}

const signs = (values: readonly number[]): string => values.map((value) => (value > 0 ? '+' : '−')).join(' ');

function BranchTable({
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

function BranchCard({ run, branch }: { readonly run: RunRecord; readonly branch: BranchRecord }): VNode {
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

function Blocks({ run, deep, onSelect }: Props & { readonly onSelect: (id: number) => void }): VNode {
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

function Prices({ deep }: { readonly deep: ThreeLayerRecord }): VNode {
  const spec = useMemo(() => priceChart(deep), [deep]);
  return <Chart spec={spec} />;
}

function Budget({
  run,
  budget,
}: {
  readonly run: RunRecord;
  readonly budget: NonNullable<ThreeLayerRecord['budget']>;
}): VNode {
  const spec = useMemo(() => budgetChart(run, budget), [run, budget]);
  return <Chart spec={spec} />;
}

function TwoOrThree({ run, deep, two }: Props & { readonly two: NonNullable<ThreeLayerRecord['twoLayer']> }): VNode {
  const bound = provenBound(run);
  const facts: Fact[] = [
    { name: 'Two layers, objective', value: <Num value={two.objective} digits={8} /> },
    { name: 'Two layers, width', value: formatCount(two.neurons, 'neuron') },
    { name: 'Three layers, objective', value: <Num value={run.solution.objective} digits={8} /> },
    { name: 'Three layers, width', value: formatCount(deep.branches.length, 'branch', 'branches') },
    ...(bound === null ? [] : [{ name: 'Three layers, proven bound', value: <Num value={bound} digits={8} /> }]),
  ];
  const shape = run.shape?.kind === 'surface' ? run.shape : null;
  return (
    <Section title="Two layers or three: what is gained" wide hint={typeset(depthWords(run, deep, two, panelFormat))}>
      <Facts facts={facts} />
      {two.shape?.kind === 'surface' && shape && (
        <div class="grid">
          <Surface shape={two.shape} id="two-layer-surface" title="Two layers" />
          <Surface
            shape={shape}
            id="three-layer-surface"
            title="Three layers"
            summary="The three-layer network of this run on the same grid."
          />
        </div>
      )}
    </Section>
  );
}

function Rivals({ run, rivals }: { readonly run: RunRecord; readonly rivals: readonly RivalRecord[] }): VNode {
  const spec = useMemo(() => rivalChart(run, rivals), [run, rivals]);
  const meter = useMemo(() => {
    const widest = rivals.findLast(({ alignment }) => alignment !== undefined && alignment.length > 0);
    return widest?.alignment && alignmentChart(widest, widest.alignment);
  }, [rivals]);
  return (
    <Section title="The same architecture by gradient descent" wide>
      <div class="grid">
        <Chart spec={spec} />
        {meter && <Chart spec={meter} />}
      </div>
      <PagedTable<RivalRecord>
        caption="Networks trained by gradient descent"
        rows={rivals}
        rowKey={(_, i) => i}
        columns={[
          { id: 'K', title: 'Branches K', numeric: true, cell: (rival) => rival.K, sortBy: (rival) => rival.K },
          { id: 'seed', title: 'Seed', numeric: true, cell: (rival) => rival.seed, sortBy: (rival) => rival.seed },
          {
            id: 'final',
            title: 'At the end',
            numeric: true,
            cell: (rival) => <Num value={rival.final} digits={7} />,
            sortBy: (rival) => rival.final,
          },
          {
            id: 'merged',
            title: 'Merged',
            hint: 'After balancing the layers and merging branches, which never makes a network worse.',
            numeric: true,
            cell: (rival) => <Num value={rival.merged} digits={7} />,
            sortBy: (rival) => rival.merged,
          },
          {
            id: 'harvested',
            title: 'Refined',
            hint: 'Optimum of the convex program on the tuples of that network: never above the value it came from.',
            numeric: true,
            cell: (rival) => (rival.harvested === null ? 'not solved' : <Num value={rival.harvested} digits={7} />),
            sortBy: (rival) => rival.harvested ?? Infinity,
          },
          {
            id: 'excess',
            title: 'Above this run',
            hint: 'Merged value over the objective of this run.',
            numeric: true,
            cell: (rival) =>
              formatPercent(
                (rival.merged - run.solution.objective) / Math.max(Math.abs(run.solution.objective), 1e-300),
              ),
            sortBy: (rival) => rival.merged,
          },
        ]}
      />
    </Section>
  );
}

function Landscapes({ slices }: { readonly slices: NonNullable<ThreeLayerRecord['landscape']> }): VNode {
  return (
    <Section
      title="The loss around the trained network"
      wide
      hint="Objective on a plane of two random directions through the end of each gradient descent run, log scale: with more branches it should look more like a bowl."
    >
      <div class="small-multiples">
        {slices.map((slice) => (
          <LandscapeSlice key={slice.K} slice={slice} />
        ))}
      </div>
    </Section>
  );
}

function LandscapeSlice({ slice }: { readonly slice: NonNullable<ThreeLayerRecord['landscape']>[number] }): VNode {
  const shape = useMemo(() => sliceSurface(slice), [slice]);
  const { minima, concave } = useMemo(() => sliceFacts(slice), [slice]);
  const log = slice.value.every((v) => v > 0);
  return (
    <Surface
      shape={shape}
      id={`landscape-${slice.K}`}
      title={`K = ${slice.K}`}
      summary={`${log ? 'log₁₀ of the objective' : 'Objective'}. ${formatCount(minima, 'local minimum', 'local minima')} on the grid, ${formatPercent(concave, 2)} of it bends down.`}
    />
  );
}

function Penalty({ run, deep }: Props): VNode {
  const { constraint, cubic } = deep.networkObjective;
  return (
    <Section title="Which penalty this is" wide>
      <p>{deep.regularizer}.</p>
      <Facts
        facts={[
          { name: 'Convex program', value: <Num value={run.solution.objective} digits={9} /> },
          {
            name: 'Network, constraint form',
            value: <Num value={constraint} digits={9} />,
            hint: 'Computed by running the network.',
          },
          {
            name: 'Network, cubic form',
            value: <Num value={cubic} digits={9} />,
            hint: 'The same network with its layers rescaled, computed by running it.',
          },
          {
            name: 'With weight decay on all layers',
            value: <Num value={deep.weightDecay.value} digits={9} />,
            hint: 'What these branches would cost at their best scaling; another problem.',
          },
        ]}
      />
      <p class="muted">{typeset(deep.weightDecay.message)}</p>
    </Section>
  );
}
