import { DataError } from '../core/data/dataError.ts';
import type { PreparedData } from '../core/data/prepareData.ts';
import { denseMatrix, type DenseMatrix } from '../core/base/linalg/matrix.ts';
import { lossOf } from '../core/problem/datafits/losses.ts';
import { gradientSize, prepare } from '../core/problem/prepare.ts';
import type { Arrangements, LossName, Problem } from '../core/problem/problem.ts';
import type { Control } from '../core/base/control.ts';
import { refuseTooLarge } from '../core/engine/solution/memoryBudget.ts';
import type { SolveOptions } from '../core/engine/solution/solution.ts';
import { lossFits } from '../shared/lossChoices.ts';
import { defaultSettings, type TrainSettings } from '../shared/settings.ts';
import type { Threshold } from './family/family.ts';
import { familyOf } from './family/registry.ts';
import { pickRows } from './pickRows.ts';

/** The loss that `auto` stands for, by family and task; a chosen one is checked against the task. */
export function resolveLoss(
  data: PreparedData,
  { loss: wanted, model, depth }: Pick<TrainSettings, 'loss' | 'model' | 'depth'>,
): LossName {
  if (wanted === 'auto') {
    const own = familyOf(model).autoLoss?.({ depth });
    if (own !== undefined) return own;
    return data.task === 'regression' ? 'squared' : data.task === 'binary' ? 'logistic' : 'softmax';
  }
  if (!lossFits(wanted, data.task)) {
    throw new DataError(
      'settings',
      `the ${wanted} loss does not go with ${data.task === 'regression' ? 'a regression' : 'more than two classes'}`,
    );
  }
  return wanted;
}

/** Outputs of the network: one for regression and two classes (softmax: two), else one per class. */
function outputsOf(data: PreparedData, loss: LossName): number {
  if (data.task === 'regression') return 1;
  return data.task === 'binary' && lossOf(loss).targets !== 'classes' ? 1 : data.classes.length;
}

/**
 * Training targets as the loss wants them: standardised numbers; -1 / +1 (two classes: one column; more: one column per class,
 * +1 for the own class); class ids for softmax.
 */
function targetsOf(data: PreparedData, loss: LossName, outputs: number): DenseMatrix {
  const n = data.trainRows.length;
  const { mean, scale } = data.scaling.target;
  if (lossOf(loss).targets === 'classes')
    return denseMatrix(
      n,
      1,
      Float64Array.from(data.trainRows, (row) => data.y[row]),
    );
  const y = denseMatrix(n, outputs);
  data.trainRows.forEach((row, i) => {
    const value = data.y[row];
    if (data.task === 'regression') y.data[i] = (value - mean) / scale;
    else if (outputs === 1) y.data[i] = value === 1 ? 1 : -1;
    else for (let k = 0; k < outputs; k++) y.data[i * outputs + k] = value === k ? 1 : -1;
  });
  return y;
}

/**
 * How often a row of each class counts; undefined where all count once. Balanced: n / (K n_k) over the training rows, so that all classes weigh the
 * same and the weights sum to n (King and Zeng 2001); a class without training rows has weight 1.
 * @throws {DataError} where the target is a number, or has no class of a name that is given
 */
export function classWeightsOf(
  data: Pick<PreparedData, 'classes' | 'trainRows' | 'y' | 'target'>,
  { classWeights }: Pick<TrainSettings, 'classWeights'>,
): readonly number[] | undefined {
  const { by = 'equal', given = {} } = classWeights ?? {};
  if (by === 'equal') return undefined;
  const { classes, trainRows, y } = data;
  if (classes.length === 0)
    throw new DataError('settings', `class weights need classes, and "${data.target}" is a number`);
  if (by === 'given') {
    const unknown = Object.keys(given).find((name) => !classes.includes(name));
    if (unknown !== undefined || Object.keys(given).length === 0) {
      const listed = classes
        .slice(0, 8)
        .map((name) => `"${name}"`)
        .join(', ');
      throw new DataError(
        'settings',
        `${unknown === undefined ? 'no class weight is given' : `"${data.target}" has no class "${unknown}" to weigh`}; it has ${listed}${classes.length > 8 ? ', ...' : ''}`,
      );
    }
    const weights = classes.map((name) => (Object.hasOwn(given, name) ? given[name] : 1));
    return weights.every((weight) => weight === 1) ? undefined : weights;
  }
  const count = new Float64Array(classes.length);
  for (const row of trainRows) count[y[row]]++;
  const weights = Array.from(count, (rows) => (rows === 0 ? 1 : trainRows.length / classes.length / rows));
  return weights.every((weight) => weight === 1) ? undefined : weights;
}

function arrangementsOf(settings: TrainSettings): Arrangements {
  if (settings.arrangements === 'all') return { kind: 'all' };
  // A gated network is defined by its gates, so there is nothing to adapt: they are drawn.
  if (settings.arrangements === 'sampled' || familyOf(settings.model).drawnGates) {
    return { kind: 'sampled', count: settings.gates, seed: settings.seed };
  }
  return { kind: 'adaptive', seed: settings.seed };
}

/** The training problem without its beta (set to 1). */
export function trainingProblem(data: PreparedData, settings: TrainSettings): Problem {
  const family = familyOf(settings.model);
  if (settings.batchNorm === true && !family.batchNorm) {
    throw new DataError(
      'settings',
      `batch normalisation goes with the two-layer ReLU network (model relu), not with ${settings.model}: ` +
        'only there its problem is known to be the convex program on normalised inputs',
    );
  }
  const loss = resolveLoss(data, settings);
  const outputs = outputsOf(data, loss);
  const classWeights = classWeightsOf(data, settings);
  return {
    X: pickRows(data.X, data.trainRows),
    y: targetsOf(data, loss, outputs),
    outputs,
    model: settings.model,
    loss,
    ...(lossOf(loss).parameters.includes('delta') ? { delta: settings.delta ?? defaultSettings.delta } : {}),
    ...(classWeights === undefined
      ? {}
      : { weights: Float64Array.from(data.trainRows, (row) => classWeights[data.y[row]]) }),
    beta: 1,
    arrangements: arrangementsOf(settings),
    outputPenalty: settings.outputPenalty,
    ...family.problemFields(settings),
    bias: settings.bias,
    tolerance: settings.tolerance,
  };
}

/**
 * Smallest beta for which the zero network is optimal, from a solve at a beta that is surely large enough (`gradientSize`). Three layers: the best value that a search
 * finds, at least that of two layers. Where patterns are searched for, `betaMax` is attained by one of them and `betaMaxUpper` (when known) a
 * proven upper bound. Undefined when stopped.
 * @throws {ProblemError} when the problem does not fit the memory allowed (`memoryBytes`, 4 GiB when left out)
 */
export function findBetaMax(
  problem: Problem,
  { kernels, memoryBytes }: Pick<SolveOptions, 'kernels' | 'memoryBytes'>,
  control: Control,
): Threshold | undefined {
  refuseTooLarge(problem, memoryBytes);
  const shouldStop = (): boolean => control.shouldStop();
  const bound = gradientSize(problem, prepare(problem, shouldStop).datafit, shouldStop);
  if (shouldStop()) return undefined;
  const large: Problem = { ...problem, beta: bound > 0 ? 1.01 * bound : 1 };
  return familyOf(problem.model).threshold(large, { certifySeconds: 0, kernels, memoryBytes }, control);
}
