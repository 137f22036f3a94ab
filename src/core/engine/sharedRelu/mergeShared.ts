import type { SharedNeuron } from '../../network/mapping.ts';
import { createSmallSvd } from '../../base/linalg/jacobiSvd.ts';
import { type DenseMatrix, norm2 } from '../../base/linalg/matrix.ts';
import { findDependency } from '../../network/prune.ts';
import type { LocalProblem } from '../relu/activeNeurons.ts';
import { balancedShared, classProducts, sizeOf } from './sharedNeuron.ts';

/**
 * Within a closed cell the neurons add up to a block U = sum_j w_j a_j', and only U matters for the fit: two of them are replaced by the singular pairs of their
 * block (never dearer: the sum of singular values is the least sum of ||w|| ||a||) whenever these lie in the cell. Collinear neurons become one.
 */
export function mergeShared(problem: LocalProblem, neurons: readonly SharedNeuron[]): SharedNeuron[] {
  const { classes, penalizedCols: q, X, datafit } = problem;
  const d = X.cols;
  const c = datafit.outputs;
  const svd = createSmallSvd(q, c);
  const products = (w: Float64Array): Float64Array => {
    const t = new Float64Array(classes.count);
    classProducts(problem, w, t);
    const tiny = 1e-12 * norm2(w);
    return t.map((value) => (Math.abs(value) <= tiny ? 0 : value));
  };
  const list = neurons.map((neuron) => ({ neuron, t: products(neuron.w) }));
  for (let one = 0; one < list.length; one++) {
    for (let two = list.length - 1; two > one; two--) {
      const [first, second] = [list[one], list[two]];
      if (first.t.some((value, k) => value * second.t[k] < 0)) continue;
      const U = new Float64Array(d * c);
      for (const { w, a } of [first.neuron, second.neuron]) {
        for (let j = 0; j < d; j++) for (let o = 0; o < c; o++) U[j * c + o] += w[j] * a[o];
      }
      svd.decompose(U, 0);
      const top = Math.max(...svd.s);
      if (!(top > 0)) continue;
      const made: { neuron: SharedNeuron; t: Float64Array }[] = [];
      let inside = true;
      for (let e = 0; e < c && inside; e++) {
        if (svd.s[e] <= 1e-12 * top) continue;
        const w = new Float64Array(d);
        const a = Float64Array.from({ length: c }, (_, o) => svd.R[o * c + e]);
        for (let j = 0; j < d; j++) for (let o = 0; o < c; o++) w[j] += U[j * c + o] * a[o];
        let t = products(w);
        const agrees = (sign: number): boolean => t.every((x, k) => sign * x * (first.t[k] + second.t[k]) >= 0);
        if (agrees(-1) && !agrees(1)) {
          for (let j = 0; j < d; j++) w[j] = -w[j];
          for (let o = 0; o < c; o++) a[o] = -a[o];
          t = t.map((x) => -x);
        } else if (!agrees(1)) inside = false;
        const neuron = balancedShared({ w, a }, q);
        if (neuron === undefined) inside = false;
        else made.push({ neuron, t });
      }
      if (!inside || made.length > 2) continue;
      const before = sizeOf(first.neuron, q) + sizeOf(second.neuron, q);
      const after = made.reduce((s, { neuron }) => s + sizeOf(neuron, q), 0);
      if (made.length === 2 && after >= before * (1 - 1e-12)) continue;
      list[one] = made[0];
      if (made.length === 1) list.splice(two, 1);
      else list[two] = made[1];
    }
  }
  return list.map(({ neuron }) => neuron);
}

/** (Xw)_+ a' of every neuron: n x c each. */
export function sharedFits(X: DenseMatrix, neurons: readonly SharedNeuron[]): Float64Array[] {
  return neurons.map(({ w, a }) => {
    const fit = new Float64Array(X.rows * a.length);
    for (let i = 0; i < X.rows; i++) {
      let t = 0;
      for (let j = 0; j < X.cols; j++) t += X.data[i * X.cols + j] * w[j];
      if (t > 0) for (let o = 0; o < a.length; o++) fit[i * a.length + o] = t * a[o];
    }
    return fit;
  });
}

/** A constant on each of the c outputs: n x c each. */
export function constantFits(n: number, c: number): Float64Array[] {
  return Array.from({ length: c }, (_, o) => Float64Array.from({ length: n * c }, (_, i) => (i % c === o ? 1 : 0)));
}

/**
 * A network of at most n c neurons with the same fit and no larger penalty: while the fits (Xw)_+ a' are linearly dependent, all lengths move
 * along a dependency, the way the penalty does not rise, until one neuron vanishes (Mishkin and Pilanci 2023, for fits of all outputs).
 * With a free bias constants count as fits, too, and `offset` is updated. A stop leaves the neurons that are still there.
 */
export function pruneShared(
  X: DenseMatrix,
  penalizedCols: number,
  neurons: readonly SharedNeuron[],
  offset: Float64Array,
  freeOffset: boolean,
  shouldStop: () => boolean,
): SharedNeuron[] {
  const n = X.rows;
  const c = offset.length;
  let mine = neurons.slice();
  for (;;) {
    const fits = sharedFits(X, mine);
    if (freeOffset) fits.push(...constantFits(n, c));
    const dependency = findDependency(fits, shouldStop);
    if (dependency === undefined) return mine;
    let slope = 0;
    mine.forEach((neuron, j) => (slope += dependency[j] * sizeOf(neuron, penalizedCols)));
    const direction = slope >= 0 ? 1 : -1;
    let t = Infinity;
    let first = -1;
    mine.forEach((_, j) => {
      const step = direction * dependency[j];
      if (step > 0 && 1 / step < t) [t, first] = [1 / step, j];
    });
    if (first < 0) return mine;
    if (freeOffset) for (let o = 0; o < c; o++) offset[o] -= t * direction * dependency[mine.length + o];
    mine = mine.flatMap(({ w, a }, j) => {
      if (j === first) return [];
      const root = Math.sqrt(Math.max(0, 1 - t * direction * dependency[j]));
      return root === 0 ? [] : [{ w: w.map((x) => root * x), a: a.map((x) => root * x) }];
    });
  }
}
