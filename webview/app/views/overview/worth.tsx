import type { VNode } from 'preact';
import type { RunRecord } from '../../../../src/shared/run.ts';
import { remarksOf, type Remedy, scoreHeadline, standingSentence } from '../../../../src/shared/usefulness.ts';
import { Button } from '../../../ui/controls.ts';
import { typeset } from '../../../ui/format.ts';
import { Icon } from '../../../ui/icon.tsx';
import { usePanel } from '../../panelContext.ts';
import { panelFormat } from '../../runData.ts';

/** What the button of a remark says; a better simple model is named, not built. */
const remedyLabels: Readonly<Record<Exclude<Remedy, 'baseline'>, string>> = {
  'choose-beta': 'Choose beta by cross-validation',
  longer: 'Train again with three times the time',
  'smaller-beta': 'Follow the path further down',
  impute: 'Train again with gaps filled',
};

/** The score and what it is compared with, then what a good proof does not say, each with what mends it. */
export function Worth({ run }: { readonly run: RunRecord }): VNode {
  const { send } = usePanel();
  const headline = scoreHeadline(run, panelFormat);
  return (
    <div class="worth">
      {headline !== undefined && <p class="worth-headline">{typeset(headline)}</p>}
      {run.evaluation && <p class="muted">{typeset(standingSentence(run.evaluation))}</p>}
      <ul class="notes" aria-label="What to know before using the network">
        {remarksOf(run, panelFormat).map(({ code, text, remedy }) => (
          <li key={code}>
            <Icon name="warning" />
            <span>
              {typeset(text)}{' '}
              {remedy !== 'baseline' && (
                <Button onPress={() => send({ type: 'remedy', remedy })}>{remedyLabels[remedy]}</Button>
              )}
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
