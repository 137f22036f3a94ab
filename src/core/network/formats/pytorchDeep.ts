import type { Scaling } from '../../data/scaling.ts';
import { toRows } from '../../base/linalg/matrix.ts';
import { byKind, type DeepNetwork, type LinearNetwork, type ThreeLayerNetwork } from '../deepNetwork.ts';
import type { LossParameters } from '../../problem/datafits/datafit.ts';
import { type LossName, lossOf } from '../../problem/datafits/losses.ts';
import { type BiasMode, biasOf } from '../../problem/problem.ts';
import { python } from './pythonText.ts';
import {
  outputText,
  pythonHead,
  type PytorchOptions,
  rowWeightLines,
  scalingConstants,
  weightDecay,
} from './pytorch.ts';

export interface DeepPytorchOptions extends LossParameters, Pick<PytorchOptions, 'rowWeights' | 'threshold'> {
  /** Network on encoded inputs. */
  readonly network: DeepNetwork;
  readonly scaling: Scaling;
  readonly classes: readonly string[];
  readonly loss: LossName;
  readonly bias: BiasMode;
  readonly beta: number;
  readonly trainRows: number;
  readonly title: string;
}

/** A Python module that rebuilds a three-layer or linear network in PyTorch, on inputs in original units. */
export function deepPytorch(options: DeepPytorchOptions): string {
  const { network, scaling, classes, title } = options;
  const head = pythonHead([title, '', ...objectiveLines(options)], scaling, classes);
  const whiten = scaling.whitening !== undefined;
  const shape = `Rows x ${network.inputs} inputs in original units -> rows x ${network.outputs}: ${outputText(network.outputs, classes, options.threshold)}.`;
  const encode = `        z = (x - self.mean) / self.scale${whiten ? ' @ self.whiten' : ''}`;
  const decoded = (outputs: string): string =>
    `        return ${python.number(scaling.target.mean)} + ${python.number(scaling.target.scale)} * (${outputs})`;
  const buffers =
    `        self.register_buffer("mean", MEAN)\n        self.register_buffer("scale", SCALE)` +
    (whiten ? '\n        self.register_buffer("whiten", WHITEN)' : '');
  const constants = scalingConstants(scaling);
  return byKind(network, {
    threeLayer: (branches) => `${head}

class ParallelThreeLayerNetwork(torch.nn.Module):
    """${shape}
    Branch k adds relu(relu(z @ W1[k] + b1[k]) @ w2[k]) * w3[k] to one output, named by ROUTE."""

    def __init__(self):
        super().__init__()
${buffers}
        self.W1 = torch.nn.Parameter(W1)
        self.b1 = torch.nn.Parameter(B1)
        self.w2 = torch.nn.Parameter(W2)
        self.w3 = torch.nn.Parameter(W3)
        self.register_buffer("route", ROUTE)

    def forward(self, x):
${encode}
        inner = torch.relu(torch.einsum("nd,kdm->nkm", z, self.W1) + self.b1)
        branches = torch.relu(torch.einsum("nkm,km->nk", inner, self.w2))
${decoded('(branches * self.w3) @ self.route')}


${constants}${branchConstants(branches)}
model = ParallelThreeLayerNetwork()
`,
    linear: (chains) => `${head}

class LinearNetwork(torch.nn.Module):
    """${shape}
    Each chain is (z @ layers[0] + bias) @ layers[1] @ ...; its route says which outputs it feeds."""

    def __init__(self):
        super().__init__()
${buffers}
        self.chains = torch.nn.ModuleList(
            torch.nn.ParameterList([torch.nn.Parameter(W) for W in layers]) for layers, _, _ in CHAINS
        )
        self.biases = torch.nn.ParameterList([torch.nn.Parameter(bias) for _, bias, _ in CHAINS])
        self.routes = [route for _, _, route in CHAINS]

    def forward(self, x):
${encode}
        total = torch.zeros(x.shape[0], ${network.outputs}, dtype=torch.float64)
        for layers, bias, route in zip(self.chains, self.biases, self.routes):
            a = z @ layers[0] + bias
            for W in list(layers)[1:]:
                a = a @ W
            total = total + a @ route
${decoded('total')}


${constants}${chainConstants(chains)}
model = LinearNetwork()
`,
  });
}

function branchConstants({ branches, inputs, outputs, m1 }: ThreeLayerNetwork): string {
  const { matrix, vector } = python;
  const W1 =
    branches.length === 0
      ? `torch.zeros(0, ${inputs}, ${m1}, dtype=torch.float64)`
      : `torch.stack([\n${branches.map((branch) => `${matrix(toRows(branch.W1), m1)},`).join('\n')}\n])`;
  const route = branches.map(({ output }) => Array.from({ length: outputs }, (_, o) => (o === output ? 1 : 0)));
  return `W1 = ${W1}
B1 = ${matrix(
    branches.map(({ b1 }) => Array.from(b1)),
    m1,
  )}
W2 = ${matrix(
    branches.map(({ w2 }) => Array.from(w2)),
    m1,
  )}
W3 = ${vector(branches.map(({ w3 }) => w3))}
ROUTE = ${matrix(route, outputs)}
`;
}

function chainConstants({ chains, outputs }: LinearNetwork): string {
  const { matrix, vector } = python;
  const parts = chains.map(({ layers, b1, output }) => {
    const weights = layers.map((W) => `${matrix(toRows(W), W.cols)},`).join('\n');
    const route =
      output < 0
        ? Array.from({ length: outputs }, (_, a) => Array.from({ length: outputs }, (__, o) => (a === o ? 1 : 0)))
        : [Array.from({ length: outputs }, (_, o) => (o === output ? 1 : 0))];
    return `([\n${weights}\n], ${vector(b1)}, ${matrix(route, outputs)}),`;
  });
  return `CHAINS = [\n${parts.join('\n')}\n]\n`;
}

/** The training objective and its PyTorch equivalent, one comment line each. */
function objectiveLines(options: DeepPytorchOptions): string[] {
  const { network, loss, bias, beta, trainRows } = options;
  const { targets, words } = lossOf(loss);
  const datafit = words.sum(options);
  const withBias = biasOf(bias).counted ? ', the hidden bias counted as a weight' : '';
  const threeLayer = (): string[] => [
    'Training objective, on the encoded inputs and targets:',
    ...rowWeightLines(options),
    `${datafit} + beta/2 times the sum over branches of ||w2||^2 + w3^2, with ||W1||_F <= 1 in each${withBias}, beta = ${beta}.`,
    'The same optimum, without the constraint: beta/3 times the sum of ||W1||_F^3 + ||w2||^3 + |w3|^3.',
    'weight_decay of an optimiser is neither: decay on all three layers is another, non-convex problem.',
  ];
  const decay = weightDecay(loss, beta, trainRows, network.outputs);
  const linear = (): string[] => [
    'Training objective, on the encoded inputs and targets:',
    ...rowWeightLines(options),
    `${datafit} + beta/2 times the sum of squared weights of all layers${withBias}, beta = ${beta}.`,
    `With a mean loss over ${targets === 'classes' ? 'rows' : 'rows and outputs'}: weight_decay = ${decay} in torch.optim.SGD or Adam on ${trainRows} training rows.`,
    'AdamW has no equivalent: its decay is not the gradient of a penalty.',
  ];
  return byKind(network, { threeLayer, linear });
}
