import type { VNode } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { predictedClass } from '../../../../src/core/metrics/predictedClass.ts';
import {
  boundaryDistance,
  type RowField,
  rowFields,
  type RowOutput,
  rowOutput,
  rowValues,
  typicalCell,
} from '../../../../src/shared/rowModel.ts';
import type { RunRecord } from '../../../../src/shared/run.ts';
import { Button, Dropdown, TextField } from '../../../ui/controls.ts';
import { formatInteger, formatNumber } from '../../../ui/format.ts';
import { BarTable, Facts, Num, Section } from '../../../ui/pieces.tsx';
import { usePanel, useRows, useSelection } from '../../panelContext.ts';
import { isClassification, outputName, targetText } from '../../runData.ts';
import { lineWords } from '../../runFacts.ts';
import { neuronName } from '../neurons/neuronModel.ts';
import { predictionWords } from './predictionsModel.ts';

/** Most bars of contributions. */
const mostBars = 12;
/** What stands in a choice for a category that training has not seen. */
const unseen = '(another)';

/** A row that can be changed: the prediction, the neurons that fire and what each adds follow at once. */
export function WhatIf({ run }: { readonly run: RunRecord }): VNode {
  const { state } = usePanel();
  const [selected, selectRow] = useSelection('row');
  const row = selected !== null && selected >= 0 && selected < run.rows.line.length ? selected : null;
  const original = useRows(row === null ? [] : [row]).get(row ?? -1);
  const [changed, setChanged] = useState<Readonly<Record<string, string>>>({});
  useEffect(() => setChanged({}), [row]);
  const fields = useMemo(() => rowFields(run), [run]);
  const cellOf = (field: RowField): string =>
    changed[field.column] ??
    original?.[state.header.indexOf(field.column)] ??
    (row === null ? typicalCell(run, field) : '');
  const cells = new Map(fields.map((field) => [field.column, cellOf(field)]));
  const waiting = row !== null && original === undefined;
  const read = rowValues(run, (column) => cells.get(column) ?? '', run.dataset.decimal === ',' ? ',' : '.');
  const title = row === null ? 'What if: a typical row' : `What if: the row at ${lineWords(run, row)}`;
  const set = (column: string, value: string): void => setChanged((before) => ({ ...before, [column]: value }));
  return (
    <Section
      title={title}
      wide
      hint="Change a value and the prediction follows. A row comes from a picture above, or from its card."
      tools={
        <span class="row">
          {Object.keys(changed).length > 0 && <Button onPress={() => setChanged({})}>Undo changes</Button>}
          {row !== null && <Button onPress={() => selectRow(null)}>A typical row</Button>}
        </span>
      }
    >
      <div class="grid">
        <div class="row-form">
          {fields.map((field) => (
            <Field
              key={field.column}
              field={field}
              value={cells.get(field.column)!}
              onChange={(v) => set(field.column, v)}
            />
          ))}
        </div>
        <div aria-live="polite">
          {waiting ? (
            <p class="muted">Fetching the row …</p>
          ) : 'problem' in read ? (
            <p class="error">{`${read.column} ${read.problem}.`}</p>
          ) : (
            <Outcome run={run} found={rowOutput(run, read.values)} row={Object.keys(changed).length > 0 ? null : row} />
          )}
        </div>
      </div>
    </Section>
  );
}

function Field(props: {
  readonly field: RowField;
  readonly value: string;
  readonly onChange: (v: string) => void;
}): VNode {
  const { field, value, onChange } = props;
  if (field.kind !== 'category') return <TextField label={field.column} value={value} size={9} onCommit={onChange} />;
  const names = field.categories.includes(value) || value === '' ? field.categories : [...field.categories, value];
  const choices = [...names, ...(names.includes(unseen) ? [] : [unseen])];
  return (
    <Dropdown
      label={field.column}
      value={value}
      choices={choices.map((name) => ({ value: name, label: name }))}
      onSelect={onChange}
    />
  );
}

/** What the network makes of the row; `row` when it is one of the file as it stands. */
function Outcome(props: { readonly run: RunRecord; readonly found: RowOutput; readonly row: number | null }): VNode {
  const { run, found, row } = props;
  const classes = isClassification(run);
  const label = classes ? predictedClass(found.outputs, 0, found.outputs.length, run.resolved.threshold?.at) : 0;
  const distance = boundaryDistance(run, found);
  /** The output whose parts are listed. */
  const output = found.outputs.length === 1 ? 0 : label;
  const on = found.neurons.filter((neuron) => neuron.on);
  const parts = on
    .map(({ neuron, adds }) => ({ name: neuronName(neuron), value: adds[output] }))
    .sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const rest = parts.slice(mostBars).reduce((sum, { value }) => sum + value, 0);
  const bars = [
    { name: 'no neuron on', value: found.base[output] },
    ...parts.slice(0, mostBars),
    ...(parts.length > mostBars ? [{ name: `${formatInteger(parts.length - mostBars)} more`, value: rest }] : []),
  ];
  const unit = classes ? `output for ${outputName(run, output)}` : run.resolved.target;
  return (
    <>
      <Facts
        facts={[
          { name: 'Prediction', value: <strong>{predictionWords(run, found.outputs, label)}</strong> },
          ...(row === null ? [] : [{ name: 'Target', value: targetText(run, row, (v) => formatNumber(v, 6)) }]),
          { name: 'Neurons that fire', value: `${formatInteger(on.length)} of ${formatInteger(found.neurons.length)}` },
          ...(distance === undefined
            ? []
            : [
                {
                  name: 'Boundary',
                  value: (
                    <>
                      <Num value={distance} digits={3} /> deviations away
                    </>
                  ),
                  hint: 'Along the steepest way, in standard deviations of the inputs, if the same neurons stay on.',
                },
              ]),
        ]}
      />
      <h3>{`What adds up to the ${unit}`}</h3>
      <BarTable caption={`Parts of the ${unit}`} bars={bars} nameTitle="neuron" valueTitle="adds" />
      <p class="muted">
        {'Together '}
        <Num value={found.outputs[output]} />
        {'.'}
      </p>
    </>
  );
}
