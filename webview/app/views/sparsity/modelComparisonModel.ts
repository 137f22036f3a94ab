import {
  bestModel,
  type ComparedModel,
  levelModels,
  type ModelComparisonRecord,
} from '../../../../src/shared/modelComparison.ts';
import { networkNames, networkSettings } from '../../../../src/shared/networkName.ts';
import type { FromPanel } from '../../../../src/shared/protocol.ts';
import { text } from '../../../../src/shared/texts.ts';
import { meanWords } from '../../../../src/shared/usefulness.ts';
import { formatGap, formatInteger, formatNumber, formatPercent } from '../../../ui/format.ts';
import type { TextTable } from '../../../ui/tableText.ts';

/** One line for each model: error, size, and what is proven of its network. */
export function modelTable(record: ModelComparisonRecord): TextTable {
  const best = bestModel(record);
  const level = levelModels(record);
  return {
    caption: `Models by ${record.folds}-fold cross-validation on the training rows, ${meanWords(record)}`,
    header: ['Model', 'Mean', 'Standard error', 'β of β max', 'Neurons', 'Proven gap', ''],
    rows: record.models.map((model, k) => {
      const { point, betaMax, trained } = model;
      return [
        modelName(model),
        formatNumber(point?.mean ?? null, 4),
        formatNumber(point?.standardError ?? null, 2),
        point === undefined ? '–' : formatPercent(point.beta / betaMax!),
        trained === undefined ? '–' : formatInteger(trained.active),
        gapWords(model),
        k === best ? 'would be chosen' : level.includes(k) ? 'level with the best' : (model.refused ?? endWords(model)),
      ];
    }),
    numeric: [false, true, true, true, true, true, false],
  };
}

export const modelName = ({ network, depth }: ComparedModel): string =>
  depth === undefined ? text(networkNames[network]) : `${text(networkNames[network])}, ${depth}`;

/** Asks for one of the models that were compared. */
export function modelRequest({ network, depth }: ComparedModel): FromPanel {
  const { model, batchNorm } = networkSettings(network);
  return {
    type: 'setModel',
    model,
    ...(batchNorm ? { batchNorm } : {}),
    ...(depth === undefined ? {} : { depth }),
  };
}

function gapWords({ trained }: ComparedModel): string {
  if (trained?.gap === undefined) return '–';
  return trained.over === 'gates' ? `${formatGap(trained.gap)} (its gates)` : formatGap(trained.gap);
}

/** A curve that a stop or the time limit ended says less. */
const endWords = ({ end }: ComparedModel): string => (end === 'cut short' ? 'curve cut short' : '');
