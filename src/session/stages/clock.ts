import type { Control } from '../../core/base/control.ts';
import type { StageName } from '../../shared/run.ts';

/**
 * Parts of a training's time. What is left of it is parted by these among a stage and those that are still to come, so that what one leaves goes to the next.
 * Proofs have limits of their own, and a comparison of models that was asked for takes a share of the limit for each model.
 */
const parts: Readonly<Record<StageName, number>> = {
  'cross-validation': 8,
  solve: 10,
  threshold: 2,
  path: 5,
  structure: 0.5,
  extras: 2,
  compare: 4,
  refine: 1,
  importance: 0.5,
  proof: 0,
  models: 0,
  'path-proof': 0,
};

/** Parts the time limit of a training among its stages. Times of proofs and of simple models do not count. */
export class TrainingClock {
  private readonly begin: number;
  private leftOut = 0;

  constructor(
    private readonly control: Pick<Control, 'now'>,
    private readonly limit: number,
  ) {
    this.begin = control.now();
  }

  /** Seconds that a stage may take, with these after it. */
  secondsFor(stage: StageName, later: readonly StageName[]): number {
    const left = Math.max(0, this.limit - (this.control.now() - this.begin - this.leftOut));
    const all = later.reduce((sum, name) => sum + parts[name], parts[stage]);
    return all === 0 ? left : (left * parts[stage]) / all;
  }

  /** Seconds went into what does not count. */
  leaveOut(seconds: number): void {
    this.leftOut += seconds;
  }
}
