import type { Kernels } from '../core/base/kernels/kernels.ts';
import { createReferenceKernels } from '../core/base/kernels/reference.ts';
import type { DenseMatrix } from '../core/base/linalg/matrix.ts';
import { type MlpShape, predictMlp } from '../core/descent/mlp.ts';
import {
  chooseMlpRate,
  mlpStateBytes,
  mlpTrainingBytes,
  type MlpTraining,
  type MlpTrainingOptions,
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

/** One network to train. */
interface Cell {
  readonly width: number;
  readonly rule: MlpRunRecord['rule'];
  readonly seed: number;
}

type Say = (message: string, fraction: number, cell?: string) => void;

/**
 * Trains a network of every width by every rule from every start. With `memory`, runs that are in it go on from where they ended to the
 * number of epochs asked for; all others are trained from their start, with the same result. A stop keeps what was reached.
 * @throws {LabRefusal} when the loss does not go with the target, or a width is too large
 */
export async function labMlp(
  rows: LabRows,
  settings: LabSettings['mlp'],
  memory: MlpMemory | null,
  deps: SessionDeps,
  control: Control,
  say: Say,
): Promise<{ readonly result: MlpResult; readonly cancelled: boolean; readonly memory: MlpMemory }> {
  if (lossOf(settings.loss).targets === 'signs' && rows.data.task !== 'binary') {
    throw new LabRefusal(`the ${settings.loss} loss needs two classes, and the target is a number`, {
      label: 'Use the squared loss',
      settings: { loss: 'squared' },
    });
  }
  offeringWidths(settings.widths, () =>
    checkWidths(labShape(rows.X.cols, settings), settings.widths, rows.X.rows, defaultBudgetBytes, mlpTrainingBytes),
  );
  const setting = settingKey(rows, settings);
  const training = new MlpRuns(rows, settings, memory?.setting === setting ? memory : null, { deps, control, say });
  await training.all();
  const { runs, cells, rates, states } = training;
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

/** The runs of one task, one after the other. */
class MlpRuns {
  readonly runs: MlpRunRecord[] = [];
  readonly cells: readonly Cell[];
  readonly rates: Map<string, number>;
  readonly states = new Map<string, MlpTrainingState>();
  private bytes = 0;
  private readonly kernels: Kernels;
  private readonly measure: ReturnType<typeof errorMeasure>;

  constructor(
    private readonly rows: LabRows,
    private readonly settings: LabSettings['mlp'],
    private readonly old: MlpMemory | null,
    private readonly io: { readonly deps: SessionDeps; readonly control: Control; readonly say: Say },
  ) {
    const { widths, rules, seeds, seed } = settings;
    this.cells = [...new Set(widths)].flatMap((width) =>
      [...new Set(rules)].flatMap((rule) => Array.from({ length: seeds }, (_, k) => ({ width, rule, seed: seed + k }))),
    );
    this.rates = new Map(old?.rates);
    this.kernels = io.deps.kernels ?? createReferenceKernels();
    this.measure = errorMeasure(rows);
  }

  async all(): Promise<void> {
    for (const cell of this.cells) await this.train(cell);
  }

  private say(message: string, cell?: string): void {
    this.io.say(message, this.runs.length / this.cells.length, cell);
  }

  private async train(cell: Cell): Promise<void> {
    const { rows, settings, io, kernels } = this;
    const { width, rule, seed } = cell;
    const resume = this.old?.states.get(keyOf(cell));
    const stopped = io.control.shouldStop();
    // After a stop the runs that were there before are kept as they were.
    if (stopped && resume === undefined) return;
    const learningRate = await this.rateOf(cell);
    if (learningRate === null) return;
    this.say(nameOf(cell));
    await io.deps.pause();
    const training = trainMlp(
      rows,
      {
        ...this.common(cell),
        seed,
        learningRate,
        epochs: stopped && resume !== undefined ? resume.epochs : settings.epochs,
        ...(resume === undefined ? {} : { resume }),
        ...(rows.test === null ? {} : { measure: this.testError(cell, rows.test) }),
        onEpoch: this.epochTeller(cell),
      },
      io.control,
    );
    const { state } = training;
    if (state.curve.epochs.length === 0) return;
    this.bytes += mlpStateBytes(state);
    if (this.bytes <= keptBytes) this.states.set(keyOf(cell), state);
    const error = (part: { readonly X: DenseMatrix; readonly y: Float64Array }): number =>
      this.measure(predictMlp(this.shape(cell), state.theta, part.X, kernels), part.y);
    const record: MlpRunRecord = {
      ...{ rule, width, seed, learningRate, chosen: !(settings[rateSettings[rule]] > 0) },
      ...recordOf(training),
      train: error(rows),
      test: rows.test === null ? null : error(rows.test),
    };
    this.runs.push(record);
    this.say(nameOf(cell), cellLine(record));
  }

  private shape({ width }: Cell): MlpShape {
    return withWidth(labShape(this.rows.X.cols, this.settings), width);
  }

  private common(cell: Cell): Pick<MlpTrainingOptions, 'shape' | 'loss' | 'rule' | 'batchSize' | 'kernels'> {
    const { loss, batchSize } = this.settings;
    return { shape: this.shape(cell), loss, rule: cell.rule, batchSize, kernels: this.kernels };
  }

  /** The step size of a rule at a width: given, known from before, or found by short trials; null when stopped on the way. */
  private async rateOf(cell: Cell): Promise<number | null> {
    const { settings, io } = this;
    const { rule, width } = cell;
    const given = settings[rateSettings[rule]];
    const group = `${rule} ${width}`;
    const known = given > 0 ? given : this.rates.get(group);
    if (known !== undefined) return known;
    this.say(`${ruleNames[rule]}, width ${width}: short trials of step sizes`);
    await io.deps.pause();
    const found = chooseMlpRate(this.rows, { ...this.common(cell), seed: settings.seed }, io.control);
    if (found !== null) this.rates.set(group, found);
    return found;
  }

  private epochTeller(cell: Cell): (epoch: number, loss: number) => void {
    const { io, settings } = this;
    let told = io.control.now();
    return (epoch, loss) => {
      if (io.control.now() - told < 0.2) return;
      told = io.control.now();
      const share = (this.runs.length + epoch / settings.epochs) / this.cells.length;
      io.say(`${nameOf(cell)}: epoch ${epoch} of ${settings.epochs}, loss ${loss.toPrecision(3)}`, share);
    };
  }

  /** Error on the test rows, some at a time; NaN when stopped on the way. */
  private testError(
    cell: Cell,
    test: { readonly X: DenseMatrix; readonly y: Float64Array },
  ): (theta: Float64Array) => number {
    const shape = this.shape(cell);
    return (theta) => {
      const fit = new Float64Array(test.X.rows);
      const atOnce = Math.max(fewestRows, Math.floor(workPerCheck / (2 * theta.length)));
      for (let from = 0; from < test.X.rows; from += atOnce) {
        if (this.io.control.shouldStop()) return NaN;
        const count = Math.min(atOnce, test.X.rows - from);
        const data = test.X.data.subarray(from * test.X.cols, (from + count) * test.X.cols);
        fit.set(predictMlp(shape, theta, { rows: count, cols: test.X.cols, data }, this.kernels), from);
      }
      return this.measure(fit, test.y);
    };
  }
}

const keyOf = ({ rule, width, seed }: Cell): string => `${rule} ${width} ${seed}`;
const nameOf = ({ rule, width, seed }: Cell): string => `${ruleNames[rule]}, width ${width}, start ${seed}`;

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
  return `${nameOf({ rule, width, seed })}: ${how} after ${epochs} epochs`;
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
