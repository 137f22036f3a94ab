import type { VNode } from 'preact';
import { useMemo, useState } from 'preact/hooks';
import type { LabRecordOf } from '../../../src/shared/lab.ts';
import { Chart } from '../../charts/chart.tsx';
import type { ChartSpec, MarkShape, Tone } from '../../charts/spec.ts';
import { Dropdown } from '../../ui/controls.ts';
import { RateMap } from '../rateMap.tsx';
import { Constants } from './kernel.tsx';

type Sweep = LabRecordOf<'sweep'>;
const tone = (i: number): Tone => (i % 6) as Tone;

/** (i) Loss against steps, observed and as the linearised network predicts, for one start per width. */
export function rateChart({ result }: Sweep, seed: number): ChartSpec {
  const runs = result.cells.filter((cell) => cell.noise === 0 && cell.seed === seed);
  return {
    id: 'sweep-linear-rate',
    title: '(i) Loss, observed and predicted',
    summary:
      'Solid: gradient descent. Dashed: the linearised network at its start, from the eigenvalues of its kernel.',
    x: { label: 'step' },
    y: { label: 'half the sum of squares', log: true },
    series: runs.flatMap((run, i) => [
      {
        id: `observed-${run.width}`,
        label: `width ${run.width}`,
        kind: 'line',
        x: run.at,
        y: run.loss,
        tone: tone(i),
      } as const,
      {
        id: `predicted-${run.width}`,
        label: `width ${run.width}, predicted`,
        kind: 'line',
        dash: [6, 4],
        x: run.at,
        y: run.predictedLoss,
        tone: tone(i),
      } as const,
    ]),
    empty: 'No run is finished.',
  };
}

/** (ii) How far the parameters moved. */
export function displacementChart({ result }: Sweep): ChartSpec {
  const runs = result.cells.filter((cell) => cell.noise === 0 && !cell.diverged);
  const series = (
    id: string,
    label: string,
    values: (number | null)[],
    at: number,
    mark: MarkShape,
  ): ChartSpec['series'][number] => ({
    id,
    label,
    kind: 'points',
    x: runs.map((run) => run.width),
    y: values.map((value) => value ?? NaN),
    tone: tone(at),
    mark,
    hollow: at > 0,
    describe: (i) => `start ${runs[i].seed}`,
  });
  return {
    id: 'sweep-displacement',
    title: '(ii) Displacement and the nearest interpolant',
    summary:
      'How far the parameters moved, how far the linearised network moves in the same steps, and the distance to its nearest interpolant.',
    x: { label: 'width', log: true },
    y: { label: 'distance from the start', min: 0 },
    series: [
      series(
        'observed',
        'observed',
        runs.map((run) => run.displacement),
        0,
        'circle',
      ),
      series(
        'predicted',
        'predicted',
        runs.map((run) => run.predictedDisplacement),
        1,
        'square',
      ),
      series(
        'interpolant',
        'nearest interpolant',
        runs.map((run) => run.interpolantDisplacement),
        2,
        'diamond',
      ),
      series(
        'path',
        'length of the path',
        runs.map((run) => run.pathLength),
        3,
        'triangle',
      ),
    ],
    empty: 'No run is finished.',
  };
}

/** (iii) The bound and the measured gap, also with label noise. */
export function boundChart({ result }: Sweep): ChartSpec {
  const noises = [...new Set(result.cells.map((cell) => cell.noise))];
  return {
    id: 'sweep-generalisation',
    title: '(iii) Generalisation bound and measured gap',
    summary: `Test minus training error (absolute, capped at 1), and its bound that holds with probability ${1 - result.setting.delta}. A bound above 1 says nothing by itself.`,
    x: { label: 'width', log: true },
    y: { label: 'gap', log: true },
    series: noises.flatMap((noise, i) => {
      const runs = result.cells.filter((cell) => cell.noise === noise && cell.gap !== null);
      const words = noise === 0 ? '' : `, ${Math.round(100 * noise)} % label noise`;
      const x = runs.map((run) => run.width);
      return [
        {
          id: `bound-${noise}`,
          label: `bound${words}`,
          kind: 'points',
          mark: 'triangle',
          hollow: true,
          x,
          y: runs.map((run) => run.bound),
          tone: tone(i),
        } as const,
        {
          id: `gap-${noise}`,
          label: `measured gap${words}`,
          kind: 'points',
          x,
          y: runs.map((run) => Math.max(run.gap!, 1e-4)),
          tone: tone(i),
          describe: (k: number) =>
            runs[k].gap! <= 1e-4 ? `gap ${runs[k].gap!.toPrecision(3)}, drawn at 0.0001` : `start ${runs[k].seed}`,
        } as const,
      ];
    }),
    guides: [{ axis: 'y', value: 1, label: 'says nothing above', tone: 'muted' }],
    empty: 'No rows were held out.',
  };
}

/** (iv) Relative displacement, kernel drift and flipped signs against width. */
export function lazyChart({ result }: Sweep): ChartSpec {
  const runs = result.cells.filter((cell) => cell.noise === 0 && !cell.diverged);
  const x = runs.map((run) => run.width);
  const { exponents } = result;
  const label = (name: string, exponent: number | null | undefined): string =>
    typeof exponent === 'number' ? `${name}: width^${exponent.toFixed(2)}` : name;
  return {
    id: 'sweep-lazy',
    title: '(iv) Lazy training',
    summary:
      'The wider, the less the parameters move relative to their size, the kernel changes, and ReLU signs flip. Fitted exponents are in the legend.',
    x: { label: 'width', log: true },
    y: { label: 'share', log: true },
    series: [
      {
        id: 'moved',
        label: label('displacement', exponents?.relativeDisplacement),
        kind: 'points',
        x,
        y: runs.map((run) => run.relativeDisplacement),
        tone: 0,
      },
      {
        id: 'drift',
        label: label('kernel drift', exponents?.kernelDrift),
        kind: 'points',
        mark: 'square',
        x,
        y: runs.map((run) => run.kernelDrift),
        tone: 1,
      },
      {
        id: 'flipped',
        label: label('flipped signs', exponents?.flipped),
        kind: 'points',
        mark: 'diamond',
        x,
        y: runs.map((run) => run.flipped ?? NaN),
        tone: 2,
      },
    ],
    empty: 'No run is finished.',
  };
}

export function SweepPage({ record }: { readonly record: Sweep }): VNode {
  const { result } = record;
  const { seeds } = result.setting;
  const [seed, setSeed] = useState(String(seeds[0]));
  const rates = useMemo(() => rateChart(record, Number(seed)), [record, seed]);
  const others = useMemo(() => [displacementChart(record), boundChart(record), lazyChart(record)], [record]);
  return (
    <div class="grid">
      <div class="card">
        <Chart
          spec={rates}
          controls={
            seeds.length > 1 && (
              <Dropdown
                label="Start"
                value={seed}
                choices={seeds.map((value) => ({ value: String(value), label: String(value) }))}
                onSelect={setSeed}
              />
            )
          }
        />
      </div>
      {others.map((spec) => (
        <div class="card" key={spec.id}>
          <Chart spec={spec} />
        </div>
      ))}
      <div class="card">
        <RateMap result={result} />
      </div>
      <Constants moments={result.moments} hermite={result.hermite} />
    </div>
  );
}
