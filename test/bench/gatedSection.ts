import { createReferenceKernels } from '../../src/core/base/kernels/reference.ts';
import type { Kernels } from '../../src/core/base/kernels/kernels.ts';
import { createKernels } from '../../src/core/base/kernels/createKernels.ts';
import { solve } from '../../src/core/engine/solve.ts';
import type { LossName } from '../../src/core/problem/problem.ts';
import { type BenchData, sampleData, syntheticData } from './data.ts';
import { benchProblem, betaMaxOf, type BenchProblem } from './problems.ts';
import { cpuLimit, measured, median, ratio, seconds, table } from './timing.ts';

/** CPU seconds after which the slower ways are stopped. */
const patience = 3;

/** Semismooth Newton to gap 1e-6 against the accelerated proximal gradient method to gap 1e-4, same gates, same kernels. */
export function benchGated(): void {
  const kernels = createKernels();
  const plain = createReferenceKernels();
  const rows: string[][] = [];
  const factors: number[] = [];
  const same: number[] = [];
  let most = 0;
  const sets: [BenchProblem['data'], LossName, number[]][] = [
    [sampleData('diabetes'), 'squared', [0.1, 0.01]],
    [sampleData('breast_cancer'), 'squared', [0.1, 0.01]],
    [sampleData('sonar'), 'squared', [0.1, 0.01]],
    [sampleData('airfoil'), 'squared', [0.01]],
    [syntheticData(1797, 64), 'squared', [0.1]],
    [syntheticData(2000, 20), 'squared', [0.01]],
    [sampleData('breast_cancer'), 'logistic', [0.1, 0.01]],
    [sampleData('sonar'), 'logistic', [0.1, 0.01]],
    [aboveMean(sampleData('diabetes')), 'logistic', [0.1, 0.01]],
    [sampleData('ionosphere'), 'logistic', [0.1, 0.01]],
  ];
  for (const [data, loss, fractions] of sets) {
    const base: BenchProblem = { data, gates: 500, model: 'gated-relu', loss };
    const betaMax = betaMaxOf(base, kernels);
    for (const fraction of fractions) {
      const problem = benchProblem(base, fraction * betaMax);
      solve(problem, { kernels }, cpuLimit(0.5)); // warms the code up
      const newton = measured(() => solve(problem, { kernels }));
      const onPlain = measured(() => solve(problem, { kernels: plain }, cpuLimit(patience)));
      const loose = { ...problem, tolerance: 1e-4 };
      const newtonLoose = measured(() => solve(loose, { kernels }));
      const first = measured(() => solve(loose, { kernels, engine: 'first-order' }, cpuLimit(patience)));
      const factor = first.cpu / newton.cpu;
      most = Math.max(most, newton.value.iterations);
      if (fraction === 0.01) {
        factors.push(factor);
        same.push(first.cpu / newtonLoose.cpu);
      }
      const reached = first.value.relativeGap <= 1e-4;
      rows.push([
        `${data.name} ${data.X.rows} x ${data.X.cols + 1} ${loss}`,
        fraction.toString(),
        newton.value.groups.length.toString(),
        newton.value.iterations.toString(),
        seconds(newton.cpu),
        newton.value.relativeGap.toExponential(1),
        onPlain.value.relativeGap <= 1e-6 ? ratio(onPlain.cpu / newton.cpu) : `> ${ratio(onPlain.cpu / newton.cpu)}`,
        first.value.iterations.toString(),
        `${reached ? '' : '> '}${seconds(first.cpu)}`,
        first.value.relativeGap.toExponential(1),
        `${reached ? '' : '> '}${ratio(factor)}`,
        `${reached ? '' : '> '}${ratio(first.cpu / newtonLoose.cpu)}`,
      ]);
    }
  }
  table(
    [
      'data (500 gates)',
      'beta/max',
      'active',
      'steps',
      'Newton',
      'gap',
      'TS kernels /',
      'iterations',
      'first order',
      'gap',
      'ratio',
      'both to 1e-4',
    ],
    rows,
  );
  console.log(
    `At most ${most} Newton steps (to reach: 40), after 40 proximal gradient steps that the times include, as they include gates and certificate.`,
  );
  console.log(
    `At beta = 0.01 beta_max (to reach: 5): median ratio ${ratio(median(factors))}, least ${ratio(Math.min(...factors))} (Newton to 1e-6, first order to 1e-4); ` +
      `both to 1e-4: median ${ratio(median(same))}.`,
  );
  benchShapes(kernels);
  kernels.dispose();
}

/** Penalty per row of the comparison by shape, as peers count it. */
const penaltyPerRow = 1e-4;
/** CPU seconds after which either way of that comparison is stopped. */
const shapePatience = 20;

/** Many rows of few columns, where the first-order method may be the quicker one: both ways to the same gap, in turns. */
function benchShapes(kernels: Kernels): void {
  const rows: string[][] = [];
  for (const name of ['airfoil', 'winequality_white', 'abalone', 'diabetes'] as const) {
    const data = sampleData(name);
    const problem = benchProblem({ data, gates: 100, model: 'gated-relu' }, penaltyPerRow * data.X.rows);
    const newton = measured(() => solve(problem, { kernels }, cpuLimit(shapePatience)));
    const first = measured(() => solve(problem, { kernels, engine: 'first-order' }, cpuLimit(shapePatience)));
    rows.push([
      `${data.name} ${data.X.rows} x ${data.X.cols + 1}`,
      newton.value.groups.length.toString(),
      `${newton.value.iterations}`,
      seconds(newton.cpu),
      newton.value.relativeGap.toExponential(1),
      `${first.value.iterations}`,
      seconds(first.cpu),
      first.value.relativeGap.toExponential(1),
      ratio(first.cpu / newton.cpu),
    ]);
  }
  console.log('');
  table(
    ['lambda 1e-4, 100 gates', 'active', 'steps', 'chosen', 'gap', 'iterations', 'first order', 'gap', 'ratio'],
    rows,
  );
}

/** The same inputs with the sign of the standardised target as class. */
function aboveMean(data: BenchData): BenchData {
  return { ...data, y: { ...data.y, data: data.y.data.map((value) => (value > 0 ? 1 : -1)) } };
}

/** A change of beta by a factor of two: warm-started solves, as the panel does them. */
export function benchResolve(): void {
  const kernels = createKernels();
  const rows: string[][] = [];
  for (const data of [syntheticData(500, 10), sampleData('diabetes'), sampleData('breast_cancer')]) {
    const base: BenchProblem = { data, gates: 500, model: 'gated-relu' };
    const betaMax = betaMaxOf(base, kernels);
    for (const fraction of [0.1, 0.02]) {
      const start = solve(benchProblem(base, fraction * betaMax), { kernels });
      for (const factor of [0.5, 2]) {
        const problem = benchProblem(base, factor * fraction * betaMax);
        const cold = measured(() => solve(problem, { kernels }));
        const times: number[] = [];
        const walls: number[] = [];
        let { value } = cold;
        for (let k = 0; k < 7; k++) {
          const warm = measured(() => solve(problem, { kernels, warm: start.warm }));
          times.push(warm.cpu);
          walls.push(warm.wall);
          value = warm.value;
        }
        rows.push([
          `${data.name} ${data.X.rows} x ${data.X.cols + 1}`,
          `${fraction} -> ${fraction * factor}`,
          value.groups.length.toString(),
          value.iterations.toString(),
          seconds(median(times)),
          seconds(median(walls)),
          value.relativeGap.toExponential(1),
          seconds(cold.cpu),
        ]);
      }
    }
  }
  table(['data (500 gates)', 'beta/max', 'active', 'steps', 'CPU', 'wall', 'gap', 'from scratch'], rows);
  kernels.dispose();
}
