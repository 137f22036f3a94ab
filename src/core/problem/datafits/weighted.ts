import type { DenseMatrix } from '../../base/linalg/matrix.ts';
import { balanceSigns, columnOfTargets, type Datafit, type Loss, type LossParameters } from './datafit.ts';

/** What an entropy loses by the rounding of one division of its argument, over that argument: u times the largest logarithm of a double, and more. */
const roundedDivision = 2 ** -43;

/** Rows of one weight, as a datafit of their own. */
interface Part {
  readonly weight: number;
  readonly rows: Int32Array;
  readonly fit: Datafit;
  /** Room for the entries of its rows. */
  readonly a: Float64Array;
  readonly b: Float64Array;
}

/**
 * A loss with positive weights of rows, l(F) = sum_i w_i l_i(f_i): rows of one weight are a datafit of the loss itself, of which everything follows by
 * change of scale. Its conjugate is sum_i w_i l_i*(g_i / w_i), so that -l*(-V) = sum_i w_i times that of V_i / w_i, and the domain of row i is
 * w_i times that of the loss; the prox of a row is that of the loss with w_i tau. It is not `quadratic` (the Hessian is w_i, not 1), and has no
 * formula for whitened rows.
 */
export function weightedDatafit(
  loss: Loss,
  targets: DenseMatrix,
  outputs: number,
  parameters: LossParameters,
  weights: ArrayLike<number>,
): Datafit {
  const base = loss.create(targets, outputs, parameters);
  const parts = partsOf(loss, targets, outputs, parameters, weights);
  const largest = parts.reduce((most, { weight }) => Math.max(most, weight), 0);
  const { name, smooth, curved, separable, coercive, rows, factorCols } = base;
  return {
    ...{
      name,
      smooth,
      curved,
      separable,
      coercive,
      targets: base.targets,
      quadratic: false,
      rows,
      outputs,
      factorCols,
    },
    lipschitz: base.lipschitz * largest,
    dualModulus: base.dualModulus / largest,
    ...onFits(parts, base, weights),
    ...onDualPoints(parts, base, largest),
    ofOutput: (output) => weightedDatafit(loss, columnOfTargets(targets, output), 1, parameters, weights),
  };
}

/** What is asked of fits. */
function onFits(
  parts: readonly Part[],
  base: Datafit,
  weights: ArrayLike<number>,
): Pick<
  Datafit,
  'value' | 'gradient' | 'lossOfRows' | 'hessian' | 'hessianFactor' | 'dualPoint' | 'prox' | 'proxSlope'
> {
  const { outputs: c, proxSlope } = base;
  const rowFit = new Float64Array(c);
  const rowSlope = new Float64Array(c);
  const blocksOf = (
    F: Float64Array,
    width: number,
    out: Float64Array,
    fill: (part: Part, F: Float64Array, blocks: Float64Array) => number,
  ): void => {
    for (const part of parts) {
      const blocks = new Float64Array(part.rows.length * width);
      const factor = fill(part, gather(part, F, c), blocks);
      scatter(part, blocks, out, width, factor);
    }
  };
  return {
    value: (F) => parts.reduce((sum, part) => sum + part.weight * part.fit.value(gather(part, F, c)), 0),
    gradient(F, G) {
      for (const part of parts) {
        part.fit.gradient(gather(part, F, c), part.b);
        scatter(part, part.b, G, c, part.weight);
      }
    },
    lossOfRows(F, order, start, count, G) {
      let sum = 0;
      for (let k = 0, at = 0; k < count; k++, at += c) {
        const weight = weights[order === null ? start + k : order[start + k]];
        for (let o = 0; o < c; o++) rowFit[o] = F[at + o];
        sum += weight * base.lossOfRows(rowFit, order, start + k, 1, rowSlope);
        for (let o = 0; o < c; o++) G[at + o] = weight * rowSlope[o];
      }
      return sum;
    },
    hessian: (F, H) =>
      blocksOf(F, c * c, H, ({ fit, weight }, own, blocks) => {
        fit.hessian(own, blocks);
        return weight;
      }),
    hessianFactor: (F, L) =>
      blocksOf(F, c * base.factorCols, L, ({ fit, weight }, own, blocks) => {
        fit.hessianFactor(own, blocks);
        return Math.sqrt(weight);
      }),
    dualPoint(F, V) {
      for (const part of parts) {
        part.fit.dualPoint(gather(part, F, c), part.b);
        scatter(part, part.b, V, c, part.weight);
      }
    },
    prox(Z, tau, F) {
      for (const part of parts) {
        part.fit.prox(gather(part, Z, c), tau * part.weight, part.b);
        scatter(part, part.b, F, c, 1);
      }
    },
    ...(proxSlope !== undefined && {
      proxSlope(Z, tau, F, S) {
        for (const part of parts) {
          const fit = gather(part, F, c).slice();
          part.fit.proxSlope!(gather(part, Z, c), tau * part.weight, fit, part.b);
          scatter(part, part.b, S, c, 1);
        }
      },
    }),
  };
}

/** What is asked of dual points: everything in V / w, part by part. */
function onDualPoints(
  parts: readonly Part[],
  base: Datafit,
  largest: number,
): Pick<Datafit, 'dualValue' | 'dualBelow' | 'projectDual' | 'balanceDual' | 'fitOfDual' | 'fitError'> {
  const { outputs: c, fitError } = base;
  const bounded = base.targets !== 'numbers';
  const dualValue = (V: Float64Array): number =>
    parts.reduce((sum, part) => sum + part.weight * part.fit.dualValue(shrunk(part, V, c)), 0);
  const projectDual = (V: Float64Array): void => {
    for (const part of parts) {
      part.fit.projectDual(shrunk(part, V, c));
      scatter(part, part.a, V, c, part.weight);
    }
  };
  return {
    dualValue,
    projectDual,
    dualBelow(V) {
      let sum = 0;
      let sizes = 0;
      for (const part of parts) {
        const value = part.weight * part.fit.dualBelow(shrunk(part, V, c));
        sum += value;
        sizes += Math.abs(value);
      }
      // the products and sums here; the divisions of V (for numbers the slack of the parts covers them)
      let reach = 0;
      if (bounded) for (let i = 0; i < V.length; i++) reach += Math.abs(V[i]);
      return sum - (parts.length + 2) * 2 ** -52 * sizes - roundedDivision * reach;
    },
    balanceDual(V) {
      projectDual(V);
      if (base.separable) balanceSigns(V, c);
      else balanceCoupled(dualValue, base, V, largest);
    },
    fitOfDual(V, F) {
      for (const part of parts) {
        part.fit.fitOfDual(shrunk(part, V, c), part.b);
        scatter(part, part.b, F, c, 1);
      }
    },
    ...(fitError !== undefined && {
      // of each part: its gap is at most that of all over its weight, and its dual points are V / w
      fitError: (V, dualError, gap) =>
        Math.sqrt(
          parts.reduce((sum, part) => {
            const { weight, fit } = part;
            return sum + fit.fitError!(shrunk(part, V, c), dualError / weight, gap / weight) ** 2;
          }, 0),
        ),
    }),
  };
}

function partsOf(
  loss: Loss,
  targets: DenseMatrix,
  c: number,
  parameters: LossParameters,
  weights: ArrayLike<number>,
): Part[] {
  const rowsOf = new Map<number, number[]>();
  for (let i = 0; i < targets.rows; i++) {
    const rows = rowsOf.get(weights[i]);
    if (rows === undefined) rowsOf.set(weights[i], [i]);
    else rows.push(i);
  }
  return [...rowsOf].map(([weight, list]): Part => {
    const rows = Int32Array.from(list);
    const { cols } = targets;
    const data = new Float64Array(rows.length * cols);
    rows.forEach((row, k) => data.set(targets.data.subarray(row * cols, (row + 1) * cols), k * cols));
    const room = (): Float64Array => new Float64Array(rows.length * c);
    return { weight, rows, fit: loss.create({ rows: rows.length, cols, data }, c, parameters), a: room(), b: room() };
  });
}

/** The entries of a part's rows, in its room. */
function gather({ rows, a }: Part, from: Float64Array, c: number): Float64Array {
  for (let k = 0, at = 0; k < rows.length; k++) for (let o = 0, f = rows[k] * c; o < c; o++) a[at++] = from[f++];
  return a;
}

/** The same over the weight. */
function shrunk(part: Part, from: Float64Array, c: number): Float64Array {
  const a = gather(part, from, c);
  if (part.weight !== 1) for (let i = 0; i < a.length; i++) a[i] /= part.weight;
  return a;
}

/** Back into all rows, blocks of `width` numbers, times a factor. */
function scatter({ rows }: Part, from: Float64Array, to: Float64Array, width: number, factor: number): void {
  for (let k = 0, at = 0; k < rows.length; k++) {
    for (let o = 0, t = rows[k] * width; o < width; o++) to[t++] = factor * from[at++];
  }
}

/**
 * Balances a dual point of a loss that couples its outputs: as that of rows of one weight, the largest, and then shortened as far as the lighter rows ask
 * for (sums of zero stay zero).
 */
function balanceCoupled(dualValue: Datafit['dualValue'], base: Datafit, V: Float64Array, largest: number): void {
  for (let i = 0; i < V.length; i++) V[i] /= largest;
  base.balanceDual(V);
  for (let i = 0; i < V.length; i++) V[i] *= largest;
  if (dualValue(V) > -Infinity) return;
  let [low, high] = [0, 1];
  for (let round = 0; round < 50; round++) {
    const middle = (low + high) / 2;
    if (dualValue(V.map((v) => middle * v)) > -Infinity) low = middle;
    else high = middle;
  }
  for (let i = 0; i < V.length; i++) V[i] *= low;
}
