import { text } from './texts.ts';
import { plural } from './plural.ts';
import type { NeuronRecord, OptimalSetRecord, RunRecord } from './run.ts';

/** Whether a neuron is in every optimal network, for a table; undefined where that was not asked (older runs, gated networks). */
export function presenceWords(
  neuron: Pick<NeuronRecord, 'presence'>,
  set: OptimalSetRecord | undefined,
): string | undefined {
  if (set === undefined || neuron.presence === undefined) return undefined;
  switch (neuron.presence) {
    case 'every':
      return set.scope === 'proven' ? 'in every optimum (proven)' : 'not replaceable by the others';
    case 'not every':
      return 'can be replaced';
    case 'unknown':
      return text('unknown');
  }
}

/** What is known about all optimal networks, in a sentence or two; undefined where it was not asked or there are no neurons. */
export function optimalSetWords({ neurons, solution: { optimalSet: set } }: RunRecord): string | undefined {
  if (set === undefined || neurons.length === 0) return undefined;
  const total = neurons.length;
  const count = (presence: NeuronRecord['presence']): number =>
    neurons.filter((neuron) => neuron.presence === presence).length;
  const every = count('every');
  const replaceable = count('not every');
  const unknown = count('unknown');
  if (set.scope === 'found') {
    const others = 'Whether neurons with other activation patterns could take their place was not proven.';
    return replaceable === 0
      ? `None of these neurons can be replaced by the others. ${others}`
      : `${isOrAre(replaceable, total)} replaceable: the others can give the same fit at the same penalty. ${others}`;
  }
  const directions = set.directions ?? 0;
  if (every === total && directions === total) {
    return (
      `The optimal network is unique (proven over all activation patterns): its ${plural(total, 'direction')} ` +
      `${total === 1 ? 'is' : 'are'} all that an optimal network can be made of, and each is in every one.`
    );
  }
  return [
    `Every optimal network is made of at most ${plural(directions, 'direction')} (proven over all activation patterns).`,
    every > 0 ? `${isOrAre(every, total)} in every optimal network.` : '',
    replaceable > 0 ? `${isOrAre(replaceable, total)} replaceable: some optimal network does without.` : '',
    unknown > 0 ? `For ${unknown} the solution is not exact enough to tell.` : '',
  ]
    .filter((part) => part !== '')
    .join(' ');
}

function isOrAre(count: number, total: number): string {
  if (count === total) return total === 1 ? 'This neuron is' : `All ${total} neurons are`;
  return `${count} of the ${total} neurons ${count === 1 ? 'is' : 'are'}`;
}
