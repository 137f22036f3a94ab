import * as vscode from 'vscode';
import { fileName } from './address.ts';
import { formulaRemark, formulaSetting } from './editorSettings.ts';
import { saveBeside } from './saveFile.ts';
import type { Dataset } from './train/dataset.ts';
import { TaskFailure } from './train/taskFailure.ts';
import { withNotice } from './ui.ts';
import { sourceToRead } from './unsavedText.ts';

/** Runs the network of the open run on another file and saves the predictions where the person says. Undefined when it was stopped or not saved. */
export async function predictOnFile(dataset: Dataset, file: vscode.Uri): Promise<vscode.Uri | undefined> {
  const source = await sourceToRead(file, 'predict');
  if (source === undefined) return undefined;
  const predicted = await withNotice(vscode.l10n.t('Predicting on {0}', fileName(file)), (_, cancellation) => {
    const running = dataset.predict(file, formulaSetting(), source);
    cancellation.onCancellationRequested(() => running.stop());
    return running.done.catch((error: unknown) => {
      if (error instanceof TaskFailure && error.detail.stopped) return undefined;
      throw error;
    });
  });
  if (!predicted) return undefined;
  const { filled, gaps, unknown, neutralized, warnings } = predicted;
  const remarks = [
    ...warnings,
    ...filled.map(({ column, count }) => vscode.l10n.t('"{0}": {1} gaps filled as in training.', column, count)),
    ...(gaps.count === 0
      ? []
      : [vscode.l10n.t('{0} rows have gaps and no prediction (line {1}).', gaps.count, gaps.lines.join(', '))]),
    ...unknown.map(({ column, count }) =>
      vscode.l10n.t('"{0}" has {1} cells with a category that the network does not know.', column, count),
    ),
    ...(neutralized === 0 ? [] : [formulaRemark(neutralized)]),
  ];
  const stem = fileName(file).replace(/\.[^.]*$/, '');
  return saveBeside(file, `${stem}.predictions.csv`, new TextEncoder().encode(predicted.csv), remarks.join(' '));
}
