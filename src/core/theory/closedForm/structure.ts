import { denseMatrix, rowOf, type DenseMatrix } from '../../base/linalg/matrix.ts';
import { solveDeepLinear } from '../../engine/linear/deepLinear.ts';
import { serialGap } from '../../engine/linear/nuclear.ts';
import { scalarPath } from '../../engine/linear/scalarPath.ts';
import { numericalRank, svd } from '../../base/linalg/svd.ts';
import { prepare, type PreparedProblem } from '../../problem/prepare.ts';
import { ProblemError } from '../../base/problemError.ts';
import { biasOf, type Problem } from '../../problem/problem.ts';
import type { Control } from '../../base/control.ts';
import { noSpline, regularizedFit, type SplineReport, splineReports } from '../spline/report.ts';
import { batchNormForm, batchNormLimit, batchNormNetwork, type BatchNormNetwork } from './batchNorm.ts';
import { type BranchTraining, trainDeepBranches } from './deepBranches.ts';
import { type CheckedForm, checkedForms } from './checkForms.ts';
import { type Collapse, collapseOf } from './collapse.ts';
import { deepRankOne, type DeepRankOne } from './deepRankOne.ts';
import { oneHotTargets } from './detect.ts';

/** What convex duality says about one data set before any training (Ergen and Pilanci 2021, "Revealing the structure"). */
export interface Structure {
  readonly forms: readonly CheckedForm[];
  /** Values that stand unchecked, and what was left out. */
  readonly notes: readonly string[];
  readonly rankOne?: RankOneReport;
  /** One feature: the spline of every output, and the optimum with the bias inside the norm beside them. */
  readonly splines?: readonly SplineReport[];
  readonly regularized?: { readonly objective: number; readonly kinks: readonly (readonly number[])[] };
  readonly linear: LinearReport;
  readonly batchNorm?: Omit<BatchNormNetwork, 'run'> & { readonly collapse: Collapse };
}

/** Deep ReLU networks on rank-one data: one entry per depth. */
export interface RankOneReport {
  /** False when the inputs are of rank one only without the bias of the problem, so that these networks have none. */
  readonly asPosed: boolean;
  readonly networks: readonly DeepRankOne[];
  /** Gradient descent on branches of the same depths, as many of them as there was time for; none when it is not asked for. */
  readonly trainings: readonly (BranchTraining & { readonly depth: number })[];
}

/** Linear networks of depth 2 to 5 on the same data. */
export interface LinearReport {
  /** Singular values of the least squares map and of X'Y. */
  readonly singularValues: readonly number[];
  readonly correlation: readonly number[];
  readonly rank: number;
  /** From which beta on the zero map is optimal, and how far the solution jumps there (scalar output; null otherwise). */
  readonly thresholds: readonly { readonly depth: number; readonly betaMax: number; readonly jump: number | null }[];
  /** Minimum-norm fit of a serial network against its convex dual, per depth. */
  readonly gaps: readonly { readonly depth: number; readonly primal: number; readonly dual: number }[];
}

const depths = [2, 3, 4, 5];

/** Seconds for one solve that checks a value. */
const secondsPerSolve = 10;

export interface StructureOptions {
  readonly seed: number;
  readonly epochs: number;
  /** The inputs are those of a network with batch normalisation, whose normalised features have norm sqrt n instead of the theorem's 1. */
  readonly batchNorm: boolean;
}

/** Why nothing is said where rows have weights. */
export const weightedRows = 'the closed forms are for rows that count alike, and here rows have weights';

/** Beta in the scale of the theorem on batch normalisation: for inputs of a network that has it, the problem's over sqrt n. */
export function normalisedBeta({ beta, X }: Problem, batchNorm: boolean): number {
  return batchNorm ? beta / Math.sqrt(X.rows) : beta;
}

/**
 * Closed forms with a check by the solver, deep rank-one networks (trained for so many epochs as well, 0: not), the one-feature spline, linear
 * networks, class-mean geometry.
 */
export function structureOf(
  problem: Problem,
  { seed, epochs, batchNorm }: StructureOptions,
  control: Control,
): Structure {
  const prepared = prepare(problem);
  if (problem.weights !== undefined) throw new ProblemError(weightedRows, { field: 'weights' });
  const feature = problem.X.cols === 1 ? Float64Array.from(problem.X.data) : undefined;
  const { forms, notes } = checkedForms(problem, feature, secondsPerSolve, control);
  const beta = normalisedBeta(problem, batchNorm);
  const rankOne = rankOneReport(problem, seed, epochs, control);
  const oneHot = oneHotTargets(prepared);
  const left = [...notes];
  if (oneHot !== undefined && problem.X.rows > batchNormLimit) left.push(tooManyForBatchNorm(problem.X.rows));
  return {
    forms: forms.map((form) =>
      form.id === 'batch-norm' && oneHot !== undefined
        ? { ...form, objective: batchNormForm(oneHot, beta).objective }
        : form,
    ),
    notes: left,
    ...(rankOne === undefined ? {} : { rankOne }),
    ...splineFacts(problem, feature, left, control),
    linear: linearReport(prepared, control),
    ...(oneHot !== undefined && problem.X.rows <= batchNormLimit
      ? { batchNorm: batchNormReport(prepared.X, beta, oneHot) }
      : {}),
  };
}

function splineFacts(
  problem: Problem,
  feature: Float64Array | undefined,
  notes: string[],
  control: Control,
): Pick<Structure, 'splines' | 'regularized'> {
  if (feature === undefined) return {};
  const refusal = noSpline(problem);
  if (refusal !== undefined) {
    notes.push(refusal);
    return {};
  }
  const splines = splineReports(problem, feature, control);
  if (control.shouldStop()) return { splines };
  const { objective, optimal, kinksOf } = regularizedFit(problem, secondsPerSolve, control);
  if (!optimal) return { splines };
  return { splines, regularized: { objective, kinks: splines.map(({ output }) => kinksOf(output)) } };
}

/** Why the network with batch normalisation is not built. */
export function tooManyForBatchNorm(rows: number): string {
  return `The network with batch normalisation is not built: ${rows} rows are more than ${batchNormLimit}.`;
}

/**
 * Deep ReLU networks of 2 to 5 layers (and the depth of the problem) when the inputs are of rank one, with the bias of the problem or, if
 * not so, without any; undefined when they are not, for several outputs, and for losses without a formula. With `epochs` above 0 each is
 * trained by gradient descent as well.
 */
export function rankOneReport(
  problem: Problem,
  seed: number,
  epochs: number,
  control: Control,
): RankOneReport | undefined {
  const { X: effective, beta, targets, datafit } = prepare(problem);
  const { outputs, X: plain } = problem;
  if (outputs > 1 || !datafit.smooth || !datafit.separable) return undefined;
  const tried = biasOf(problem.bias).free ? [plain] : [effective, plain];
  for (const X of tried) {
    const networks = rankOneDepths(problem).map((depth) => deepRankOne(X, targets, datafit, beta, depth, seed));
    const built = networks.filter((network) => network !== undefined);
    if (built.length === 0) continue;
    const trainings: RankOneReport['trainings'][number][] = [];
    for (const { depth } of epochs > 0 ? built : []) {
      if (control.shouldStop()) break;
      const training = trainDeepBranches({ X, targets, datafit, beta }, { depth, seed, epochs }, control);
      if (training !== undefined && !training.cancelled) trainings.push({ depth, ...training });
    }
    return { asPosed: X === effective, networks: built, trainings };
  }
  return undefined;
}

function rankOneDepths({ depth }: Problem): number[] {
  return depth === undefined || depth <= 5 ? depths : [...depths, depth];
}

/** The network with batch normalisation, run on its rows, and the class means of its features. */
function batchNormReport(X: DenseMatrix, beta: number, Y: DenseMatrix): NonNullable<Structure['batchNorm']> {
  const { run, ...network } = batchNormNetwork(X, Y, beta, 1);
  const labels = Array.from({ length: Y.rows }, (_, i) => rowOf(Y, i).indexOf(1));
  const known = labels.flatMap((label, i) => (label < 0 ? [] : [i]));
  const { features } = run(X);
  const chosen = denseMatrix(known.length, Y.cols);
  known.forEach((row, i) => chosen.data.set(rowOf(features, row), i * Y.cols));
  return {
    ...network,
    collapse: collapseOf(
      chosen,
      known.map((row) => labels[row]),
      Y.cols,
    ),
  };
}

function linearReport({ X, targets, datafit, outputs }: PreparedProblem, control: Control): LinearReport {
  const squared = datafit.quadratic;
  const { U, s } = svd(X);
  const rank = numericalRank(s, 1e-10);
  const c = targets.cols;
  // least squares map V diag(1/s) U'Y in the coordinates of V, and X'Y
  const map = new Float64Array(rank * c);
  const correlation = new Float64Array(rank * c);
  for (let a = 0; a < rank; a++) {
    for (let k = 0; k < c; k++) {
      let sum = 0;
      for (let i = 0; i < X.rows; i++) sum += U.data[i * s.length + a] * targets.data[i * c + k];
      map[a * c + k] = sum / s[a];
      correlation[a * c + k] = sum * s[a];
    }
  }
  const singularValues = Array.from(svd({ rows: rank, cols: c, data: map }).s);
  const scalar = squared && outputs === 1;
  return {
    singularValues,
    correlation: Array.from(svd({ rows: rank, cols: c, data: correlation }).s),
    rank,
    thresholds: scalar ? depths.map((depth) => threshold(X, Float64Array.from(targets.data), depth, control)) : [],
    gaps: depths.map((depth) => {
      const { primal, dual } = serialGap(singularValues, depth);
      return { depth, primal, dual };
    }),
  };
}

/** betaMax of a deep linear network, and the norm to which its map jumps just below it. */
function threshold(
  X: DenseMatrix,
  y: Float64Array,
  depth: number,
  control: Control,
): LinearReport['thresholds'][number] {
  const { betaMax } = solveDeepLinear(X, y, 1, depth, control);
  if (depth === 2) return { depth, betaMax, jump: 0 };
  if (X.rows === 1 && X.cols === 1) {
    return { depth, betaMax, jump: scalarPath(y[0] / rowOf(X, 0)[0], betaMax, depth).jump };
  }
  const { w } = solveDeepLinear(X, y, betaMax * (1 - 1e-9), depth, control);
  let square = 0;
  for (const value of w) square += value * value;
  return { depth, betaMax, jump: Math.sqrt(square) };
}
