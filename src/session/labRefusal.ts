import type { LabError } from '../shared/lab.ts';

/** A Lab task that cannot be done as asked; the remedy, if there is one, changes the form so that it can. */
export class LabRefusal extends Error {
  override readonly name = 'LabRefusal';
  constructor(
    message: string,
    readonly remedy?: LabError['remedy'],
  ) {
    super(message);
  }
}
