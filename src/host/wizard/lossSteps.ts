import * as v from 'valibot';
import * as vscode from 'vscode';
import { lossOf } from '../../core/problem/datafits/losses.ts';
import { lossesOfTask } from '../../shared/lossChoices.ts';
import type { Task, TrainSettings } from '../../shared/settings.ts';
import { trainSettingsSchema } from '../../shared/settingsSchema.ts';
import { askText, pickOne, type Step } from './multiStep.ts';

/** A loss, with the numbers that some losses depend on. */
export type LossChoice = Pick<TrainSettings, 'loss' | 'delta'>;

/** The steps that ask for a loss among those of the task and, where it has one, for its delta. */
export function lossSteps(choice: { value: LossChoice }, task: Task): readonly Step[] {
  const now = choice.value.loss;
  const askLoss: Step = async (place) => {
    const names = ['auto', ...lossesOfTask(task)] as const;
    const items = names.map((loss) => ({
      loss,
      label: loss === 'auto' ? vscode.l10n.t('By task') : lossOf(loss).words.label,
      detail: loss === 'auto' ? vscode.l10n.t('Squared, logistic or softmax loss.') : summed(loss, choice.value),
      description: loss === now ? vscode.l10n.t('now') : '',
    }));
    const { loss } = await pickOne(
      place,
      vscode.l10n.t('Which loss is minimized?'),
      items,
      items.find((item) => item.loss === now) ?? items[0],
    );
    choice.value = { ...choice.value, loss };
  };
  if (now === 'auto' || !lossesOfTask(task).includes(now) || !lossOf(now).parameters.includes('delta'))
    return [askLoss];
  const askDelta: Step = async (place) => {
    const text = await askText(
      place,
      vscode.l10n.t('From which size of residual on is the loss linear? In standard deviations of the target.'),
      String(choice.value.delta),
      (input) =>
        v.is(trainSettingsSchema.entries.delta, input.trim() === '' ? NaN : Number(input))
          ? undefined
          : vscode.l10n.t('A number above 0.'),
    );
    choice.value = { ...choice.value, delta: Number(text) };
  };
  return [askLoss, askDelta];
}

/** "half the sum of squared errors" */
function summed(loss: Exclude<TrainSettings['loss'], 'auto'>, { delta }: LossChoice): string {
  const words = lossOf(loss).words.sum({ delta });
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}
