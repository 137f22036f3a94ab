/**
 * Sizes of numbers that are computed with. Programs multiply data by data and sum squares of the products: within these, neither these nor weights in
 * original units leave the range of doubles.
 */
export const range = { smallest: 1e-60, largest: 1e60 } as const;

/** A penalty smaller than this share of the gradient at the zero network is no different from none in double precision. */
export const smallestBetaShare = 1e-30;
