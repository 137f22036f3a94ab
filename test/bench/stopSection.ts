import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createKernels } from '../../src/core/base/kernels/createKernels.ts';
import type { Control } from '../../src/core/base/control.ts';
import { nodeFileSource, nodeSessionDeps } from '../../src/platform/node/nodeSession.ts';
import { createSession } from '../../src/session/session.ts';
import { defaultSettings, type TrainSettings } from '../../src/shared/settings.ts';
import { writeRows } from './data.ts';
import { cpuSeconds, seconds, table } from './timing.ts';

interface Stage {
  polls: number;
  longest: number;
  /** Intervals above the aim, in all. */
  late: number;
  readonly begun: number;
  ended: number;
}

const aim = 0.05;

/** A control that notes, stage by stage, the longest time between two looks for a stop: the smaller of wall and CPU time, which both are bounds. */
function recorder(): {
  readonly control: Control;
  readonly stages: Map<string, Stage>;
  readonly enter: (stage: string) => void;
} {
  const stages = new Map<string, Stage>();
  let current = 'start';
  const clock = (): number => performance.now() / 1000;
  let last = [clock(), cpuSeconds()];
  const look = (counts: boolean): void => {
    const now = [clock(), cpuSeconds()];
    const passed = Math.min(now[0] - last[0], now[1] - last[1]);
    const stage = stages.get(current) ?? { polls: 0, longest: 0, late: 0, begun: last[0], ended: 0 };
    stages.set(current, stage);
    stage.longest = Math.max(stage.longest, passed);
    if (passed > aim) stage.late++;
    stage.ended = now[0];
    if (!counts) return;
    stage.polls++;
    last = now;
  };
  return {
    stages,
    control: { shouldStop: () => (look(true), false), now: clock },
    enter(stage) {
      if (stage === current) return;
      look(false);
      current = stage;
    },
  };
}

const base: TrainSettings = {
  ...defaultSettings,
  target: 'y',
  model: 'gated-relu',
  arrangements: 'sampled',
  gates: 500,
  beta: { kind: 'relative', value: 0.1 },
  timeLimitSeconds: 6,
  path: { points: 4, smallest: 0.1 },
  compare: { ...defaultSettings.compare, epochs: 10, seeds: 1, optimizers: ['adam'] },
};

/** How long each stage of a training goes on without looking for a stop, on 10,000 rows x 100 features and 500 gates. */
export async function benchStop(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-'));
  try {
    const rows: string[][] = [];
    const cases: readonly (readonly [string, boolean, Partial<TrainSettings>])[] = [
      ['gated, regression', false, {}],
      ['gated, two classes', true, {}],
      ['ReLU, regression', false, { model: 'relu', arrangements: 'adaptive', timeLimitSeconds: 6, certifySeconds: 1 }],
    ];
    const kernels = createKernels();
    for (const [name, classes, settings] of cases) {
      const file = path.join(folder, 'wide.csv');
      await writeRows(file, 100, (count) => count >= 10_000, classes);
      const session = createSession(await nodeFileSource(file), nodeSessionDeps({ kernels }));
      const { control, stages, enter } = recorder();
      await session.train(
        { ...base, ...settings },
        { progress: ({ stage }) => enter(stage), record: () => undefined },
        control,
      );
      enter('end');
      for (const [stage, { polls, longest, late, begun, ended }] of stages) {
        if (stage !== 'start')
          rows.push([`${name}: ${stage}`, seconds(ended - begun), `${polls}`, seconds(longest), `${late}`]);
      }
    }
    table(['stage', 'time', 'looks', 'longest between two', 'above 50 ms'], rows);
    console.log('10,000 rows x 100 features, 500 gates. A stop waits at most that long; to reach: 200 ms.\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
