import type { Kernels } from '../core/base/kernels/kernels.ts';
import { createReferenceKernels } from '../core/base/kernels/reference.ts';
import { denseMatrix, type DenseMatrix, norm2, rowOf } from '../core/base/linalg/matrix.ts';
import { networkFit } from '../core/network/evaluate.ts';
import { descend } from '../core/descent/descend.ts';
import { createMlpModel, initialiseMlp, layersOf, type MlpShape, predictMlp } from '../core/descent/mlp.ts';
import type { Problem } from '../core/problem/problem.ts';
import { createRng } from '../core/base/rng.ts';
import type { Control } from '../core/base/control.ts';
import { solve } from '../core/engine/solve.ts';
import {
  checkKernelRows,
  checkWidths,
  defaultBudgetBytes,
  defaultKernelRows,
  withWidth,
} from '../core/theory/wide/budget.ts';
import { kernelSpectrum } from '../core/theory/wide/spectrum.ts';
import { tangentKernel } from '../core/theory/wide/tangentKernel.ts';
import type { LabRemedy, LabSettings, LabVerdict } from '../shared/lab.ts';
import type { ContrastResult } from '../shared/labContrast.ts';
import { errorMeasure, type LabRows } from './labData.ts';
import { LabRefusal } from './labRefusal.ts';
import { findBetaMax } from './trainingProblem.ts';
import { enoughWidth, labShape, offeringWidths, refuseTooManyRows } from './labWide.ts';

/** A neuron that ends within this share of its start has not moved to speak of. */
const movedFrom = 0.1;
/** Parameters that moved by at most this share of their size at the start: the run counts as lazy. */
const lazyBelow = 0.1;
const solveSeconds = 20;

/**
 * Trains a wide network (one hidden layer, mirrored start, no regularisation) by gradient descent on half the squared error, and
 * solves the convex program of the same network family and loss with weight decay; both on the same rows.
 * Undefined when stopped before both have something to show.
 */
export function labContrast(
  rows: LabRows,
  settings: LabSettings['contrast'],
  kernels: Kernels = createReferenceKernels(),
  control: Control,
  say: (message: string, fraction: number) => void,
):
  | { readonly result: ContrastResult; readonly verdicts: readonly LabVerdict[]; readonly cancelled: boolean }
  | undefined {
  const { X, y } = rows;
  refuseTooManyRows(X.rows);
  if (settings.width % 2 === 1) {
    throw new LabRefusal('a mirrored start needs an even width', {
      label: `Use width ${settings.width + 1}`,
      settings: { width: settings.width + 1 },
    });
  }
  const shape = withWidth(
    labShape(X.cols, { activation: 'relu', hiddenLayers: 1, bias: settings.bias }),
    settings.width,
  );
  checkKernelRows(X.rows, defaultKernelRows);
  try {
    offeringWidths([settings.width], () => checkWidths(shape, [settings.width], X.rows, defaultBudgetBytes));
  } catch (error) {
    const fits =
      error instanceof LabRefusal ? (error.remedy?.settings.widths as readonly number[] | undefined)?.[0] : undefined;
    if (fits === undefined) throw error;
    const width = fits - (fits % 2);
    throw new LabRefusal((error as LabRefusal).message, { label: `Use width ${width}`, settings: { width } });
  }
  say(`Gradient descent at width ${settings.width}`, 0);
  const wide = trainWide(rows, shape, settings, kernels, control);
  if (wide === undefined) return undefined;
  say('The convex program', 0.6);
  const begin = control.now();
  const problem: Problem = {
    X,
    y: denseMatrix(X.rows, 1, y),
    outputs: 1,
    model: 'relu',
    loss: 'squared',
    beta: 1,
    arrangements: { kind: 'adaptive', seed: settings.seed },
    outputPenalty: 'per-output',
    bias: settings.bias ? 'regularized' : 'none',
    tolerance: 1e-6,
  };
  const found = findBetaMax(problem, { kernels }, control);
  if (found === undefined || control.shouldStop()) return undefined;
  const { betaMax } = found;
  const beta = settings.beta * betaMax;
  const solution = solve({ ...problem, beta }, { timeLimitSeconds: solveSeconds, certifySeconds: 0, kernels }, control);
  const { network } = solution;
  const sizes = Array.from({ length: network.W1.rows }, (_, j) => {
    const bias = settings.bias ? network.b1[j] : 0;
    return Math.abs(network.W2.data[j]) * Math.hypot(norm2(rowOf(network.W1, j)), bias);
  })
    .filter((size) => size > 0)
    .sort((a, b) => b - a);
  const measure = errorMeasure(rows);
  const convexOf = (at: DenseMatrix): Float64Array => networkFit(network, at).data;
  const result: ContrastResult = {
    wide,
    convex: {
      beta,
      betaMax,
      objective: solution.networkObjective,
      relativeGap: Number.isFinite(solution.relativeGap) ? solution.relativeGap : null,
      scope: solution.scope,
      sizes,
      moved: sizes.length,
      neurons: sizes.length,
      norm: sizes.reduce((a, b) => a + b, 0),
      train: measure(convexOf(X), y),
      test: rows.test === null ? null : measure(convexOf(rows.test.X), rows.test.y),
      datafit: solution.datafit,
      seconds: control.now() - begin,
    },
    movedFrom,
    measure: rows.data.task === 'binary' ? 'error rate' : 'RMSE',
  };
  return { result, verdicts: contrastVerdicts(result, settings.rate), cancelled: solution.status === 'cancelled' };
}

function trainWide(
  rows: LabRows,
  shape: MlpShape,
  settings: LabSettings['contrast'],
  kernels: Kernels,
  control: Control,
): ContrastResult['wide'] | undefined {
  const { X, y } = rows;
  const begin = control.now();
  const theta = initialiseMlp(shape, createRng(settings.seed).fork('start'), 'mirrored');
  const start = theta.slice();
  const { max } = kernelSpectrum(tangentKernel(shape, theta, X, kernels).kernel);
  const rate = (settings.rate * 2) / max;
  const model = createMlpModel(shape, X, y, 'squared', kernels);
  let run: ReturnType<typeof descend>;
  try {
    run = descend(
      model,
      theta,
      {
        rule: 'sgd',
        learningRate: rate * X.rows,
        schedule: 'constant',
        epochs: settings.steps,
        batchSize: 0,
        curvePoints: 100,
      },
      createRng(settings.seed),
      control,
    );
  } finally {
    model.dispose();
  }
  if (run.cancelled && run.epochs === 0) return undefined;
  const end = run.theta;
  const [first, last] = layersOf(shape).layers;
  const d = first.cols;
  const displacement: number[] = [];
  const cosine: number[] = [];
  let norm = 0;
  for (let j = 0; j < first.rows; j++) {
    let change = 0;
    let before = 0;
    let product = 0;
    let startInput = 0;
    let endInput = 0;
    let endScaled = 0;
    const add = (at: number, scale: number, input: boolean): void => {
      change += (end[at] - start[at]) ** 2;
      before += start[at] ** 2;
      if (!input) return;
      product += start[at] * end[at];
      startInput += start[at] ** 2;
      endInput += end[at] ** 2;
      endScaled += (scale * end[at]) ** 2;
    };
    for (let k = 0; k < d; k++) add(first.start + j * d + k, first.scale, true);
    if (first.biasStart >= 0) add(first.biasStart + j, first.biasScale, true);
    add(last.start + j, last.scale, false);
    displacement.push(Math.sqrt(change / before));
    cosine.push(product / Math.sqrt(startInput * endInput));
    norm += Math.abs(last.scale * end[last.start + j]) * Math.sqrt(endScaled);
  }
  const order = displacement.map((_, j) => j).sort((a, b) => displacement[a] - displacement[b]);
  let moved = 0;
  let size = 0;
  for (let i = 0; i < end.length; i++) {
    moved += (end[i] - start[i]) ** 2;
    size += start[i] ** 2;
  }
  const measure = errorMeasure(rows);
  const outputs = (at: DenseMatrix): Float64Array => predictMlp(shape, end, at, kernels);
  const fit = outputs(X);
  let datafit = 0;
  for (let i = 0; i < y.length; i++) datafit += 0.5 * (fit[i] - y[i]) ** 2;
  return {
    width: first.rows,
    steps: run.epochs,
    rate,
    diverged: run.diverged,
    relativeDisplacement: Math.sqrt(moved / size),
    displacement: order.map((j) => displacement[j]),
    cosine: order.map((j) => cosine[j]),
    curve: { steps: run.curve.epochs, loss: run.curve.objective },
    moved: displacement.filter((value) => value >= movedFrom).length,
    neurons: first.rows,
    norm,
    train: measure(fit, y),
    test: rows.test === null ? null : measure(outputs(rows.test.X), rows.test.y),
    datafit,
    seconds: control.now() - begin,
  };
}

/** A run that moves far is no counterexample where it is narrow, or steps beyond the edge of stability. */
function untestedContrast(
  { wide }: ContrastResult,
  rate: number,
): { readonly words: string; readonly remedy: LabRemedy } | null {
  if (wide.diverged || wide.relativeDisplacement <= lazyBelow) return null;
  if (rate > 1)
    return {
      words: `Steps of ${rate} times the edge of stability are beyond it, and the prediction is about steps below.`,
      remedy: { label: 'Use half of the edge', settings: { rate: 0.5 } },
    };
  if (wide.width >= enoughWidth) return null;
  return {
    words: `Width ${wide.width} is too small for the prediction, which is about the limit of large widths.`,
    remedy: { label: `Try width ${enoughWidth}`, settings: { width: enoughWidth } },
  };
}

function contrastVerdicts(result: ContrastResult, rate: number): LabVerdict[] {
  const { wide, convex, measure } = result;
  const open = untestedContrast(result, rate);
  const tests =
    wide.test === null || convex.test === null
      ? ''
      : ` Test ${measure}: ${wide.test.toPrecision(3)} wide, ${convex.test.toPrecision(3)} convex.`;
  return [
    {
      id: 'lazy-contrast',
      title: 'The wide network stays near its start; the convex optimum has few neurons',
      quantity: 'displacement of the wide network / size of its start',
      value: wide.diverged ? null : wide.relativeDisplacement,
      tolerance: [0, lazyBelow],
      verdict:
        wide.diverged || open !== null ? 'not tested' : wide.relativeDisplacement <= lazyBelow ? 'agrees' : 'disagrees',
      ...(open === null ? {} : { remedy: open.remedy }),
      sentence: wide.diverged
        ? 'Gradient descent diverged: take a smaller step size.'
        : `${open === null ? '' : `${open.words} `}The parameters moved by ${(100 * wide.relativeDisplacement).toFixed(1)} % of their start, ${wide.moved} of ${wide.neurons} neurons by ${100 * movedFrom} % or more of theirs; the convex optimum uses ${convex.moved} ` +
          `neurons. Sum of |output weight| times input norm: ${wide.norm.toPrecision(3)} wide, ${convex.norm.toPrecision(3)} convex.${tests}`,
    },
    {
      id: 'convex-gap',
      title: 'The convex network is optimal',
      quantity: 'relative duality gap',
      value: convex.relativeGap,
      tolerance: [null, 1e-6],
      // a solve that ended early says nothing against convexity
      verdict: convex.relativeGap !== null && convex.relativeGap <= 1e-6 ? 'agrees' : 'not tested',
      sentence:
        convex.relativeGap === null
          ? 'The solver was stopped before it had a bound.'
          : `The convex program is solved to a relative gap of ${convex.relativeGap === 0 ? '0' : convex.relativeGap.toExponential(1)} on ${convex.scope === 'all-arrangements' ? 'all activation patterns' : 'the activation patterns in play'}.`,
    },
  ];
}
