import { trainCommandLine } from './commandLine.ts';
import { differingSettings, pairedScore, sharedNeurons } from './compareRuns.ts';
import { optimalSetWords } from './optimalSet.ts';
import type { RunRecord } from './run.ts';
import { partCount, partNames, stageNames } from './runView.ts';
import { remarksOf } from './remarks.ts';
import { scoreHeadline, standingSentence } from './usefulness.ts';
import { betaMaxIsProven, boundOverFamily, describeVerdict, networkCheck } from './verdict.ts';

/** What assistants are told of a run: the panel's numbers and sentences, as plain data. */
export function runDigest(run: RunRecord): Readonly<Record<string, unknown>> {
  const { resolved, solution, dataset } = run;
  const { strength, word, headline, because } = describeVerdict(run);
  const bound = boundOverFamily(run);
  const optima = optimalSetWords(run);
  return {
    run: run.id,
    data: {
      file: dataset.name,
      sha256: dataset.sha256,
      rowsUsed: dataset.rowsUsed,
      rowsInFile: dataset.rowsTotal,
      trainRows: resolved.trainRows,
      testRows: resolved.testRows,
      leftOut: dataset.dropped.map(({ reason, count }) => ({ reason, count })),
      warnings: dataset.warnings,
    },
    target: resolved.target,
    task: resolved.task,
    ...(resolved.classes.length === 0 ? {} : { classes: resolved.classes }),
    verdict: { strength, word, headline, because },
    objective: solution.objective,
    // an infinite bound is none
    ...(bound === -Infinity ? {} : { provenLowerBoundOverAllNetworks: bound }),
    gapOfTheProgram: solution.relativeGap,
    networkRunOnTrainingRows: { objective: solution.networkObjective, agrees: networkCheck(run).agrees },
    model: run.settings.model,
    loss: resolved.loss,
    beta: resolved.beta,
    betaMax: { value: resolved.betaMax, exact: betaMaxIsProven(run) },
    parts: { count: partCount(run), are: partNames(run).many },
    ...(optima === undefined ? {} : { otherOptimalNetworks: optima }),
    scores: run.metrics.map(({ model, measure, train, test, higherIsBetter }) => ({
      model,
      measure,
      train,
      test,
      higherIsBetter,
    })),
    result: scoreHeadline(run),
    ...(run.evaluation === undefined ? {} : { againstSimpleModels: standingSentence(run.evaluation) }),
    beware: remarksOf(run).map(({ text }) => text),
    notRunToTheEnd: (run.missing ?? []).map((name) => stageNames[name]),
    notes: run.notes,
    commandLine: trainCommandLine(run),
  };
}

/** What assistants are told of runs beside each other; the first is the baseline. */
export function comparisonDigest(runs: readonly RunRecord[]): Readonly<Record<string, unknown>> {
  const [baseline, ...others] = runs;
  return {
    baseline: baseline.id,
    runs: runs.map((run) => {
      const { strength, word } = describeVerdict(run);
      const bound = boundOverFamily(run);
      return {
        run: run.id,
        label: run.label,
        verdict: { strength, word },
        objective: run.solution.objective,
        ...(bound === -Infinity ? {} : { provenLowerBoundOverAllNetworks: bound }),
        beta: run.resolved.beta,
        parts: { count: partCount(run), are: partNames(run).many },
        scores: run.metrics.slice(0, 1).map(({ measure, train, test }) => ({ measure, train, test })),
      };
    }),
    differingSettings: differingSettings(runs),
    pairedOnTestRows: others.map((run) => ({ run: run.id, paired: pairedScore(run, baseline) ?? null })),
    neuronsOfTheSameDirection: others.map((run) => ({
      run: run.id,
      shared: sharedNeurons(run, baseline)?.length ?? null,
    })),
  };
}
