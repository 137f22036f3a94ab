import type { SecondOrderCones } from './scaledCones.ts';

/** Second-order cones of points (tau + T, tau - T, 2 a): a^2 <= tau T. The form of W^-2 of cone i in (tau, T, a). */
export function rootForm(
  cones: SecondOrderCones,
  i: number,
): Readonly<Record<'tt' | 'tT' | 'TT' | 'at' | 'aT' | 'aa', number>> {
  const factor = 1 / (cones.eta[i] * cones.eta[i]);
  const [a, b, c] = [cones.q[3 * i], -cones.q[3 * i + 1], -cones.q[3 * i + 2]];
  // 2 (a x0 + b x1 + c x2)^2 - x0^2 + x1^2 + x2^2 with x0 = tau + T, x1 = tau - T, x2 = 2 a
  const plus = a + b;
  const minus = a - b;
  return {
    tt: factor * 2 * plus * plus,
    tT: factor * (2 * plus * minus - 2),
    TT: factor * 2 * minus * minus,
    at: factor * 4 * plus * c,
    aT: factor * 4 * minus * c,
    aa: factor * (8 * c * c + 4),
  };
}

/** Where the duals of such cones say that the root of T is: |coefficient of a| over twice that of T. */
export function rootSizes({ count, z }: SecondOrderCones): Float64Array {
  return Float64Array.from({ length: count }, (_, i) => Math.abs(z[3 * i + 2]) / (z[3 * i] - z[3 * i + 1]));
}
