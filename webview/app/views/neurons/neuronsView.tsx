import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { optimalSetWords, presenceWords } from '../../../../src/shared/optimalSet.ts';
import { sharesNeurons } from '../../../../src/shared/outputs.ts';
import type { NeuronRecord, RunRecord } from '../../../../src/shared/run.ts';
import { Heatmap } from '../../../charts/heatmap/heatmap.tsx';
import type { RowOrder } from '../../../charts/heatmap/heatmapModel.ts';
import { heatmapModel, orderEnds, orderRows } from '../../../charts/heatmap/heatmapModel.ts';
import { Later } from '../../../ui/later.tsx';
import { Dropdown } from '../../../ui/controls.ts';
import { formatCount, formatInteger, formatNumber, formatPercent } from '../../../ui/format.ts';
import type { Column } from '../../../ui/pagedTable.tsx';
import { PagedTable } from '../../../ui/pagedTable.tsx';
import { BarTable, Facts, Num, Section } from '../../../ui/pieces.tsx';
import { useChoice, useSelection } from '../../panelContext.ts';
import type { ViewDefinition } from '../../registry.ts';
import { type Contributions, useContributions } from '../../contributions.ts';
import { RowCard } from '../../rowCard.tsx';
import { betaMaxWords, outputName, targetText } from '../../runData.ts';
import { lineWords } from '../../runFacts.ts';
import type { WeightUnits } from './neuronModel.ts';
import {
  activationBands,
  byShare,
  effectWords,
  mainOutput,
  maxBands,
  neuronName,
  neuronWeights,
  outerWeights,
  rowsByPattern,
} from './neuronModel.ts';

export const neuronsView: ViewDefinition = {
  id: 'neurons',
  title: 'Neurons',
  question: 'What has each neuron learned, and for which rows is it on?',
  available: (run) => run.deep === undefined,
  View: Neurons,
};

function Neurons({ run }: { readonly run: RunRecord }): VNode {
  const [chosen, selectNeuron] = useSelection('neuron');
  const ordered = byShare(run);
  const neuron = ordered.find((item) => item.id === chosen) ?? ordered.at(0) ?? null;
  if (!neuron) {
    return (
      <Section title="No active neuron" wide>
        <p>
          At this beta the network is zero: it predicts the same for every row.{' '}
          {run.resolved.betaMax > 0 && `Choose a beta below β max (${betaMaxWords(run)}) to get neurons.`}
        </p>
      </Section>
    );
  }
  return (
    <>
      <Patterns run={run} neuron={neuron} onSelect={selectNeuron} />
      <Later>
        <div class="grid">
          <NeuronTable run={run} neurons={ordered} selected={neuron} onSelect={selectNeuron} />
          <NeuronCard run={run} neuron={neuron} />
          <RowCard run={run} />
        </div>
      </Later>
    </>
  );
}

interface PatternsProps {
  readonly run: RunRecord;
  readonly neuron: NeuronRecord;
  readonly onSelect: (id: number) => void;
}

function Patterns({ run, neuron, onSelect }: PatternsProps): VNode {
  const [order, setOrder] = useChoice('rowOrder', 'pattern');
  const [row, selectRow] = useSelection('row');
  const bands = activationBands(run);
  const model = useMemo(
    () =>
      heatmapModel(
        bands,
        order === 'pattern' ? rowsByPattern(run) : orderRows(order as RowOrder, [], run.rows.target),
        (r) => `${lineWords(run, r)} (target ${targetText(run, r, (v) => formatNumber(v))})`,
        orderEnds(order as RowOrder, run.resolved.classes),
        { target: run.rows.target, classes: run.resolved.classes },
      ),
    [bands, order, run],
  );
  return (
    <Section
      title="Which neuron is on for which row"
      wide
      hint={
        run.neurons.length > maxBands
          ? `The ${formatInteger(maxBands)} neurons with the largest share of the fit, of ${formatInteger(run.neurons.length)}.`
          : undefined
      }
    >
      <Heatmap
        model={model}
        selectedBand={bands.findIndex((band) => band.neuron.id === neuron.id)}
        selectedRow={row !== null && row < run.rows.line.length ? row : null}
        onPick={(band, picked) => {
          onSelect(bands[band].neuron.id);
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

/** In which of the optimal networks a neuron is, for a narrow column. */
const inOptima = { every: 'every', 'not every': 'some', unknown: 'unknown' } as const;

/** What each neuron adds for the row that is chosen. */
function addsColumn(run: RunRecord, row: number, parts: Contributions): Column<NeuronRecord> {
  return {
    id: 'adds',
    title: `Adds at ${lineWords(run, row)}`,
    hint: `What the neuron adds to ${parts.unit} for the row that is chosen; nothing where it is off.`,
    numeric: true,
    cell: (neuron: NeuronRecord) => {
      const part = parts.adds.get(neuron.id);
      return part === undefined ? '–' : <Num value={part.value} digits={3} />;
    },
    sortBy: (neuron: NeuronRecord) => parts.adds.get(neuron.id)?.value ?? 0,
  };
}

interface TableProps {
  readonly run: RunRecord;
  readonly neurons: readonly NeuronRecord[];
  readonly selected: NeuronRecord;
  readonly onSelect: (id: number) => void;
}

function NeuronTable({ run, neurons, selected, onSelect }: TableProps): VNode {
  const n = run.rows.line.length;
  const { optimalSet } = run.solution;
  const [row] = useSelection('row');
  const parts = useContributions(run, row !== null && row >= 0 && row < n ? row : null);
  const columns: Column<NeuronRecord>[] = [
    {
      id: 'name',
      title: 'Neuron',
      cell: (neuron) => (
        <button type="button" class="link" aria-pressed={neuron.id === selected.id} onClick={() => onSelect(neuron.id)}>
          {neuronName(neuron)}
        </button>
      ),
      sortBy: (neuron) => neuron.id,
    },
    {
      id: 'outer',
      title: 'Output weight',
      hint: sharesNeurons(run)
        ? 'The largest of the outer weights. Weights are balanced: the norm of the inner weights equals that of the outer weights.'
        : 'Weights are balanced: the norm of the inner weights equals the size of the outer weight.',
      numeric: true,
      cell: (neuron) => <Num value={neuron.outer[mainOutput(neuron)]} digits={4} />,
      sortBy: (neuron) => neuron.outer[mainOutput(neuron)],
    },
    ...(run.resolved.outputs > 1
      ? [
          {
            id: 'output',
            title: 'Output',
            hint: sharesNeurons(run)
              ? 'Neurons feed all outputs; this is the one with the largest outer weight.'
              : undefined,
            cell: (neuron: NeuronRecord) => outputName(run, mainOutput(neuron)),
            sortBy: (neuron: NeuronRecord) => mainOutput(neuron),
          },
        ]
      : []),
    {
      id: 'norm',
      title: 'Norm',
      hint: 'Group norm: beta times this is what the neuron costs.',
      numeric: true,
      cell: (neuron) => <Num value={neuron.norm} digits={4} />,
      sortBy: (neuron) => neuron.norm,
    },
    {
      id: 'share',
      title: 'Share of fit',
      numeric: true,
      cell: (neuron) => formatPercent(neuron.share),
      sortBy: (neuron) => neuron.share,
    },
    {
      id: 'on',
      title: 'On for',
      numeric: true,
      cell: (neuron) => `${formatInteger(neuron.onCount)} (${formatPercent(n > 0 ? neuron.onCount / n : null, 2)})`,
      sortBy: (neuron) => neuron.onCount,
    },
    ...(parts === null || row === null ? [] : [addsColumn(run, row, parts)]),
    ...(optimalSet?.scope !== 'proven'
      ? []
      : [
          {
            id: 'presence',
            title: 'Optima',
            hint: 'Several networks can be optimal. Whether each of them has this neuron, or others can take its place.',
            cell: (neuron: NeuronRecord) => (
              <span title={presenceWords(neuron, optimalSet)}>{inOptima[neuron.presence ?? 'unknown']}</span>
            ),
            sortBy: (neuron: NeuronRecord) => neuron.presence ?? '',
          },
        ]),
  ];
  return (
    <Section title="Active neurons" hint={optimalSetWords(run)}>
      <PagedTable
        caption={`${formatCount(neurons.length, 'active neuron')}`}
        rows={neurons}
        columns={columns}
        rowKey={(neuron) => neuron.id}
        selected={(neuron) => neuron.id === selected.id}
        onRowClick={(neuron) => onSelect(neuron.id)}
        initialSort={{ column: 'share', descending: true }}
        pageSize={12}
      />
    </Section>
  );
}

function NeuronCard({ run, neuron }: { readonly run: RunRecord; readonly neuron: NeuronRecord }): VNode {
  const [units, setUnits] = useChoice('weightUnits', 'standard');
  const output = neuron.output >= 0 ? neuron.output : mainOutput(neuron);
  const outer = outerWeights(run, neuron);
  const presence = presenceWords(neuron, run.solution.optimalSet);
  const bars = useMemo(() => neuronWeights(run, neuron, units as WeightUnits, output), [run, neuron, units, output]);
  const shown = bars.length > 30 ? [...bars.slice(0, 29), bars[bars.length - 1]] : bars;
  return (
    <Section title={neuronName(neuron)}>
      <Facts
        facts={[
          {
            name: 'Effect',
            value: effectWords(run, neuron),
          },
          { name: 'Norm', value: <Num value={neuron.norm} /> },
          { name: 'Share of fit', value: formatPercent(neuron.share) },
          { name: 'Gate', value: neuron.gate >= 0 ? formatInteger(neuron.gate + 1) : 'generated' },
          ...(presence === undefined ? [] : [{ name: 'Other optima', value: presence }]),
        ]}
      />
      {outer.length > 1 && (
        <>
          <h3>Outer weights</h3>
          <BarTable
            caption={`Outer weights of ${neuronName(neuron)}`}
            bars={outer}
            nameTitle="Output"
            valueTitle="Weight"
          />
        </>
      )}
      <div class="card-head">
        <h3>Weights by feature{run.resolved.outputs > 1 ? ` (${outputName(run, output)})` : ''}</h3>
        <Dropdown
          label="Unit of the weights"
          quiet
          value={units}
          choices={[
            {
              value: 'standard',
              label: run.settings.standardize && !run.scaling.whitening ? 'per standard deviation' : 'per encoded unit',
            },
            { value: 'original', label: 'per original unit' },
          ]}
          onSelect={setUnits}
        />
      </div>
      <BarTable
        caption={`Weights of ${neuronName(neuron)} by feature`}
        bars={shown}
        nameTitle="Feature"
        valueTitle="Weight, outer weight folded in"
      />
      {bars.length > shown.length && (
        <p class="muted">
          The {formatInteger(shown.length - 1)} largest of {formatInteger(bars.length - 1)} weights and the bias.
        </p>
      )}
    </Section>
  );
}
