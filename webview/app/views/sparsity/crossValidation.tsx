import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { CrossValidationRecord, RunRecord } from '../../../../src/shared/run.ts';
import { crossValidationSentence } from '../../../../src/shared/usefulness.ts';
import { Chart } from '../../../charts/chart.tsx';
import { Button } from '../../../ui/controls.ts';
import { formatPercent, typeset } from '../../../ui/format.ts';
import { Section } from '../../../ui/pieces.tsx';
import { usePanel } from '../../panelContext.ts';
import { crossValidationChart } from './crossValidationModel.ts';

/** How beta was chosen, first in the view: the curve, what the rules pick, and a click on any point. */
export function CrossValidation(props: { readonly run: RunRecord; readonly record: CrossValidationRecord }): VNode {
  const { run, record } = props;
  const { send } = usePanel();
  const chart = useMemo(() => crossValidationChart(run, record), [run, record]);
  const { points, best, oneStandardError } = record;
  const here = points.findIndex(({ beta }) => beta === run.resolved.beta);
  const use = (index: number): void => send({ type: 'setBeta', beta: points[index].beta, final: true });
  const share = (index: number): string => formatPercent(points[index].beta / run.resolved.betaMax);
  const offers = [
    { index: best, label: 'Use the smallest error' },
    { index: oneStandardError, label: 'Use the sparser one within one standard error' },
  ].filter(({ index }, k, all) => index !== here && all.findIndex((other) => other.index === index) === k);
  return (
    <Section
      title="Choosing beta"
      wide
      hint={typeset(crossValidationSentence(record))}
      tools={offers.map(({ index, label }) => (
        <Button key={label} onPress={() => use(index)}>
          {label} ({share(index)} of β max)
        </Button>
      ))}
    >
      <Chart
        spec={chart}
        onPick={(_, index) => use(index)}
        selected={here < 0 ? null : { series: 'mean', index: here }}
      />
    </Section>
  );
}
