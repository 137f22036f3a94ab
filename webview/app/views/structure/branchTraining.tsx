import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { BranchTrainingRecord } from '../../../../src/shared/depth.ts';
import { Chart } from '../../../charts/chart.tsx';
import type { ChartSpec } from '../../../charts/spec.ts';
import { formatCount, formatInteger, formatNumber, formatPercent } from '../../../ui/format.ts';
import { PagedTable } from '../../../ui/pagedTable.tsx';
import { Num } from '../../../ui/pieces.tsx';
import { meterChart } from '../layers/layersModel.ts';

type Branch = BranchTrainingRecord['branches'][number];

const sideNames = { '1': 'positive side', '-1': 'negative side', '0': 'both sides' } as const;

/** Least alignment of a branch with what follows; the last layer has none. */
const leastAlignment = ({ layers }: Branch): number =>
  Math.min(1, ...layers.flatMap(({ alignment }) => (alignment === null ? [] : [alignment])));

function objectiveChart({ points, final }: BranchTrainingRecord, dual: number): ChartSpec {
  const excess = (final - dual) / Math.max(Math.abs(dual), 1e-300);
  return {
    id: 'branch-training',
    title: 'Objective of gradient descent',
    summary: `Ends ${formatPercent(excess, 3)} above the dual, which no such network can be below, however many branches it has.`,
    x: { label: 'epoch', integer: true, min: 0 },
    y: { label: 'objective', log: dual > 0 && points.every(({ objective }) => objective > 0) },
    height: 240,
    series: [
      {
        id: 'objective',
        label: 'gradient descent',
        kind: 'line-points',
        x: points.map(({ epoch }) => epoch),
        y: points.map(({ objective }) => objective),
        tone: 'descent',
      },
    ],
    guides: [{ axis: 'y', value: dual, label: 'dual', tone: 'bound', dash: [] }],
  };
}

/** Gradient descent on deep ReLU branches: does it come to the layers of the theorem? */
export function BranchTraining({
  record,
  depth,
  dual,
  sides,
}: {
  readonly record: BranchTrainingRecord;
  readonly depth: number;
  readonly dual: number;
  /** Sides of zero that the optimum has a branch for. */
  readonly sides: readonly (1 | -1)[];
}): VNode {
  const missed = sides.filter((side) => !record.branches.some((branch) => branch.side === 0 || branch.side === side));
  const charts = useMemo(
    () => [
      objectiveChart(record, dual),
      meterChart(record.points, 'rank-one', 0),
      meterChart(record.points, 'alignment', 1),
      meterChart(record.points, 'norm', null),
    ],
    [record, dual],
  );
  return (
    <>
      <h3>Does gradient descent come to such layers?</h3>
      <p class="muted">
        Adam on {formatInteger(record.started)} branches of {formatCount(depth, 'layer')}
        {depth > 2 ? `, ${formatInteger(record.width)} neurons wide,` : ''} from a random start, with the penalty β/
        {formatInteger(depth)} · Σ ‖W‖
        <sup>{formatInteger(depth)}</sup>, which costs as much as the one above when all layers have the same norm. The
        meters show the branch that ends largest; {formatInteger(record.branches.length)} of the{' '}
        {formatInteger(record.started)} are left at the end.
        {depth > 2 &&
          ' What the first layer passes on has the size of its weights on either side of zero, so these are compared with the second layer. A layer with one row or column has rank one in any case.'}
      </p>
      {missed.length > 0 && (
        <p>
          No: no branch is left for the {missed.map((side) => sideNames[`${side}`]).join(' and the ')}, which the
          optimum needs. Gradient descent has come to rest at a network that is not optimal.
        </p>
      )}
      <div class="grid">
        {charts.map((spec) => (
          <Chart key={spec.id} spec={spec} />
        ))}
      </div>
      <PagedTable<Branch & { readonly place: number }>
        caption="Branches at the end of training"
        rows={record.branches.map((branch, k) => ({ ...branch, place: k + 1 }))}
        rowKey={(branch) => branch.place}
        pageSize={8}
        columns={[
          { id: 'place', title: 'Branch', numeric: true, cell: (branch) => branch.place, sortBy: (b) => b.place },
          { id: 'side', title: 'On for the', cell: (branch) => sideNames[`${branch.side}`] },
          {
            id: 'share',
            title: 'Share',
            hint: 'Product of the norms of its layers, of the sum over branches.',
            numeric: true,
            cell: (branch) => formatPercent(branch.share),
            sortBy: (branch) => branch.share,
          },
          {
            id: 'ratio',
            title: 'Largest σ₂ / σ₁',
            hint: 'Over its layers: 0 when all have rank one.',
            numeric: true,
            cell: (branch) => <Num value={Math.max(...branch.layers.map((layer) => layer.rankOneRatio))} digits={2} />,
          },
          {
            id: 'alignment',
            title: 'Least alignment',
            hint: 'Over its layers: 1 when each right vector is the left vector of the next layer.',
            numeric: true,
            cell: (branch) => <Num value={leastAlignment(branch)} digits={7} />,
          },
          {
            id: 'norms',
            title: 'Norms of the layers',
            cell: (branch) => branch.layers.map((layer) => formatNumber(layer.frobenius, 4)).join(', '),
          },
        ]}
      />
    </>
  );
}
