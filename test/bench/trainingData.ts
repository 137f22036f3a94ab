import path from 'node:path';
import type { Kernels } from '../../src/core/base/kernels/kernels.ts';
import type { Problem } from '../../src/core/problem/problem.ts';
import { uncontrolled } from '../../src/core/base/control.ts';
import { nodeFileSource, nodeSessionDeps } from '../../src/platform/node/nodeSession.ts';
import { createSession } from '../../src/session/session.ts';
import { defaultSettings, type TrainSettings } from '../../src/shared/settings.ts';

/** The samples of the extension, smallest first. */
export const sampleNames = [
  'iris',
  'xor_2d',
  'wine',
  'spirals_2d',
  'sonar',
  'penguins',
  'ionosphere',
  'diabetes',
  'breast_cancer',
  'co2_1d',
  'airfoil',
  'abalone',
  'spambase',
  'winequality_white',
] as const;

/** The problem that a training of a sample with the settings as they come solves: 80 % of the rows, standardised, at 0.1 of betaMax, where choosing beta starts. */
export async function sampleProblem(
  name: string,
  kernels: Kernels,
  settings: Partial<TrainSettings> = {},
): Promise<Problem> {
  const session = createSession(
    await nodeFileSource(path.resolve('media/samples', `${name}.csv`)),
    nodeSessionDeps({ kernels }),
  );
  const { target } = await session.inspect();
  const { problem } = await session.problem({ ...defaultSettings, target, ...settings }, uncontrolled);
  return problem;
}
