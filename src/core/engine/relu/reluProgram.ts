import type { GateSet } from '../../base/patterns.ts';
import type { Kernels } from '../../base/kernels/kernels.ts';
import { dot, norm2, rowNorms } from '../../base/linalg/matrix.ts';
import { type Datafit } from '../../problem/datafits/datafit.ts';
import type { PreparedProblem } from '../../problem/prepare.ts';
import { unlessStopped } from '../../base/polling.ts';
import { createRng } from '../../base/rng.ts';
import type { Control } from '../../base/control.ts';
import { classifyRows, type RowClasses } from '../../problem/patterns/rowClasses.ts';
import { insertTolerance } from '../solution/proofRounds.ts';
import { foundWithin } from '../solution/solution.ts';
import { solveAdaptive } from './adaptive.ts';
import { CellFactory, type ConeCell } from './cell.ts';
import { solveOnCells } from './cellProgram.ts';
import type { LocalProblem, NeuronSeed } from './activeNeurons.ts';
import { biasOf } from '../../problem/problem.ts';

/** A group of the program: the vector, and a direction whose pattern is its cell. */
export interface SolvedNeuron {
  readonly u: Float64Array;
  readonly sign: 1 | -1;
  readonly output: number;
  readonly gate: Float64Array;
}

export interface Solved {
  neurons: SolvedNeuron[];
  offset: Float64Array;
  iterations: number;
  stopped: boolean;
  method: string;
}

/** The parts of a problem that can be solved on their own: one per output when the loss is a sum over outputs. */
interface Part {
  readonly datafit: Datafit;
  /** Output of the whole problem for each output of the part. */
  readonly outputs: readonly number[];
}

interface SearchOptions {
  /** Directions to try first. */
  readonly suggestions?: readonly {
    readonly direction: Float64Array;
    readonly sign: 1 | -1;
    readonly output: number;
  }[];
  /** Part of the gap asked for that is enough. */
  readonly share?: number;
  /** No search: the neurons of the warm start are only settled. */
  readonly settle?: boolean;
  /** The dual constraint of some output at the zero network is at least this. */
  readonly zeroTop?: number;
}

interface PartResult {
  readonly neurons: readonly SolvedNeuron[];
  readonly offset: Float64Array;
  readonly objective: number;
  readonly iterations: number;
  readonly stopped: boolean;
}

/**
 * The ReLU program of a problem, solved part by part: on given activation patterns (`onGates`), or over all of them by generating neurons (`overAll`).
 */
export class ReluProgram {
  private knownClasses: RowClasses | undefined;
  private readonly parts: readonly Part[];
  private knownFactory: CellFactory | undefined;
  /** Objectives, falling, and when they were reached. */
  private readonly reached: { readonly seconds: number; readonly objective: number }[] = [];

  constructor(
    private readonly prepared: PreparedProblem,
    private readonly control: Control,
    private readonly begin: number,
    private readonly kernels: Kernels | undefined,
  ) {
    const { datafit, outputs } = prepared;
    if (outputs > 1 && datafit.separable) {
      this.parts = Array.from({ length: outputs }, (_, o) => {
        return { datafit: datafit.ofOutput(o), outputs: [o] };
      });
    } else this.parts = [{ datafit, outputs: Array.from({ length: outputs }, (_, o) => o) }];
  }

  /** When the objective first came within `foundWithin` of the final one. */
  secondsTo(final: number): number {
    const enough = final + foundWithin * Math.abs(final);
    return this.reached.find(({ objective }) => objective <= enough)?.seconds ?? Infinity;
  }

  private get factory(): CellFactory {
    return (this.knownFactory ??= new CellFactory(this.prepared.X, this.prepared.penalizedCols));
  }

  private get classes(): RowClasses {
    return (this.knownClasses ??= classifyRows(this.prepared.X));
  }

  /** Goes through the rows as every search has to; false when a stop comes before the end. */
  classify(): boolean {
    const { control, prepared } = this;
    this.knownClasses ??= unlessStopped(
      () => control.shouldStop(),
      (poll) => classifyRows(prepared.X, poll),
    );
    return this.classified;
  }

  /** The rows have been gone through. */
  get classified(): boolean {
    return this.knownClasses !== undefined;
  }

  /** Euclidean norms of the effective inputs. */
  norms(): Float64Array {
    const scale = this.knownClasses?.scale;
    if (scale === undefined) return rowNorms(this.prepared.X);
    const norms = new Float64Array(scale.length);
    for (let i = 0; i < norms.length; i++) norms[i] = Math.abs(scale[i]);
    return norms;
  }

  private local(part: Part): LocalProblem {
    const { X, penalizedCols, beta, bias } = this.prepared;
    return {
      X,
      classes: this.classes,
      penalizedCols,
      datafit: part.datafit,
      beta,
      offset: biasOf(bias).free,
      kernels: this.kernels,
    };
  }

  /** Reports progress of one part on top of what the others have reached or start from. */
  private progress(
    done: number,
    rest: number,
    iterations: number,
    neurons: number,
    phase: string,
    bound: (ratio: number) => number,
  ): (objective: number, ratio: number, active: number, steps: number, stage?: string) => void {
    const { control } = this;
    return (objective, ratio, active, steps, stage = phase) => {
      const seconds = control.now() - this.begin;
      const total = done + rest + objective;
      if (total < (this.reached.at(-1)?.objective ?? Infinity)) this.reached.push({ seconds, objective: total });
      control.report?.({
        iteration: iterations + steps,
        seconds,
        objective: total,
        dualBound: bound(ratio),
        active: neurons + active,
        phase: stage,
      });
    };
  }

  private startOf(part: Part, warm: { readonly neurons: readonly SolvedNeuron[] } | undefined): SolvedNeuron[] {
    return (warm?.neurons ?? [])
      .filter(({ output }) => part.outputs.includes(output))
      .map((neuron) => ({ ...neuron, output: part.outputs.indexOf(neuron.output) }));
  }

  private each(
    solve: (part: Part, report: ReturnType<ReluProgram['progress']>) => PartResult,
    phase: string,
  ): PartResult[] {
    const zero = this.parts.map(({ datafit }) => datafit.value(new Float64Array(datafit.rows * datafit.outputs)));
    const results: PartResult[] = [];
    let done = 0;
    let iterations = 0;
    let neurons = 0;
    this.parts.forEach((part, k) => {
      const rest = zero.slice(k + 1).reduce((a, b) => a + b, 0);
      const result = solve(
        part,
        this.progress(done, rest, iterations, neurons, phase, () => 0),
      );
      results.push(result);
      done += result.objective;
      iterations += result.iterations;
      neurons += result.neurons.length;
    });
    return results;
  }

  private combine(results: readonly PartResult[], method: string): Solved {
    const offset = new Float64Array(this.prepared.outputs);
    const neurons: SolvedNeuron[] = [];
    results.forEach((result, k) => {
      const { outputs } = this.parts[k];
      outputs.forEach((output, o) => (offset[output] = result.offset[o]));
      for (const neuron of result.neurons) neurons.push({ ...neuron, output: outputs[neuron.output] });
    });
    return {
      neurons,
      offset,
      iterations: results.reduce((s, r) => s + r.iterations, 0),
      stopped: results.some((r) => r.stopped),
      method,
    };
  }

  /** The program on a set of gates. */
  onGates(
    gateSet: GateSet,
    warm: { readonly neurons: readonly SolvedNeuron[]; readonly offset: Float64Array } | undefined,
  ): Solved {
    const { X } = this.prepared;
    const cells: ConeCell[] = [];
    const gateOf: number[] = [];
    const indexOf = new Map<ConeCell, number>();
    for (let p = 0; p < gateSet.gates.rows; p++) {
      if ((p & 15) === 0 && this.control.shouldStop()) break;
      const g = gateSet.gates.data.subarray(p * X.cols, (p + 1) * X.cols);
      const cell = this.factory.cell(this.factory.signsOf(g));
      if (cell === undefined) continue;
      indexOf.set(cell, cells.length);
      cells.push(cell);
      gateOf.push(p);
    }
    const results = this.each((part, report) => {
      const start: NeuronSeed[] = [];
      for (const { u, sign, output, gate } of this.startOf(part, warm)) {
        const cell = this.factory.cell(this.factory.signsOf(gate));
        const tag = cell === undefined ? undefined : indexOf.get(cell);
        if (tag !== undefined) start.push({ u, sign, output, tag });
      }
      const local = this.local(part);
      const solution = solveOnCells(
        { ...local, cells },
        start,
        warm === undefined ? undefined : Float64Array.from(part.outputs, (o) => warm.offset[o]),
        Math.min(1e-9, this.prepared.tolerance),
        this.control,
        report,
      );
      return {
        neurons: solution.neurons.map(({ u, sign, output, tag }) => {
          const p = gateOf[tag ?? 0];
          return {
            u,
            sign,
            output,
            gate: gateSet.gates.data.slice(p * X.cols, (p + 1) * X.cols),
          };
        }),
        offset: solution.offset,
        objective: solution.objective,
        iterations: solution.iterations,
        stopped: solution.stopped,
      };
    }, 'cone program');
    return this.combine(results, 'semismooth Newton augmented Lagrangian, cone projections');
  }

  /**
   * The same neurons with gates in full-dimensional cells: a neuron on kinks is nudged off them, less far than to the next row.
   */
  insideCells(solved: Solved): Solved {
    const { X } = this.prepared;
    const { rows: n, cols: d } = X;
    const rng = createRng(1).fork('nudge');
    const neurons = solved.neurons.map((neuron) => {
      const h = Float64Array.from({ length: d }, () => rng.normal());
      const size = norm2(neuron.u);
      let reach = size;
      for (let i = 0; i < n; i++) {
        const row = X.data.subarray(i * d, (i + 1) * d);
        const t = Math.abs(dot(row, neuron.u));
        if (t > 1e-12 * size * norm2(row)) reach = Math.min(reach, t / Math.max(Math.abs(dot(row, h)), 1e-300));
      }
      return { ...neuron, gate: neuron.u.map((x, k) => x + 0.5 * reach * h[k]) };
    });
    return { ...solved, neurons };
  }

  /** All activation patterns, by generating neurons. */
  overAll(
    warm: { readonly neurons: readonly SolvedNeuron[]; readonly offset: Float64Array } | undefined,
    seed: number,
    { suggestions = [], share = 1, settle = false, zeroTop }: SearchOptions = {},
  ): Solved {
    let rounds = 0;
    const results = this.each((part, report) => {
      const offset = warm === undefined ? undefined : part.outputs.map((o) => warm.offset[o]);
      const solution = solveAdaptive(
        this.local(part),
        this.startOf(part, warm).map(({ u, sign, output }) => ({ u, sign, output })),
        offset,
        {
          seed,
          tolerance: insertTolerance,
          accuracy: share * this.prepared.tolerance,
          settle,
          // it may be that of another output
          zeroTop: this.parts.length === 1 ? zeroTop : undefined,
          suggestions: suggestions
            .filter(({ output }) => part.outputs.includes(output))
            .map((suggestion) => ({ ...suggestion, output: part.outputs.indexOf(suggestion.output) })),
        },
        this.control,
        report,
      );
      rounds += solution.rounds;
      return {
        neurons: solution.neurons.map(({ u, sign, output }) => ({ u, sign, output, gate: u })),
        offset: solution.offset,
        objective: solution.objective,
        iterations: solution.iterations,
        stopped: solution.stopped,
      };
    }, 'sliding neurons');
    return this.combine(results, `sliding neurons: Newton on kinks, ${rounds} searches`);
  }
}
