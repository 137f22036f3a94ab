import { boundsOf } from './settingKinds.ts';
import { defaultSettings, trainingTable, type TrainSettings } from './settings.ts';

/**
 * What can be done about a remark by training again: `choose-beta` by cross-validation; `longer`, with three times the time; `smaller-beta`, with a
 * path that goes ten times further down; `impute`, with gaps filled.
 */
export const remedies = ['choose-beta', 'longer', 'smaller-beta', 'impute'] as const;
export type TrainingRemedy = (typeof remedies)[number];

const automatic = { kind: 'auto', value: defaultSettings.beta.value } as const;
const longest = boundsOf(trainingTable.timeLimitSeconds).most;
const smallestPath = boundsOf(trainingTable.path.group.smallest).least!;

/** The settings that mend it. */
export function remedied(settings: TrainSettings, remedy: TrainingRemedy): TrainSettings {
  switch (remedy) {
    case 'choose-beta':
      return { ...settings, beta: automatic };
    case 'longer':
      return { ...settings, beta: automatic, timeLimitSeconds: Math.min(longest, 3 * settings.timeLimitSeconds) };
    case 'smaller-beta': {
      const smallest = Math.max(smallestPath, settings.path.smallest / 10);
      return { ...settings, beta: automatic, path: { ...settings.path, smallest } };
    }
    case 'impute':
      return { ...settings, missing: 'impute' };
  }
}
