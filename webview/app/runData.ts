import type { RunRecord } from '../../src/shared/run.ts';
import { partCount, partNames } from '../../src/shared/runView.ts';
import {
  betaMaxIsProven,
  describeVerdict,
  gapPartsOf,
  type Verdict,
  type VerdictFormat,
} from '../../src/shared/verdict.ts';
import { formatCount, formatGap, formatNumber, formatPercent } from '../ui/format.ts';

export {
  decodeOn,
  influence,
  isClassification,
  isOn,
  outputName,
  partCount,
  partNames,
  predictedClass,
  targetText,
  trainRank,
  trainRows,
} from '../../src/shared/runView.ts';

/** What several pages say of a run, with numbers as the panel writes them. */

/** How many parts the network has, in words. */
export function activeWords(run: RunRecord): string {
  const { one, many } = partNames(run);
  return formatCount(partCount(run), `active ${one}`, `active ${many}`);
}

/** How shared sentences write numbers in the panel. */
export const panelFormat: VerdictFormat = {
  count: formatCount,
  gap: formatGap,
  percent: (share) => formatPercent(share),
};

/** The verdict, with numbers as the panel writes them. */
export function panelVerdict(run: RunRecord): Verdict {
  return describeVerdict(run, panelFormat);
}

/** "12.3", or "at least 12.3" where beta max is only the largest that a search found. */
export function betaMaxWords(run: RunRecord): string {
  const value = formatNumber(run.resolved.betaMax);
  return betaMaxIsProven(run) ? value : `at least ${value}`;
}

/** What of the open gap may be a better network, and what is the proof's own; empty where that is not known or nothing is open. */
export function gapPartsWords(run: RunRecord): string {
  const parts = gapPartsOf(run);
  if (parts === undefined || parts.network + parts.proof <= run.settings.tolerance) return '';
  const better =
    parts.network <= run.settings.tolerance
      ? 'The search leaves no room for a better network'
      : `By what the search found, a better network may gain up to ${formatPercent(parts.network)}`;
  return `${better}; ${formatPercent(parts.proof)} of the objective is open only because the proof is not tighter.`;
}

/** Why the verdict holds, and what of an open gap is what. */
export function becauseWords(run: RunRecord): string {
  return [panelVerdict(run).because, gapPartsWords(run)].filter((text) => text !== '').join(' ');
}
