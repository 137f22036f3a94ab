import { recorded } from '../../../../src/shared/recorded.ts';
import type { ComponentChildren, VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { ClosedFormRecord, CollapseRecord, SplineRecord, StructureRecord } from '../../../../src/shared/depth.ts';
import { relativeGap } from '../../../../src/core/problem/gap.ts';
import type { RunRecord } from '../../../../src/shared/run.ts';
import { Chart } from '../../../charts/chart.tsx';
import { Dropdown } from '../../../ui/controls.ts';
import { formatCount, formatInteger, formatNumber, formatPercent, typeset } from '../../../ui/format.ts';
import { Icon } from '../../../ui/icon.tsx';
import type { Column } from '../../../ui/pagedTable.tsx';
import { PagedTable } from '../../../ui/pagedTable.tsx';
import type { Fact } from '../../../ui/pieces.tsx';
import { Facts, Num, Section } from '../../../ui/pieces.tsx';
import { useChoice } from '../../panelContext.ts';
import type { ViewDefinition } from '../../registry.ts';
import { BatchNorm, RankOne } from './builtNetworks.tsx';
import {
  collapseNames,
  collapseWords,
  dualChart,
  limitWords,
  repeatedWords,
  saysLogOdds,
  splineChart,
  splineHint,
  splineTitle,
  totalChange,
} from './structureModel.ts';

export const structureView: ViewDefinition = {
  id: 'structure',
  title: 'Structure',
  question: 'What does theory already say about these data, and does it hold here?',
  available: (run) => run.structure !== undefined,
  View: ({ run }) => (run.structure ? <Structure run={run} structure={run.structure} /> : null),
};

function Structure({ run, structure }: { readonly run: RunRecord; readonly structure: StructureRecord }): VNode {
  return (
    <>
      <Forms structure={structure} />
      {structure.splines && structure.splines.length > 0 && <Splines run={run} splines={structure.splines} />}
      {structure.rankOne && <RankOne record={structure.rankOne} />}
      {structure.batchNorm && (
        <BatchNorm run={run} record={structure.batchNorm} asPosed={formApplies(structure, 'batch-norm')} />
      )}
      {structure.collapse && <ClassMeans records={structure.collapse} />}
    </>
  );
}

const formApplies = ({ forms }: StructureRecord, id: ClosedFormRecord['id']): boolean =>
  forms.some((form) => form.id === id && form.applies);

/** What is shown further down although the statement does not hold for the problem of the run as it is. */
function elsewhereWords({ id }: ClosedFormRecord, { rankOne, batchNorm }: StructureRecord): string {
  if (id === 'rank-one' && rankOne !== undefined && !rankOne.asPosed)
    return ' Without the bias it does: that other problem is below.';
  if (id === 'batch-norm' && batchNorm !== undefined)
    return ' The network that it is about is another one than that of this run; it is built below on the same rows.';
  return '';
}

const columns: Column<ClosedFormRecord>[] = [
  {
    id: 'title',
    title: 'Statement',
    cell: (form) => <span class="prose">{recorded(form.title)}</span>,
    sortBy: (form) => form.title,
  },
  {
    id: 'reason',
    title: 'Why',
    cell: (form) => (
      <span class="prose">
        {typeset(recorded(form.reason))}
        {form.applies && form.program !== undefined && (
          <span class="muted"> Optimum of: {recorded(form.program)}.</span>
        )}
      </span>
    ),
  },
  {
    id: 'value',
    title: 'Its value',
    hint: 'Optimal objective by the formula, at the beta of this run, in the units of the training program.',
    numeric: true,
    cell: (form) => (form.objective === undefined ? '–' : <Num value={form.objective} digits={8} />),
  },
  {
    id: 'solver',
    title: 'Solver',
    hint: 'The same problem by the general solver.',
    numeric: true,
    cell: (form) => (form.solverObjective === undefined ? '–' : <Num value={form.solverObjective} digits={8} />),
  },
  {
    id: 'difference',
    title: 'Difference',
    hint: 'Relative.',
    numeric: true,
    cell: (form) => (form.difference === undefined ? '–' : <Num value={form.difference} digits={2} />),
  },
];

function Forms({ structure }: { readonly structure: StructureRecord }): VNode {
  const applying = structure.forms.filter((form) => form.applies);
  const others = structure.forms.filter((form) => !form.applies);
  return (
    <Section
      title="Closed forms"
      wide
      hint={
        structure.forms.length === 0
          ? undefined
          : applying.length === 0
            ? 'None applies: these data have no special structure that gives the optimum in closed form.'
            : `${formatInteger(applying.length)} of ${formatCount(structure.forms.length, 'statement')} ${applying.length === 1 ? 'applies' : 'apply'} to the training rows as the network sees them.`
      }
    >
      {applying.length > 0 && (
        <PagedTable<ClosedFormRecord>
          caption="Closed forms that apply"
          hideCaption
          rows={applying}
          columns={columns}
          rowKey={(form) => form.id}
        />
      )}
      {others.length > 0 && (
        <details>
          <summary>
            {formatCount(others.length, 'statement')} that {others.length === 1 ? 'does' : 'do'} not apply, and why
          </summary>
          <dl class="reasons">
            {others.map((form) => (
              <div key={form.id}>
                <dt>{recorded(form.title)}</dt>
                <dd>
                  {typeset(recorded(form.reason))}
                  {elsewhereWords(form, structure)}
                </dd>
              </div>
            ))}
          </dl>
        </details>
      )}
      {structure.notes.length > 0 && (
        <ul class="notes" aria-label="Notes on the structure">
          {structure.notes.map((note) => (
            <li key={note}>
              <Icon name="info" /> {typeset(recorded(note))}
            </li>
          ))}
        </ul>
      )}
    </Section>
  );
}

/** The spline of one output; with several, the class is chosen. */
function Splines({ run, splines }: { readonly run: RunRecord; readonly splines: readonly SplineRecord[] }): VNode {
  const [wanted, choose] = useChoice('spline-output', '0');
  const shown = Number(wanted) < splines.length ? Number(wanted) : 0;
  return (
    <Spline
      run={run}
      spline={splines[shown]}
      several={splines.length > 1}
      tools={
        splines.length > 1 && (
          <Dropdown
            label="Class"
            value={String(shown)}
            choices={splines.map(({ output }, i) => ({ value: String(i), label: output ?? String(i + 1) }))}
            onSelect={choose}
          />
        )
      }
    />
  );
}

interface SplineProps {
  readonly run: RunRecord;
  readonly spline: SplineRecord;
  /** There are splines of other outputs. */
  readonly several: boolean;
  readonly tools: ComponentChildren;
}

function Spline({ run, spline, several, tools }: SplineProps): VNode {
  const fit = useMemo(() => splineChart(run, spline), [run, spline]);
  const dual = useMemo(() => dualChart(spline), [spline]);
  const { regularized } = spline;
  const gap = relativeGap(spline.objective, spline.dualBound);
  const facts: Fact[] = [
    { name: 'Objective, bias free', value: <Num value={spline.objective} digits={8} /> },
    {
      name: 'Proven lower bound',
      value: <Num value={spline.dualBound} digits={8} />,
      hint: `Relative gap ${formatNumber(Math.max(0, gap), 2)}.`,
    },
    {
      name: 'No kink from beta',
      value: <Num value={spline.betaMax} />,
      hint: 'Smallest beta at which the constant fit is optimal.',
    },
    ...(regularized
      ? [
          {
            name: several ? 'Objective of all classes, bias in the norm' : 'Objective, bias in the norm',
            value: <Num value={regularized.objective} digits={8} />,
            hint: several
              ? 'Of the networks of all classes together. Never smaller than the sum of the free-bias objectives: the bias costs as well, and there is no free offset.'
              : 'Never smaller: the bias costs as well, and there is no free offset.',
          },
          {
            name: 'Its kinks',
            value: `${formatCount(regularized.kinks.length, 'kink')}, ${regularized.kinkDistance < 1e-9 ? 'at data points here' : `up to ${formatPercent(regularized.kinkDistance, 2)} of the span off the data`}`,
          },
        ]
      : []),
    {
      name: 'Sum of |slope changes|',
      value: <Num value={totalChange(spline)} />,
      hint: `Of the free-bias fit, ${saysLogOdds(spline.loss) ? 'log-odds per unit of the feature' : 'in original units'}.`,
    },
    {
      name: 'Interpolation limit',
      value:
        spline.interpolation === null ? (
          'none: it grows without bound'
        ) : (
          <>
            <Num value={spline.interpolation.norm} /> with {formatCount(spline.interpolation.kinks.length, 'kink')}
          </>
        ),
      hint: limitWords(spline),
    },
  ];
  return (
    <Section title={splineTitle(spline)} wide hint={splineHint(spline)} tools={tools}>
      <Facts facts={facts} />
      {spline.repeated.abscissae > 0 && (
        <p class="muted">
          {formatCount(spline.repeated.abscissae, 'value')} of {spline.feature} occur in several rows
          {spline.repeated.conflicting > 0
            ? `, ${formatInteger(spline.repeated.conflicting)} of them with different targets${repeatedWords(spline)}.`
            : ', always with the same target.'}
        </p>
      )}
      <div class="grid">
        <Chart spec={fit} />
        <Chart spec={dual} />
      </div>
      <KinkTable spline={spline} />
    </Section>
  );
}

function KinkTable({ spline }: { readonly spline: SplineRecord }): VNode | null {
  if (spline.kinks.length === 0) return null;
  type Kink = SplineRecord['kinks'][number];
  return (
    <PagedTable<Kink>
      caption="Kinks of the free-bias fit"
      rows={spline.kinks}
      rowKey={(kink) => kink.at}
      pageSize={10}
      columns={[
        {
          id: 'at',
          title: spline.feature,
          numeric: true,
          cell: (kink) => <Num value={kink.at} digits={7} />,
          sortBy: (kink) => kink.at,
        },
        {
          id: 'change',
          title: 'Change of slope',
          numeric: true,
          cell: (kink) => <Num value={kink.change} />,
          sortBy: (kink) => Math.abs(kink.change),
        },
      ]}
    />
  );
}

function ClassMeans({ records }: { readonly records: readonly CollapseRecord[] }): VNode {
  const { simplexCosine, classes } = records[0];
  return (
    <Section
      title="Class means"
      wide
      hint={
        classes.length === 2
          ? 'How far the rows of each class scatter around their mean, against the distance of the two means, on the training rows; neural collapse sends it to 0. The angle between two means says nothing: around their centre two points are always opposite.'
          : `Cosines between the means of the ${formatCount(classes.length, 'class', 'classes')}, around their centre, on the training rows. In a simplex every pair has ${formatNumber(simplexCosine, 4)}; neural collapse tends there.`
      }
    >
      <div class="grid">
        {records.map((record) => (
          <ClassMeansOf key={record.source} record={record} />
        ))}
      </div>
    </Section>
  );
}

const shownClasses = 12;

function ClassMeansOf({ record }: { readonly record: CollapseRecord }): VNode {
  return (
    <div>
      <h3>{collapseNames[record.source]}</h3>
      <p class="chart-summary">
        {formatCount(record.features, 'feature')}: {collapseWords(record)}
      </p>
      {record.classes.length > 2 && <CosineTable record={record} />}
    </div>
  );
}

function CosineTable({ record }: { readonly record: CollapseRecord }): VNode {
  const name = collapseNames[record.source];
  const classes = record.classes.slice(0, shownClasses);
  return (
    <>
      <div class="table-scroll" tabIndex={0} role="region" aria-label={`Cosines: ${name}`}>
        <table class="matrix">
          <caption class="visually-hidden">Cosines between class means: {name}</caption>
          <thead>
            <tr>
              <td />
              {classes.map((title) => (
                <th scope="col" key={title}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {classes.map((title, a) => (
              <tr key={title}>
                <th scope="row">{title}</th>
                {classes.map((other, b) => (
                  <td class="numeric" key={other}>
                    <Num value={record.cosines[a][b]} digits={3} />
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {record.classes.length > classes.length && (
        <p class="muted">
          The first {shownClasses} of {record.classes.length} classes.
        </p>
      )}
    </>
  );
}
