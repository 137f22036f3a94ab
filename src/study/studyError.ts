/** A study that does not say what can be run; `path` leads to the place in the study file. */
export class StudyError extends Error {
  override readonly name = 'StudyError';
  readonly path: readonly (string | number)[];

  constructor(message: string, path: readonly (string | number)[] = []) {
    super(message);
    this.path = path;
  }
}
