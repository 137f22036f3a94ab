import type { VNode } from 'preact';
import type { LabRecord, LabVerdict } from '../../src/shared/lab.ts';
import type { IconName } from '../ui/icon.tsx';
import { Icon } from '../ui/icon.tsx';
import { formatNumber, typeset } from '../ui/format.ts';
import { Num } from '../ui/pieces.tsx';

const looks: Record<LabVerdict['verdict'], { readonly word: string; readonly icon: IconName; readonly name: string }> =
  {
    agrees: { word: 'Agrees', icon: 'check', name: 'proven' },
    disagrees: { word: 'Disagrees', icon: 'error', name: 'broken' },
    'not tested': { word: 'Not settled', icon: 'info', name: 'bounded' },
  };

function toleranceWords([low, high]: LabVerdict['tolerance']): string {
  if (low === null) return high === null ? '' : `at most ${formatNumber(high)}`;
  if (high === null) return `at least ${formatNumber(low)}`;
  if (low === high) return `exactly ${formatNumber(low)}`;
  return `${formatNumber(low)} to ${formatNumber(high)}`;
}

/** One box per prediction: the word, the number with what would agree, and the sentence. */
export function Verdicts({ record }: { readonly record: LabRecord }): VNode {
  return (
    <div class="lab-verdicts">
      {record.verdicts.map((verdict) => {
        const look = looks[verdict.verdict];
        return (
          <section class={`verdict ${look.name}`} key={verdict.id} aria-label={verdict.title} data-verdict={verdict.id}>
            <span class="verdict-word">
              <Icon name={look.icon} /> {look.word}
            </span>
            <div>
              <h2>{verdict.title}</h2>
              <p>{typeset(verdict.sentence)}</p>
              <p class="muted">
                {verdict.quantity}: <Num value={verdict.value} digits={4} />
                {verdict.value !== null && verdict.verdict !== 'not tested' && toleranceWords(verdict.tolerance) !== ''
                  ? ` (agrees: ${toleranceWords(verdict.tolerance)})`
                  : ''}
              </p>
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
