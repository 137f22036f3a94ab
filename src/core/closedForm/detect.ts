import { denseMatrix, norm2, type DenseMatrix } from '../linalg/matrix.ts';
import { numericalRank, svd } from '../linear/svd.ts';
import type { PreparedProblem } from '../problem/prepare.ts';
import { solveSpline } from '../spline/lassoSpline.ts';
import type { Control } from '../solver/control.ts';
import { batchNormForm } from './collapse.ts';
import {
  type ClosedForm,
  hasDisjointColumns,
  oneHotForm,
  rankOneFactors,
  rankOneForm,
  whitenedForm,
  whitenedScale,
} from './twoNeuron.ts';

/** One closed form of Ergen and Pilanci 2021 ("Revealing the structure"): whether it applies to this data, why, and what it says. */
export interface ClosedFormReport {
  readonly id: 'rank-one' | 'whitened' | 'one-hot' | 'one-feature' | 'batch-norm';
  readonly title: string;
  readonly applies: boolean;
  /** Why it applies, or which condition fails and by how much. */
  readonly reason: string;
  readonly objective?: number;
  readonly betaMax?: number;
  readonly neurons?: readonly { readonly direction: Float64Array; readonly weight: Float64Array }[];
  /** Which program the value belongs to, for a check by the solver. */
  readonly program?: 'two-layer ReLU' | 'free biases' | 'batch normalisation before the last layer';
}

const figures = (value: number): string => value.toPrecision(3);

/** The targets as a matrix of numbers: classes as one-hot rows. */
function numericTargets({ targets, datafit, outputs }: PreparedProblem): DenseMatrix {
  if (datafit.name !== 'softmax') return targets;
  const Y = denseMatrix(targets.rows, outputs);
  for (let i = 0; i < targets.rows; i++) Y.data[i * outputs + targets.data[i]] = 1;
  return Y;
}

/**
 * Checks the conditions of every closed form to relative 1e-10 on the effective inputs (with the bias column, if any) and evaluates those
 * that apply, for squared loss. `feature` is the single original feature of one-column data (without the bias column), if there is one.
 */
export function detectClosedForms(
  problem: PreparedProblem,
  feature: Float64Array | undefined,
  control: Control,
): ClosedFormReport[] {
  const { X, beta, outputs, datafit } = problem;
  const squared = datafit.name === 'squared';
  const Y = numericTargets(problem);
  const y = outputs === 1 ? Y.data : undefined;
  const other = squared ? '' : ' The formula is for squared loss; this run uses another one, so it is not evaluated.';
  const filled = (form: ClosedForm): Pick<ClosedFormReport, 'objective' | 'betaMax' | 'neurons'> => ({
    objective: form.objective,
    betaMax: form.betaMax,
    neurons: form.network.directions.map((direction, j) => ({ direction, weight: form.network.weights[j] })),
  });
  const reports: ClosedFormReport[] = [];

  const { s } = svd(X);
  const rank = numericalRank(s, 1e-10);
  const rankOne = rankOneFactors(X);
  reports.push({
    id: 'rank-one',
    title: 'Rank-one data: at most two neurons',
    applies: rankOne !== undefined,
    reason: rankOne
      ? `All rows are multiples of one direction.${other}`
      : `The second singular value of the inputs is ${figures(s.length > 1 ? s[1] / s[0] : 0)} of the first (rank ${rank}), not zero.`,
    ...(rankOne && squared && y
      ? { ...filled(rankOneForm(rankOne.c, rankOne.a, X, y, beta)), program: 'two-layer ReLU' as const }
      : {}),
  });

  const scale = whitenedScale(X);
  let whitenedReason: string;
  if (scale !== undefined) whitenedReason = `The rows are orthogonal and of equal length ${figures(scale)}.${other}`;
  else if (X.rows > X.cols) whitenedReason = `${X.rows} rows cannot be orthogonal in ${X.cols} dimensions.`;
  else
    whitenedReason = `Singular values run from ${figures(s[rank - 1])} to ${figures(s[0])}; whitened rows need them equal.`;
  reports.push({
    id: 'whitened',
    title: 'Whitened rows: one neuron for the positive and one for the negative targets',
    applies: scale !== undefined && outputs === 1,
    reason:
      scale !== undefined && outputs > 1 ? 'The rows are whitened, but there are several outputs.' : whitenedReason,
    ...(scale !== undefined && squared && y
      ? { ...filled(whitenedForm(X, scale, y, beta)), program: 'two-layer ReLU' as const }
      : {}),
  });
  const oneHot = outputs > 1 && hasDisjointColumns(Y);
  reports.push({
    id: 'one-hot',
    title: 'Whitened rows and one-hot targets: one neuron per class',
    applies: scale !== undefined && oneHot,
    reason: !oneHot
      ? 'The targets are not one-hot over several outputs.'
      : scale === undefined
        ? whitenedReason
        : `One neuron per class, features collapse to the class.${other}`,
    ...(scale !== undefined && oneHot && squared ? filled(oneHotForm(X, scale, Y, beta)) : {}),
  });

  const spline = feature && squared && y ? solveSpline(feature, y, beta, control) : undefined;
  reports.push({
    id: 'one-feature',
    title: 'One feature: a linear spline with kinks at data points',
    applies: feature !== undefined && outputs === 1,
    reason: feature
      ? `With free biases the exact problem is a Lasso over knots at the ${new Set(feature).size} distinct abscissae.${other}`
      : `There are ${X.cols} inputs, not one.`,
    ...(spline ? { objective: spline.objective, betaMax: spline.betaMax, program: 'free biases' as const } : {}),
  });

  const classes = oneHot || datafit.name === 'softmax';
  reports.push({
    id: 'batch-norm',
    title: 'Batch normalisation before the last layer: features collapse to the classes',
    applies: classes,
    reason: classes
      ? 'Holds for any inputs once the last hidden layer is batch-normalised and wide enough to interpolate.'
      : 'The targets are not classes over several outputs.',
    ...(classes
      ? { objective: batchNormForm(Y, beta).objective, program: 'batch normalisation before the last layer' as const }
      : {}),
  });
  if (norm2(X.data) === 0)
    return reports.map((report) => ({ ...report, applies: false, reason: 'All inputs are zero.' }));
  return reports;
}
