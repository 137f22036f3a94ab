import { inLanguage } from './inLanguage.ts';
import * as vscode from 'vscode';
import { commandIds } from '../shared/manifest.ts';
import type { Dataset } from './train/dataset.ts';
import { createStatusItem } from './ui.ts';

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);

/** The one status bar item: what is being trained, or else the run that is open. */
export class StatusBar {
  private readonly item = createStatusItem('convexNet.status', 'Convex Network');

  /** `training` is a data set that is being trained on, `open` the one whose panel is active. */
  update(training: Dataset | null, open: Dataset | null): void {
    if (training) {
      const { progress } = training;
      const part = typeof progress?.fraction === 'number' ? ` ${Math.round(100 * progress.fraction)}%` : '';
      this.item.set({
        icon: 'sync~spin',
        text: `${training.name}: ${progress?.stage ?? vscode.l10n.t('training')}${part}`,
        tooltip: vscode.l10n.t('{0}. Click to stop.', progress?.message ?? training.name),
        command: commandIds.stop,
      });
    } else if (open?.run) {
      const { summary } = open.run;
      this.item.set({
        icon: 'graph',
        text: [
          `${vscode.l10n.t('beta')} ${summary.beta.toPrecision(3)}`,
          summary.neurons === 1 ? vscode.l10n.t('1 neuron') : vscode.l10n.t('{0} neurons', summary.neurons),
          lowerFirst(vscode.l10n.t(summary.verdict.word)),
        ].join(', '),
        tooltip: vscode.l10n.t('{0}. {1} Click to set beta.', summary.label, inLanguage(summary.verdict.headline)),
        command: commandIds.setBeta,
      });
    } else this.item.set(null);
  }

  dispose(): void {
    this.item.dispose();
  }
}
