import * as v from 'valibot';
import type { RunRecord } from './run.ts';
import { plural } from './plural.ts';
import { partCount, partNames } from './runView.ts';
import { describeVerdict } from './verdict.ts';

export const runIdSchema = v.pipe(v.string(), v.regex(/^[\w-]{1,80}$/));

/** What lists of runs show: small, so that a thousand of them can be held and read at once. */
export const runSummarySchema = v.object({
  id: runIdSchema,
  label: v.string(),
  createdAt: v.string(),
  uri: v.string(),
  name: v.string(),
  sha256: v.string(),
  target: v.string(),
  model: v.string(),
  beta: v.number(),
  /** Share of beta max; null where that is zero. */
  betaShare: v.nullable(v.number()),
  /** The first measure on the test rows (without any: on the training rows); null without scores. */
  score: v.nullable(v.object({ measure: v.string(), value: v.number(), tested: v.boolean() })),
  status: v.string(),
  objective: v.number(),
  relativeGap: v.number(),
  neurons: v.number(),
  /** How many of what: "12 neurons", "1 branch". */
  size: v.string(),
  seconds: v.number(),
  verdict: v.object({
    strength: v.picklist(['proven', 'bounded', 'searched', 'gates', 'stopped', 'broken']),
    word: v.string(),
    headline: v.string(),
  }),
});

export type RunSummary = v.InferOutput<typeof runSummarySchema>;

function scoreOf({ metrics }: RunRecord): RunSummary['score'] {
  const own = metrics.at(0);
  if (own === undefined) return null;
  const { measure, train, test } = own;
  return { measure, value: test ?? train, tested: test !== null };
}

export function summarizeRun(run: RunRecord): RunSummary {
  const { strength, word, headline } = describeVerdict(run);
  return {
    id: run.id,
    label: run.label,
    createdAt: run.createdAt,
    uri: run.dataset.uri,
    name: run.dataset.name,
    sha256: run.dataset.sha256,
    target: run.resolved.target,
    model: run.settings.model,
    beta: run.resolved.beta,
    betaShare: run.resolved.betaMax > 0 ? run.resolved.beta / run.resolved.betaMax : null,
    score: scoreOf(run),
    status: run.solution.status,
    objective: run.solution.objective,
    relativeGap: run.solution.relativeGap,
    neurons: partCount(run),
    size: plural(partCount(run), partNames(run).one, partNames(run).many),
    seconds: run.solution.seconds,
    verdict: { strength, word, headline },
  };
}
