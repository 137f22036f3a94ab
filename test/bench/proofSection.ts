import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { relativeGap } from '../../src/core/problem/gap.ts';
import type { ProofFigures } from './proofSample.mts';
import { progress, seconds, table } from './timing.ts';

/** Seconds for each proof, and samples with the share of beta's maximum: `PROOF_SECONDS=10 PROOF_DATA=wine,iris:0.005 npm run bench -- proof`. */
const limit = Number(process.env.PROOF_SECONDS ?? 60);
const samples = (
  process.env.PROOF_DATA ??
  'spambase,winequality_white,sonar,abalone,ionosphere,airfoil,breast_cancer,diabetes,wine,penguins,iris,co2_1d,xor_2d,spirals_2d'
).split(',');

/** Threads of one proof. */
const threads = 2;

const head = [
  'data',
  'rows x inputs',
  'cones',
  'cones visited',
  'relaxation R',
  'R with both',
  'it leaves at least',
  'pairs, triangles, steps',
  'last bound after',
  'reported',
  'time, CPU of that',
];

/** Bounds over all networks, default settings: gaps left by cones alone (a third of the time), by the relaxation without and with pairs and triangles, and as reported. A Markdown table. */
export async function benchProof(): Promise<void> {
  const found = new Map<string, readonly string[]>();
  const failed: unknown[] = [];
  // one at a time, in a process of its own: a proof is to have the machine for itself
  for (const item of samples) {
    try {
      const args = ['--import', 'tsx', 'test/bench/proofSample.mts', item, limit.toString(), threads.toString()];
      const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 2 ** 24 });
      found.set(item, cells(item, JSON.parse(stdout.trim().split('\n').at(-1)!) as ProofFigures));
      progress(found.get(item)!.join(' | '));
    } catch (error) {
      failed.push(error);
      progress(`${item}: error`);
    }
  }
  console.log(`${limit} seconds for each proof, one at a time, ${threads} threads.\n`);
  table(
    head,
    samples.filter((item) => found.has(item)).map((item) => found.get(item)!),
  );
  if (failed.length > 0) throw new AggregateError(failed, `${failed.length} samples ended with an error`);
}

function cells(item: string, { rows, inputs, objective, cones, conic, reported }: ProofFigures): readonly string[] {
  const left = (bound: number): string => {
    const gap = Math.max(0, relativeGap(objective, Math.max(0, bound)));
    if (gap === 0) return '0';
    return gap < 1e-6 ? gap.toExponential(0) : `${(100 * gap).toPrecision(2)} %`;
  };
  const relaxation =
    typeof conic === 'string'
      ? [conic, '-', '-', '-', '-']
      : [
          left(conic.first),
          conic.pairs + conic.triangles > 0 ? left(conic.bound) : '-',
          left(conic.limit),
          `${conic.pairs}, ${conic.triangles}, ${conic.steps}`,
          seconds(conic.seconds),
        ];
  return [
    item,
    `${rows} x ${inputs}`,
    left(cones.bound),
    cones.visited.toString(),
    ...relaxation,
    `${left(reported.bound)} (${reported.method})`,
    `${seconds(reported.seconds)}, ${seconds(reported.cpu)}`,
  ];
}
