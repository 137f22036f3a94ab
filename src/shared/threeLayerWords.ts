import type { BranchRecord, ThreeLayerRecord } from './depth.ts';
import type { RunRecord } from './run.ts';
import { foundBetter, plainFormat, type VerdictFormat } from './verdict.ts';

/** Why ordinary weight decay on all three layers is not what a three-layer run has, with the smallest example. */
export const weightDecayMessage =
  'Ordinary weight decay on all three layers is another problem: at its best scaling it costs (3/2) beta N^(2/3) per branch of group norm N, ' +
  'which is not convex. With x = 1, y = 2, beta = 1 it has two global minimisers, outputs 0 and 1, both of value 2, where the convex penalty has one, output 1 of value 1.5.';

/** Relative differences of two optima up to this are their tolerance. */
const same = 1e-6;

/** Whether the second-layer ReLU of a branch does nothing: no inner neuron subtracts, so every inner neuron is a two-layer neuron. */
export const isTwoLayer = ({ blockNorms, innerSigns }: BranchRecord): boolean =>
  blockNorms.every((norm, j) => norm === 0 || innerSigns[j] > 0);

/** Two layers against three on the same data, and what the branches of the run say about it. */
export function depthWords(
  run: RunRecord,
  deep: ThreeLayerRecord,
  two: NonNullable<ThreeLayerRecord['twoLayer']>,
  format: VerdictFormat = plainFormat,
): string {
  const three = run.solution.objective;
  const gain = (two.objective - three) / Math.max(Math.abs(two.objective), 1e-300);
  const total = deep.branches.length;
  const deeper = deep.branches.filter((branch) => !isTwoLayer(branch)).length;
  if (Math.abs(gain) <= same) {
    const { global } = run.solution;
    const searched = global !== undefined && !foundBetter(global);
    const why =
      deeper > 0
        ? `${deeper} of ${total} ${total === 1 ? 'branch subtracts' : 'branches subtract'} one inner neuron from another, and as much is reached without.`
        : total === 0
          ? 'Both networks are zero.'
          : `No branch subtracts one inner neuron from another, so each of them is a sum of two-layer neurons${searched ? ', and search found no branch that pays for doing so' : ''}.`;
    return `The second hidden layer gains nothing here: both objectives agree. ${why}`;
  }
  if (gain > 0)
    return `The second hidden layer lowers the objective by ${format.percent(gain)}, each at its own penalty: ${deeper} of ${total} ${total === 1 ? 'branch subtracts' : 'branches subtract'} one inner neuron from another inside the second ReLU, which two layers cannot do.`;
  return `The three-layer run is ${format.percent(-gain)} above the two-layer optimum of the same data, which is one of its networks.`;
}

/** That the tuples fixed beforehand are too few, how that shows on this run, and the remedy; null when nothing says so. */
export function tooFewTuples(
  run: RunRecord,
  deep: ThreeLayerRecord,
  format: VerdictFormat = plainFormat,
): string | null {
  const { objective, global } = run.solution;
  if (run.settings.arrangements !== 'sampled') return null;
  const signs: string[] = [];
  const { twoLayer } = deep;
  if (twoLayer !== undefined && twoLayer.objective < objective * (1 - same))
    signs.push(`a two-layer network of the same data is ${format.percent(1 - twoLayer.objective / objective)} lower`);
  if (global !== undefined && foundBetter(global))
    signs.push(
      `search found a branch outside them that would gain ${Number(global.searchEstimate.toPrecision(4))} beta per unit of its norm, which costs 1 beta`,
    );
  if (signs.length === 0) return null;
  return `The ${format.count(deep.tuples, 'tuple')} in play do not reach far enough: ${signs.join(', and ')}. Take more tuples, or choose adaptive arrangements, which bring in what is missing.`;
}
