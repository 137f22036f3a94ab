/** A term of art: said once here, shown beside its name in the panel and listed in `docs/glossary.md`. */
export interface Term {
  readonly title: string;
  /** How it is written in sentences, longest first; matched as whole words. */
  readonly names: readonly string[];
  readonly text: string;
}

export const glossary = {
  'activation-pattern': {
    title: 'Activation pattern',
    names: ['activation patterns', 'activation pattern', 'arrangements'],
    text: 'Which training rows a neuron is on for. A data set has finitely many; with one of them fixed, a neuron is a linear function, and training becomes convex.',
  },
  gate: {
    title: 'Gate',
    names: ['gates', 'gate'],
    text: 'An activation pattern in the convex program. A gate in play may carry a neuron; the penalty sets the weights of most of them to exactly zero.',
  },
  cone: {
    title: 'Cone',
    names: ['Cone', 'activation constraints'],
    text: 'All weights that switch a neuron on for exactly the rows of one gate. A ReLU neuron has to stay in its cone, a gated one need not.',
  },
  'gated-relu': {
    title: 'Gated ReLU',
    names: ['gated ReLU', 'gated network', 'gated networks'],
    text: 'A network whose neurons are switched by fixed gates and not by their own sign. Its program has no cones and is quick to solve; it is a different family of networks than ReLU.',
  },
  tuple: {
    title: 'Tuple',
    names: ['tuples', 'tuple'],
    text: 'Three layers: the patterns of the m1 inner neurons, their signs, and the pattern of the branch. What a gate is to two layers.',
  },
  branch: {
    title: 'Branch',
    names: ['branches'],
    text: 'Three layers: one of the parallel sub-networks, m1 inner neurons whose weighted sum goes through a second ReLU.',
  },
  m1: { title: 'm1', names: ['m1'], text: 'Inner neurons of each branch of a three-layer network.' },
  beta: {
    title: 'Beta',
    names: ['beta'],
    text: 'Weight of the penalty. The loss is summed over rows, so for an average loss with weight decay λ, β = n λ for n rows.',
  },
  'beta-max': {
    title: 'Beta max',
    names: ['beta max', 'β max'],
    text: 'From this beta on the zero network is optimal. The share of it says how strong a penalty is, whatever the units of the data.',
  },
  'group-norm': {
    title: 'Group norm',
    names: ['group norms', 'group norm', 'non-zero group'],
    text: 'Length of the weights of one gate in the convex program. Beta times the sum of all of them is the penalty.',
  },
  dual: {
    title: 'Dual value',
    names: ['dual values', 'dual value', 'dual variable'],
    text: 'One number for each training row (and output): how fast the loss falls as the fit there grows. For squared loss the residual. All bounds are made from them.',
  },
  'dual-constraint': {
    title: 'Dual constraint',
    names: ['dual constraints', 'dual constraint', 'dual maximum'],
    text: 'How much a neuron along a direction would gain for each unit of its norm. It costs beta, so at an optimum no direction gains more than beta.',
  },
  tight: {
    title: 'Tight',
    names: ['tight'],
    text: 'A dual constraint that reaches beta. Only there can neurons be; all others are slack.',
  },
  certificate: {
    title: 'Certificate',
    names: ['certificate'],
    text: 'Numbers that prove how good a network is without trusting the solver: a network, and dual values that bound all networks from below.',
  },
  bound: {
    title: 'Lower bound',
    names: ['lower bound', 'proven bound'],
    text: 'A value that no network of the family can be below, by weak duality. It holds whatever the solver did.',
  },
  gap: {
    title: 'Relative gap',
    names: ['relative gap', 'duality gap'],
    text: '(objective − lower bound) / |objective|. No network can be better by more than this.',
  },
  stationarity: {
    title: 'Stationarity',
    names: ['Stationarity', 'stationary'],
    text: 'A point where no small change lowers the objective. For the convex program that is the optimum; for gradient descent on a network it need not be.',
  },
  complementarity: {
    title: 'Complementarity',
    names: ['Complementarity', 'Complementary slackness'],
    text: 'At an optimum every gate is tight or unused. The residual is how far the solution is from that.',
  },
  datafit: {
    title: 'Datafit',
    names: ['Datafit', 'datafit'],
    text: 'The loss, summed over the training rows (squared loss: half the sum of squares). Objective = datafit + penalty.',
  },
  path: {
    title: 'Path over beta',
    names: ['regularisation path', 'path over beta'],
    text: 'The optimal networks for a falling row of betas, each solved from the one before.',
  },
  ntk: {
    title: 'NTK',
    names: ['NTK', 'tangent kernel'],
    text: 'Neural tangent kernel: inner products of the gradients of the network output at two rows. In the limit of infinite width training is linear in it.',
  },
  lazy: {
    title: 'Lazy training',
    names: ['Lazy training', 'lazy training'],
    text: 'The wider a network, the less its weights move relative to their size, and the better its linearisation at the start describes it.',
  },
  'gradient-flow': {
    title: 'Gradient flow',
    names: ['Gradient flow', 'gradient flow'],
    text: 'Gradient descent with steps so small that the path of the weights is a curve in time.',
  },
  margin: {
    title: 'Normalised margin',
    names: ['normalised margin', 'largest margin', 'max-margin'],
    text: 'Smallest y f(x) over the rows, divided by the squared norm of the weights: how clearly the classes are told apart for the size of the network.',
  },
  'simple-models': {
    title: 'Simple models',
    names: ['simple models', 'simple model'],
    text: 'What needs no network: the mean or the most frequent class, ridge or logistic regression. A network that is not better than they are is not worth its neurons.',
  },
} as const satisfies Readonly<Record<string, Term>>;

export type TermId = keyof typeof glossary;

const byName = new Map<string, TermId>(
  (Object.entries(glossary) as [TermId, Term][]).flatMap(([id, { names }]) => names.map((name) => [name, id] as const)),
);
const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
const pattern = new RegExp(
  `(?<![\\p{L}\\p{N}])(?:${[...byName.keys()]
    .sort((a, b) => b.length - a.length)
    .map(escapeRegExp)
    .join('|')})(?![\\p{L}\\p{N}])`,
  'gu',
);

/** A sentence in parts: terms of art where they are said first, and what is between them. */
export function termsIn(sentence: string): { readonly text: string; readonly term?: TermId }[] {
  const out: { readonly text: string; readonly term?: TermId }[] = [];
  const said = new Set<TermId>();
  let end = 0;
  for (const match of sentence.matchAll(pattern)) {
    const term = byName.get(match[0]);
    if (term === undefined || said.has(term)) continue;
    said.add(term);
    if (match.index > end) out.push({ text: sentence.slice(end, match.index) });
    out.push({ text: match[0], term });
    end = match.index + match[0].length;
  }
  if (end < sentence.length) out.push({ text: sentence.slice(end) });
  return out;
}
