import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { OutputPenalty } from '../../src/core/problem/problem.ts';
import { outputPenaltiesOf, outputPenaltyNames, outputPenaltyWords } from '../../src/shared/outputs.ts';
import { text } from '../../src/shared/texts.ts';
import type { RunRecord } from '../../src/shared/run.ts';
import {
  depthAllowed,
  type NetworkName,
  networkNameOf,
  networkNames,
  networkSettings,
  sizeBounds,
} from '../../src/shared/networkName.ts';
import { Button, Dropdown, TextField } from '../ui/controls.ts';
import { usePanel } from './panelContext.ts';

const modelChoices = (Object.keys(networkNames) as NetworkName[]).map((value) => ({
  value,
  label: text(networkNames[value]),
}));

interface Size {
  readonly field: 'm1' | 'depth';
  readonly label: string;
  readonly name: string;
  readonly hint: string;
}

/** What is asked of a model before it is trained; nothing of those that are not listed. */
const sizes: Readonly<Partial<Record<NetworkName, Size>>> = {
  'three-layer': {
    field: 'm1',
    label: 'm1',
    name: 'm1',
    hint: 'Neurons in the first hidden layer of each sub-network; 1 or 2 solve fast.',
  },
  linear: { field: 'depth', label: 'Layers', name: 'The number of layers', hint: 'Layers of the linear network.' },
};

/**
 * Which network is trained. A model without a size is trained as soon as it is chosen; for one with a size, the size is shown first, and can
 * be changed as long as the run is shown.
 */
export function ModelControl({ run }: { readonly run: RunRecord }): VNode {
  const { state, send } = usePanel();
  const { settings } = run;
  const [model, setModel] = useState(networkNameOf(settings));
  const [text, setText] = useState<string | undefined>(undefined);
  useEffect(() => {
    setModel(networkNameOf(settings));
    setText(undefined);
  }, [run.id]);
  const size = sizes[model];
  const shown = text ?? (size === undefined ? '' : String(settings[size.field]));
  const problem = size === undefined ? '' : problemOf(size, shown, settings.loss);
  // only where there is a choice, for the network that is shown
  const penalties = run.resolved.outputs > 1 && model === networkNameOf(settings) ? outputPenaltiesOf(model) : [];
  const changed =
    model !== networkNameOf(settings) || (size !== undefined && shown.trim() !== String(settings[size.field]));
  return (
    <div class="model" role="group" aria-label="Model of the network">
      <Dropdown
        label="Model"
        value={model}
        choices={modelChoices}
        onSelect={(value) => {
          const chosen = value as NetworkName;
          setModel(chosen);
          setText(undefined);
          if (sizes[chosen] === undefined && chosen !== networkNameOf(settings)) {
            const { model: asked, batchNorm } = networkSettings(chosen);
            send({ type: 'setModel', model: asked, ...(batchNorm ? { batchNorm } : {}) });
          }
        }}
      />
      {penalties.length > 1 && (
        <span title={outputPenaltyWords(model, run.resolved.outputPenalty)}>
          <Dropdown
            label="Outputs"
            value={run.resolved.outputPenalty}
            choices={penalties.map((value) => ({ value, label: outputPenaltyNames[value] }))}
            onSelect={(value) => {
              const asked = networkSettings(model);
              send({
                type: 'setModel',
                model: asked.model,
                ...(asked.batchNorm ? { batchNorm: true } : {}),
                outputPenalty: value as OutputPenalty,
              });
            }}
          />
        </span>
      )}
      {size !== undefined && (
        <>
          <span title={size.hint}>
            <TextField key={size.field} label={size.label} size={3} value={shown} onCommit={setText} />
          </span>
          {changed && (
            <Button
              look="primary"
              disabled={state.phase === 'training'}
              onPress={() => {
                if (problem === '') {
                  send({ type: 'setModel', model: networkSettings(model).model, [size.field]: Number(shown) });
                }
              }}
            >
              Train
            </Button>
          )}
          {problem !== '' && (
            <span class="problem" role="alert">
              {problem}
            </span>
          )}
        </>
      )}
    </div>
  );
}

function problemOf({ field, name }: Size, text: string, loss: RunRecord['settings']['loss']): string {
  const { least, most } = sizeBounds[field];
  const value = text.trim() === '' ? NaN : Number(text);
  if (!Number.isInteger(value) || value < least || value > most) {
    return `${name} is a whole number from ${least} to ${most}.`;
  }
  if (field === 'depth' && !depthAllowed(value, loss)) {
    return 'More than two layers need the squared loss (setting "Loss"). Take 2 here.';
  }
  return '';
}
