import { createKernels } from '../../src/core/base/kernels/createKernels.ts';
import { createReferenceKernels } from '../../src/core/base/kernels/reference.ts';
import { type DescentOptions, descend } from '../../src/core/descent/descend.ts';
import { createMlpModel, initialiseMlp, type MlpShape } from '../../src/core/descent/mlp.ts';
import { createRng } from '../../src/core/base/rng.ts';
import { uncontrolled } from '../../src/core/base/control.ts';
import { kernelReport } from '../../src/core/theory/wide/kernelReport.ts';
import { lazyRun } from '../../src/core/theory/wide/lazyRun.ts';
import { syntheticData } from './data.ts';
import { measured, ratio, seconds, table } from './timing.ts';

const [n, d, width] = [500, 10, 4096];

const shapeOf = (hidden: readonly number[], activation: MlpShape['activation'] = 'relu'): MlpShape => ({
  inputs: d,
  hidden,
  activation,
  parametrization: 'ntk',
  inputScale: 1 / Math.sqrt(d),
  weightScale: Math.SQRT2,
  biasScale: 1,
});

/** Time of one epoch of every way to train, of one cell of the width study and of the kernel report, at the largest size of the Lab. */
export function benchWide(): void {
  const data = syntheticData(n, d);
  const y = data.y.data;
  const ways: readonly (readonly [string, MlpShape, Pick<DescentOptions, 'rule' | 'batchSize'>])[] = [
    ['gradient descent, full batch', shapeOf([width]), { rule: 'sgd', batchSize: 0 }],
    ['SGD, batches of 32', shapeOf([width]), { rule: 'sgd', batchSize: 32 }],
    ['momentum, batches of 32', shapeOf([width]), { rule: 'momentum', batchSize: 32 }],
    ['Adam, batches of 32', shapeOf([width]), { rule: 'adam', batchSize: 32 }],
    ['gradient flow (log of the loss)', shapeOf([width]), { rule: 'flow', batchSize: 0 }],
    ['gradient descent, erf', shapeOf([width], 'erf'), { rule: 'sgd', batchSize: 0 }],
    ['gradient descent, 1024 x 1024', shapeOf([1024, 1024]), { rule: 'sgd', batchSize: 0 }],
  ];
  const epochs = 4;
  const kinds = { fast: createKernels(), reference: createReferenceKernels() };
  table(
    [`${n} x ${d} x ${width}, one epoch`, 'CPU', 'rate', 'TypeScript kernels', 'ratio'],
    ways.map(([what, shape, way]) => {
      const start = initialiseMlp(shape, createRng(1));
      const time = (kernels: typeof kinds.fast): { readonly cpu: number; readonly flops: number } => {
        const model = createMlpModel(shape, data.X, y, 'squared', kernels);
        const options: DescentOptions = {
          ...way,
          learningRate: 1e-3,
          schedule: 'constant',
          epochs: 1,
          curvePoints: 2,
          recordAt: [],
        };
        const run = (count: number): void =>
          void descend(model, start, { ...options, epochs: count }, createRng(1), uncontrolled);
        run(1);
        const one = measured(() => run(1)).cpu;
        const more = measured(() => run(1 + epochs)).cpu;
        const flops = model.flopsPerRow * n;
        model.dispose();
        return { cpu: Math.max((more - one) / epochs, 1e-6), flops };
      };
      const fast = time(kinds.fast);
      const slow = time(kinds.reference);
      const rate = `${(fast.flops / fast.cpu / 1e9).toFixed(1)} GF`;
      return [what, seconds(fast.cpu), rate, seconds(slow.cpu), ratio(slow.cpu / fast.cpu)];
    }),
  );
  const steps = 100;
  const rows = [256, 1024, width].map((m) => {
    const cell = measured(() =>
      lazyRun(
        { X: data.X, y, test: null },
        { shape: shapeOf([m]), start: 'mirrored', seed: 1, rate: { kind: 'edge', fraction: 0.5 }, steps },
        kinds.fast,
        uncontrolled,
      ),
    ).cpu;
    const report = measured(() =>
      kernelReport(data.X, { shape: shapeOf([m]), widths: [m], seeds: [1], kernels: kinds.fast }),
    ).cpu;
    return [String(m), seconds(cell), seconds(report)];
  });
  console.log('');
  table([`width, ${n} rows`, `cell of the width study (${steps} steps)`, 'kernel report, one start'], rows);
  for (const kernels of Object.values(kinds)) kernels.dispose();
}
