import type { SharedNeuron } from '../../network/mapping.ts';
import { norm2 } from '../../base/linalg/matrix.ts';
import { nullBasis } from '../../base/linalg/nullBasis.ts';
import type { LocalProblem } from '../relu/activeNeurons.ts';
import { classProducts } from './sharedNeuron.ts';

/** Rows nearer to the kink than this (cosine) count as lying on it. */
const onKink = 1e-10;

/** A neuron kept on the kinks it is on. */
export interface FaceNeuron {
  w: Float64Array;
  a: Float64Array;
  held: number[];
  basis: Float64Array;
  dim: number;
  /** Rows that are on, and X Z on them (dim x on.length). */
  on: Int32Array;
  features: Float64Array;
  /** Xw on the rows `on`. */
  phi: Float64Array;
  /** X'DV, d x c. */
  slope: Float64Array;
  at: number;
}

/** Puts the neuron exactly onto the kinks it is on, and prepares what steps within them need. */
export function onItsFace(
  problem: LocalProblem,
  neuron: SharedNeuron,
  t: Float64Array,
  extra: readonly number[] = [],
  previous?: FaceNeuron,
): FaceNeuron {
  const { X, classes } = problem;
  const { rows: n, cols: d } = X;
  let w = neuron.w;
  classProducts(problem, w, t);
  const size = norm2(w);
  const held: number[] = extra.slice();
  for (let k = 0; k < classes.count; k++) {
    if (Math.abs(t[k]) <= onKink * size && !held.includes(k)) held.push(k);
  }
  held.sort((x, y) => x - y);
  const same = previous?.held.join() === held.join();
  const { basis, dim } = same && previous !== undefined ? previous : nullBasis(held.map(classes.direction), d);
  if (held.length > 0) {
    const projected = new Float64Array(d);
    for (let m = 0; m < dim; m++) {
      let s = 0;
      for (let j = 0; j < d; j++) s += basis[m * d + j] * w[j];
      for (let j = 0; j < d; j++) projected[j] += s * basis[m * d + j];
    }
    w = projected;
    classProducts(problem, w, t);
  }
  const isHeld = new Uint8Array(classes.count);
  for (const k of held) isHeld[k] = 1;
  const rows: number[] = [];
  for (let i = 0; i < n; i++) {
    const k = classes.classOf[i];
    if (k >= 0 && isHeld[k] === 0 && t[k] * classes.scale[i] > 0) rows.push(i);
  }
  const on = Int32Array.from(rows);
  const phi = Float64Array.from(rows, (i) => t[classes.classOf[i]] * classes.scale[i]);
  let features: Float64Array;
  if (same && previous?.on.length === on.length && previous.on.every((i, r) => i === on[r]))
    features = previous.features;
  else {
    features = new Float64Array(dim * on.length);
    for (let m = 0; m < dim; m++) {
      for (let r = 0; r < on.length; r++) {
        let s = 0;
        for (let j = 0; j < d; j++) s += X.data[on[r] * d + j] * basis[m * d + j];
        features[m * on.length + r] = s;
      }
    }
  }
  const slope = new Float64Array(d * problem.datafit.outputs);
  return { w, a: neuron.a, held, basis, dim, on, features, phi, slope, at: 0 };
}
