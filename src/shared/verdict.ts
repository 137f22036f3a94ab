import { recorded } from './recorded.ts';
import { type FamilyFacts, type ModelTraits, modelTraits } from './models.ts';
import { plural } from './plural.ts';
import { text } from './texts.ts';
import type { GlobalCertificate, RunRecord, SolutionSummary } from './run.ts';

/**
 * How strong the claim about a run is: `proven` best of all networks of the family, `bounded` by a proven percentage, `searched` (no better
 * neuron was found, and no useful bound is proven), `gates` (optimal for the activation patterns that were fixed beforehand), `stopped`
 * before the tolerance was reached, `broken` when the numbers contradict each other.
 */
export type Strength = 'proven' | 'bounded' | 'searched' | 'gates' | 'stopped' | 'broken';

/** What a verdict is made from. */
export type Claimed = Pick<RunRecord, 'settings' | 'resolved' | 'solution' | 'preview'> & {
  readonly gates: Pick<RunRecord['gates'], 'count'>;
  readonly deep?: FamilyFacts;
};

export interface Verdict {
  readonly strength: Strength;
  /** A few words for a badge or a list. */
  readonly word: string;
  readonly headline: string;
  /** Why, and what it does not say. */
  readonly because: string;
}

/** How numbers are written where the verdict is read. */
export interface VerdictFormat {
  count(value: number, one: string): string;
  /** A relative gap, 0 or more. */
  gap(gap: number): string;
  /** 0.123 as "12.3 %". */
  percent(share: number): string;
}

/** Plain text, the same in every language of the editor. */
export const plainFormat: VerdictFormat = {
  count: (value, one) => plural(value, one),
  gap: (gap) => String(Number(gap.toPrecision(2))),
  percent: (share) => `${Number((100 * share).toPrecision(3))} %`,
};

/** A proven percentage above this says too little to be the headline. */
const looseBound = 0.25;

/** Relative slack for rounding when the objective and a bound are compared. */
const rounding = 1e-9;

/** A search value (over beta) up to this counts as "no better neuron": the optimum itself touches 1. */
const searchSlack = 1e-3;

/** Whether a search found a neuron or branch that would improve the network. */
export const foundBetter = (global: Pick<GlobalCertificate, 'searchEstimate'>): boolean =>
  global.searchEstimate > 1 + searchSlack;

/** Whether the activation patterns (of a tuple: three of them) were looked for by the solver rather than fixed beforehand. */
export function searchesPatterns({ settings }: Pick<RunRecord, 'settings'>): boolean {
  return modelTraits(settings.model).patterns === 'free' && settings.arrangements !== 'sampled';
}

/**
 * Proven lower bound over the whole family of networks: the bound of the program when all patterns are in it, and what was proven
 * beyond it; -Infinity when there is none.
 */
export function boundOverFamily({
  solution,
}: {
  readonly solution: Pick<SolutionSummary, 'scope' | 'dualBound'> & {
    readonly global?: Pick<GlobalCertificate, 'proof' | 'lowerBound'>;
  };
}): number {
  return Math.max(
    solution.scope === 'all-arrangements' ? solution.dualBound : -Infinity,
    solution.global && solution.global.proof !== 'none' ? solution.global.lowerBound : -Infinity,
  );
}

/** Relative gap that is proven over the whole family of networks; undefined where nothing is. */
export function gapOverFamily(run: {
  readonly solution: Parameters<typeof boundOverFamily>[0]['solution'] & Pick<SolutionSummary, 'objective'>;
}): number | undefined {
  const bound = boundOverFamily(run);
  return bound === -Infinity ? undefined : Math.max(0, run.solution.objective - bound) / scaleOf(run);
}

/** What the numbers of a run say, before it is put into words. */
interface Facts {
  readonly run: Claimed;
  readonly format: VerdictFormat;
  readonly traits: ModelTraits;
  readonly searched: boolean;
  /** Why the solve ended early; empty when it did not. */
  readonly stopped: string;
  /** Proven lower bound over the family (-Infinity: none) and the relative gap to it (Infinity: none). */
  readonly bound: number;
  readonly gap: number;
  /** A search found a part that would improve the network. */
  readonly found: boolean;
  readonly improvement: string;
}

function factsOf(run: Claimed, format: VerdictFormat): Facts {
  const { global } = run.solution;
  const bound = boundOverFamily(run);
  const found = global !== undefined && foundBetter(global);
  return {
    run,
    format,
    traits: modelTraits(run.settings.model),
    searched: searchesPatterns(run),
    stopped: stopWords(run),
    bound,
    gap: gapOverFamily(run) ?? Infinity,
    found,
    improvement: found ? improvementWords(run, global.searchEstimate) : '',
  };
}

const scaleOf = ({ solution }: { readonly solution: Pick<SolutionSummary, 'objective'> }): number =>
  Math.max(Math.abs(solution.objective), 1e-300);

/**
 * The claim that the numbers of the run support, and no more.
 * @throws {ProblemError} when there is no such model
 */
export function describeVerdict(run: Claimed, format: VerdictFormat = plainFormat): Verdict {
  if (contradictory(run)) return broken;
  const facts = factsOf(run, format);
  const { solution, settings } = run;
  const { gap, bound, stopped } = facts;
  // With a zero network objective and bound may both be tiny; only the relative gap of the record then means anything.
  if (gap <= Math.max(settings.tolerance, 1e-6) || (solution.objective === 0 && bound === 0)) return proven(facts);
  if (bound > 0 && gap <= looseBound) return bounded(facts);
  if (stopped) return stoppedEarly(facts);
  if (solution.proving === true) return proving(facts);
  return facts.searched ? searchedOnly(facts) : optimalForGates(facts);
}

/** The open gap of a proof over all networks, in shares of the objective: what a better network may gain, and what the proof leaves open. */
export interface GapParts {
  /** Objective less what would be proven if no direction were better than the best one found: where a better network may be. */
  readonly network: number;
  /** The rest, which is there only because the proof is not tighter. */
  readonly proof: number;
}

/** How the gap over all networks divides; undefined where nothing is proven, or for records of earlier versions. */
export function gapPartsOf({
  solution,
}: {
  readonly solution: Pick<SolutionSummary, 'objective' | 'global'>;
}): GapParts | undefined {
  const { objective, global } = solution;
  if (global?.searchedBound === undefined || global.proof === 'none' || !(objective > 0)) return undefined;
  const searched = Math.min(objective, Math.max(global.searchedBound, global.lowerBound));
  return { network: (objective - searched) / objective, proof: (searched - global.lowerBound) / objective };
}

/** Whether a lower bound lies above the objective by more than rounding. */
function contradictory(run: Claimed): boolean {
  const { objective, dualBound } = run.solution;
  const slack = rounding * scaleOf(run) + 1e-12;
  return dualBound - objective > slack || boundOverFamily(run) - objective > slack;
}

const broken: Verdict = {
  strength: 'broken',
  word: 'Inconsistent',
  headline: 'The lower bound lies above the objective: these numbers contradict each other.',
  because: 'Nothing is claimed for this run. Please report it with the exported problem.',
};

function proven({ run, traits, format, gap }: Facts): Verdict {
  return {
    strength: 'proven',
    word: 'Proven optimal',
    headline: `Globally optimal: no network does better (relative gap ${format.gap(gap === Infinity ? 0 : gap)}).`,
    because: `This holds over ${traits.family(run)} with this loss, penalty and beta. ${proofWords(run)}`,
  };
}

function bounded({ run, traits, format, gap, stopped, searched, improvement }: Facts): Verdict {
  const within = format.percent(gap);
  const because = [
    `This holds over ${traits.family(run)}.`,
    proofWords(run),
    searched || run.solution.scope === 'all-arrangements' ? '' : `${optimalFor(run, format)}.`,
    improvement,
  ];
  return {
    strength: stopped ? 'stopped' : 'bounded',
    word: stopped ? 'Stopped early' : `Within ${within}`,
    headline: `${stopped ? `${stopped} ` : ''}Proven within ${within} of the best: any other network is at most that much better.`,
    because: joined(because),
  };
}

function stoppedEarly(facts: Facts): Verdict {
  const { run, format, searched, stopped } = facts;
  const { scope, dualBound, relativeGap } = run.solution;
  const claim =
    searched || scope === 'all-arrangements'
      ? looseWords(facts) || 'How far the best network is below it is not known.'
      : dualBound > 0
        ? `At most ${format.percent(Math.max(0, relativeGap))} above the optimum for ${gateWords(run, format)}, relative to its objective.`
        : `How far the optimum for ${gateWords(run, format)} is below it is not known.`;
  return {
    strength: 'stopped',
    word: 'Stopped early',
    headline: `${stopped} ${claim}`,
    because: 'The network is the best one reached; its objective and bound are recomputed from the data.',
  };
}

function proving({ run, format }: Facts): Verdict {
  return {
    strength: 'searched',
    word: 'Searched so far',
    headline: 'No better neuron was found; the proof over all activation patterns is running.',
    because: `The network is shown as it is. When the proof ends, it says how much better any network can be. ${generatedGap(run, format)}`,
  };
}

function searchedOnly(facts: Facts): Verdict {
  const { run, format, traits, bound, gap, found, improvement } = facts;
  const part = text(traits.part.one);
  const because = [
    found ? improvement : 'That no better one was found is evidence, not a proof.',
    looseWords(facts) || 'A bound over all activation patterns has not been computed.',
    generatedGap(run, format),
  ];
  return {
    strength: 'searched',
    word: found ? 'Searched: can be improved' : 'Searched, not proven',
    headline: found
      ? `Not optimal: the search found a ${part} that would improve this network.`
      : `Searched: no better ${part} was found${bound > 0 ? `; proven within ${format.percent(gap)}` : ', and nothing is proven'}.`,
    because: joined(because),
  };
}

function optimalForGates(facts: Facts): Verdict {
  const { run, format, traits, found, improvement } = facts;
  const others =
    traits.patterns === 'own'
      ? 'A gated network is defined by its gates; one with other gates may be better.'
      : run.solution.global === undefined
        ? 'Whether a network with other activation patterns is better has not been checked.'
        : found
          ? improvement
          : `A search found no ${text(traits.part.one)} that would improve it; that is evidence, not a proof.`;
  return {
    strength: 'gates',
    word: `Optimal for its ${text(`${traits.gate}s`)}`,
    headline: `${optimalFor(run, format)}.`,
    because: joined([others, looseWords(facts)]),
  };
}

/** A bound that is proven but too far away to lead with; empty without. */
function looseWords({ bound, gap, format }: Facts): string {
  return bound > 0
    ? `Proven is only that no network of this family can be more than ${format.percent(gap)} better.`
    : '';
}

/** What the proof rests on. */
const proofWords = ({ solution }: Claimed): string =>
  solution.global === undefined
    ? 'All activation patterns are in the program.'
    : recorded(sentence(solution.global.reason));

const joined = (texts: readonly string[]): string => texts.filter((text) => text !== '').join(' ');

const sentence = (text: string): string => (/[.!?]$/.test(text) ? text : `${text}.`);

/** "the 200 sampled gates" */
function gateWords(run: Claimed, format: VerdictFormat): string {
  if (run.solution.scope === 'all-arrangements') return 'all activation patterns of the data';
  const harvested = run.deep?.kind === 'three-layer' ? (run.deep.harvested ?? 0) : 0;
  if (harvested > 0 && run.solution.scope === 'sampled')
    return `its ${format.count(run.gates.count, 'tuple')}, ${run.gates.count - harvested} sampled and ${harvested} from gradient descent`;
  const { gate: unit, patterns } = modelTraits(run.settings.model);
  const gates = format.count(run.gates.count, `${run.solution.scope === 'given-gates' ? 'given' : 'sampled'} ${unit}`);
  return patterns === 'own' ? `its ${gates}` : `the ${gates}`;
}

function optimalFor(run: Claimed, format: VerdictFormat): string {
  return `Optimal for ${gateWords(run, format)}, to relative gap ${format.gap(Math.max(0, run.solution.relativeGap))}`;
}

/** A better neuron or branch exists, what it gains (over beta, above 1), and what brings it in. */
function improvementWords({ settings }: Claimed, value: number): string {
  const { part: parts, patterns } = modelTraits(settings.model);
  const part = parts.one;
  const remedy =
    settings.arrangements === 'sampled' && patterns !== 'own'
      ? `; choose adaptive arrangements, which bring such a ${part} in`
      : '';
  return `A better ${part} exists: per unit of its norm it gains ${Number(value.toPrecision(4))} beta and costs 1 beta${remedy}.`;
}

/** What a search leaves behind holds for the patterns that it has generated, which is no claim about the others. */
function generatedGap({ solution, gates, settings }: Claimed, format: VerdictFormat): string {
  if (solution.scope !== 'sampled') return '';
  const { pattern } = modelTraits(settings.model);
  return `On the ${format.count(gates.count, pattern)} that the search brought in, the relative gap is ${format.gap(Math.max(0, solution.relativeGap))}.`;
}

function stopWords(run: Claimed): string {
  if (run.solution.relativeGap <= run.settings.tolerance) return '';
  switch (run.solution.status) {
    case 'cancelled':
      return run.preview === true ? 'Beta was changed on.' : 'Stopped on request.';
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

/** The same for the network with batch normalisation that stands behind a run; undefined without. */
export function batchNormCheck(
  run: RunRecord,
): { readonly objective: number; readonly difference: number } | undefined {
  if (run.batchNorm === undefined) return undefined;
  const { objective } = run.batchNorm;
  return { objective, difference: relativeDifference(objective, run.solution.objective) };
}

const relativeDifference = (found: number, wanted: number): number =>
  Math.abs(found - wanted) / Math.max(Math.abs(wanted), 1e-300);

/** Whether the exported network really has the objective of the convex program, and by how much it differs. */
export function networkCheck(run: RunRecord): { readonly difference: number; readonly agrees: boolean } {
  const { objective, networkObjective } = run.solution;
  const difference = relativeDifference(networkObjective, objective);
  return { difference, agrees: difference <= Math.max(1e-8, run.settings.tolerance) };
}

/**
 * Whether `betaMax` of a run is the exact threshold from which on the zero network is optimal. Where the patterns are searched for, it is the
 * largest dual constraint that was found, which is exact when the proven upper bound meets it and a lower limit otherwise. Where the
 * gates are fixed, it is exact for them.
 */
export function betaMaxIsProven(run: Pick<RunRecord, 'settings' | 'resolved' | 'solution'>): boolean {
  const { betaMax, betaMaxUpper } = run.resolved;
  if (!searchesPatterns(run)) return true;
  return betaMaxUpper !== undefined && betaMaxUpper <= betaMax * (1 + 1e-6);
}

/** What beta max means, in one sentence. */
export function betaMaxHint(run: Pick<RunRecord, 'settings' | 'resolved' | 'solution'>): string {
  const zero = 'From beta max on, the zero network is optimal';
  if (betaMaxIsProven(run)) {
    const { patterns, gate } = modelTraits(run.settings.model);
    return patterns === 'none' || searchesPatterns(run)
      ? `${zero}; its value is proven.`
      : `${zero}; its value is exact for these ${text(`${gate}s`)}.`;
  }
  const { betaMaxUpper } = run.resolved;
  return (
    `${zero}. Its value was found by a search over activation patterns: it is at least this` +
    (betaMaxUpper === undefined ? '.' : `, and proven to be at most ${Number(betaMaxUpper.toPrecision(4))}.`)
  );
}
