import type { VNode } from 'preact';
import { batchNormWords } from '../../../../src/shared/batchNorm.ts';
import { optimalSetWords } from '../../../../src/shared/optimalSet.ts';
import { outputPenaltyWords } from '../../../../src/shared/outputs.ts';
import type { RunRecord } from '../../../../src/shared/run.ts';
import { networkNameOf } from '../../../../src/shared/networkName.ts';
import { batchNormCheck, networkCheck } from '../../../../src/shared/verdict.ts';
import { formatNumber, formatPercent, typeset } from '../../../ui/format.ts';
import { Num, Section, TextFacts } from '../../../ui/pieces.tsx';
import { Words } from '../../../ui/term.tsx';
import { becauseWords, panelVerdict } from '../../runData.ts';
import { differenceWords, objectiveFacts, residualFacts } from '../../runFacts.ts';

/** The claim, why it holds, and the numbers behind it. */
export function Certificate({ run }: { readonly run: RunRecord }): VNode {
  const verdict = panelVerdict(run);
  const check = networkCheck(run);
  const normalised = batchNormCheck(run);
  const optima = optimalSetWords(run);
  return (
    <section class={`card verdict ${verdict.strength}`} aria-labelledby="verdict">
      <h2 id="verdict">{typeset(verdict.headline)}</h2>
      <p class="prose-line">
        <Words text={typeset(becauseWords(run))} />
      </p>
      <Numbers run={run} />
      {optima !== undefined && <p class="prose-line">{optima}</p>}
      <p class="muted prose-line">
        {check.agrees
          ? `Checked by running the exported network on the training rows: its own objective is ${formatNumber(run.solution.networkObjective, 8)}, ${differenceWords(
              check.difference,
            )}.`
          : `Warning: the exported network, run on the training rows, has objective ${formatNumber(run.solution.networkObjective, 8)}, which differs by a relative ${formatNumber(check.difference, 2)}.`}
      </p>
      {normalised !== undefined && (
        <p class="muted prose-line">
          {batchNormWords(run)} Run in that form on the training rows, its objective is{' '}
          {formatNumber(normalised.objective, 8)}, {differenceWords(normalised.difference)}.
        </p>
      )}
    </section>
  );
}

function Numbers({ run }: { readonly run: RunRecord }): VNode {
  const { solution, resolved } = run;
  // the claim above has the gap already
  const said = `${panelVerdict(run).headline} ${becauseWords(run)}`;
  const penalty = solution.objective - solution.datafit;
  const share = solution.objective > 0 ? solution.datafit / solution.objective : 0;
  return (
    <>
      <TextFacts facts={objectiveFacts(run).filter(({ value, gap }) => gap !== true || !said.includes(value))} />
      <div class="split-bar" aria-hidden="true">
        <span class="split-a" style={{ width: `${100 * Math.max(0, Math.min(1, share))}%` }} />
        <span class="split-b" />
      </div>
      <p class="split-words">
        <span>
          <span class="key key-a" aria-hidden="true" /> <Words text={`Datafit (${resolved.loss})`} />{' '}
          <Num value={solution.datafit} /> ({formatPercent(share)})
        </span>
        <span>
          <span class="key key-b" aria-hidden="true" /> β · sum of norms <Num value={penalty} /> (
          {formatPercent(1 - share)})
        </span>
      </p>
      {resolved.outputs > 1 && (
        <p class="muted prose-line">{outputPenaltyWords(networkNameOf(run.settings), resolved.outputPenalty)}</p>
      )}
    </>
  );
}

/** Residuals of the optimality conditions, those that were computed. */
export function Residuals({ run }: { readonly run: RunRecord }): VNode | null {
  const facts = residualFacts(run);
  if (facts.length === 0) return null;
  return (
    <Section title="Residuals of the optimality conditions">
      <TextFacts facts={facts} />
    </Section>
  );
}
