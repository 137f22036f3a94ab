import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { DescentRunRecord, ThreeLayerRecord } from '../../../../src/shared/depth.ts';
import type { RunRecord } from '../../../../src/shared/run.ts';
import { Chart } from '../../../charts/chart.tsx';
import { Surface } from '../../../charts/surface/surface.tsx';
import { formatCount, formatPercent } from '../../../ui/format.ts';
import { PagedTable } from '../../../ui/pagedTable.tsx';
import { Num, Section } from '../../../ui/pieces.tsx';
import { alignmentChart, descentRunsChart, sliceFacts, sliceSurface } from './subNetworksModel.ts';

export function DescentRuns({
  run,
  runs,
}: {
  readonly run: RunRecord;
  readonly runs: readonly DescentRunRecord[];
}): VNode {
  const spec = useMemo(() => descentRunsChart(run, runs), [run, runs]);
  const meter = useMemo(() => {
    const widest = runs.findLast(({ alignment }) => alignment !== undefined && alignment.length > 0);
    return widest?.alignment && alignmentChart(widest, widest.alignment);
  }, [runs]);
  return (
    <Section title="The same architecture by gradient descent" wide>
      <div class="grid">
        <Chart spec={spec} />
        {meter && <Chart spec={meter} />}
      </div>
      <PagedTable<DescentRunRecord>
        caption="Networks trained by gradient descent"
        rows={runs}
        rowKey={(_, i) => i}
        columns={[
          { id: 'K', title: 'Branches K', numeric: true, cell: (trained) => trained.K, sortBy: (trained) => trained.K },
          {
            id: 'seed',
            title: 'Seed',
            numeric: true,
            cell: (trained) => trained.seed,
            sortBy: (trained) => trained.seed,
          },
          {
            id: 'final',
            title: 'At the end',
            numeric: true,
            cell: (trained) => <Num value={trained.final} digits={7} />,
            sortBy: (trained) => trained.final,
          },
          {
            id: 'merged',
            title: 'Merged',
            hint: 'After balancing the layers and merging branches, which never makes a network worse.',
            numeric: true,
            cell: (trained) => <Num value={trained.merged} digits={7} />,
            sortBy: (trained) => trained.merged,
          },
          {
            id: 'harvested',
            title: 'Refined',
            hint: 'Optimum of the convex program on the tuples of that network: never above the value it came from.',
            numeric: true,
            cell: (trained) =>
              trained.harvested === null ? 'not solved' : <Num value={trained.harvested} digits={7} />,
            sortBy: (trained) => trained.harvested ?? Infinity,
          },
          {
            id: 'excess',
            title: 'Above this run',
            hint: 'Merged value over the objective of this run.',
            numeric: true,
            cell: (trained) =>
              formatPercent(
                (trained.merged - run.solution.objective) / Math.max(Math.abs(run.solution.objective), 1e-300),
              ),
            sortBy: (trained) => trained.merged,
          },
        ]}
      />
    </Section>
  );
}

export function Landscapes({ slices }: { readonly slices: NonNullable<ThreeLayerRecord['landscape']> }): VNode {
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
