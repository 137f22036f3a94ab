import type { Inspection } from '../../session/session.ts';
import * as vscode from 'vscode';
import { commandIds } from '../../shared/manifest.ts';
import type { Task, TrainSettings } from '../../shared/settings.ts';
import type { Dataset } from '../train/dataset.ts';
import { createList, type ListItem, setTitle } from '../ui.ts';
import { type EvaluationChoice, evaluationSteps } from './evaluationSteps.ts';
import { type LossChoice, lossSteps } from './lossSteps.ts';
import { type ModelChoice, modelSteps, modelTitle } from './modelSteps.ts';
import { Cancelled, pickMany, pickOne, type Place, runSteps, type Step } from './multiStep.ts';
import { type LookedAt, type ReadingChoice, readingInWords, readingStep } from './readingSteps.ts';

type Column = Inspection['columns'][number];
type ColumnItem = ListItem & { readonly column: Column };
/** A column, or another way to go on. */
type TargetItem = ListItem & { readonly column?: Column; readonly opens?: 'preview' | 'reading' | 'options' };

export type Choices = Pick<TrainSettings, 'target' | 'task' | 'features'> &
  ReadingChoice &
  ModelChoice &
  LossChoice &
  EvaluationChoice;

const taskNames: Record<Task, { readonly label: string; readonly detail: string }> = {
  regression: { label: vscode.l10n.t('Regression'), detail: vscode.l10n.t('Predict a number.') },
  binary: { label: vscode.l10n.t('Two classes'), detail: vscode.l10n.t('Predict one of two classes.') },
  multiclass: { label: vscode.l10n.t('Several classes'), detail: vscode.l10n.t('Predict one of several classes.') },
};

/**
 * Asks what to train: target, task where the data leaves it open, features. Every step starts at what inference would take, so
 * that Enter alone goes through; "Options" at the end of the first list adds the steps for the model. Undefined when the person closes it.
 */
export async function askChoices(dataset: Dataset, defaults: TrainSettings): Promise<Choices | undefined> {
  const title = vscode.l10n.t('Train Convex Network: {0}', dataset.name);
  const look = (dialect: TrainSettings['dialect']): Promise<Inspection | undefined> =>
    inspecting(
      title,
      () => dataset.inspect(dialect),
      () => dataset.stopLooking(),
    );
  const first = await look(defaults.dialect);
  if (!first) return undefined;

  let inspection = first;
  const suggestedTarget = (): Column | undefined =>
    inspection.columns.find((column) => column.name === inspection.target);
  let target = suggestedTarget();
  const reading: { value: ReadingChoice } = { value: { dialect: defaults.dialect, missing: defaults.missing } };
  const file: LookedAt = {
    get value() {
      return inspection;
    },
    async again(dialect) {
      const seen = await look(dialect);
      if (!seen) throw new Cancelled();
      inspection = seen;
      target = suggestedTarget();
    },
  };
  let task: Task | undefined;
  let features: readonly string[] = [];
  const { model, m1, depth, batchNorm } = defaults;
  const choice: { value: ModelChoice } = { value: { model, m1, depth, batchNorm } };
  const loss: { value: LossChoice } = { value: { loss: defaults.loss, delta: defaults.delta } };
  const { split, testFile, classWeights, threshold } = defaults;
  const evaluation: { value: EvaluationChoice } = { value: { split, testFile, classWeights, threshold } };
  let withReading = false;
  let withOptions = false;

  const askTarget: Step = async (place) => {
    const ways = otherWays(choice.value, inspection).filter(
      ({ opens }) => !(withReading && opens === 'reading') && !(withOptions && opens === 'options'),
    );
    const picked = await pickTarget(place, inspection, target, ways);
    switch (picked.opens) {
      case 'preview':
        void vscode.commands.executeCommand(commandIds.previewData, dataset.uri);
        throw new Cancelled();
      case 'reading':
        // the step before this one
        withReading = true;
        return 'again';
      case 'options':
        withOptions = true;
        return 'again';
      case undefined:
        target = picked.column;
        task = target?.task ?? undefined;
        return undefined;
    }
  };
  const askTask: Step = async (place) => {
    task = await pickTask(place, target!, task);
  };
  const askFeatures: Step = async (place) => {
    features = await pickFeatures(place, inspection, target!);
  };

  const judging = (): readonly Step[] =>
    evaluationSteps(
      evaluation,
      task ?? 'regression',
      inspection.columns.map(({ name }) => name).filter((name) => name !== target?.name),
      dataset.uri,
    );

  try {
    await runSteps(title, () => [
      ...(withReading ? [readingStep(reading, file)] : []),
      askTarget,
      ...(target?.taskUnclear === true ? [askTask] : []),
      askFeatures,
      ...(withOptions
        ? [...modelSteps(choice, loss.value.loss), ...lossSteps(loss, task ?? 'regression'), ...judging()]
        : []),
    ]);
  } catch (error) {
    if (error instanceof Cancelled) return undefined;
    throw error;
  }
  return {
    target: target!.name,
    task: task ?? 'auto',
    features,
    ...reading.value,
    ...choice.value,
    ...loss.value,
    ...evaluation.value,
  };
}

function pickTarget(
  place: Place,
  { columns, target: inferred }: Inspection,
  now: Column | undefined,
  ways: readonly TargetItem[],
): Promise<TargetItem> {
  const items = columns
    .filter((column) => column.task !== null)
    .map((column) => columnItem(column, column.name === inferred ? vscode.l10n.t('suggested') : ''));
  const suggested = items.find((item) => item.column === now);
  return pickOne<TargetItem>(place, vscode.l10n.t('Which column should be predicted?'), [...items, ...ways], suggested);
}

async function pickTask(place: Place, target: Column, now: Task | undefined): Promise<Task> {
  const kinds: Task[] = target.distinct === 2 ? ['binary', 'regression'] : ['regression', 'multiclass'];
  const items = kinds.map((kind) => ({
    ...taskNames[kind],
    task: kind,
    description: kind === target.task ? vscode.l10n.t('suggested') : '',
  }));
  const picked = await pickOne(
    place,
    vscode.l10n.t('"{0}" has {1} different numbers. What is it?', target.name, target.distinct),
    items,
    items.find((item) => item.task === now) ?? items[0],
  );
  return picked.task;
}

async function pickFeatures(place: Place, inspection: Inspection, target: Column): Promise<string[]> {
  const items = inspection.columns
    .filter((column) => column.name !== target.name && column.kind !== 'constant')
    .map((column) => columnItem(column, ''));
  const picked = await pickMany(
    place,
    vscode.l10n.t('Which columns may be used to predict it? (Space to change, Enter to go on)'),
    items,
    items.filter((item) => item.column.suggested || item.column.name === inspection.target),
  );
  return picked.map((item) => item.column.name);
}

/** What the list of targets offers besides columns. */
function otherWays(now: ModelChoice, inspection: Inspection): TargetItem[] {
  return [
    { label: '', separator: true },
    {
      icon: 'file-code',
      label: vscode.l10n.t('How the file is read …'),
      detail: readingInWords(inspection),
      alwaysShow: true,
      opens: 'reading',
    },
    {
      icon: 'table',
      label: vscode.l10n.t('Data Preview …'),
      detail: vscode.l10n.t('Look at every column first: types, gaps, distributions, and how the file is read.'),
      alwaysShow: true,
      opens: 'preview',
    },
    {
      icon: 'gear',
      label: vscode.l10n.t('Options …'),
      detail: vscode.l10n.t(
        'Choose the model, its size, the loss, the test rows and what counts as well. Now: {0}.',
        modelTitle(now),
      ),
      alwaysShow: true,
      opens: 'options',
    },
  ];
}

function columnItem(column: Column, mark: string): ColumnItem {
  const facts = [
    column.kind === 'numeric'
      ? vscode.l10n.t('numbers')
      : column.kind === 'categorical'
        ? vscode.l10n.t('categories')
        : column.kind,
    vscode.l10n.t('{0} different', column.distinct),
    column.missing > 0 ? vscode.l10n.t('{0} missing', column.missing) : '',
    column.note,
  ];
  return {
    label: column.name,
    description: mark,
    detail: `${facts.filter((fact) => fact !== '').join(', ')}: ${column.examples.join(', ')} …`,
    column,
  };
}

/** Shows a busy first step while the file is looked at, so that something answers at once and can be closed. */
function inspecting(
  title: string,
  inspect: () => Promise<Inspection>,
  stop: () => void,
): Promise<Inspection | undefined> {
  return new Promise((resolve, reject) => {
    const { input } = createList(vscode.l10n.t('Reading the first rows …'), []);
    setTitle(input, title);
    input.busy = true;
    input.enabled = false;
    input.ignoreFocusOut = true;
    input.onDidHide(() => {
      stop();
      resolve(undefined);
      input.dispose();
    });
    input.show();
    inspect().then(
      (inspection) => {
        resolve(inspection);
        input.dispose();
      },
      (error: unknown) => {
        reject(error instanceof Error ? error : new Error(String(error)));
        input.dispose();
      },
    );
  });
}
