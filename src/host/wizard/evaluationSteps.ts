import * as vscode from 'vscode';
import { type SplitWay, splitWays } from '../../core/data/splitColumn.ts';
import { thresholdRules } from '../../core/metrics/threshold.ts';
import type { Task, TrainSettings } from '../../shared/settings.ts';
import { fileName, namedBeside } from '../address.ts';
import { pickFile } from '../pickFile.ts';
import { TaskFailure } from '../train/taskFailure.ts';
import { Cancelled, pickOne, type Step } from './multiStep.ts';

/** How the network is judged, and what counts in its loss. */
export type EvaluationChoice = Pick<TrainSettings, 'split' | 'testFile' | 'classWeights' | 'threshold'>;

/** Ways to hold rows out, and a second file. */
const testWays = [...splitWays, 'file'] as const;

interface Words {
  readonly label: string;
  readonly detail: string;
}

function splitWords(): Record<SplitWay | 'file', Words> {
  return {
    random: {
      label: vscode.l10n.t('Drawn at random'),
      detail: vscode.l10n.t('A share of the rows, seeded; classes in proportion.'),
    },
    column: {
      label: vscode.l10n.t('A column says it'),
      detail: vscode.l10n.t('Its cells are words such as train and test.'),
    },
    time: {
      label: vscode.l10n.t('The last by a time'),
      detail: vscode.l10n.t('Train on what was before, test on what came after.'),
    },
    groups: {
      label: vscode.l10n.t('Whole groups'),
      detail: vscode.l10n.t('Rows with the same value of a column stay together.'),
    },
    file: {
      label: vscode.l10n.t('A second file'),
      detail: vscode.l10n.t('All rows of this one train; columns are matched by name.'),
    },
  };
}

function weightWords(): Record<'equal' | 'balanced', Words> {
  return {
    equal: { label: vscode.l10n.t('All rows alike'), detail: vscode.l10n.t('Every row counts once in the loss.') },
    balanced: {
      label: vscode.l10n.t('All classes alike'),
      detail: vscode.l10n.t('Rows of a rare class count more often, so that all classes weigh the same.'),
    },
  };
}

function thresholdWords(): Record<(typeof thresholdRules)[number], Words> {
  return {
    usual: {
      label: vscode.l10n.t('At one half'),
      detail: vscode.l10n.t('The class whose probability is above one half.'),
    },
    accuracy: {
      label: vscode.l10n.t('Where most rows are right'),
      detail: vscode.l10n.t('On the rows that folds hold out.'),
    },
    'balanced-accuracy': {
      label: vscode.l10n.t('Where both classes are found best'),
      detail: vscode.l10n.t('Balanced accuracy, on the rows that folds hold out.'),
    },
    f1: {
      label: vscode.l10n.t('Where the rarer class is found best'),
      detail: vscode.l10n.t('Its F1 score, on the rows that folds hold out.'),
    },
  };
}

/** A list of named choices, at the one that holds now. */
async function choose<T extends string>(
  place: Parameters<Step>[0],
  question: string,
  words: Readonly<Record<T, Words>>,
  names: readonly T[],
  now: T,
): Promise<T> {
  const items = names.map((name) => ({
    ...words[name],
    name,
    description: name === now ? vscode.l10n.t('now') : '',
  }));
  const { name } = await pickOne(
    place,
    question,
    items,
    items.find((item) => item.name === now),
  );
  return name;
}

/** The file with the test rows, as it is named from the folder of the data. */
async function askTestFile(data: vscode.Uri): Promise<string> {
  const picked = await pickFile(vscode.l10n.t('The file with the test rows'));
  if (picked === undefined) throw new Cancelled();
  const name = namedBeside(data, picked);
  if (name === undefined) {
    throw new TaskFailure({
      message: vscode.l10n.t('{0} lies on another file system than the data.', fileName(picked)),
    });
  }
  return name;
}

/** The steps that ask how test rows come about and, for classes, how rows count and where two classes part. */
export function evaluationSteps(
  choice: { value: EvaluationChoice },
  task: Task,
  columns: readonly string[],
  data: vscode.Uri,
): readonly Step[] {
  const askSplit: Step = async (place) => {
    const now = (choice.value.testFile ?? '') === '' ? (choice.value.split?.by ?? 'random') : 'file';
    const by = await choose(place, vscode.l10n.t('Which rows are held out for the test?'), splitWords(), testWays, now);
    if (by === 'file') {
      choice.value = { ...choice.value, split: undefined, testFile: await askTestFile(data) };
      return;
    }
    const column = by === choice.value.split?.by ? choice.value.split.column : '';
    choice.value = { ...choice.value, testFile: undefined, split: { by, column } };
  };
  const askColumn: Step = async (place) => {
    const { split } = choice.value;
    const items = columns.map((label) => ({ label }));
    const picked = await pickOne(
      place,
      vscode.l10n.t('Which column says it?'),
      items,
      items.find(({ label }) => label === split!.column) ?? items[0],
    );
    choice.value = { ...choice.value, split: { by: split!.by, column: picked.label } };
  };
  const askWeights: Step = async (place) => {
    const now = choice.value.classWeights?.by === 'balanced' ? 'balanced' : 'equal';
    const by = await choose(
      place,
      vscode.l10n.t('How do rows count in the loss?'),
      weightWords(),
      ['equal', 'balanced'],
      now,
    );
    choice.value = { ...choice.value, classWeights: { by } };
  };
  const askThreshold: Step = async (place) => {
    const threshold = await choose(
      place,
      vscode.l10n.t('Where do the two classes part?'),
      thresholdWords(),
      thresholdRules,
      choice.value.threshold ?? 'usual',
    );
    choice.value = { ...choice.value, threshold };
  };
  return [
    askSplit,
    ...((choice.value.split?.by ?? 'random') === 'random' ? [] : [askColumn]),
    ...(task === 'regression' ? [] : [askWeights]),
    ...(task === 'binary' ? [askThreshold] : []),
  ];
}
