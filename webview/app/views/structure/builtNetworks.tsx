import type { VNode } from 'preact';
import { idleClassWords } from '../../../../src/shared/batchNorm.ts';
import type { BatchNormRecord, LayerRecord, RankOneRecord } from '../../../../src/shared/depth.ts';
import { relativeGap } from '../../../../src/core/problem/gap.ts';
import type { RunRecord } from '../../../../src/shared/run.ts';
import { Dropdown } from '../../../ui/controls.ts';
import { formatCount, formatInteger, formatNumber, formatPercent } from '../../../ui/format.ts';
import { type Column, PagedTable } from '../../../ui/pagedTable.tsx';
import { Facts, Num, Section } from '../../../ui/pieces.tsx';
import { useChoice } from '../../panelContext.ts';
import { BranchTraining } from './branchTraining.tsx';

/** Networks that the theory writes down, built layer by layer on this data and run. */

type Depth = RankOneRecord['depths'][number];
interface BranchLayer extends LayerRecord {
  readonly key: string;
  readonly side: 1 | -1;
  readonly place: number;
}

/** @param sampled how many random branches the dual constraint was tried on */
const depthColumns = (sampled: number): readonly Column<Depth>[] => [
  { id: 'depth', title: 'Layers', numeric: true, cell: (entry) => entry.depth, sortBy: (entry) => entry.depth },
  {
    id: 'primal',
    title: 'Network',
    hint: 'Objective of the non-convex problem, by running the layers on the training rows.',
    numeric: true,
    cell: (entry) => <Num value={entry.primal} digits={9} />,
  },
  {
    id: 'dual',
    title: 'Dual',
    hint: 'Value of the convex dual at the residual of that network: a lower bound.',
    numeric: true,
    cell: (entry) => <Num value={entry.dual} digits={9} />,
  },
  {
    id: 'gap',
    title: 'Relative gap',
    hint: 'Zero up to rounding: strong duality holds.',
    numeric: true,
    cell: (entry) => <Num value={Math.max(0, entry.relativeGap)} digits={2} />,
  },
  {
    id: 'constraint',
    title: 'Dual constraint',
    hint: 'Over beta, the largest over all branches of norm 1: 1 where a branch is active.',
    numeric: true,
    cell: (entry) => <Num value={entry.dualConstraint} digits={7} />,
  },
  {
    id: 'sampled',
    title: 'Of random branches',
    hint: `The largest dual constraint among ${sampled} random branches; never above the one before.`,
    numeric: true,
    cell: (entry) => <Num value={entry.sampled.largest} digits={4} />,
  },
];

const branchLayerColumns: readonly Column<BranchLayer>[] = [
  {
    id: 'side',
    title: 'Branch',
    cell: (layer) => (layer.side > 0 ? 'positive side' : 'negative side'),
    sortBy: (layer) => -layer.side,
  },
  {
    id: 'place',
    title: 'Layer',
    numeric: true,
    cell: (layer) => layer.place,
    sortBy: (layer) => layer.place,
  },
  {
    id: 'values',
    title: 'Singular values',
    cell: (layer) => layer.singularValues.map((value) => formatNumber(value < 1e-12 ? 0 : value, 4)).join(', '),
  },
  {
    id: 'alignment',
    title: 'Alignment with the next',
    hint: 'Cosine between the right vector of this layer and the left vector of the next.',
    numeric: true,
    cell: (layer) => <Num value={layer.alignment} digits={8} />,
  },
  { id: 'norm', title: 'Norm', numeric: true, cell: (layer) => <Num value={layer.frobenius} /> },
];

/** Deep ReLU networks on rank-one data: the dual closes the gap at every depth. */
export function RankOne({ record }: { readonly record: RankOneRecord }): VNode {
  const depths = record.depths.map(({ depth }) => depth);
  const [wanted, choose] = useChoice('rank-one-depth', '3');
  const shown = record.depths.find(({ depth }) => String(depth) === wanted) ?? record.depths[0];
  const layers = shown.branches.flatMap(({ side, layers: all }) =>
    all.map((layer, l): BranchLayer => ({ ...layer, key: `${side} ${l}`, side, place: l + 1 })),
  );
  return (
    <Section
      title={
        record.asPosed
          ? 'Deep ReLU networks on rank-one data'
          : 'Another problem on these rows: without the bias they are of rank one'
      }
      wide
      hint={
        `All inputs are multiples of one direction${record.asPosed ? '' : ' (without the bias of this run, so these networks have none)'}, so ReLU networks of any depth need two branches at most, one for each side of zero. ` +
        'They are built here layer by layer and run; inner layers have norm 1 and the last two are paid for.'
      }
      tools={
        shown.branches.length > 0 && (
          <Dropdown
            label="Depth"
            value={String(shown.depth)}
            choices={depths.map((depth) => ({ value: String(depth), label: `${depth} layers` }))}
            onSelect={choose}
          />
        )
      }
    >
      <PagedTable<Depth>
        caption="Strong duality by depth"
        hideCaption
        rows={record.depths}
        rowKey={(entry) => entry.depth}
        columns={depthColumns(shown.sampled.count)}
      />
      {layers.length === 0 ? (
        <p class="muted">At this beta both branches are zero.</p>
      ) : (
        <PagedTable<BranchLayer>
          caption={`Layers of the optimal network of ${shown.depth} layers`}
          rows={layers}
          rowKey={(layer) => layer.key}
          pageSize={12}
          columns={branchLayerColumns}
        />
      )}
      {shown.training && shown.training.branches.length > 0 && shown.branches.length > 0 && (
        <BranchTraining
          record={shown.training}
          depth={shown.depth}
          dual={shown.dual}
          sides={shown.branches.map(({ side }) => side)}
        />
      )}
    </Section>
  );
}

/** The network with batch normalisation before its last layer. */
export function BatchNorm({
  run,
  record,
  asPosed,
}: {
  readonly run: RunRecord;
  readonly record: BatchNormRecord;
  /** The run itself is of such a network. */
  readonly asPosed: boolean;
}): VNode {
  const { hidden, interpolationError: error } = record;
  const gap = relativeGap(record.objective, record.dualBound);
  const reached =
    error < 1e-6
      ? 'The layers before it reach the targets exactly'
      : `The layers before it miss the targets by up to ${formatNumber(error, 2)} (rows with equal inputs and different classes cannot be told apart)`;
  type Neuron = BatchNormRecord['neurons'][number] & { readonly name: string };
  return (
    <Section
      title={
        asPosed
          ? 'Batch normalisation before the last layer'
          : 'Another network on these rows: batch normalisation before its last layer'
      }
      wide
      hint={
        `Squared loss on classes coded 0 and 1, ${
          run.settings.batchNorm === true && record.beta !== undefined
            ? `beta ${formatNumber(record.beta)}: that of this run over √${formatInteger(run.resolved.trainRows)}, because the theorem's normalised features have norm 1 and those of the run deviation 1`
            : 'beta of this run'
        }. The network has one normalised ReLU neuron per class on ` +
        `${hidden === 0 ? 'the inputs themselves' : `a random layer of ${formatCount(hidden, 'ReLU neuron')}`}. ${reached}. ` +
        `It is built from the formula and then run like any other network. ${idleClassWords(record)}`
      }
    >
      <Facts
        facts={[
          { name: 'Objective, network run', value: <Num value={record.objective} digits={9} /> },
          { name: 'Objective, formula', value: <Num value={record.formula} digits={9} /> },
          {
            name: 'Proven lower bound',
            value: <Num value={record.dualBound} digits={9} />,
            hint: `For every network of any depth and width with batch normalisation before its last layer. Relative gap ${formatNumber(Math.max(0, gap), 2)}.`,
          },
          { name: 'Training rows right', value: formatPercent(record.trainAccuracy) },
          ...(record.testAccuracy === null
            ? []
            : [
                {
                  name: 'Held-out rows right',
                  value: formatPercent(record.testAccuracy),
                  hint: 'The layers before the normalisation interpolate, so this may be far below the training rows.',
                },
              ]),
        ]}
      />
      <PagedTable<Neuron>
        caption="Neuron of each class"
        rows={record.neurons.map((neuron, k) => ({ ...neuron, name: run.resolved.classes[k] ?? String(k + 1) }))}
        rowKey={(neuron) => neuron.name}
        pageSize={10}
        columns={[
          { id: 'class', title: 'Class', cell: (neuron) => neuron.name, sortBy: (neuron) => neuron.name },
          { id: 'scale', title: 'Scale', numeric: true, cell: (neuron) => <Num value={neuron.scale} /> },
          { id: 'shift', title: 'Shift', numeric: true, cell: (neuron) => <Num value={neuron.shift} /> },
          {
            id: 'weight',
            title: 'Outgoing weight',
            hint: 'Its square is the square root of the class size minus beta, or zero; scale and shift together have the same norm.',
            numeric: true,
            cell: (neuron) => <Num value={neuron.weight} />,
          },
        ]}
      />
    </Section>
  );
}
