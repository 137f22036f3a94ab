import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { RivalRecord, ThreeLayerRecord } from '../../../../src/shared/depth.ts';
import type { RunRecord } from '../../../../src/shared/run.ts';
import { Chart } from '../../../charts/chart.tsx';
import { Surface } from '../../../charts/surface/surface.tsx';
import { formatCount, formatPercent } from '../../../ui/format.ts';
import { PagedTable } from '../../../ui/pagedTable.tsx';
import { Num, Section } from '../../../ui/pieces.tsx';
import { alignmentChart, rivalChart, sliceFacts, sliceSurface } from './subNetworksModel.ts';

export function Rivals({ run, rivals }: { readonly run: RunRecord; readonly rivals: readonly RivalRecord[] }): VNode {
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
