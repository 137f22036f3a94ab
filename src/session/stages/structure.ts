import type { Stage } from '../draft.ts';
import { structureRecord } from '../structureRecord.ts';

/** Closed forms, splines, class means. */
export const structureStage: Stage = {
  name: 'structure',
  wanted: () => true,
  async run(draft, { deps, listener, control }) {
    listener.progress({ stage: 'structure', fraction: null, message: 'Closed forms, splines, class means' });
    await deps.pause();
    if (control.shouldStop()) return draft;
    const { problem, data, settings, outcome } = draft;
    const features: typeof outcome.features = (X) => outcome.features(X);
    return { ...draft, structure: structureRecord(problem, data, features, settings, control) };
  },
};
