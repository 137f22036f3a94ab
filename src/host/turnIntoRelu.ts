import * as vscode from 'vscode';
import { modelTraits } from '../shared/models.ts';
import type { DecomposedRun, ModelFile } from '../worker/api.ts';
import { saveAs } from './saveFile.ts';
import type { Dataset } from './train/dataset.ts';
import { TaskFailure } from './train/taskFailure.ts';
import { type ListItem, pickFrom, withNotice } from './ui.ts';

/**
 * Turns the open gated run into a ReLU network with the same fit (cone decomposition), says what both cost, and exports it in the format that is
 * picked. Undefined when the person closes it.
 */
export async function turnIntoRelu(dataset: Dataset, what?: ModelFile): Promise<vscode.Uri | undefined> {
  const record = dataset.run?.record;
  if (record === undefined || modelTraits(record.settings.model).patterns !== 'own') {
    throw new TaskFailure({
      message: vscode.l10n.t('Only a gated ReLU network can be turned into a ReLU network; this run is another model.'),
    });
  }
  const decomposed = await withNotice(vscode.l10n.t('Splitting the gated network into cones'), (_, cancellation) => {
    const running = dataset.decompose();
    cancellation.onCancellationRequested(() => running.stop());
    return running.done.catch((error: unknown) => {
      if (error instanceof TaskFailure && error.detail.stopped) return undefined;
      throw error;
    });
  });
  if (!decomposed) return undefined;
  const format = what ?? (await pickFormat(decomposed));
  return format && saveAs(dataset, format, decomposed.files[format], '.relu');
}

async function pickFormat(decomposed: DecomposedRun): Promise<ModelFile | undefined> {
  const { objective, gatedObjective, neurons, gatedNeurons, fitDifference } = decomposed;
  const number = (value: number): string => String(Number(value.toPrecision(6)));
  const detail = vscode.l10n.t(
    'ReLU: objective {0}, {1} neurons. Gated: {2}, {3} neurons. Training fits differ by {4} (relative).',
    number(objective),
    neurons,
    number(gatedObjective),
    gatedNeurons,
    fitDifference.toExponential(0),
  );
  const items: (ListItem & { readonly what: ModelFile })[] = [
    { label: 'ONNX', what: 'onnx', detail },
    { label: 'JSON', what: 'json', detail: vscode.l10n.t('Weights, scaling, column names and both objectives.') },
    { label: 'PyTorch', what: 'pytorch', detail: vscode.l10n.t('A Python file that builds the network.') },
  ];
  const picked = await pickFrom(items, {
    title: vscode.l10n.t('ReLU network: objective {0}, gated {1}', number(objective), number(gatedObjective)),
    placeholder: vscode.l10n.t('The same fit on the training rows at a higher penalty; export it as ...'),
  });
  return picked?.what;
}
