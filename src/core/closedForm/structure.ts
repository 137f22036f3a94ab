import { rowOf, type DenseMatrix } from '../linalg/matrix.ts';
import { solveDeepLinear } from '../linear/deepLinear.ts';
import { serialGap } from '../linear/nuclear.ts';
import { scalarPath } from '../linear/scalarPath.ts';
import { numericalRank, svd } from '../linear/svd.ts';
import { prepare, type PreparedProblem } from '../problem/prepare.ts';
import type { Problem } from '../problem/problem.ts';
import type { Control } from '../solver/control.ts';
import { solve } from '../solver/solve.ts';
import { kinksOf, minimumNormInterpolation, solveSpline, type SplineSolution } from '../spline/lassoSpline.ts';
import { batchNormForm, collapseOf, type Collapse } from './collapse.ts';
import { type ClosedFormReport, detectClosedForms } from './detect.ts';

/** What convex duality says about one data set before any training (Ergen and Pilanci 2021, "Revealing the structure"). */
export interface Structure {
  readonly forms: readonly (ClosedFormReport & { readonly solverObjective?: number; readonly difference?: number })[];
  readonly spline?: SplineReport;
  readonly linear: LinearReport;
  readonly collapse?: Collapse;
}

export interface SplineReport {
  readonly solution: SplineSolution;
  readonly kinks: readonly { readonly at: number; readonly change: number }[];
  /** Kinks of the two-layer optimum whose bias is inside the norm: generally not data points. */
  readonly regularizedKinks: readonly number[];
  readonly regularizedObjective: number | null;
  readonly interpolation: { readonly value: number; readonly kinks: readonly number[] };
  /** Largest distance of a kink from the nearest data point over the span of the data. */
  readonly kinkDistance: number;
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

/** Closed forms with a check by the solver, the one-feature spline, linear networks, class-mean geometry. Squared-loss formulas. */
export function structureOf(problem: Problem, control: Control): Structure {
  const prepared = prepare(problem);
  const feature = problem.X.cols === 1 ? Float64Array.from(problem.X.data) : undefined;
  const forms = detectClosedForms(prepared, feature, control).map((form) => {
    if (
      form.objective === undefined ||
      form.program === undefined ||
      form.program.startsWith('batch') ||
      control.shouldStop()
    )
      return form;
    const check: Problem = {
      ...problem,
      model: 'relu',
      arrangements: { kind: 'adaptive', seed: 1 },
      bias: form.program === 'free biases' ? 'free' : problem.bias,
    };
    const { objective } = solve(check, { timeLimitSeconds: 10, certifySeconds: 0 }, control);
    const scale = Math.max(Math.abs(objective), Math.abs(form.objective), 1e-300);
    return { ...form, solverObjective: objective, difference: Math.abs(form.objective - objective) / scale };
  });
  return {
    forms,
    ...(feature && problem.loss === 'squared' && prepared.outputs === 1
      ? { spline: splineReport(problem, feature, control) }
      : {}),
    linear: linearReport(prepared, control),
    ...(problem.loss === 'softmax' ? { collapse: softmaxCollapse(prepared) } : {}),
  };
}

function splineReport(problem: Problem, x: Float64Array, control: Control): SplineReport {
  const y = Float64Array.from(problem.y.data);
  const solution = solveSpline(x, y, problem.beta, control);
  const kinks = kinksOf(solution).filter(({ change }) => Math.abs(change) > 1e-9 * solution.penalty);
  const sorted = Float64Array.from(x).sort();
  const span = sorted[sorted.length - 1] - sorted[0] || 1;
  let kinkDistance = 0;
  for (const { at } of kinks) {
    let nearest = Infinity;
    for (const t of x) nearest = Math.min(nearest, Math.abs(t - at));
    kinkDistance = Math.max(kinkDistance, nearest / span);
  }
  let regularizedKinks: number[] = [];
  let regularizedObjective: number | null = null;
  if (!control.shouldStop()) {
    const inside = solve(
      { ...problem, model: 'relu', bias: 'regularized', arrangements: { kind: 'adaptive', seed: 1 } },
      { timeLimitSeconds: 10, certifySeconds: 0 },
      control,
    );
    regularizedObjective = inside.objective;
    regularizedKinks = Array.from(
      { length: inside.network.W1.rows },
      (_, j) => -inside.network.b1[j] / inside.network.W1.data[j],
    )
      .filter(Number.isFinite)
      .sort((a, b) => a - b);
  }
  return {
    solution,
    kinks,
    regularizedKinks,
    regularizedObjective,
    interpolation: minimumNormInterpolation(x, y),
    kinkDistance,
  };
}

function linearReport({ X, targets, datafit, outputs }: PreparedProblem, control: Control): LinearReport {
  const squared = datafit.name === 'squared';
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

/** Features of the batch-normalised closed form on class labels. */
function softmaxCollapse({ targets, outputs, beta }: PreparedProblem): Collapse {
  const Y = { rows: targets.rows, cols: outputs, data: new Float64Array(targets.rows * outputs) };
  for (let i = 0; i < targets.rows; i++) Y.data[i * outputs + targets.data[i]] = 1;
  return collapseOf(batchNormForm(Y, beta).features, targets.data, outputs);
}
