import { largest } from '../../core/base/extremes.ts';
import { foldsOf } from '../../core/data/folds.ts';
import { prepareData, type PreparedData } from '../../core/data/prepareData.ts';
import type { Fold, FoldFit } from '../../core/family/crossValidation.ts';
import type { DenseMatrix } from '../../core/base/linalg/matrix.ts';
import { rowErrors } from '../../core/metrics/rowErrors.ts';
import type { Problem } from '../../core/problem/problem.ts';
import { quiet, type StageContext } from '../context.ts';
import type { Draft } from '../draft.ts';
import type { Posed } from '../family/family.ts';
import { searching } from '../family/searching.ts';
import { FoldPool, type FoldSolved, solveFold } from '../foldThreads.ts';
import { predictionsFrom } from '../predictions.ts';
import { trainingProblem } from '../trainingProblem.ts';
import { atBeta, solveOptions } from './solve.ts';

/** Relative gap to which folds are solved: errors on rows held out vary between folds by far more than what is left then. */
const foldTolerance = 1e-2;
/** A fold's solve at one beta may take so much of its even part of the time: all of it where there is one beta; the network reached then is judged as it is. */
export const patience = { curve: 0.25, once: 1 } as const;

/** How the solves of the folds went. */
export class FoldWatch {
  solves = 0;
  /** Ended by their own time limit. */
  unfinished = 0;
}

/** The fold of each training row: drawn, stratified; whole groups; or runs in time. */
function foldsOfRows({ trainRows, order }: PreparedData, count: number, seed: number, classes?: number[]): Int32Array {
  const { length } = trainRows;
  if (order === undefined) return foldsOf(length, { count, seed, classes });
  const of = Array.from(trainRows, (row) => order.of[row]);
  if (order.by === 'groups') return foldsOf(length, { count, seed, groups: of });
  const runs = foldsOf(length, { count, seed, ordered: true });
  const folds = new Int32Array(length);
  Array.from(of.keys())
    .sort((a, b) => of[a] - of[b] || a - b)
    .forEach((row, place) => (folds[row] = runs[place]));
  return folds;
}

/** A fold with the outputs on the rows that it holds out. */
export interface HeldFold extends Fold<unknown> {
  /** Rows of the data that are held out. */
  readonly rows: Int32Array;
  solve(
    beta: number,
    warm: unknown,
  ): Promise<(FoldFit<unknown> & { /** On all rows, encoded targets. */ readonly fit: DenseMatrix }) | undefined>;
}

/** What folds are made of. */
export type Folded = Pick<Draft, 'data' | 'settings' | 'loaded' | 'problem' | 'betaMax' | 'preview'>;

/** The parts of the training rows, each with its own preparation of the data; solved on threads where there are some, in `part` of its even part of the time. `dispose` ends those. */
export function foldsOfDraft(
  draft: Folded,
  count: number,
  { deps, listener, control, seconds }: StageContext,
  part: number,
  watch = new FoldWatch(),
): { readonly folds: HeldFold[]; readonly dispose: () => void } {
  const { data, settings, loaded } = draft;
  const rows = data.trainRows;
  const classes = data.classes.length === 0 ? undefined : Array.from(rows, (row) => data.y[row]);
  const fold = foldsOfRows(data, count, settings.seed, classes);
  const used = largest(fold) + 1;
  const timeLimitSeconds = (part * seconds) / used;
  const { kernels, warm: _, ...usual } = solveOptions({ ...draft, warm: undefined }, deps);
  const options = { ...usual, timeLimitSeconds, certifySeconds: 0 };
  const fixed = { ...settings, target: data.target, task: data.task };
  const posed = Array.from({ length: used }, (__, k): Posed => {
    // 2 leaves the test rows out of both sides
    const assignment = new Uint8Array(data.split.length).fill(2);
    rows.forEach((row, i) => (assignment[row] = fold[i] === k ? 1 : 0));
    const part = prepareData(loaded.table, { ...fixed, assignment }, control);
    const problem = searching(trainingProblem(part, fixed));
    const tolerance = Math.max(settings.tolerance, foldTolerance);
    return { problem: { ...problem, tolerance }, data: part, settings: fixed };
  });
  const threads = Math.min(deps.folds?.count ?? 1, used);
  const pool = deps.folds === undefined || threads < 2 ? undefined : new FoldPool(deps.folds, threads);
  posed.forEach((each, k) => pool?.pose(k, each, options));
  let solving = { beta: NaN, begun: 0 };
  const folds = posed.map((each, k): HeldFold => {
    const { problem, data: part } = each;
    const share = weightOf(problem) / weightOf(draft.problem);
    const begin = (beta: number): void => {
      if (solving.beta !== beta) solving = { beta, begun: 0 };
      const relative = Number((beta / draft.betaMax).toPrecision(2));
      const message = `Cross-validation: fold ${++solving.begun} of ${used} at ${relative} of beta max`;
      listener.progress({ stage: 'cross-validation', fraction: null, message });
    };
    const inPlace = async (beta: number, warm: unknown): Promise<FoldSolved | undefined> => {
      await deps.pause();
      if (control.shouldStop()) return undefined;
      begin(beta / share);
      return solveFold({ ...each, problem: atBeta(problem, beta) }, { ...options, kernels, warm }, quiet(control));
    };
    return {
      share,
      heldOut: part.testRows.length,
      rows: part.testRows,
      async solve(beta, warm) {
        const solved =
          pool === undefined
            ? await inPlace(beta, warm)
            : await pool.solve(k, beta, warm, control, () => begin(beta / share));
        if (solved === undefined) return undefined;
        watch.solves++;
        if (solved.unfinished) watch.unfinished++;
        const errors = rowErrors(predictionsFrom(solved.fit, part, problem.loss, fixed), part.testRows);
        return { ...solved, error: errors.reduce((sum, value) => sum + value, 0) / errors.length };
      },
    };
  });
  return { folds, dispose: () => pool?.dispose() };
}

/** Rows, each as often as it counts. */
function weightOf({ y, weights }: Problem): number {
  return weights === undefined ? y.rows : weights.reduce((sum, weight) => sum + weight, 0);
}
