import type { VNode } from 'preact';
import { lineWords } from '../../runFacts.ts';
import { useMemo } from 'preact/hooks';
import type { BranchRecord, ThreeLayerRecord } from '../../../../src/shared/depth.ts';
import type { RunRecord } from '../../../../src/shared/run.ts';
import { depthWords, tooFewTuples } from '../../../../src/shared/threeLayerWords.ts';
import { Chart } from '../../../charts/chart.tsx';
import { Heatmap } from '../../../charts/heatmap/heatmap.tsx';
import type { RowOrder } from '../../../charts/heatmap/heatmapModel.ts';
import { heatmapModel, orderEnds, orderRows } from '../../../charts/heatmap/heatmapModel.ts';
import { Surface } from '../../../charts/surface/surface.tsx';
import { Dropdown } from '../../../ui/controls.ts';
import { formatCount, formatInteger, formatNumber, typeset } from '../../../ui/format.ts';
import type { Fact } from '../../../ui/pieces.tsx';
import { Facts, Num, Section } from '../../../ui/pieces.tsx';
import { useChoice, useSelection } from '../../panelContext.ts';
import type { ViewDefinition } from '../../registry.ts';
import { betaMaxWords, panelFormat, targetText } from '../../runData.ts';
import { Blocks, BranchCard, BranchTable } from './branches.tsx';
import { Landscapes, DescentRuns } from './descentRuns.tsx';
import { budgetChart, byShare, maxBranches, priceChart, provenBound, tupleBands } from './subNetworksModel.ts';

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
      {deep.descentRuns && deep.descentRuns.length > 0 && <DescentRuns run={run} runs={deep.descentRuns} />}
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
        (r) => `${lineWords(run, r)} (target ${targetText(run, r, (v) => formatNumber(v))})`,
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
