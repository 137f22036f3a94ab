import { DataError } from '../core/data/dataError.ts';
import type { FormulaCells } from '../core/data/formulaCells.ts';
import { plainText } from '../core/data/plainText.ts';
import { onnxModel, type OnnxOptions, onnxStack } from '../core/network/formats/writeOnnx.ts';
import { carriedInOnnx, proofEntry } from '../core/network/formats/carriedProof.ts';
import { deepInOriginalUnits, inOriginalUnits } from '../core/network/formats/originalUnits.ts';
import { predictionsCsv } from '../core/metrics/predictions.ts';
import { pythonModule } from '../core/network/formats/pythonModule.ts';
import type { OnnxPrecision } from '../core/network/formats/onnxGraph.ts';
import { rawOnnxModel } from '../core/network/formats/rawOnnx.ts';
import { pytorchSnippet } from '../core/network/formats/pytorch.ts';
import { deepPytorch } from '../core/network/formats/pytorchDeep.ts';
import { toRows } from '../core/base/linalg/matrix.ts';
import { type DeepNetwork, layerStack } from '../core/network/deepNetwork.ts';
import type { TwoLayerNetwork } from '../core/network/network.ts';
import type { LossParameters } from '../core/problem/datafits/datafit.ts';
import { lossOf } from '../core/problem/datafits/losses.ts';
import type { ModelName } from '../core/problem/problem.ts';
import type { RunRecord } from '../shared/run.ts';
import { faultText, runFault } from '../shared/runSchema.ts';
import type { Decomposition } from './decompose.ts';
import { classWeightWords, withoutPlace } from '../shared/runView.ts';
import { deepNetworkOfRun, networkOfRun } from './runNetwork.ts';

/** What can be written from a run record alone. The training problem needs the data: `Session.exportProblem`. */
export type RunExport = 'run' | 'predictions' | OnnxExport | 'json' | 'pytorch' | 'python';

/** ONNX by what it takes (encoded inputs in original units, or the columns of the file) and its numbers. */
export const onnxExports = {
  onnx: { input: 'encoded', precision: 'double' },
  'onnx-float32': { input: 'encoded', precision: 'single' },
  'onnx-raw': { input: 'raw', precision: 'double' },
  'onnx-raw-float32': { input: 'raw', precision: 'single' },
} as const;
export type OnnxExport = keyof typeof onnxExports;

/** The contents of an exported file; ONNX and JSON files of two-layer networks carry the proof file that is given. @throws {DataError} for a run that could not be read again */
export function exportRun(
  run: RunRecord,
  what: RunExport,
  formulas: FormulaCells = 'neutralize',
  proof?: string,
): string | Uint8Array {
  switch (what) {
    case 'run': {
      const fault = runFault(run);
      if (fault !== undefined) throw new DataError('unreadable', `the run cannot be written: ${faultText(fault)}`);
      return `${JSON.stringify(withoutPlace(run))}\n`;
    }
    case 'predictions':
      return predictionsCsv(
        {
          lines: run.rows.line,
          split: run.rows.split,
          target: run.rows.target,
          prediction: run.rows.prediction,
          outputs: run.resolved.outputs,
          targetName: run.resolved.target,
          classes: run.resolved.classes,
          loss: run.resolved.loss,
          threshold: run.resolved.threshold?.at,
        },
        formulas,
      ).csv;
    case 'python':
      return pythonOfRun(run);
    case 'onnx-raw':
    case 'onnx-raw-float32':
      return rawOnnxOfRun(run, onnxExports[what].precision);
    case 'onnx':
    case 'onnx-float32':
    case 'json':
    case 'pytorch':
      if (run.deep !== undefined) return exportDeep(run, deepNetworkOfRun(run, run.deep), what);
      return exportNetwork(
        run,
        { network: networkOfRun(run), title: run.label, model: run.settings.model, ...(proof && { proof }) },
        what,
      );
  }
}

/** The numbers that the loss of a run depends on. */
function lossParametersOf({
  resolved,
  settings,
}: RunRecord): LossParameters & Pick<RunRecord['resolved'], 'classWeights' | 'threshold'> {
  const { loss, classWeights, threshold } = resolved;
  return {
    ...(lossOf(loss).parameters.includes('delta') ? { delta: settings.delta } : {}),
    ...(classWeights === undefined ? {} : { classWeights }),
    ...(threshold === undefined ? {} : { threshold }),
  };
}

const networkOf = (run: RunRecord): TwoLayerNetwork | DeepNetwork =>
  run.deep === undefined ? networkOfRun(run) : deepNetworkOfRun(run, run.deep);

/** Texts that were missing values in the data of a run besides the usual ones. */
const markersOf = ({ settings, dataset }: RunRecord): string[] => [
  ...(settings.dialect?.na ?? []),
  ...(dataset.markers ?? []),
];

/** An ONNX graph that takes raw columns. */
function rawOnnxOfRun(run: RunRecord, precision: OnnxPrecision): Uint8Array {
  const { target, classes, threshold } = run.resolved;
  return rawOnnxModel({
    network: networkOf(run),
    scaling: run.scaling,
    target,
    classes,
    threshold: threshold?.at,
    na: markersOf(run),
    precision,
    description: `${onnxDescription(run, run.label)} Inputs are columns of the file: numbers (NaN: a gap) and texts (empty: a gap), rows x 1 each.`,
    producerVersion: run.version,
  });
}

/** A module that takes raw columns. */
function pythonOfRun(run: RunRecord): string {
  const types = Object.entries(run.settings.columnTypes ?? {});
  return pythonModule({
    network: networkOf(run),
    scaling: run.scaling,
    target: run.resolved.target,
    classes: run.resolved.classes,
    threshold: run.resolved.threshold?.at,
    title: run.label,
    reading: {
      decimal: run.dataset.decimal,
      na: markersOf(run),
      dayFirst: Object.fromEntries([
        ...run.scaling.inputs.flatMap(({ column, dayFirst }) =>
          dayFirst === undefined ? [] : [[column, dayFirst] as const],
        ),
        ...types.flatMap(([column, type]) =>
          type === 'date-day-first' || type === 'date-month-first'
            ? [[column, type === 'date-day-first'] as const]
            : [],
        ),
      ]),
    },
  });
}

/** Formats of the network on encoded inputs. */
type NetworkFile = 'onnx' | 'onnx-float32' | 'json' | 'pytorch';

/** A two-layer network on the encoded inputs of a run: its own, or one that was made from it. */
export interface ExportedNetwork {
  readonly network: TwoLayerNetwork;
  readonly title: string;
  readonly model: ModelName;
  /** More fields for the JSON file. */
  readonly facts?: Readonly<Record<string, unknown>>;
  /** A proof file that goes with it. */
  readonly proof?: string;
}

/** The file of a network that belongs to a run. */
export function exportNetwork(run: RunRecord, exported: ExportedNetwork, what: NetworkFile): string | Uint8Array {
  const { network, title } = exported;
  switch (what) {
    case 'onnx':
    case 'onnx-float32':
      return onnxModel(inOriginalUnits(network, run.scaling), {
        ...onnxOptions(run, title),
        precision: onnxExports[what].precision,
        ...(exported.proof && { metadata: new Map([[proofEntry, carriedInOnnx(exported.proof, run.scaling)]]) }),
      });
    case 'json':
      return networkJson(run, exported);
    case 'pytorch':
      return pytorchSnippet({
        network,
        scaling: run.scaling,
        classes: run.resolved.classes,
        loss: run.resolved.loss,
        delta: run.settings.delta,
        rowWeights: classWeightWords(run.resolved),
        threshold: run.resolved.threshold?.at,
        bias: run.settings.bias,
        outputPenalty: run.resolved.outputPenalty,
        beta: run.resolved.beta,
        trainRows: run.resolved.trainRows,
        title,
      });
  }
}

function onnxDescription(run: RunRecord, title: string): string {
  const weights = classWeightWords(run.resolved);
  return `${plainText(title)}. Trained on ${lossOf(run.resolved.loss).words.sum(run.settings)}${weights === undefined ? '' : ` (${plainText(weights)})`}, beta = ${run.resolved.beta}.`;
}

function onnxOptions(run: RunRecord, title: string): OnnxOptions {
  const { classes, outputs, target, threshold } = run.resolved;
  return {
    inputs: run.scaling.inputs.map(({ name }) => name),
    outputs:
      classes.length === 0
        ? [target]
        : outputs === 1
          ? [`${target}: ${classes[1]} above ${threshold?.at ?? 0}, else ${classes[0]}`]
          : classes.map((name) => `${target} = ${name}`),
    description:
      `${onnxDescription(run, title)} Inputs in original units, in the order of the metadata entry "inputs"; ` +
      'an input "column = category" is 1 where the column has that category, else 0.',
    producerVersion: run.version,
  };
}

/** The file of a three-layer or linear network. */
function exportDeep(run: RunRecord, network: DeepNetwork, what: NetworkFile): string | Uint8Array {
  const { classes, loss, beta, target, trainRows } = run.resolved;
  switch (what) {
    case 'onnx':
    case 'onnx-float32':
      return onnxStack(layerStack(deepInOriginalUnits(network, run.scaling)), {
        ...onnxOptions(run, run.label),
        precision: onnxExports[what].precision,
      });
    case 'json':
      return JSON.stringify(
        {
          format: 'convexnet-network/1',
          label: run.label,
          model: network.kind,
          loss,
          ...lossParametersOf(run),
          beta,
          target,
          classes,
          scaling: run.scaling,
          ...plainDeep(network),
          originalUnits: plainDeep(deepInOriginalUnits(network, run.scaling)),
        },
        undefined,
        1,
      );
    case 'pytorch': {
      const { label: title, scaling } = run;
      return deepPytorch({
        ...{ network, scaling, classes, loss, bias: run.settings.bias, beta, trainRows, title },
        delta: run.settings.delta,
        rowWeights: classWeightWords(run.resolved),
      });
    }
  }
}

function plainDeep(network: DeepNetwork): Record<string, unknown> {
  const { inputs, outputs } = network;
  const offset = Array.from(network.offset);
  if (network.kind === 'three-layer') {
    const branches = network.branches.map(({ W1, b1, w2, w3, output }) => ({
      W1: toRows(W1),
      b1: Array.from(b1),
      w2: Array.from(w2),
      w3,
      output,
    }));
    return { inputs, outputs, m1: network.m1, branches, offset };
  }
  const chains = network.chains.map(({ layers, b1, output }) => ({
    layers: layers.map(toRows),
    b1: Array.from(b1),
    ...(output < 0 ? {} : { output }),
  }));
  return { inputs, outputs, depth: network.depth, chains, offset };
}

function plain(network: TwoLayerNetwork): Record<string, unknown> {
  return {
    W1: toRows(network.W1),
    b1: Array.from(network.b1),
    W2: toRows(network.W2),
    b2: Array.from(network.b2),
    ...(network.gates === undefined
      ? {}
      : {
          gates: toRows(network.gates),
          gateBias: Array.from(network.gateBias ?? new Float64Array(network.gates.rows)),
        }),
  };
}

/**
 * The network with all that is needed to use it: on encoded inputs at the top (as `convexnet certify` reads it, next to the
 * exported problem), and again in original units.
 */
function networkJson(run: RunRecord, { network, title, model, facts, proof }: ExportedNetwork): string {
  return JSON.stringify(
    {
      format: 'convexnet-network/1',
      label: title,
      model,
      loss: run.resolved.loss,
      ...lossParametersOf(run),
      beta: run.resolved.beta,
      target: run.resolved.target,
      classes: run.resolved.classes,
      scaling: run.scaling,
      ...facts,
      ...(proof && { proof: JSON.parse(proof) as unknown }),
      ...plain(network),
      originalUnits: plain(inOriginalUnits(network, run.scaling)),
    },
    undefined,
    1,
  );
}

/** The file of the ReLU network that a gated run was turned into. */
export function exportDecomposition(
  run: RunRecord,
  { network, objective, gatedObjective, fitDifference }: Decomposition,
  what: 'onnx' | 'json' | 'pytorch',
): string | Uint8Array {
  const title = `${run.label}; ReLU network by cone decomposition, objective ${Number(objective.toPrecision(8))}`;
  const facts = { decomposition: { of: run.id, objective, gatedObjective, fitDifference } };
  return exportNetwork(run, { network, title, model: 'relu', facts }, what);
}
