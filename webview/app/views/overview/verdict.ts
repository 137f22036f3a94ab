import type { RunRecord } from '../../../../src/shared/run.ts';
import { formatCount, formatGap, formatPercent } from '../../../ui/format.ts';
import { excessOver, modelNames, partNames } from '../../runData.ts';

/**
 * How strong the claim is: `proven` over all networks of the family, `bounded` by a proven percentage, `gates` for the gates in
 * use only, `stopped` before the tolerance was reached, `broken` when the numbers contradict each other.
 */
export type Strength = 'proven' | 'bounded' | 'gates' | 'stopped' | 'broken';

export interface Verdict {
  readonly strength: Strength;
  /** One word for the badge. */
  readonly word: string;
  readonly headline: string;
  /** One sentence why, and what it does not say. */
  readonly because: string;
}

/** A proven excess above this says too little to be the headline. */
const looseBound = 0.25;

/** Relative slack for rounding when the objective and a bound are compared. */
const rounding = 1e-9;

function gateWords(run: RunRecord): string {
  const { scope } = run.solution;
  if (scope === 'all-arrangements') return 'all activation patterns of the data';
  const how = scope === 'given-gates' ? 'given' : run.settings.arrangements === 'sampled' ? 'sampled' : 'generated';
  return `the ${formatCount(run.gates.count, `${how} ${partNames(run).gate}`)}`;
}

function family(run: RunRecord): string {
  const width = run.settings.model === 'relu' || run.settings.model === 'three-layer' ? ' of any width' : '';
  return `${modelNames[run.settings.model]} networks${width}`;
}

/** The claim that the numbers of the run support, and no more. */
export function describeVerdict(run: RunRecord): Verdict {
  const { solution } = run;
  const { objective, global } = solution;
  const tolerance = run.settings.tolerance;
  const gap = formatGap(solution.relativeGap);
  const scale = Math.max(Math.abs(objective), 1e-300);

  const bound = Math.max(
    solution.scope === 'all-arrangements' ? solution.dualBound : -Infinity,
    global && global.proof !== 'none' ? global.lowerBound : -Infinity,
  );
  if (solution.dualBound - objective > rounding * scale + 1e-12 || bound - objective > rounding * scale + 1e-12) {
    return {
      strength: 'broken',
      word: 'Inconsistent',
      headline: 'The lower bound lies above the objective: these numbers contradict each other.',
      because: 'Nothing is claimed for this run. Please report it with the exported problem.',
    };
  }

  const stopped = stopWords(run);
  const excess = excessOver(objective, bound === -Infinity ? null : bound);
  const relative = bound === -Infinity ? Infinity : (objective - bound) / scale;
  // With a zero network objective and bound may both be tiny; only the relative gap of the record then means anything.
  if (relative <= Math.max(tolerance, 1e-6) || (objective === 0 && bound === 0)) {
    return {
      strength: 'proven',
      word: 'Proven optimal',
      headline: `Globally optimal: no network does better (relative gap ${formatGap(relative)}).`,
      because: `This holds over all ${family(run)} with this loss, penalty and beta. ${sentence(global?.reason ?? 'All activation patterns are in the program.')}`,
    };
  }
  if (excess !== null && bound > 0 && excess <= looseBound) {
    return {
      strength: stopped ? 'stopped' : 'bounded',
      word: stopped ? 'Stopped early' : `Within ${formatPercent(excess, 2)}`,
      headline: `${stopped ? `${stopped} ` : ''}At most ${formatPercent(excess, 3)} above the best possible network.`,
      because:
        `${sentence(global?.reason ?? 'The bound holds over all activation patterns.')} ${gatesSentence(run)}`.trim(),
    };
  }
  if (stopped) {
    return {
      strength: 'stopped',
      word: 'Stopped early',
      headline: `${stopped} At most ${formatPercent(solution.relativeGap, 3)} above the optimum for ${gateWords(run)}.`,
      because: 'The network is the best one reached, its objective and gap are recomputed from the data.',
    };
  }
  const searched =
    global !== undefined && global.searchEstimate <= 1 + 1e-3
      ? 'A search found no neuron that would improve it; that is evidence, not a proof.'
      : global !== undefined
        ? 'A search found a neuron that would improve it: networks outside these gates can be better.'
        : 'Whether a network with other activation patterns is better has not been checked.';
  return {
    strength: 'gates',
    word: solution.scope === 'sampled' ? 'Optimal for its gates' : 'Optimal for given gates',
    headline: `Optimal for ${gateWords(run)}, to relative gap ${gap}.`,
    because: `${searched} ${
      excess !== null && bound > 0
        ? `The proven bound over all ${family(run)} is loose: this one is at most ${formatPercent(excess, 3)} above the best.`
        : ''
    }`.trim(),
  };
}

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

function gatesSentence(run: RunRecord): string {
  const { solution } = run;
  if (solution.scope === 'all-arrangements') return '';
  return `For ${gateWords(run)} it is optimal to relative gap ${formatGap(solution.relativeGap)}.`;
}

function stopWords(run: RunRecord): string {
  if (run.solution.relativeGap <= run.settings.tolerance) return '';
  switch (run.solution.status) {
    case 'cancelled':
      return 'Stopped on request.';
    case 'time-limit':
      return 'Stopped at the time limit.';
    case 'iteration-limit':
      return 'Stopped at the iteration limit.';
    case 'numerical-error':
      return 'Stopped where rounding allowed no further progress.';
    case 'optimal':
      return '';
  }
}

/** Whether the exported network really has the objective of the convex program, and by how much it differs. */
export function networkCheck(run: RunRecord): { readonly difference: number; readonly agrees: boolean } {
  const { objective, networkObjective } = run.solution;
  const difference = Math.abs(networkObjective - objective) / Math.max(Math.abs(objective), 1e-300);
  return { difference, agrees: difference <= Math.max(1e-8, run.settings.tolerance) };
}
