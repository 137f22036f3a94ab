/** Where a problem is wrong; rows and columns count from 1. */
export interface ProblemErrorPlace {
  /** Name in the problem format, e.g. `y` or `gates`. */
  readonly field?: string;
  readonly row?: number;
  readonly column?: number;
  /** File the field was read from, when it was a path. */
  readonly file?: string;
}

/** A problem that cannot be solved as it stands; `reason` is one sentence, `message` names the place first. */
export class ProblemError extends Error {
  readonly reason: string;
  readonly field: string | undefined;
  readonly row: number | undefined;
  readonly column: number | undefined;
  readonly file: string | undefined;

  constructor(reason: string, place: ProblemErrorPlace = {}) {
    const where = [
      place.file,
      place.field,
      place.row === undefined ? undefined : `row ${place.row}`,
      place.column === undefined ? undefined : `column ${place.column}`,
    ].filter((part) => part !== undefined);
    super(where.length === 0 ? reason : `${where.join(', ')}: ${reason}`);
    this.name = 'ProblemError';
    this.reason = reason;
    this.field = place.field;
    this.row = place.row;
    this.column = place.column;
    this.file = place.file;
  }

  /** The same complaint with the file named first. */
  in(file: string): ProblemError {
    return new ProblemError(this.reason, {
      file: this.file ?? file,
      field: this.field,
      row: this.row,
      column: this.column,
    });
  }
}
