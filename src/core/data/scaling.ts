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

/** One encoded input: (value - mean) / scale of a numeric column, or of the indicator of one category. */
export interface InputScaling {
  readonly name: string;
  readonly column: string;
  readonly category?: string;
  readonly mean: number;
  readonly scale: number;
}

/** How original values and what the network sees belong together. */
export interface Scaling {
  readonly inputs: readonly InputScaling[];
  /** Regression targets are (y - mean) / scale; 0 and 1 for classes. */
  readonly target: { readonly mean: number; readonly scale: number };
}
