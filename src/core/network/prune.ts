import { type DenseMatrix, norm2 } from '../base/linalg/matrix.ts';
import { fitDistances } from './fitAngles.ts';
import type { ConvexNeuron } from './mapping.ts';

/** sign * (Xu)_+ of every neuron of one output: m x n, row j the fit of neuron j. */
export function fitsOf(X: DenseMatrix, neurons: readonly ConvexNeuron[]): Float64Array[] {
  return neurons.map(({ u, sign }) => {
    const fit = new Float64Array(X.rows);
    for (let r = 0; r < X.rows; r++) {
      let s = 0;
      for (let k = 0; k < X.cols; k++) s += X.data[r * X.cols + k] * u[k];
      fit[r] = s > 0 ? sign * s : 0;
    }
    return fit;
  });
}

/**
 * A network of at most n neurons per output with the same fit and no larger penalty (Mishkin and Pilanci 2023: minimal models): while
 * the fits of the neurons of an output are linearly dependent, all lengths move along a dependency, in the direction in which the sum of norms does not rise,
 * until one neuron vanishes. X is n x d (effective inputs). With an offset, constants count as a fit as well and `offset` is updated.
 * A stop leaves the neurons that are still there.
 */
export function pruneNeurons(
  X: DenseMatrix,
  penalizedCols: number,
  neurons: readonly ConvexNeuron[],
  outputs: number,
  offset?: Float64Array,
  shouldStop: () => boolean = () => false,
): ConvexNeuron[] {
  const out: ConvexNeuron[] = [];
  for (let output = 0; output < outputs; output++) {
    let mine = neurons.filter((neuron) => neuron.output === output);
    for (;;) {
      // mostly the fits are well apart, which their inner products show
      if (fitDistances(X, mine, offset !== undefined, shouldStop) !== undefined || shouldStop()) break;
      const fits = fitsOf(X, mine);
      if (offset !== undefined) fits.push(new Float64Array(X.rows).fill(1));
      const dependency = findDependency(fits, shouldStop);
      if (dependency === undefined) break;
      dropRounding(dependency, fits);
      const norms = mine.map(({ u }) => norm2(u.subarray(0, penalizedCols)));
      let slope = 0;
      for (let j = 0; j < mine.length; j++) slope += dependency[j] * norms[j];
      // u_j (1 - t a_j) with t > 0: the penalty changes by -t slope
      const direction = slope >= 0 ? 1 : -1;
      let t = Infinity;
      let first = -1;
      for (let j = 0; j < mine.length; j++) {
        const a = direction * dependency[j];
        if (a > 0 && 1 / a < t) {
          t = 1 / a;
          first = j;
        }
      }
      if (first < 0) break;
      if (offset !== undefined) offset[output] -= t * direction * dependency[mine.length];
      mine = mine
        .map((neuron, j) => ({ ...neuron, u: neuron.u.map((value) => value * (1 - t * direction * dependency[j])) }))
        // others that vanish together with it are left as its rounding
        .filter((_, j) => j !== first && 1 - t * direction * dependency[j] > vanished);
    }
    out.push(...mine);
  }
  return out;
}

/** Coefficients whose share of the dependency is rounding. Moving along one of them would scale its neuron, and with it all others, without bound. */
function dropRounding(dependency: Float64Array, fits: readonly Float64Array[]): void {
  const shares = fits.map((fit, j) => Math.abs(dependency[j]) * norm2(fit));
  const largest = Math.max(...shares);
  shares.forEach((share, j) => {
    // a fit of zero counts for nothing however large its coefficient: that neuron is to go
    if (share <= roundingShare * largest && !(largest === 0 && dependency[j] !== 0)) dependency[j] = 0;
  });
}

const roundingShare = 1e-9;
/** What is left of a neuron's length when it vanishes to rounding. */
const vanished = 1e-10;

/** Coefficients a, not all zero, with sum_j a_j fit_j = 0 to rounding, or undefined (when stopped, too). Modified Gram-Schmidt with reorthogonalisation. */
export function findDependency(
  fits: readonly Float64Array[],
  shouldStop: () => boolean = () => false,
): Float64Array | undefined {
  const n = fits[0]?.length ?? 0;
  const basis: Float64Array[] = [];
  /** basis_k as a combination of the fits. */
  const recipes: Float64Array[] = [];
  for (let j = 0; j < fits.length; j++) {
    if (shouldStop()) return undefined;
    const size = norm2(fits[j]);
    const recipe = new Float64Array(fits.length);
    if (size === 0) {
      recipe[j] = 1;
      return recipe;
    }
    const q = fits[j].map((value) => value / size);
    recipe[j] = 1 / size;
    for (let pass = 0; pass < 2; pass++) {
      basis.forEach((b, k) => {
        let s = 0;
        for (let i = 0; i < n; i++) s += b[i] * q[i];
        for (let i = 0; i < n; i++) q[i] -= s * b[i];
        for (let i = 0; i < recipe.length; i++) recipe[i] -= s * recipes[k][i];
      });
    }
    const left = norm2(q);
    if (left <= 1e-11) return recipe;
    basis.push(q.map((value) => value / left));
    recipes.push(recipe.map((value) => value / left));
  }
  return undefined;
}
