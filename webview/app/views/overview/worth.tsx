import type { VNode } from 'preact';
import type { RunRecord } from '../../../../src/shared/run.ts';
import { preferredModel } from '../../../../src/shared/modelComparison.ts';
import { remarksOf, type Remedy } from '../../../../src/shared/remarks.ts';
import type { TrainingRemedy } from '../../../../src/shared/remedy.ts';
import { scoreHeadline, standingSentence } from '../../../../src/shared/usefulness.ts';
import { Button } from '../../../ui/controls.ts';
import { typeset } from '../../../ui/format.ts';
import { Icon } from '../../../ui/icon.tsx';
import { usePanel } from '../../panelContext.ts';
import { panelFormat } from '../../runData.ts';
import { modelName, modelRequest } from '../sparsity/modelComparisonModel.ts';

/** What the button of a remark says that is mended by training the same network again. */
const remedyLabels: Readonly<Record<TrainingRemedy, string>> = {
  'choose-beta': 'Choose beta by cross-validation',
  longer: 'Train again with three times the time',
  'smaller-beta': 'Follow the path further down',
  impute: 'Train again with gaps filled',
};

/** The button of a remark; a better simple model is named, not built, once other networks were looked at. */
function Mend({ run, remedy }: { readonly run: RunRecord; readonly remedy: Remedy }): VNode | null {
  const { state, send } = usePanel();
  const best = preferredModel(run);
  if (remedy === 'baseline') return null;
  // what these two need is the run when it is whole
  const disabled = state.phase === 'training';
  if (remedy === 'best-model') {
    return best === undefined ? null : (
      <Button disabled={disabled} onPress={() => send(modelRequest(best))}>
        Train {modelName(best)}
      </Button>
    );
  }
  if (remedy === 'compare-models') {
    return (
      <Button disabled={disabled} onPress={() => send({ type: 'compareModels' })}>
        Compare models
      </Button>
    );
  }
  return <Button onPress={() => send({ type: 'remedy', remedy })}>{remedyLabels[remedy]}</Button>;
}

/** The score and what it is compared with, then what a good proof does not say, each with what mends it. */
export function Worth({ run }: { readonly run: RunRecord }): VNode {
  const { state } = usePanel();
  const headline = scoreHeadline(run, panelFormat);
  // a cross-validation that goes on has not run out of time
  const underWay = state.phase === 'training';
  const remarks = remarksOf(run, panelFormat).filter(({ code }) => !(underWay && code === 'beta-unsettled'));
  return (
    <div class="worth">
      {headline !== undefined && <p class="worth-headline">{typeset(headline)}</p>}
      {run.evaluation && <p class="muted">{typeset(standingSentence(run.evaluation))}</p>}
      <ul class="notes" aria-label="What to know before using the network">
        {remarks.map(({ code, text, remedy }) => (
          <li key={code}>
            <Icon name="warning" />
            <span>
              {typeset(text)} <Mend run={run} remedy={remedy} />
            </span>
          </li>
        ))}
      </ul>
    </div>
  );
}
