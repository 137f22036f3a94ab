import type { VNode } from 'preact';
import { useMemo } from 'preact/hooks';
import { modelComparisonSentence } from '../../../../src/shared/modelComparison.ts';
import { networkNameOf } from '../../../../src/shared/networkName.ts';
import type { RunRecord } from '../../../../src/shared/run.ts';
import { Button } from '../../../ui/controls.ts';
import { CopyTable } from '../../../ui/copyTable.tsx';
import { typeset } from '../../../ui/format.ts';
import { Section } from '../../../ui/pieces.tsx';
import { Words } from '../../../ui/term.tsx';
import { usePanel } from '../../panelContext.ts';
import { modelName, modelRequest, modelTable } from './modelComparisonModel.ts';

/** Other models by the same cross-validation, on request; a button takes one of them. */
export function ModelComparison({ run }: { readonly run: RunRecord }): VNode {
  const { state, send } = usePanel();
  const { models } = run;
  const table = useMemo(() => models && modelTable(models), [models]);
  const training = state.phase === 'training';
  const sentence = models && modelComparisonSentence(models);
  const own = networkNameOf(run.settings);
  return (
    <Section
      title="Other models"
      wide
      hint={typeset(
        sentence ??
          'ReLU, gated, batch-normalised and linear networks by the same cross-validation of beta: same folds, same loss, no test row. It takes up to half a minute for each.',
      )}
      tools={
        <>
          {models?.complete !== true && (
            <Button disabled={training} onPress={() => send({ type: 'compareModels' })}>
              Compare models
            </Button>
          )}
          {table && <CopyTable caption="Models compared" table={() => table} />}
        </>
      }
    >
      {models && table && (
        <div class="table-scroll" tabIndex={0} role="region" aria-label="Models compared">
          <table class="scores">
            <caption class="visually-hidden">{table.caption}</caption>
            <thead>
              <tr>
                {table.header.slice(0, -1).map((title) => (
                  <th
                    key={title}
                    scope="col"
                    class={table.numeric[table.header.indexOf(title)] ? 'numeric' : undefined}
                  >
                    <Words text={title} />
                  </th>
                ))}
                <td />
              </tr>
            </thead>
            <tbody>
              {table.rows.map((cells, k) => {
                const model = models.models[k];
                return (
                  <tr key={model.network} class={model.network === own ? 'ours' : undefined}>
                    <th scope="row">{cells[0]}</th>
                    {cells.slice(1, -1).map((cell, i) => (
                      <td key={table.header[i + 1]} class="numeric">
                        {cell}
                      </td>
                    ))}
                    <td>
                      {cells.at(-1)}{' '}
                      {model.network !== own && model.point !== undefined && (
                        <Button disabled={training} onPress={() => send(modelRequest(model))}>
                          Train {modelName(model)}
                        </Button>
                      )}
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  );
}
