import type { Kernels } from '../../base/kernels/kernels.ts';
import { namedEntry } from '../../base/registry.ts';
import type { Layer } from './layer.ts';

/** The ReLU, and erf as a smooth activation (its limit kernel has a closed form). */
export type ActivationName = 'relu' | 'erf';

const twoOverRootPi = 2 / Math.sqrt(Math.PI);

/**
 * erf(x) to about 1e-15 by the rational approximations of W. J. Cody, Rational Chebyshev approximation for the error function
 * (Math. Comp. 1969), on |x| <= 0.46875, up to 4 and beyond.
 */
export function erf(x: number): number {
  const y = Math.abs(x);
  if (y <= 0.46875) {
    const z = y * y;
    const top =
      (((0.185777706184603153 * z + 3.1611237438705656) * z + 113.864154151050156) * z + 377.485237685302021) * z +
      3209.37758913846947;
    const bottom =
      (((z + 23.6012909523441209) * z + 244.024637934444173) * z + 1282.61652607737228) * z + 2844.23683343917062;
    return (x * top) / bottom;
  }
  let tail: number;
  if (y <= 4) {
    const top =
      (((((((2.15311535474403846e-8 * y + 0.564188496988670089) * y + 8.88314979438837594) * y + 66.1191906371416295) *
        y +
        298.635138197400131) *
        y +
        881.95222124176909) *
        y +
        1712.04761263407058) *
        y +
        2051.07837782607147) *
        y +
      1230.33935479799725;
    const bottom =
      (((((((y + 15.7449261107098347) * y + 117.693950891312499) * y + 537.181101862009858) * y + 1621.38957456669019) *
        y +
        3290.79923573345963) *
        y +
        4362.61909014324716) *
        y +
        3439.36767414372164) *
        y +
      1230.33935480374942;
    tail = (Math.exp(-y * y) * top) / bottom;
  } else {
    // 1 - erf(4) is 1.5e-8: three terms of the asymptotic series would do less well than this continued fraction of depth 20.
    let f = y;
    for (let k = 20; k >= 1; k--) f = y + k / 2 / f;
    tail = y > 6 ? 0 : Math.exp(-y * y) / (Math.sqrt(Math.PI) * f);
  }
  return x > 0 ? 1 - tail : tail - 1;
}

/** Derivative of erf. */
export function erfSlope(x: number): number {
  return twoOverRootPi * Math.exp(-x * x);
}

/** max(x, 0) entry by entry, with slope 0 at 0, for passes of at most `block` rows of `width` numbers. */
export function createRelu(width: number, block: number, kernels: Kernels): Layer {
  const words = kernels.alloc(Math.ceil((block * Math.ceil(width / 32)) / 2));
  const mask = new Uint32Array(words.buffer, words.byteOffset, 2 * words.length);
  return {
    inputs: width,
    outputs: width,
    size: 0,
    inPlace: true,
    forward: (_, { output }, { count }) => kernels.relu(count, width, output, mask),
    backward: (_, { signal }, { count }) => kernels.applyMask(count, width, signal, mask),
    dispose: () => kernels.free(words),
  };
}

/** erf entry by entry. */
export function createErf(width: number, block: number, kernels: Kernels): Layer {
  const slope = kernels.alloc(block * width);
  return {
    inputs: width,
    outputs: width,
    size: 0,
    inPlace: true,
    forward(_, { output }, { count }): void {
      for (let i = 0; i < count * width; i++) {
        slope[i] = erfSlope(output[i]);
        output[i] = erf(output[i]);
      }
    },
    backward(_, { signal }, { count }): void {
      for (let i = 0; i < count * width; i++) signal[i] *= slope[i];
    },
    dispose: () => kernels.free(slope),
  };
}

const activations: Readonly<Record<ActivationName, typeof createRelu>> = { relu: createRelu, erf: createErf };

/** The activation of that name. */
export function createActivation(name: ActivationName, width: number, block: number, kernels: Kernels): Layer {
  return namedEntry(activations, name, 'activation')(width, block, kernels);
}
