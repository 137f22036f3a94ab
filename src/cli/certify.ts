import { certifyDeepNetwork, type DeepCertificate } from '../core/family/certifyDeepNetwork.ts';
import { certifyNetwork, type NetworkCertificate } from '../core/family/certifyNetwork.ts';
import { deepNetworkOfJson } from '../core/network/formats/deepJson.ts';
import { NetworkError } from '../core/network/formats/networkError.ts';
import { networkFormat, readNetwork } from '../core/network/formats/readNetwork.ts';
import { parseProblemFile } from '../core/problem/problemFile.ts';
import { networkRecord } from '../core/family/resultFile.ts';
import type { Control } from '../core/base/control.ts';
import { plainLines } from '../core/data/plainText.ts';
import { createKernels } from '../core/base/kernels/createKernels.ts';
import { instanceOf, proofOf } from './proof.ts';
import { aboutProblem, readInput, readTextInput, type RelatedFiles, relatedReader } from './inputs.ts';
import { numberOption, parseOptions } from './options.ts';
import { Outputs } from './outputs.ts';
import { runShown } from './progressLine.ts';
import { type Command, exitStatus, UsageError } from './usage.ts';

interface CertifyInput {
  readonly problem: string;
  readonly network: string;
  readonly related: RelatedFiles;
  readonly seconds: number;
  readonly solve: boolean;
  /** A proof file is wanted as well. */
  readonly certificate: boolean;
  /** The instance that the proof is stuck at is wanted as well. */
  readonly instance: boolean;
}

interface CertifyOutput {
  readonly stopped: boolean;
  readonly text: string;
  readonly summary: string;
  readonly proof?: string;
  readonly instance?: string;
}

/** Default time for the proof. */
const defaultSeconds = 60;

/** The part that runs in the worker: files in, certificate text out. */
export async function certifyTask(input: CertifyInput, control: Control): Promise<CertifyOutput> {
  const started = control.now();
  const text = readTextInput(input.problem);
  const problem = parseProblemFile(text, input.problem, relatedReader(input.problem, input.related));
  let certificate: NetworkCertificate;
  let proof: string | undefined;
  let instance: string | undefined;
  try {
    const bytes = readInput(input.network);
    const deep =
      networkFormat(bytes, input.network) === 'json' ? deepNetworkOfJson(new TextDecoder().decode(bytes)) : undefined;
    if (deep !== undefined) {
      const result = certifyDeepNetwork(problem, deep, { seconds: input.seconds }, control);
      const summary = deepSummary(result);
      const record = deepRecord(result, summary, control.now() - started);
      return { stopped: result.stopped, text: `${JSON.stringify(record)}\n`, summary };
    }
    const network = readNetwork(bytes, input.network, { inputs: problem.X.cols });
    const kernels = createKernels();
    try {
      const { seconds, solve } = input;
      certificate = certifyNetwork(problem, network, { seconds, solve, kernels }, control);
      const { conic } = certificate;
      if (input.certificate) proof = await proofOf(problem, network, { conic, seconds, kernels }, control);
      if (input.instance) instance = await instanceOf(problem, network, { conic, seconds, kernels }, control);
    } finally {
      kernels.dispose();
    }
  } catch (error) {
    if (error instanceof NetworkError) throw new UsageError(`${input.network}: ${error.message}`);
    throw aboutProblem(error, input.problem);
  }
  const record = certificateRecord(certificate, control.now() - started);
  const summary = summaryOf(certificate);
  return { stopped: certificate.stopped, text: `${JSON.stringify(record)}\n`, summary, proof, instance };
}

/** The certificate as written: plain JSON, dual constraints over beta. */
function certificateRecord(c: NetworkCertificate, seconds: number): Record<string, unknown> {
  return {
    format: 'convexnet-certificate/1',
    objective: c.objective.given,
    balancedObjective: c.objective.balanced,
    mergedObjective: c.objective.merged,
    datafit: c.datafit,
    neurons: c.neurons.given,
    mergedNeurons: c.neurons.merged,
    ...(c.notes.length === 0 ? {} : { notes: c.notes }),
    lowerBound: c.lowerBound,
    relativeGap: c.relativeGap,
    ...(Number.isFinite(c.excess) ? { atMostPercentAbove: 100 * c.excess } : {}),
    proof: c.proof,
    maxDualConstraint: c.maxDualConstraint,
    searchEstimate: c.searchEstimate,
    ...(c.bestFound === undefined ? {} : { bestFound: c.bestFound }),
    ...(c.suggestion === undefined
      ? {}
      : {
          suggestedNeuron: {
            ...c.suggestion,
            direction: Array.from(c.suggestion.direction),
            outer: Array.from(c.suggestion.outer),
          },
        }),
    summary: summaryOf(c),
    reason: c.reason,
    network: networkRecord(c.network),
    seconds,
  };
}

/** The certificate of a three-layer or linear network as written. */
function deepRecord(c: DeepCertificate, summary: string, seconds: number): Record<string, unknown> {
  const excess = excessOf(c);
  return {
    format: 'convexnet-certificate/1',
    model: c.kind,
    penalty: c.penalty,
    objective: c.objective,
    balancedObjective: c.balanced,
    datafit: c.datafit,
    lowerBound: c.lowerBound,
    relativeGap: c.relativeGap,
    ...(Number.isFinite(excess) ? { atMostPercentAbove: 100 * excess } : {}),
    proof: c.proof,
    bestFound: c.bestFound,
    summary,
    reason: c.reason,
    seconds,
  };
}

function excessOf({ balanced, lowerBound }: DeepCertificate): number {
  return lowerBound > 0 ? (balanced - lowerBound) / lowerBound : balanced > 0 ? Infinity : 0;
}

function deepSummary(c: DeepCertificate): string {
  const given = `${c.kind} network, penalty ${c.penalty}: objective ${c.balanced.toPrecision(8)}${c.kind === 'three-layer' ? ' after rescaling its branches' : ''}`;
  return `${given}, proven lower bound ${c.lowerBound.toPrecision(8)}: ${aboveText(excessOf(c))}. Best found here: ${c.bestFound.toPrecision(8)}.`;
}

function aboveText(excess: number): string {
  if (!Number.isFinite(excess)) return 'no useful bound was proven';
  return excess < 1
    ? `at most ${(100 * excess).toPrecision(3)} % above the best possible`
    : `at most ${(1 + excess).toPrecision(3)} times the best possible`;
}

function summaryOf(c: NetworkCertificate): string {
  const objective = c.objective.merged.toPrecision(8);
  const bound = c.lowerBound.toPrecision(8);
  const above = aboveText(c.excess);
  const better =
    c.suggestion === undefined
      ? ''
      : ` A neuron was found that lowers the objective by ${c.suggestion.decrease.toPrecision(3)} at once.`;
  return `objective ${objective} after balancing and merging, proven lower bound ${bound}: ${above}.${better}`;
}

export const certifyCommand: Command = {
  summary: 'prove how far a network is from the best of its family',
  help: `convexnet certify PROBLEM.json NETWORK [options]

Takes any two-layer ReLU network, balances and merges its neurons, and proves a lower bound over all networks
of the family (any width). NETWORK is {"W1","b1","w2","b2"} or a result file as JSON, a PyTorch state dict or
checkpoint as JSON or safetensors, the weights of Keras or scikit-learn as JSON, or ONNX. A three-layer or linear network is certified in its own family when NETWORK is the
JSON that train --network writes for such a run. Writes JSON to stdout unless --out names a file.

  --out FILE            write the certificate to FILE
  --time-limit SECONDS  time for the proof (default ${defaultSeconds})
  --allow-paths         read files that the problem names outside its own folder, too
  --certificate FILE    write a proof file for the network as given, for convexnet check
  --instance FILE       write the conic program that the proof is stuck at, for other solvers (CBF)
  --no-solve            use the network's own dual point only, do not train for a better one
  --progress            show progress on stderr even when it is not a terminal

Exit status: 0 done, 2 bad input, 3 stopped by Ctrl-C (the bound proven so far is written), 1 internal error.
`,
  async run(args) {
    const { values, positionals } = parseOptions(args, {
      out: { type: 'string' },
      'allow-paths': { type: 'boolean' },
      'time-limit': { type: 'string' },
      'no-solve': { type: 'boolean' },
      certificate: { type: 'string' },
      instance: { type: 'string' },
      progress: { type: 'boolean' },
    });
    if (positionals.length !== 2) {
      throw new UsageError('a problem file and a network file are needed', { showHelp: true });
    }
    const outputs = new Outputs(
      { '--out': values.out, '--certificate': values.certificate, '--instance': values.instance },
      positionals,
    );
    const input: CertifyInput = {
      problem: positionals[0],
      network: positionals[1],
      related: { allowPaths: values['allow-paths'] === true, outputs: outputs.identities },
      seconds: numberOption('time-limit', values['time-limit']) ?? defaultSeconds,
      solve: values['no-solve'] !== true,
      certificate: values.certificate !== undefined,
      instance: values.instance !== undefined,
    };
    const { stopped, text, summary, proof, instance } = (await runShown(
      { task: 'certify', input },
      values.progress,
    )) as CertifyOutput;
    await outputs.result('--out', 'certificate.json', text);
    if (proof !== undefined) await outputs.write('--certificate', proof);
    else if (values.certificate !== undefined) throw new UsageError('--certificate is for two-layer ReLU networks');
    if (instance !== undefined) await outputs.write('--instance', instance);
    else if (values.instance !== undefined) throw new UsageError('--instance is for two-layer ReLU networks');
    if (values.out !== undefined || process.stderr.isTTY) process.stderr.write(`${plainLines(summary)}\n`);
    return outputs.status(stopped ? exitStatus.stopped : exitStatus.ok);
  },
};
