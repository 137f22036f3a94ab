import type { DateWave } from './dates.ts';

/** Mean and spread of the entries of `values` picked by `rows`, safe for values near the ends of the range of doubles. */
export function meanAndScale(values: ArrayLike<number>, rows: ArrayLike<number>): { mean: number; scale: number } {
  let top = 0;
  for (let k = 0; k < rows.length; k++) top = Math.max(top, Math.abs(values[rows[k]]));
  if (top === 0 || rows.length === 0) return { mean: 0, scale: 0 };
  let sum = 0;
  for (let k = 0; k < rows.length; k++) sum += values[rows[k]] / top;
  const mean = sum / rows.length;
  let squares = 0;
  for (let k = 0; k < rows.length; k++) squares += (values[rows[k]] / top - mean) ** 2;
  const deviation = Math.sqrt(squares / rows.length);
  // Differences below the rounding errors of the values themselves are no spread.
  return { mean: mean * top, scale: deviation > 1e-14 ? deviation * top : 0 };
}

/** One encoded input: (value - mean) / scale of a column of numbers or dates, or of the indicator of one category. */
export interface InputScaling {
  readonly name: string;
  readonly column: string;
  readonly category?: string;
  /** Where one indicator stands for two categories: the one that is 0. Not in records of earlier runs. */
  readonly other?: string;
  /** The column holds dates; the value is days since 1970-01-01. */
  readonly date?: boolean;
  /** Of dates: a wave over the days instead of the days. Not in records of earlier runs. */
  readonly wave?: DateWave;
  /** Of dates whose day and month could be exchanged: which came first. Not in records of earlier runs. */
  readonly dayFirst?: boolean;
  /** Where gaps are filled: the value of a gap (median, or the indicator for the commonest category, of the training rows). Not in records of earlier runs. */
  readonly fill?: number;
  readonly mean: number;
  readonly scale: number;
}

/** The linear map M of whitened data: the network sees z = M s, s the scaled inputs of one row. */
export interface Whitening {
  /** Whether the training rows came out orthogonal and of equal length (independent rows, at most as many as inputs). */
  readonly rowsOrthogonal: boolean;
  /** Rank of the scaled training inputs; what lies outside their span is mapped to zero. */
  readonly rank: number;
  /** Symmetric, inputs x inputs. */
  readonly matrix: readonly (readonly number[])[];
}

/** How original values and what the network sees belong together. */
export interface Scaling {
  readonly inputs: readonly InputScaling[];
  /** Applied after `inputs`, when the data are whitened. */
  readonly whitening?: Whitening;
  /** The whitening is that of batch normalisation: rows centred, so that every direction has mean 0 and deviation 1. */
  readonly batchNorm?: true;
  /** Regression targets are (y - mean) / scale; 0 and 1 for classes. */
  readonly target: { readonly mean: number; readonly scale: number };
}

/** Name of what the network sees in place k: the input, or the combination of inputs that whitening put there; the last is the bias. */
export function encodedName(scaling: Scaling, k: number): string {
  const input = scaling.inputs[k] as InputScaling | undefined;
  if (input === undefined) return 'bias';
  if (scaling.batchNorm === true) return `${input.name}, normalised`;
  return scaling.whitening === undefined ? input.name : `${input.name}, whitened`;
}

/** What was done to the features, in words: beta belongs to the features in this state. */
export function scalingWords({ inputs, whitening, batchNorm }: Scaling): string {
  if (batchNorm === true) return 'batch-normalised, every direction of mean 0 and deviation 1';
  if (whitening !== undefined) {
    return whitening.rowsOrthogonal ? 'whitened (training rows orthogonal)' : 'whitened (uncorrelated, deviation 1)';
  }
  return inputs.every(({ mean, scale }) => mean === 0 && scale === 1) ? 'as they are' : 'standardised';
}
