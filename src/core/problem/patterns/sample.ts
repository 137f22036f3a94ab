import { type DenseMatrix, denseMatrix, norm2, rowNorms } from '../../base/linalg/matrix.ts';
import { rowProducts } from '../../base/linalg/rowProducts.ts';
import { createRng } from '../../base/rng.ts';

/**
 * `count` random gate vectors on the effective inputs X (n x d), determined by the seed.
 *
 * Slopes are Gaussian in units of each column's spread, so that every column matters alike. When X has a constant column (the
 * ones column of a bias) its coefficient is chosen so that the boundary passes through a random point between two random rows:
 * an offset drawn without regard to the data leaves most boundaries outside of it, and whole families of patterns are never seen.
 *
 * A gate that passes through a row up to rounding is drawn again: which side that row is on would depend on the order of
 * summation, and the network would not survive a change of units.
 *
 * When stopped, the gates drawn so far.
 */
export function sampleGates(
  X: DenseMatrix,
  count: number,
  seed: number,
  shouldStop: () => boolean = () => false,
): DenseMatrix {
  const rng = createRng(seed).fork('gates');
  const n = X.rows;
  const d = X.cols;
  const { spread, constant } = columnSpread(X);
  const gates = denseMatrix(count, d);
  const point = new Float64Array(d);
  const products = new Float64Array(n);
  const lengths = rowNorms(X);
  const draw = (g: Float64Array): void => {
    for (let k = 0; k < d; k++) g[k] = rng.normal() / spread[k];
    if (constant < 0) return;
    const a = rng.integer(n) * d;
    const b = rng.integer(n) * d;
    const t = rng.uniform();
    let s = 0;
    for (let k = 0; k < d; k++) {
      point[k] = (1 - t) * X.data[a + k] + t * X.data[b + k];
      if (k !== constant) s += point[k] * g[k];
    }
    g[constant] = -s / point[constant];
  };
  for (let p = 0; p < count; p++) {
    if (shouldStop()) return { rows: p, cols: d, data: gates.data.slice(0, p * d) };
    const g = gates.data.subarray(p * d, (p + 1) * d);
    draw(g);
    for (let attempt = 1; attempt < drawLimit && touchesRow(X, lengths, g, products); attempt++) draw(g);
  }
  return gates;
}

/** Draws of one gate before one that touches a row is taken after all (with one row, or copies of one, there may be no other). */
const drawLimit = 10;
/** Distance to the boundary, relative to the size of the terms, below which rounding decides the side. */
const touching = 1e-9;

/** Whether a gate passes through a row up to rounding. */
function touchesRow(X: DenseMatrix, lengths: Float64Array, g: Float64Array, products: Float64Array): boolean {
  const d = X.cols;
  rowProducts(X, g, products);
  const length = norm2(g);
  for (let i = 0; i < X.rows; i++) {
    // the terms sum up to at most the product of the lengths: far from the boundary nothing more is needed
    if (Math.abs(products[i]) > touching * length * lengths[i]) continue;
    let size = 0;
    for (let k = 0; k < d; k++) size += Math.abs(X.data[i * d + k] * g[k]);
    if (Math.abs(products[i]) <= touching * size && size > 0) return true;
  }
  return false;
}

/** Spread of each column (standard deviation about the mean, or about 0 without a constant column; 1 where it is 0). */
function columnSpread(X: DenseMatrix): { readonly spread: Float64Array; readonly constant: number } {
  const { rows: n, cols: d, data } = X;
  let constant = -1;
  const mean = new Float64Array(d);
  const spread = new Float64Array(d);
  for (let k = 0; k < d; k++) {
    let same = data[k] !== 0;
    let s = 0;
    for (let i = 0; i < n; i++) {
      s += data[i * d + k];
      same &&= data[i * d + k] === data[k];
    }
    if (same && n > 1) constant = k;
    mean[k] = s / n;
  }
  for (let k = 0; k < d; k++) {
    const centre = constant < 0 ? 0 : mean[k];
    let s = 0;
    for (let i = 0; i < n; i++) s += (data[i * d + k] - centre) ** 2;
    spread[k] = Math.sqrt(s / n) || 1;
  }
  return { spread, constant };
}
