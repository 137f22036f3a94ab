import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { ImportanceRecord, RunRecord } from '../../../../src/shared/run.ts';
import { Chart } from '../../../charts/chart.tsx';
import { Dropdown } from '../../../ui/controls.ts';
import { BarTable, Section } from '../../../ui/pieces.tsx';
import { useChoice } from '../../panelContext.ts';
import { effectChart, effectNames, importanceWords, withEffect } from './importanceModel.ts';

const mostBars = 20;

/** Which columns the network needs, and how its prediction goes with one of them. */
export function Importance(props: { readonly run: RunRecord; readonly importance: ImportanceRecord }): VNode {
  const { run, importance } = props;
  const shown = withEffect(importance);
  const [chosen, choose] = useChoice('effectColumn', shown[0]?.column ?? '');
  const feature = shown.find(({ column }) => column === chosen) ?? shown.at(0);
  const chart = useMemo(() => feature && effectChart(run, feature), [run, feature]);
  const names = effectNames(run);
  return (
    <Section
      title="Columns"
      wide
      hint={importanceWords(importance)}
      tools={
        feature && (
          <Dropdown
            label="Column"
            value={feature.column}
            choices={shown.map(({ column }) => ({ value: column, label: column }))}
            onSelect={choose}
          />
        )
      }
    >
      <div class="grid">
        <BarTable
          caption="Importance of the columns"
          bars={importance.features.slice(0, mostBars).map(({ column, mean }) => ({ name: column, value: mean }))}
          nameTitle="column"
          valueTitle="gain of the error"
        />
        {chart ? (
          <Chart spec={chart} />
        ) : (
          feature?.effect && (
            <BarTable
              caption={`Partial dependence on ${feature.column}: ${names[0]}`}
              bars={feature.effect.at.map((name, k) => ({ name: String(name), value: feature.effect!.value[k][0] }))}
              nameTitle={feature.column}
              valueTitle={names[0]}
            />
          )
        )}
      </div>
    </Section>
  );
}
