import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { modelTraits } from '../../../../src/shared/models.ts';
import { pathProofOf } from '../../../../src/shared/pathProof.ts';
import type { PathRecord, RunRecord } from '../../../../src/shared/run.ts';
import { Chart } from '../../../charts/chart.tsx';
import { formatCount, formatInteger } from '../../../ui/format.ts';
import { Facts, Num, Section } from '../../../ui/pieces.tsx';
import { usePanel } from '../../panelContext.ts';
import type { ViewDefinition } from '../../registry.ts';
import { activeWords, betaMaxWords, partNames } from '../../runData.ts';
import { CrossValidation } from './crossValidation.tsx';
import { ModelComparison } from './modelComparison.tsx';
import { activeChart, errorChart, normChart, pointAt, provenChart, sortedNorms } from './sparsityModel.ts';

export const sparsityView: ViewDefinition = {
  id: 'sparsity',
  title: 'Sparsity',
  question: 'How small can the network be, and what does beta do to that?',
  View: Sparsity,
};

function Sparsity({ run }: { readonly run: RunRecord }): VNode {
  const norms = useMemo(() => normChart(run), [run]);
  const { active } = useMemo(() => sortedNorms(run), [run]);
  const path =
    run.path && run.path.points.length > 0 ? (
      <Path run={run} path={run.path} />
    ) : (
      <Section title="Effect of beta" wide>
        <p class="muted">
          The path over beta was not computed for this run. Train again with a number of path points in the settings to
          get it.
        </p>
      </Section>
    );
  return (
    <>
      {run.crossValidation && <CrossValidation run={run} record={run.crossValidation} />}
      {path}
      <ModelComparison run={run} />
      <Section title={`Active ${partNames(run).many}`} wide>
        <Facts
          facts={[
            {
              name: 'Active',
              value: activeWords(run),
              hint: 'What the exported network consists of: one neuron per direction, sign and output.',
            },
            ...(run.gates.count > 0
              ? [
                  {
                    name: `${modelTraits(run.settings.model).gate === 'tuple' ? 'Tuples' : 'Gates'} with a non-zero group`,
                    value: `${formatInteger(active)} of ${formatInteger(run.gates.count)}`,
                  },
                  {
                    name: 'Patterns',
                    value: patternWords(run),
                    hint: 'Different gates can switch on the same rows; they are one pattern and are kept once.',
                  },
                ]
              : []),
            {
              name: 'Sum of norms',
              value: <Num value={run.solution.penalty} />,
              hint: 'Beta times this is the penalty.',
            },
          ]}
        />
        {run.gates.count > 0 && <Chart spec={norms} />}
      </Section>
    </>
  );
}

function patternWords(run: RunRecord): string {
  const { requested = 0, duplicates = 0, count } = run.gates;
  if (requested <= 0) return `${formatInteger(count)} in play`;
  return `${formatInteger(requested)} tried, ${formatInteger(duplicates)} duplicate or empty`;
}

function Path({ run, path }: { readonly run: RunRecord; readonly path: PathRecord }): VNode {
  const { send } = usePanel();
  const active = useMemo(() => activeChart(run, path), [run, path]);
  const error = useMemo(() => errorChart(run, path), [run, path]);
  const proven = useMemo(() => {
    const proof = pathProofOf(path);
    return proof && provenChart(run, path, proof);
  }, [run, path]);
  const here = pointAt(path, run.resolved.beta);
  const pick = (_series: string, index: number): void =>
    send({ type: 'setBeta', beta: path.points[index].beta, final: true });
  return (
    <Section
      title="Effect of beta"
      wide
      hint={`${formatCount(path.points.length, 'solution')} from β max (${betaMaxWords(run)}) downwards, each started from the one before.${path.complete ? '' : ' The path was cut short.'}`}
    >
      <div class="grid">
        <Chart spec={active} onPick={pick} selected={here === null ? null : { series: 'active', index: here }} />
        <Chart spec={error} onPick={pick} selected={here === null ? null : { series: 'train', index: here }} />
        {proven && <Chart spec={proven} />}
      </div>
    </Section>
  );
}
