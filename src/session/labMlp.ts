import { createReferenceKernels } from '../core/base/kernels/reference.ts';
import type { DenseMatrix } from '../core/base/linalg/matrix.ts';
import { type MlpShape, predictMlp } from '../core/descent/mlp.ts';
import {
  chooseMlpRate,
  mlpStateBytes,
  mlpTrainingBytes,
  type MlpTraining,
  type MlpTrainingState,
  trainMlp,
} from '../core/descent/trainMlp.ts';
import type { Control } from '../core/base/control.ts';
import { lossOf } from '../core/problem/datafits/losses.ts';
import { checkWidths, defaultBudgetBytes, withWidth } from '../core/theory/wide/budget.ts';
import type { LabSettings } from '../shared/lab.ts';
import { type MlpResult, type MlpRunRecord, ruleNames } from '../shared/labMlp.ts';
import { errorMeasure, type LabRows } from './labData.ts';
import { LabRefusal } from './labRefusal.ts';
import type { SessionDeps } from './context.ts';
import { labShape, offeringWidths } from './labWide.ts';

/** Where the runs of the last task ended. */
export interface MlpMemory {
  /** Rows and settings that have to be the same for a run to go on. */
  readonly setting: string;
  readonly rates: ReadonlyMap<string, number>;
  readonly states: ReadonlyMap<string, MlpTrainingState>;
}

/** Floating-point operations between two looks at a stop while the test rows are evaluated, and fewest rows at once. */
const workPerCheck = 2e7;
const fewestRows = 4;
/** Parameters and optimizer states kept for going on; runs beyond are trained from their start again. */
const keptBytes = 2 ** 30;

/**
 * Trains a network of every width by every rule from every start. With `memory`, runs that are in it go on from where they ended to the
 * number of epochs asked for; all others are trained from their start, with the same result. A stop keeps what was reached.
 */
export async function labMlp(
  rows: LabRows,
  settings: LabSettings['mlp'],
  memory: MlpMemory | null,
  deps: SessionDeps,
  control: Control,
  say: (message: string, fraction: number, cell?: string) => void,
): Promise<{ readonly result: MlpResult; readonly cancelled: boolean; readonly memory: MlpMemory }> {
  const { X, y } = rows;
  if (lossOf(settings.loss).targets === 'signs' && rows.data.task !== 'binary') {
    throw new LabRefusal(`the ${settings.loss} loss needs two classes, and the target is a number`, {
      label: 'Use the squared loss',
      settings: { loss: 'squared' },
    });
  }
  const kernels = deps.kernels ?? createReferenceKernels();
  const base = labShape(X.cols, settings);
  offeringWidths(settings.widths, () =>
    checkWidths(base, settings.widths, X.rows, defaultBudgetBytes, mlpTrainingBytes),
  );
  const setting = settingKey(rows, settings);
  const old = memory?.setting === setting ? memory : null;
  const rates = new Map(old?.rates);
  const states = new Map<string, MlpTrainingState>();
  const cells = [...new Set(settings.widths)].flatMap((width) =>
    [...new Set(settings.rules)].flatMap((rule) =>
      Array.from({ length: settings.seeds }, (_, k) => ({ width, rule, seed: settings.seed + k })),
    ),
  );
  const measure = errorMeasure(rows);
  /** Error on the test rows, some at a time; NaN when stopped on the way. */
  const testError =
    (shape: MlpShape, test: { readonly X: DenseMatrix; readonly y: Float64Array }) =>
    (theta: Float64Array): number => {
      const fit = new Float64Array(test.X.rows);
      const atOnce = Math.max(fewestRows, Math.floor(workPerCheck / (2 * theta.length)));
      for (let from = 0; from < test.X.rows; from += atOnce) {
        if (control.shouldStop()) return NaN;
        const count = Math.min(atOnce, test.X.rows - from);
        const data = test.X.data.subarray(from * test.X.cols, (from + count) * test.X.cols);
        fit.set(predictMlp(shape, theta, { rows: count, cols: test.X.cols, data }, kernels), from);
      }
      return measure(fit, test.y);
    };
  const runs: MlpRunRecord[] = [];
  let bytes = 0;
  for (const { width, rule, seed } of cells) {
    const name = `${ruleNames[rule]}, width ${width}, start ${seed}`;
    const key = `${rule} ${width} ${seed}`;
    const group = `${rule} ${width}`;
    const resume = old?.states.get(key);
    const stopped = control.shouldStop();
    // After a stop the runs that were there before are kept as they were.
    if (stopped && resume === undefined) continue;
    const shape = withWidth(base, width);
    const common = { shape, loss: settings.loss, rule, batchSize: settings.batchSize, kernels };
    const given = settings[rateSettings[rule]];
    let learningRate = given > 0 ? given : rates.get(group);
    if (learningRate === undefined) {
      say(`${ruleNames[rule]}, width ${width}: short trials of step sizes`, runs.length / cells.length);
      await deps.pause();
      const found = chooseMlpRate({ X, y }, { ...common, seed: settings.seed }, control);
      if (found === null) continue;
      learningRate = found;
      rates.set(group, found);
    }
    say(name, runs.length / cells.length);
    await deps.pause();
    let told = control.now();
    const training = trainMlp(
      { X, y },
      {
        ...common,
        seed,
        learningRate,
        epochs: stopped && resume !== undefined ? resume.epochs : settings.epochs,
        ...(resume === undefined ? {} : { resume }),
        ...(rows.test === null ? {} : { measure: testError(shape, rows.test) }),
        onEpoch: (epoch, loss) => {
          if (control.now() - told < 0.2) return;
          told = control.now();
          const share = (runs.length + epoch / settings.epochs) / cells.length;
          say(`${name}: epoch ${epoch} of ${settings.epochs}, loss ${loss.toPrecision(3)}`, share);
        },
      },
      control,
    );
    const { state } = training;
    if (state.curve.epochs.length === 0) continue;
    bytes += mlpStateBytes(state);
    if (bytes <= keptBytes) states.set(key, state);
    const error = (part: { X: LabRows['X']; y: Float64Array }): number =>
      measure(predictMlp(shape, state.theta, part.X, kernels), part.y);
    const record: MlpRunRecord = {
      ...{ rule, width, seed, learningRate, chosen: !(given > 0) },
      ...recordOf(training),
      train: error(rows),
      test: rows.test === null ? null : error(rows.test),
    };
    runs.push(record);
    say(name, runs.length / cells.length, cellLine(record));
  }
  return {
    result: {
      runs,
      asked: cells.length,
      lossName: lossOf(settings.loss).words.sum({}),
      measure: rows.data.task === 'binary' ? 'error rate' : 'RMSE',
      sentence: sentenceOf(runs, cells.length),
    },
    cancelled: control.shouldStop(),
    memory: { setting, rates, states },
  };
}

const rateSettings = { sgd: 'sgdRate', momentum: 'momentumRate', adam: 'adamRate', flow: 'flowRate' } as const;

/** What two tasks must share for the runs of one to go on in the other. */
function settingKey(rows: LabRows, settings: LabSettings['mlp']): string {
  const free: readonly string[] = ['epochs', 'widths', 'rules', 'seeds'];
  const fixed = Object.entries(settings).filter(([name]) => !free.includes(name));
  return JSON.stringify([rows.data.sha256, fixed.sort(([a], [b]) => (a < b ? -1 : 1))]);
}

function recordOf({
  state,
  loss,
  displacement,
  relativeDisplacement,
}: MlpTraining): Omit<MlpRunRecord, 'rule' | 'width' | 'seed' | 'learningRate' | 'chosen' | 'train' | 'test'> {
  const { curve, epochs, outcome, theta } = state;
  return {
    parameters: theta.length,
    outcome,
    epochs,
    seconds: curve.seconds.at(-1) ?? 0,
    loss,
    displacement,
    relativeDisplacement,
    curve: {
      epochs: curve.epochs,
      seconds: curve.seconds,
      loss: curve.objective,
      test: curve.measured.map((value) => (Number.isNaN(value) ? null : value)),
    },
  };
}

function cellLine({ rule, width, seed, outcome, epochs, loss }: MlpRunRecord): string {
  const how = outcome === 'diverged' ? 'diverged' : `loss ${loss.toPrecision(3)}`;
  return `${ruleNames[rule]}, width ${width}, start ${seed}: ${how} after ${epochs} epochs`;
}

function sentenceOf(runs: readonly MlpRunRecord[], asked: number): string {
  const ended = (outcome: MlpRunRecord['outcome']): number => runs.filter((run) => run.outcome === outcome).length;
  const kept = runs.filter((run) => run.outcome !== 'diverged');
  const best = kept.reduce<MlpRunRecord | undefined>((a, b) => (a === undefined || b.loss < a.loss ? b : a), undefined);
  const parts = [
    [ended('diverged'), 'diverged'],
    [ended('settled'), 'settled (no step lowers the loss)'],
    [ended('stopped'), 'stopped on the way'],
    [asked - runs.length, 'not begun'],
  ] as const;
  const extra = parts.filter(([count]) => count > 0).map(([count, words]) => `${count} ${words}`);
  return (
    `${runs.length} of ${asked} networks trained${extra.length > 0 ? `: ${extra.join(', ')}` : ''}.` +
    (best === undefined
      ? ''
      : ` The lowest loss, ${best.loss.toPrecision(3)}, is that of ${ruleNames[best.rule]} at width ${best.width} from start ${best.seed}.`)
  );
}
