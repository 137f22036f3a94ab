import { parseProblemFile } from '../core/problem/problemFile.ts';
import type { Control, SolveStatus } from '../core/base/control.ts';
import { defaultMemoryBytes } from '../core/engine/solution/memoryBudget.ts';
import { solveToRecord } from '../core/family/solveToRecord.ts';
import { modelTraits } from '../shared/models.ts';
import { defaultSettings } from '../shared/settings.ts';
import { createPooledKernels } from '../platform/node/kernelPool.ts';
import { instanceOf, proofOf } from './proof.ts';
import { aboutProblem, readTextInput, type RelatedFiles, relatedReader } from './inputs.ts';
import { countOption, memoryOption, numberOption, parseOptions } from './options.ts';
import { Outputs } from './outputs.ts';
import { runShown } from './progressLine.ts';
import { type Command, exitStatus, UsageError } from './usage.ts';

interface SolveInput {
  readonly file: string;
  readonly related: RelatedFiles;
  readonly threads: number | undefined;
  readonly timeLimitSeconds: number | undefined;
  /** 4 GiB when left out. */
  readonly memoryBytes: number | undefined;
  /** For the proof over all networks of a ReLU model. */
  readonly certifySeconds: number;
  /** A proof file is wanted as well. */
  readonly certificate: boolean;
  /** The instance that the proof is stuck at is wanted as well. */
  readonly instance: boolean;
}

interface SolveOutput {
  readonly status: SolveStatus;
  readonly text: string;
  readonly proof?: string;
  readonly instance?: string;
}

/** Default time for the proof over all networks. */
const defaultCertifySeconds = defaultSettings.certifySeconds;

/** The part that runs in the worker: file in, result text out. */
export async function solveTask(
  { file, related, threads, timeLimitSeconds, memoryBytes, certifySeconds, certificate, instance }: SolveInput,
  control: Control,
): Promise<SolveOutput> {
  const problem = parseProblemFile(readTextInput(file), file, relatedReader(file, related));
  const kernels = createPooledKernels({ threads });
  if (memoryBytes !== undefined) kernels.budgetBytes = memoryBytes;
  try {
    const { status, record, solution } = solveToRecord(
      problem,
      {
        threads,
        kernels,
        timeLimitSeconds,
        memoryBytes,
        ...(modelTraits(problem.model).proofFile ? { certifySeconds } : {}),
      },
      control,
    );
    const text = `${JSON.stringify(record)}\n`;
    if (!certificate && !instance) return { status, text };
    if (!modelTraits(problem.model).proofFile || solution === undefined) {
      throw new UsageError('--certificate and --instance are for two-layer ReLU networks (model "relu")');
    }
    const { network, global } = solution;
    const options = { conic: global?.conic, seconds: certifySeconds, kernels };
    return {
      status,
      text,
      ...(certificate ? { proof: await proofOf(problem, network, options, control) } : {}),
      ...(instance ? { instance: await instanceOf(problem, network, options, control) } : {}),
    };
  } catch (error) {
    throw aboutProblem(error, file);
  } finally {
    kernels.dispose();
  }
}

export const solveCommand: Command = {
  summary: 'solve the convex program of a problem file',
  help: `convexnet solve PROBLEM.json [options]

Solves the problem and writes the result as JSON, to stdout unless --out names a file.

  --out FILE            write the result to FILE
  --allow-paths         read files that the problem names outside its own folder, too
  --threads N           use at most N threads
  --time-limit SECONDS  stop after this time with the best point so far
  --memory GIB          memory the solve may take (default ${defaultMemoryBytes / 2 ** 30}); a larger problem is refused at once
  --certify-seconds S   ReLU models: time for the proof over all networks (default ${defaultCertifySeconds}, 0 skips it)
  --certificate FILE    ReLU models: write a proof file, for convexnet check
  --instance FILE       ReLU models: write the conic program that the proof is stuck at, for other solvers (CBF)
  --progress            show progress on stderr even when it is not a terminal

Exit status: 0 solved to tolerance, 2 bad input, 3 stopped before tolerance (the result is still written,
with its gap), 1 internal error. Ctrl-C stops and writes the best point.
`,
  async run(args) {
    const { values, positionals } = parseOptions(args, {
      out: { type: 'string' },
      'allow-paths': { type: 'boolean' },
      threads: { type: 'string' },
      'time-limit': { type: 'string' },
      memory: { type: 'string' },
      'certify-seconds': { type: 'string' },
      certificate: { type: 'string' },
      instance: { type: 'string' },
      progress: { type: 'boolean' },
    });
    if (positionals.length !== 1) {
      throw new UsageError(positionals.length === 0 ? 'no problem file given' : 'one problem file at a time', {
        showHelp: true,
      });
    }
    const outputs = new Outputs(
      { '--out': values.out, '--certificate': values.certificate, '--instance': values.instance },
      positionals,
    );
    const input: SolveInput = {
      file: positionals[0],
      related: { allowPaths: values['allow-paths'] === true, outputs: outputs.identities },
      threads: countOption('threads', values.threads),
      timeLimitSeconds: numberOption('time-limit', values['time-limit']),
      memoryBytes: memoryOption(values.memory),
      certifySeconds: numberOption('certify-seconds', values['certify-seconds']) ?? defaultCertifySeconds,
      certificate: values.certificate !== undefined,
      instance: values.instance !== undefined,
    };
    const { status, text, proof, instance } = (await runShown(
      { task: 'solve', input },
      values.progress,
    )) as SolveOutput;
    await outputs.result('--out', 'result.json', text);
    if (proof !== undefined) await outputs.write('--certificate', proof);
    if (instance !== undefined) await outputs.write('--instance', instance);
    return outputs.status(status === 'optimal' ? exitStatus.ok : exitStatus.stopped);
  },
};
