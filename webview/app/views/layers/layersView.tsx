import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { LayerRecord, LinearRecord } from '../../../../src/shared/depth.ts';
import type { RunRecord } from '../../../../src/shared/run.ts';
import { Chart } from '../../../charts/chart.tsx';
import { Dropdown } from '../../../ui/controls.ts';
import { formatCount, formatInteger, formatNumber, formatPercent, typeset } from '../../../ui/format.ts';
import { type Column, PagedTable } from '../../../ui/pagedTable.tsx';
import { Facts, Num, Section } from '../../../ui/pieces.tsx';
import { useChoice } from '../../panelContext.ts';
import type { ViewDefinition } from '../../registry.ts';
import { outputName } from '../../runData.ts';
import type { Meter } from './layersModel.ts';
import {
  gapChart,
  mapChart,
  maxLayers,
  meterChart,
  optimalMeter,
  rankChart,
  gapOfPoint,
  singularChart,
  trainingChart,
} from './layersModel.ts';

export const layersView: ViewDefinition = {
  id: 'layers',
  title: 'Layers',
  question: 'What does each layer do, and does training by gradient descent come to the same?',
  available: (run) => run.deep?.kind === 'linear',
  View: ({ run }) => (run.deep?.kind === 'linear' ? <Layers run={run} deep={run.deep} /> : null),
};

interface Props {
  readonly run: RunRecord;
  readonly deep: LinearRecord;
}

function Layers({ run, deep }: Props): VNode {
  return (
    <>
      <Optimum run={run} deep={deep} />
      <Path run={run} deep={deep} />
      {deep.training && deep.training.length > 0 && <Training run={run} deep={deep} training={deep.training} />}
      {deep.gap.length > 0 && <Gap deep={deep} />}
    </>
  );
}

interface NumberedLayer extends LayerRecord {
  readonly place: number;
}

const layerColumns: readonly Column<NumberedLayer>[] = [
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
    cell: (layer) =>
      layer.singularValues
        .slice(0, 4)
        .map((s) => formatNumber(s))
        .join(', ') + (layer.singularValues.length > 4 ? ', …' : ''),
  },
  {
    id: 'ratio',
    title: 'σ₂ / σ₁',
    hint: 'Zero for a layer of rank one.',
    numeric: true,
    cell: (layer) => <Num value={layer.rankOneRatio} digits={3} />,
  },
  {
    id: 'alignment',
    title: 'Alignment',
    hint: 'With the next layer; 1 is aligned.',
    numeric: true,
    cell: (layer) => <Num value={layer.alignment} digits={6} />,
  },
  {
    id: 'norm',
    title: 'Norm',
    numeric: true,
    cell: (layer) => <Num value={layer.frobenius} digits={6} />,
  },
];

function Optimum({ run, deep }: Props): VNode {
  const [wanted, setChain] = useChoice('chain', '0');
  const chain = Number(wanted) < deep.layers.length ? Number(wanted) : 0;
  const layers = deep.layers.at(chain) ?? [];
  const spec = useMemo(() => singularChart(layers), [layers]);
  const rows = layers.map((layer, l): NumberedLayer => ({ ...layer, place: l + 1 }));
  const norms = layers.map(({ frobenius }) => frobenius);
  const spread = norms.length === 0 ? 0 : (Math.max(...norms) - Math.min(...norms)) / (Math.max(...norms) || 1);
  const rank = Math.max(
    0,
    ...layers.map(({ singularValues }) => singularValues.filter((s) => s > 1e-9 * (singularValues[0] || 1)).length),
  );
  const aligned = Math.min(1, ...layers.flatMap(({ alignment }) => (alignment === null ? [] : [alignment])));
  const zero = norms.every((norm) => norm === 0);
  return (
    <Section
      title="Layers of the optimal network"
      wide
      hint={`${formatCount(deep.depth, 'layer')}, penalty: ${deep.penalty}.`}
      tools={
        deep.layers.length > 1 && (
          <Dropdown
            label="Network"
            value={String(chain)}
            choices={deep.layers.map((_, i) => ({ value: String(i), label: outputName(run, i) }))}
            onSelect={setChain}
          />
        )
      }
    >
      {zero ? (
        <p>All layers are zero: beta is at or above the threshold {formatNumber(deep.threshold.betaMax)}.</p>
      ) : (
        <>
          <Facts
            facts={[
              { name: 'Rank of the layers', value: formatInteger(rank) },
              {
                name: 'Weakest alignment',
                value: <Num value={aligned} digits={8} />,
                hint: '1: what each layer puts out is what the next one takes in (right singular vectors against left ones).',
              },
              {
                name: 'Spread of the norms',
                value: formatPercent(spread, 2),
                hint: 'Largest minus smallest, over the largest.',
              },
            ]}
          />
          <div class="grid">
            <PagedTable<NumberedLayer>
              caption="Layers"
              hideCaption
              rows={rows}
              rowKey={(layer) => layer.place}
              pageSize={16}
              columns={layerColumns}
            />
            {layers.some(({ singularValues }) => singularValues.length > 3) && <Chart spec={spec} />}
          </div>
          {layers.length > maxLayers && <p class="muted">The chart has the first {maxLayers} layers only.</p>}
        </>
      )}
    </Section>
  );
}

function Path({ run, deep }: Props): VNode {
  const rank = useMemo(() => rankChart(run, deep), [run, deep]);
  const values = useMemo(() => mapChart(run, deep), [run, deep]);
  return (
    <Section title="Threshold and rank" wide hint={typeset(deep.threshold.message)}>
      <Facts
        facts={[
          { name: 'Zero from beta', value: <Num value={deep.threshold.betaMax} digits={7} /> },
          ...(deep.threshold.jump === null
            ? []
            : [
                {
                  name: 'Jump there',
                  value: <Num value={deep.threshold.jump} />,
                  hint: 'Norm of the map just below the threshold, by solving there.',
                },
              ]),
        ]}
      />
      {deep.rankPath.length > 0 ? (
        <div class="grid">
          <Chart spec={rank} />
          <Chart spec={values} />
        </div>
      ) : (
        <p class="muted">
          The map along beta was not computed for this run: it is left out while beta is only being tried, or it was
          stopped.
        </p>
      )}
    </Section>
  );
}

const meters: readonly Meter[] = ['rank-one', 'alignment', 'norm'];

function Training({
  run,
  deep,
  training,
}: Props & { readonly training: NonNullable<LinearRecord['training']> }): VNode {
  const objective = useMemo(() => trainingChart(run, deep, training), [run, deep, training]);
  const specs = useMemo(
    () => meters.map((meter) => meterChart(training, meter, optimalMeter(deep, meter))),
    [deep, training],
  );
  return (
    <Section
      title="Alignment over training"
      wide
      hint={`${formatCount(deep.depth, 'layer')} trained by gradient descent from a random start${deep.layers.length === 1 ? ', against the optimum of this run' : ''}.`}
    >
      <div class="grid">
        <Chart spec={objective} />
        {specs.map((spec) => (
          <Chart key={spec.id} spec={spec} />
        ))}
      </div>
    </Section>
  );
}

function Gap({ deep }: { readonly deep: LinearRecord }): VNode {
  const spec = useMemo(() => gapChart(deep), [deep]);
  type Point = LinearRecord['gap'][number];
  return (
    <Section title="Duality gap by depth" wide>
      <div class="grid">
        <Chart spec={spec} />
        <div>
          <PagedTable<Point>
            caption="Least norm of a fit by depth"
            rows={deep.gap}
            rowKey={(point) => point.depth}
            columns={[
              {
                id: 'depth',
                title: 'Layers',
                numeric: true,
                cell: (point) => point.depth,
                sortBy: (point) => point.depth,
              },
              {
                id: 'primal',
                title: 'Serial',
                numeric: true,
                cell: (point) => <Num value={point.primal} digits={7} />,
              },
              ...(deep.gap.some(({ built }) => built !== undefined)
                ? [
                    {
                      id: 'parallel',
                      title: 'Parallel',
                      numeric: true,
                      cell: ({ built }: Point) =>
                        built === undefined ? '' : <Num value={built.parallel} digits={7} />,
                    },
                  ]
                : []),
              { id: 'dual', title: 'Dual', numeric: true, cell: (point) => <Num value={point.dual} digits={7} /> },
              { id: 'gap', title: 'Gap', numeric: true, cell: (point) => formatPercent(gapOfPoint(point), 3) },
            ]}
          />
          <p class="muted">
            Networks that fit the training rows as least squares does; the penalty is on the last two layers, inner
            layers have norm at most 1. Serial: one network, by its formula. Parallel: one branch of rank one per
            singular direction of the map, built and run. Dual: no such network costs less.
          </p>
          {deep.parallel !== undefined && (
            <p class="muted">
              At the β of this run, parallel branches of {deep.parallel.depth} layers have the objective{' '}
              <Num value={deep.parallel.objective} digits={8} /> when run, and the convex dual proves that none is below{' '}
              <Num value={deep.parallel.dualBound} digits={8} />.
            </p>
          )}
        </div>
      </div>
    </Section>
  );
}
