import { createKernels } from '../../src/core/base/kernels/createKernels.ts';
import { solve } from '../../src/core/engine/solve.ts';
import { sampleData, syntheticData } from './data.ts';
import { benchProblem, betaMaxOf, type BenchProblem } from './problems.ts';
import { cpuLimit, measured, progress, seconds, table } from './timing.ts';

/** The cone-constrained program of the ReLU network on sampled gates. */
export function benchCones(): void {
  const kernels = createKernels();
  const rows: string[][] = [];
  for (const [data, gates] of [
    [syntheticData(100, 5), 40],
    [sampleData('diabetes', 100), 40],
    [syntheticData(1000, 10), 200],
    [sampleData('airfoil', 1000), 200],
  ] as const) {
    const base: BenchProblem = { data, gates, model: 'relu' };
    const betaMax = betaMaxOf({ ...base, model: 'gated-relu' }, kernels);
    for (const fraction of [0.1, 0.01]) {
      const problem = benchProblem(base, fraction * betaMax);
      const { value, cpu } = measured(() => solve(problem, { kernels, certifySeconds: 0 }, cpuLimit(120)));
      rows.push([
        `${data.name} ${data.X.rows} x ${data.X.cols + 1}, ${gates} gates`,
        fraction.toString(),
        value.groups.length.toString(),
        seconds(cpu),
        value.relativeGap.toExponential(1),
        value.kkt.cone.toExponential(1),
        value.status,
      ]);
      progress(`${data.name}, beta ${fraction} of its largest`);
    }
  }
  table(['cone program', 'beta/max', 'neurons', 'CPU', 'gap', 'cone violation', 'status'], rows);
  kernels.dispose();
}

/** Seconds that each proof over all arrangements may take: `PROOF_SECONDS=60 npm run bench -- adaptive`. */
const proofSeconds = Number(process.env.PROOF_SECONDS ?? 10);

/** Neurons generated over all arrangements, and the proven gap after the time given to the proof. */
export function benchAdaptive(): void {
  const kernels = createKernels();
  const rows: string[][] = [];
  for (const data of [sampleData('diabetes'), sampleData('breast_cancer'), sampleData('spirals_2d')]) {
    const base: BenchProblem = { data, gates: 500, model: 'gated-relu' };
    const betaMax = betaMaxOf(base, kernels);
    for (const fraction of [0.3, 0.1, 0.03]) {
      const problem = {
        ...benchProblem({ ...base, model: 'relu' }, fraction * betaMax),
        arrangements: { kind: 'adaptive', seed: 1 } as const,
      };
      const { value, cpu } = measured(() =>
        solve(problem, { kernels, certifySeconds: proofSeconds }, cpuLimit(120 + proofSeconds)),
      );
      rows.push([
        data.name,
        fraction.toString(),
        value.groups.length.toString(),
        seconds(cpu),
        value.objective.toPrecision(9),
        value.global === undefined ? '-' : `${(100 * value.global.relativeGap).toFixed(2)} %`,
        value.global?.proof ?? '-',
      ]);
      progress(`${data.name}, beta ${fraction} of its largest`);
    }
  }
  table(
    ['all arrangements', 'beta/max', 'neurons', `CPU (${proofSeconds} s proof)`, 'objective', 'proven gap', 'proof'],
    rows,
  );
  kernels.dispose();
}
