import { dateUnit, waveWords } from '../../data/dates.ts';
import type { InputScaling, Scaling } from '../../data/scaling.ts';
import type { LossParameters } from '../../problem/datafits/datafit.ts';
import { type LossName, lossOf } from '../../problem/datafits/losses.ts';
import { type OutputPenalty, penaltyOf } from '../../problem/penalties/penalties.ts';
import type { BiasMode } from '../../problem/problem.ts';
import { namedEntry } from '../../base/registry.ts';
import { rowOf, toRows } from '../../base/linalg/matrix.ts';
import type { TwoLayerNetwork } from '../network.ts';
import { python, pythonCoding, pythonComment, pythonText } from './pythonText.ts';

export interface PytorchOptions extends LossParameters {
  /** Network on encoded inputs. */
  readonly network: TwoLayerNetwork;
  readonly scaling: Scaling;
  readonly classes: readonly string[];
  readonly loss: LossName;
  /** How often rows count in the loss, in words, where not all count once. */
  readonly rowWeights?: string | undefined;
  /** Of the one output of two classes; left out: zero. */
  readonly threshold?: number | undefined;
  readonly bias: BiasMode;
  readonly outputPenalty: OutputPenalty;
  /** Penalty of the training objective, and the number of training rows: for the conversion to `weight_decay`. */
  readonly beta: number;
  readonly trainRows: number;
  readonly title: string;
}

/**
 * The `weight_decay` of SGD or Adam that makes "mean loss + decay" the same objective, up to a constant factor, as the sum-half
 * objective loss + beta/2 ||theta||^2. Means are over rows and outputs (class ids: over rows); the squared error has no half there.
 * @throws {ProblemError} when there is no such loss
 */
export function weightDecay(loss: LossName, beta: number, rows: number, outputs: number): number {
  const { targets, words } = lossOf(loss);
  return (words.torch.factor * beta) / (targets === 'classes' ? rows : rows * outputs);
}

/** What of the network the penalty counts, and what is done with the rest, by bias. */
const biasWords: Readonly<Record<BiasMode, { readonly weights: string; readonly fixed: string }>> = {
  none: { weights: 'squared weights (there are no biases)', fixed: ', b1 and b2 fixed at 0' },
  regularized: { weights: 'squared weights and hidden biases', fixed: ', b2 fixed at 0' },
  free: { weights: 'squared weights (no biases)', fixed: ' (0 for b1 and b2)' },
};

/** The training objective and its PyTorch equivalent, one comment line each. */
function objectiveLines(options: PytorchOptions): string[] {
  const { network, loss, bias, outputPenalty, beta, trainRows } = options;
  const c = network.b2.length;
  const { targets, words } = lossOf(loss);
  const { weights, fixed } = namedEntry(biasWords, bias, 'bias');
  const { decay } = penaltyOf(outputPenalty);
  const lines = [
    'Training objective, on the encoded inputs and targets:',
    `${words.sum(options)} + beta/2 times the sum of ${weights}, beta = ${beta}.`,
  ];
  lines.push(...rowWeightLines(options));
  if (c > 1 && decay.note !== null) lines.push(decay.note);
  if (c > 1 && !decay.same) return lines;
  return [
    ...lines,
    `The same objective up to a constant factor: ${words.torch.loss(options)}, a mean over ${targets !== 'classes' && c > 1 ? 'rows and outputs' : 'rows'},`,
    `with weight_decay = ${weightDecay(loss, beta, trainRows, c)} in torch.optim.SGD or Adam on ${trainRows} training rows` +
      `${fixed}.`,
    'AdamW has no equivalent: its decay is not the gradient of a penalty.',
  ];
}

/** Weights of rows, and how PyTorch takes them: its own `weight` divides by their sum. */
export function rowWeightLines({ rowWeights }: Pick<PytorchOptions, 'rowWeights'>): string[] {
  if (rowWeights === undefined) return [];
  return [
    `The loss is weighted: ${rowWeights}.`,
    "In PyTorch: reduction='none', times the weights of the rows, then the mean.",
  ];
}

/** The head of a module: comments, the inputs in order, the classes. */
export function pythonHead(lines: readonly string[], scaling: Scaling, classes: readonly string[]): string {
  const unit = ({ date, wave }: InputScaling): string =>
    wave !== undefined ? `  # ${waveWords(wave)}, ${dateUnit}` : date === true ? `  # ${dateUnit}` : '';
  const inputs = scaling.inputs.map((input) => {
    const { column, category } = input;
    return category === undefined
      ? `    (${pythonText(column)}, None),${unit(input)}`
      : `    (${pythonText(column)}, ${pythonText(category)}),`;
  });
  return `${[pythonCoding, ...lines.map(pythonComment)].join('\n')}
import torch

# Each input: (column, None) is the number itself, (column, category) is 1 where the column has that category, else 0.
INPUTS = [
${inputs.join('\n')}
]
CLASSES = [${classes.map(pythonText).join(', ')}]
`;
}

/** What the outputs mean. */
export function outputText(outputs: number, classes: readonly string[], threshold = 0): string {
  if (classes.length === 0) return 'the target in its own units';
  return outputs === 1
    ? `one logit: ${pythonText(classes[1])} where it is above ${threshold}, else ${pythonText(classes[0])}`
    : 'one output per class, in the order of CLASSES';
}

/** What became of batch normalisation. */
function frozenLines({ batchNorm }: Scaling): string[] {
  return batchNorm === true
    ? [
        'Trained with batch normalisation in the hidden layer. Its statistics of the training rows are in MEAN, SCALE and WHITEN: a row of W1 is',
        'the scale of its neuron times the direction that is normalised, and b1 the shift.',
      ]
    : [];
}

/** Means, scales and whitening map of the inputs. */
export function scalingConstants({ inputs, whitening }: Scaling): string {
  return `MEAN = ${python.vector(inputs.map(({ mean }) => mean))}
SCALE = ${python.vector(inputs.map(({ scale }) => scale))}
${whitening === undefined ? '' : `WHITEN = ${python.matrix(whitening.matrix, inputs.length)}\n`}`;
}

/** A Python module that rebuilds the network in PyTorch, with its weights, on inputs in original units. */
export function pytorchSnippet(options: PytorchOptions): string {
  const { network, scaling, classes } = options;
  const { whitening } = scaling;
  const c = network.b2.length;
  const d = network.W1.cols;
  const { matrix, vector } = python;
  const outer = Array.from({ length: c }, (_, o) =>
    Array.from({ length: network.W2.rows }, (_, j) => rowOf(network.W2, j)[o]),
  );
  const gated = network.gates !== undefined;
  return `${pythonHead([options.title, '', ...frozenLines(scaling), ...objectiveLines(options)], scaling, classes)}

class TwoLayerNetwork(torch.nn.Module):
    """Rows x ${d} inputs in original units -> rows x ${c}: ${outputText(c, classes, options.threshold)}."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", MEAN)
        self.register_buffer("scale", SCALE)
${whitening === undefined ? '' : '        self.register_buffer("whiten", WHITEN)\n'}        self.W1 = torch.nn.Parameter(W1)
        self.b1 = torch.nn.Parameter(B1)
        self.W2 = torch.nn.Parameter(W2)
        self.b2 = torch.nn.Parameter(B2)
${gated ? '        self.register_buffer("G", G)\n        self.register_buffer("h", H)\n' : ''}
    def forward(self, x):
        z = (x - self.mean) / self.scale${whitening === undefined ? '' : ' @ self.whiten'}
        hidden = z @ self.W1.T + self.b1
${
  gated
    ? '        hidden = torch.where(z @ self.G.T + self.h >= 0, hidden, torch.zeros_like(hidden))'
    : '        hidden = torch.relu(hidden)'
}
        return ${python.number(scaling.target.mean)} + ${python.number(scaling.target.scale)} * (hidden @ self.W2.T + self.b2)


${scalingConstants(scaling)}W1 = ${matrix(toRows(network.W1), d)}
B1 = ${vector(network.b1)}
W2 = ${network.W2.rows === 0 ? `torch.zeros(${c}, 0, dtype=torch.float64)` : matrix(outer, 0)}
B2 = ${vector(network.b2)}
${gated ? `G = ${matrix(toRows(network.gates), d)}\nH = ${vector(network.gateBias ?? new Float64Array(network.gates.rows))}\n` : ''}
model = TwoLayerNetwork()
`;
}
