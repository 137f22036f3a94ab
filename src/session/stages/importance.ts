import { withDeadline } from '../../core/base/control.ts';
import type { Stage } from '../draft.ts';
import { importanceOf } from '../importance.ts';
import { pickRows } from '../pickRows.ts';
import { predictionsFrom } from '../predictions.ts';

/** Seconds that it takes at most. */
const most = 5;

/** Which columns the network needs, and how its prediction goes with them, on the rows held out (the training rows where there are none). */
export const importanceStage: Stage = {
  name: 'importance',
  wanted: ({ importance }) => importance?.complete !== true,
  async run(draft, { deps, control, seconds }) {
    await deps.pause();
    if (control.shouldStop()) return draft;
    const { data, problem, settings, outcome, described, threshold } = draft;
    const split = data.testRows.length > 0 ? 1 : 0;
    const rows = split === 1 ? data.testRows : data.trainRows;
    const limited = withDeadline(control, Math.min(most, seconds));
    const { classes, loss, classWeights } = predictionsFrom(described.fit, data, problem.loss, settings);
    const importance = importanceOf(
      {
        ...{ classes, loss, classWeights, threshold: threshold?.at },
        scaling: data.scaling,
        X: pickRows(data.unwhitened ?? data.X, rows),
        target: Float64Array.from(rows, (row) => data.y[row]),
        predict: (X) => outcome.predict(X, () => limited.shouldStop()),
        seed: settings.seed,
      },
      limited,
    );
    return importance.features.length === 0 ? draft : { ...draft, importance: { ...importance, split } };
  },
};
