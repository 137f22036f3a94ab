import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { RunRecord } from '../../../../src/shared/run.ts';
import { Chart } from '../../../charts/chart.tsx';
import { Dropdown } from '../../../ui/controls.ts';
import { Later } from '../../../ui/later.tsx';
import { Section } from '../../../ui/pieces.tsx';
import { useChoice, useSelection } from '../../panelContext.ts';
import type { ViewDefinition } from '../../registry.ts';
import { isClassification } from '../../runData.ts';
import {
  actualChart,
  calibrationChart,
  hasProbabilities,
  judgedWords,
  precisionRecallChart,
  rocChart,
} from './predictionsModel.ts';
import { Importance } from './importance.tsx';
import { WhatIf } from './whatIf.tsx';

export const predictionsView: ViewDefinition = {
  id: 'predictions',
  title: 'Predictions',
  question: 'What does the network say, row by row, how far can that be trusted, and what if a value were another?',
  View: Predictions,
};

function Predictions({ run }: { readonly run: RunRecord }): VNode {
  return (
    <>
      {isClassification(run) ? <ClassPictures run={run} /> : <Actual run={run} />}
      <Later>
        {run.importance !== undefined && run.importance.features.length > 0 && (
          <Importance run={run} importance={run.importance} />
        )}
        {run.deep === undefined && <WhatIf key={run.id} run={run} />}
      </Later>
    </>
  );
}

function Actual({ run }: { readonly run: RunRecord }): VNode {
  const [, selectRow] = useSelection('row');
  const { spec, rows } = useMemo(() => actualChart(run), [run]);
  return (
    <Section title="Rows" wide>
      <Chart spec={spec} onPick={(series, index) => series in rows && selectRow(rows[series][index])} />
    </Section>
  );
}

function ClassPictures({ run }: { readonly run: RunRecord }): VNode {
  const { classes } = run.resolved;
  const [chosen, choose] = useChoice('positiveClass', classes[classes.length === 2 ? 1 : 0]);
  const label = Math.max(0, classes.indexOf(chosen));
  const roc = useMemo(() => rocChart(run, label), [run, label]);
  const precision = useMemo(() => precisionRecallChart(run, label), [run, label]);
  const reliable = useMemo(() => (hasProbabilities(run) ? calibrationChart(run, label) : null), [run, label]);
  return (
    <Section
      title="One class against the rest"
      wide
      hint={`On the ${judgedWords(run)}.${reliable === null ? ' The loss gives no probabilities, so that rows are ranked by outputs and there is no calibration.' : ''}`}
      tools={
        <Dropdown
          label="Class"
          value={classes[label]}
          choices={classes.map((name) => ({ value: name, label: name }))}
          onSelect={choose}
        />
      }
    >
      <div class="grid">
        <Chart spec={roc} />
        <Chart spec={precision} />
        {reliable && <Chart spec={reliable} />}
      </div>
    </Section>
  );
}
