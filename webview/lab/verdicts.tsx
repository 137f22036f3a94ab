import type { VNode } from 'preact';
import { recorded } from '../../src/shared/recorded.ts';
import type { LabRecord, LabVerdict } from '../../src/shared/lab.ts';
import { Button } from '../ui/controls.ts';
import type { IconName } from '../ui/icon.tsx';
import { Icon } from '../ui/icon.tsx';
import { formatNumber, typeset } from '../ui/format.ts';
import { Num } from '../ui/pieces.tsx';
import { useLab } from './labContext.ts';

const looks: Record<LabVerdict['verdict'], { readonly word: string; readonly icon: IconName; readonly look: string }> =
  {
    agrees: { word: 'Agrees', icon: 'check', look: 'proven' },
    disagrees: { word: 'Disagrees', icon: 'error', look: 'broken' },
    'not tested': { word: 'Not settled', icon: 'info', look: 'bounded' },
  };

function toleranceWords([low, high]: LabVerdict['tolerance']): string {
  if (low === null) return high === null ? '' : `at most ${formatNumber(high)}`;
  if (high === null) return `at least ${formatNumber(low)}`;
  if (low === high) return `exactly ${formatNumber(low)}`;
  return `${formatNumber(low)} to ${formatNumber(high)}`;
}

const tooNarrow = { word: 'Width too small', icon: 'warning', look: 'stopped' } as const;
const notMet = { word: 'Conditions not met', icon: 'warning', look: 'stopped' } as const;

/** A prediction whose assumptions can be met is not settled, and says how. */
function lookOf({ verdict, remedy }: LabVerdict): (typeof looks)[LabVerdict['verdict']] {
  if (verdict !== 'not tested' || remedy === undefined) return looks[verdict];
  return 'widths' in remedy.settings || 'width' in remedy.settings ? tooNarrow : notMet;
}

/** All predictions in one line above the pictures; what each says is below them. */
export function VerdictLine({ record }: { readonly record: LabRecord }): VNode {
  return (
    <ul class="verdict-line" aria-label="Predictions">
      {record.verdicts.map((verdict) => {
        const look = lookOf(verdict);
        return (
          <li key={verdict.id} class={look.look}>
            <Icon name={look.icon} /> {look.word}: {recorded(verdict.title)}
          </li>
        );
      })}
    </ul>
  );
}

/** One box per prediction: the word, the number with what would agree, and the sentence. */
export function Verdicts({ record }: { readonly record: LabRecord }): VNode {
  const { forms, setForm } = useLab();
  return (
    <div class="lab-verdicts">
      {record.verdicts.map((verdict) => {
        const look = lookOf(verdict);
        return (
          <section
            class={`verdict ${look.look}`}
            key={verdict.id}
            aria-label={recorded(verdict.title)}
            data-verdict={verdict.id}
          >
            <span class="verdict-word">
              <Icon name={look.icon} /> {look.word}
            </span>
            <div>
              <h2>{recorded(verdict.title)}</h2>
              <p>{typeset(recorded(verdict.sentence))}</p>
              <p class="muted">
                {recorded(verdict.quantity)}: <Num value={verdict.value} digits={4} />
                {verdict.value !== null && verdict.verdict !== 'not tested' && toleranceWords(verdict.tolerance) !== ''
                  ? ` (agrees: ${toleranceWords(verdict.tolerance)})`
                  : ''}
              </p>
              {verdict.remedy && (
                <p>
                  <Button onPress={() => setForm(record.page, { ...forms[record.page], ...verdict.remedy?.settings })}>
                    {recorded(verdict.remedy.label)}
                  </Button>
                </p>
              )}
            </div>
          </section>
        );
      })}
    </div>
  );
}

/** Buttons that show rows of the data in the file; indices are those of the record's rows. */
export function RowLinks(props: {
  readonly rows: readonly number[];
  readonly lines: readonly number[];
  readonly onReveal: (line: number) => void;
}): VNode {
  const shown = props.rows.slice(0, 12);
  return (
    <>
      {shown.map((row, i) => (
        <>
          {i > 0 ? ', ' : ''}
          <button
            type="button"
            class="link"
            key={row}
            title="Show the row in the file"
            onClick={() => props.onReveal(props.lines[row])}
          >
            line {props.lines[row]}
          </button>
        </>
      ))}
      {props.rows.length > shown.length ? ` and ${props.rows.length - shown.length} more` : ''}
    </>
  );
}
