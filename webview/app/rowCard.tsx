import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import type { RunRecord } from '../../src/shared/run.ts';
import { Button, TextField } from '../ui/controls.ts';
import { formatInteger, formatNumber, formatPercent } from '../ui/format.ts';
import { Icon } from '../ui/icon.tsx';
import { Facts, Num, Section } from '../ui/pieces.tsx';
import { useContributions } from './contributions.ts';
import { usePanel, useRows, useSelection } from './panelContext.ts';
import { isClassification, predictedClass, targetText, trainRank } from './runData.ts';
import { lineWords } from './runFacts.ts';
import { firing, neuronName, rowAtLine } from './views/neurons/neuronModel.ts';

/** One row of the data: what it says, what the network makes of it, and which neurons fire. */
export function RowCard({ run }: { readonly run: RunRecord }): VNode {
  const [selected, selectRow] = useSelection('row');
  const n = run.rows.line.length;
  const row = selected !== null && selected >= 0 && selected < n ? selected : null;
  const step = (by: number): void => selectRow(Math.max(0, Math.min(n - 1, (row ?? (by > 0 ? -1 : n)) + by)));
  return (
    <Section
      title={row === null ? 'A row' : `Row at ${lineWords(run, row)}`}
      tools={
        <span class="row">
          <Button look="icon" label="Previous row" disabled={row === 0} onPress={() => step(-1)}>
            <Icon name="chevronLeft" />
          </Button>
          <TextField
            label="Line"
            size={7}
            value={row === null ? '' : String(run.rows.line[row])}
            onCommit={(text) => {
              const line = Number(text);
              if (Number.isInteger(line)) selectRow(rowAtLine(run, line));
            }}
          />
          <Button look="icon" label="Next row" disabled={row === n - 1} onPress={() => step(1)}>
            <Icon name="chevronRight" />
          </Button>
        </span>
      }
    >
      {row === null ? (
        <p class="muted">Choose a row: in a picture, in a table, or by its line in the file.</p>
      ) : (
        <RowBody run={run} row={row} />
      )}
    </Section>
  );
}

interface RowProps {
  readonly run: RunRecord;
  readonly row: number;
}

function RowBody({ run, row }: RowProps): VNode {
  const { send } = usePanel();
  const rank = useMemo(() => trainRank(run), [run]);
  const { outputs } = run.resolved;
  return (
    <>
      <Facts
        facts={[
          { name: 'Target', value: targetText(run, row, (v) => formatNumber(v, 6)) },
          {
            name: 'Prediction',
            value: isClassification(run) ? (
              (run.resolved.classes[predictedClass(run, row)] ?? '–')
            ) : (
              <Num value={run.rows.prediction[row * outputs]} />
            ),
          },
          {
            name: 'Dual value',
            value:
              rank[row] < 0 ? (
                'none: a test row'
              ) : (
                <Num
                  value={Math.max(...run.rows.dual.slice(rank[row] * outputs, (rank[row] + 1) * outputs).map(Math.abs))}
                />
              ),
            hint: outputs > 1 ? 'Largest over outputs, in size.' : undefined,
          },
          { name: 'Used for', value: run.rows.split[row] === 0 ? 'training' : 'testing' },
        ]}
      />
      <p>
        <Button onPress={() => send({ type: 'revealRow', index: row })}>
          <Icon name="reveal" />
          &nbsp;Reveal row in the file
        </Button>
      </p>
      {run.neurons.length > 0 && <FiringNeurons run={run} row={row} />}
      <OriginalValues row={row} />
    </>
  );
}

/** +1.25, −0.3 */
const signed = (value: number): string => `${value > 0 ? '+' : ''}${formatNumber(value, 3)}`;

/** The neurons that are on for the row with what each adds; choosing one selects it everywhere. */
function FiringNeurons({ run, row }: RowProps): VNode {
  const [neuron, selectNeuron] = useSelection('neuron');
  const parts = useContributions(run, row);
  const on = useMemo(() => {
    const size = (id: number): number => Math.abs(parts?.adds.get(id)?.value ?? 0);
    const found = firing(run, row);
    return parts === null ? found : [...found].sort((a, b) => size(b.id) - size(a.id));
  }, [run, row, parts]);
  return (
    <>
      <h3>
        {on.length === 0
          ? 'No neuron fires for this row'
          : `Neurons that fire: ${formatInteger(on.length)} of ${formatInteger(run.neurons.length)}`}
      </h3>
      {parts !== null && (
        <p class="muted">
          What each adds to {parts.unit}, with its part of all that is added and taken away; without them it would be{' '}
          <Num value={parts.base} />.
        </p>
      )}
      <ul class="chips">
        {on.slice(0, 60).map((item) => (
          <li key={item.id}>
            <button type="button" class="chip" aria-pressed={neuron === item.id} onClick={() => selectNeuron(item.id)}>
              {parts === null ? (item.sign > 0 ? '+' : '−') : signed(parts.adds.get(item.id)?.value ?? 0)}{' '}
              {neuronName(item)}
              {parts !== null && <span class="muted"> {formatPercent(parts.adds.get(item.id)?.share ?? 0, 2)}</span>}
            </button>
          </li>
        ))}
        {on.length > 60 && <li class="muted">and {formatInteger(on.length - 60)} more</li>}
      </ul>
    </>
  );
}

/** The cells of the file, once the host has sent them. */
function OriginalValues({ row }: { readonly row: number }): VNode | null {
  const { state } = usePanel();
  const original = useRows([row]).get(row);
  if (original === undefined) return null;
  return (
    <div class="table-scroll" tabIndex={0} role="region" aria-label="Original values">
      <table class="values">
        <caption>Original values</caption>
        <tbody>
          {original.map((cell, i) => (
            <tr key={i}>
              <th scope="row" class="long-name">
                {state.header[i] ?? `column ${i + 1}`}
              </th>
              <td>{cell === '' ? <span class="muted">empty</span> : cell}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
