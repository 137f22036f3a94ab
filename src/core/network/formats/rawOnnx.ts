import { DataError } from '../../data/dataError.ts';
import { markersAnywhere } from '../../data/markers.ts';
import { plainText } from '../../data/plainText.ts';
import type { InputScaling, Scaling } from '../../data/scaling.ts';
import { type DeepNetwork, layerStack } from '../deepNetwork.ts';
import type { TwoLayerNetwork } from '../network.ts';
import { elementTypes, type OnnxFileOptions, OnnxGraphWriter, numberType } from './onnxGraph.ts';
import { addLayers, addTwoLayers } from './writeOnnx.ts';

export interface RawOnnxOptions extends Omit<OnnxFileOptions, 'inputs' | 'outputs'> {
  /** On encoded inputs and targets. */
  readonly network: TwoLayerNetwork | DeepNetwork;
  readonly scaling: Scaling;
  readonly target: string;
  readonly classes: readonly string[];
  /** Of the one output of two classes; left out: zero. */
  readonly threshold?: number | undefined;
  /** Texts that were missing values in the training data besides the usual ones. */
  readonly na: readonly string[];
}

/** The inputs that one column of the file became, in order. */
interface RawColumn {
  readonly name: string;
  readonly inputs: readonly { readonly input: InputScaling; readonly at: number }[];
}

/**
 * An ONNX model (IR 8, opset 13, ai.onnx.ml 2) that takes the columns of the file: an input of rows x 1 for each, named like it, numbers as numbers
 * (NaN: a gap) and categories as texts (empty, or a marker of missing values: a gap). Gaps are filled as training did; a row with a gap that training
 * left out gets NaN. Outputs: `Y` (rows x outputs, targets in their own units), and for classes `label` (texts, empty for such a row).
 * @throws {DataError} where a column holds dates, which a graph has no operators to read
 */
export function rawOnnxModel(options: RawOnnxOptions): Uint8Array {
  const { scaling, network, classes, target } = options;
  const columns = rawColumns(scaling);
  const dated = columns.find(({ inputs }) => inputs[0].input.date === true);
  if (dated !== undefined)
    throw new DataError(
      'unreadable',
      `the column "${dated.name}" holds dates, which an ONNX graph cannot read: export it with encoded inputs, where a date is days since 1970-01-01, or as a Python module`,
    );
  const type = numberType(options.precision);
  const graph = new OnnxGraphWriter(type);
  const prefix = freePrefix(columns.map(({ name }) => name));
  const raw = new RawGraph(graph, prefix);
  const encoded = raw.encoded(columns, new Set(options.na), scaling);
  const fit = `${prefix}fit`;
  if ('kind' in network) addLayers(graph, layerStack(network), encoded, fit, `${prefix}net/`);
  else addTwoLayers(graph, network, encoded, fit, `${prefix}net/`);
  const outputs = 'kind' in network ? network.outputs : network.b2.length;
  const names = outputNames(columns);
  raw.results(fit, names, { ...options, outputs });
  const what = classes.length === 0 ? [target] : outputs === 1 ? [`${target}: ${classes[1]}`] : classes;
  graph.output({ name: names.Y, type, columns: outputs, doc: plainText(what.join(', ')) });
  if (classes.length > 0)
    graph.output({ name: names.label, type: elementTypes.string, columns: 1, doc: plainText(`predicted ${target}`) });
  return graph.file('network_of_raw_columns', {
    ...options,
    inputs: columns.map(({ name }) => name),
    outputs: what,
  });
}

function rawColumns({ inputs }: Scaling): RawColumn[] {
  const columns = new Map<string, { input: InputScaling; at: number }[]>();
  inputs.forEach((input, at) => {
    const known = columns.get(input.column);
    if (known === undefined) columns.set(input.column, [{ input, at }]);
    else known.push({ input, at });
  });
  return [...columns].map(([name, of]) => ({ name, inputs: of }));
}

/** What tensors inside the graph begin with: nothing that a column does. */
function freePrefix(names: readonly string[]): string {
  let prefix = 'net/';
  while (names.some((name) => name.startsWith(prefix))) prefix = `_${prefix}`;
  return prefix;
}

/** Names of the outputs, which no column has. */
function outputNames(columns: readonly RawColumn[]): { readonly Y: string; readonly label: string } {
  const free = (name: string): string => (columns.some((column) => column.name === name) ? free(`_${name}`) : name);
  return { Y: free('Y'), label: free('label') };
}

/** Builds the parts of the graph around the network. */
class RawGraph {
  private readonly missing: string[] = [];
  private count = 0;

  constructor(
    private readonly graph: OnnxGraphWriter,
    private readonly prefix: string,
  ) {}

  private fresh(what: string): string {
    return `${this.prefix}${what}${++this.count}`;
  }

  /** A tensor computed by an operator. */
  private op(
    operator: string,
    inputs: readonly string[],
    attributes: Parameters<OnnxGraphWriter['node']>[3] = {},
  ): string {
    const out = this.fresh(operator.toLowerCase());
    this.graph.node(operator, inputs, out, attributes);
    return out;
  }

  private numbers(dims: readonly number[], values: readonly number[]): string {
    const name = this.fresh('constant');
    this.graph.tensor(name, dims, values);
    return name;
  }

  private texts(values: readonly string[]): string {
    const name = this.fresh('texts');
    this.graph.texts(name, values);
    return name;
  }

  private whole(values: readonly number[]): string {
    const name = this.fresh('whole');
    this.graph.integers(name, values);
    return name;
  }

  /** What the network sees: scaled, in the order of its inputs, and whitened where the run is. */
  encoded(columns: readonly RawColumn[], na: ReadonlySet<string>, { inputs, whitening }: Scaling): string {
    const parts = columns.map((column) =>
      column.inputs[0].input.category === undefined ? this.number(column) : this.category(column, na),
    );
    let encoded = parts.length === 1 ? parts[0] : this.op('Concat', parts, { axis: 1 });
    const order = columns.flatMap((column) => column.inputs.map(({ at }) => at));
    if (order.some((at, k) => at !== k)) {
      const places = order.map((_, k) => order.indexOf(k));
      encoded = this.op('Gather', [encoded, this.whole(places)], { axis: 1 });
    }
    if (whitening === undefined) return encoded;
    const d = inputs.length;
    return this.op('MatMul', [encoded, this.numbers([d, d], whitening.matrix.flat())]);
  }

  /** A column of numbers: gaps filled, then (x - mean) / scale. */
  private number({ name, inputs }: RawColumn): string {
    const [{ input }] = inputs;
    this.graph.input({ name, type: this.graph.type, columns: 1, doc: `numbers: ${plainText(name)}` });
    let value = name;
    const gap = this.op('IsNaN', [name]);
    if (input.fill === undefined) this.missing.push(gap);
    else value = this.op('Where', [gap, this.numbers([1], [input.fill]), name]);
    const centred = this.op('Sub', [value, this.numbers([1], [input.mean])]);
    return this.op('Div', [centred, this.numbers([1], [input.scale])]);
  }

  /** A column of categories: each text is looked up as the row of a table of scaled indicators; the last two rows are other texts, and gaps. */
  private category({ name, inputs }: RawColumn, na: ReadonlySet<string>): string {
    const known = [
      ...new Set(inputs.flatMap(({ input }) => [input.category!, ...(input.other === undefined ? [] : [input.other])])),
    ];
    const [other, gap] = [known.length, known.length + 1];
    const doc = `texts, one of: ${known.join(', ')}`;
    this.graph.input({ name, type: elementTypes.string, columns: 1, doc: plainText(doc) });
    const places = spellings(known, na, gap);
    const index = this.fresh('index');
    this.graph.mlNode('LabelEncoder', [name], index, {
      keys_strings: [...places.keys()],
      values_int64s: [...places.values()],
      default_int64: other,
    });
    const filled = inputs.every(({ input }) => input.fill !== undefined);
    if (!filled) this.missing.push(this.op('Equal', [index, this.whole([gap])]));
    const scaled = ({ mean, scale }: InputScaling, value: number): number => (value - mean) / scale;
    const table = [...known, null, undefined].flatMap((text) =>
      inputs.map(({ input }) =>
        scaled(input, text === undefined ? (input.fill ?? 0) : text === input.category ? 1 : 0),
      ),
    );
    const rows = this.op('Gather', [this.numbers([known.length + 2, inputs.length], table), index], { axis: 0 });
    return this.op('Reshape', [rows, this.whole([-1, inputs.length])]);
  }

  /** The outputs in the units of the target and the class, with nothing said of rows that have a gap where training left such rows out. */
  results(
    fit: string,
    names: { readonly Y: string; readonly label: string },
    {
      scaling: { target },
      classes,
      threshold = 0,
      outputs,
    }: Pick<RawOnnxOptions, 'scaling' | 'classes' | 'threshold'> & { readonly outputs: number },
  ): void {
    const scaled =
      target.mean === 0 && target.scale === 1
        ? fit
        : this.op('Add', [this.op('Mul', [fit, this.numbers([1], [target.scale])]), this.numbers([1], [target.mean])]);
    const gap = this.missing.reduce<string | null>(
      (all, one) => (all === null ? one : this.op('Or', [all, one])),
      null,
    );
    if (gap === null) this.graph.node('Identity', [scaled], names.Y);
    else this.graph.node('Where', [gap, this.numbers([1], [NaN]), scaled], names.Y);
    if (classes.length === 0) return;
    const label =
      outputs === 1
        ? this.op('Where', [
            this.op('Greater', [scaled, this.numbers([1], [threshold])]),
            this.texts([classes[1]]),
            this.texts([classes[0]]),
          ])
        : this.op('Gather', [this.texts(classes), this.op('ArgMax', [scaled], { axis: 1, keepdims: 1 })], { axis: 0 });
    if (gap === null) this.graph.node('Identity', [label], names.label);
    else this.graph.node('Where', [gap, this.texts(['']), label], names.label);
  }
}

/**
 * Texts and their places: every category as it is spelled and in lower and upper case, where that is no other one, and what stands for a gap.
 */
function spellings(known: readonly string[], na: ReadonlySet<string>, gap: number): Map<string, number> {
  const places = new Map<string, number>();
  const add = (text: string, place: number): void => {
    if (!places.has(text)) places.set(text, place);
  };
  known.forEach(add);
  for (const text of ['', ...na]) add(text, gap);
  for (const marker of markersAnywhere) for (const text of [marker, marker.toUpperCase()]) add(text, gap);
  const lower = known.map((text) => text.toLowerCase());
  known.forEach((text, k) => {
    if (lower.indexOf(lower[k]) !== lower.lastIndexOf(lower[k])) return;
    add(lower[k], k);
    add(text.toUpperCase(), k);
  });
  return places;
}
