import type { Kernels } from '../../base/kernels/kernels.ts';
import { type DenseMatrix, denseMatrix } from '../../base/linalg/matrix.ts';
import type { Layer, Rows, Wires } from './layer.ts';

/** The same array cut into the parameters of each layer; remembered, because the same few arrays come again every step. */
class Parts {
  private whole: Float64Array | undefined;
  private parts: readonly Float64Array[] = [];

  constructor(private readonly starts: readonly number[]) {}

  of(theta: Float64Array): readonly Float64Array[] {
    if (theta !== this.whole) {
      this.whole = theta;
      this.parts = this.starts.slice(1).map((end, l) => theta.subarray(this.starts[l], end));
    }
    return this.parts;
  }
}

/**
 * A network as layers one after the other, on blocks of at most `block` rows. Its parameter vector is that of the layers in their order. It owns
 * the layers and the arrays between them.
 */
export class Sequence {
  /** Number of parameters. */
  readonly size: number;
  readonly inputs: number;
  readonly outputs: number;
  /** Where the parameters of each layer start; one more entry for the end. */
  readonly starts: readonly number[];
  /** What each layer put out last (block x outputs of the layer); layers in place share the array of the one before. */
  readonly values: readonly Float64Array[];
  /** The derivative in each layer's output after `backward`; of a layer followed by one in place it is that in its own output, too. */
  readonly signals: readonly Float64Array[];
  private readonly wires: readonly Wires[];
  private readonly parameters: Parts;
  private readonly gradients: Parts;
  private readonly owned: readonly Float64Array[];

  /** @throws {RangeError} for layers that do not fit, or a first layer in place */
  constructor(
    private readonly layers: readonly Layer[],
    readonly block: number,
    private readonly kernels: Kernels,
  ) {
    const starts = [0];
    const values: Float64Array[] = [];
    const signals: Float64Array[] = [];
    const owned: Float64Array[] = [];
    layers.forEach((layer, l) => {
      starts.push(starts[l] + layer.size);
      if (l > 0 && layer.inputs !== layers[l - 1].outputs) {
        throw new RangeError(`layer ${l + 1} takes ${layer.inputs} numbers and gets ${layers[l - 1].outputs}`);
      }
      if (layer.inPlace) {
        if (l === 0) throw new RangeError('the first layer would write on the data');
        values.push(values[l - 1]);
        signals.push(signals[l - 1]);
        return;
      }
      values.push(kernels.alloc(block * layer.outputs));
      signals.push(kernels.alloc(block * layer.outputs));
      owned.push(values[l], signals[l]);
    });
    this.starts = starts;
    this.size = starts[layers.length];
    this.inputs = layers[0].inputs;
    this.outputs = layers[layers.length - 1].outputs;
    this.values = values;
    this.signals = signals;
    this.owned = owned;
    this.parameters = new Parts(starts);
    this.gradients = new Parts(starts);
    this.wires = layers.map((_, l) => ({
      input: values[Math.max(l - 1, 0)],
      output: values[l],
      signal: signals[l],
      back: l === 0 ? null : signals[l - 1],
    }));
  }

  /** Outputs of the last `forward`, block x outputs. */
  get output(): Float64Array {
    return this.values[this.values.length - 1];
  }

  /** Where the derivative in the outputs goes before `backward`, block x outputs. */
  get outputSignal(): Float64Array {
    return this.signals[this.signals.length - 1];
  }

  /** Comes before the passes whenever the numbers in `theta` have changed. */
  begin(theta: Float64Array): void {
    const parts = this.parameters.of(theta);
    for (let l = 0; l < this.layers.length; l++) this.layers[l].begin?.(parts[l]);
  }

  /** `input` holds the rows of the pass only (rows.count x inputs). */
  forward(theta: Float64Array, input: Float64Array, rows: Rows): void {
    const parts = this.parameters.of(theta);
    this.wires[0].input = input;
    for (let l = 0; l < this.layers.length; l++) this.layers[l].forward(parts[l], this.wires[l], rows);
  }

  /** After `forward` on the same rows, with `outputSignal` filled: adds the derivative in the parameters to `gradient` unless that is null. */
  backward(theta: Float64Array, rows: Rows, gradient: Float64Array | null): void {
    const parts = this.parameters.of(theta);
    const into = gradient === null ? null : this.gradients.of(gradient);
    for (let l = this.layers.length - 1; l >= 0; l--) {
      this.layers[l].backward(parts[l], this.wires[l], rows, into === null ? null : into[l]);
    }
  }

  /** Outputs (n x outputs) on all rows of X. */
  predict(theta: Float64Array, X: DenseMatrix): DenseMatrix {
    const out = denseMatrix(X.rows, this.outputs);
    this.begin(theta);
    for (let start = 0; start < X.rows; start += this.block) {
      const count = Math.min(this.block, X.rows - start);
      this.forward(theta, X.data.subarray(start * X.cols, (start + count) * X.cols), { order: null, start, count });
      out.data.set(this.output.subarray(0, count * this.outputs), start * this.outputs);
    }
    return out;
  }

  dispose(): void {
    for (const layer of this.layers) layer.dispose();
    for (const array of this.owned) this.kernels.free(array);
  }
}
