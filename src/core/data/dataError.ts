export type DataErrorCode =
  | 'empty-file'
  | 'not-text'
  | 'no-rows'
  | 'too-few-rows'
  | 'one-column'
  | 'ragged-row'
  | 'quote'
  | 'unknown-column'
  | 'not-a-number'
  | 'too-large'
  | 'missing'
  | 'constant-target'
  | 'one-class'
  | 'class-count'
  | 'too-many-classes'
  | 'bad-target'
  | 'no-features'
  | 'unreadable'
  | 'settings';

export interface DataPlace {
  readonly file?: string;
  /** Line in the file, from 1. */
  readonly line?: number;
  /** Column, from 1. */
  readonly column?: number;
  readonly columnName?: string;
}

/** What is wrong with a data file, in one sentence that says where. */
export class DataError extends Error implements DataPlace {
  override readonly name = 'DataError';
  readonly code: DataErrorCode;
  /** The sentence without the place. */
  readonly text: string;
  readonly file?: string;
  readonly line?: number;
  readonly column?: number;
  readonly columnName?: string;

  /** `text` is the sentence without the place; `message` gets "file, line 3, column 2 (age): text". */
  constructor(code: DataErrorCode, text: string, place: DataPlace = {}) {
    const where = [
      place.file,
      place.line === undefined ? undefined : `line ${place.line}`,
      place.column === undefined
        ? place.columnName === undefined
          ? undefined
          : `column "${place.columnName}"`
        : `column ${place.column}${place.columnName === undefined ? '' : ` ("${place.columnName}")`}`,
    ].filter((part) => part !== undefined);
    super(where.length > 0 ? `${where.join(', ')}: ${text}` : text);
    this.code = code;
    this.text = text;
    Object.assign(this, place);
  }
}
