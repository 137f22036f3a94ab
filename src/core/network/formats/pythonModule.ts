import type { Scaling } from '../../data/scaling.ts';
import { denseMatrix, type DenseMatrix, toRows } from '../../base/linalg/matrix.ts';
import { type DeepNetwork, layerStack } from '../deepNetwork.ts';
import type { TwoLayerNetwork } from '../network.ts';
import { pythonReader } from './pythonReader.ts';
import { python, pythonCoding, pythonComment } from './pythonText.ts';

export interface PythonModuleOptions {
  /** On encoded inputs. */
  readonly network: TwoLayerNetwork | DeepNetwork;
  readonly scaling: Scaling;
  readonly target: string;
  readonly classes: readonly string[];
  /** Of the one output of two classes; left out: zero. */
  readonly threshold?: number | undefined;
  readonly title: string;
  /** How cells of the training data were written. */
  readonly reading: {
    readonly decimal: string;
    /** Texts that were missing values besides the usual ones. */
    readonly na: readonly string[];
    /** Columns of dates whose order of day and month was given, true: day first. */
    readonly dayFirst: Readonly<Record<string, boolean>>;
  };
}

const array = (values: ArrayLike<number>): string => `np.array(${python.list(values)}, dtype=float)`;

function matrix(W: DenseMatrix): string {
  if (W.rows === 0 || W.cols === 0) return `np.zeros((${W.rows}, ${W.cols}))`;
  return `np.array([\n${toRows(W)
    .map((row) => `    ${python.list(row)},`)
    .join('\n')}\n])`;
}

function transpose(W: DenseMatrix): DenseMatrix {
  const out = denseMatrix(W.cols, W.rows);
  for (let i = 0; i < W.rows; i++) for (let j = 0; j < W.cols; j++) out.data[j * W.rows + i] = W.data[i * W.cols + j];
  return out;
}

const optional = (text: string | undefined): string => (text === undefined ? 'None' : python.text(text));

/** The network as layers z -> z W + b with ReLUs between them, and the gates that stand for the ReLU of a gated one. */
function layerLines(network: TwoLayerNetwork | DeepNetwork): string {
  if ('kind' in network) {
    const { layers, relu } = layerStack(network);
    return `LAYERS = [${layers.map(({ W, b }) => `\n    (${matrix(W)}, ${array(b)}),`).join('')}\n]\nRELU = ${relu ? 'True' : 'False'}\nGATES = None`;
  }
  const { W1, b1, W2, b2, gates, gateBias } = network;
  const gateText =
    gates === undefined ? 'None' : `(${matrix(transpose(gates))}, ${array(gateBias ?? new Float64Array(gates.rows))})`;
  return `LAYERS = [\n    (${matrix(transpose(W1))}, ${array(b1)}),\n    (${matrix(W2)}, ${array(b2)}),\n]\nRELU = True\nGATES = ${gateText}`;
}

/**
 * A Python module with numpy alone that takes raw columns: `encode(frame)` reads them as training did (numbers with units, categories, dates, gaps)
 * and `predict(frame)` runs the network on them.
 */
export function pythonModule(options: PythonModuleOptions): string {
  const { network, scaling, target, classes, threshold = 0, title, reading } = options;
  const { inputs, whitening } = scaling;
  const rows = inputs.map(({ column, category, other, date, wave, fill, mean, scale }) => {
    const days = wave === undefined ? 'date' : `${wave.part} ${wave.wave}`;
    const kind = category !== undefined ? 'category' : date === true ? days : 'number';
    const filled = fill === undefined ? 'None' : python.number(fill);
    return `    (${python.text(column)}, "${kind}", ${optional(category)}, ${optional(other)}, ${filled}, ${python.number(mean)}, ${python.number(scale)}),`;
  });
  const dayFirst = Object.entries(reading.dayFirst).map(
    ([column, first]) => `${python.text(column)}: ${first ? 'True' : 'False'}`,
  );
  return `${[pythonCoding, ...title.split('\n').map(pythonComment)].join('\n')}
"""Predicts from raw columns: \`predict(frame)\`, where frame maps names of columns to lists of cells
(a dict, or a pandas DataFrame); cells are texts as in the file, numbers, None or NaN for gaps, dates."""

import math
import re

import numpy as np

TARGET = ${python.text(target)}
CLASSES = [${classes.map(python.text).join(', ')}]
${classes.length === 2 ? `# The second class where the one output is above.\nTHRESHOLD = ${python.number(threshold)}\n` : 'THRESHOLD = 0.0\n'}# Each input: column, kind, category that is 1, category that is 0 where there are two, value of a gap, mean, scale.
INPUTS = [
${rows.join('\n')}
]
DECIMAL = ${python.text(reading.decimal)}
NA = set([${reading.na.map(python.text).join(', ')}])
DAY_FIRST = {${dayFirst.join(', ')}}
TARGET_MEAN = ${python.number(scaling.target.mean)}
TARGET_SCALE = ${python.number(scaling.target.scale)}
WHITEN = ${whitening === undefined ? 'None' : `np.array([${whitening.matrix.map(python.list).join(',\n    ')}])`}
${layerLines(network)}

${pythonReader}`;
}
