import * as v from 'valibot';
import type { RunRecord } from './run.ts';
import { partCount } from './runView.ts';
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
  status: v.string(),
  objective: v.number(),
  relativeGap: v.number(),
  neurons: v.number(),
  seconds: v.number(),
  verdict: v.object({
    strength: v.picklist(['proven', 'bounded', 'searched', 'gates', 'stopped', 'broken']),
    word: v.string(),
    headline: v.string(),
  }),
});

export type RunSummary = v.InferOutput<typeof runSummarySchema>;

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
    status: run.solution.status,
    objective: run.solution.objective,
    relativeGap: run.solution.relativeGap,
    neurons: partCount(run),
    seconds: run.solution.seconds,
    verdict: { strength, word, headline },
  };
}
