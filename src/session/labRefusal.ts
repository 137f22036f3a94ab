import type { LabRemedy } from '../shared/lab.ts';

/** A Lab task that cannot be done as asked; the remedy, if there is one, changes the form so that it can. */
export class LabRefusal extends Error {
  override readonly name = 'LabRefusal';
  constructor(
    message: string,
    readonly remedy?: LabRemedy,
    readonly others?: readonly LabRemedy[],
  ) {
    super(message);
  }
}
