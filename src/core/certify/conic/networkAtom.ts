import { norm2 } from '../../base/linalg/matrix.ts';
import type { ConvexNeuron } from '../../network/mapping.ts';
import type { UnitLines } from './lines.ts';

/** What neurons make of one atom: sums over them of tau, tau u (d), tau uu' (d x d) and tau |Xu| on unit lines (L), for directions u of penalised norm 1. */
export interface NetworkAtom {
  readonly tau: number;
  readonly u: Float64Array;
  readonly U: Float64Array;
  readonly a: Float64Array;
}

/**
 * The point of the relaxation that neurons (on effective inputs, their penalised norm is tau) are: on the boundary of all cones of an atom. With a free bias the
 * bias is taken to the centre and the unit of the lines, and kept within that unit: a gate beyond all rows is a linear piece.
 */
export function networkAtom(lines: UnitLines, neurons: readonly ConvexNeuron[]): NetworkAtom {
  const { rows: L, cols: d, data: x } = lines.unit;
  const q = lines.penalized;
  const u = new Float64Array(d);
  const U = new Float64Array(d * d);
  const a = new Float64Array(L);
  let total = 0;
  for (const neuron of neurons) {
    const tau = norm2(neuron.u.subarray(0, q));
    if (!(tau > 0)) continue;
    const w = neuron.u.map((value) => value / tau);
    if (q < d) {
      for (let k = 0; k < q; k++) w[q] += w[k] * lines.centre[k];
      w[q] = Math.max(-1, Math.min(1, w[q] / lines.biasUnit));
    }
    total += tau;
    for (let k = 0; k < d; k++) {
      u[k] += tau * w[k];
      for (let l = 0; l < d; l++) U[k * d + l] += tau * w[k] * w[l];
    }
    for (let i = 0; i < L; i++) {
      let t = 0;
      for (let k = 0; k < d; k++) t += x[i * d + k] * w[k];
      a[i] += tau * Math.abs(t);
    }
  }
  return { tau: total, u, U, a };
}
