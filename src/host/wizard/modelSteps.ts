import * as v from 'valibot';
import * as vscode from 'vscode';
import { modelTraits } from '../../shared/models.ts';
import {
  depthAllowed,
  type NetworkName,
  networkNameOf,
  networkSettings,
  sizeBounds,
} from '../../shared/networkName.ts';
import type { TrainSettings } from '../../shared/settings.ts';
import { trainSettingsSchema } from '../../shared/settingsSchema.ts';
import { askText, pickOne, type Step } from './multiStep.ts';

/** What names a network: the model, and the size that it has besides its data. */
export type ModelChoice = Pick<TrainSettings, 'model' | 'm1' | 'depth' | 'batchNorm'>;

export const modelChoiceSchema = v.pick(trainSettingsSchema, ['model', 'm1', 'depth', 'batchNorm']);

interface ModelWords {
  readonly label: string;
  readonly detail: string;
}

export function modelWords(): Record<NetworkName, ModelWords> {
  return {
    relu: {
      label: vscode.l10n.t('ReLU'),
      detail: vscode.l10n.t('Two layers; each neuron is kept inside the cone of its activation pattern.'),
    },
    'relu-batch-norm': {
      label: vscode.l10n.t('ReLU with batch normalisation'),
      detail: vscode.l10n.t(
        'Two layers; the input of every neuron is normalised over the training rows, then scaled and shifted.',
      ),
    },
    'gated-relu': {
      label: vscode.l10n.t('Gated ReLU'),
      detail: vscode.l10n.t('Gates are fixed vectors of their own: no cone constraints, faster.'),
    },
    'three-layer': {
      label: vscode.l10n.t('Three-layer ReLU'),
      detail: vscode.l10n.t(
        'Parallel three-layer sub-networks; small data only. Asks for the width m1 of a sub-network.',
      ),
    },
    linear: {
      label: vscode.l10n.t('Deep linear'),
      detail: vscode.l10n.t(
        'No nonlinearity; the global optimum of every depth is known. Asks for the number of layers.',
      ),
    },
  };
}

/** "Three-layer ReLU, m1 = 2" */
export function modelTitle({ model, m1, depth, batchNorm }: ModelChoice): string {
  const { label } = modelWords()[networkNameOf({ model, batchNorm })];
  const { size } = modelTraits(model);
  switch (size) {
    case 'm1':
      return vscode.l10n.t('{0}, m1 = {1}', label, m1);
    case 'depth':
      return vscode.l10n.t('{0}, {1} layers', label, depth);
    case null:
      return label;
  }
}

interface Size {
  readonly field: 'm1' | 'depth';
  readonly prompt: string;
  readonly rule: string;
}

function sizeOf(model: TrainSettings['model']): Size | null {
  const field = modelTraits(model).size;
  switch (field) {
    case 'm1':
      return {
        field,
        prompt: vscode.l10n.t('Neurons m1 in the first hidden layer of each sub-network; 1 or 2 solve fast.'),
        rule: vscode.l10n.t('m1 is a whole number from {0} to {1}.', sizeBounds.m1.least, sizeBounds.m1.most),
      };
    case 'depth':
      return {
        field,
        prompt: vscode.l10n.t('Layers of the linear network.'),
        rule: vscode.l10n.t(
          'The number of layers is a whole number from {0} to {1}.',
          sizeBounds.depth.least,
          sizeBounds.depth.most,
        ),
      };
    case null:
      return null;
  }
}

/**
 * The steps that ask for a model and, where it has one, its size. `loss` is the one that was chosen: linear networks of more than two layers
 * need the squared one, which `auto` means for them.
 */
export function modelSteps(choice: { value: ModelChoice }, loss: TrainSettings['loss']): readonly Step[] {
  const askModel: Step = async (place) => {
    const words = modelWords();
    const now = networkNameOf(choice.value);
    const items = (Object.keys(words) as NetworkName[]).map((network) => ({
      ...words[network],
      description: network === now ? vscode.l10n.t('now') : '',
      network,
    }));
    const { network } = await pickOne(
      place,
      vscode.l10n.t('Which network should be trained?'),
      items,
      items.find((item) => item.network === now),
    );
    choice.value = { ...choice.value, ...networkSettings(network) };
  };
  const size = sizeOf(choice.value.model);
  if (size === null) return [askModel];
  const { field, prompt, rule } = size;
  const schema = trainSettingsSchema.entries[field];
  const askSize: Step = async (place) => {
    const text = await askText(place, prompt, String(choice.value[field]), (input) => {
      const value = input.trim() === '' ? NaN : Number(input);
      if (!v.safeParse(schema, value).success) return rule;
      if (field === 'depth' && !depthAllowed(value, loss))
        return vscode.l10n.t('More than two layers need the squared loss (setting "Loss"). Take 2 here.');
      return undefined;
    });
    choice.value = { ...choice.value, [field]: Number(text) };
  };
  return [askModel, askSize];
}
