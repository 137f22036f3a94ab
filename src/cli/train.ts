import { DataError } from '../core/data/dataError.ts';
import { type FormulaCells, formulasAmong } from '../core/data/formulaCells.ts';
import { plainCopy } from '../core/data/plainText.ts';
import type { Control, SolverProgress } from '../core/base/control.ts';
import type { Decomposition } from '../session/decompose.ts';
import { exportDecomposition, exportRun, type OnnxExport } from '../session/exportRun.ts';
import { nodeFoldThreads } from '../platform/node/foldThreads.ts';
import { nodeFileSource, nodeSessionDeps } from '../platform/node/nodeSession.ts';
import { predictAllRows } from '../session/predictAll.ts';
import { createSession, type Session, TrainStopped } from '../session/session.ts';
import { modelTraits } from '../shared/models.ts';
import type { RunRecord } from '../shared/run.ts';
import { faultText, runFault } from '../shared/runSchema.ts';
import type { TrainSettings } from '../shared/settings.ts';
import { createPooledKernels } from '../platform/node/kernelPool.ts';
import { besideData, checkInput } from './inputs.ts';
import { countOption, parseOptions } from './options.ts';
import { Outputs } from './outputs.ts';
import { runShown } from './progressLine.ts';
import { formulaWords, number, plural } from './reportText.ts';
import { optionHelp, settingOptions, settingsOf } from './trainOptions.ts';
import { describeRun } from './trainReport.ts';
import { type Command, exitStatus, UsageError } from './usage.ts';

interface TrainInput {
  readonly file: string;
  readonly settings: TrainSettings;
  readonly threads: number | undefined;
  /** Predictions of all rows of the file are wanted, with such cells. */
  readonly predictions?: FormulaCells;
  /** The training problem is wanted as well. */
  readonly problem: boolean;
  /** So is a proof file. */
  readonly certificate: boolean;
  /** So is the ReLU network of a gated one. */
  readonly decompose: boolean;
}

interface TrainOutput {
  /** Null when it was stopped before there was a solution. */
  readonly run: RunRecord | null;
  readonly problem?: string;
  readonly predictions?: string;
  readonly decomposition?: Decomposition;
  readonly proof?: string;
  /** Why there is none although one was asked for. */
  readonly noProof?: string;
}

/** The part that runs in the worker: data file and settings in, run record out. */
export async function trainTask(
  { file, settings, threads, predictions, problem, decompose, certificate }: TrainInput,
  control: Control,
): Promise<TrainOutput> {
  let last: SolverProgress = {
    iteration: NaN,
    seconds: 0,
    objective: NaN,
    dualBound: NaN,
    active: NaN,
    phase: '',
  };
  const kernels = createPooledKernels({ threads });
  const source = await nodeFileSource(file);
  const session = createSession(source, nodeSessionDeps({ threads, kernels, folds: nodeFoldThreads(kernels.threads) }));
  try {
    const run = await session.train(
      settings,
      {
        progress({ stage, message, point }) {
          last = { ...last, ...point, phase: stage === 'solving' ? message : `${stage}: ${message}` };
          control.report?.(last);
        },
        record: () => undefined,
      },
      { shouldStop: () => control.shouldStop(), now: () => control.now() },
    );
    const fault = runFault(run);
    if (fault !== undefined)
      throw new UsageError(`the numbers of this training cannot be kept, so nothing is written: ${faultText(fault)}`);
    return {
      run,
      // after a stop the network is final, and there is time for this
      ...(predictions === undefined
        ? {}
        : {
            predictions: (await predictAllRows(run, source, predictions, { ...control, shouldStop: () => false }))?.csv,
          }),
      ...(problem ? { problem: await session.exportProblem() } : {}),
      ...(certificate ? await proofOf(session, run, control) : {}),
      ...(decompose ? { decomposition: await session.decompose(run, control) } : {}),
    };
  } catch (error) {
    if (error instanceof TrainStopped) return { run: null };
    if (error instanceof DataError) throw new UsageError(error.message);
    throw error;
  } finally {
    kernels.dispose();
  }
}

/** A proof that cannot be made takes nothing from the training that it would be of. */
async function proofOf(
  session: Session,
  run: RunRecord,
  control: Control,
): Promise<Pick<TrainOutput, 'proof' | 'noProof'>> {
  try {
    return { proof: await session.exportProof(run, control) };
  } catch (error) {
    if (error instanceof DataError) return { noProof: error.message };
    throw error;
  }
}

const options = {
  ...settingOptions,
  threads: { type: 'string' },
  progress: { type: 'boolean' },
  out: { type: 'string' },
  predictions: { type: 'string' },
  onnx: { type: 'string' },
  'onnx-input': { type: 'string' },
  'onnx-type': { type: 'string' },
  network: { type: 'string' },
  pytorch: { type: 'string' },
  python: { type: 'string' },
  problem: { type: 'string' },
  decompose: { type: 'string' },
  certificate: { type: 'string' },
  'embed-certificate': { type: 'boolean' },
  'keep-formulas': { type: 'boolean' },
} as const;

/** Options that write the network, and what they write. */
const exportOptions = [
  ['network', 'json'],
  ['pytorch', 'pytorch'],
  ['python', 'python'],
] as const;

/** What --onnx writes, by --onnx-input and --onnx-type. */
function onnxKind(input = 'encoded', type = 'float64'): OnnxExport {
  if (input !== 'encoded' && input !== 'raw')
    throw new UsageError(`--onnx-input is "encoded" or "raw", not "${input}"`);
  if (type !== 'float64' && type !== 'float32')
    throw new UsageError(`--onnx-type is "float64" or "float32", not "${type}"`);
  const stem = input === 'raw' ? 'onnx-raw' : 'onnx';
  return type === 'float32' ? `${stem}-float32` : stem;
}

function formatOf(file: string): 'onnx' | 'json' | 'pytorch' {
  if (file.endsWith('.onnx')) return 'onnx';
  if (file.endsWith('.json')) return 'json';
  if (file.endsWith('.py')) return 'pytorch';
  throw new UsageError(`--decompose needs a name that ends in .onnx, .json or .py, not "${file}"`);
}

function decompositionLine(d: Decomposition): string {
  return (
    `\nReLU network by cone decomposition: ${plural(d.neurons, 'neuron')}, objective ${number(d.objective, 10)} ` +
    `(gated: ${plural(d.gatedNeurons, 'neuron')}, ${number(d.gatedObjective, 10)}); fits differ by ${number(d.fitDifference, 2)} (relative)\n`
  );
}

export const trainCommand: Command = {
  summary: 'train a network on a data file (CSV, TSV) to proven optimality',
  help: `convexnet train DATA.csv [options]

Reads, encodes, splits and standardises the data, solves the convex program of the network, traces the
regularisation path, trains the same network by gradient descent, prints a summary, and writes the run.

  --out FILE               write the run record (JSON), as the editor shows it
  --predictions FILE       write predictions (CSV) of every row of the file, in its order: line, split (train, test, unused),
                           target, prediction, for classes outputs and probabilities; or why there is none
  --onnx FILE              write the network as ONNX, --network FILE as JSON, --pytorch FILE as Python code
  --onnx-input WHAT        encoded (default): one tensor of numbers in original units, an indicator for each category;
                           raw: an input for each column of the file, categories as texts, gaps filled as in training
  --onnx-type TYPE         float64 (default) or float32
  --python FILE            write a Python module (numpy) that predicts from raw columns
  --problem FILE           write the training problem, for convexnet solve
  --keep-formulas          in predictions, write texts that a spreadsheet would run as formulas as they are; otherwise
                           an apostrophe goes before them
  --certificate FILE       relu: write a proof file, for convexnet check
  --embed-certificate      put the proof into the files of --onnx and --network as well
  --decompose FILE         gated-relu: write the ReLU network with the same fit (cone decomposition); the end of
                           the name says how: .onnx, .json or .py

${optionHelp('data')}

${optionHelp('network')}

${optionHelp('effort')}
  --threads N              use at most N threads
  --progress               show progress on stderr even when it is not a terminal

Exit status: 0 solved to tolerance, 2 bad input, 3 stopped before tolerance (the run is still written, with
its gap), 1 internal error. Ctrl-C stops and keeps the best point.
`,
  async run(args) {
    const { values, positionals } = parseOptions(args, options);
    if (positionals.length !== 1) {
      throw new UsageError(positionals.length === 0 ? 'no data file given' : 'one data file at a time', {
        showHelp: true,
      });
    }
    const relu = values.decompose;
    const format = relu === undefined ? undefined : formatOf(relu);
    const outputs = new Outputs(
      {
        '--out': values.out,
        '--predictions': values.predictions,
        '--onnx': values.onnx,
        '--network': values.network,
        '--pytorch': values.pytorch,
        '--python': values.python,
        '--problem': values.problem,
        '--certificate': values.certificate,
        '--decompose': relu,
      },
      positionals,
    );
    checkInput(positionals[0]);
    const settings = besideData(positionals[0], settingsOf(values));
    const embed = values['embed-certificate'] === true;
    if (embed && values.onnx === undefined && values.network === undefined)
      throw new UsageError('--embed-certificate puts the proof into a network file: it needs --onnx or --network');
    const onnx = onnxKind(values['onnx-input'], values['onnx-type']);
    if (values.onnx === undefined && (values['onnx-input'] ?? values['onnx-type']) !== undefined)
      throw new UsageError('--onnx-input and --onnx-type say how --onnx writes: give --onnx FILE');
    if (embed && values.onnx !== undefined && onnx !== 'onnx')
      throw new UsageError('--embed-certificate puts the proof into ONNX with encoded inputs of type float64 only');
    const formulas = values['keep-formulas'] === true ? 'keep' : 'neutralize';
    const input: TrainInput = {
      ...(values.predictions === undefined ? {} : { predictions: formulas }),
      file: positionals[0],
      settings,
      threads: countOption('threads', values.threads),
      problem: values.problem !== undefined,
      decompose: relu !== undefined,
      certificate: values.certificate !== undefined || embed,
    };
    if (relu !== undefined && modelTraits(input.settings.model).patterns !== 'own')
      throw new UsageError('--decompose turns a gated network into a ReLU network: it needs --model gated-relu');
    if (embed && values.onnx !== undefined && (input.settings.whiten === true || input.settings.batchNorm === true))
      throw new UsageError(
        '--embed-certificate cannot put the proof of whitened inputs into ONNX; it can into --network',
      );
    const { run, problem, predictions, decomposition, proof, noProof } = (await runShown(
      { task: 'train', input },
      values.progress,
    )) as TrainOutput;
    if (run === null) {
      process.stderr.write('convexnet train: stopped before there was a solution\n');
      return exitStatus.stopped;
    }
    if (values.out !== undefined) await outputs.write('--out', exportRun(run, 'run'));
    const exported = [['onnx', onnx] as const, ...exportOptions];
    for (const [option, what] of exported) {
      if (values[option] !== undefined)
        await outputs.write(`--${option}`, exportRun(run, what, formulas, embed ? proof : undefined));
    }
    if (predictions !== undefined) await outputs.write('--predictions', predictions);
    if (problem !== undefined) await outputs.write('--problem', problem);
    if (proof !== undefined && values.certificate !== undefined) await outputs.write('--certificate', proof);
    if (format !== undefined && decomposition !== undefined)
      await outputs.write('--decompose', exportDecomposition(run, decomposition, format));
    await outputs.print(describeRun(plainCopy(run), input.settings.target === ''));
    if (decomposition !== undefined) await outputs.print(decompositionLine(decomposition));
    const names = formulasAmong([run.resolved.target, ...run.resolved.classes]);
    if (values.predictions !== undefined && formulas === 'neutralize' && names.length > 0)
      process.stderr.write(formulaWords(plural(names.length, 'name')));
    if (noProof !== undefined) throw new UsageError(`${noProof}; everything else is written`);
    return outputs.status(run.solution.status === 'optimal' ? exitStatus.ok : exitStatus.stopped);
  },
};
