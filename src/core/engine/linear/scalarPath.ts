/**
 * The scalar problem min_p 1/2 (p - s)^2 + (L/2) beta |p|^(2/L): what weight decay on all L layers of a deep linear network does to
 * one singular direction of whitened data (Ergen and Pilanci 2021, "Revealing the structure", linear networks).
 */
export interface ScalarPath {
  /** A global minimiser; at a tie the non-zero one. */
  readonly p: number;
  readonly objective: number;
  /** Smallest beta from which p = 0 is a global minimiser. */
  readonly betaCritical: number;
  /** Size of the non-zero minimiser at `betaCritical`: the jump (0 for two layers, where the threshold is soft). */
  readonly jump: number;
}

/** Objective of `p` for target `s`. */
function value(p: number, s: number, beta: number, layers: number): number {
  return 0.5 * (p - s) ** 2 + 0.5 * layers * beta * Math.abs(p) ** (2 / layers);
}

/**
 * Global minimiser over p. Two layers: soft threshold. More: the objective is concave-convex on (0, |s|), its larger stationary
 * point solves p + beta p^(2/L - 1) = |s|, and it wins over 0 up to beta_c = p*^(1 - 2/L) |s| / (L - 1), p* = |s| (L - 2) / (L - 1).
 */
export function scalarPath(s: number, beta: number, layers: number): ScalarPath {
  if (!(layers >= 2)) throw new RangeError('a linear network has at least two layers');
  const t = Math.abs(s);
  const jump = (t * (layers - 2)) / (layers - 1);
  const betaCritical = layers === 2 ? t : (jump ** (1 - 2 / layers) * t) / (layers - 1);
  let p = 0;
  if (beta <= betaCritical && t > 0) {
    if (layers === 2) p = t - beta;
    else {
      // p + beta p^(2/L-1) is convex in p with its minimum below p*: Newton from |s| comes down monotonically.
      p = t;
      for (let k = 0; k < 100; k++) {
        const h = p + beta * p ** (2 / layers - 1) - t;
        const step = h / (1 + beta * (2 / layers - 1) * p ** (2 / layers - 2));
        p -= step;
        if (Math.abs(step) <= 1e-16 * t) break;
      }
    }
  }
  p *= Math.sign(s);
  return { p, objective: value(p, s, beta, layers), betaCritical, jump };
}
