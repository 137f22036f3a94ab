import type { Kernels } from '../base/kernels/kernels.ts';
import type { DenseMatrix } from '../base/linalg/matrix.ts';
import type { LossName } from '../problem/problem.ts';
import { createRng, type Rng } from '../base/rng.ts';
import { type Control, uncontrolled } from '../base/control.ts';
import { type DescentCurve, type DescentOptions, type DescentResult, descend } from './descend.ts';
import { createMlpModel, initialiseMlp, layersOf, type MlpShape } from './mlp.ts';
import type { OptimizerState, UpdateRule } from './optimizer.ts';

/** Rows and targets: numbers for the squared loss, -1 / +1 for the logistic one. */
export interface MlpData {
  readonly X: DenseMatrix;
  readonly y: Float64Array;
}

export interface MlpTrainingOptions {
  readonly shape: MlpShape;
  readonly loss: LossName;
  readonly rule: UpdateRule;
  /** Start weights (the same for every rule) and the order of mini-batches. */
  readonly seed: number;
  /** In all, those of `resume` included. */
  readonly epochs: number;
  /** Rows per step; 0: full batch. The flow is always full batch. */
  readonly batchSize: number;
  /** For the mean loss, as `DescentOptions.learningRate`; constant over the run. */
  readonly learningRate: number;
  /** Where an earlier run with the same options ended. */
  readonly resume?: MlpTrainingState;
  readonly kernels: Kernels;
  /** Called at the recorded epochs. */
  readonly onEpoch?: (epoch: number, loss: number) => void;
  /** A number of the network to follow along the curve, e.g. its error on other rows; NaN: not known. `theta` must not be changed or kept. */
  readonly measure?: (theta: Float64Array) => number;
}

export interface MlpCurve extends DescentCurve {
  /** What `measure` gave at every point; empty without it. */
  readonly measured: number[];
}

/** Diverged and settled runs do not go on. */
export type MlpOutcome = 'finished' | 'settled' | 'diverged' | 'stopped';

/** All that a run needs to go on as if it had not been interrupted (but for an epoch of mini-batches that a stop cut short). */
export interface MlpTrainingState {
  readonly theta: Float64Array;
  readonly optimizer: OptimizerState;
  readonly order: Int32Array | null;
  /** The run takes it over: a state can be resumed once. */
  readonly rng: Rng;
  readonly curve: MlpCurve;
  readonly epochs: number;
  readonly outcome: MlpOutcome;
}

export interface MlpTraining {
  readonly state: MlpTrainingState;
  /** Summed loss at the end (of the best recorded point if the run diverged). */
  readonly loss: number;
  /** ||theta_T - theta_0||, and over ||theta_0||. */
  readonly displacement: number;
  readonly relativeDisplacement: number;
}

const curvePoints = 120;

/** Bytes that one run takes: parameters, gradient, optimizer state and copies, and the work space of a block of rows. */
export function mlpTrainingBytes(shape: MlpShape): number {
  return 8 * (10 * layersOf(shape).size + 3 * 256 * shape.hidden.reduce((a, b) => a + b, 0));
}

/** Bytes that the state of a run keeps. */
export function mlpStateBytes({ theta, optimizer }: MlpTrainingState): number {
  return theta.byteLength + optimizer.vectors.reduce((sum, vector) => sum + vector.byteLength, 0);
}

/** One unregularised run, from its start or from where an earlier one ended. Deterministic. */
export function trainMlp(data: MlpData, options: MlpTrainingOptions, control: Control = uncontrolled): MlpTraining {
  const { shape, resume } = options;
  const start = initialiseMlp(shape, createRng(options.seed).fork('start'));
  const over = resume?.outcome === 'diverged' || resume?.outcome === 'settled';
  if (resume !== undefined && (over || resume.epochs >= options.epochs)) return trainingOf(start, resume);
  const rng = resume?.rng ?? createRng(options.seed).fork('order');
  const done = resume?.epochs ?? 0;
  const measured: number[] = [];
  const observe = (epoch: number, theta: Float64Array, loss: number): void => {
    if (options.measure !== undefined) measured.push(options.measure(theta));
    options.onEpoch?.(done + epoch, loss);
  };
  const run = descent(
    data,
    { theta: resume?.theta ?? start, rng, epochs: options.epochs - done, observe },
    options,
    control,
  );
  const before = resume?.curve ?? { epochs: [], seconds: [], objective: [], measured: [] };
  // The first point is the last one of the run that goes on.
  const from = before.epochs.length > 0 ? 1 : 0;
  const elapsed = before.seconds.at(-1) ?? 0;
  return trainingOf(start, {
    theta: run.theta,
    optimizer: run.optimizer,
    order: run.order,
    rng,
    curve: {
      epochs: [...before.epochs, ...run.curve.epochs.slice(from).map((epoch) => done + epoch)],
      seconds: [...before.seconds, ...run.curve.seconds.slice(from).map((seconds) => elapsed + seconds)],
      objective: [...before.objective, ...run.curve.objective.slice(from)],
      measured: [...before.measured, ...measured.slice(from)],
    },
    epochs: done + run.epochs,
    outcome: run.diverged ? 'diverged' : run.settled ? 'settled' : run.cancelled ? 'stopped' : 'finished',
  });
}

/** Where one descent starts, and how long it goes. */
interface Leg extends Pick<DescentOptions, 'observe'> {
  readonly theta: Float64Array;
  readonly rng: Rng;
  readonly epochs: number;
}

function descent(
  data: MlpData,
  { theta, rng, epochs, observe }: Leg,
  options: Omit<MlpTrainingOptions, 'epochs'>,
  control: Control,
): DescentResult {
  const { resume } = options;
  const model = createMlpModel(options.shape, data.X, data.y, options.loss, options.kernels);
  try {
    return descend(
      model,
      theta,
      {
        rule: options.rule,
        learningRate: options.learningRate,
        schedule: 'constant',
        epochs,
        batchSize: options.rule === 'flow' ? 0 : options.batchSize,
        curvePoints,
        ...(resume === undefined ? {} : { resume: resume.optimizer }),
        ...(resume?.order ? { order: resume.order } : {}),
        ...(observe === undefined ? {} : { observe }),
      },
      rng,
      control,
    );
  } finally {
    model.dispose();
  }
}

function trainingOf(start: Float64Array, state: MlpTrainingState): MlpTraining {
  const { objective } = state.curve;
  let change = 0;
  let size = 0;
  for (let i = 0; i < start.length; i++) {
    change += (state.theta[i] - start[i]) ** 2;
    size += start[i] ** 2;
  }
  return {
    state,
    loss: (state.outcome === 'diverged' ? Math.min(...objective) : objective.at(-1)) ?? Infinity,
    displacement: Math.sqrt(change),
    relativeDisplacement: Math.sqrt(change / size),
  };
}

/** Half decades from which the trials descend; Adam's steps do not depend on the size of the gradient. */
const largestTrial: Readonly<Record<Exclude<UpdateRule, 'flow'>, number>> = { sgd: 10, momentum: 3, adam: 1 };
const smallestTrial = 1e-7;
const trialEpochs = 30;
/** The flow's rate is its largest step in units of the loss; steps that go too far are halved by itself. */
export const flowRate = 0.1;

/**
 * The rate with the lowest loss after a few epochs from the given start, tried from large to small until two in a row do worse. Null when
 * stopped. The number of epochs does not depend on the run's, so that a longer run has the same rate.
 */
export function chooseMlpRate(
  data: MlpData,
  options: Omit<MlpTrainingOptions, 'learningRate' | 'epochs' | 'resume' | 'onEpoch' | 'measure'>,
  control: Control = uncontrolled,
): number | null {
  if (options.rule === 'flow') return flowRate;
  const theta = initialiseMlp(options.shape, createRng(options.seed).fork('start'));
  let best: number | null = null;
  let lowest = Infinity;
  let worse = 0;
  let rate = largestTrial[options.rule];
  for (let k = 0; rate > smallestTrial && worse < 2; k++, rate /= k % 2 === 1 ? 3 : 10 / 3) {
    const rng = createRng(options.seed).fork('trial');
    const run = descent(data, { theta, rng, epochs: trialEpochs }, { ...options, learningRate: rate }, control);
    if (run.cancelled) return null;
    if (run.diverged) continue;
    if (run.objective < lowest) {
      lowest = run.objective;
      best = rate;
      worse = 0;
    } else worse++;
  }
  return best ?? smallestTrial;
}
