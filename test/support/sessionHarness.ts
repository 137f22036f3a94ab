import { createHash } from 'node:crypto';
import type { Control } from '../../src/core/base/control.ts';
import { createSession, type Session, type SessionDeps, type SessionListener } from '../../src/session/session.ts';
import type { RunRecord, TrainProgress } from '../../src/shared/run.ts';
import { defaultSettings, type TrainSettings } from '../../src/shared/settings.ts';
import type { FileSource } from '../../src/core/data/source.ts';

/** Seconds that the process has computed: what a stage gets done within its limit does not depend on what else the machine does. */
export const clock = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};
export const running: Control = { shouldStop: () => false, now: clock };

export function testSession(source: FileSource, more: Partial<SessionDeps> = {}): Session {
  return createSession(source, {
    createHash: () => {
      const hash = createHash('sha256');
      return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest('hex') };
    },
    pause: () => Promise.resolve(),
    date: () => new Date(Date.UTC(2024, 1, 3, 4, 5, 6)),
    ...more,
  });
}

/** Small and quick: a beta that is given, few gates, no path, no comparison, no proof. */
export const quickSettings: TrainSettings = {
  ...defaultSettings,
  beta: { kind: 'relative', value: 0.1 },
  model: 'gated-relu',
  gates: 20,
  certifySeconds: 0,
  path: { points: 0, smallest: 0.05 },
  compare: { ...defaultSettings.compare, enabled: false },
};

export interface Heard extends SessionListener {
  readonly stages: TrainProgress['stage'][];
  readonly records: RunRecord[];
}

/** Remembers the stages in order and every record. */
export function listen(onProgress?: (progress: TrainProgress) => void): Heard {
  const stages: TrainProgress['stage'][] = [];
  const records: RunRecord[] = [];
  return {
    stages,
    records,
    progress(progress) {
      if (stages.at(-1) !== progress.stage) stages.push(progress.stage);
      onProgress?.(progress);
    },
    record: (run) => void records.push(run),
  };
}
